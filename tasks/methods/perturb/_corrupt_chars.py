"""Typing and reading errors, letter by letter, over the code points of a whole batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tasks.methods.perturb._corrupt_choose import Bools, choose, rounded
from tasks.methods.perturb._corrupt_words import LETTER, classes
from tasks.methods.perturb._value_text import Codes, Docs, Edits, Ints

_LATIN = {
    "qwerty": ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    "qwertz": ("qwertzuiopü", "asdfghjklöä", "yxcvbnm"),
    "azerty": ("azertyuiop", "qsdfghjklm", "wxcvbn"),
}
# Scripts do not share letters, so their layouts live beside each other.
_OTHER_SCRIPTS = (
    ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
    ("ςερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ"),
    ("קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ"),
    ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤرىةوزظ"),
)
# What an optical reader takes one sign for; each pair is read both ways.
_OCR_PAIRS = "0O 0o 1l 1I 5S 8B 2Z 6b 9g lI il ec ao hb uv nu ij ft gq co tf DO Q0 UV MN EF"
_OCR_JOINS = {"rn": "m", "cl": "d", "vv": "w", "li": "h", "nn": "m", "ri": "n", "VV": "W", "IJ": "U"}
_SIZE = 0x800
_OPTIONS = 8


@dataclass(frozen=True)
class Confusions:
    """For each code point below _SIZE how many others it may become, and which (up to two signs each, 0: no second)."""

    counts: Ints
    first: Codes  # (_SIZE, _OPTIONS)
    second: Codes  # (_SIZE, _OPTIONS)


@lru_cache(maxsize=8)
def confusions(noise: str, layout: str) -> Confusions:
    """Return the table of `keyboard` (neighbours in a layout) or `ocr`."""
    table: dict[str, list[str]] = {}
    if noise == "keyboard":
        for rows in (_LATIN[layout], *_OTHER_SCRIPTS):
            table |= _neighbours(rows)
        table |= {key.upper(): [n.upper() for n in near] for key, near in table.items() if _has_capital(key, near)}
    else:
        for one, two in _OCR_PAIRS.split():
            table.setdefault(one, []).append(two)
            table.setdefault(two, []).append(one)
        for pair, sign in _OCR_JOINS.items():
            table.setdefault(sign, []).append(pair)
    return _packed(table)


def _has_capital(key: str, near: list[str]) -> bool:
    return key.upper() != key and all(len(sign.upper()) == 1 for sign in (key, *near))


def _neighbours(rows: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the keys that touch each key; every row stands half a key to the right of the one above it."""
    places = {key: (line, column + line / 2) for line, row in enumerate(rows) for column, key in enumerate(row)}
    return {
        key: [
            other
            for other, (there, column) in places.items()
            if other != key and abs(there - line) <= 1 and abs(column - x) <= 1
        ]
        for key, (line, x) in places.items()
    }


def _packed(table: Mapping[str, list[str]]) -> Confusions:
    counts = np.zeros(_SIZE, np.int64)
    first, second = (np.zeros((_SIZE, _OPTIONS), np.uint32) for _ in range(2))
    for key, options in table.items():
        kept = list(dict.fromkeys(options))[:_OPTIONS]
        counts[ord(key)] = len(kept)
        first[ord(key), : len(kept)] = [ord(option[0]) for option in kept]
        second[ord(key), : len(kept)] = [ord(option[1]) if option[1:] else 0 for option in kept]
    return Confusions(counts, first, second)


