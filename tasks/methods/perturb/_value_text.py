"""The texts of a batch as one array of code points, and edits of it that keep track of where things went."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]

# No pattern matches it and it is no letter, so nothing that is found reaches from one text into the next.
END = "\x00"
_BLOCK_CHARS = 4_000_000


@dataclass(frozen=True)
class Docs:
    """Texts end to end, each followed by END; positions count code points of the whole."""

    joined: str
    starts: Ints  # (rows,)
    ends: Ints  # (rows,)

    @cached_property
    def codes(self) -> Codes:
        """Every code point, as uint32."""
        return np.frombuffer(self.joined.encode("utf-32-le"), np.uint32)

    def rows(self, positions: Ints) -> Ints:
        """Return the row that each position lies in."""
        return np.searchsorted(self.starts, positions, "right") - 1


def docs_of(texts: Sequence[str]) -> Docs:
    """Return the texts as one."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(sizes + 1) - 1
    return Docs(END.join([*texts, ""]), ends - sizes, ends)


def blocks(texts: Sequence[str | None]) -> Iterator[slice]:
    """Yield slices of rows, each of some million characters: what a batch needs of memory stays small."""
    sizes = np.cumsum([len(text or "") + 1 for text in texts])
    first = 0
    while first < len(texts):
        below = sizes[first - 1] if first else 0
        last = int(np.searchsorted(sizes, below + _BLOCK_CHARS, "right"))
        yield slice(first, max(last, first + 1))
        first = max(last, first + 1)


@dataclass(frozen=True)
class Edits:
    """Replacements of [start, end) of the whole, sorted, apart from each other; an insert has start = end."""

    starts: Ints
    ends: Ints
    new: Codes  # the replacements, end to end
    sizes: Ints  # length of each replacement

    @cached_property
    def _shifts(self) -> Ints:
        deltas = self.sizes - (self.ends - self.starts)
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(deltas)])

    def moved_starts(self, positions: Ints) -> Ints:
        """Return where what starts at each position starts now; an insert at that place comes before it."""
        return positions + self._shifts[np.searchsorted(self.ends, positions, "right")]

    def moved_ends(self, positions: Ints) -> Ints:
        """Return where what ends at each position ends now; an insert at that place comes after it."""
        return positions + self._shifts[np.searchsorted(self.starts, positions, "left")]

    def touched(self, starts: Ints, ends: Ints) -> npt.NDArray[np.bool_]:
        """Return which of the ranges share a place with an edit, or hold an insert."""
        return np.searchsorted(self.ends, starts, "right") < np.searchsorted(self.starts, ends, "left")


def edits_of(starts: Ints, ends: Ints, replacements: Sequence[str]) -> Edits:
    """Return edits from one text each."""
    sizes = np.fromiter(map(len, replacements), np.int64, len(replacements))
    return Edits(starts, ends, codes_of("".join(replacements)), sizes)


def merged(one: Edits, two: Edits) -> Edits:
    """Return the edits of both, which do not overlap; an insert comes before what begins at its place."""
    starts, ends = np.concatenate([one.starts, two.starts]), np.concatenate([one.ends, two.ends])
    sizes = np.concatenate([one.sizes, two.sizes])
    order = np.lexsort((ends, starts))
    new = gather(np.concatenate([one.new, two.new]), (np.cumsum(sizes) - sizes)[order], sizes[order])
    return Edits(starts[order], ends[order], new, sizes[order])


def codes_of(text: str) -> Codes:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def gather(pool: npt.NDArray[Any], starts: Ints, sizes: Ints) -> npt.NDArray[Any]:
    """Return the pieces [start, start + size) of a pool, end to end."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if ends.size else 0
    return pool[np.repeat(starts - (ends - sizes), sizes) + np.arange(total)]


def applied(docs: Docs, edits: Edits) -> tuple[Docs, list[str]]:
    """Return the edited whole, and its texts."""
    if not edits.starts.size:
        return docs, [docs.joined[a:b] for a, b in zip(docs.starts.tolist(), docs.ends.tolist(), strict=True)]
    size = docs.codes.size
    kept_starts = np.concatenate([np.zeros(1, np.int64), edits.ends])
    kept_sizes = np.concatenate([edits.starts, [size]]) - kept_starts
    new_starts = np.cumsum(edits.sizes) - edits.sizes
    starts = np.empty(2 * edits.starts.size + 1, np.int64)
    sizes = np.empty_like(starts)
    starts[::2], starts[1::2] = kept_starts, size + new_starts
    sizes[::2], sizes[1::2] = kept_sizes, edits.sizes
    codes = gather(np.concatenate([docs.codes, edits.new]), starts, sizes)
    deltas = np.bincount(docs.rows(edits.starts), edits.sizes - (edits.ends - edits.starts), docs.starts.size).astype(
        np.int64
    )
    shifts = np.cumsum(deltas)
    made = Docs(decoded(codes), docs.starts + shifts - deltas, docs.ends + shifts)
    return made, [made.joined[a:b] for a, b in zip(made.starts.tolist(), made.ends.tolist(), strict=True)]


def decoded(codes: Codes) -> str:
    """Return the text of code points."""
    return codes.astype("<u4", copy=False).tobytes().decode("utf-32-le")
