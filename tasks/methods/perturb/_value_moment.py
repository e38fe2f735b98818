"""A date or a time that was found: its parts, how far it may move, and how it reads after a shift."""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from tasks.methods.perturb._value_words import CALENDAR, SHORT, any_of


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a date or time: which it is, where it stands, and the list or pattern that it is written by."""

    what: Literal["day", "month", "year", "weekday", "hour", "minute", "half"]
    start: int
    end: int
    names: str = ""
    padded: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A date (`at`: day number) or a time (`at`: minute of the day) at [start, end) of the whole, and its parts.

    `low` and `high` bound the shift: in days, in minutes. `grain`: shifts are whole multiples of it.
    """

    start: int
    end: int
    row: int
    kind: Literal["date", "time"]
    at: int
    parts: tuple[Part, ...]
    low: int
    high: int
    grain: int = 1
    bare: bool = False
    dated: bool = False


@cache
def tables() -> dict[str, dict[str, list[tuple[str, int]]]]:
    """Return for `month` and `weekday`: name in lower case -> (language, number) of every list that holds it."""
    tables: dict[str, dict[str, list[tuple[str, int]]]] = {"month": {}, "weekday": {}}
    for style, lists in [*CALENDAR.items(), *((f"{name} short", both) for name, both in SHORT.items())]:
        for what, names in zip(("month", "weekday"), lists, strict=True):
            for number, name in enumerate(names.split()):
                tables[what].setdefault(name.lower(), []).append((style, number))
    return tables


@cache
def alternatives(what: str, *, capital: bool = False) -> str:
    column = 0 if what == "month" else 1
    full = [name for lists in CALENDAR.values() for name in lists[column].split()]
    short = [name for lists in SHORT.values() for name in lists[column].split()]
    names = [*full, *short, *(form for name in full for form in (name.lower(), name.capitalize()))]
    names += [name.upper() for name in [*full, *short]]
    return any_of(name for name in names if not capital or name[0].isupper())


def month_bounds(day: int) -> tuple[int, int]:
    """Return how far a day may move back and on within its month."""
    here = date.fromordinal(day)
    following = date(here.year + here.month // 12, here.month % 12 + 1, 1) if here.year < 9999 else date(9999, 12, 31)
    return 1 - here.day, following.toordinal() - 1 - day


def year_bounds(day: int) -> tuple[int, int]:
    """Return how far a day may move back and on within its year."""
    here = date.fromordinal(day)
    return date(here.year, 1, 1).toordinal() - day, date(here.year, 12, 31).toordinal() - day


def moved(moment: Moment, shift: int, text: str) -> str:
    """Return how a date or time reads after a shift; `text` is the whole that it stands in."""
    pieces, last = [], moment.start
    for part in sorted(moment.parts, key=lambda part: part.start):
        pieces.append(text[last : part.start])
        old = text[part.start : part.end]
        new = _day_part(moment, part, old, shift) if moment.kind == "date" else _time_part(moment, part, old, shift)
        pieces.append(new)
        last = part.end
        if part.what == "day":
            suffix = _SUFFIX.match(text, last, moment.end)
            french = any(one.names == "fr" for one in moment.parts)
            pieces.append(_suffix(int(new), suffix[0] if suffix else "", french=french))
            last = suffix.end() if suffix else last
    return "".join([*pieces, text[last : moment.end]])


_SUFFIX = re.compile(r"(?:st|nd|rd|th|er)(?!\w)", re.IGNORECASE)


def _suffix(day: int, like: str, *, french: bool) -> str:
    """Return what follows a day: 1st, 22nd; in French the first is 1er, and only that."""
    if french:
        return "er" if day == 1 else ""
    if not like:
        return ""
    suffix = "th" if day // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return suffix.upper() if like.isupper() else suffix


def _day_part(moment: Moment, part: Part, old: str, shift: int) -> str:
    if moment.bare:
        if part.what == "day":
            return _padded(int(old) + shift, part)
        number = next(number for style, number in tables()["weekday"][old.lower()] if style == part.names)
        return _name("weekday", part.names, (number + shift) % 7, old)
    then = date.fromordinal(moment.at + shift)
    if part.what == "day":
        several = sum(one.what == "day" for one in moment.parts) > 1
        return _padded(int(old) + shift if several else then.day, part)
    if part.what == "year":
        return f"{then.year % 100:02d}" if len(old) == 2 else f"{then.year}"
    if part.what == "weekday":
        return _name("weekday", part.names, then.weekday(), old)
    return _name("month", part.names, then.month - 1, old) if part.names else _padded(then.month, part)


def _padded(number: int, part: Part) -> str:
    return f"{number:02d}" if part.padded else f"{number}"


def _name(what: str, style: str, number: int, old: str) -> str:
    lists = SHORT[style.removesuffix(" short")] if style.endswith(" short") else CALENDAR[style]
    name = lists[0 if what == "month" else 1].split()[number]
    if old.isupper():
        return name.upper()
    return name.capitalize() if old[0].isupper() else name.lower()


def _time_part(moment: Moment, part: Part, old: str, shift: int) -> str:
    minute = moment.at + shift
    if part.what == "minute":
        return f"{minute % 60:02d}"
    if part.what == "half":
        late = "p" if minute >= 720 else "a"
        return late.upper() if old.isupper() else late
    hour = minute // 60
    if part.names == "twelve":
        hour = hour % 12 or 12
    return f"{hour:02d}" if old[0] == "0" else f"{hour}"
