"""What stands between two words, mended where a word between them was dropped."""

import re
import unicodedata
from typing import Final

from tasks.methods.augment._chars import ENDERS

_ENDERS = frozenset(ENDERS)
_SEPARATORS: Final = _ENDERS | frozenset(",;:、，；：،؛")  # noqa: RUF001 - the full-width and the Arabic marks are meant
_WEAK: Final = _SEPARATORS | frozenset("-–—―")
_OPEN = "([{“‘«„「（"  # noqa: RUF001 - quotes and brackets are meant
_CLOSE = ")]}”’»“」）"  # noqa: RUF001 - quotes and brackets are meant
_PARTNER: Final = dict(zip(_OPEN, _CLOSE, strict=True)) | {mark: mark for mark in "\"'`*_~|"}

_FIRST = re.compile(r"(?s)()(.*\s|)(\S*)\Z")
_LAST = re.compile(r"(?s)(\S*)(\s.*|)()\Z")
_INNER = re.compile(r"(?s)(\S*)(\s.*\s|\s)(\S*)\Z")


def mended(gaps: list[str], *, first: bool, last: bool) -> str:
    """Return one gap for those around dropped words; `first`: no word stands before it, `last`: none after.

    Brackets and quotes that held only what is gone go too, of two separators the one that ends more stays, and spaces
    close: ` "` and `", ` give `, `; at the start `` and `, ` give nothing.
    """
    gap = gaps[0]
    for place, following in enumerate(gaps[1:], start=2):
        at_end = last and place == len(gaps)
        before = _parts(gap, first=first, last=False)
        after = _parts(following, first=False, last=at_end)
        gap = _joined(before, after, first=first, last=at_end)
    return gap


_Parts = tuple[str, str, str]


def _parts(gap: str, *, first: bool, last: bool) -> _Parts:
    """Return what closes the word before, what stands alone, and what opens the word after."""
    form = _FIRST if first else _LAST if last else _INNER
    found = form.match(gap)
    return (found[1], found[2], found[3]) if found else ("", gap, "")


def _joined(before: _Parts, after: _Parts, *, first: bool, last: bool) -> str:
    opened, closed = _unpaired(before[2], after[0])
    if last:
        opened = _without_marks(opened)
    if first:
        closed = _without_marks(closed)
        return before[1] + closed + _middle_first(closed, after[1]) + opened + after[2]
    # The dropped word opened a bracket or a quote that goes on: what parted it from the next word goes.
    tail = _tail(before[0], _without(closed, _SEPARATORS) if opened else closed)
    if last:
        alone = before[1].rstrip() if _strong(before[1]) else ""
        return tail + alone + after[1]
    return tail + _middle(before, after, _ends(tail)) + opened + after[2]


def _unpaired(opened: str, closed: str) -> tuple[str, str]:
    """Return both without the brackets and quotes that now hold nothing."""
    for mark in reversed(opened):
        partner = _PARTNER.get(mark)
        if partner and partner in closed:
            opened = opened[: opened.rindex(mark)] + opened[opened.rindex(mark) + 1 :]
            closed = closed.replace(partner, "", 1)
    return opened, closed


def _tail(kept: str, closed: str) -> str:
    """Return what closes the word before: its own marks and those of the dropped word, one separator of the two."""
    if _ends(closed) and not _ends(kept):
        return _without(kept, _SEPARATORS) + closed
    return kept + (_without(closed, _SEPARATORS) if _SEPARATORS.intersection(kept) else closed)


def _middle(before: _Parts, after: _Parts, ends: bool) -> str:
    one, two = before[1], after[1]
    content, following = one.strip(), two.strip()
    if not content and not following:
        return max(one, two, key=lambda space: space.count("\n"))
    if ends and not _strong(content + following):
        return next((space for space in (one, two) if not space.strip()), " ")
    if not content or not following:
        return one if content else two
    if _strong(content) and _strong(following) and content != following:
        return one.rstrip() + two
    return one if _strong(content) or (_ends(content) and not _strong(following)) else two


def _middle_first(closed: str, two: str) -> str:
    if closed:
        return two
    return two.lstrip() if _strong(two) else ""


def _strong(middle: str) -> bool:
    """Return whether something other than dashes and separators stands there: an emoji, say."""
    return any(char not in _WEAK and not char.isspace() for char in middle)


def _ends(marks: str) -> bool:
    return not _ENDERS.isdisjoint(marks)


def _without(text: str, marks: frozenset[str]) -> str:
    return "".join(char for char in text if char not in marks)


def _without_marks(text: str) -> str:
    return "".join(char for char in text if not unicodedata.category(char).startswith("P"))
