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


@cache
def _ranges(category: str, *, negated: bool) -> str:
    spans: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith(category) is negated:
            continue
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in spans)


def python_schema(schema: Any) -> Any:
    """Return the schema with each `pattern` and each name in `patternProperties` as Python writes it.

    Every mapping is looked through, annotations too: an object that holds a string `pattern` outside a schema keeps its
    meaning, as only what Python cannot compile is changed.
    """
    if isinstance(schema, list):
        return [python_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key in ("const", "enum", "default", "example", "examples"):
            out[key] = value
        elif key == "pattern" and isinstance(value, str):
            out[key] = _if_needed(value)
        elif key == "patternProperties" and isinstance(value, dict):
            out[key] = {_if_needed(pattern): python_schema(each) for pattern, each in value.items()}
        else:
            out[key] = python_schema(value)
    return out


def _if_needed(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        try:
            return python_pattern(pattern)
        except ValueError:
            return pattern  # named by the audit where the schema is reached
    return pattern
