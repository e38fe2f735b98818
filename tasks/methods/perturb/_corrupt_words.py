"""Words, punctuation marks and emoji of a text as tokens; with the white space between them they are the text."""

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from tasks.methods.perturb._value_text import Codes, Docs, Ints

SPACE, WORD, LETTER, ALONE, JOINED, APOSTROPHE = 1, 2, 4, 8, 16, 32
_UNKNOWN = 255
_JOINER = 0x200D
_APOSTROPHES = frozenset("'’")
# Scripts that are written without spaces: each sign is a token.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF))
_UNSPACED_FAR = ((0xF900, 0xFAFF), (0x20000, 0x3FFFF))


@dataclass(frozen=True)
class Tokens:
    """Tokens of every text, end to end: [start, end) in code points of the whole, how many a row has.

    `words` numbers the word that each token is part of, `ids` are a tokenizer's own; None where tokens are words.
    """

    starts: Ints
    ends: Ints
    counts: Ints
    words: Ints | None = None
    ids: Ints | None = None


@cache
def _table() -> npt.NDArray[np.uint8]:
    return np.full(0x110000, _UNKNOWN, np.uint8)


def classes(codes: Codes) -> npt.NDArray[np.uint8]:
    """Return what each code point is, as bits: SPACE, WORD, LETTER, ALONE (a token of its own), JOINED, APOSTROPHE."""
    table = _table()
    for code in np.flatnonzero(np.bincount(codes)).tolist():
        if table[code] == _UNKNOWN:
            table[code] = _class_of(code)
    return table[codes]


def _class_of(code: int) -> int:
    sign = chr(code)
    if code == 0 or sign.isspace():
        return SPACE
    if code == _JOINER or unicodedata.category(sign)[0] == "M" or 0x1F3FB <= code <= 0x1F3FF:
        return JOINED
    if sign in _APOSTROPHES:
        return ALONE | APOSTROPHE
    if any(low <= code <= high for low, high in _UNSPACED + _UNSPACED_FAR):
        return ALONE | (LETTER if sign.isalpha() else 0)
    if sign.isalnum() or sign == "_":
        return WORD | (LETTER if sign.isalpha() else 0)
    return ALONE


def word_tokens(docs: Docs) -> Tokens:
    """Return the tokens of texts: runs of letters and digits, with an apostrophe inside, and other signs."""
    kinds = classes(docs.codes)
    word = (kinds & WORD) > 0
    inside = np.zeros(word.size, bool)
    inside[1:-1] = ((kinds[1:-1] & APOSTROPHE) > 0) & word[:-2] & word[2:]
    word |= inside
    # What is joined (accents, skin tones, the part of an emoji after a joiner) goes on with the token before it.
    joined = (kinds & JOINED) > 0
    joined[1:] |= docs.codes[:-1] == _JOINER
    solid = (kinds & SPACE) == 0
    joined &= solid & np.concatenate([[False], solid[:-1]])
    if joined.any():
        word = _carried(word, joined)
    begins = solid.copy()
    begins[1:] &= ~(joined[1:] | (word[1:] & word[:-1]))
    starts = np.flatnonzero(begins)
    ends = np.flatnonzero(solid[:-1] & (~solid[1:] | begins[1:])) + 1
    return Tokens(starts, ends, np.bincount(docs.rows(starts), minlength=docs.starts.size))


def _carried(word: npt.NDArray[np.bool_], joined: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return `word` where each joined sign takes it from the last sign that is not joined."""
    last = np.maximum.accumulate(np.where(joined, 0, np.arange(word.size)))
    return word[last]
