"""What of a text stands word for word in the training text: whole texts, and runs of a given length, by 64-bit hashes.

A hash is a sum of mixed (word, place) pairs, so that the hashes of all windows or all texts are a few NumPy calls. Two
different runs share one with a probability of 5e-20: among a billion runs a new text is refused in error once in 2e10.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.core.ngram.flat import BLOCK, Flat, blocks
from tasks.core.ngram.vocabulary import BOS, EOS, Ids

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

_WORD = np.uint64(0x9E3779B97F4A7C15)
_PLACE = np.uint64(0xC2B2AE3D27D4EB4F)


def _mixed(words: Ids, places: Ints) -> Hashes:
    """Return one well mixed number for each (word, place): the finaliser of MurmurHash3 (Appleby 2011)."""
    value = (words.astype(np.uint64) + np.uint64(1)) * _WORD + (places.astype(np.uint64) + np.uint64(1)) * _PLACE
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    mixed: Hashes = value ^ (value >> np.uint64(33))
    return mixed


def text_hashes(ids: Ids, lengths: Ints) -> Hashes:
    """Return the hash of each text, from its word numbers without marks."""
    starts = np.cumsum(lengths) - lengths
    places = np.arange(len(ids)) - np.repeat(starts, lengths)
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_mixed(ids, places))])
    # Sums wrap around, and so do their differences.
    hashes: Hashes = total[starts + lengths] - total[starts]
    return hashes


def run_hashes(ids: Ids, length: int) -> tuple[Hashes, npt.NDArray[np.intp]]:
    """Return the hash of each run of `length` words, none of them a mark, and where in the stream it starts."""
    if len(ids) < length:
        return np.empty(0, np.uint64), np.empty(0, np.intp)
    count = len(ids) - length + 1
    total = np.zeros(count, np.uint64)
    for place in range(length):
        total += _mixed(ids[place : place + count], np.full(1, place))
    marks = np.concatenate([[0], np.cumsum((ids == BOS) | (ids == EOS))])
    starts = np.flatnonzero(marks[length:] == marks[:-length])
    return total[starts], starts


class Seen:
    """A set of hashes in a file, sorted."""

    def __init__(self, path: Path) -> None:
        self._flat = Flat(path, "u8")

    def contains(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return which of the hashes are in the set."""
        have = self._flat.mapped()
        if not len(have):
            return np.zeros(len(hashes), bool)
        at = np.minimum(np.searchsorted(have, hashes), len(have) - 1)
        found: npt.NDArray[np.bool_] = have[at] == hashes
        return found

    def write(self, parts: list[Flat], block: int = BLOCK) -> None:
        """Write the union of sorted parts, a range of hashes at a time: hashes are spread evenly over 64 bits."""
        ranges = max(1, -(-sum(len(part) for part in parts) // block))
        step = 2**64 // ranges
        limits = [np.uint64(step * i) for i in range(1, ranges)]
        bounds = [[0, *np.searchsorted(part.mapped(), limits).tolist(), len(part)] for part in parts]
        for i in range(ranges):
            held = [part.read(bound[i], bound[i + 1]) for part, bound in zip(parts, bounds, strict=True)]
            self._flat.append(np.unique(np.concatenate(held)))
        for part in parts:
            part.remove()


def index_runs(streams: Sequence[Flat], length: int, path: Path, scratch: Path, block: int = BLOCK) -> None:
    """Write the set of all runs of `length` words of streams with marks."""
    parts: list[Flat] = []
    for tokens in streams:
        for start, stop in blocks(len(tokens), block):
            # A run may start in this block and end in the next.
            hashes, _ = run_hashes(tokens.read(start, min(stop + length - 1, len(tokens))), length)
            _spill(hashes, parts, scratch)
    Seen(path).write(parts, block)


def index_texts(streams: Sequence[Flat], path: Path, scratch: Path, block: int = BLOCK) -> None:
    """Write the set of all texts of streams with marks."""
    parts: list[Flat] = []
    for tokens in streams:
        held = np.empty(0, np.int32)
        for start, stop in blocks(len(tokens), block):
            held = np.concatenate([held, tokens.read(start, stop)])
            ends = np.flatnonzero(held == EOS)
            if len(ends):
                whole, held = held[: ends[-1] + 1], held[ends[-1] + 1 :]
                lengths = np.diff(ends, prepend=-1) - 2
                _spill(text_hashes(whole[(whole != BOS) & (whole != EOS)], lengths), parts, scratch)
    Seen(path).write(parts, block)


def _spill(hashes: Hashes, parts: list[Flat], scratch: Path) -> None:
    parts.append(Flat(scratch / f"hashes.{len(parts)}", "u8"))
    parts[-1].append(np.unique(hashes))
