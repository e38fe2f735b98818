"""Which amounts of a text are made of others: totals of their parts, and so many times one price."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_MOST = 200
_MOST_PAIRS = 30


@dataclass(frozen=True, slots=True)
class Total:
    """A value that is the sum of others: numbers of groups, a part that is counted twice named twice."""

    group: int
    parts: tuple[int, ...]


def totals_of(order: Sequence[int], values: Mapping[int, int], *, pairs: bool) -> list[Total]:
    """Return the totals among amounts of one unit, the smallest first.

    `order` holds the group of each amount in the order of the text, `values` what each group is worth. A total is the
    sum of all the others, of the run of amounts just before or just after it, or, with `pairs`, of any two.
    """
    if not 3 <= len(order) <= _MOST or min(values[group] for group in order) <= 0:
        return []
    found = []
    for group in sorted(set(order), key=values.__getitem__):
        parts = _parts(order, group, values, pairs=pairs and len(order) <= _MOST_PAIRS)
        if parts:
            found.append(Total(group, parts))
    return found


def _parts(order: Sequence[int], group: int, values: Mapping[int, int], *, pairs: bool) -> tuple[int, ...] | None:
    wanted = values[group]
    others = [one for one in order if one != group]
    for choice in (others, list(dict.fromkeys(others))):
        if len(choice) > 1 and sum(values[one] for one in choice) == wanted:
            return tuple(choice)
    for place in [place for place, one in enumerate(order) if one == group]:
        for run in (order[:place][::-1], order[place + 1 :]):
            if parts := _run(run, group, values):
                return parts
    return _pair(others, wanted, values) if pairs else None


def _run(run: Sequence[int], group: int, values: Mapping[int, int]) -> tuple[int, ...] | None:
    """Return the first amounts of a run that sum to the group's value, two or more."""
    total = 0
    for number, one in enumerate(run, start=1):
        total += values[one]
        if one == group or total > values[group]:
            return None
        if total == values[group] and number > 1:
            return tuple(run[:number])
    return None


def _pair(others: Sequence[int], wanted: int, values: Mapping[int, int]) -> tuple[int, ...] | None:
    by_value = {values[one]: one for one in reversed(others)}
    for one in dict.fromkeys(others):
        two = by_value.get(wanted - values[one])
        if two is not None and two != one:
            return one, two
    return None


def multiples_of(order: Sequence[int], values: Mapping[int, int], counts: Collection[int]) -> list[tuple[Total, int]]:
    """Return totals that are so many times another amount, with the number of times, which is one of `counts`."""
    found = []
    groups = sorted(set(order), key=values.__getitem__)[:_MOST_PAIRS]
    for number, total in enumerate(groups):
        for part in groups[:number]:
            times, rest = divmod(values[total], values[part]) if values[part] > 0 else (0, 1)
            if not rest and times in counts and 2 <= times <= 100:
                found.append((Total(total, (part,) * times), times))
                break
    return found
