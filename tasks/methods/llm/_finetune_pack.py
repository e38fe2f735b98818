"""Token documents and how they are packed into rows of one length, none cut and none mixed with another.

Source: Ding et al. 2024, Fewer Truncations Improve Language Modeling (https://arxiv.org/abs/2404.10830)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
# What a label is where no loss is taken.
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of tokens, end to end; `learned` says of each token whether the model is trained to write it."""

    ids: npt.NDArray[np.int32]
    learned: npt.NDArray[np.bool_]
    starts: Ints  # (documents + 1,)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        """Tokens of each document."""
        return np.diff(self.starts)

    def take(self, which: Ints) -> "Documents":
        """Return the documents numbered, in that order."""
        lengths = self.lengths[which]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        at = np.arange(starts[-1]) + np.repeat(self.starts[which] - starts[:-1], lengths)
        return Documents(self.ids[at], self.learned[at], starts)


@dataclass(frozen=True, slots=True)
class Rows:
    """Packed documents, (rows, context) each: tokens, their place in their document, and what is to be learned."""

    ids: Ints
    positions: Ints
    labels: Ints

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, which: Ints) -> "Rows":
        """Return some rows, without columns that only hold padding."""
        used = int((self.ids[which] >= 0).sum(axis=1).max(initial=1))
        return Rows(*(part[which][:, :used] for part in (self.ids, self.positions, self.labels)))


def documents(parts: Sequence[tuple[Sequence[int], Sequence[bool]]]) -> Documents:
    """Return documents of (tokens, learned) pairs."""
    starts = np.concatenate([[0], np.cumsum([len(ids) for ids, _ in parts], dtype=np.int64)])
    ids = np.fromiter((token for tokens, _ in parts for token in tokens), np.int32, int(starts[-1]))
    learned = np.fromiter((flag for _, flags in parts for flag in flags), np.bool_, int(starts[-1]))
    return Documents(ids, learned, starts)


def cut(docs: Documents, context: int) -> Documents:
    """Return the documents with those over `context` tokens cut into pieces of at most that many."""
    pieces = -(-docs.lengths // context)
    if (pieces <= 1).all():
        return docs
    number = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(docs.starts[:-1], pieces) + number * context
    return Documents(docs.ids, docs.learned, np.append(starts, docs.starts[-1]))


def bins(lengths: Ints, context: int) -> list[list[int]]:
    """Return which documents share a row: best fit, the longest first, so that little is padded."""
    open_bins: list[list[list[int]]] = [[] for _ in range(context + 1)]  # by room left
    free = np.zeros(context + 1, bool)
    for place in np.argsort(-lengths, kind="stable").tolist():
        need = int(lengths[place])
        fits = np.flatnonzero(free[need:])
        room = need + int(fits[0]) if fits.size else context
        row = open_bins[room].pop() if fits.size else []
        free[room] = bool(open_bins[room])
        row.append(place)
        open_bins[room - need].append(row)
        free[room - need] = True
    return [row for room in open_bins for row in room]


def pack(docs: Documents, context: int, *, packing: bool = True) -> Rows:
    """Return rows of `context` tokens: several documents each, or one each; padding has token -1 and no label.

    The first token of a document is nobody's label: each row's labels are shifted within its documents.
    """
    shared = bins(docs.lengths, context) if packing else [[place] for place in range(len(docs))]
    ids = np.full((len(shared), context), -1, np.int64)
    positions = np.zeros_like(ids)
    labels = np.full_like(ids, IGNORED)
    for row, places in enumerate(shared):
        at = 0
        for place in places:
            start, end = docs.starts[place], docs.starts[place + 1]
            size = int(end - start)
            ids[row, at : at + size] = docs.ids[start:end]
            positions[row, at : at + size] = np.arange(size)
            following = np.where(docs.learned[start + 1 : end], docs.ids[start + 1 : end], IGNORED)
            labels[row, at : at + size - 1] = following
            at += size
        # Padding is a document of its own for the attention, which tells documents apart by their positions.
        positions[row, at:] = np.arange(context - at)
    return Rows(ids, positions, labels)
