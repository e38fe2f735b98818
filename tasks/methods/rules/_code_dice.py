"""Cheap single draws from a Generator: uniforms are drawn thousands at a time and handed out one by one."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_AT_ONCE = 8192


class Dice:
    """Draws for code that decides one thing at a time; a scalar call of the Generator costs ten times as much."""

    __slots__ = ("_left", "_rng")

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def uniform(self) -> float:
        """Return a float in [0, 1)."""
        if not self._left:
            self._left = self._rng.random(_AT_ONCE).tolist()
        return self._left.pop()

    def integer(self, low: int, high: int) -> int:
        """Return an integer in low..high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Return one of `items`."""
        return items[int(self.uniform() * len(items))]

    def chance(self, share: float) -> bool:
        """Return True in `share` of the draws."""
        return self.uniform() < share

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Return up to `count` different places of `items`, in random order."""
        left = list(items)
        return [left.pop(int(self.uniform() * len(left))) for _ in range(min(count, len(left)))]

    def subset(self, items: Sequence[T], count: int) -> list[T]:
        """Return `count` different places of `items`, in the order of `items`."""
        chosen = sorted(self.sample(range(len(items)), count))
        return [items[place] for place in chosen]
