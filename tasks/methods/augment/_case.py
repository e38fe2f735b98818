"""Capitals after an edit: which words gain one, lose one, or take that of the word they replace."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.augment._chars import Ints, Mask
from tasks.methods.augment._words import Words, strings

RAISE: Final = 1
LOWER: Final = 2
UPPER: Final = 3
Codes = npt.NDArray[np.uint8]


def raised(word: str) -> str:
    """Return the word with a capital first letter; a word with capitals of its own stays: iPhone."""
    return word[:1].title() + word[1:] if word == word.lower() else word


def _lowered(word: str) -> str:
    return word[:1].lower() + word[1:]


_FORMS: dict[int, Callable[[str], str]] = {RAISE: raised, LOWER: _lowered, UPPER: str.upper}


def recased(texts: pa.StringArray, codes: Codes) -> pa.StringArray:
    """Return the texts in the case that the codes say (0: as it is), each as long as before, in bytes too."""
    for code, form in _FORMS.items():
        at = codes == code
        if at.any():
            coded = texts.filter(pa.array(at)).dictionary_encode()
            new = pa.array([_as_long(word, form(word)) for word in coded.dictionary.to_pylist()], pa.string())
            texts = pc.replace_with_mask(texts, pa.array(at), new.take(coded.indices))
    return texts


def _as_long(word: str, new: str) -> str:
    return new if len(new) == len(word) and len(new.encode()) == len(word.encode()) else word


def recasing(words: Words, drop: Mask | None, source: Ints | None) -> Codes:
    """Return for each place whether what stands there now gains a capital, or loses a borrowed one."""
    codes = np.zeros(len(words), np.uint8)
    if source is not None:
        moved = np.flatnonzero(source != np.arange(len(source)))
        came, heads = source[moved], words.opening[moved] & words.capital[moved]
        leaves = words.opening[came] & words.capital[came] & ~heads
        if leaves.any():
            leaves[leaves] = ~words.own_capital[came[leaves]]
            codes[moved[leaves]] = LOWER
        codes[moved[heads]] = RAISE
    if drop is not None:
        codes[_heirs(words, drop)] = RAISE
    return codes


def _heirs(words: Words, drop: Mask) -> Ints:
    """Return the places that now open a sentence whose capital was dropped."""
    lost = np.flatnonzero(drop & words.opening & words.capital)
    if not lost.size:
        return lost
    kept = np.append(np.flatnonzero(~drop), len(drop))
    heads = np.append(np.flatnonzero(words.opening), len(drop))
    heir, limit = kept[np.searchsorted(kept, lost)], heads[np.searchsorted(heads, lost, side="right")]
    return heir[heir < limit]


def behind_insert(words: Words, places: Ints, codes: Codes) -> Mask:
    """Return which of these sorted places, before which a text is put, hand that text their capital first.

    The first text at an opening place takes the capital; the word there loses it where it was borrowed.
    """
    takes = np.append(True, places[1:] != places[:-1]) if len(places) else np.zeros(0, np.bool_)
    takes &= ((words.opening & words.capital)[places] & (codes[places] != LOWER)) | (codes[places] == RAISE)
    openers = places[takes]
    borrowed = openers[words.capital[openers] & ~words.own_capital[openers]]
    codes[borrowed] = LOWER
    codes[openers[codes[openers] == RAISE]] = 0
    return takes


def replacing(words: Words, originals: Ints, texts: pa.StringArray) -> Codes:
    """Return the case that each replacement takes from the word it replaces; none where it has capitals of its own."""
    codes = np.where(words.capital[originals], RAISE, 0).astype(np.uint8)
    asked = np.flatnonzero(codes)
    old = strings(words, originals[asked])
    loud = pc.and_(pc.utf8_is_upper(old), pc.greater(pc.utf8_length(old), 1)).to_numpy(zero_copy_only=False)
    codes[asked[loud]] = UPPER
    plain = pc.equal(texts, pc.utf8_lower(texts)).to_numpy(zero_copy_only=False)
    return np.where(plain, codes, 0).astype(np.uint8)
