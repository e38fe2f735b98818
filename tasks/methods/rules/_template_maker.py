"""Records of the method `template`: counts them, deals the draws of a stage to its templates, writes the rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import TemplateError
from jinja2.exceptions import SecurityError

from tasks.core import record
from tasks.core.errors import RecipeError, ShardError
from tasks.core.method import Draw
from tasks.core.random import MAX_PERMUTED, permuted, stream
from tasks.methods.rules._template_plan import Variant, build
from tasks.methods.rules._template_rows import Batch, seed_columns
from tasks.methods.rules._template_sandbox import Sandbox
from tasks.methods.rules._template_space import Index
from tasks.methods.rules._template_turns import deal, phases, whole_weights
from tasks.methods.rules.template import Params

# Up to this many combinations are all written, to count the different records exactly: about a second with logic.
COUNTED = 2**16
_TRIED = 256


class Maker:
    """Params made ready to draw from."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self.variants = build(params.slots, params.texts(), Sandbox())
        self.weights = whole_weights([w.weight for w in params.template] or [1.0])
        self.seed_columns = frozenset().union(*(variant.seed_columns for variant in self.variants))

    @cached_property
    def _kept(self) -> list[npt.NDArray[np.uint64]] | None:
        """The numbers, by variant, of the combinations that give a new record; None where too many to count."""
        totals = [variant.total for variant in self.variants]
        if None in totals or sum(totals) > COUNTED:
            return None
        keys = pa.concat_arrays([self._keys(variant) for variant in self.variants])
        codes = keys.dictionary_encode().indices.to_numpy()
        first = np.sort(np.unique(codes, return_index=True)[1])
        bounds = np.cumsum([0, *totals])
        return [(first[(first >= low) & (first < high)] - low).astype(np.uint64) for low, high in pairwise(bounds)]

    def _keys(self, variant: Variant) -> pa.Array:
        """Return a text that stands for the record of each combination; RecipeError where one cannot be made."""
        entries = variant.combination(np.arange(variant.total, dtype=np.uint64))
        texts = Batch(variant, variant.total, entries, rng=stream(0, "check"), seeds={}, trial=_refuse).texts()
        parts = [pc.binary_join_element_wise(name, text, "\x1f") for name, text in sorted(texts.items())]
        return pc.binary_join_element_wise(*parts, "\x1e")

    @cached_property
    def totals(self) -> list[int | None]:
        """How many different draws each variant has; None without end."""
        if self._kept is not None:
            return [len(numbers) for numbers in self._kept]
        return [variant.total for variant in self.variants]

    @property
    def capacity(self) -> int | None:
        """How many different records there can be."""
        return None if None in self.totals else sum(self.totals)

    def check(self) -> None:
        """Try every combination, or enough of them to meet each entry; RecipeError where logic fails on one."""
        if self._kept is None:
            for variant in self.variants:
                if variant.logic:
                    self._try(variant)

    def _try(self, variant: Variant) -> None:
        rng = stream(0, "check")
        widest = max((tree.widest for tree in variant.trees), default=0)
        rows = min(1024, max(_TRIED, widest)) if variant.total is not None else _TRIED
        for cover in (True, False):
            entries = {}
            for tree in variant.trees:
                entries |= tree.cover(rows) if cover else tree.draw(rng, rows)
            seeds = {name: record.constant("1", rows) for name in self.seed_columns}
            trial = _refuse_if_unsafe if variant.seed_columns else _refuse
            Batch(variant, rows, entries, rng=rng, seeds=seeds, trial=trial, cover=cover).texts()

    @cached_property
    def _endings(self) -> list[int | None]:
        """The totals up to which draws are dealt without repeats; past MAX_PERMUTED a repeat is too rare to matter."""
        return [None if total is None or total > MAX_PERMUTED else total for total in self.totals]

    @cached_property
    def _rounds(self) -> list[tuple[int, list, bool]]:
        """The rounds of a stage as (first draw, phases, whether to walk): by weight, then what is left, each once."""
        first = phases(self._endings, self.weights)
        rounds = [(0, first, False)]
        if first and first[-1].end is not None:
            again = [n if v.weighted else 0 for n, v in zip(self._endings, self.variants, strict=True)]
            rounds.append((first[-1].end, phases(again, self.weights), True))
        return rounds

    def make(self, seeds: pa.RecordBatch | None, draw: Draw) -> pa.RecordBatch:
        """Return the records of these draws, in order; fewer where the different ones are used up."""
        columns = seed_columns(seeds, self.seed_columns)
        groups: list[pa.RecordBatch] = []
        places: list[Index] = []
        done = 0
        for owner, ordinal, walk in self._dealt(draw):
            for k, variant in enumerate(self.variants):
                rows = np.flatnonzero(owner == k)
                if rows.size:
                    taken = {name: array.take(pa.array(rows + done)) for name, array in columns.items()}
                    groups.append(self._group(k, variant, ordinal[rows], draw=draw, walk=walk, seeds=taken))
                    places.append(rows + done)
            done += len(owner)
        return self._joined(groups, places)

    def _dealt(self, draw: Draw) -> Iterator[tuple[Index, Index, bool]]:
        """Yield the variant and the number of each draw, by round."""
        for start, found, walk in self._rounds:
            low, high = max(draw.start - start, 0), draw.start + draw.count - start
            if high > low:
                owner, ordinal = deal(found, low, high - low, draw.key)
                yield owner, ordinal, walk

    def _group(
        self, k: int, variant: Variant, ordinals: Index, *, draw: Draw, walk: bool, seeds: dict[str, pa.Array]
    ) -> pa.RecordBatch:
        entries = self._entries(k, variant, ordinals, draw=draw, walk=walk)
        try:
            batch = Batch(variant, len(ordinals), entries, rng=draw.rng, seeds=seeds)
            return self._records(batch)
        except (pa.ArrowCapacityError, pa.ArrowInvalid) as exc:
            raise ShardError(
                f"{len(ordinals)} texts pass the 2 GiB of an Arrow column; ask for smaller shards: {exc}"
            ) from exc

    def _entries(self, k: int, variant: Variant, ordinals: Index, *, draw: Draw, walk: bool) -> dict[str, Index]:
        total, key = self._endings[k], (draw.key + k) % 2**128
        if total is None or (variant.weighted and not walk):
            return variant.drawn(ordinals, draw.rng, key)
        numbers = permuted(ordinals.astype(np.uint64), total, key)
        return variant.combination(self._kept[k][numbers] if self._kept is not None else numbers)

    def _records(self, batch: Batch) -> pa.RecordBatch:
        texts = batch.texts()
        arrays: dict[str, pa.Array] = {"kind": record.constant(self.params.made_kind, batch.count)}
        if self.params.messages:
            said = [texts[f"message {i}"] for i in range(len(self.params.messages))]
            arrays["messages"] = _messages([turn.role for turn in self.params.messages], said)
        for name in ("text", "target", "label"):
            if any(name in variant.texts for variant in self.variants):
                arrays[name] = texts.get(name, pa.nulls(batch.count, pa.string()))
        if self.params.keep_slots:
            arrays["extra"] = batch.slots()
        arrays["reason"] = (
            pa.array([batch.reasons.get(row) for row in range(batch.count)], pa.string())
            if (batch.reasons)
            else pa.nulls(batch.count, pa.string())
        )
        return record.columns(**arrays)

    def _joined(self, groups: Sequence[pa.RecordBatch], places: Sequence[Index]) -> pa.RecordBatch:
        """Return the rows of all groups in the order of their places; no `reason` where no row has one."""
        if not groups:
            none = {name: np.zeros(0, np.int64) for variant in self.variants[:1] for name in variant.slots}
            rows = Batch(self.variants[0], 0, none, rng=stream(0, "check"), seeds=_no_seeds(self.seed_columns))
            groups, places = [self._records(rows)], [np.zeros(0, np.int64)]
        if len(groups) == 1:
            batch = groups[0]
        else:
            batch = pa.concat_batches(groups).take(pa.array(np.argsort(np.concatenate(places), kind="stable")))
        if batch.column("reason").null_count == batch.num_rows:
            return batch.drop_columns(["reason"])
        return batch


