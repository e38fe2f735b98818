"""Texts cut into what a translator takes, and put together again: what stood between two pieces stays as it was."""

import re
from collections.abc import Callable, Sequence

import numpy as np

# Line ends, NULs and other controls, and the space after the end of a sentence.
_BETWEEN = re.compile(r"(\s*[\x00-\x1f\x7f\x85\u2028\u2029]+\s*|(?<=[.!?…])\s+(?=[^\sa-z]))")


def pieces(text: str, max_chars: int) -> list[str]:
    """Return the parts of a text, in order: what is to be translated at odd places, what stays at even ones."""
    parts = [""]
    for number, part in enumerate(_BETWEEN.split(text)):
        if number % 2:
            parts[-1] += part
            continue
        for chunk in _chunks(part, max_chars):
            left, middle, right = edges(chunk)
            parts[-1] += left
            if any(char.isalpha() for char in middle):
                parts += [middle, right]
            else:
                parts[-1] += middle + right
    return parts


def edges(text: str) -> tuple[str, str, str]:
    """Return a text as the spaces before, the rest, and the spaces after."""
    middle = text.strip()
    left = len(text) - len(text.lstrip())
    return text[:left], middle, text[left + len(middle) :]


def _chunks(part: str, max_chars: int) -> list[str]:
    """Return a part in chunks of at most `max_chars`, cut after a space where there is one."""
    chunks, at = [], 0
    while len(part) - at > max_chars:
        cut = part.rfind(" ", at + 1, at + max_chars) + 1 or at + max_chars
        chunks.append(part[at:cut])
        at = cut
    return [*chunks, part[at:]]


def taken(cuts: Sequence[Sequence[str]], share: float, rng: np.random.Generator) -> list[list[int]]:
    """Return the places of each text's pieces that are to be rewritten: a random share of them, at least one."""
    chosen = []
    for parts in cuts:
        places = list(range(1, len(parts), 2))
        if share < 1 and places:
            drawn = rng.random(len(places))
            places = [place for place, value in zip(places, drawn, strict=True) if value < share] or [
                places[int(drawn.argmin())]
            ]
        chosen.append(places)
    return chosen


def joined(cuts: Sequence[Sequence[str]], chosen: Sequence[Sequence[int]], rewritten: Sequence[str]) -> list[str]:
    """Return the texts with the chosen pieces, one after the other, rewritten."""
    made, texts = iter(rewritten), []
    for parts, places in zip(cuts, chosen, strict=True):
        new = list(parts)
        for place in places:
            new[place] = next(made)
        texts.append("".join(new))
    return texts


def each_once(texts: Sequence[str], rewrite: Callable[[list[str]], list[str]]) -> list[str]:
    """Return `rewrite` of the texts, equal ones asked once."""
    asked = list(dict.fromkeys(texts))
    known = dict(zip(asked, rewrite(asked), strict=True))
    return [known[text] for text in texts]
