"""Dates and times in texts: what they say, and which shifts they allow."""

import re
from bisect import bisect_right
from datetime import date
from typing import Final

from tasks.methods.perturb._value_calendar_patterns import (
    BARE_AFTER,
    BARE_BEFORE,
    LONE_NAMES,
    NO_DAY_AFTER,
    OFFSET,
    WEEKDAY_BEFORE,
    patterns,
)
from tasks.methods.perturb._value_moment import Moment, Part, month_bounds, tables
from tasks.methods.perturb._value_text import Docs

Match = re.Match[str]
# What a date without a year is reckoned in where no weekday says otherwise: no leap year, so 28 February is followed by
# 1 March, as it mostly is. The last day that a date may come to is the end of the year 9999.
_PLAIN_YEAR: Final = 2025
_LEAP_YEAR: Final = 2024
_NEAR: Final = sorted(range(2011, 2040), key=lambda year: abs(year - _PLAIN_YEAR))
_DAY_MINUTES: Final = 1440


class Calendar:
    """Takes dates and times out of texts, each place once."""

    def __init__(self, docs: Docs, text: str, taken: bytearray, *, day_first: bool | None) -> None:
        self.docs, self.text, self.taken, self.day_first = docs, text, taken, day_first
        self.moments: list[Moment] = []
        self._starts = docs.starts.tolist()

    def find(self) -> None:
        """Find every date and time; what is taken already is left alone."""
        for kind, pattern in patterns():
            take = getattr(self, f"_{kind}")
            for match in pattern.finditer(self.text):
                if self.taken.find(1, match.start(), match.end()) < 0:
                    take(match)

    def _row(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1

    def _put(self, moment: Moment) -> None:
        self.moments.append(moment)
        self.taken[moment.start : moment.end] = b"\x01" * (moment.end - moment.start)

    def _iso(self, match: Match) -> None:
        self._dated(match, int(match["m"]))

    def _numeric(self, match: Match) -> None:
        one, two = int(match["d"]), int(match["m"])
        if self._month_first(match, one, two):
            padded = len(match["d"]) == len(match["m"]) == 2
            parts = [Part("month", *match.span("d"), padded=padded), Part("day", *match.span("m"), padded=padded)]
            self._date_of(match, (int(match["y"]), one, two), [*parts, Part("year", *match.span("y"))])
        else:
            self._dated(match, two)

    def _month_first(self, match: Match, one: int, two: int) -> bool:
        """Return whether 3/4/2026 is in March: as `day_first` says, as another date of the text shows, or by `/`."""
        if max(one, two) > 12:
            return two > 12
        if self.day_first is not None:
            return not self.day_first
        row = self._row(match.start())
        text = self.text[self.docs.starts[row] : self.docs.ends[row]]
        shown = re.findall(r"(?<![\w./-])([0-9]{1,2})[-/.]([0-9]{1,2})[-/.][0-9]{2,4}(?!\w)", text)
        if any(int(first) > 12 for first, _ in shown):
            return False
        return any(int(second) > 12 for _, second in shown) or match["sep"] == "/"

    def _dmy(self, match: Match) -> None:
        self._named(match)

    def _mdy(self, match: Match) -> None:
        if not (match.start() and self.text[match.start() - 1].isalnum()):
            self._named(match)

    def _range(self, match: Match) -> None:
        self._named(match)

    def _named(self, match: Match) -> None:
        week = WEEKDAY_BEFORE.search(self.text, max(0, match.start() - 24), match.start())
        found = tables()["month"].get(match["m"].lower(), [])
        if not found:
            return
        styles = [style for style, _ in tables()["weekday"].get(week["w"].lower(), [])] if week else []
        tongues = [style.split()[0] for style in styles]
        if match.groupdict().get("suffix") == "." and not tongues:
            tongues = ["de"]
        same = [one for one in found if one[0] in styles] or [one for one in found if one[0].split()[0] in tongues]
        style, number = (same or found)[0]
        self._dated(match, number + 1, style)

    def _dated(self, match: Match, month: int, names: str = "") -> None:
        groups = match.groupdict()
        padded = not names and len(match["d"]) == len(match["m"]) == 2
        parts = [Part("month", *match.span("m"), names, padded)]
        days = [name for name in ("d0", "d", "d1") if groups.get(name)]
        parts += [Part("day", *match.span(name), "", padded or match[name][0] == "0") for name in days]
        if groups.get("y"):
            parts.append(Part("year", *match.span("y")))
        year = int(groups["y"]) if groups.get("y") else 0
        self._date_of(match, (year, month, int(match[days[0]])), parts)

    def _date_of(self, match: Match, ymd: tuple[int, int, int], parts: list[Part]) -> None:
        start = match.start()
        week = WEEKDAY_BEFORE.search(self.text, max(0, start - 24), start)
        if week and self.taken.find(1, week.start("w"), start) < 0:
            parts.append(_weekday_part(week, [part.names for part in parts if part.names]))
            start = week.start("w")
        day = _day_number(*ymd, parts[-1], self.text) if parts[-1].what == "weekday" else _day_number(*ymd, None, "")
        if day is None:
            return
        low, high = self._within_month(day, parts)
        self._put(
            Moment(
                start, match.end(), self._row(start), "date", day, tuple(sorted(parts, key=lambda part: part.start)),
                low, high, dated=any(part.what == "year" for part in parts),
            )
        )  # fmt: skip

    def _within_month(self, day: int, parts: list[Part]) -> tuple[int, int]:
        """Return the bounds of a shift; two days of one named month stay in it, and one before the other."""
        days = [int(self.text[part.start : part.end]) for part in parts if part.what == "day"]
        low, high = 1 - day, date.max.toordinal() - day
        if any(part.end - part.start == 2 for part in parts if part.what == "year"):
            century = date(2000, 1, 1).toordinal() - day, date(2099, 12, 31).toordinal() - day
            low, high = max(low, century[0]), min(high, century[1])
        if len(days) < 2:
            return low, high
        if days[0] >= days[1]:
            return 0, 0
        return max(low, 1 - days[0]), min(high, month_bounds(day)[1] - (days[1] - days[0]))

    def _bare(self, match: Match) -> None:
        """Take `the 19th`, a day of a month that is not named; `the 19th century` is none."""
        week = WEEKDAY_BEFORE.search(self.text, max(0, match.start() - 24), match.start())
        day = int(match["d"])
        near = week or BARE_BEFORE.search(self.text, max(0, match.start() - 14), match.start())
        named = week or (near and near.groupdict().get("day"))
        after = BARE_AFTER.match(self.text, match.end())
        if not near or not 1 <= day <= 31 or not (after or named) or NO_DAY_AFTER.match(self.text, match.end()):
            return
        parts = [Part("day", *match.span("d"), "d")]
        start = match.start()
        if week and self.taken.find(1, week.start("w"), start) < 0:
            parts.insert(0, _weekday_part(week, []))
            start = week.start("w")
        self._put(
            Moment(
                start, match.end(), self._row(start), "date", day, tuple(parts), 1 - day, max(0, 28 - day), bare=True
            )
        )

    def _both(self, match: Match) -> None:
        """Take `3 to 5 pm`: both lie in the half of the day that is named."""
        late = match["half"].lower() == "p"
        times = []
        for hour, minute in (("h0", "mi0"), ("h", "mi")):
            value = _minute(match[hour], match[minute], late)
            if value is None:
                return
            times.append((value, hour, minute))
        if times[0][0] >= times[1][0]:
            return
        for at, hour, minute in times:
            parts = [Part("hour", *match.span(hour), "twelve")]
            if match[minute]:
                parts.append(Part("minute", *match.span(minute)))
            low, high = (720, 1439) if late else (60, 719)
            end = match.end(minute) if match[minute] else match.end(hour)
            grain = 1 if match[minute] else 60
            row = self._row(match.start())
            self._put(Moment(match.start(hour), end, row, "time", at, tuple(parts), low - at, high - at, grain=grain))

    def _clock(self, match: Match) -> None:
        if match["sep"] == "." and not match["half"] and "Uhr" not in match[0]:
            return
        self._timed(match, Part("minute", *match.span("mi")))

    def _hour(self, match: Match) -> None:
        self._timed(match, None)

    def _from(self, match: Match) -> None:
        self._timed(match, None)

    def _till(self, match: Match) -> None:
        self._timed(match, None)

    def _timed(self, match: Match, minute: Part | None) -> None:
        half = match.groupdict().get("half")
        if OFFSET.search(self.text, max(0, match.start() - 24), match.start()):
            return
        at = _minute(match["h"], match["mi"] if minute else None, None if half is None else half.lower() == "p")
        if at is None:
            return
        twelve = half is not None or "clock" in match[0]
        low, high = _clock_bounds(match["h"], twelve=twelve, half=half is not None)
        parts = [Part("hour", *match.span("h"), "twelve" if twelve else "")]
        parts += [minute] if minute else []
        parts += [Part("half", *match.span("half"))] if half else []
        grain = 1 if minute else 60
        row = self._row(match.start())
        self._put(Moment(match.start(), match.end(), row, "time", at, tuple(parts), low - at, high - at, grain=grain))


def _weekday_part(week: Match, names: list[str]) -> Part:
    found = tables()["weekday"][week["w"].lower()]
    tongues = [style.split()[0] for style in names]
    style, _ = next((one for one in found if one[0].split()[0] in tongues), found[0])
    return Part("weekday", *week.span("w"), style)


def _clock_bounds(hour: str, *, twelve: bool, half: bool) -> tuple[int, int]:
    """Return the minutes between which a time can move and be written as it was."""
    if half:
        return 0, _DAY_MINUTES - 1
    if twelve or (len(hour) == 1 and 1 <= int(hour) <= 9):
        return 60, 779 if twelve else 599
    if hour[0] == "0":
        return 0, _DAY_MINUTES - 1
    return (600, 779) if int(hour) <= 12 else (600, _DAY_MINUTES - 1)


def _minute(hour: str, minute: str | None, late: bool | None) -> int | None:
    """Return the minute of the day; None where there is no such time."""
    number = int(hour)
    if late is not None:
        if not 1 <= number <= 12:
            return None
        number = number % 12 + 12 * late
    return number * 60 + int(minute or 0) if number < 24 else None


def _day_number(year: int, month: int, day: int, weekday: Part | None, text: str) -> int | None:
    """Return the number of a day; None where there is no such day. Without a year, in one that fits the weekday."""
    if year and year < 100:
        year += 2000
    years = [year] if year else [_LEAP_YEAR if (month, day) == (2, 29) else _PLAIN_YEAR]
    if weekday and not year:
        name = text[weekday.start : weekday.end].lower()
        wanted = {number for _, number in tables()["weekday"][name]}
        years = [one for one in _NEAR if _weekday_of(one, month, day) in wanted] + years
    try:
        return date(years[0], month, day).toordinal()
    except ValueError:
        return None


def _weekday_of(year: int, month: int, day: int) -> int | None:
    try:
        return date(year, month, day).weekday()
    except ValueError:
        return None


def loose_names(docs: Docs, text: str, taken: bytearray) -> dict[str, set[int]]:
    """Return the rows with a month, a weekday or a noon that belongs to no date or time."""
    # Two letters are more often a word (So, Do) than a short weekday.
    rows: dict[str, set[int]] = {"month": set(), "weekday": set(), "noon": set()}
    starts = docs.starts.tolist()
    for match in LONE_NAMES.finditer(text):
        place = match.start()
        if len(match[0]) > 2 and taken.find(1, place, match.end()) < 0 and not (place and text[place - 1].isalnum()):
            name = match[0].lower()
            kind = next((what for what in ("month", "weekday") if name in tables()[what]), "noon")
            rows[kind].add(bisect_right(starts, place) - 1)
    return rows
