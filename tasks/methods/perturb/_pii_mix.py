"""Layouts that nobody wrote: sentences crossed, words of a sentence swapped, records of values with and without labels.

A few hundred written sentences teach themselves; these teach what a name looks like, wherever it stands.
"""

import re

import numpy as np

from tasks.methods.perturb._pii_slots import value
from tasks.methods.perturb._pii_values import Pools, any_of
from tasks.methods.perturb._pii_words import small_words

Rng = np.random.Generator
Marked = tuple[str, list[tuple[int, int, str]]]
TYPES = {
    **dict.fromkeys(("name", "first", "last", "any"), "PERSON_NAME"),
    **dict.fromkeys(("place", "country"), "LOCATION"),
    **dict.fromkeys(("addr", "street", "spot", "lines", "block", "zip"), "ADDRESS"),
    "org": "ORGANIZATION",
}
_WORD = re.compile(r"[^\W\d_]{3,}")
_SWAPPED = 0.15
_LABELS = {
    "name": ["name", "full name", "customer", "client", "contact", "user", "owner", "author", "signed", "holder", "by"],
    "first": ["first name", "given name", "nickname", "user", "from", "to", "attending"],
    "last": ["surname", "last name", "family name", "patient", "player"],
    "place": ["city", "town", "place", "location", "born in", "from", "to", "destination", "branch", "region", "site"],
    "country": ["country", "nationality", "state", "market", "origin"],
    "org": ["company", "employer", "organisation", "bank", "supplier", "school", "org", "vendor", "payee", "publisher"],
    "addr": ["address", "addr", "home", "ship to", "deliver to", "residence", "premises", "site address"],
    "street": ["street", "address line", "road", "pick-up", "stop"],
    "zip": ["zip", "postcode", "postal code"],
    "email": ["email", "mail", "e-mail"],
    "phone": ["phone", "tel", "mobile", "cell"],
    "date": ["date", "born", "since", "due"],
    "code": ["id", "ref", "order", "account", "no"],
    "job": ["job", "role", "position", "title"],
    "money": ["amount", "price", "total"],
    "n": ["age", "seats", "qty", "room"],
    "noun": ["item", "subject", "type", "status"],
    "adj": ["state", "colour", "mood"],
    "url": ["site", "link", "web"],
    "time": ["time", "at", "from"],
}
_PRIVATE = [
    "name",
    "name",
    "name",
    "first",
    "last",
    "place",
    "place",
    "country",
    "org",
    "org",
    "addr",
    "addr",
    "street",
]
# A town or a postcode behind a street is a part of its address, if no label stands between them.
_ONLY_LABELLED = frozenset(["street", "zip", "place", "country"])
_OTHER = ["zip", "email", "phone", "date", "code", "job", "money", "n", "noun", "adj", "url", "time"]
_JOINTS = [", ", ", ", "; ", " | ", " | ", " - ", " / ", "\n", "\n", "\n", "\t", "  ", " ", " · "]
_COLONS = [": ", ": ", "=", " = ", " - ", ":", " -> "]


def crossed(rng: Rng, one: Marked, two: Marked) -> Marked:
    """Return the head of one sentence and the tail of the other, each cut between two words."""
    left, right = _gaps(one), _gaps(two)
    if not left or not right:
        return one
    cut, start = left[int(rng.integers(len(left)))], right[int(rng.integers(len(right)))]
    marks = [mark for mark in one[1] if mark[1] <= cut]
    marks += [(a + cut - start, b + cut - start, kind) for a, b, kind in two[1] if a >= start]
    return one[0][:cut] + two[0][start:], marks


def _gaps(marked: Marked) -> list[int]:
    """Return where the spaces are that stand in no value."""
    text, marks = marked
    return [at for at, char in enumerate(text) if char == " " and not any(a <= at < b for a, b, _ in marks)]


def swapped(rng: Rng, marked: Marked, words: list[str]) -> Marked:
    """Return a sentence with some of its words other ones; values and the smallest words stay."""
    text, marks = marked
    small = small_words()
    out, kept, at, shift = [], [], 0, 0
    starts = iter([*marks, (len(text) + 1, 0, "")])
    mark = next(starts)
    for found in _WORD.finditer(text):
        while found.start() >= mark[1] and mark[2]:
            kept.append((mark[0] + shift, mark[1] + shift, mark[2]))
            mark = next(starts)
        if found.end() > mark[0] or found[0].lower() in small or rng.random() >= _SWAPPED:
            continue
        new = any_of(rng, words)
        new = new.capitalize() if found[0][0].isupper() else new
        out += [text[at : found.start()], new]
        at = found.end()
        shift += len(new) - len(found[0])
    while mark[2]:
        kept.append((mark[0] + shift, mark[1] + shift, mark[2]))
        mark = next(starts)
    return "".join(out) + text[at:], kept


def table(rng: Rng, pools: Pools) -> Marked:
    """Return values in a row, in lines or as a form, as in logs, tables, signatures and exports."""
    slots = [any_of(rng, _PRIVATE if rng.random() < 0.65 else _OTHER) for _ in range(int(rng.integers(2, 7)))]
    joint, colon, labelled = any_of(rng, _JOINTS), any_of(rng, _COLONS), rng.random() < 0.45
    if not labelled and {"addr", "street", "zip"}.intersection(slots):
        slots = [slot for slot in slots if slot not in _ONLY_LABELLED] or ["addr", "name"]
    quote = '"' if labelled and rng.random() < 0.15 else ""
    text, marks = "", []
    for number, slot in enumerate(slots):
        text += joint if number else ""
        if labelled:
            text += quote + _label(rng, slot) + quote + colon
        filled = value(rng, slot, pools)
        text += quote
        if slot in TYPES:
            marks.append((len(text), len(text) + len(filled), TYPES[slot]))
        text += filled + quote
    return text, marks


def _label(rng: Rng, slot: str) -> str:
    label = any_of(rng, _LABELS[slot])
    change = (str.lower, str.lower, str.capitalize, str.title, str.upper)[int(rng.integers(5))]
    return change(label) if rng.random() < 0.8 else label.replace(" ", "_")
