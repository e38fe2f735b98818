"""Housekeeping: what nobody needs any more is deleted, by age and by size.

What is reached from a release that is still where it was put, from a run that goes on, or from one that is younger than
the days given, stays. So does what was used within the last day, whoever used it: that is how often Linux notes that a
file was read, and longer than anything lies about between two steps of a run.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tasks._gc_answers import Answers
from tasks._gc_areas import Area, Thing, areas
from tasks._gc_marks import mark
from tasks.core.errors import UserError
from tasks.core.store import Store

FLOOR_S = 86_400.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How old, in days since its last use, an unneeded thing gets; `max_bytes` is for all that is there together."""

    days: float = 30.0
    answers_days: float = 90.0
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("days", "answers_days"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} must be at least 0, not {getattr(self, name):g}")
        if self.max_bytes is not None and self.max_bytes < 0:
            raise UserError(f"the size must be at least 0, not {self.max_bytes:,} bytes")


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of thing: how many there are, how many are needed, how many go; with their bytes."""

    kind: str
    there: int
    bytes: int
    needed: int
    goes: int
    goes_bytes: int


def collect(store: Store, policy: Policy, *, dry_run: bool, now: float | None = None) -> list[Line]:
    """Delete what nobody needs and return a line a kind; with `dry_run` only return what would go."""
    now = time.time() if now is None else now
    marks = mark(store, now - policy.days * _DAY_S)
    found = {area: list(area.things(marks)) for area in areas(store)}
    doomed = _doomed([thing for things in found.values() for thing in things], policy, now)
    answers = Answers(store, marks, now - max(policy.answers_days * _DAY_S, FLOOR_S))
    lines = [*(_line(area.kind, things, doomed) for area, things in found.items()), _answers_line(answers)]
    if not dry_run:
        _delete(store, policy, now, {area: [t for t in things if t in doomed] for area, things in found.items()})
        answers.delete()
    return [line for line in lines if line.there]


def _doomed(things: Sequence[Thing], policy: Policy, now: float) -> set[Thing]:
    """Return what goes: by age, then, oldest first, until the rest is within the size."""
    free = [thing for thing in things if not thing.needed and thing.used < now - FLOOR_S]
    doomed = {thing for thing in free if thing.used < now - max(policy.days * _DAY_S, FLOOR_S) or thing.is_leftover}
    if policy.max_bytes is None:
        return doomed
    left = sum(thing.bytes for thing in things if thing not in doomed)
    for thing in sorted((t for t in free if t not in doomed and t.bytes), key=lambda thing: (thing.used, thing.name)):
        if left <= policy.max_bytes:
            break
        doomed.add(thing)
        left -= thing.bytes
    return doomed


def _delete(store: Store, policy: Policy, now: float, doomed: dict[Area, list[Thing]]) -> None:
    """Delete, less what a run that began since the first look needs."""
    again = mark(store, now - policy.days * _DAY_S)
    for area, things in doomed.items():
        area.remove([thing for thing in things if not area.is_needed(thing, again)])


def _line(kind: str, things: Iterable[Thing], doomed: set[Thing]) -> Line:
    all_of = list(things)
    goes = [thing for thing in all_of if thing in doomed]
    needed = sum(thing.needed for thing in all_of)
    return Line(kind, len(all_of), sum(t.bytes for t in all_of), needed, len(goes), sum(t.bytes for t in goes))


def _answers_line(answers: Answers) -> Line:
    there, needed, goes = answers.counts()
    size = answers.path.stat().st_size if there else 0
    return Line("answers", there, size, needed, goes, size * goes // there if there else 0)


def total(lines: Sequence[Line]) -> Line:
    """Return the sum of all lines."""
    empty = Line("together", 0, 0, 0, 0, 0)
    names = ("there", "bytes", "needed", "goes", "goes_bytes")
    return replace(empty, **{name: sum(getattr(line, name) for line in lines) for name in names})
