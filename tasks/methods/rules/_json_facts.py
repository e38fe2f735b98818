"""What must hold of one JSON value: subschemas where they stand, and the flat facts that they come down to."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

# JSON Schema's `number` is integer plus fraction here, so that `not: {type: integer}` has a plain meaning.
TYPES: Final = ("null", "boolean", "integer", "fraction", "string", "array", "object")
NUMBER: Final = ("integer", "fraction")
UNBOUNDED: Final = math.inf


class ImpossibleError(Exception):
    """No value can hold under these facts; says where (a JSON pointer, empty where the caller knows it) and why."""

    def __init__(self, pointer: str, why: str) -> None:
        super().__init__(f"{pointer}: {why}" if pointer else why)
        self.pointer = pointer


@dataclass(frozen=True, eq=False)
class Sub:
    """A subschema where it stands: it must hold, or must not.

    `resolver` is a referencing.Resolver: it knows the base URI and the dynamic scope that led here.
    """

    schema: Any
    resolver: Any
    pointer: str
    holds: bool = True

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What makes two obligations the same. The base URI follows from the place of the schema, so it stays out;
        of the dynamic scope only the outermost entry of each document can matter to a $dynamicRef.
        """
        place = self.schema if isinstance(self.schema, bool) else id(self.schema)
        scope = [uri for uri, _registry in self.resolver.dynamic_scope()]
        return (place, tuple(dict.fromkeys(reversed(scope))), self.holds)

    def below(self, schema: Any, *steps: str | int) -> "Sub":
        """Return the subschema at `steps` of this one; it holds as this one does."""
        escaped = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)
        return Sub(schema, _enter(self.resolver, schema), self.pointer + escaped, self.holds)

    def negated(self) -> "Sub":
        return Sub(self.schema, self.resolver, self.pointer, not self.holds)


