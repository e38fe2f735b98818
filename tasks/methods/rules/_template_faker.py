"""Faker slots of the method `template`: which providers are safe to make again, and one call a row."""

import datetime as dt
import difflib
import inspect
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
from faker import Faker
from faker.config import AVAILABLE_LOCALES

from tasks.core.errors import RecipeError, choices
from tasks.core.fakers import faker_of
from tasks.methods.rules._template_slots import FakerSlot

# A Faker is slow to build and is shared, and its random state with it: one column at a time.
_LOCK = threading.Lock()

# These read the clock only for the bounds that are not given.
_BOUNDS = {
    "date": ("end_datetime",),
    "date_object": ("end_datetime",),
    "date_time": ("end_datetime",),
    "date_time_ad": ("end_datetime",),
    "iso8601": ("end_datetime",),
    "date_between": ("start_date", "end_date"),
    "date_time_between": ("start_date", "end_date"),
    "date_between_dates": ("date_start", "date_end"),
    "date_time_between_dates": ("datetime_start", "datetime_end"),
}
# Picks a browser by name at run time, and one of them reads the clock.
_DYNAMIC = frozenset({"user_agent"})
_REFUSALS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_WRITABLE = (str, int, float, Decimal, dt.date)


def check_faker(name: str, spec: FakerSlot) -> None:
    """Raise RecipeError for a locale, provider or arguments that Faker does not take."""
    if spec.locale not in AVAILABLE_LOCALES:
        raise RecipeError(
            f"slot '{name}': unknown Faker locale '{spec.locale}'{choices(spec.locale, AVAILABLE_LOCALES)}"
        )
    have = _providers(spec.locale)
    if spec.faker not in have:
        near = difflib.get_close_matches(spec.faker, have, n=3)
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else f"there are {len(have)}, such as name"
        raise RecipeError(f"slot '{name}': unknown Faker provider '{spec.faker}' in {spec.locale}; {hint}")
    _check_clock(name, spec)
    try:
        value = _call(_faker(spec.locale), spec)
    except _REFUSALS as exc:
        raise RecipeError(f"slot '{name}': Faker provider '{spec.faker}' refuses {spec.args!r}: {exc}") from exc
    if not isinstance(value, _WRITABLE):
        kind = type(value).__name__
        raise RecipeError(f"slot '{name}': Faker provider '{spec.faker}' gives a {kind}, not a text, a number or a day")


def made(spec: FakerSlot, rng: np.random.Generator, rows: int) -> list[str | None]:
    """Return a value a row, as texts, the same for the same state of `rng`; None where the provider gave up."""
    seed = int(rng.integers(2**63))
    with _LOCK:
        faker = _faker(spec.locale)
        faker.seed_instance(seed)
        return [_text(faker, spec) for _ in range(rows)]


def _text(faker: Faker, spec: FakerSlot) -> str | None:
    try:
        return str(_call(faker, spec))
    except _REFUSALS:
        return None


@cache
def _faker(locale: str) -> Faker:
    return faker_of(locale)


@cache
def _providers(locale: str) -> dict[str, Callable[..., Any]]:
    """Return the providers' public methods by name; the first provider that has a name wins, as in Faker."""
    found: dict[str, Callable[..., Any]] = {}
    for provider in _faker(locale).get_providers():
        for name in dir(provider):
            method = getattr(provider, name)
            if not name.startswith("_") and inspect.isroutine(method):
                found.setdefault(name, method)
    return found


def _call(faker: Faker, spec: FakerSlot) -> Any:
    method = getattr(faker, spec.faker)
    if isinstance(spec.args, list):
        return method(*spec.args)
    return method(**_dated(spec))


def _dated(spec: FakerSlot) -> dict[str, Any]:
    """Return the arguments with the days among the bounds as datetimes; Faker reads no ISO dates."""
    args = dict(spec.args)
    for bound in _BOUNDS.get(spec.faker, ()):
        if (day := _day(args.get(bound))) is not None:
            args[bound] = day
    return args


def _day(value: Any) -> dt.datetime | None:
    if isinstance(value, dt.date):
        value = value.isoformat()
    try:
        return dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _check_clock(name: str, spec: FakerSlot) -> None:
    method = _providers(spec.locale)[spec.faker]
    if spec.faker not in _DYNAMIC and not _reads_clock(method, _providers(spec.locale)):
        return
    bounds = _BOUNDS.get(spec.faker, ())
    if bounds and isinstance(spec.args, dict) and all(_day(spec.args.get(bound)) for bound in bounds):
        return
    way = f"give {' and '.join(bounds)} as YYYY-MM-DD" if bounds else "use a date slot"
    raise RecipeError(
        f"slot '{name}': Faker provider '{spec.faker}' reads today's date, so its rows could not be made again; {way}"
    )


def _reads_clock(method: Callable[..., Any], have: dict[str, Callable[..., Any]]) -> bool:
    """Return whether a provider's code, or any that it names, asks for the time of day or the date."""
    seen, todo = [], [method]
    while todo:
        current = todo.pop()
        function = inspect.unwrap(getattr(current, "__func__", current))
        code = getattr(function, "__code__", None)
        if code is None or code in seen:
            continue
        seen.append(code)
        # passport_dates has `date.today()` as a default, fixed when the module was loaded.
        if {"now", "today", "utcnow"} & {*code.co_names} or _has_date(function.__defaults__):
            return True
        owner = getattr(current, "__self__", None)
        named = ((have.get(n), getattr(owner, n, None), function.__globals__.get(n)) for n in code.co_names)
        todo += [found for triple in named for found in triple if inspect.isroutine(found)]
    return False


def _has_date(defaults: tuple[Any, ...] | None) -> bool:
    return any(isinstance(value, dt.date) for value in defaults or ())
