"""What each byte of a UTF-8 text is to word editing: flags, the same on every byte of a character."""

import unicodedata
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Stands between two words.
BREAK: Final = 1
# May open or close a word; other marks at its edges are punctuation around it.
SOLID: Final = 2
# Makes a word: a run without a letter or digit is punctuation.
ALNUM: Final = 4
# Ends a sentence or a line.
ENDER: Final = 8
UPPER: Final = 16
# Inside a span or a protected pattern: part of one word, whatever the character.
FORCED: Final = 32

# Spaces that forbid a break: "10 000" with one of them is one word.
_NO_BREAK = frozenset("\u00a0\u2007\u202f")
# Dashes and dots that part words without a space.
_PARTING = frozenset("—―…⸺⸻")
_EDGE = frozenset("%‰#@&§°™®©№_")
_NOT_EDGE = frozenset("|~^`<>")
ENDERS: Final = ".!?…。！？؟۔।｡"  # noqa: RUF001 - the full-width and the Arabic marks are meant
# Stands for a dropped word where its gaps are joined, so it may not be in one: it counts as a letter.
DROPPED: Final = "\0"


def _flags(code: int) -> int:
    char = chr(code)
    kind = unicodedata.category(char)
    if char == DROPPED:
        return SOLID | ALNUM
    if (char.isspace() and char not in _NO_BREAK) or char in _PARTING:
        return BREAK | (ENDER if char in "\n\r\u2028\u2029\u0085…" else 0)
    if kind[0] in "LN":
        return SOLID | ALNUM | (UPPER if kind in {"Lu", "Lt"} else 0)
    edge = kind in {"Mn", "Mc", "Me", "Sc", "Sm", "Pc"} or char in _EDGE
    if edge and char not in _NOT_EDGE and not 0xFE00 <= code <= 0xFE0F:
        return SOLID
    return ENDER if char in ENDERS else 0


@cache
def _ascii() -> bytes:
    return bytes(_flags(code) if code < 128 else 0 for code in range(256))


_UNKNOWN = 255


@cache
def _known() -> Bytes:
    """Return the flags by code point, filled as characters turn up."""
    return np.full(0x110000, _UNKNOWN, np.uint8)


def char_flags(data: Bytes) -> Bytes:
    """Return the flags of each byte of valid UTF-8; writable."""
    flags = np.frombuffer(bytearray(data.tobytes().translate(_ascii())), np.uint8)
    lead = np.flatnonzero(data >= 0xC0)
    if lead.size:
        size = 2 + (data[lead] >= 0xE0) + (data[lead] >= 0xF0)
        found = _looked_up(_code_points(data, lead, size))
        for part in range(4):
            longer = size > part
            flags[lead[longer] + part] = found[longer]
    return flags


def _code_points(data: Bytes, lead: Ints, size: Ints) -> npt.NDArray[Any]:
    code = data[lead].astype(np.int64) & (0x7F >> size)
    for part in range(1, 4):
        longer = size > part
        code[longer] = (code[longer] << 6) | (data[lead[longer] + part] & 0x3F)
    return code


def _looked_up(codes: npt.NDArray[Any]) -> Bytes:
    known = _known()
    found = known[codes]
    if (missing := found == _UNKNOWN).any():
        new = np.unique(codes[missing])
        known[new] = [_flags(code) for code in new.tolist()]
        found = known[codes]
    return found
