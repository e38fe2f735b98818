"""Texts as columns of sentences: the same shape as words, each sentence one of them."""

import pkgutil
import re
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.errors import RecipeError, choices
from tasks.methods.augment._chars import ENDERS, Ints, Mask
from tasks.methods.augment._words import Guard, Words, split

_CLOSING = "\"'”’»)]}"
_LINE = re.compile(r"\S(?:[^\n\r]*\S)?")
# The sentencizer leaves what opens the next sentence with the last one.
_OPENING = re.compile(r"\s([\"'“‘«(\[{¿¡]+)\Z")  # noqa: RUF001 - the quotes are meant


def check_sentencizer(language: str) -> None:
    """Raise RecipeError where spaCy or its rules for the language are missing, without importing it."""
    spec = find_spec("spacy")
    if spec is None or spec.origin is None:
        raise RecipeError("sentence_shuffle needs spaCy, which is not installed; pip install 'tilth[text]'")
    languages = Path(spec.origin).parent / "lang"
    have = [found.name for found in pkgutil.iter_modules([str(languages)]) if found.ispkg]
    if language not in have:
        raise RecipeError(f"unknown language '{language}'{choices(language, have)}")


@lru_cache(maxsize=4)
def sentencizer(language: str) -> Any:
    """Return spaCy's rule-based sentencizer on a blank pipeline; RecipeError says what is missing."""
    check_sentencizer(language)
    import spacy  # noqa: PLC0415 - takes seconds to load

    try:
        pipeline = spacy.blank(language)
    except (ImportError, ValueError) as exc:
        reason = str(exc).strip().splitlines()[0]
        raise RecipeError(f"spaCy's tokenizer for language '{language}' cannot be loaded: {reason}") from exc
    pipeline.add_pipe("sentencizer")
    # Its limit of a million characters is for parsers, which need memory; there is none here.
    pipeline.max_length = 1 << 31
    return pipeline


def sentences(texts: pa.Array, spans: pa.Array, guard: Guard, language: str) -> Words:
    """Return the sentences of the texts; a span is never cut, a protected word protects its sentence."""
    words = split(texts, spans, guard)
    start, end, row = _joined_at_spans(words, *_ranges(words, language))
    first = np.searchsorted(row, np.arange(words.rows + 1))
    protected = _unended(words, start, end)
    protected[np.searchsorted(start, words.start[words.protected], side="right") - 1] = True
    spans_of = replace(words.spans, word=np.searchsorted(start, words.spans.start, side="right") - 1)
    plain = np.zeros(len(start), np.bool_)
    return replace(
        words, first=first, row=row, start=start, end=end, protected=protected, opening=plain, spans=spans_of
    )


def _unended(words: Words, start: Ints, end: Ints) -> Mask:
    """Return which sentences no mark ends: a heading, a signature. Moved, they would run into the next one."""
    raw = words.data.tobytes()
    tails = [
        raw[max(low, high - 16) : high].decode(errors="ignore")
        for low, high in zip(start.tolist(), end.tolist(), strict=True)
    ]
    return np.array([tail.rstrip(_CLOSING)[-1:] not in ENDERS for tail in tails], np.bool_)


def _ranges(words: Words, language: str) -> tuple[Ints, Ints, Ints]:
    """Return where sentences start and end (bytes), and their rows; each distinct text is cut once."""
    pipeline = sentencizer(language)
    coded = words.texts.dictionary_encode()
    found = [_offsets(pipeline, text) for text in coded.dictionary.to_pylist()]
    pairs = [found[text] for text in coded.indices.to_pylist()]
    many = np.array([len(part) for part in pairs], np.int64)
    flat = np.array([pair for part in pairs for pair in part], np.int64).reshape(-1, 2)
    row = np.repeat(np.arange(words.rows), many)
    return flat[:, 0] + words.bounds[row], flat[:, 1] + words.bounds[row], row


def _offsets(pipeline: Any, text: str) -> list[tuple[int, int]]:
    """Return where the sentences of a text start and end, in bytes, without the spaces around them."""
    cuts = [sentence.start_char for sentence in pipeline(text).sents][1:]
    cuts = [cut - len(found[1]) if (found := _OPENING.search(text[max(0, cut - 8) : cut])) else cut for cut in cuts]
    cased = text != text.lower()
    # Where capitals are used, none after a full stop means an abbreviation.
    cuts = [0, *(cut for cut in cuts if not (cased and _opens_low(text, cut))), len(text)]
    lines = [line for low, high in pairwise(cuts) for line in _LINE.finditer(text, low, high)]
    ranges = [line.span() for line in lines] or [(0, len(text))] * bool(text)
    if text.isascii():
        return ranges
    size = np.append(0, np.cumsum([len(char.encode()) for char in text])).tolist()
    return [(size[low], size[high]) for low, high in ranges]


def _opens_low(text: str, cut: int) -> bool:
    letter = next((char for char in text[cut : cut + 8] if char.isalnum()), "")
    return letter.islower()


def _joined_at_spans(words: Words, start: Ints, end: Ints, row: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the sentences with those joined that a span reaches into, and with the spaces that a span covers."""
    low, high, of = words.spans.start, words.spans.end, words.spans.row
    first = np.searchsorted(row, np.arange(words.rows + 1))
    begins = np.minimum(np.searchsorted(end, low, side="right"), first[of + 1] - 1)
    np.minimum.at(start, begins, low)
    stops = np.maximum(np.searchsorted(start, high, side="left") - 1, begins)
    np.maximum.at(end, stops, high)
    joined = np.zeros(len(start) + 1, np.int64)
    np.add.at(joined, begins + 1, 1)
    np.add.at(joined, stops + 1, -1)
    head = np.cumsum(joined)[:-1] == 0
    last = np.append(np.flatnonzero(head), len(start))[1:] - 1
    return start[head], end[last], row[head]
