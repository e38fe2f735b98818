"""Is a value what a key of an expectation takes."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final


def _number(value: Any) -> str | None:
    return None if isinstance(value, int | float) and not isinstance(value, bool) else "a number"


def _count(value: Any) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if good else "a whole number of 0 or more"


def _share(value: Any) -> str | None:
    return None if _number(value) is None and 0 <= value <= 1 else "a number in [0, 1]"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a text"


def _regex(value: Any) -> str | None:
    if not isinstance(value, str):
        return "a regular expression"
    try:
        re.compile(value)
    except re.error as exc:
        return f"a regular expression ({exc})"
    return None


def _regexes(value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return "a list of regular expressions"
    return next((wrong for item in value if (wrong := _regex(item))), None)


def _values(value: Any) -> str | None:
    good = isinstance(value, list) and value and all(isinstance(item, str | int | float) for item in value)
    return None if good else "a list of texts or numbers"


def _any_all(value: Any) -> str | None:
    return None if value in ("any", "all") else "any or all"


# By kind of value: what it should have been, or None where it is that.
WRONG: Final[Mapping[str, Callable[[Any], str | None]]] = MappingProxyType(
    {
        "number": _number,
        "count": _count,
        "share": _share,
        "flag": _flag,
        "text": _text,
        "regex": _regex,
        "regexes": _regexes,
        "values": _values,
        "any_all": _any_all,
    }
)
