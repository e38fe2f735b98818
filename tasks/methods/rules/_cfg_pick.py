"""Which choice each open symbol of a level takes: by weight, uniformly over derivations, or by number."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tasks.methods.rules._cfg_machine import FULL, Codes, Counts, Ints, Machine


class Picker(Protocol):
    """What `expand` asks of a way to choose."""

    def pick(self, states: Codes, level: int) -> Ints:
        """Return the choice of each of `states`, all of them `level` productions below the start."""
        ...

    def descend(self, items: Ints, parents: Ints) -> None:
        """Go down to the symbols at these `items`, each of the parent at this place among those just picked."""
        ...


@dataclass(frozen=True, slots=True)
class Aliases:
    """Weighted draws in constant time: take a choice evenly, keep it if below its threshold, else take its alias.

    Source: Walker 1977 (https://doi.org/10.1145/355744.355749); the tables as in Vose 1991.
    """

    threshold: npt.NDArray[np.float64]
    alias: Ints


def aliases(made: Machine) -> Aliases:
    """Return the tables of every symbol's choices."""
    threshold, alias = np.ones(len(made.weights)), np.arange(len(made.weights))
    for start, end in zip(made.first[:-1].tolist(), made.first[1:].tolist(), strict=True):
        own = made.weights[start:end]
        scaled = (own * (len(own) / own.sum())).tolist()
        small = [i for i, value in enumerate(scaled) if value < 1]
        large = [i for i, value in enumerate(scaled) if value > 1]
        while small and large:
            low, high = small.pop(), large[-1]
            threshold[start + low], alias[start + low] = scaled[low], start + high
            scaled[high] -= 1 - scaled[low]
            if scaled[high] < 1:
                small.append(large.pop())
    return Aliases(threshold, alias)


class Finder:
    """Finds the choice of a state in which a number falls; `below[c]` counts the derivations before choice c.

    `totals[s]` counts those of state s. Both are held at FULL where they are larger.
    """

    def __init__(self, made: Machine) -> None:
        starts, ends = made.first[:-1], made.first[1:]
        self.below = _saturated_sums(made.counts, starts)
        self.totals = np.array([min(total, FULL) for total in made.totals], np.uint64)
        least = np.minimum.reduceat(made.counts, starts)
        most = np.maximum.reduceat(made.counts, starts)
        even = (least == most) & (most < FULL)
        self._each = np.where(even, least, np.uint64(0))
        self._first, self._last = starts, ends - 1

    def __call__(self, states: Codes, numbers: Counts) -> Ints:
        """Return the choice of each state for its number."""
        each = self._each[states]
        choices = self._first[states] + (numbers // np.maximum(each, np.uint64(1))).astype(np.int64)
        uneven = np.flatnonzero(each == 0)
        if uneven.size:
            choices[uneven] = self._search(states[uneven], numbers[uneven])
        return choices

    def _search(self, states: Codes, numbers: Counts) -> Ints:
        low, high = self._first[states], self._last[states]
        while (low < high).any():
            middle = (low + high + 1) // 2
            reached = self.below[middle] <= numbers
            low, high = np.where(reached, middle, low), np.where(reached, high, middle - 1)
        return low


def _saturated_sums(counts: Counts, starts: Ints) -> Counts:
    sums = np.zeros(len(counts), np.uint64)
    ends = [*starts[1:].tolist(), len(counts)]
    for start, end in zip(starts.tolist(), ends, strict=True):
        total = 0
        for place, count in enumerate(counts[start:end].tolist(), start=start):
            sums[place] = min(total, FULL)
            total += count
    return sums


class ByWeight:
    """Draws by weight; a choice whose shortest end would pass `depth` is out, and the others share its weight."""

    def __init__(self, made: Machine, table: Aliases, rng: np.random.Generator, depth: int | None) -> None:
        self._made, self._table, self._rng, self._depth = made, table, rng, depth
        self._deepest = int(made.needs.max())

    def pick(self, states: Codes, level: int) -> Ints:
        """Return a choice of each state."""
        drawn = self._rng.random(len(states))
        left = None if self._depth is None else self._depth - level
        if left is not None and left < self._deepest:
            return self._within(states, drawn, left)
        drawn *= self._made.width[states]
        slot = drawn.astype(np.int64)
        drawn -= slot
        slot += self._made.first[states]
        return np.where(drawn < self._table.threshold[slot], slot, self._table.alias[slot])

    def _within(self, states: Codes, drawn: npt.NDArray[np.float64], left: int) -> Ints:
        first, fits = self._made.first, self._made.needs <= left
        sums = np.concatenate([[0.0], np.cumsum(np.where(fits, self._made.weights, 0.0))])
        places = np.arange(len(fits))
        last = np.maximum.accumulate(np.where(fits, places, -1))[first[1:] - 1]
        low, high = sums[first[:-1]][states], sums[first[1:]][states]
        found = np.searchsorted(sums[1:], low + drawn * (high - low), side="right")
        return np.minimum(found, last[states])

    def descend(self, items: Ints, parents: Ints) -> None:
        """Do nothing: draws of different symbols have nothing to do with each other."""


class ByNumber:
    """Takes the derivation of each number: what is left of the number goes to the symbols below, leftmost first."""

    def __init__(self, made: Machine, finder: Finder, numbers: Counts) -> None:
        self._made, self._find, self._left = made, finder, numbers

    def pick(self, states: Codes, level: int) -> Ints:  # noqa: ARG002  the protocol's; a number knows its depth
        """Return the choice of each state in which its number falls."""
        choices = self._find(states, self._left)
        self._left = self._left - self._find.below[choices]
        return choices

    def descend(self, items: Ints, parents: Ints) -> None:
        """Split each number over the symbols below, as digits of mixed radix."""
        self._left = self._left[parents] // self._made.item_radix[items] % self._made.item_count[items]


class Evenly:
    """Draws so that every derivation is as likely as any other: each choice in proportion to its exact count."""

    def __init__(self, made: Machine, finder: Finder, rng: np.random.Generator) -> None:
        self._made, self._find, self._rng = made, finder, rng

    def pick(self, states: Codes, level: int) -> Ints:  # noqa: ARG002  the protocol's; a count knows its depth
        """Return a choice of each state."""
        totals = self._find.totals[states]
        choices = self._find(states, self._rng.integers(0, totals, dtype=np.uint64))
        large = np.flatnonzero(totals == FULL)
        for state in np.unique(states[large]).tolist():
            mine = large[states[large] == state]
            choices[mine] = self._large(state, len(mine))
        return choices

    def _large(self, state: int, rows: int) -> list[int]:
        start, end = self._made.first[state : state + 2].tolist()
        sums = list(accumulate(self._made.exact[start:end]))
        return [start + bisect_right(sums, below(self._made.totals[state], self._rng)) for _ in range(rows)]

    def descend(self, items: Ints, parents: Ints) -> None:
        """Do nothing: given the choice, the derivations of the symbols below are drawn apart."""


def below(total: int, rng: np.random.Generator) -> int:
    """Return an integer of any size, uniform in [0, total)."""
    bits = (total - 1).bit_length()
    while True:
        value = int.from_bytes(rng.bytes((bits + 7) // 8), "little") & ((1 << bits) - 1)
        if value < total:
            return value
