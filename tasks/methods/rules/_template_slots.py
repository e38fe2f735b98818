"""The slot specifications of the method `template`, as a recipe writes them."""

import difflib
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from tasks.core.errors import choices
from tasks.core.method import MethodParams, TextOrFile


def text_of(value: Any) -> str:
    """Return a choice as it stands in a text; ValueError where YAML made something else of what was written."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"choice {value!r}: YAML reads yes, no, on, off, true, false and null so; put it in quotes")
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"choice {value!r} is not a number that can be written")
    if isinstance(value, int | float | date):
        return str(value)
    raise ValueError(f"choice {value!r} is not a text or a number")


def _scalar(value: Any) -> Any:
    text = text_of(value)
    return value if isinstance(value, int | float) else text


Scalar = Annotated[str | int | float, BeforeValidator(_scalar)]


def _texts_as_keys(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is not a mapping")  # noqa: TRY004 - pydantic lets a TypeError through
    return {text_of(key): inner for key, inner in value.items()}


class ChoicesSlot(MethodParams):
    """One of a list; each different text is equally likely."""

    choices: tuple[Scalar, ...] = Field(..., description="texts or numbers to pick from, at least one")

    @field_validator("choices")
    @classmethod
    def _some(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            raise ValueError("there is nothing to choose from: the list is empty")
        return value


class LinesSlot(MethodParams):
    """One of the lines of a file that are not blank."""

    lines: TextOrFile = Field(..., description="path of a file with one choice a line, or the lines themselves")

    @field_validator("lines")
    @classmethod
    def _some(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("there is no line that is not blank")
        return value


class WeightedSlot(MethodParams):
    """One of a mapping from choice to weight."""

    weighted: Annotated[dict[str, float], BeforeValidator(_texts_as_keys)] = Field(
        ..., description="choice -> weight above 0, relative to the sum of all"
    )

    @field_validator("weighted")
    @classmethod
    def _above_zero(cls, value: dict[str, float]) -> dict[str, float]:
        if not value:
            raise ValueError("there is nothing to choose from: the mapping is empty")
        for text, weight in value.items():
            if not (math.isfinite(weight) and weight > 0):
                raise ValueError(f"weight {weight:g} of '{text}' is not above 0")
        return value


def _check_format(spec: str, value: float) -> None:
    if re.search(r"\d{4}", spec):
        raise ValueError(f"format '{spec}' is over 999 characters wide")
    try:
        format(value, spec)
    except ValueError as exc:
        kind = "whole" if isinstance(value, int) else "decimal"
        raise ValueError(f"format '{spec}' does not fit {kind} numbers such as {value}; try ',d' or '.2f'") from exc


class RangeSlot(MethodParams):
    """A number between two, both included; without a step, a range with a fraction in it is continuous."""

    range: tuple[int | float, int | float] = Field(..., description="[first, last], both included")
    step: int | float | None = Field(None, description="distance of two values; 1 for whole numbers", gt=0)
    format: str | None = Field(None, description="Python format specification, such as `03d` or `,.2f`")

    @model_validator(mode="after")
    def _orders_and_formats(self) -> "RangeSlot":
        first, last = self.range
        if not (math.isfinite(first) and math.isfinite(last) and first <= last):
            raise ValueError(f"range [{first}, {last}] does not go upwards")
        if self.format is not None:
            _check_format(self.format, first if self.whole else float(first))
        return self

    @property
    def whole(self) -> bool:
        """Whether every value is a whole number."""
        return all(isinstance(value, int) for value in (*self.range, self.step or 1))


class Days(MethodParams):
    """The days of a date slot."""

    start: date = Field(..., alias="from", description="first day, YYYY-MM-DD")
    end: date = Field(..., alias="to", description="last day, YYYY-MM-DD, included")
    format: str = Field("%Y-%m-%d", min_length=1, description="strftime format")

    @model_validator(mode="after")
    def _upwards(self) -> "Days":
        if self.start > self.end:
            raise ValueError(f"from {self.start} is after to {self.end}")
        return self


class DateSlot(MethodParams):
    """A day between two, both included."""

    date: Days = Field(..., description="`from`, `to` and the strftime `format`")


class FakerSlot(MethodParams):
    """What a Faker provider makes."""

    faker: str = Field(..., description="name of a Faker provider, such as `name`")
    locale: str = Field("en_US", description="Faker locale, such as de_DE")
    args: dict[str, Any] | list[Any] = Field(default_factory=dict, description="arguments of the provider")


class SeedSlot(MethodParams):
    """A column of the seed."""

    seed: str = Field(..., min_length=1, description="column of the seed, or key of its `extra`")


class TextSlot(MethodParams):
    """A text composed of other slots."""

    text: str = Field(..., description="template that names other slots")


def _branches(value: Any) -> Any:
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"choices is a mapping from each value of the slot in `by` to its choices, not {value!r}")
    return {text_of(key): _branch(inner) for key, inner in value.items()}


def _branch(value: Any) -> Any:
    return [value] if not isinstance(value, list | tuple | Mapping) and not isinstance(value, MethodParams) else value


class BySlot(MethodParams):
    """Choices that depend on the value of another slot: the features of that product."""

    by: str = Field(..., description="name of the slot that decides")
    choices: Annotated[dict[str, "Branch"], BeforeValidator(_branches)] = Field(
        ..., description="value of that slot -> choices, weighted choices, range, date or lines"
    )
    default: Annotated["Branch | None", BeforeValidator(lambda v: None if v is None else _branch(v))] = Field(
        None, description="choices for every value that `choices` does not name"
    )


KINDS: dict[str, type[MethodParams]] = {
    "by": BySlot,  # first: it has `choices` too
    "choices": ChoicesSlot,
    "lines": LinesSlot,
    "weighted": WeightedSlot,
    "range": RangeSlot,
    "date": DateSlot,
    "faker": FakerSlot,
    "seed": SeedSlot,
    "text": TextSlot,
}
_LEAVES = ("choices", "lines", "weighted", "range", "date")


def _shaped(value: Any) -> Any:
    """Return the long form of a slot as written: a list is choices, a string is a text."""
    if isinstance(value, MethodParams):
        return value
    if isinstance(value, list | tuple):
        return {"choices": value}
    if isinstance(value, str):
        return {"text": value}
    if not isinstance(value, Mapping):
        # pydantic makes a line of a ValueError, and lets a TypeError through.
        raise ValueError(  # noqa: TRY004 - see above
            f"{value!r} is not a slot: write a list, a text or a mapping with one of {', '.join(KINDS)}"
        )
    return _known_keys(value)


def _known_keys(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    kind = _kind(value)
    if kind is None:
        key = str(next(iter(value), ""))
        near = difflib.get_close_matches(key, KINDS, n=1)
        if near:
            raise ValueError(f"unknown key '{key}'{choices(key, KINDS)}")
        raise ValueError(f"a slot needs one of {', '.join(KINDS)}; here are: {', '.join(map(str, value)) or 'none'}")
    fields = KINDS[kind].model_fields
    names = [field.alias or name for name, field in fields.items()]
    for key in value:
        if key not in fields and key not in names:
            raise ValueError(f"unknown key '{key}' of a slot with '{kind}'{choices(str(key), names)}")
    return value


def _kind(value: Any) -> str | None:
    if isinstance(value, MethodParams):
        return next((kind for kind, model in KINDS.items() if type(value) is model), None)
    return next((kind for kind in KINDS if kind in value), None)


def _leaf_shaped(value: Any) -> Any:
    shaped = _shaped(value)
    if (kind := _kind(shaped)) not in _LEAVES:
        raise ValueError(f"'{kind}' cannot stand inside `by`{choices(str(kind), _LEAVES)}")
    return shaped


Leaf = (
    Annotated[ChoicesSlot, Tag("choices")]
    | Annotated[LinesSlot, Tag("lines")]
    | Annotated[WeightedSlot, Tag("weighted")]
    | Annotated[RangeSlot, Tag("range")]
    | Annotated[DateSlot, Tag("date")]
)
Branch = Annotated[Leaf, Discriminator(_kind), BeforeValidator(_leaf_shaped)]
SlotSpec = Annotated[
    Leaf
    | Annotated[BySlot, Tag("by")]
    | Annotated[FakerSlot, Tag("faker")]
    | Annotated[SeedSlot, Tag("seed")]
    | Annotated[TextSlot, Tag("text")],
    Discriminator(_kind),
    BeforeValidator(_shaped),
]
BySlot.model_rebuild()
LeafSpec = ChoicesSlot | LinesSlot | WeightedSlot | RangeSlot | DateSlot
AnySpec = LeafSpec | BySlot | FakerSlot | SeedSlot | TextSlot
