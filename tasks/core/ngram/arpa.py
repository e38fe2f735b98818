r"""Models as ARPA text, which KenLM, SRILM and others read and write; log10, a line for each n-gram.

A token with a space before it is written with ▁ in its place (a red bus → ▁a ▁red ▁bus); other white space, the
backslash and what reads like a mark are written as escapes (\x{a}).
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.errors import UserError
from tasks.core.ngram.flat import blocks
from tasks.core.ngram.model import Columns, Description, Model, bits_for
from tasks.core.ngram.smoothing import within
from tasks.core.ngram.vocabulary import BOS, MARKS, Cutter, Vocabulary

_LINES = 1 << 20
# What stands for log10(0): as SRILM and KenLM write it.
_NEVER = -99.0
_SPACE = "\u2581"
_ESCAPED = re.compile(r"[\\\u2581]|[^\S ]")
_ESCAPE = re.compile(r"\\x\{([0-9a-f]+)\}")
# More than rounding to six digits explains: the n-gram gives less than backing off would.
_SLACK = 1e-4

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def write_arpa(model: Model, path: Path) -> None:
    """Write a model as ARPA text."""
    words = pa.array([*MARKS, *map(_written, model.vocabulary.words.to_pylist()[len(MARKS) :])])
    with path.open("w", encoding="utf-8", newline="\n") as file:
        sizes = "".join(f"ngram {n}={size}\n" for n, size in enumerate(model.description.sizes, 1))
        file.write(f"\\data\\\n{sizes}")
        for n in range(1, model.order + 1):
            file.write(f"\n\\{n}-grams:\n")
            for start, stop in blocks(len(model.levels[n - 1].keys), _LINES):
                _write_lines(file, model, n, np.arange(start, stop), words)
        file.write("\n\\end\\\n")


def _written(token: str) -> str:
    text = _ESCAPED.sub(lambda found: f"\\x{{{ord(found[0]):x}}}", token).replace(" ", _SPACE)
    return f"\\x{{{ord(text[0]):x}}}{text[1:]}" if text in MARKS else text


def _read(token: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), token.replace(_SPACE, " "))


def _write_lines(file: TextIO, model: Model, n: int, rows: Ints, words: pa.Array) -> None:
    level = model.levels[n - 1]
    columns = [_logs(level.prob[rows]), _phrases(model, n, rows, words)]
    if n < model.order:
        columns.append(_logs(level.backoff[rows]))
    lines = pc.binary_join_element_wise(*columns, "\t")
    file.write("\n".join(lines.to_pylist()) + "\n")


def _logs(values: npt.NDArray[np.float32]) -> pa.Array:
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log10(values.astype(np.float64)), _NEVER)
    return pa.array(np.round(logs, 7)).cast(pa.string())


def _phrases(model: Model, n: int, rows: Ints, words: pa.Array) -> pa.Array:
    """Return the words of n-grams, with spaces between: the last word of each, then of its first n-1, and so on."""
    columns = []
    for level in reversed(model.levels[:n]):
        keys = level.keys[rows]
        columns.append(words.take(pa.array(keys & ((1 << model.bits) - 1))))
        rows = keys >> model.bits
    return pc.binary_join_element_wise(*reversed(columns), " ")


def read_arpa(path: Path, folder: Path, cutter: Cutter) -> Model:
    """Write the model of an ARPA file into an empty folder and return it.

    UserError says what is wrong with the file: that it is none, or that it backs off instead of interpolating.
    """
    try:
        sections = list(_sections(path))
    except OSError as exc:
        raise UserError(f"cannot read '{path}': {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise UserError(f"'{path}' is not UTF-8: {exc}") from exc
    if not sections:
        raise UserError(f"'{path}' is no ARPA file: it has no line \\1-grams:")
    vocabulary = _vocabulary(sections[0], cutter)
    model = _Reading(path, folder, bits_for(len(vocabulary)), vocabulary, len(sections))
    for n, lines in enumerate(sections, 1):
        model.add(n, lines)
    description = Description(
        order=len(sections),
        bits=model.bits,
        smoothing="arpa",
        sizes=tuple(len(columns.keys) for columns in model.columns),
        discounts=(),
        estimated=(),
    )
    vocabulary.save(folder / "words.arrow")
    description.save(folder)
    return Model.load(folder, cutter)


def _sections(path: Path) -> Iterator[list[list[str]]]:
    """Yield the lines of each order, split into words: log10 probability, n words, log10 backoff or none."""
    lines: list[list[str]] | None = None
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            parts = line.split()
            if len(parts) == 1 and re.fullmatch(r"\\\d+-grams:", parts[0]):
                if lines is not None:
                    yield lines
                lines = []
            elif parts == ["\\end\\"]:
                break
            elif parts and lines is not None:
                lines.append(parts)
    if lines is not None:
        yield lines


def _vocabulary(unigrams: Sequence[Sequence[str]], cutter: Cutter) -> Vocabulary:
    known = [parts[1] for parts in unigrams if len(parts) > 1 and parts[1] not in MARKS]
    return Vocabulary(pa.array([*MARKS, *map(_read, known)], pa.string()), cutter)


class _Reading:
    """The arrays of a model while its ARPA sections come in, the shortest n-grams first."""

    def __init__(self, path: Path, folder: Path, bits: int, vocabulary: Vocabulary, order: int) -> None:
        self.path, self.bits, self.order = path, bits, order
        self.columns = [Columns.of(folder, n) for n in range(1, order + 1)]
        self._numbers = {word: number for number, word in enumerate(vocabulary.words.to_pylist())}
        self._keys: list[Ints] = []

    def add(self, n: int, lines: list[list[str]]) -> None:
        prob, backoff, words = self._columns(n, lines)
        if n == 1:
            keys, suffix = words[:, 0], np.zeros(len(words), np.int64)
            keys, prob, backoff = self._all_words(keys, prob, backoff)
        else:
            context, suffix = self._number(words[:, :-1]), self._number(words[:, 1:])
            keys = context << self.bits | words[:, -1]
            order = np.argsort(keys)
            keys, prob, backoff, suffix = keys[order], prob[order], backoff[order], suffix[order]
            self.columns[n - 1].suffix.append(suffix)
        self._keys.append(keys)
        self.columns[n - 1].keys.append(keys)
        self.columns[n - 1].prob.append(prob)
        if n < self.order:
            self.columns[n - 1].backoff.append(backoff)
        self._link(n, keys, prob, suffix)

    def _columns(self, n: int, lines: list[list[str]]) -> tuple[Floats, Floats, Ints]:
        numbers = self._numbers
        try:
            prob = 10.0 ** np.array([float(parts[0]) for parts in lines])
            backoff = 10.0 ** np.array([float(parts[n + 1]) if len(parts) > n + 1 else 0.0 for parts in lines])
            words = np.array(
                [[numbers[w] if w in MARKS else numbers[_read(w)] for w in parts[1 : n + 1]] for parts in lines],
                np.int64,
            ).reshape(len(lines), n)
        except (ValueError, KeyError, IndexError) as exc:
            raise UserError(f"'{self.path}', {n}-grams: a broken line, or a word that is no 1-gram: {exc}") from exc
        return np.where(prob <= 10.0**_NEVER * 1.01, 0.0, prob), backoff, words

    def _all_words(self, keys: Ints, prob: Floats, backoff: Floats) -> tuple[Ints, Floats, Floats]:
        """Return a row for every word number: a file need not have the marks."""
        full, weights = np.zeros(len(self._numbers)), np.ones(len(self._numbers))
        full[keys], weights[keys] = prob, backoff
        full[BOS] = 0.0
        return np.arange(len(full)), full, weights

    def _number(self, words: Ints) -> Ints:
        """Return the numbers of n-grams given by their words; UserError where one is not in the file."""
        number = words[:, 0]
        for n in range(2, words.shape[1] + 1):
            keys, wanted = self._keys[n - 1], number << self.bits | words[:, n - 1]
            number = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
            if not len(keys) or (keys[number] != wanted).any():
                raise UserError(
                    f"'{self.path}' has a {words.shape[1] + 1}-gram without the {n}-gram in it: a pruned model; "
                    "write it without pruning"
                )
        return number

    def _link(self, n: int, keys: Ints, prob: Floats, suffix: Ints) -> None:
        """Write where the n-grams of each context begin, and what the contexts themselves give."""
        if n == 1:
            self.columns[0].cumulative.append(np.cumsum(prob) / max(prob.sum(), np.finfo(float).tiny))
            return
        shorter, context = self.columns[n - 2], keys >> self.bits
        shorter.first.append(np.searchsorted(context, np.arange(len(self._keys[n - 2]) + 1)))
        own = prob - shorter.backoff.read()[context] * shorter.prob.read()[suffix]
        if (own < -_SLACK).any():
            raise UserError(f"'{self.path}' backs off; an interpolated model is needed (lmplz makes them)")
        self.columns[n - 1].cumulative.append(within(np.maximum(own, 0.0), context) + context)
