"""Where the amounts of a batch move to: all draws at once, then order, totals and limits are made to hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.methods.perturb._value_groups import Group, Ledger
from tasks.methods.perturb._value_number import MAX_DIGITS, MILLION
from tasks.methods.perturb._value_text import Ints

Bools = npt.NDArray[np.bool_]
# After this many draws a text's amounts of one unit stay as they are: too many neighbours, too little room.
_ROUNDS = 16
_CHOICES = 5


@dataclass(frozen=True)
class Pace:
    """How a kind moves: by a share of its value, by so much, or to anywhere in a range (millionths)."""

    relative: float | None
    absolute: float | None
    ends: tuple[int, int] | None
    together: bool


@dataclass(frozen=True)
class _Columns:
    """The groups as columns, and what they are numbered by.

    `sets`: one text, kind and unit, where a plain number goes with the only unit that its text has; their order stays.
    `ranks`: one text, kind and unit, whose draws may change places. `rows`: one text and kind, that move together.
    """

    value: Ints
    step: Ints
    grain: Ints  # a draw's step: as round as the value is, where there is room
    low: Ints
    high: Ints
    reach: Ints  # how far a draw goes, in millionths; 0 with a range
    free: Bools
    together: Bools
    sets: Ints
    ranks: Ints
    rows: Ints

    @property
    def first(self) -> Ints:
        """The first step that a draw may make, and `last` the last."""
        return -((self.value - self.low) // self.grain)

    @property
    def last(self) -> Ints:
        return (self.high - self.value) // self.grain


def moves(rng: np.random.Generator, ledger: Ledger, paces: Mapping[str, Pace]) -> Ints:
    """Return the new value of each group, its old one where it does not move."""
    table = _columns(ledger, paces)
    new = table.value.copy()
    open_ = table.free.copy()
    drawn = open_.copy()
    for _ in range(_ROUNDS):
        if not open_.any():
            break
        new[open_] = _drawn(rng, table, open_)
        _settle(ledger, new)
        bad = _broken(ledger, table, new)
        open_ = table.free & np.isin(table.sets, bad)
    new[open_ | _in_sets(table, open_)] = table.value[open_ | _in_sets(table, open_)]
    return np.where(drawn | _totals(ledger, new.size), new, table.value)


def _in_sets(table: _Columns, some: Bools) -> Bools:
    return np.isin(table.sets, table.sets[some])


def _totals(ledger: Ledger, size: int) -> Bools:
    out = np.zeros(size, bool)
    out[[total.group for total in ledger.totals]] = True
    return out


def _columns(ledger: Ledger, paces: Mapping[str, Pace]) -> _Columns:
    groups = ledger.groups
    _free_parts(ledger)
    totals = {total.group for total in ledger.totals}
    value, step = (_ints(groups, name) for name in ("value", "step"))
    reach = np.array([_reach(group, paces.get(group.kind)) for group in groups], np.int64)
    low, high = (_ints(groups, name) for name in ("low", "high"))
    ends = [paces[group.kind].ends if group.kind in paces else None for group in groups]
    span = np.array([end or (0, 0) for end in ends], np.int64).reshape(-1, 2)
    ranged = np.array([end is not None for end in ends], bool)
    low = np.maximum(low, np.where(ranged, span[:, 0], value - reach))
    high = np.minimum(high, np.where(ranged, span[:, 1], value + reach))
    free = np.array([not group.fixed and number not in totals for number, group in enumerate(groups)], bool)
    table = _Columns(
        value,
        step,
        _grains(value, step, np.where(ranged, span[:, 1] - span[:, 0], reach)),
        low,
        high,
        reach,
        free,
        np.array([bool(group.kind in paces and paces[group.kind].together) for group in groups], bool) & ~ranged,
        _numbers(_ordered(groups)),
        _numbers([(group.row, group.kind, group.unit) for group in groups]),
        _numbers([(group.row, group.kind) for group in groups]),
    )
    some = table.last - table.first + 1 - ((table.first <= 0) & (table.last >= 0))
    free &= some > 0
    return table


def _grains(value: Ints, step: Ints, reach: Ints) -> Ints:
    """Return the largest of step, ten steps and so on that divides a value and leaves _CHOICES values on each side."""
    grain = step.copy()
    for _ in range(MAX_DIGITS):
        rounder = (value % (10 * grain) == 0) & (10 * grain * _CHOICES <= reach)
        if not rounder.any():
            break
        grain = np.where(rounder, 10 * grain, grain)
    return grain


def _ints(groups: Sequence[Group], name: str) -> Ints:
    return np.array([getattr(group, name) for group in groups], np.int64)


def _ordered(groups: Sequence[Group]) -> list[tuple[int | str, ...]]:
    units: dict[int, set[tuple[str, str]]] = {}
    for group in groups:
        if group.kind in {"money", "quantity", "percent"}:
            units.setdefault(group.row, set()).add((group.kind, group.unit))
    only = {row: min(have) for row, have in units.items() if len(have) == 1}
    return [
        (group.row, *(only.get(group.row, ("number", "")) if group.kind == "number" else (group.kind, group.unit)))
        for group in groups
    ]


def _numbers(keys: Sequence[tuple[int | str, ...]]) -> Ints:
    seen: dict[tuple[int | str, ...], int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], np.int64)


def _reach(group: Group, pace: Pace | None) -> int:
    """Return how far a value goes; one unit of its last digit at the least, or small counts could never move."""
    if pace is None or pace.ends is not None:
        return 0
    far = group.value * pace.relative if pace.relative is not None else (pace.absolute or 0.0) * MILLION
    return max(int(far), group.step)


def _free_parts(ledger: Ledger) -> None:
    """Turn totals that may not move into sums that stay; where no part could make up for the others, all stay."""
    moving = []
    for total in ledger.totals:
        if ledger.groups[total.group].fixed:
            ledger.wholes.append((ledger.groups[total.group].value, total.parts))
        else:
            moving.append(total)
    ledger.totals[:] = moving
    sums = {total.group for total in moving}
    for _, parts in ledger.wholes:
        if _slack(ledger, parts, sums) is None:
            for part in parts:
                ledger.groups[part].fixed = True
    ledger.totals[:] = [total for total in moving if not ledger.groups[total.group].fixed]


def _slack(ledger: Ledger, parts: Sequence[int], sums: set[int]) -> int | None:
    """Return the part that makes up for the others: the largest that moves, is counted once and is no total."""
    able = [one for one in parts if not ledger.groups[one].fixed and one not in sums and parts.count(one) == 1]
    return max(able, key=lambda one: ledger.groups[one].value) if len(able) > 1 else None


def _drawn(rng: np.random.Generator, table: _Columns, open_: Bools) -> Ints:
    """Return new values for some groups: each step but none as likely, or one share for all of a text and kind."""
    at = np.flatnonzero(open_)
    first, last = table.first[at], table.last[at]
    has_none = (first <= 0) & (last >= 0)
    steps = first + (rng.random(at.size) * (last - first + 1 - has_none)).astype(np.int64)
    steps += has_none & (steps >= 0)
    share = 2 * rng.random(int(table.rows.max(initial=0)) + 1)[table.rows[at]] - 1
    alike = np.clip(np.rint(share * table.reach[at] / table.grain[at]).astype(np.int64), first, last)
    together = table.together[at]
    new = table.value[at] + np.where(together, alike, steps) * table.grain[at]
    return np.where(together, new, _ranked(table, at, new))


def _ranked(table: _Columns, at: Ints, new: Ints) -> Ints:
    """Return the values of each set dealt out again so that a larger old value gets a larger new one.

    The limits of a value rise with it, so none leaves its own (only values of one grain change places).
    """
    old_order = np.lexsort((table.value[at], table.grain[at], table.ranks[at]))
    new_order = np.lexsort((new, table.grain[at], table.ranks[at]))
    out = np.empty_like(new)
    out[old_order] = new[new_order]
    return out


def _settle(ledger: Ledger, new: Ints) -> None:
    """Write the totals of the new parts; where a sum is given, let one part make up for the others."""
    sums = {total.group for total in ledger.totals}
    for whole, parts in ledger.wholes:
        part = _slack(ledger, parts, sums)
        if part is not None:
            new[part] = whole - sum(int(new[one]) for one in parts if one != part)
    for total in ledger.totals:
        amount = sum(int(new[part]) for part in total.parts)
        step = ledger.groups[total.group].step
        part = _slack(ledger, total.parts, sums) if amount % step else None
        if part is not None:
            new[part] -= amount % step
            amount -= amount % step
        new[total.group] = amount


def _broken(ledger: Ledger, table: _Columns, new: Ints) -> Ints:
    """Return the sets whose order, limits or sums do not hold, or that have not changed."""
    bad = np.zeros(new.size, bool)
    order = np.lexsort((table.value, table.sets))
    one, two = order[:-1], order[1:]
    close = (table.sets[one] == table.sets[two]) & (new[one] >= new[two])
    bad[one[close]] = True
    low, high = (_ints(ledger.groups, name) for name in ("low", "high"))
    moved = new != table.value
    bad |= moved & ((new < low) | (new > high) | (new % table.step != 0))
    for total in ledger.totals:
        bad[total.group] |= int(new[total.group]) != sum(int(new[part]) for part in total.parts)
    for whole, parts in ledger.wholes:
        bad[parts[0]] |= whole != sum(int(new[part]) for part in parts)
    changed = np.zeros(int(table.sets.max(initial=0)) + 1, bool)
    changed[table.sets[moved]] = True
    bad |= table.free & ~changed[table.sets]
    return np.unique(table.sets[bad])
