"""Apertium's stream format: its metacharacters escaped and taken back, its words with their translations."""

import re
from collections.abc import Sequence

import numpy as np

# What has a meaning in the stream (https://wiki.apertium.org/wiki/Apertium_stream_format) travels as private-use
# characters: its own escape, a backslash, stops the chain of apertium 3.8.3 for good at a lone caret. U+FFFF ends it.
_META = "^$[]{}<>/@\\\uffff"
_FIRST = 0xE001
_OUT = str.maketrans({char: chr(_FIRST + place) for place, char in enumerate(_META)})
_BACK = str.maketrans({chr(_FIRST + place): char for place, char in enumerate(_META)})
_UNESCAPE = re.compile(r"\\(.)|\[\]|([*#@])(?=\w)", re.DOTALL)
_WORD = re.compile(r"\\.|\^((?:\\.|[^\\$])*)\$", re.DOTALL)
_SLASH = re.compile(r"(?:\\.|[^\\/])+", re.DOTALL)
# Everything that stands for something else; texts that hold any are to mask it.
RESERVED = "[~*#\ue000-\ue00f]+"
# An empty blank: without something after it, lt-proc holds a last full stop back and loses it at the NUL.
END = "[]"
# Stands before a word that stayed in its language, or could not be inflected.
UNTRANSLATED = "\ue000"


def escaped(text: str) -> str:
    """Return a text for the stream, with an empty blank as its end."""
    return text.translate(_OUT) + END


def unescaped(text: str) -> str:
    """Return the text of a stream: empty blanks left out, UNTRANSLATED for the marks of unknown words."""
    plain = _UNESCAPE.sub(lambda match: match[1] or (UNTRANSLATED if match[2] else ""), text)
    return plain.translate(_BACK)


def alternatives(analysed: Sequence[str], rng: np.random.Generator, share: float) -> list[str]:
    """Return streams of `^word/translation/translation$` where `share` of the ambiguous words keep a random one."""
    ambiguous = sum(_is_ambiguous(match[1]) for text in analysed for match in _WORD.finditer(text))
    taken, which = iter((rng.random(ambiguous) < share).tolist()), iter(rng.random(ambiguous).tolist())

    def choose(match: re.Match[str]) -> str:
        if not _is_ambiguous(match[1]):
            return match[0]
        word, *translations = _SLASH.findall(match[1])
        take, place = next(taken), next(which)
        if not take or not translations:
            return match[0]
        return f"^{word}/{translations[int(place * len(translations))]}$"

    return [_WORD.sub(choose, text) for text in analysed]


def _is_ambiguous(word: str | None) -> bool:
    return word is not None and word.count("/") > 1