def _enter(resolver: Any, schema: Any) -> Any:
    if not isinstance(schema, dict) or "$id" not in schema:
        return resolver
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415 - `tilth methods` imports no third-party schema code

    return resolver.in_subresource(DRAFT202012.create_resource(schema))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the keywords under one `unevaluated*` have evaluated: property names and patterns, a prefix of the items."""

    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    everything: bool = False
    items: float = 0
    contains: tuple[Sub, ...] = ()


@dataclass(slots=True)
class Facts:
    """A conjunction of facts about one value; every collection is a tuple, so a copy is shallow.

    props: (name, sub). patterns of names: (pattern, sub). extras: (names, patterns, sub) for all other names.
    some_props: (pattern or None, names, patterns, sub): at least one such property breaks its schema.
    some_names: subs that at least one property name must meet. tails: (first index, sub). contains: (sub, least, most).
    seen: by mark, what was evaluated; unseen_props and unseen_items: (mark, sub) of each `unevaluated*`.
    """

    types: tuple[str, ...] = TYPES
    hints: tuple[str, ...] = ()
    values: tuple[Any, ...] | None = None
    banned: tuple[Any, ...] = ()
    low: float = -UNBOUNDED
    low_open: bool = False
    high: float = UNBOUNDED
    high_open: bool = False
    steps: tuple[Any, ...] = ()
    off_steps: tuple[Any, ...] = ()
    min_len: int = 0
    max_len: float = UNBOUNDED
    matches: tuple[str, ...] = ()
    off_matches: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    off_formats: tuple[str, ...] = ()
    content: tuple[tuple[str | None, str | None, Sub | None], ...] = ()
    min_items: int = 0
    max_items: float = UNBOUNDED
    prefix: tuple[tuple[int, Sub], ...] = ()
    tails: tuple[tuple[int, Sub], ...] = ()
    contains: tuple[tuple[Sub, int, float], ...] = ()
    some_items: tuple[tuple[int, Sub], ...] = ()
    unique: bool = False
    clash: bool = False
    required: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    props: tuple[tuple[str, Sub], ...] = ()
    patterns: tuple[tuple[str, Sub], ...] = ()
    extras: tuple[tuple[tuple[str, ...], tuple[str, ...], Sub], ...] = ()
    names: tuple[Sub, ...] = ()
    some_props: tuple[tuple[str | None, tuple[str, ...], tuple[str, ...], Sub], ...] = ()
    some_names: tuple[Sub, ...] = ()
    min_props: int = 0
    max_props: float = UNBOUNDED
    seen: Mapping[int, Seen] = field(default_factory=dict)
    unseen_props: tuple[tuple[int, Sub], ...] = ()
    unseen_items: tuple[tuple[int, Sub], ...] = ()
    ruled_out: tuple[tuple[str, str], ...] = ()
    verify: bool = False

    def fork(self) -> "Facts":
        return copy.copy(self)

    def only(self, types: Sequence[str], where: str) -> None:
        """Keep these types; ImpossibleError when none is left."""
        left = tuple(t for t in self.types if t in types)
        if not left:
            raise ImpossibleError(where, f"no type is left: elsewhere it has to be {' or '.join(self.types)}")
        self.types = left

    def rule_out(self, kind: str, why: str) -> None:
        """Note that the value cannot be of this type, and why."""
        self.ruled_out += ((kind, why),)

    def hint(self, *types: str) -> None:
        """Note that a keyword speaks of these types: what a schema without `type` is most likely to mean."""
        self.hints += tuple(t for t in types if t not in self.hints)

    def at_least(self, value: float, *, is_open: bool) -> None:
        if value > self.low or (value == self.low and is_open):
            self.low, self.low_open = value, is_open

    def at_most(self, value: float, *, is_open: bool) -> None:
        if value < self.high or (value == self.high and is_open):
            self.high, self.high_open = value, is_open

    def one_of(self, values: Sequence[Any]) -> None:
        """Keep the values that are in both lists."""
        have = values if self.values is None else [v for v in self.values if contains(values, v)]
        self.values = tuple(have)

    def mark(self, marks: Sequence[int], **found: Any) -> None:
        """Add to what has been evaluated under each of `marks`."""
        if not marks:
            return
        seen = dict(self.seen)
        for mark in marks:
            seen[mark] = _add(seen.get(mark, Seen()), found)
        self.seen = seen

    def prune(self, where: str) -> None:
        """Drop each type that its own facts rule out; ImpossibleError, with the reason, when none is left."""
        dropped = dict(self._conflicts())
        left = tuple(t for t in self.types if t not in dropped)
        if not left:
            raise ImpossibleError(where, "; ".join(dict.fromkeys(dropped[t] for t in self.types)))
        self.types = left

    def _conflicts(self) -> list[tuple[str, str]]:
        found = list(self.ruled_out)
        found += [(t, why) for t in NUMBER if (why := self._number_conflict(t))]
        if contains(self.banned, None):
            found.append(("null", "null is excluded"))
        if contains(self.banned, True) and contains(self.banned, False):
            found.append(("boolean", "true and false are excluded"))
        if self.min_len > self.max_len:
            found.append(("string", f"minLength {self.min_len} is over maxLength {_plain(self.max_len)}"))
        if self.min_items > self.max_items:
            found.append(("array", f"{self.min_items} items are needed and maxItems allows {_plain(self.max_items)}"))
        if both := [name for name in self.required if name in self.absent]:
            found.append(("object", f"property '{both[0]}' is required and must not be there"))
        need = max(self.min_props, len(self.required))
        if need > self.max_props:
            found.append(("object", f"{need} properties are needed and maxProperties allows {_plain(self.max_props)}"))
        return found

    def _number_conflict(self, kind: str) -> str:
        low, high = self.low, self.high
        if low > high or (low == high and (self.low_open or self.high_open)):
            return f"no number lies between {_plain(low)} and {_plain(high)}"
        if kind == "fraction" and any(step == int(step) for step in self.steps):
            return "a multiple of a whole number is whole"
        if kind == "integer" and first_integer(self) > last_integer(self):
            return f"no whole number lies between {_plain(low)} and {_plain(high)}"
        if kind == "fraction" and low == high == int(low):
            return f"the only number between {_plain(low)} and {_plain(high)} is whole"
        return ""


def _plain(value: float) -> Any:
    return int(value) if value not in (UNBOUNDED, -UNBOUNDED) and value == int(value) else value


def first_integer(facts: Facts) -> float:
    """Return the smallest integer that the bounds allow, -inf where there is none."""
    if facts.low == -UNBOUNDED:
        return facts.low
    first = math.ceil(facts.low)
    return first + 1 if facts.low_open and first == facts.low else first


def last_integer(facts: Facts) -> float:
    """Return the largest integer that the bounds allow, inf where there is none."""
    if facts.high == UNBOUNDED:
        return facts.high
    last = math.floor(facts.high)
    return last - 1 if facts.high_open and last == facts.high else last


def _add(seen: Seen, found: Mapping[str, Any]) -> Seen:
    return Seen(
        seen.names + tuple(found.get("names", ())),
        seen.patterns + tuple(found.get("patterns", ())),
        seen.everything or found.get("everything", False),
        max(seen.items, found.get("items", 0)),
        seen.contains + tuple(found.get("contains", ())),
    )


def same(one: Any, two: Any) -> bool:
    """Return whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(value, two[key]) for key, value in one.items())
    return bool(one == two)


def contains(values: Sequence[Any], value: Any) -> bool:
    """Return whether `value` is among `values`, by JSON equality."""
    return any(same(value, each) for each in values)
