"""What was found once in a record, wherever else it stands there: to be masked too, and to be missed afterwards."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from tasks.methods.perturb._pii_merge import AGAIN
from tasks.methods.perturb._pii_scan import Hit
from tasks.methods.perturb._pii_types import BY_NER
from tasks.methods.perturb._pii_words import small_words, stems

Value = tuple[str, str]
_MIN_CHARS, _MIN_DIGITS, _MIN_SQUEEZED = 3, 7, 8
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[ \u00a0().\-/]{1,3}(?=\d)")
_ORDINARY = frozenset({*stems(), *small_words()})
_PARTICLES = frozenset(
    [
        "van",
        "von",
        "der",
        "den",
        "de",
        "da",
        "di",
        "du",
        "del",
        "della",
        "la",
        "le",
        "los",
        "al",
        "bin",
        "the",
        "and",
        "of",
        "jr",
        "sr",
        "md",
        "phd",
    ]
)


def said_again(values: Sequence[Value], texts: Iterable[tuple[int, str]]) -> Iterator[Hit]:
    """Yield every place in the texts of a record (piece, text) where one of its values stands as whole words.

    Case is ignored, but for a name that is an ordinary word too (`Will`, `Hope`): that is found as it was written. Of a
    person's name of several words each word counts.
    """
    wanted = dict(_wanted(values))
    for piece, text in texts:
        lower = text.lower()
        for value, kind in wanted.items():
            exact = value.lower() in _ORDINARY
            where, what = (text, value) if exact or len(lower) != len(text) else (lower, value.lower())
            at = where.find(what)
            while at >= 0:
                end = at + len(what)
                if not (where[at - 1 : at].isalnum() or where[end : end + 1].isalnum()):
                    yield piece, at, end, kind, AGAIN
                at = where.find(what, end)


def _wanted(values: Iterable[Value]) -> Iterator[tuple[str, str]]:
    for value, kind in values:
        if len(value) >= _MIN_CHARS:
            yield value, kind
        words = value.split() if kind == "PERSON_NAME" else []
        for word in words if len(words) > 1 else []:
            bare = word.strip(".,")
            if len(bare) >= _MIN_CHARS and bare[0].isupper() and bare.lower() not in _PARTICLES:
                yield bare, kind


def leaks(values: Iterable[Value], texts: Iterable[str]) -> bool:
    """Return whether any value of a record still stands in its texts, in any of the forms of `forms`."""
    texts = list(texts)
    joined = " \x00 ".join(" ".join(tokens(text)) for text in texts)
    folded = f" {joined} "
    digits: str | None = None
    for value, kind in values:
        if kind in BY_NER and value.lower() in _ORDINARY:
            if any(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) for text in texts):
                return True
            continue
        found = tokens(value)
        if any(f" {form} " in folded for form in _forms(found, kind)):
            return True
        squeezed = "".join(found)
        if len(found) > 1 and len(squeezed) >= _MIN_SQUEEZED and not squeezed.isdigit() and squeezed in folded:
            return True
        number = "".join(char for char in value if char.isdigit())
        if len(number) >= _MIN_DIGITS and len(number) * 2 > len(value):
            digits = digits if digits is not None else _BETWEEN_DIGITS.sub("", " \x00 ".join(texts))
            if re.search(rf"(?<!\d){number}(?!\d)", digits):
                return True
    return False


def _forms(found: list[str], kind: str) -> Iterator[str]:
    """Yield the words of a value in order, and of a name of two words the other way round."""
    if len("".join(found)) >= _MIN_CHARS:
        yield " ".join(found)
        if kind == "PERSON_NAME" and len(found) == 2:
            yield f"{found[1]} {found[0]}"


def tokens(text: str) -> list[str]:
    """Return the words of a text without case, accents or differences of width."""
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return re.findall(r"[^\W\d_]+|\d+", text.casefold())
