"""One value at a time: the general way, for schemas whose parts depend on each other."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tasks.core.record import dumps
from tasks.methods.rules._json_arrays import draw_array
from tasks.methods.rules._json_facts import ImpossibleError
from tasks.methods.rules._json_goals import Goal, Goals, Leaf
from tasks.methods.rules._json_numbers import draw_numbers
from tasks.methods.rules._json_objects import draw_object
from tasks.methods.rules._json_pools import Pools
from tasks.methods.rules._json_strings import Strings, content_text, encode

_LOOSE_TRIES: Final = 6
_PATIENCE: Final = 8
_TRIES: Final = 40
_MAX_WORK: Final = 100_000  # values drawn for one object, those thrown away among them
_AMPLE: Final = 2000
_BUFFER: Final = 64


@dataclass(slots=True)
class Maker:
    """Draws values of goals. `work` counts the values drawn for the object at hand."""

    goals: Goals
    pools: Pools
    work: int = 0
    buffers: dict[Any, list[Any]] = field(default_factory=dict)
    refills: Counter[Any] = field(default_factory=Counter)

    @property
    def rng(self) -> np.random.Generator:
        return self.pools.rng

    def one(self, goal: Goal, levels: int) -> Any:
        """Return a value of the goal, at most `levels` deep unless the schema forces more; ImpossibleError."""
        self.work = 0
        return self.make(goal, levels, "")

    def make(self, goal: Goal, levels: int, name: str) -> Any:
        """Return a value of the goal for a property called `name`; `levels` is how many may follow below it."""
        self.work += 1
        if self.work > _MAX_WORK:
            raise ImpossibleError(goal.pointer, f"{_MAX_WORK} values were drawn for one object in vain")
        if not goal.subs:
            return self._any(name)
        # Past this size only what is required follows: a wide recursive schema doubles at every level.
        levels = self._levels(goal, levels if self.work < _AMPLE else 0)
        loose = self.goals.is_loose(goal)
        for attempt in range(_TRIES):
            strict = not loose or attempt >= _LOOSE_TRIES or goal.losses > 12 + 4 * goal.wins
            leaf = self._leaf(goal, levels, strict=strict)
            made, value = self._attempt(goal, leaf, levels, name) if leaf else (False, None)
            if leaf and made and (not loose or self.goals.holds(goal, value)):
                leaf.failed = 0
                goal.wins += not strict
                return value
            goal.losses += not strict
            if leaf:
                leaf.failed += 1
        raise ImpossibleError("", goal.reason or f"{goal.pointer}: no value was found that meets all of its keywords")

    def _levels(self, goal: Goal, levels: int) -> int:
        if self.goals.fits(goal, max(levels, 0)):
            return max(levels, 0)
        height = self.goals.height(goal)
        if height is None:
            raise ImpossibleError("", self.goals.why(goal))
        return height

    def _any(self, name: str) -> Any:
        return self.scalar(self.goals.leaves(self.goals.goal(()), strict=True)[0][0], "string", name)

    def _attempt(self, goal: Goal, leaf: Leaf, levels: int, name: str) -> tuple[bool, Any]:
        # Where the kinds that the schema speaks of keep failing, the others that it allows are tried too.
        kinds = self.goals.kinds_within(leaf, levels) + (leaf.spare if leaf.failed > _PATIENCE else ())
        kind = kinds[int(self.rng.integers(len(kinds)))] if len(kinds) > 1 else kinds[0]
        try:
            return True, self.of_kind(leaf, kind, levels, name)
        except ImpossibleError as exc:
            goal.reason = str(exc) if exc.pointer or "#" in str(exc) else f"{goal.pointer}: {exc}"
            return False, None

    def _leaf(self, goal: Goal, levels: int, *, strict: bool) -> Leaf | None:
        leaves, complete = self.goals.leaves(goal, strict=strict)
        if not complete:
            drawn = self.goals.sample(goal, self.rng, strict=strict)
            if drawn and self.goals.kinds_within(drawn, levels):
                return drawn
        able = [leaf for leaf in leaves if self.goals.kinds_within(leaf, levels)]
        if len(able) < 2:
            return able[0] if able else None
        # A leaf that keeps failing gives way: facts that exclude each other in a way that no single fact shows.
        weights = np.array([max(leaf.weight * 0.25 ** min(leaf.failed, 30), 1e-30) for leaf in able])
        return able[int(np.searchsorted(np.cumsum(weights), self.rng.random() * weights.sum()))]

    def of_kind(self, leaf: Leaf, kind: str, levels: int, name: str) -> Any:
        """Return a value of one kind of the leaf; ImpossibleError where none was found."""
        if kind == "object":
            return draw_object(self, leaf, levels)
        if kind == "array":
            return draw_array(self, leaf, levels, name)
        if kind == "string" and leaf.facts.content:
            return self._content(leaf, levels)
        return self.scalar(leaf, kind, name)

    def scalar(self, leaf: Leaf, kind: str, name: str) -> Any:
        """Return a scalar from the leaf's buffer, which is refilled a column at a time."""
        if leaf.once:
            return self.column(leaf, kind, name, 1)[0]
        key = (leaf, kind, name)
        if not self.buffers.get(key):
            # The first refills are small: a leaf that is met once must not pay for a column.
            self.refills[key] += 1
            self.buffers[key] = self.column(leaf, kind, name, min(_BUFFER, 4 ** self.refills[key]))[::-1]
        return self.buffers[key].pop()

    def column(self, leaf: Leaf, kind: str, name: str, n: int) -> list[Any]:
        """Return `n` scalars of one kind of the leaf."""
        if kind == "listed":
            values = leaf.facts.values or ()
            return [values[i] for i in self.rng.integers(len(values), size=n).tolist()]
        if kind == "null":
            return [None] * n
        if kind == "boolean":
            return self._booleans(leaf, n)
        if kind == "string":
            return Strings(leaf.facts, name, self.goals.conforms).draw(self.pools, n).to_pylist()
        return draw_numbers(leaf.facts, kind, name, self.rng, n)

    def _booleans(self, leaf: Leaf, n: int) -> list[bool]:
        able = [value for value in (False, True) if not any(value is each for each in leaf.facts.banned)]
        if not able:
            raise ImpossibleError("", "neither true nor false is allowed")
        return [able[i] for i in self.rng.integers(len(able), size=n).tolist()]

    def _content(self, leaf: Leaf, levels: int) -> str:
        encoding, media, inner = leaf.facts.content[0]
        if media == "application/json":
            goal = self.goals.goal((inner,) if inner else ())
            text = dumps(self.make(goal, levels, "") if inner else {"text": self._any("text")})
        else:
            text = content_text(self.pools, media)
        return encode(text, encoding or "")

    def distinct(self, draw: Callable[[], Any], taken: Callable[[Any], bool], tries: int = 200) -> Any:
        """Return the first value drawn that is not taken; ImpossibleError after `tries`."""
        for _ in range(tries):
            value = draw()
            if not taken(value):
                return value
        raise ImpossibleError("", f"no further different value was found in {tries} tries")

    def possible(self, goal: Goal | None, levels: int) -> bool:
        """Return whether a value of the goal can be made within the levels."""
        return goal is not None and (not goal.subs or self.goals.fits(goal, levels))
