"""Arrays of one leaf: how many items, where the ones that `contains` asks for stand, and a value for each."""

from typing import Any, Final

from tasks.methods.rules._json_facts import Facts, ImpossibleError, Sub, contains
from tasks.methods.rules._json_goals import Leaf
from tasks.methods.rules._json_kinds import words_of_name

_USUAL: Final = 3  # items over the minimum where nothing says how many
_LAYOUTS: Final = 20


def draw_array(maker: Any, leaf: Leaf, levels: int, name: str) -> list[Any]:
    """Return an array that meets the leaf's facts; `maker` draws the items. ImpossibleError where none is found."""
    facts, below = leaf.facts, levels - 1
    for _ in range(_LAYOUTS):
        size = _size(maker, leaf, below)
        wanted = _layout(maker, leaf, size, below)
        if wanted is not None:
            break
    else:
        raise ImpossibleError(_pointer(facts), "no arrangement of the items meets its contains, items and size")
    made: list[Any] = []
    for i in range(size):
        if not _append(maker, leaf, made, wanted.get(i, ()), below=below, name=name):
            if len(made) < _least(facts) or len(wanted) > 0:
                raise ImpossibleError(_pointer(facts), f"no further different item was found after {len(made)}")
            break
    return _clashing(maker, leaf, made, below, name) if facts.clash else made


def _pointer(facts: Facts) -> str:
    subs = [sub for _at, sub in facts.tails + facts.prefix] + [sub for sub, _least, _most in facts.contains]
    return subs[0].pointer.rpartition("/")[0] if subs else "#"


def _least(facts: Facts) -> int:
    return max([facts.min_items, *(least for _sub, least, _most in facts.contains)])


def _size(maker: Any, leaf: Leaf, below: int) -> int:
    """Return how many items to make: at least what is needed, and not past the first place where none may stand."""
    facts, least = leaf.facts, _least(leaf.facts)
    wanted = [(sub,) for sub, _least, _most in facts.contains]
    room = least if below < 0 else max(least + _USUAL, len(facts.prefix))
    size = 0
    while size < min(room, facts.max_items):
        goals = [maker.goals.item(leaf, size), *(maker.goals.item(leaf, size, also) for also in wanted)]
        if not any(maker.possible(goal, below) for goal in goals):
            break
        size += 1
    if size < least:
        raise ImpossibleError(_pointer(facts), f"{least} items are needed and item {size} cannot be made")
    return int(maker.rng.integers(least, size + 1))


def _layout(maker: Any, leaf: Leaf, size: int, below: int) -> dict[int, tuple[Sub, ...]] | None:
    """Return what else the item at each index must meet, None where this draw leads nowhere."""
    wanted: dict[int, tuple[Sub, ...]] = dict.fromkeys(range(size), ())
    for start, sub in leaf.facts.some_items:
        if not _place(maker, leaf, wanted, (sub, start, 1), below):
            return None
    for sub, least, most in leaf.facts.contains:
        count = int(maker.rng.integers(least, min(most, size, least + 1) + 1)) if size > least else least
        at = [i for i, also in wanted.items() if any(each.key == sub.key for each in also)]
        if not _place(maker, leaf, wanted, (sub, 0, max(0, count - len(at))), below):
            return None
        if most < size:
            _spare(wanted, sub)
    if not all(maker.possible(maker.goals.item(leaf, i, also), below) for i, also in wanted.items()):
        return None
    return {i: also for i, also in wanted.items() if also}


def _place(maker: Any, leaf: Leaf, wanted: dict[int, tuple[Sub, ...]], ask: tuple[Sub, int, int], below: int) -> bool:
    sub, start, count = ask
    able = [i for i in range(start, len(wanted)) if maker.possible(maker.goals.item(leaf, i, (*wanted[i], sub)), below)]
    if len(able) < count:
        return False
    for i in maker.rng.permutation(len(able))[:count].tolist():
        wanted[able[i]] = (*wanted[able[i]], sub)
    return True


def _spare(wanted: dict[int, tuple[Sub, ...]], sub: Sub) -> None:
    """Make every other item break `sub`, so that no more than the chosen ones meet it."""
    other = sub.negated()
    for i, also in wanted.items():
        if not any(each.key == sub.key for each in also):
            wanted[i] = (*also, other)


def _append(maker: Any, leaf: Leaf, made: list[Any], also: tuple[Sub, ...], *, below: int, name: str) -> bool:
    goal = maker.goals.item(leaf, len(made), also)
    one = singular(name)

    def draw() -> Any:
        return maker.make(goal, below, one)

    if not leaf.facts.unique:
        made.append(draw())
        return True
    try:
        made.append(maker.distinct(draw, lambda value: contains(made, value)))
    except ImpossibleError:
        return False
    return True


def singular(name: str) -> str:
    """Return the words of a property's name, the last without its plural s: what one item of it is called."""
    words = words_of_name(name)
    return " ".join([*words[:-1], words[-1].removesuffix("s")]) if words else ""


def _clashing(maker: Any, leaf: Leaf, made: list[Any], below: int, name: str) -> list[Any]:
    """Return the array with two equal items, at two places that allow the same value."""
    if any(contains(made[:i], value) for i, value in enumerate(made)):
        return made
    for _ in range(_LAYOUTS):
        i, j = maker.rng.permutation(len(made))[:2].tolist()
        one, two = maker.goals.item(leaf, i), maker.goals.item(leaf, j)
        goal = maker.goals.goal((*one.subs, *two.subs)) if one and two else None
        if maker.possible(goal, below):
            made[i] = made[j] = maker.make(goal, below, singular(name))
            return made
    raise ImpossibleError(_pointer(leaf.facts), "no two items can be equal, and uniqueItems must not hold")
