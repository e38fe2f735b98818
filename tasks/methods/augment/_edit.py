"""New texts and spans from decisions per word: drop, replace, insert, move.

    edits = Edits(drop=mask, source=order, replaced=(places, texts), before=(places, texts), after=(places, texts))
    edited = edit(words, edits)                 # edited.texts, edited.spans

A place is the number of a word in `words`. Whatever is decided, gaps stay with their places: punctuation does not move
with a word. A sentence that opened with a capital still does; a word that loses that place loses a borrowed capital;
a replacement takes the case of what it replaces. Spans move with their words and stay exact; a span whose word is
dropped, or replaced while it is only a part of it, is gone.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.errors import ShardError
from tasks.methods.augment._case import Recase, recased, recasing, replacing_case
from tasks.methods.augment._chars import Bytes, Ints, Mask
from tasks.methods.augment._gaps import mended
from tasks.methods.augment._spans import column
from tasks.methods.augment._words import Words, slices, strings

# What the 32-bit offsets of Arrow's strings reach.
_MAX_BYTES = (1 << 31) - 1

At = tuple[Ints, pa.StringArray]


@dataclass(frozen=True, slots=True, eq=False)
class Edits:
    """Decisions per word of a batch; None: no such decision.

    drop: which words go; at least one of each row must stay.
    source: a permutation within rows: the word that now stands at each place.
    replaced: places (each once) and what stands there now; in its own case, or in lower case to take the old word's.
    before, after: places (more than once too) and what is put before, after the word there; lost if that is dropped.
    """

    drop: Mask | None = None
    source: Ints | None = None
    replaced: At | None = None
    before: At | None = None
    after: At | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """The texts after the edits, and their spans (null where the seed had none)."""

    texts: pa.StringArray
    spans: pa.Array


@dataclass(frozen=True, slots=True, eq=False)
class _Splices:
    """Byte ranges of the source, in order, and the text that takes the place of each."""

    start: Ints
    end: Ints
    texts: pa.StringArray


def edit(words: Words, edits: Edits) -> Edited:
    """Return the texts and the spans after `edits`."""
    case = recasing(words, edits.drop, edits.source, edits.before)
    contents, changed = _contents(words, edits, case)
    parts = [
        _inserted(words, edits.after, edits.drop, np.empty(0, np.int64), after=True),
        _inserted(words, case.before, edits.drop, case.raised, after=False),
        _dropped(words, edits.drop),
        contents,
    ]
    splices = _in_order([part for part in parts if part is not None])
    texts, grown = _spliced(words, splices)
    return Edited(texts, _moved_spans(words, edits, changed, splices, grown))
