"""How far the dates, and the times, of each text move: one shift for all of a text, so order and distance stay."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.methods.perturb._value_moment import Moment, month_bounds, year_bounds

_ROUND = (30, 15, 5)


@dataclass(frozen=True)
class Reach:
    """How far a shift may go in days or minutes, or between which days or minutes of the day it has to end."""

    most: int | None
    ends: tuple[int, int] | None


@dataclass
class Bounds:
    """The shifts that one text allows: whole multiples of `grain` from `low` to `high`."""

    low: int
    high: int
    grain: int = 1

    def cut(self, low: int, high: int) -> None:
        """Keep what lies between."""
        self.low, self.high = max(self.low, low), min(self.high, high)

    def steps(self) -> tuple[int, int]:
        """Return the first and last multiple, in grains."""
        return -(-self.low // self.grain), self.high // self.grain


def shifts(
    rng: np.random.Generator,
    moments: Sequence[Moment],
    loose: Mapping[str, set[int]],
    reaches: Mapping[str, Reach | None],
    fixed: set[tuple[int, str]],
) -> dict[tuple[int, str], int]:
    """Return the shift of each (row, kind) that has one, never 0; rows whose dates (times) cannot move have none.

    `fixed`: those that may not.
    """
    rows: dict[tuple[int, str], list[Moment]] = {}
    for moment in moments:
        rows.setdefault((moment.row, moment.kind), []).append(moment)
    bounds = {}
    for key, group in rows.items():
        reach = reaches.get(key[1])
        if reach and key not in fixed:
            bounds[key] = (_dates if key[1] == "date" else _times)(group, key[0], loose, reach)
    draws = rng.random(len(bounds)).tolist()
    found = {key: _drawn(bound, draw) for (key, bound), draw in zip(bounds.items(), draws, strict=True)}
    return {key: shift for key, shift in found.items() if shift}


def _drawn(bounds: Bounds, draw: float) -> int:
    """Return a shift, each but 0 as likely; 0 where there is no other."""
    low, high = bounds.steps()
    some = high - low + 1 - (low <= 0 <= high)
    if some <= 0:
        return 0
    step = low + int(draw * some)
    return bounds.grain * (step + (low <= 0 <= high and step >= 0))


def _reached(group: Iterable[Moment], reach: Reach) -> Bounds:
    at = [moment.at for moment in group if not moment.bare]
    if reach.most is not None:
        return Bounds(-reach.most, reach.most)
    if not at or reach.ends is None:
        return Bounds(0, 0)
    return Bounds(reach.ends[0] - min(at), reach.ends[1] - max(at))


def _dates(group: Sequence[Moment], row: int, loose: Mapping[str, set[int]], reach: Reach) -> Bounds:
    bounds = _reached(group, reach)
    # A weekday that stands alone stays true when dates move by weeks; a month, or a day without one, within it.
    bounds.grain = 7 if row in loose["weekday"] else 1
    in_month = row in loose["month"] or any(moment.bare for moment in group)
    for moment in group:
        bounds.cut(moment.low, moment.high)
        if not moment.bare and in_month:
            bounds.cut(*month_bounds(moment.at))
        if moment.dated and row in loose["year"]:
            bounds.cut(*year_bounds(moment.at))
    return bounds


def _times(group: Sequence[Moment], row: int, loose: Mapping[str, set[int]], reach: Reach) -> Bounds:
    bounds = _reached(group, reach)
    for moment in group:
        bounds.cut(moment.low, moment.high)
        if row in loose["noon"]:
            half = 0 if moment.at < 720 else 720
            bounds.cut(half + 1 - moment.at, half + 719 - moment.at)
    bounds.grain = max(moment.grain for moment in group)
    if bounds.grain == 1:
        bounds.grain = next((size for size in _ROUND if all(moment.at % size == 0 for moment in group)), 1)
    return bounds
