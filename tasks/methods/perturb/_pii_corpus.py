"""Sentences with marked names, addresses, organisations and places, for the name finder to learn from."""

import re
from collections.abc import Iterator
from functools import cache

import numpy as np

from tasks.methods.perturb import _pii_lines as private
from tasks.methods.perturb import _pii_lines_more as more
from tasks.methods.perturb import _pii_lines_plain as plain
from tasks.methods.perturb._pii_mix import TYPES as _TYPES
from tasks.methods.perturb._pii_mix import crossed, swapped, table
from tasks.methods.perturb._pii_slots import Rng, ordinary, value
from tasks.methods.perturb._pii_values import Pools, any_of

Marked = tuple[str, list[tuple[int, int, str]]]
_Part = str | list[list[tuple[str, bool]]]
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
# Shares of the corpus; plain sentences are many because what they teach is what to leave alone.
_SHARES = (
    (private.PEOPLE + more.PEOPLE, 0.30),
    (private.PLACES + more.PLACES, 0.14),
    (private.ORGS + more.ORGS, 0.14),
    (private.ADDRESSES + more.ADDRESSES, 0.18),
    (plain.PLAIN + more.PLAIN, 0.24),
)
# Texts into which a value is put at random: a name is to be known as one wherever it stands.
_INSERTED = 0.3
_CROSSED, _SWAPPED, _TABLES = 0.15, 0.3, 0.08


def corpus(rows: int, seed: int, latin: list[Pools], other: list[Pools]) -> Iterator[Marked]:
    """Yield `rows` texts with their marks (start, end, type), the same ones for the same seed."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    for _ in range(rows):
        pools = other if rng.random() < 0.05 else latin
        pool = pools[int(rng.integers(len(pools)))]
        if pools is latin and rng.random() < 0.25:
            pool = latin[int(rng.integers(4))]
        sentences = [_sentence(rng, pool)]
        while rng.random() < 0.25 and len(sentences) < 4:
            sentences.append(_sentence(rng, pool))
        if rng.random() < _INSERTED:
            sentences = [_inserted(rng, sentence, pool) for sentence in sentences]
        yield _noisy(rng, _joined(rng, sentences))


def _sentence(rng: Rng, pools: Pools) -> Marked:
    """Return a sentence as it is written, or one crossed with another, with other words, or a table."""
    if rng.random() < _TABLES:
        return table(rng, pools)
    marked = _written(rng, pools)
    if rng.random() < _CROSSED:
        marked = crossed(rng, marked, _written(rng, pools))
    return swapped(rng, marked, ordinary()) if rng.random() < _SWAPPED else marked


def _written(rng: Rng, pools: Pools) -> Marked:
    groups, ends = _groups()
    return _one(rng, groups[int(np.searchsorted(ends, rng.random() * ends[-1]))], pools)


@cache
def _groups() -> tuple[list[list[list[_Part]]], list[float]]:
    ends = np.cumsum([share for _, share in _SHARES]).tolist()
    return [_parsed(lines) for lines, _ in _SHARES], ends


def _inserted(rng: Rng, marked: Marked, pools: Pools) -> Marked:
    """Return a sentence with one more value in it, between two words, behind a word that goes with its type."""
    text, marks = marked
    gaps = [i for i, char in enumerate(text) if char == " " and not any(a <= i < b for a, b, _ in marks)]
    if not gaps:
        return marked
    at = gaps[int(rng.integers(len(gaps)))]
    slot, before = _INSERTS[int(rng.integers(len(_INSERTS)))]
    lead = f" {any_of(rng, before)}".rstrip(" ") + " "
    name = value(rng, slot, pools)
    start, size = at + len(lead), len(lead) + len(name)
    moved = [(a + size * (a > at), b + size * (a > at), kind) for a, b, kind in marks]
    return text[:at] + lead + name + text[at:], sorted([*moved, (start, start + len(name), _TYPES[slot])])


_INSERTS = (
    ("name", ["", "", "by", "with", "and", "for", "from", "of"]),
    ("first", ["", "", "", "by", "with", "and", "for", "to", ","]),
    ("last", ["", "", "by", "with", "and", "for", "of", "Dr"]),
    ("name", ["", "colleague", "manager", "witness", "a certain", "our", "user", "client"]),
    ("place", ["in", "in", "to", "near", "from", "at", "outside", "via", "around", "towards"]),
    ("place", ["in", "to", "near", "from", "at", "leaving", "reached", "visit"]),
    ("org", ["at", "by", "for", "with", "via", "the", "by the", "employer", "company", "supplier"]),
    ("spot", ["at", "to", "on", "near", "from", "outside", "of"]),
)


@cache
def _parsed(lines: str) -> list[list[_Part]]:
    return [_parts(line.replace("\\n", "\n")) for line in lines.splitlines() if line]


def _parts(line: str) -> list[_Part]:
    parts: list[_Part] = []
    for number, text in enumerate(_CHOICE.split(line)):
        options = text.split("|") if number % 2 else [text]
        parts.append([_slots(option) for option in options])
    return parts


def _slots(text: str) -> list[tuple[str, bool]]:
    """Return pieces of text, each with whether it names a slot."""
    return [(piece, bool(number % 2)) for number, piece in enumerate(_SLOT.split(text)) if piece or number % 2]


def _one(rng: Rng, lines: list[list[_Part]], pools: Pools) -> Marked:
    line = lines[int(rng.integers(len(lines)))]
    text, marks, size = [], [], 0
    for options in line:
        for piece, is_slot in options[int(rng.integers(len(options)))]:
            filled = value(rng, piece, pools) if is_slot else piece
            if is_slot and piece in _TYPES:
                marks.append((size, size + len(filled), _TYPES[piece]))
            text.append(filled)
            size += len(filled)
    return "".join(text), marks


def _joined(rng: Rng, sentences: list[Marked]) -> Marked:
    joint = any_of(rng, [" ", " ", " ", "\n", "\n\n"])
    text, marks = sentences[0]
    for sentence, later in sentences[1:]:
        if joint == " " and text[-1:].isalnum():
            text += any_of(rng, [".", ".", ".", "", " -", ","])
        shift = len(text) + len(joint)
        text += joint + sentence
        marks = marks + [(start + shift, end + shift, kind) for start, end, kind in later]
    return text, marks


def _noisy(rng: Rng, marked: Marked) -> Marked:
    """Return the text as it is, or as people type: all small, all capital, names small, no marks, a typing slip."""
    text, marks = marked
    chance = rng.random()
    if chance < 0.17:
        return _same_length(text, text.lower()), marks
    if chance < 0.2:
        return _same_length(text, text.upper()), marks
    if chance < 0.3:
        change = str.upper if chance < 0.25 else str.lower
        for start, end, _ in marks:
            text = text[:start] + _same_length(text[start:end], change(text[start:end])) + text[end:]
        return text, marks
    if chance < 0.34:
        return re.sub(r"[,.:;?!]", " ", text), marks
    if chance < 0.38 and text:
        return _same_length(text, text[0].swapcase() + text[1:]), marks
    return text, marks


def _same_length(before: str, after: str) -> str:
    """Return `after`; `before` where a letter became two ('ß' is 'SS' in capitals) and marks would move."""
    return after if len(after) == len(before) else before
