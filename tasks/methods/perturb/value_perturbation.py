"""Move numbers, prices, percentages, quantities, ages, years, dates and times; formats, sums and order stay right.

Source: Ribeiro et al. 2020, Beyond Accuracy: Behavioral Testing of NLP Models with CheckList (https://arxiv.org/abs/2005.04118)

    text: "Two items, $12.50 and $7.50, in total $20.00, due Monday 3 March 2025 from 3 to 5 pm; order HW-4410982."
    made: "Two items, $12.91 and $7.75, in total $20.66, due Friday 7 March 2025 from 2 to 4 pm; order HW-4410982."

A value is written as it was: currency and its place, signs between thousands (1.234,56, 1,234.56 or 1 234,56),
decimals, digits of its script, names and short names of months and weekdays (English, German, French, Spanish, Italian,
Dutch, Portuguese), am and pm. What is alike in a text stays so:

- The same value moves the same way, in the text and in the target; where one of its places may not move, none does.
- Values of one unit keep their order, and different ones stay different. A total is the sum of its new parts: of all
  the others, of those just before or after it, of any two prices, or so many times one. What made 100 % still does.
- Dates of a text move by one number of days, so a start stays before its end and as far from it; a weekday is the new
  date's. Where a weekday stands alone they move by weeks; where a month, a day without one (`the 19th`) or a year does,
  within it. Times of a text move by one number of minutes, within the day, in steps as round as they are.
- Zero, one thing, 100 %, `24 hours` stay. Prices of a text move by one share, so what they say of each other holds.
- Ages stay in their decade, and on their side of 18. Durations stay where two dates or times measure them.

Never moved: what a number names (order and phone numbers, versions, addresses, `room 12`, model names, 24/7, 9-to-5,
ordinals), formulas, values in the seed's spans that name something (`protect_spans`), what matches `protect`, and
numbers that only the target has, unless they are a total. A number that could be one of these stays.

Rejects: `unchanged` (nothing to move, or no way to move it), `bad_spans` (they overlap or leave the text), `no_text`.
`extra.changed` lists {start, end, from, to, kind} in the new text; `extra.changed_target` those in the target.
"""

import re
from datetime import date
from typing import Any, Final, Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tasks.core.method import Draw, Made, Method, MethodParams

_NAMES: Final = (
    "ACCOUNT ADDRESS BANK CARD CODE CREDIT EMAIL FAC FAX GPE IBAN ID IDENTIFIER INVOICE IP KEY LICENCE LICENSE LOC "
    "LOCATION MODEL NAME NORP ORDER ORG ORGANIZATION PASSPORT PASSWORD PER PERSON PHONE PLATE POSTCODE PRODUCT REF "
    "REFERENCE SERIAL SSN TICKET URL USERNAME VERSION ZIP"
)
MOVED_BY_PACE: Final = ("money", "percent", "quantity", "number", "age", "year")


class Move(MethodParams):
    """How amounts of one kind move: one of `relative`, `absolute`, `range`."""

    relative: float | None = Field(
        None, gt=0, le=1, description="share of the value, up or down, at most; one unit of its last digit at the least"
    )
    absolute: float | None = Field(
        None, gt=0, le=1e12, description="so much up or down, at most, in the value's own unit"
    )
    range: tuple[float, float] | None = Field(None, description="lowest and highest new value, in the value's own unit")
    together: bool = Field(False, description="move all values of this kind in a text by the same share (or amount)")

    @model_validator(mode="after")
    def _one_way(self) -> "Move":
        _only_one({"relative": self.relative, "absolute": self.absolute, "range": self.range})
        if self.range and not 0 <= self.range[0] < self.range[1] <= 1e12:
            raise ValueError(f"range {list(self.range)} needs a lower number, 0 or more, and a higher one up to 1e12")
        return self


class Days(MethodParams):
    """How dates move: one of `absolute`, `range`."""

    absolute: int | None = Field(None, ge=1, le=36_500, description="days back or on, at most")
    range: tuple[date, date] | None = Field(None, description="first and last new date, as 2026-01-31")

    @model_validator(mode="after")
    def _one_way(self) -> "Days":
        _only_one({"absolute": self.absolute, "range": self.range})
        if self.range and not self.range[0] < self.range[1]:
            raise ValueError(f"range {[f'{day}' for day in self.range]} needs an earlier date and a later one")
        return self