def _no_seeds(names: frozenset[str]) -> dict[str, pa.Array]:
    return {name: pa.array([], pa.string()) for name in names}


def _messages(roles: Sequence[str], said: Sequence[pa.Array]) -> pa.Array:
    """Return a chat a row, from the column of each message."""
    rows, turns = len(said[0]), len(said)
    by_row = np.arange(rows * turns).reshape(turns, rows).T.ravel()
    content = pa.concat_arrays(said).take(pa.array(by_row))
    role = pa.array(roles, pa.string()).take(pa.array(np.tile(np.arange(turns), rows)))
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(turns))
    messages = pa.StructArray.from_arrays([role, content], names=["role", "content"])
    return pa.ListArray.from_arrays(offsets, messages)


def _refuse(values: Mapping[str, str], exc: Exception) -> None:
    """Raise RecipeError for a row of a trial that logic could not make."""
    shown = ", ".join(f"{name}={text[:40]!r}" for name, text in list(values.items())[:5])
    what = exc.message if isinstance(exc, TemplateError) else f"{type(exc).__name__}: {exc}"
    raise RecipeError(f"a template fails{f' for {shown}' if shown else ''}: {what}") from exc


def _refuse_if_unsafe(values: Mapping[str, str], exc: Exception) -> None:
    """Raise RecipeError for what no seed can excuse: the seeds of a trial are made up."""
    if isinstance(exc, SecurityError):
        _refuse(values, exc)


@dataclass(frozen=True, slots=True)
class Keyed:
    """Params with their JSON, by which they are told apart."""

    key: str
    params: Params = field(compare=False)


@lru_cache(maxsize=8)
def maker(keyed: Keyed) -> Maker:
    """Return the maker for these params; kept, because counting costs up to a second."""
    return Maker(keyed.params)
