"""Top-k and top-p: the words that may follow each state, and a draw among them.

The m most likely words after a context are among the m most likely that it has itself, the m that each shorter context
has, and the m most likely words of all: backing off never makes a word likelier than a longer match does. So a
shortlist takes some hundreds of candidates, however large the vocabulary. Where the m words do not hold the nucleus, m
grows. Lists are kept: texts come through the same states again and again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.core.ngram.model import Model
from tasks.core.ngram.vocabulary import UNK, Ids

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Words of a list that is kept to at first: most nuclei hold fewer.
_FIRST = 128
# Candidates that are sorted at once, and words of all kept lists: 50 MB and 800 MB at most.
_CANDIDATES = 1 << 21
_KEPT = 1 << 26


@dataclass(frozen=True, slots=True)
class Cut:
    """Keep the `top_k` most likely words, and of them the fewest whose probabilities add up to `top_p`."""

    top_k: int | None
    top_p: float | None

    @property
    def cuts(self) -> bool:
        return self.top_k is not None or self.top_p is not None


@dataclass(frozen=True, slots=True)
class _Lists:
    """Words from the most likely down, list after list, their share of the list up to them, and each list's size."""

    words: Ids
    share: Floats
    sizes: Ints


class _Grown:
    """An array that grows at its end at a price that does not grow with it."""

    def __init__(self, dtype: str) -> None:
        self._held, self.size = np.empty(1 << 16, dtype), 0

    def add(self, values: npt.NDArray[Any]) -> None:
        while self.size + len(values) > len(self._held):
            self._held = np.concatenate([self._held, np.empty_like(self._held)])
        self._held[self.size : self.size + len(values)] = values
        self.size += len(values)

    @property
    def values(self) -> npt.NDArray[Any]:
        return self._held[: self.size]


