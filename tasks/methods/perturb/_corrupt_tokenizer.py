"""Tokens of a Hugging Face tokenizer, as places in the text: whatever it does to the words, the text is kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import RecipeError
from tasks.methods.perturb._corrupt_words import Tokens, classes
from tasks.methods.perturb._value_text import Docs, Ints

_SPACE = 1
_OTHER = "leave `tokenizer` out for words"


@dataclass(frozen=True)
class Vocabulary:
    """What a tokenizer can put in a text: the ids of ordinary tokens, and how each reads."""

    ids: Ints
    surfaces: Sequence[str]


def located(value: str, base: str | Path) -> tuple[str, str]:
    """Return where a tokenizer is and the digest of its file: an absolute path, or the hub id and ''.

    ValueError where a path names nothing.
    """
    path = (Path(base) / value).expanduser()
    if path.is_dir() and (path / "tokenizer.json").is_file():
        path = path / "tokenizer.json"
    if path.is_file():
        return str(path.resolve()), hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    if path.is_dir():
        return str(path.resolve()), ""
    if value.startswith((".", "/", "~")) or value.endswith(".json") or value.count("/") > 1:
        raise ValueError(f"no such tokenizer file or directory: '{value}'; {_OTHER}")
    return value, ""


@lru_cache(maxsize=4)
def loaded(place: str, digest: str) -> Any:
    """Return the tokenizer (tokenizers.Tokenizer) at a place that `located` named; RecipeError says what is missing."""
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - an optional package
    except ImportError as exc:
        raise RecipeError(
            f"`tokenizer` needs the package tokenizers: pip install 'tilth[models]', or {_OTHER}"
        ) from exc
    if not digest:
        return _from_transformers(place)
    path = Path(place)
    if not path.is_file():
        raise RecipeError(f"no such tokenizer file: '{place}'; {_OTHER}")
    data = path.read_bytes()
    if hashlib.blake2b(data, digest_size=16).hexdigest() != digest:
        raise RecipeError(f"tokenizer '{place}' is not the file that this run began with; start the run again")
    try:
        return Tokenizer.from_buffer(data)
    except ValueError as exc:
        raise RecipeError(f"'{place}' is no tokenizers JSON file: {exc}; {_OTHER}") from exc


def _from_transformers(place: str) -> Any:
    try:
        from transformers import AutoTokenizer  # noqa: PLC0415 - an optional package, slow to load
    except ImportError as exc:
        raise RecipeError(
            f"tokenizer '{place}' needs the package transformers: pip install 'tilth[models]', "
            f"or give a tokenizers JSON file, or {_OTHER}"
        ) from exc
    try:
        found = AutoTokenizer.from_pretrained(place, use_fast=True)
    except (OSError, ValueError) as exc:
        reason = str(exc).partition("\n")[0]
        raise RecipeError(
            f"cannot load tokenizer '{place}': {reason}; give a tokenizers JSON file, or {_OTHER}"
        ) from exc
    backend = getattr(found, "backend_tokenizer", None)
    if backend is None:
        raise RecipeError(f"tokenizer '{place}' has no fast version, so no places in the text; {_OTHER}")
    return backend


@lru_cache(maxsize=4)
def vocabulary(place: str, digest: str) -> Vocabulary:
    """Return the tokens that may stand in for another: no special ones, none that is not text by itself."""
    tokenizer = loaded(place, digest)
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    numbers = [number for number in sorted(tokenizer.get_vocab().values()) if number not in special]
    read = [text.strip().removeprefix("##") for text in tokenizer.decode_batch([[n] for n in numbers])]
    good = [bool(text) and "\ufffd" not in text for text in read]
    surfaces = [""] * (max(numbers, default=-1) + 1)
    for number, text in zip(numbers, read, strict=True):
        surfaces[number] = text
    return Vocabulary(np.array(numbers, np.int64)[np.array(good, bool)], surfaces)


def tokenizer_tokens(docs: Docs, texts: Sequence[str], tokenizer: Any) -> Tokens:
    """Return the tokens of texts; white space at the edge of a token is left outside it.

    Tokens that share a letter (the bytes of an emoji, say) are one, and those that are white space are none.
    """
    done = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    counts = np.fromiter((len(one.ids) for one in done), np.int64, len(done))
    rows = np.repeat(np.arange(len(done)), counts)
    offsets = np.array([place for one in done for place in one.offsets], np.int64).reshape(-1, 2)
    ids = np.array([number for one in done for number in one.ids], np.int64)
    words = np.array([-1 if word is None else word for one in done for word in one.word_ids], np.int64)
    starts, ends = _trimmed(docs, offsets[:, 0] + docs.starts[rows], offsets[:, 1] + docs.starts[rows])
    solid = ends > starts
    solid[1:] &= ~_covered(starts, ends, rows)
    rows = rows[solid]
    return Tokens(
        starts[solid],
        ends[solid],
        np.bincount(rows, minlength=len(done)),
        words[solid] + rows * (int(words.max(initial=0)) + 2),
        ids[solid],
    )


def _covered(starts: Ints, ends: Ints, rows: Ints) -> Any:
    """Return, from the second token on, which lie within what earlier tokens of their row have covered."""
    reached = np.maximum.accumulate(np.where(ends > starts, ends, 0))
    return (rows[1:] == rows[:-1]) & (starts[1:] < reached[:-1])


def _trimmed(docs: Docs, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    space = (classes(docs.codes) & _SPACE) > 0
    place = np.arange(space.size)
    next_solid = np.minimum.accumulate(np.where(space, space.size, place)[::-1])[::-1]
    last_solid = np.maximum.accumulate(np.where(space, -1, place))
    return np.minimum(next_solid[np.minimum(starts, space.size - 1)], ends), last_solid[ends - 1] + 1
