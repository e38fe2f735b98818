"""A block of texts with their targets: what is found in them, what of it moves, and how they read afterwards."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.core.record import dumps
from tasks.methods.perturb._value_calendar import Calendar, loose_names
from tasks.methods.perturb._value_find import Amount, Finder, values_of, word_of
from tasks.methods.perturb._value_groups import ledger
from tasks.methods.perturb._value_moment import Moment, moved
from tasks.methods.perturb._value_move import Pace, moves
from tasks.methods.perturb._value_number import MILLION, ascii_digits, in_script, uses_comma, written, zero_of
from tasks.methods.perturb._value_shift import Reach, shifts
from tasks.methods.perturb._value_spans import Spans
from tasks.methods.perturb._value_text import Docs, Ints, applied, docs_of, edits_of
from tasks.methods.perturb._value_words import FRACTIONS, FRACTIONS_OF_TIME


@dataclass(frozen=True)
class Choice:
    """What moves and how far; null reaches and missing paces leave a kind as it is."""

    paces: Mapping[str, Pace]
    reaches: Mapping[str, Reach | None]
    words: bool
    band: str
    protect: tuple[re.Pattern[str], ...]
    names: frozenset[str]
    day_first: bool | None


@dataclass(frozen=True)
class Block:
    """Texts and targets as they read now, where the spans are, and what changed in each, as JSON ('' for nothing)."""

    texts: list[str]
    targets: list[str]
    spans: Any
    changed: list[str]
    changed_targets: list[str]


@dataclass
class _Side:
    """One column of a block: its texts, what was found, and the edits to come."""

    docs: Docs
    text: str
    held: np.ndarray[Any, np.dtype[np.bool_]]
    borders: Ints
    amounts: list[Amount] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    kept: list[tuple[int, int]] = field(default_factory=list)
    loose: dict[str, set[int]] = field(default_factory=dict)
    edits: list[tuple[int, int, str, str]] = field(default_factory=list)

    def protected(self, start: int, end: int) -> bool:
        """Return whether a place is protected, or a span begins or ends within it."""
        inside = np.searchsorted(self.borders, start, "right") < np.searchsorted(self.borders, end, "left")
        return bool(inside or self.held[start:end].any())


def perturbed(
    rng: np.random.Generator, choice: Choice, texts: Sequence[str], targets: Sequence[str], spans: Spans
) -> Block:
    """Return what becomes of a block."""
    sides = [_side(texts, choice, spans), _side(targets, choice, None)]
    _move_amounts(rng, choice, sides)
    _shift_moments(rng, choice, sides)
    if choice.words:
        _swap_fractions(rng, sides)
    new_texts, moved_spans, changed = _finished(sides[0], spans)
    new_targets, _, changed_targets = _finished(sides[1], None)
    return Block(new_texts, new_targets, moved_spans.column() if moved_spans else None, changed, changed_targets)


def _side(texts: Sequence[str], choice: Choice, spans: Spans | None) -> _Side:
    docs = docs_of(texts)
    text = ascii_digits(docs.joined)
    held = np.zeros(len(text) + 1, bool)
    borders = np.zeros(0, np.int64)
    if spans is not None:
        starts, ends = spans.within(docs)
        borders = np.sort(np.concatenate([starts, ends]))
        naming = _naming(spans, choice.names)
        for start, end in zip(starts[naming].tolist(), ends[naming].tolist(), strict=True):
            held[start:end] = True
    for base, one in zip(docs.starts.tolist(), texts, strict=True) if choice.protect else ():
        for match in (match for pattern in choice.protect for match in pattern.finditer(one)):
            held[base + match.start() : base + match.end()] = True
    side = _Side(docs, text, held, borders)
    _look(side, texts, choice)
    return side


def _naming(spans: Spans, names: frozenset[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which spans are of a type that holds one of the names as a word: ORDER_ID holds ID."""
    words = {one: re.split(r"[^A-Z0-9]+", (one or "").upper()) for one in spans.types.unique().to_pylist()}
    naming = {one: bool(names.intersection(parts)) for one, parts in words.items()}
    return np.array([naming[one] for one in spans.types.to_pylist()], bool)


def _look(side: _Side, texts: Sequence[str], choice: Choice) -> None:
    taken = bytearray(len(side.text))
    calendar = Calendar(side.docs, side.text, taken, day_first=choice.day_first)
    calendar.find()
    side.moments = calendar.moments
    side.loose = loose_names(side.docs, side.text, taken)
    commas = ["," in one and uses_comma(ascii_digits(one)) for one in texts]
    finder = Finder(side.docs, side.text, commas, taken)
    finder.find()
    side.amounts, side.kept = finder.amounts, finder.kept


