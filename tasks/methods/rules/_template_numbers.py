"""Numbers and days of the method `template`: ranges as columns, and the entries of the slots that are listed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.methods.rules._template_slots import (
    ChoicesSlot,
    DateSlot,
    LeafSpec,
    LinesSlot,
    RangeSlot,
    WeightedSlot,
    text_of,
)

# Slots of up to this many entries are listed; a longer range is written row by row.
LISTED = 2**17
_MAX_NUMBER = 2**62


@dataclass(frozen=True, slots=True)
class Numbers:
    """The values (first + step * i) / 10**scale for i below `size`; exact, so 0.1 steps stay 0.1 steps."""

    first: int
    step: int
    scale: int
    size: int
    spec: str | None
    whole: bool

    def value(self, index: int) -> int | float:
        scaled = self.first + self.step * index
        return scaled if self.whole else scaled / 10**self.scale

    def write(self, index: npt.NDArray[np.int64]) -> pa.Array:
        """Return the numbers with these indices as texts."""
        if self.whole and self.spec is None:
            return pa.array(self.first + self.step * index).cast(pa.string())
        distinct, back = np.unique(index, return_inverse=True)
        texts = pa.array([self.text(i) for i in distinct.tolist()], pa.string())
        return texts.take(pa.array(back))

    def text(self, index: int) -> str:
        value = self.value(index)
        return str(value) if self.spec is None else format(value, self.spec)


@dataclass(frozen=True, slots=True)
class Entries:
    """Different texts with their values and, where they are weighted, their weights."""

    texts: Sequence[str]
    values: Sequence[Any]
    weights: npt.NDArray[np.float64] | None = None


def numbers_of(spec: RangeSlot) -> Numbers | None:
    """Return the values of a range; None for a continuous one. A format with n decimals makes steps of 10**-n."""
    first, last = (Decimal(str(value)) for value in spec.range)
    step = Decimal(str(spec.step)) if spec.step is not None else _step(spec)
    if step is None:
        return None
    if spec.step is None and not spec.whole:
        first = (first / step).to_integral_value(ROUND_CEILING) * step
        last = (last / step).to_integral_value(ROUND_FLOOR) * step
    scale = max(0, *(-int(value.as_tuple().exponent) for value in (first, last, step)))
    low, high, stride = (int(value.scaleb(scale)) for value in (first, last, step))
    if max(abs(low), abs(high), stride) > _MAX_NUMBER:
        raise ValueError(f"range {list(spec.range)} is too wide: with its decimals it reaches past 2**62")
    if high < low:
        raise ValueError(f"range {list(spec.range)} holds no number with the decimals of format '{spec.format}'")
    return Numbers(low, stride, scale, (high - low) // stride + 1, spec.format, spec.whole)


def _step(spec: RangeSlot) -> Decimal | None:
    if spec.whole:
        return Decimal(1)
    decimals = re.search(r"\.(\d+)f$", spec.format or "")
    return Decimal(1).scaleb(-int(decimals[1])) if decimals else None


def listed(spec: LeafSpec) -> Entries | Numbers | None:
    """Return the entries of a slot, each text once; the numbers of a range too long to list; None for a continuum."""
    if isinstance(spec, WeightedSlot):
        texts = sorted(spec.weighted)  # a mapping's order does not survive every JSON writer
        return Entries(texts, texts, np.array([spec.weighted[text] for text in texts]))
    if isinstance(spec, ChoicesSlot):
        return _once([text_of(value) for value in spec.choices], spec.choices)
    if isinstance(spec, LinesSlot):
        lines = [line.strip() for line in spec.lines.splitlines() if line.strip()]
        return _once(lines, lines)
    if isinstance(spec, DateSlot):
        return _days(spec)
    numbers = numbers_of(spec)
    if numbers is None or numbers.size > LISTED:
        return numbers
    texts = [numbers.text(i) for i in range(numbers.size)]
    typed = spec.format is None
    return _once(texts, [numbers.value(i) for i in range(numbers.size)] if typed else texts)


def _once(texts: Sequence[str], values: Sequence[Any]) -> Entries:
    first = {}
    for text, value in zip(texts, values, strict=True):
        first.setdefault(text, value)
    return Entries(list(first), list(first.values()))


def _days(spec: DateSlot) -> Entries:
    days = spec.date
    count = (days.end - days.start).days + 1
    texts = [_written(days.start + timedelta(i), days.format) for i in range(count)]
    return _once(texts, texts)


def _written(day: date, form: str) -> str:
    try:
        return day.strftime(form)
    except ValueError as exc:
        raise ValueError(f"date format '{form}' does not work: {exc}") from exc
