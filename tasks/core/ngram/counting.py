"""Counts of all n-grams of a token stream, by sorted integer arrays, in bounded memory.

An n-gram is known by the number of its first n-1 words (itself an (n-1)-gram) and its last word, packed into 64
bits: no order needs longer keys than another. The stream is cut into blocks; each block is sorted, counted and spilled
to disk as a run, and the runs are merged range by range. The number of an n-gram is its rank, so that what follows a
context lies side by side, contexts in their own order.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.core.ngram.flat import BLOCK, Flat, blocks
from tasks.core.ngram.vocabulary import BOS

Ints = npt.NDArray[np.int64]
_NONE = -1


@dataclass(frozen=True, slots=True)
class Counted:
    """All n-grams of one order, sorted: key (context << bits | word), count, and the number of its last n-1 words."""

    keys: Flat
    counts: Flat
    suffix: Flat


@dataclass(frozen=True, slots=True)
class _Run:
    """A block of the stream, sorted: its n-grams, which of them ends at each place, and their final numbers."""

    sorted: Counted
    places: Flat
    numbers: Flat

    def remove(self) -> None:
        for flat in (self.sorted.keys, self.sorted.counts, self.sorted.suffix, self.places, self.numbers):
            flat.remove()


def count(tokens: Flat, order: int, bits: int, scratch: Path, block: int = BLOCK) -> list[Counted]:
    """Return the n-grams of orders 2 to `order` of a token stream; every text in it starts with BOS.

    `bits` is the width of a word number. The files lie in `scratch`; memory is a few times `block`.
    """
    levels = []
    before = tokens
    for n in range(2, order + 1):
        names = _Names(scratch, n, bits)
        runs = [_run(tokens, before, span, names) for span in blocks(len(tokens), block)]
        levels.append(_merge(runs, names, block))
        ids = Flat(scratch / f"ids-{n}", "i4")
        for run in runs:
            if n < order:
                ids.append(_numbered(run))
            run.remove()
        if before is not tokens:
            before.remove()
        before = ids
    return levels


@dataclass(frozen=True, slots=True)
class _Names:
    scratch: Path
    n: int
    bits: int

    def counted(self, tag: str) -> Counted:
        place = self.scratch
        return Counted(
            Flat(place / f"keys-{self.n}{tag}", "i8"),
            Flat(place / f"counts-{self.n}{tag}", "i4"),
            Flat(place / f"suffix-{self.n}{tag}", "i4"),
        )


def _run(tokens: Flat, before: Flat, span: tuple[int, int], names: _Names) -> _Run:
    """Sort and spill the n-grams that end in a block; `before` says which (n-1)-gram ends at each place."""
    start, stop = span
    tag = f".{start}"
    run = _Run(
        names.counted(tag),
        Flat(names.scratch / f"places-{names.n}{tag}", "i4"),
        Flat(names.scratch / f"numbers-{names.n}{tag}", "i4"),
    )
    words, suffix = tokens.read(start, stop), before.read(start, stop)
    context = before.read(start - 1, stop - 1) if start else np.append(np.int32(_NONE), suffix[:-1])
    at = np.flatnonzero((context >= 0) & (words != BOS))
    keys = context[at].astype(np.int64) << names.bits | words[at]
    order = np.argsort(keys)
    keys = keys[order]
    fresh = _starts(keys)
    places = np.full(stop - start, _NONE, np.int32)
    places[at[order]] = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    run.sorted.keys.append(keys[first])
    run.sorted.counts.append(np.diff(first, append=len(keys)))
    run.sorted.suffix.append(suffix[at[order[first]]])
    run.places.append(places)
    return run


def _starts(keys: Ints) -> npt.NDArray[np.bool_]:
    """Return where a new key starts in sorted keys."""
    fresh = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
    return fresh


def _merge(runs: list[_Run], names: _Names, block: int) -> Counted:
    """Merge the runs, a range of keys at a time, and tell each run the final numbers of its n-grams."""
    merged, base = names.counted(""), 0
    lengths = [len(run.sorted.keys) for run in runs]
    cuts = _cuts(runs, sum(lengths), block)
    for low, high in zip(cuts, [*cuts[1:], lengths], strict=True):
        parts = [run.sorted for run in runs]
        spans = list(zip(low, high, strict=True))
        keys = np.concatenate([part.keys.read(*span) for part, span in zip(parts, spans, strict=True)])
        order = np.argsort(keys, kind="stable")
        fresh = _starts(keys[order])
        numbers = np.empty(len(keys), np.int64)
        numbers[order] = np.cumsum(fresh) - 1 + base
        _share(runs, numbers, spans)
        first = np.flatnonzero(fresh)
        counts = np.concatenate([part.counts.read(*span) for part, span in zip(parts, spans, strict=True)])
        suffix = np.concatenate([part.suffix.read(*span) for part, span in zip(parts, spans, strict=True)])
        merged.keys.append(keys[order[first]])
        merged.counts.append(np.add.reduceat(counts[order], first) if len(first) else counts)
        merged.suffix.append(suffix[order[first]])
        base += len(first)
    return merged


def _cuts(runs: list[_Run], total: int, block: int) -> list[list[int]]:
    """Return, for each range of keys of about `block` n-grams, where it starts in each run."""
    ranges = -(-total // block) if len(runs) > 1 else 1
    if ranges <= 1:
        return [[0] * len(runs)]
    mapped = [run.sorted.keys.mapped() for run in runs]
    sample = np.sort(np.concatenate([keys[:: max(1, len(keys) // 1024)] for keys in mapped]))
    limits = sample[np.arange(1, ranges) * len(sample) // ranges]
    inner = np.stack([np.searchsorted(keys, limits) for keys in mapped], axis=1)
    return [[0] * len(runs), *inner.tolist()]


def _share(runs: list[_Run], numbers: Ints, spans: list[tuple[int, int]]) -> None:
    at = 0
    for run, (start, stop) in zip(runs, spans, strict=True):
        run.numbers.append(numbers[at : at + stop - start])
        at += stop - start


def _numbered(run: _Run) -> npt.NDArray[np.int32]:
    """Return the number of the n-gram that ends at each place of a block, -1 where none does."""
    numbers = np.append(run.numbers.read(), np.int32(_NONE))
    found: npt.NDArray[np.int32] = numbers[run.places.read()]
    return found