class Minutes(MethodParams):
    """How times of the day move: one of `absolute`, `range`."""

    absolute: int | None = Field(None, ge=1, le=1439, description="minutes back or on, at most")
    range: tuple[str, str] | None = Field(None, description="first and last new time, as 08:30")

    @model_validator(mode="after")
    def _one_way(self) -> "Minutes":
        _only_one({"absolute": self.absolute, "range": self.range})
        if self.range and not self.ends[0] < self.ends[1]:
            raise ValueError(f"range {list(self.range)} needs an earlier time and a later one")
        return self

    @field_validator("range")
    @classmethod
    def _times(cls, value: tuple[str, str] | None) -> tuple[str, str] | None:
        for time in value or ():
            if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", time):
                raise ValueError(f"'{time}' is no time; write it as 08:30")
        return value

    @property
    def ends(self) -> tuple[int, int]:
        """First and last minute of the day."""
        first, last = (int(time[:2]) * 60 + int(time[3:]) for time in self.range or ("00:00", "23:59"))
        return first, last


def _only_one(ways: dict[str, Any]) -> None:
    given = [name for name, way in ways.items() if way is not None]
    if len(given) != 1:
        raise ValueError(f"give one of {', '.join(ways)}; got {' and '.join(given) or 'none'}")


class Params(MethodParams):
    """What moves, and how far; null leaves a kind as it is."""

    money: Move | None = Field(Move(relative=0.1, together=True), description="prices and other sums of money")
    percent: Move | None = Field(Move(relative=0.1), description="percentages, in percent")
    quantity: Move | None = Field(Move(relative=0.1), description="numbers with a unit, durations too, in that unit")
    number: Move | None = Field(Move(relative=0.1), description="numbers without a unit")
    age: Move | None = Field(Move(absolute=5), description="ages, in years")
    age_band: Literal["decade", "none"] = Field(
        "decade", description="decade: an age stays in its ten years; either way on its side of 18 and up to 120"
    )
    year: Move | None = Field(Move(absolute=2, together=True), description="years that stand alone, in years")
    date: Days | None = Field(Days(absolute=14), description="dates, all of a text by the same days")
    time: Minutes | None = Field(
        Minutes(absolute=120), description="times of the day, all of a text by the same minutes"
    )
    words: bool = Field(False, description="move English number words too: two to ninety-nine, half of, half an hour")
    columns: tuple[Literal["text", "target"], ...] = Field(
        ("text", "target"), min_length=1, description="columns that move, the same values the same way"
    )
    protect: tuple[str, ...] = Field((), description="regular expressions: a value that one of them touches stays")
    protect_spans: tuple[str, ...] = Field(
        tuple(_NAMES.split()),
        description="span types that name something: values in spans whose type holds one of these words stay",
    )
    day_first: bool | None = Field(
        None,
        description="read 3/4/2026 as 3 April; default: as other dates of the text show, else 3/4 is March, 3.4. April",
    )
    keep_unchanged: bool = Field(False, description="accept a text in which nothing moved")

    @field_validator("protect")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as exc:
                raise ValueError(f"protect: '{pattern}' is no regular expression: {exc}") from exc
        return value

    @model_validator(mode="after")
    def _something(self) -> "Params":
        if "text" not in self.columns:
            raise ValueError(f"columns {list(self.columns)} needs 'text'; have: text, target")
        if not self.words and all(getattr(self, name) is None for name in (*MOVED_BY_PACE, "date", "time")):
            raise ValueError("nothing is to move: every kind is null and words is false")
        return self


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return each seed with its values moved; the module's text lists the reasons of rejects."""
    from tasks.methods.perturb._value_run import moved  # noqa: PLC0415 - a check is waited for

    return moved(seeds, params, draw)


METHOD = Method(
    name="value_perturbation",
    version=1,
    family="perturb",
    params=Params,
    run=run,
    gives=("text", "target", "spans", "extra"),
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=("kind", "label"),
)
