"""How many different objects a plan can make, where that can be known."""

import math

from tasks.methods.rules._json_columns import Arrays, Objects, Plan, Rows, Scalars, Style


def capacity_of(plan: Plan, present: float) -> int | None:
    """Return how many different texts a plan can make, exactly; None where a part of it has no known number.

    `present` is the chance of an optional property: at 0 and at 1 its absence and its presence are no choice.
    """
    if isinstance(plan, Rows):
        return None
    if isinstance(plan, Scalars):
        return _of_scalars(plan)
    if isinstance(plan, Arrays):
        return _of_arrays(plan, present)
    return _of_objects(plan, present)


def _of_scalars(plan: Scalars) -> int | None:
    counts = {"null": 1, "boolean": 2 - sum(isinstance(value, bool) for value in plan.leaf.facts.banned)}
    if plan.kinds == ("listed",):
        return len({Style(None).dumps(value, 0) for value in plan.leaf.facts.values or ()})
    if any(kind not in counts for kind in plan.kinds):
        return None
    return sum(counts[kind] for kind in plan.kinds)


def _of_arrays(plan: Arrays, present: float) -> int | None:
    each = capacity_of(plan.items, present) if plan.high else 1
    return None if each is None else sum(each**size for size in range(plan.low, plan.high + 1))


def _of_objects(plan: Objects, present: float) -> int | None:
    choices = []
    for _name, always, child in plan.fields:
        count = capacity_of(child, present)
        if not always and present == 0:
            count = 1
        elif count is not None and not always and present < 1:
            count += 1
        choices.append(count)
    return None if any(count is None for count in choices) else math.prod(count or 1 for count in choices)
