"""The name finder at work: a spaCy pipeline of the user's, or the small one of `_pii_train`, trained once and kept."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.artifact import artifact
from tasks.core.errors import RecipeError
from tasks.methods.perturb import _pii_lines_plain as plain
from tasks.methods.perturb import _pii_train as training
from tasks.methods.perturb._pii_lexicon import read
from tasks.methods.perturb._pii_merge import BY_MODEL, trimmed
from tasks.methods.perturb._pii_scan import Hit
from tasks.methods.perturb._pii_source import EMBEDDED
from tasks.methods.perturb._pii_types import ALIASES
from tasks.methods.perturb._pii_words import inflected, small_words, stems

if TYPE_CHECKING:
    from spacy.language import Language

_WINDOW = 20_000
_BATCH = 256
_SHORT_NUMBER, _LONG_NUMBER = 3, 11
_NEXT_PART = re.compile(r", ([a-z]{3,})(?![\w'’-])")
_CAPITAL = re.compile(r"(?<!\w)[^\W\d_a-z][\w'’-]+")
# Marks that no name has inside.
_IN_A_NAME = re.compile(r"[^\n\[\]|=<>;:{}]+")


@cache
def pipeline(ner: str) -> "Language":
    """Return the loaded pipeline, its entity recogniser alone where that can be told."""
    import spacy  # noqa: PLC0415 - heavy

    if ner == EMBEDDED:
        return trained(artifact("pii_ner", training.identity(), training.apart))
    nlp = spacy.load(ner)
    if "ner" not in nlp.pipe_names:
        raise RecipeError(f"spaCy pipeline '{ner}' has no component 'ner'; has: {', '.join(nlp.pipe_names) or 'none'}")
    needed = {"ner", "tok2vec", "transformer"}
    nlp.select_pipes(enable=[name for name in nlp.pipe_names if name in needed])
    return nlp


def trained(folder: Path) -> "Language":
    """Return the small pipeline that `_pii_train` wrote."""
    import spacy  # noqa: PLC0415 - heavy

    nlp = spacy.load(folder / "model")
    read(folder / "words.json").dress(nlp)
    return nlp


def entities(nlp: "Language", texts: Sequence[str]) -> list[Hit]:
    """Return what the pipeline finds in the texts, each different one read once; labels of other types are left out."""
    distinct = dict.fromkeys(texts)
    windows = [(text, start, part) for text in distinct for start, part in _windows(text)]
    found: dict[str, list[tuple[int, int, str]]] = {text: [] for text in distinct}
    docs = nlp.pipe((part for _, _, part in windows), batch_size=_BATCH)
    for (text, start, part), doc in zip(windows, docs, strict=True):
        for entity in doc.ents:
            if kind := ALIASES.get(entity.label_):
                found[text] += [
                    (start + a, start + b, k) for a, b, k in _tidy(part, entity.start_char, entity.end_char, kind)
                ]
    return [(piece, a, b, kind, BY_MODEL) for piece, text in enumerate(texts) for a, b, kind in found[text]]


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Yield a long text in parts that end at a space: spaCy's memory grows with the length of a text."""
    start = 0
    while len(text) - start > _WINDOW:
        cut = text.rfind(" ", start + _WINDOW // 2, start + _WINDOW)
        end = cut if cut > 0 else start + _WINDOW
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def _tidy(text: str, start: int, end: int, kind: str) -> Iterator[tuple[int, int, str]]:
    """Yield the parts of an entity that can be what its type says: a name is of one line and has letters."""
    if kind == "ADDRESS":
        end, rest = _cut(text, start, end)
        yield from _value(text, start, end, kind)
        yield from _value(text, *rest, "PERSON_NAME")
        return
    for line in _IN_A_NAME.finditer(text, start, end):
        yield from _value(text, *line.span(), kind)


def _cut(text: str, start: int, end: int) -> tuple[int, tuple[int, int]]:
    """Return where an address ends and the bounds of a name after it: `2 Hill Road, driver Ada`."""
    for comma in _NEXT_PART.finditer(text, start, end):
        if comma[1] in _ordinary():
            capital = _CAPITAL.search(text, comma.end(), end)
            return comma.start(), (capital.start(), end) if capital else (end, end)
    return end, (end, end)


def _value(text: str, start: int, end: int, kind: str) -> Iterator[tuple[int, int, str]]:
    """Yield a finding without the marks around it; nothing where it cannot be what its type says."""
    start, end = trimmed(text, start, end)
    if text[start:end].endswith(("'s", "’s")):
        end -= 2
    value = text[start:end]
    digits = sum(char.isdigit() for char in value)
    letters = any(char.isalpha() for char in value)
    if (letters and len(value) > 1) or (kind == "ADDRESS" and _SHORT_NUMBER <= digits < _LONG_NUMBER):
        yield start, end, "ADDRESS" if digits > len(value) / 2 else kind


@cache
def _ordinary() -> frozenset[str]:
    known = [*stems(), *plain.NOUNS, *plain.ADJECTIVES, *plain.VERBS, *plain.RELATIVES]
    return frozenset({form for stem in known for form in inflected(stem)} | small_words())
