"""Texts cut into what a translator takes, and put together again: what stood between two pieces stays as it was."""

import re
from collections.abc import Callable, Sequence

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
            left, middle, right = _edges(chunk)
            parts[-1] += left
            if any(char.isalpha() for char in middle):
                parts += [middle, right]
            else:
                parts[-1] += middle + right
    return parts


def _edges(chunk: str) -> tuple[str, str, str]:
    """Return the spaces before, the rest, and the spaces after."""
    middle = chunk.strip()
    left = len(chunk) - len(chunk.lstrip())
    return chunk[:left], middle, chunk[left + len(middle) :]


def _chunks(part: str, max_chars: int) -> list[str]:
    """Return a part in chunks of at most `max_chars`, cut after a space where there is one."""
    chunks, at = [], 0
    while len(part) - at > max_chars:
        cut = part.rfind(" ", at + 1, at + max_chars) + 1 or at + max_chars
        chunks.append(part[at:cut])
        at = cut
    return [*chunks, part[at:]]


def rewritten(
    texts: Sequence[str], max_chars: int, rewrite: Callable[[list[str]], list[str]], *, once: bool
) -> list[str]:
    """Return each text with its pieces rewritten; with `once`, equal pieces are rewritten together."""
    cut = [pieces(text, max_chars) for text in texts]
    flat = [piece for parts in cut for piece in parts[1::2]]
    asked = list(dict.fromkeys(flat)) if once else flat
    answers = rewrite(asked)
    known = dict(zip(asked, answers, strict=True))
    made = iter([known[piece] for piece in flat] if once else answers)
    return ["".join(next(made) if place % 2 else part for place, part in enumerate(parts)) for parts in cut]
