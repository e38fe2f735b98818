"""Objects of one leaf: which properties are there, and a value for each."""

import re
from collections.abc import Iterator
from typing import Any, Final

from tasks.methods.rules._json_facts import UNBOUNDED, Facts, ImpossibleError, Sub
from tasks.methods.rules._json_goals import Goal, Leaf
from tasks.methods.rules._json_regex import matcher

_NAME_TRIES: Final = 60
_MANY: Final = 3  # entries of a map that nothing asks for


def draw_object(maker: Any, leaf: Leaf, levels: int) -> dict[str, Any]:
    """Return an object that meets the leaf's facts; `maker` draws the values. ImpossibleError where none is found."""
    picked = _pick(maker, leaf, levels - 1)
    made: dict[str, Any] = {}
    for name, also in picked.items():
        goal = maker.goals.property(leaf, name)
        if goal is None:
            raise ImpossibleError(goal_pointer(leaf), f"property '{name}' is needed and must not be there")
        if also:
            goal = maker.goals.goal((*goal.subs, *also))
        made[name] = maker.make(goal, levels - 1, name)
    return made


def goal_pointer(leaf: Leaf) -> str:
    """Return where the leaf's properties are described, for an error."""
    subs = [sub for _name, sub in leaf.facts.props]
    return subs[0].pointer.rpartition("/properties/")[0] if subs else "#"


def _pick(maker: Any, leaf: Leaf, levels: int) -> dict[str, tuple[Sub, ...]]:
    """Return the names of the properties to make, in the schema's order, with what else each must meet."""
    facts = leaf.facts
    declared = list(dict.fromkeys(name for name, _sub in facts.props))
    chosen = dict.fromkeys(facts.required, ())
    optional = [name for name in declared if name not in chosen and _able(maker, leaf, name, levels)]
    room = facts.max_props - len(chosen)
    wanted = [name for name in optional if maker.rng.random() < maker.goals.present]
    for i in maker.rng.permutation(len(wanted))[: int(min(room, len(wanted)))]:
        chosen[wanted[int(i)]] = ()
    also = _broken_on_purpose(maker, leaf, chosen, levels)
    _fill(maker, leaf, chosen, optional, levels)
    order = [*[name for name in declared if name in chosen], *[name for name in chosen if name not in declared]]
    return {name: also.get(name, ()) for name in order}


def _able(maker: Any, leaf: Leaf, name: str, levels: int) -> bool:
    return levels >= 0 and maker.possible(maker.goals.property(leaf, name), levels)


def _fill(maker: Any, leaf: Leaf, chosen: dict[str, Any], optional: list[str], levels: int) -> None:
    """Add the properties that a minimum asks for, and the entries of what is described as a map."""
    facts = leaf.facts
    spare = [name for name in optional if name not in chosen]
    maker.rng.shuffle(spare)
    while len(chosen) < facts.min_props and spare:
        chosen[spare.pop()] = ()
    while len(chosen) < facts.min_props:
        chosen[_new_name(maker, leaf, chosen, levels)] = ()
    if is_map(facts) and levels >= 0:
        for _ in range(int(maker.rng.binomial(_MANY, maker.goals.present))):
            if len(chosen) >= facts.max_props:
                return
            try:
                chosen[_new_name(maker, leaf, chosen, levels)] = ()
            except ImpossibleError:
                return


def is_map(facts: Facts) -> bool:
    """Return whether the schema describes properties that it does not name."""
    described = [sub for _names, _patterns, sub in facts.extras] + [sub for _mark, sub in facts.unseen_props]
    described += [sub for _pattern, sub in facts.patterns]
    patterned = bool(facts.patterns) and not any(sub.schema is False for _pattern, sub in facts.patterns)
    return patterned or any(isinstance(sub.schema, dict) and sub.schema for sub in described)


def _new_name(maker: Any, leaf: Leaf, chosen: dict[str, Any], levels: int) -> str:
    names = _names(maker, leaf.facts)
    for _ in range(_NAME_TRIES):
        name = next(names)
        if name not in chosen and _able(maker, leaf, name, levels):
            return name
    raise ImpossibleError(goal_pointer(leaf), f"no name was found for a further property ({len(chosen)} are there)")


def _names(maker: Any, facts: Facts) -> Iterator[str]:
    """Yield names that the facts may allow: by propertyNames, by pattern, by what a subschema names, or words."""
    patterns = [pattern for pattern, sub in facts.patterns if sub.schema is not False]
    patterns += [pattern for seen in facts.seen.values() for pattern in seen.patterns]
    named = [name for _names, _patterns, sub in facts.extras if sub.schema is not False for name in _names]
    named += [name for seen in facts.seen.values() for name in seen.names]
    turn = 0
    while True:
        turn += 1
        if facts.names and turn % 2:
            goal = maker.goals.goal([*facts.names, _as_string(facts.names[0])])
            yield maker.make(goal, 0, "")
        elif patterns and turn % 3:
            yield _matching(maker, patterns[int(maker.rng.integers(len(patterns)))])
        elif named and turn % 5 == 0:
            yield named[int(maker.rng.integers(len(named)))]
        else:
            yield maker.pools.take("slug_word", 1)[0].as_py() + ("" if turn < 20 else str(int(maker.rng.integers(99))))


_TYPE_STRING: Final = {"type": "string"}


def _as_string(sub: Sub) -> Sub:
    return Sub(_TYPE_STRING, sub.resolver, sub.pointer)


def _matching(maker: Any, pattern: str) -> str:
    return matcher(pattern).draw(maker.rng, 0, UNBOUNDED) or ""


def _broken_on_purpose(maker: Any, leaf: Leaf, chosen: dict[str, Any], levels: int) -> dict[str, tuple[Sub, ...]]:
    """Choose the property of each `some_props` and `some_names`, add it to `chosen`, return what it must meet."""
    facts = leaf.facts
    also: dict[str, tuple[Sub, ...]] = {}
    for pattern, names, patterns, sub in facts.some_props:
        name = _culprit(maker, leaf, (pattern, names, patterns, sub), levels)
        chosen[name] = ()
        also[name] = (*also.get(name, ()), sub)
    for sub in facts.some_names:
        name = maker.make(maker.goals.goal([sub, _as_string(sub)]), 0, "")
        chosen[name] = ()
    if len(chosen) > facts.max_props:
        raise ImpossibleError(goal_pointer(leaf), f"{len(chosen)} properties are needed, over maxProperties")
    return also


def _culprit(maker: Any, leaf: Leaf, wanted: tuple[Any, ...], levels: int) -> str:
    pattern, names, patterns, sub = wanted
    declared = [name for name, _sub in leaf.facts.props]
    words = _names(maker, leaf.facts)
    for turn in range(_NAME_TRIES):
        if pattern is not None:
            name = _matching(maker, pattern)
        elif turn % 2 and declared:
            name = declared[int(maker.rng.integers(len(declared)))]
        else:
            name = next(words)
        if name in names or any(re.search(each, name) for each in patterns):
            continue
        goal: Goal | None = maker.goals.property(leaf, name)
        if goal is not None and maker.possible(maker.goals.goal((*goal.subs, sub)), levels):
            return name
    raise ImpossibleError(sub.pointer, "no property was found that breaks it")
