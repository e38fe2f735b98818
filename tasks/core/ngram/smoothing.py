"""Interpolated Kneser-Ney: counts in, a model folder of flat arrays out, one pass over blocks of each order.

Source: Chen & Goodman 1999, An empirical study of smoothing techniques for language modeling
(https://doi.org/10.1006/csla.1999.0128)

Below the highest order an n-gram counts by how many different words stand before it; one that starts a text has none
before it and keeps its own count. `kneser_ney` takes one discount for all counts and leaves single words undiscounted,
`modified` takes one each for counts of 1, 2, and 3 or more, and shares what single words lose among all words, the
unknown one included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tasks.core.ngram.counting import Counted
from tasks.core.ngram.flat import BLOCK, Flat, blocks
from tasks.core.ngram.model import Columns, Description
from tasks.core.ngram.vocabulary import BOS, UNK

Smoothing = Literal["modified", "kneser_ney"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# What a text too small for the formulas gets: between what they give for large corpora (KenLM's fallback is the same).
FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True, slots=True)
class Discounts:
    """What is taken off a count of 1, of 2, and of 3 or more; `estimated` is false for the fallback."""

    values: tuple[float, float, float]
    estimated: bool

    def of(self, counts: Ints) -> Floats:
        """Return the discount of each count; none is larger than the count."""
        taken: Floats = np.minimum(np.array([0.0, *self.values])[np.minimum(counts, 3)], counts)
        return taken


def modified_discounts(kinds: Sequence[int]) -> Discounts:
    """Return the three discounts from how many n-grams have a count of 1, 2, 3 and 4 (Chen & Goodman, equation 26)."""
    n1, n2, n3, n4 = kinds
    if not (n1 and n2 and n3):
        return Discounts(FALLBACK, estimated=False)
    y = n1 / (n1 + 2 * n2)
    values = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    if not all(0 < value < count for count, value in enumerate(values, 1)):
        return Discounts(FALLBACK, estimated=False)
    return Discounts(values, estimated=True)


def plain_discount(kinds: Sequence[int]) -> Discounts:
    """Return one discount for all counts, n1 / (n1 + 2 n2) (Ney, Essen & Kneser 1994)."""
    n1, n2 = kinds[:2]
    if not (n1 and n2):
        return Discounts((0.75,) * 3, estimated=False)
    return Discounts((n1 / (n1 + 2 * n2),) * 3, estimated=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to smooth; `discount` replaces the estimate of plain Kneser-Ney."""

    smoothing: Smoothing = "modified"
    discount: float | None = None

    def discounts(self, kinds: Sequence[int]) -> Discounts:
        if self.smoothing == "modified":
            return modified_discounts(kinds)
        return plain_discount(kinds) if self.discount is None else Discounts((self.discount,) * 3, estimated=True)


def estimate(
    unigrams: Ints, levels: Sequence[Counted], plan: Plan, folder: Path, *, bits: int, block: int = BLOCK
) -> Description:
    """Write the model's arrays into `folder` and return what it says of itself.

    `unigrams` are the counts of the words by number, `levels` those of orders 2 and up; they are used up.
    """
    order = len(levels) + 1
    first = unigrams.copy() if order == 1 else _continuations(levels[0].suffix, len(unigrams), block)
    first[BOS] = 0
    columns = [Columns.of(folder, n) for n in range(1, order + 1)]
    discounts = [_unigrams(first, plan, columns[0])]
    started = 1  # n-grams that start with BOS have the lowest numbers of their order
    for n in range(2, order + 1):
        counted = levels[n - 2]
        adjusted = counted.counts
        if n < order:
            started = _started(counted.keys, started, bits)
            adjusted = Flat(counted.counts.path.with_suffix(".adjusted"), "i4")
            values = _continuations(levels[n - 1].suffix, len(counted.keys), block)
            values[:started] = counted.counts.read(0, started)
            adjusted.append(values)
        discounts.append(plan.discounts(_kinds(adjusted, block)))
        _Level(counted, adjusted, discounts[-1], bits).write(columns[n - 2], columns[n - 1], block)
        for used in {counted.counts.path: counted.counts, adjusted.path: adjusted}.values():
            used.remove()
    return Description(
        order=order,
        bits=bits,
        smoothing=plan.smoothing,
        sizes=tuple(len(column.prob) for column in columns),
        discounts=tuple(found.values for found in discounts),
        estimated=tuple(found.estimated for found in discounts),
        unknown=int(unigrams[UNK]),
    )


