"""Texts of the method `template`: parsed once, written column by column, or row by row where there is logic."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.filters import do_capitalize, do_title

from tasks.core.errors import RecipeError, choices
from tasks.methods.rules._template_english import sentence, with_article
from tasks.methods.rules._template_plural import is_one, plural
from tasks.methods.rules._template_sandbox import RENDER_ERRORS, Sandbox, guarded

# Filters that are a function of one text, so that they run once a distinct text and not once a row.
FILTERS: dict[str, Callable[[str], str]] = {
    "a": with_article,
    "an": with_article,
    "capitalize": do_capitalize,
    "lower": str.lower,
    "plural": plural,
    "sentence": sentence,
    "title": do_title,
    "trim": str.strip,
    "upper": str.upper,
}
SEED = "seed."


@dataclass(slots=True)
class Column:
    """The texts of a slot: words[index], or all `words` where there is no index; `values` are the words as numbers."""

    words: pa.Array
    index: npt.NDArray[np.int64] | None = None
    values: Sequence[Any] | None = None

    def plain(self) -> pa.Array:
        """Return one text a row."""
        return self.words if self.index is None else self.words.take(pa.array(self.index))

    def text_at(self, row: int) -> str:
        """Return the text of one row."""
        return self.words[row if self.index is None else int(self.index[row])].as_py()

    def objects(self) -> list[Any]:
        """Return one value a row, numbers as numbers."""
        if self.values is None:
            return self.plain().to_pylist()
        return list(self.values) if self.index is None else [self.values[i] for i in self.index.tolist()]

    def mapped(self, function: Callable[[str], str]) -> "Column":
        """Return the column with `function` applied to each distinct text."""
        words, index = self.words, self.index
        if index is None:
            coded = words.dictionary_encode()
            words, index = coded.dictionary, coded.indices.to_numpy(zero_copy_only=False)
        return Column(pa.array([function(word) for word in words.to_pylist()], pa.string()), index)


class Rows(Protocol):
    """What a text is written from: so many rows, and the column of each source (a slot, or `seed.<column>`)."""

    count: int

    def column(self, source: str) -> Column: ...

    def fail(self, row: int, exc: Exception) -> None: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A placeholder: a source, then filters, each with the source of its argument or None."""

    source: str
    filters: tuple[tuple[str, str | None], ...] = ()

    @property
    def sources(self) -> frozenset[str]:
        return frozenset({self.source, *(argument for _, argument in self.filters if argument)})

    @property
    def unary(self) -> bool:
        return all(argument is None for _, argument in self.filters)


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """A text of literals and placeholders."""

    parts: tuple[str | Piece, ...]
    _words: dict[int, pa.Array] = field(default_factory=dict)

    @property
    def sources(self) -> frozenset[str]:
        return frozenset().union(*(part.sources for part in self.parts if isinstance(part, Piece)))

    def write(self, rows: Rows) -> pa.Array:
        """Return one text a row."""
        if not self.sources:
            return pa.repeat(pa.scalar("".join(map(str, self.parts)), pa.string()), rows.count)
        arrays = list(self._arrays(rows))
        return arrays[0] if len(arrays) == 1 else pc.binary_join_element_wise(*arrays, "")

    def _arrays(self, rows: Rows) -> Iterator[pa.Array | pa.Scalar]:
        """Yield what a row is joined from; a literal is folded into the distinct words of the placeholder after it."""
        before = ""
        for number, part in enumerate(self.parts):
            if isinstance(part, str):
                before += part
                continue
            column = rows.column(part.source)
            if column.index is None or not part.unary:
                if before:
                    yield pa.scalar(before, pa.string())
                yield _filtered(part, column, rows).plain()
            else:
                if number not in self._words:
                    self._words[number] = _prefixed(before, _filtered(part, column, rows).words)
                yield self._words[number].take(pa.array(column.index))
            before = ""
        if before:
            yield pa.scalar(before, pa.string())

    def longest(self, lengths: Mapping[str, int]) -> int:
        """Return an upper bound of the text's length, from those of its sources."""
        return sum(len(part) if isinstance(part, str) else lengths.get(part.source, 0) for part in self.parts)


def _prefixed(before: str, words: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(before, pa.string()), words, "") if before else words


def _filtered(piece: Piece, column: Column, rows: Rows) -> Column:
    for name, argument in piece.filters:
        if argument is None:
            column = column.mapped(FILTERS[name])
            continue
        number = rows.column(argument)
        ones = np.fromiter(map(is_one, number.words.to_pylist()), bool, len(number.words))
        single = ones if number.index is None else ones[number.index]
        column = Column(pc.if_else(pa.array(single), column.plain(), column.mapped(plural).plain()))
    return column