class Shortlists:
    """Draws from the cut distribution of each state.

    `totals[d]` are the sums of p^(1/temperature) over all words but the unknown, for each context of d words.
    """

    def __init__(self, model: Model, cut: Cut, temperature: float, totals: Sequence[Floats]) -> None:
        self._model, self._cut, self._power, self._totals = model, cut, 1.0 / temperature, totals
        self._most_likely = np.argsort(-model.levels[0].prob, kind="stable")
        self._heads: dict[tuple[int, int], Ints] = {}
        self._forget()

    def _forget(self) -> None:
        self._known, self._rows = np.empty(0, np.int64), np.empty(0, np.int64)
        self._words, self._lines, self._ends = _Grown("i4"), _Grown("f8"), _Grown("i8")

    def draw(self, rng: np.random.Generator, depth: npt.NDArray[np.int8], node: Ints) -> Ids:
        """Return a word for each state."""
        states, inverse = np.unique(node << 3 | depth, return_inverse=True)
        rows = self._rows_of(states)[inverse]
        # List i covers the numbers from i to i + 1, so one search serves all lists.
        at = np.searchsorted(self._lines.values, rows + rng.random(len(rows)), "right")
        words: Ids = self._words.values[np.minimum(at, self._ends.values[rows] - 1)]
        return words

    def _rows_of(self, states: Ints) -> Ints:
        """Return which list each state (sorted) has; those that are new are made."""
        if self._words.size > _KEPT:
            self._forget()
        new = states[~np.isin(states, self._known, assume_unique=True)]
        chunk = max(1, _CANDIDATES // (self._size() * self._model.order))
        for start in range(0, len(new), chunk):
            self._make(new[start : start + chunk])
        found: Ints = self._rows[np.searchsorted(self._known, states)]
        return found

    def _size(self) -> int:
        return min(self._cut.top_k or _FIRST, len(self._model.vocabulary))

    def _make(self, states: Ints) -> None:
        """Make the lists of new states; those that a list of some size does not do for get one four times as long."""
        size = self._size()
        while len(states):
            lists, done = self._lists(states & 7, states >> 3, size)
            rows = len(self._ends.values) + np.arange(done.sum())
            self._lines.add(lists.share + np.repeat(rows, lists.sizes))
            self._words.add(lists.words)
            before = self._ends.values[-1] if len(self._ends.values) else 0
            self._ends.add(before + np.cumsum(lists.sizes))
            at = np.searchsorted(self._known, states[done])
            self._known, self._rows = np.insert(self._known, at, states[done]), np.insert(self._rows, at, rows)
            states, size = states[~done], size * 4

    def _lists(self, depth: Ints, node: Ints, size: int) -> tuple[_Lists, npt.NDArray[np.bool_]]:
        """Return the lists of the states for which `size` words do, and which states those are."""
        row, word, weight = self._sorted(depth, node, size)
        starts = np.searchsorted(row, np.arange(len(node) + 1))
        rank = np.arange(len(row)) - starts[row]
        inside = rank < size
        row, word, weight, rank = row[inside], word[inside], weight[inside], rank[inside]
        held = np.bincount(row, weight, len(node))
        mass = held if self._cut.top_k else self._total(depth, node)
        limit = mass * (1.0 if self._cut.top_p is None else self._cut.top_p)
        whole = bool(self._cut.top_k) or size >= len(self._model.vocabulary)
        done = (held >= limit) | whole
        running: Floats = np.cumsum(weight)
        running -= np.concatenate([[0.0], running])[np.searchsorted(row, np.arange(len(node)))][row]
        # The word that reaches the limit is the last one kept.
        kept = done[row] & ((running - weight < limit[row]) | (rank == 0))
        sizes = np.bincount(row[kept], minlength=len(node))
        top = np.zeros(len(node))
        np.maximum.at(top, row[kept], running[kept])
        share = running[kept] / top[row[kept]]
        return _Lists(word[kept].astype(np.int32), share, sizes[done]), done

    def _total(self, depth: Ints, node: Ints) -> Floats:
        total = np.empty(len(node))
        for length, totals in enumerate(self._totals):
            here = depth == length
            total[here] = totals[node[here]]
        return total

    def _sorted(self, depth: Ints, node: Ints, size: int) -> tuple[Ints, Ints, Floats]:
        """Return (row, word, weight) of all candidates, row by row, the most likely first; no word twice."""
        row, word, prob = self._candidates(depth, node, size)
        keys = row * len(self._model.vocabulary) + word
        # The first of equal keys is the longest match: that is the word's probability.
        _, first = np.unique(keys, return_index=True)
        first = first[word[first] != UNK]
        row, word, weight = row[first], word[first], prob[first] ** self._power
        order = np.lexsort((-weight, row))
        return row[order], word[order], weight[order]

    def _candidates(self, depth: Ints, node: Ints, size: int) -> tuple[Ints, Ints, Floats]:
        """Return (row, word, probability), matches of longer contexts before those of shorter ones."""
        model, mask = self._model, (1 << self._model.bits) - 1
        node, weight = node.copy(), np.ones(len(node))
        parts: list[tuple[Ints, Ints, Floats]] = []
        for length in range(model.order - 1, 0, -1):
            rows = np.flatnonzero(depth >= length)
            found, at = self._own(length, node[rows], size + 1)
            level = model.levels[length]
            parts.append((rows[found], level.keys[at] & mask, level.prob[at] * weight[rows[found]]))
            weight[rows] *= model.levels[length - 1].backoff[node[rows]]
            node[rows] = model.levels[length - 1].suffix[node[rows]] if length > 1 else 0
        # One more than asked for: the unknown word may be among them.
        likely = self._most_likely[: size + 1]
        every = np.repeat(np.arange(len(node)), len(likely))
        unigrams = model.levels[0].prob[likely].astype(np.float64)
        parts.append((every, np.tile(likely, len(node)), (weight[:, None] * unigrams).ravel()))
        row, word, prob = (np.concatenate(column) for column in zip(*parts, strict=True))
        return row, word, prob

    def _own(self, length: int, node: Ints, size: int) -> tuple[Ints, Ints]:
        """Return (place in `node`, n-gram) of what each context has, the `size` likeliest where it has more."""
        first = self._model.levels[length - 1].first
        start, sizes = first[node].astype(np.int64), (first[node + 1] - first[node]).astype(np.int64)
        large = np.flatnonzero(sizes > size)
        sizes[large] = 0
        places = np.repeat(np.arange(len(node)), sizes)
        at = np.repeat(start - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        heads = [self._head(length, context)[:size] for context in node[large].tolist()]
        return np.concatenate([places, np.repeat(large, size)]), np.concatenate([at, *heads])

    def _head(self, length: int, context: int) -> Ints:
        """Return the n-grams of one context with many, the likeliest first; contexts like that are few."""
        if (length, context) not in self._heads:
            first = self._model.levels[length - 1].first
            prob = self._model.levels[length].prob[first[context] : first[context + 1]]
            self._heads[length, context] = int(first[context]) + np.argsort(-prob, kind="stable")
        return self._heads[length, context]
