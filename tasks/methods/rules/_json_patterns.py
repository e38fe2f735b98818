"""Patterns of ECMA 262, which JSON Schema uses, written for Python's `re`.

The dialects agree on nearly all that schemas use; what differs and can be said in both is rewritten.
"""

import re
import sys
import unicodedata
from functools import cache, lru_cache
from typing import Any, Final

_ESCAPE: Final = re.compile(
    r"\\(?:[pP]\{([^}]*)\}|u\{([0-9A-Fa-f]+)\}|c([A-Za-z])|k<(\w+)>|.)|\(\?<(?![=!])|\[|\]", re.DOTALL
)
_LONG: Final = {
    "Letter": "L", "Lowercase_Letter": "Ll", "Uppercase_Letter": "Lu", "Titlecase_Letter": "Lt", "Other_Letter": "Lo",
    "Modifier_Letter": "Lm", "Mark": "M", "Number": "N", "Decimal_Number": "Nd", "Letter_Number": "Nl", "Other": "C",
    "Punctuation": "P", "Symbol": "S", "Separator": "Z", "Space_Separator": "Zs", "Control": "Cc", "Lowercase": "Ll",
    "Uppercase": "Lu", "Alphabetic": "L",
}  # fmt: skip
_VALUES: Final = ("const", "enum", "default", "example", "examples")
# Keywords whose value maps names to schemas: a property may be called `enum`.
_MAPS: Final = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "schemas")
_SHORT: Final = ("L", "M", "N", "P", "S", "Z", "C")


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern; ValueError, with the reason, where Python cannot say it."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"pattern {pattern!r} is not supported: {exc}") from exc


def python_pattern(pattern: str) -> str:
    """Return an ECMA 262 pattern as Python's `re` writes it; ValueError where it cannot be said."""
    depth = 0
    out: list[str] = []
    last = 0
    for found in _ESCAPE.finditer(pattern):
        out.append(pattern[last : found.start()])
        last = found.end()
        said = found.group()
        if said in "[]":
            depth = 1 if said == "[" or (depth and out[-1:] == ["["]) else 0
        out.append(_rewritten(found, inside=bool(depth)))
    result = "".join(out) + pattern[last:]
    compiled(result)
    return result


def _rewritten(found: re.Match[str], *, inside: bool) -> str:
    said = found.group()
    if found.group(1) is not None:
        return _property(found.group(1), negated=said[1] == "P", inside=inside)
    if found.group(2):
        return f"\\U{int(found.group(2), 16):08x}"
    if found.group(3):
        return f"\\x{ord(found.group(3)) % 32:02x}"
    if found.group(4):
        return f"(?P={found.group(4)})"
    return "(?P<" if said == "(?<" else said


def _property(name: str, *, negated: bool, inside: bool) -> str:
    wanted = name.removeprefix("General_Category=").removeprefix("gc=")
    short = _LONG.get(wanted, wanted)
    if short[:1] not in _SHORT or len(short) > 2:
        raise ValueError(f"pattern property '\\p{{{name}}}' is not supported; general categories are, such as \\p{{L}}")
    ranges = _ranges(short, negated=negated and inside)
    if not ranges:
        raise ValueError(f"pattern property '\\p{{{name}}}' names no characters")
    return ranges if inside else f"[{'^' if negated else ''}{ranges}]"


def _ranges(category: str, *, negated: bool) -> str:
    spans = sorted(
        span for name, found in _spans().items() if name.startswith(category) is not negated for span in found
    )
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in spans)


@cache
def _spans() -> dict[str, list[tuple[int, int]]]:
    """Return the runs of code points of each general category; one pass over Unicode takes 0.2 s."""
    spans: dict[str, list[tuple[int, int]]] = {}
    first, name = 0, unicodedata.category("\0")
    for code in range(1, sys.maxunicode + 2):
        found = unicodedata.category(chr(code)) if code <= sys.maxunicode else ""
        if found != name:
            spans.setdefault(name, []).append((first, code - 1))
            first, name = code, found
    return spans


def python_schema(schema: Any) -> Any:
    """Return the schema with each `pattern`, and each name in `patternProperties`, as Python writes it.

    What Python can compile stays as it is; so do values (`const`, `enum`, `default`, examples).
    """
    if isinstance(schema, list):
        return [python_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _python_keyword(key, value) for key, value in schema.items()}


def _python_keyword(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key == "pattern" and isinstance(value, str):
        return _if_needed(value)
    if key in _MAPS and isinstance(value, dict):
        renamed = _if_needed if key == "patternProperties" else str
        return {renamed(name): python_schema(each) for name, each in value.items()}
    return python_schema(value)


def _if_needed(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        try:
            return python_pattern(pattern)
        except ValueError:
            return pattern  # named by the audit where the schema is reached
    return pattern
