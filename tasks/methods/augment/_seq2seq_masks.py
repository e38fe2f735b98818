"""Spans through a rewrite: masks that stand for words while a text is rewritten, and spans found again afterwards."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Span = Mapping[str, Any]

# Unknown to every dictionary, so translators copy them. The spare ones are for texts that hold the first.
_OPENERS = ("QX", "XQ", "QZX", "ZXQ", "XQJ")
_CLOSER = "Z"


@dataclass(frozen=True, slots=True)
class Masked:
    """A text whose masked parts are codes; `parts` are their words in order, `types` null where no span was there."""

    text: str
    opener: str
    parts: tuple[str, ...]
    types: tuple[tuple[str | None, ...] | None, ...]

    @property
    def code(self) -> re.Pattern[str]:
        """The pattern of a code, its number as group 1; a rewrite may have changed its case."""
        return re.compile(rf"{self.opener}(\d+){_CLOSER}", re.IGNORECASE)

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(f"{self.opener}{number}{_CLOSER}" for number in range(len(self.parts)))


@dataclass(frozen=True, slots=True)
class Restored:
    """A rewritten text with its words back, and its spans, in order of their start."""

    text: str
    spans: list[dict[str, Any]]


def spans_fit(text: str, spans: Sequence[Span] | None) -> bool:
    """Return whether the spans of a text are in range, not empty, and do not overlap."""
    if any(span is None for span in spans or ()):
        return False
    end = 0
    for span in sorted(spans or (), key=lambda one: (one["start"] or 0, one["end"] or 0)):
        start, stop = span["start"], span["end"]
        if start is None or stop is None or start < end or stop <= start or stop > len(text):
            return False
        end = stop
    return True


def mask(text: str, spans: Sequence[Span] | None, also: re.Pattern[str], opener: str | None = None) -> Masked | None:
    """Return the text with codes for its spans and for what `also` finds outside them; `spans` must fit.

    None where the text holds every code that could be used.
    """
    openers = [opener] if opener else _OPENERS
    upper = text.upper()
    free = next((one for one in openers if one not in upper), None)
    if free is None:
        return None
    places = _places(text, spans or (), also)
    pieces, parts, types, at = [], [], [], 0
    for start, end, kind in places:
        pieces += [text[at:start], f"{free}{len(parts)}{_CLOSER}"]
        parts.append(text[start:end])
        types.append(kind)
        at = end
    return Masked("".join([*pieces, text[at:]]), free, tuple(parts), tuple(types))


def _places(
    text: str, spans: Sequence[Span], also: re.Pattern[str]
) -> list[tuple[int, int, tuple[str | None, ...] | None]]:
    """Return (start, end, type of the span in a tuple, or None for what `also` found), in order."""
    places: list[tuple[int, int, tuple[str | None, ...] | None]]
    places = [(span["start"], span["end"], (span["type"],)) for span in sorted(spans, key=lambda one: one["start"])]
    found: list[tuple[int, int, tuple[str | None, ...] | None]] = []
    at = 0
    for match in also.finditer(text):
        while at < len(places) and places[at][1] <= match.start():
            at += 1
        if at == len(places) or places[at][0] >= match.end():
            found.append((match.start(), match.end(), None))
    return sorted(places + found, key=lambda place: place[0])


def restore(rewritten: str, masked: Masked) -> Restored | None:
    """Return the rewritten text with the words of each code back; None unless each code is there exactly once."""
    code = masked.code
    numbers = [int(match[1]) for match in code.finditer(rewritten)]
    if sorted(numbers) != list(range(len(masked.parts))):
        return None
    pieces, spans, at, length = [], [], 0, 0
    for match, number in zip(code.finditer(rewritten), numbers, strict=True):
        before, part, kind = rewritten[at : match.start()], masked.parts[number], masked.types[number]
        length += len(before)
        if kind is not None:
            spans.append({"start": length, "end": length + len(part), "type": kind[0]})
        pieces += [before, part]
        length += len(part)
        at = match.end()
    return Restored("".join([*pieces, rewritten[at:]]), spans)


def found_again(source: str, spans: Sequence[Span] | None, rewritten: str) -> list[dict[str, Any]] | None:
    """Return the spans of `source` where their words stand in `rewritten`; None where that is not certain.

    Certain is: the words stand there as often as in the source, so that the k-th is the k-th, and nothing overlaps.
    """
    moved = []
    for span in spans or ():
        words = source[span["start"] : span["end"]]
        whole = re.compile(_bounded(source, span))
        before = [match.start() for match in whole.finditer(source)]
        after = [match.start() for match in whole.finditer(rewritten)]
        if len(before) != len(after) or span["start"] not in before:
            return None
        start = after[before.index(span["start"])]
        moved.append({"start": start, "end": start + len(words), "type": span["type"]})
    moved.sort(key=lambda one: one["start"])
    return moved if spans_fit(rewritten, moved) else None


def _bounded(source: str, span: Span) -> str:
    """Return a pattern of the span's words that asks for a word boundary on each side where the source has one."""
    start, end = span["start"], span["end"]
    words = re.escape(source[start:end])
    left = r"(?<!\w)" if start == 0 or not source[start - 1].isalnum() else ""
    right = r"(?!\w)" if end == len(source) or not source[end].isalnum() else ""
    return f"{left}{words}{right}"
