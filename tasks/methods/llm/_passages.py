"""Long texts cut into passages between sentences."""

import re
from itertools import pairwise

Range = tuple[int, int]

_END = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)\]]*(?=\s)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d]*|\n\s*\n")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|e\.g|i\.e|cf|No|Fig|al|approx|Inc|Ltd|Co|Gen|Sen|Rep))\.\Z"
)
_WORD = re.compile(r"\S+")


def tokens_about(text: str) -> int:
    """Return about how many tokens a text has: one each four bytes, or one and a third a word, if that is more."""
    return max(len(text.encode("utf-8", "replace")) // 4, len(text.split()) * 4 // 3)


def sentences(text: str) -> list[Range]:
    """Return where the sentences of a text start and end, in characters, without the space around them."""
    cuts = [0, *(found.end() for found in _END.finditer(text) if not _goes_on(text, found)), len(text)]
    return [trimmed for low, high in pairwise(cuts) if (trimmed := _trimmed(text, low, high))]


def _goes_on(text: str, found: re.Match[str]) -> bool:
    """Return whether the mark ends an abbreviation or a quotation, not a sentence."""
    if found[0].isspace():
        return False
    before, following = text[max(0, found.start() - 10) : found.start() + 1], text[found.end() : found.end() + 8]
    return following.lstrip()[:1].islower() or bool(_ABBREVIATION.search(before))


def _trimmed(text: str, low: int, high: int) -> Range | None:
    part = text[low:high]
    left = low + len(part) - len(part.lstrip())
    right = low + len(part.rstrip())
    return (left, right) if left < right else None


def passages(text: str, max_tokens: int) -> list[Range]:
    """Return the ranges of passages of about `max_tokens` tokens at most, cut between sentences.

    A sentence that is longer is cut between words, a word that is longer between characters.
    """
    pieces = [piece for part in sentences(text) for piece in _fitting(text, part, max_tokens)]
    out: list[Range] = []
    for low, high in pieces:
        if out and tokens_about(text[out[-1][0] : high]) <= max_tokens:
            out[-1] = (out[-1][0], high)
        else:
            out.append((low, high))
    return out


def _fitting(text: str, part: Range, max_tokens: int) -> list[Range]:
    low, high = part
    if tokens_about(text[low:high]) <= max_tokens:
        return [part]
    words = [found.span() for found in _WORD.finditer(text, low, high)]
    return [piece for word in words for piece in _cut_word(text, word, max_tokens)]


def _cut_word(text: str, word: Range, max_tokens: int) -> list[Range]:
    low, high = word
    if tokens_about(text[low:high]) <= max_tokens:
        return [word]
    return [(at, min(at + max_tokens, high)) for at in range(low, high, max_tokens)]
