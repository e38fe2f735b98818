"""`a` and `an` before a word that was replaced: an automobile where a car was."""

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.augment._chars import Ints, Mask
from tasks.methods.augment._words import Words, strings
from tasks.methods.rules._template_english import article


@lru_cache(maxsize=1 << 16)
def _article(word: str) -> str:
    return article(word)


def repaired(words: Words, joined: Mask, places: Ints, texts: pa.StringArray) -> tuple[Ints, pa.StringArray, Mask]:
    """Return the articles to replace (their places and new texts), and which replacements must not be made.

    Those would need an article that may not be edited. `joined[i]`: only a space stands between words i and i + 1.
    """
    before = places - 1
    near = np.flatnonzero((places > 0) & joined[before])
    old = pc.utf8_lower(strings(words, before[near]))
    is_article = pc.is_in(old, value_set=pa.array(["a", "an"])).to_numpy(zero_copy_only=False)
    near = near[is_article]
    have = old.filter(pa.array(is_article)).to_pylist()
    want = [_article(text) for text in texts.take(pa.array(near)).to_pylist()]
    differs = np.array([one != other for one, other in zip(have, want, strict=True)], np.bool_)
    blocked = np.zeros(len(places), np.bool_)
    at = before[near]
    may = words.editable[at]
    blocked[near[differs & ~may]] = True
    fix = differs & may
    return at[fix], pa.array(want, pa.string()).filter(pa.array(fix)), blocked
