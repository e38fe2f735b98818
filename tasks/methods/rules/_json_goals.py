"""Goals and their leaves: what one value must meet, the ways to meet it, and how deep each way needs to go."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np

from tasks.methods.rules._json_facts import NUMBER, TYPES, Facts, ImpossibleError, Sub
from tasks.methods.rules._json_numbers import draw_numbers
from tasks.methods.rules._json_pools import Pools
from tasks.methods.rules._json_search import MAX_NODES, Rules, Search
from tasks.methods.rules._json_strings import Strings

MAX_LEAVES: Final = 64
_PROBES: Final = 40  # atoms of each kind that are tried before a schema is said to allow no string
MAX_HEIGHT: Final = 40  # levels that a schema may force before it counts as one that never ends
_ANYTHING: Final = ("string", "integer", "number", "boolean")


@dataclass(slots=True, eq=False)
class Goal:
    """What one value must meet; leaves are found when first asked for."""

    subs: tuple[Sub, ...]
    found: dict[bool, tuple[list["Leaf"], bool]] = field(default_factory=dict)
    heights: dict[int, bool] = field(default_factory=dict)
    reason: str = ""
    wins: int = 0
    losses: int = 0

    @property
    def pointer(self) -> str:
        return self.subs[0].pointer if self.subs else "#"


@dataclass(slots=True, eq=False)
class Leaf:
    """One conjunction of facts, the kinds of value to draw from it, and those to fall back on.

    `failed` counts the draws in a row that led to nothing; `once`: drawn from a tree too large to list, not kept.
    """

    facts: Facts
    weight: float
    kinds: tuple[str, ...]
    spare: tuple[str, ...]
    children: dict[Any, Goal | None] = field(default_factory=dict)
    heights: dict[tuple[str, int], bool] = field(default_factory=dict)
    failed: int = 0
    once: bool = False


def _kinds(types: Sequence[str]) -> tuple[str, ...]:
    """Return our types with integer and fraction joined to `number`."""
    if all(t in types for t in NUMBER):
        types = [t for t in types if t not in NUMBER] + ["number"]
    return tuple(types)


def _probe() -> Pools:
    return Pools(np.random.Generator(np.random.Philox(key=0)), "en_US", _PROBES)


@dataclass(slots=True)
class Goals:
    """Every goal of one schema, by what it asks for; `conforms` is jsonschema's format check, `valid` its verdict."""

    present: float
    valid: Callable[[Sub, Any], bool]
    conforms: Callable[[str, str], bool]
    known: dict[Any, Goal] = field(default_factory=dict)
    probed: set[tuple[Any, ...]] = field(default_factory=set)
    probe: Pools = field(default_factory=_probe)

    def goal(self, subs: Sequence[Sub]) -> Goal:
        """Return the goal of these subschemas, the same object for the same obligations."""
        unique = {sub.key: sub for sub in subs if sub.schema is not sub.holds}
        key = tuple(unique)
        if key not in self.known:
            self.known[key] = Goal(tuple(unique.values()))
        return self.known[key]

    def holds(self, goal: Goal, value: Any) -> bool:
        """Return whether jsonschema finds that the value meets every subschema of the goal."""
        return all(self.valid(sub, value) is sub.holds for sub in goal.subs)

    def leaves(self, goal: Goal, *, strict: bool) -> tuple[list[Leaf], bool]:
        """Return up to MAX_LEAVES leaves and whether those are all of them."""
        if strict not in goal.found:
            search = Search(Rules(self.present, strict))
            facts = list(islice(search.leaves(goal.subs), MAX_LEAVES + 1))
            leaves = [leaf for found, weight in facts if (leaf := self.leaf(goal, found, weight))]
            if not leaves:
                goal.reason = goal.reason or search.reason
            goal.found[strict] = (leaves[:MAX_LEAVES], len(facts) <= MAX_LEAVES and search.nodes <= MAX_NODES)
        return goal.found[strict]

    def sample(self, goal: Goal, rng: np.random.Generator, *, strict: bool) -> Leaf | None:
        """Return a leaf at random, for a goal that has more than can be listed."""
        search = Search(Rules(self.present, strict), rng)
        for found, weight in islice(search.leaves(goal.subs), 20):
            if leaf := self.leaf(goal, found, weight):
                leaf.once = True
                return leaf
        return None

    def is_loose(self, goal: Goal) -> bool:
        """Return whether something of the goal must not hold, or can only be seen by validation."""
        return any(leaf.facts.verify for leaf in self.leaves(goal, strict=False)[0])

    def leaf(self, goal: Goal, facts: Facts, weight: float) -> Leaf | None:
        """Return the leaf of these facts; None, and the reason in the goal, when no value can be drawn from it."""
        if facts.values is not None:
            return self._listed(goal, facts, weight)
        said = [t for t in facts.types if t in facts.hints]
        if facts.types == TYPES and not said:
            return Leaf(facts, weight, _ANYTHING, ("null",))
        types = said or facts.types
        kinds, spare = _kinds(types), _kinds([t for t in facts.types if t not in types])
        kinds = tuple(kind for kind in kinds if self._can_draw(goal, facts, kind))
        spare = () if kinds and spare == () else tuple(k for k in spare if self._can_draw(goal, facts, k))
        return Leaf(facts, weight, kinds, spare) if kinds or spare else None

    def _listed(self, goal: Goal, facts: Facts, weight: float) -> Leaf | None:
        good = tuple(value for value in facts.values or () if self.holds(goal, value))
        if not good:
            goal.reason = f"{goal.pointer}: none of its {len(facts.values or ())} listed values is allowed"
            return None
        chosen = facts.fork()
        chosen.values, chosen.verify = good, False
        return Leaf(chosen, weight, ("listed",), ())

    def _can_draw(self, goal: Goal, facts: Facts, kind: str) -> bool:
        """Return whether a number or string is found at all; what cannot be drawn twice is not promised once."""
        try:
            if kind in ("integer", "number", "fraction"):
                draw_numbers(facts, kind, "", self.probe.rng, 2)
            elif kind == "string" and (facts.matches or facts.formats or facts.off_matches or facts.min_len):
                self._probe_string(facts)
        except (ImpossibleError, ValueError) as exc:
            goal.reason = f"{goal.pointer}: {exc}"
            return False
        return True

    def _probe_string(self, facts: Facts) -> None:
        """Draw two strings, once for all places of a schema that ask the same of them."""
        lengths = (facts.min_len, facts.max_len)
        asked = (facts.matches, facts.formats, facts.off_matches, facts.off_formats, lengths, repr(facts.banned))
        if asked not in self.probed:
            Strings(facts, "", self.conforms).draw(self.probe, 2)
            self.probed.add(asked)

    def property(self, leaf: Leaf, name: str) -> Goal | None:
        """Return the goal of a property, None where it must not be there."""
        if name not in leaf.children:
            leaf.children[name] = self._property(leaf.facts, name)
        return leaf.children[name]

    def _property(self, facts: Facts, name: str) -> Goal | None:
        if name in facts.absent or not all(self.valid(sub, name) is sub.holds for sub in facts.names):
            return None
        subs = [sub for each, sub in facts.props if each == name]
        subs += [sub for pattern, sub in facts.patterns if re.search(pattern, name)]
        subs += [sub for names, patterns, sub in facts.extras if not _covered(name, names, patterns)]
        for mark, sub in facts.unseen_props:
            seen = facts.seen[mark]
            if not seen.everything and not _covered(name, seen.names, seen.patterns):
                subs.append(sub)
        return self._possible(subs)

    def item(self, leaf: Leaf, index: int, also: tuple[Sub, ...] = ()) -> Goal | None:
        """Return the goal of an array's item that must meet `also` too, None where there must be none."""
        facts = leaf.facts
        subs = [sub for at, sub in facts.prefix if at == index] + [sub for start, sub in facts.tails if index >= start]
        for mark, sub in facts.unseen_items:
            seen = facts.seen[mark]
            if index >= seen.items and not any(each.key == other.key for each in also for other in seen.contains):
                subs.append(sub)
        return self._possible([*subs, *also])

    def _possible(self, subs: Sequence[Sub]) -> Goal | None:
        if any(isinstance(sub.schema, bool) and sub.schema is not sub.holds for sub in subs):
            return None
        return self.goal(subs)

    def height(self, goal: Goal) -> int | None:
        """Return the fewest levels below a value of the goal (0 for a scalar), None where no finite value is found."""
        return next((level for level in range(MAX_HEIGHT + 1) if self.fits(goal, level)), None)

    def fits(self, goal: Goal, levels: int) -> bool:
        """Return whether a value of the goal can be made with at most this many levels below it."""
        if levels < 0:
            return False
        if levels not in goal.heights:
            leaves = self.leaves(goal, strict=True)[0] or self._gave_up(goal)
            goal.heights[levels] = any(self.kinds_within(leaf, levels) for leaf in leaves)
        return goal.heights[levels]

    def _gave_up(self, goal: Goal) -> list[Leaf]:
        loose, complete = self.leaves(goal, strict=False)
        return loose if not (complete and self.leaves(goal, strict=True)[1]) else []

    def kinds_within(self, leaf: Leaf, levels: int) -> tuple[str, ...]:
        """Return the kinds of value that need no more levels: the leaf's own, else its spare ones."""
        fitting = tuple(kind for kind in leaf.kinds if self._kind_fits(leaf, kind, levels))
        return fitting or tuple(kind for kind in leaf.spare if self._kind_fits(leaf, kind, levels))

    def _kind_fits(self, leaf: Leaf, kind: str, levels: int) -> bool:
        if kind not in ("array", "object"):
            return True
        key = (kind, levels)
        if key not in leaf.heights:
            leaf.heights[key] = self._object_fits(leaf, levels) if kind == "object" else self._array_fits(leaf, levels)
        return leaf.heights[key]

    def _object_fits(self, leaf: Leaf, levels: int) -> bool:
        facts = leaf.facts
        if levels == 0:
            return not facts.required and not facts.min_props
        return all((goal := self.property(leaf, name)) and self.fits(goal, levels - 1) for name in facts.required)

    def _array_fits(self, leaf: Leaf, levels: int) -> bool:
        facts = leaf.facts
        need = max([facts.min_items, *(least for _sub, least, _most in facts.contains)])
        if need == 0 or levels == 0:
            return need == 0
        below = levels - 1
        wanted = [sub for sub, least, _most in facts.contains if least]
        places = range(max(need, len(facts.prefix) + 1))
        if not all(any(self._within(self.item(leaf, i, (sub,)), below) for i in places) for sub in wanted):
            return False
        plain = (self.item(leaf, i) for i in range(min(need, len(facts.prefix) + 1)))
        return bool(wanted) or all(self._within(goal, below) for goal in plain)

    def _within(self, goal: Goal | None, levels: int) -> bool:
        return goal is not None and (not goal.subs or self.fits(goal, levels))

    def why(self, goal: Goal, seen: tuple[Goal, ...] = ()) -> str:
        """Return why no value of the goal can be made: what its search met, or the first child that stops it."""
        leaves = self.leaves(goal, strict=True)[0]
        for leaf in leaves if goal not in seen else ():
            for name in leaf.facts.required:
                child = self.property(leaf, name)
                if child is None:
                    return f"{goal.pointer}: property '{name}' is required and must not be there"
                if self.height(child) is None:
                    return self.why(child, (*seen, goal))
            for index in range(min(leaf.facts.min_items, len(leaf.facts.prefix) + 1)):
                item = self.item(leaf, index)
                if item is None:
                    return f"{goal.pointer}: {leaf.facts.min_items} items are needed and there must be no item {index}"
                if self.height(item) is None:
                    return self.why(item, (*seen, goal))
        return goal.reason if not leaves else f"{goal.pointer}: every value would nest without end"


def _covered(name: str, names: Sequence[str], patterns: Sequence[str]) -> bool:
    return name in names or any(re.search(pattern, name) for pattern in patterns)