def _continuations(suffix: Flat, size: int, block: int) -> Ints:
    """Return how many different words stand before each n-gram, from the suffixes of the n-grams one longer."""
    total = np.zeros(size, np.int32)
    for start, stop in blocks(len(suffix), block):
        values, counts = np.unique(suffix.read(start, stop), return_counts=True)
        total[values] += counts.astype(np.int32)
    return total  # type: ignore[return-value]


def _started(keys: Flat, started: int, bits: int) -> int:
    return int(np.searchsorted(keys.mapped(), started << bits))


def _kinds(counts: Flat, block: int) -> list[int]:
    """Return how many n-grams have a count of 1, 2, 3 and 4."""
    kinds = np.zeros(6, np.int64)
    for start, stop in blocks(len(counts), block):
        kinds += np.bincount(np.minimum(counts.read(start, stop), 5), minlength=6)
    return [int(kind) for kind in kinds[1:5]]


def _unigrams(counts: Ints, plan: Plan, out: Columns) -> Discounts:
    """Write the probabilities of single words; what they lose is shared by all words but BOS."""
    kinds = np.bincount(np.minimum(counts, 5), minlength=6)
    discounts = plan.discounts([int(kind) for kind in kinds[1:5]])
    if plan.smoothing == "kneser_ney":
        discounts = Discounts((0.0, 0.0, 0.0), estimated=True)
    total = max(1, int(counts.sum()))
    lost = discounts.of(counts)
    prob = (counts - lost) / total + lost.sum() / total / (len(counts) - 1)
    prob[BOS] = 0.0
    out.keys.append(np.arange(len(counts)))
    out.prob.append(prob)
    cumulative = np.cumsum(prob)
    out.cumulative.append(cumulative / cumulative[-1])
    return discounts


@dataclass(frozen=True, slots=True)
class _Level:
    """One order on its way into the model."""

    counted: Counted
    adjusted: Flat
    discounts: Discounts
    bits: int

    def write(self, shorter: Columns, out: Columns, block: int) -> None:
        """Write probabilities, and for the order below the weight of backing off and where each context starts."""
        contexts = len(shorter.prob)
        first = self._first(contexts, block)
        shorter.first.append(first)
        lower = shorter.prob.read()
        start = 0
        while start < contexts:
            stop = int(np.searchsorted(first, first[start] + block, "right")) - 1
            stop = min(max(stop, start + 1), start + block, contexts)
            self._write_block(range(start, stop), range(int(first[start]), int(first[stop])), lower, shorter, out)
            start = stop

    def _first(self, contexts: int, block: int) -> npt.NDArray[np.uint32]:
        sizes = np.zeros(contexts + 1, np.uint32)
        for start, stop in blocks(len(self.counted.keys), block):
            values, counts = np.unique(self.counted.keys.read(start, stop) >> self.bits, return_counts=True)
            sizes[values + 1] += counts.astype(np.uint32)
        return np.cumsum(sizes, out=sizes)

    def _write_block(self, contexts: range, rows: range, lower: Floats, shorter: Columns, out: Columns) -> None:
        keys = self.counted.keys.read(rows.start, rows.stop)
        counts = self.adjusted.read(rows.start, rows.stop).astype(np.int64)
        suffix = self.counted.suffix.read(rows.start, rows.stop)
        context = (keys >> self.bits) - contexts.start
        lost = self.discounts.of(counts)
        total = np.bincount(context, counts, len(contexts))
        # A context that nothing follows (the end of a text) hands all to the shorter one.
        backoff = np.divide(
            np.bincount(context, lost, len(contexts)), total, out=np.ones(len(contexts)), where=total > 0
        )
        own = (counts - lost) / total[context]
        out.keys.append(keys)
        out.suffix.append(suffix)
        out.prob.append(own + backoff[context] * lower[suffix])
        out.cumulative.append(within(own, context) + keys.astype(np.float64) // (1 << self.bits))
        shorter.backoff.append(backoff)


def within(values: Floats, context: Ints) -> Floats:
    """Return the running sum of values that starts anew with each context (sorted), none above 1."""
    if not len(values):
        return values
    total = np.cumsum(values)
    starts = np.flatnonzero(np.diff(context, prepend=-1))
    before = np.repeat(total[starts] - values[starts], np.diff(starts, append=len(values)))
    return np.clip(total - before, 0.0, 1.0)