@dataclass(frozen=True)
class Noise:
    """What to do to which letters: `rate` of a text's letters, at least one where there is one that can change."""

    kind: str
    rate: float
    layout: str

    def edits(self, rng: np.random.Generator, docs: Docs, free: Bools) -> Edits:
        """Return the edits of texts; `free` says which code points may change."""
        letters = (classes(docs.codes) & LETTER) > 0
        able = self._able(docs.codes, letters) & free
        places = _picked(rng, docs, letters & free, able, self.rate)
        if self.kind == "case":
            return _one_for_one(places, _swapped(docs.codes[places]))
        if self.kind == "dropped":
            return _dropped(rng, docs.codes, letters, places)
        return self._confused(rng, docs.codes, free, places)

    def _able(self, codes: Codes, letters: Bools) -> Bools:
        if self.kind == "dropped":
            return letters
        if self.kind == "case":
            return letters & _has_case(codes)
        able = confusions(self.kind, self.layout).counts[np.minimum(codes, _SIZE - 1)] > 0
        return able | _joins(codes)[0] if self.kind == "ocr" else able

    def _confused(self, rng: np.random.Generator, codes: Codes, free: Bools, places: Ints) -> Edits:
        table = confusions(self.kind, self.layout)
        sign = np.minimum(codes[places], _SIZE - 1)
        option = (rng.random(places.size) * table.counts[sign]).astype(np.int64)
        one, two = table.first[sign, option], table.second[sign, option]
        ends = places + 1
        if self.kind == "ocr":
            pair, joined = _joins(codes)
            # Half of the signs that begin a pair are read with the next; so are all that cannot be misread alone.
            able = pair[places] & free[np.minimum(places + 1, free.size - 1)]
            taken = able & ((rng.random(places.size) < 0.5) | (table.counts[sign] == 0))
            one, two = np.where(taken, joined[places], one), np.where(taken, 0, two)
            ends = ends + taken
            keep = (one != 0) & np.concatenate([[True], places[1:] >= ends[:-1]])[: places.size]
            places, ends, one, two = places[keep], ends[keep], one[keep], two[keep]
        sizes = 1 + (two != 0).astype(np.int64)
        both = np.stack([one, two], 1).ravel()
        return Edits(places, ends, both[both != 0].astype(np.uint32), sizes)


def _picked(rng: np.random.Generator, docs: Docs, letters: Bools, able: Bools, rate: float) -> Ints:
    rows = docs.starts.size
    all_places = np.flatnonzero(able)
    sizes = np.bincount(docs.rows(all_places), minlength=rows)
    total = np.add.reduceat(letters, docs.starts, dtype=np.int64) if rows else sizes
    counts = np.minimum(np.maximum(rounded(rng, total * rate), 1), sizes)
    return all_places[choose(rng, sizes, counts)]


def _one_for_one(places: Ints, new: Codes) -> Edits:
    return Edits(places, places + 1, new, np.ones(places.size, np.int64))


def _dropped(rng: np.random.Generator, codes: Codes, letters: Bools, places: Ints) -> Edits:
    """Drop a letter, or strike it twice: half of each, but the first letter of a word is never dropped."""
    inner = letters[np.maximum(places - 1, 0)] & (places > 0)
    doubled = ~inner | (rng.random(places.size) < 0.5)
    signs = codes[places]
    return Edits(places, places + 1, np.repeat(signs[doubled], 2), np.where(doubled, 2, 0))


def _swapped(codes: Codes) -> Codes:
    seen = np.unique(codes)
    other = np.array([ord(chr(code).swapcase()) for code in seen.tolist()], np.uint32)
    return other[np.searchsorted(seen, codes)]


def _has_case(codes: Codes) -> Bools:
    seen = np.flatnonzero(np.bincount(codes))
    table = np.zeros(int(codes.max(initial=0)) + 1, bool)
    for code in seen.tolist():
        swapped = chr(code).swapcase()
        table[code] = len(swapped) == 1 and ord(swapped) != code
    return table[codes]


def _joins(codes: Codes) -> tuple[npt.NDArray[np.bool_], Codes]:
    """Return where a pair of signs begins that may be read as one, and as which."""
    joined = np.zeros(codes.size, np.uint32)
    for pair, sign in _OCR_JOINS.items():
        there = np.flatnonzero((codes[:-1] == ord(pair[0])) & (codes[1:] == ord(pair[1])))
        joined[there] = ord(sign)
    return joined > 0, joined