def _move_amounts(rng: np.random.Generator, choice: Choice, sides: Sequence[_Side]) -> None:
    amounts = [amount for side in sides for amount in side.amounts]
    if not amounts:
        return
    first = len(sides[0].amounts)
    found = ledger(
        amounts,
        frozenset(range(first, len(amounts))),
        kept=frozenset(_kept(sides)),
        fixed=_fixed(sides),
        kinds=frozenset(choice.paces),
        words=choice.words,
        band=choice.band,
    )
    new = moves(rng, found, choice.paces)
    for group, value in zip(found.groups, new.tolist(), strict=True):
        if value == group.value:
            continue
        for number in group.members:
            amount = amounts[number]
            side = sides[number >= first]
            old = side.docs.joined[amount.start : amount.end]
            text = word_of(value // MILLION, amount.style, like=old) if amount.word else written(value, amount.style)
            side.edits.append((amount.start, amount.end, text, amount.kind))


def _kept(sides: Sequence[_Side]) -> list[tuple[int, int]]:
    """Return (row, value) of the numbers that are no amounts."""
    return [pair for side in sides for pair in values_of(side.kept, side.text, side.docs)]


# A year of birth and an age say the same: neither moves where a text has both.
_BORN = re.compile(r"[Bb]orn|[Bb]irth|DOB")


def _fixed(sides: Sequence[_Side]) -> set[int]:
    """Return the numbers of the amounts that may not move: protected, or measured by dates that move."""
    moments: dict[int, int] = {}
    dated = set()
    for moment in (moment for side in sides for moment in side.moments):
        moments[moment.row] = moments.get(moment.row, 0) + 1
        if moment.dated:
            dated.add(moment.row)
    years = {amount.row for side in sides for amount in side.amounts if amount.kind == "year"}
    born = {sides[0].docs.rows(np.array([m.start()]))[0] for m in _BORN.finditer(sides[0].text)} & (dated | years)
    born &= {amount.row for side in sides for amount in side.amounts if amount.kind == "age"}
    fixed, number = set(), 0
    for side in sides:
        for amount in side.amounts:
            measured = amount.unit == "time" and moments.get(amount.row, 0) > 1
            told = amount.kind in {"age", "year"} and amount.row in born
            if (
                measured
                or told
                or (amount.kind == "year" and amount.row in dated)
                or side.protected(amount.start, amount.end)
            ):
                fixed.add(number)
            number += 1
    return fixed


def _shift_moments(rng: np.random.Generator, choice: Choice, sides: Sequence[_Side]) -> None:
    moments = [moment for side in sides for moment in side.moments]
    if not moments:
        return
    loose = {name: set().union(*(side.loose[name] for side in sides)) for name in ("month", "weekday", "noon")}
    loose["year"] = {amount.row for side in sides for amount in side.amounts if amount.kind == "year"}
    # What the target reckons with (from 1 to 4 pm, so 4 - 1 = 3 hours) has to stay in the text.
    worked = set(values_of(sides[1].kept, sides[1].text, sides[1].docs))
    fixed = {
        (one.row, one.kind)
        for side in sides
        for one in side.moments
        if side.protected(one.start, one.end) or worked.intersection(_numbers_of(one, side.text))
    }
    found = shifts(rng, moments, loose, choice.reaches, fixed)
    for side in sides:
        for moment in side.moments:
            shift = found.get((moment.row, moment.kind))
            if shift:
                old, plain = (text[moment.start : moment.end] for text in (side.docs.joined, side.text))
                new = in_script(moved(moment, shift, side.text), zero_of(old, plain))
                side.edits.append((moment.start, moment.end, new, moment.kind))


def _numbers_of(moment: Moment, text: str) -> list[tuple[int, int]]:
    digits = [text[part.start : part.end] for part in moment.parts]
    return [(moment.row, int(one) * MILLION) for one in digits if one.isdigit()]


_FRACTION = re.compile(
    "|".join(rf"(?<!\w){form}(?!\w)" for one in (*FRACTIONS_OF_TIME, *FRACTIONS) for form in (one, one.capitalize()))
)


def _swap_fractions(rng: np.random.Generator, sides: Sequence[_Side]) -> None:
    """Put another fraction for each, the same for the same one of a row."""
    chosen: dict[tuple[int, str], str] = {}
    for side in sides:
        for match in _FRACTION.finditer(side.text):
            start, end = match.span()
            if side.protected(start, end):
                continue
            old = match[0].lower()
            key = (int(side.docs.starts.searchsorted(start, "right")) - 1, old)
            if key not in chosen:
                alike = FRACTIONS_OF_TIME if old in FRACTIONS_OF_TIME else FRACTIONS
                others = [one for one in alike if one != old]
                chosen[key] = others[int(rng.integers(len(others)))]
            new = chosen[key]
            side.edits.append((start, end, new.capitalize() if match[0][0].isupper() else new, "fraction"))


def _finished(side: _Side, spans: Spans | None) -> tuple[list[str], Spans | None, list[str]]:
    """Return the new texts, the moved spans, and what changed in each text."""
    side.edits.sort()
    starts, ends = (np.array([edit[part] for edit in side.edits], np.int64) for part in (0, 1))
    edits = edits_of(starts, ends, [edit[2] for edit in side.edits])
    made, texts = applied(side.docs, edits)
    rows = side.docs.rows(starts)
    base = made.starts[rows]
    places = zip(
        rows.tolist(),
        (edits.moved_starts(starts) - base).tolist(),
        (edits.moved_ends(ends) - base).tolist(),
        strict=True,
    )
    changes: list[list[dict[str, Any]]] = [[] for _ in texts]
    for (row, start, end), (old_start, old_end, new, kind) in zip(places, side.edits, strict=True):
        old = side.docs.joined[old_start:old_end]
        changes[row].append({"start": start, "end": end, "from": old, "to": new, "kind": kind})
    return texts, spans.moved(side.docs, edits, made) if spans else None, [dumps(one) if one else "" for one in changes]
