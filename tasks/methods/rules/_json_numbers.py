"""Columns of numbers within bounds and on steps, realistic by the property's name."""

import math
from fractions import Fraction
from typing import Any, Final

import numpy as np

from tasks.methods.rules._json_facts import UNBOUNDED, Facts, ImpossibleError, contains
from tasks.methods.rules._json_kinds import words_of_name

_ROUNDS: Final = 40
_EXACT: Final = 2**53  # doubles are exact below it
_WIDEST: Final = 1.7e308
_DEFAULT: Final = (0, 1000)
_RANGES: Final = {
    "price": (1, 500), "amount": (1, 2000), "total": (5, 5000), "cost": (1, 500), "tax": (0, 100), "balance": (0, 9000),
    "fee": (0, 50), "salary": (18_000, 180_000), "discount": (0, 60), "quantity": (1, 20), "qty": (1, 20),
    "count": (0, 200), "stock": (0, 500), "age": (18, 90), "year": (1990, 2026), "month": (1, 12), "day": (1, 28),
    "hour": (0, 23), "minute": (0, 59), "rating": (1, 5), "score": (0, 100), "percent": (0, 100), "rate": (0, 1),
    "latitude": (-90, 90), "lat": (-90, 90), "longitude": (-180, 180), "lng": (-180, 180), "lon": (-180, 180),
    "id": (1, 10_000_000), "page": (1, 40), "limit": (10, 100), "size": (1, 4096), "width": (16, 4096),
    "height": (16, 4096), "weight": (0, 80), "port": (1024, 65_535), "duration": (1, 7200), "status": (100, 599),
    "timestamp": (1_420_070_400, 1_767_225_600), "version": (1, 12), "position": (1, 100), "priority": (1, 5),
}  # fmt: skip


def draw_numbers(facts: Facts, kind: str, name: str, rng: np.random.Generator, n: int) -> list[Any]:
    """Return `n` numbers of kind `integer`, `fraction` (never whole) or `number`; ImpossibleError for none."""
    good: list[Any] = []
    for _ in range(_ROUNDS):
        values = _drawn(facts, kind, name, rng, n - len(good))
        plain = kind == "number" and not (facts.steps or facts.off_steps or facts.banned)
        all_fit = plain and values and _fits(facts, kind, min(values)) and _fits(facts, kind, max(values))
        good.extend(values if all_fit else [value for value in values if _fits(facts, kind, value)])
        if len(good) == n:
            return good
    raise ImpossibleError("", f"no {kind} was found between {facts.low} and {facts.high}{_steps_said(facts)}")


def _steps_said(facts: Facts) -> str:
    said = [f"on steps of {step}" for step in facts.steps] + [f"off steps of {step}" for step in facts.off_steps]
    return "".join(f", {each}" for each in said)


def _fits(facts: Facts, kind: str, value: Any) -> bool:
    low_ok = value > facts.low or (value == facts.low and not facts.low_open)
    high_ok = value < facts.high or (value == facts.high and not facts.high_open)
    return (
        low_ok
        and high_ok
        and (kind != "fraction" or value != int(value))
        and all(_on_step(value, step) for step in facts.steps)
        and not any(_on_step(value, step) for step in facts.off_steps)
        and not contains(facts.banned, value)
    )


def _on_step(value: Any, step: Any) -> bool:
    """Return jsonschema's verdict: it divides by a float step in floats, so 0.07 is no multiple of 0.01."""
    if isinstance(step, float):
        quotient = value / step
        return math.isfinite(quotient) and int(quotient) == quotient
    return not value % step


def _drawn(facts: Facts, kind: str, name: str, rng: np.random.Generator, n: int) -> list[Any]:
    step = _common_step(facts, whole=kind == "integer")
    low, high = _window(facts, name, step or Fraction(1))
    if step is not None:
        return _multiples(step, low, high, rng, n)
    if max(abs(low), abs(high)) >= _EXACT and kind == "number":
        return _multiples(Fraction(1), low, high, rng, n)
    return _fractions(float(low), float(high), name, rng, n)


def _common_step(facts: Facts, *, whole: bool) -> Fraction | None:
    """Return the least common multiple of the steps, and of 1 where the number must be whole; None for no step."""
    steps = [Fraction(repr(step)) for step in facts.steps] + ([Fraction(1)] if whole else [])
    if not steps:
        return None
    common = steps[0]
    for step in steps[1:]:
        numerator = math.lcm(common.numerator * step.denominator, step.numerator * common.denominator)
        common = Fraction(numerator, common.denominator * step.denominator)
    return common


def _window(facts: Facts, name: str, step: Fraction) -> tuple[Any, Any]:
    """Return the bounds to draw within: the usual ones for the name where they fit, else up from what is given."""
    low, high = _usual(name)
    if facts.low > low or facts.high < high:
        room = max(1000, int(step * 200))
        if facts.low > high or facts.high < low:
            low, high = (facts.low, facts.low + room) if facts.low != -UNBOUNDED else (facts.high - room, facts.high)
        low, high = max(low, facts.low), min(high, facts.high)
    if high - low < step * 4:
        low = facts.low if facts.low != -UNBOUNDED else low - step * 100
        high = facts.high if facts.high != UNBOUNDED else max(low, high) + step * 100
    return low, high


def _usual(name: str) -> tuple[int, int]:
    for word in reversed(words_of_name(name)):
        if word in _RANGES or word.removesuffix("s") in _RANGES:
            return _RANGES.get(word) or _RANGES[word.removesuffix("s")]
    return _DEFAULT


def _multiples(step: Fraction, low: Any, high: Any, rng: np.random.Generator, n: int) -> list[Any]:
    if low < _WIDEST and high > -_WIDEST:
        low, high = max(low, -_WIDEST), min(high, _WIDEST)
    first, last = math.ceil(Fraction(low) / step), math.floor(Fraction(high) / step)
    if first > last:
        raise ImpossibleError("", f"no multiple of {float(step):g} lies between {low} and {high}")
    counts = [first + int(k) for k in rng.integers(min(last - first, _EXACT) + 1, size=n)]
    if step.denominator == 1:
        return [count * step.numerator for count in counts]
    return [float(count * step) for count in counts]


def _fractions(low: float, high: float, name: str, rng: np.random.Generator, n: int) -> list[float]:
    half = rng.random(n)
    values = low * (1 - half) + high * half  # low + (high - low) * half overflows for the widest bounds
    digits = 6 if _usual(name)[0] < 0 else 2
    if 0 < high - low < 10:
        digits = max(digits, 2 - math.floor(math.log10(high - low)))
    if digits > 15:
        return values.tolist()
    rounded = np.round(values, digits)
    return np.where((rounded >= low) & (rounded <= high), rounded, values).tolist()