@dataclass(frozen=True, slots=True, eq=False)
class Logic:
    """A text with Jinja's logic; `sandbox` renders it row by row."""

    sandbox: Sandbox
    template: Any
    sources: frozenset[str]

    def write(self, rows: Rows) -> pa.Array:
        """Return one text a row; a row that cannot be rendered fails, with an empty text."""
        names = sorted(source for source in self.sources if not source.startswith(SEED))
        fields = sorted(source for source in self.sources if source.startswith(SEED))
        columns = [rows.column(name).objects() for name in names]
        seeds = [rows.column(source).objects() for source in fields]
        keys = [source.removeprefix(SEED) for source in fields]
        texts = []
        for row in range(rows.count):
            values = {name: column[row] for name, column in zip(names, columns, strict=True)}
            if keys:
                values["seed"] = SimpleNamespace(**{k: s[row] for k, s in zip(keys, seeds, strict=True)})
            try:
                texts.append(self.sandbox.render(self.template, values))
            except RENDER_ERRORS as exc:
                texts.append("")
                rows.fail(row, exc)
        return pa.array(texts, pa.string())

    def longest(self, lengths: Mapping[str, int]) -> int:  # noqa: ARG002 - the same question as to Plain
        """Return 0: only rendering tells, and rendering has its own bound."""
        return 0


Text = Plain | Logic


def parse(where: str, text: str, slots: Sequence[str], sandbox: Sandbox) -> Text:
    """Return the parsed text; RecipeError, naming `where`, for a syntax error, an unknown slot or filter."""
    try:
        tree = sandbox.parse(text)
        _check_names(tree, sandbox)
        sources = _sources(where, tree, slots, sandbox)
        if (parts := _parts(tree, frozenset(slots))) is not None:
            return Plain(parts)
        return Logic(sandbox, sandbox.from_string(guarded(tree)), sources)
    except TemplateSyntaxError as exc:
        raise RecipeError(f"{where}, line {exc.lineno}: {exc.message}") from exc
    except RecursionError as exc:
        raise RecipeError(f"{where}: the template is nested too deeply") from exc
    except ValueError as exc:
        raise RecipeError(f"{where}: {exc}") from exc


def _check_names(tree: nodes.Template, sandbox: Sandbox) -> None:
    for kind, nodes_of_kind, have in (("filter", nodes.Filter, sandbox.filters), ("test", nodes.Test, sandbox.tests)):
        for node in tree.find_all(nodes_of_kind):
            if node.name not in have:
                hint = choices(node.name, [n for n in have if n[0].isalpha() and n[0] != "_"])
                if kind == "filter":
                    hint = f"{hint.partition(' have:')[0]} have: {', '.join(sorted(FILTERS))} and Jinja's own"
                raise ValueError(f"line {node.lineno}: unknown {kind} '{node.name}'{hint}")


def _sources(where: str, tree: nodes.Template, slots: Sequence[str], sandbox: Sandbox) -> frozenset[str]:
    """Return the slots and seed columns that a template reads."""
    free = sorted(meta.find_undeclared_variables(tree) - set(sandbox.globals))
    for name in free:
        if name not in slots and name != "seed":
            raise RecipeError(f"{where}: unknown slot '{name}'{choices(name, slots)}")
    found = {name for name in free if name != "seed"}
    if "seed" in free:
        columns = [_seed_column(node) for node in tree.find_all((nodes.Getattr, nodes.Getitem))]
        found |= {column for column in columns if column}
        if sum(node.name == "seed" for node in tree.find_all(nodes.Name)) != sum(1 for column in columns if column):
            raise ValueError("'seed' stands for a whole seed; write seed.text, or another of its columns")
    return frozenset(found)


def _seed_column(node: nodes.Expr) -> str | None:
    """Return `seed.<column>` for that expression, None for any other."""
    if not isinstance(node, nodes.Getattr | nodes.Getitem):
        return None
    if not (isinstance(node.node, nodes.Name) and node.node.name == "seed"):
        return None
    name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
    return SEED + name if isinstance(name, str) and not name.startswith("_") else None


def _parts(tree: nodes.Template, slots: frozenset[str]) -> tuple[str | Piece, ...] | None:
    """Return literals and placeholders; None where there is anything more."""
    parts: list[str | Piece] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            part = node.data if isinstance(node, nodes.TemplateData) else _piece(node, slots)
            if part is None:
                return None
            parts.append(part)
    return tuple(parts)


def _piece(node: nodes.Expr, slots: frozenset[str]) -> Piece | None:
    filters: list[tuple[str, str | None]] = []
    while isinstance(node, nodes.Filter):
        argument = _argument(node, slots)
        if node.name not in FILTERS or argument is False:
            return None
        filters.insert(0, (node.name, argument))
        node = node.node
    source = _source(node, slots)
    return None if source is None else Piece(source, tuple(filters))


def _argument(node: nodes.Filter, slots: frozenset[str]) -> str | bool | None:
    """Return the source that a filter's one argument names, None without arguments, False for anything else."""
    if node.kwargs or node.dyn_args or node.dyn_kwargs or len(node.args) > 1:
        return False
    if not node.args:
        return None
    return (_source(node.args[0], slots) or False) if node.name == "plural" else False


def _source(node: nodes.Expr | None, slots: frozenset[str]) -> str | None:
    if isinstance(node, nodes.Name) and node.name in slots:
        return node.name
    return _seed_column(node)
