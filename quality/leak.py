"""Whether private values have come through: no form of any of them may stand anywhere in what is released.

`leaks` tells it of one batch. `Values` remembers the values of a whole dataset as keyed 64-bit hashes and never the
values: `originals` reads them from the seeds at the places that masking noted, `scan` looks for them in every text
column, `gate` does both for all shards of a stage. The forms of a value are its words without case, accents or
separators, run together, the other way round where they are two, and for numbers their digits whatever stands between.

What is masked and what is checked share no code, so that a fault of the one is not a fault of the other.

Source: Karp & Rabin 1987, Efficient randomized pattern-matching algorithms (https://doi.org/10.1147/rd.312.0249)
"""

import hashlib
import json
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
# Where masking notes what it found, and the column of the seed that it found it in.
_NOTED = {"found": "text", "found_target": "target", "found_messages": "messages"}
_COLUMNS = ("text", "target", "label", "extra")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_RUN = re.compile(r"\d(?:[ \u00a0().\-/]{0,3}\d)*")
_MIN_CHARS, _MIN_DIGITS, _MIN_SQUEEZED = 3, 7, 8
_MAX_WORDS = 12
_DIGIT_WINDOWS = 8
_ODD = np.uint64(0x9E3779B97F4A7C15)


def leaks(original_values: Iterable[str], batch: pa.RecordBatch) -> pa.BooleanArray:
    """Return which rows of a record batch still hold any of the values, in any of their forms."""
    values = Values()
    values.add(original_values)
    return values.scan(batch)


class Values:
    """Private values as keyed hashes; `key` (16 bytes or more) makes them the same in another process.

    Two different texts have the same hash with probability 2**-64: a million values against a billion words give a
    false alarm once in twenty thousand datasets.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = (key or secrets.token_bytes(32))[:64]
        self._words: dict[int, set[int]] = {}
        self._digits: dict[int, set[int]] = {}

    def __len__(self) -> int:
        return sum(map(len, (*self._words.values(), *self._digits.values())))

    def add(self, values: Iterable[str]) -> None:
        """Remember values; those under three letters or digits say nothing and are left out."""
        hashed = _Hashes(self._key)
        for value in dict.fromkeys(values):
            for words in forms(value):
                rolled = _rolled(np.array([hashed[word] for word in words], np.uint64), len(words))
                self._words.setdefault(len(words), set()).add(int(rolled[0]))
            if number := digits(value):
                self._digits.setdefault(len(number), set()).add(hashed[number])

    def scan(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return which rows hold a value, in any text column: text, target, label, extra and messages."""
        found = np.zeros(batch.num_rows, bool)
        hashed = _Hashes(self._key)
        for rows, texts in _texts_of(batch):
            found[rows[self._hits(texts, hashed)]] = True
        return pa.array(found, pa.bool_())

    def _hits(self, texts: Sequence[str], hashed: "_Hashes") -> Rows:
        """Return the numbers of the texts that hold a value; one may be named twice."""
        words = [folded(text) for text in texts]
        owner = np.repeat(np.arange(len(texts)), [len(found) for found in words]).astype(np.int64)
        hashes = np.array([hashed[word] for found in words for word in found], np.uint64)
        hit = [self._digit_hits(texts, hashed)]
        for size, wanted in sorted(self._words.items()):
            if len(hashes) < size:
                continue
            rolled = _rolled(hashes, size)
            inside = owner[: len(rolled)] == owner[size - 1 :]
            ordered = np.sort(np.fromiter(wanted, np.uint64, len(wanted)))
            at = np.minimum(np.searchsorted(ordered, rolled), len(ordered) - 1)
            hit.append(owner[: len(rolled)][(ordered[at] == rolled) & inside])
        return np.concatenate(hit)

    def _digit_hits(self, texts: Sequence[str], hashed: "_Hashes") -> Rows:
        """Return the texts with a number of which some groups in a row are the digits of a value."""
        hit: list[int] = []
        for number, text in enumerate(texts if self._digits else ()):
            windows = (window for run in _RUN.finditer(text) for window in _windows(run[0]))
            if any(len(window) in self._digits and hashed[window] in self._digits[len(window)] for window in windows):
                hit.append(number)
        return np.array(hit, np.int64)


class _Hashes(dict[str, int]):
    """The keyed hash of each word asked for; it lives as long as one call, for it knows the words."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, word: str) -> int:
        head = hashlib.blake2b(word.encode(), digest_size=8, key=self._key).digest()
        self[word] = int.from_bytes(head, "little")
        return self[word]


def forms(value: str) -> Iterator[list[str]]:
    """Yield the words of a value in order, run together, and in turn where they are two."""
    words = folded(value)
    joined = "".join(words)
    if len(joined) < _MIN_CHARS or joined.isdigit():
        if _MIN_CHARS <= len(joined) < _MIN_DIGITS:
            yield words
        return
    yield words[:_MAX_WORDS]
    if len(words) == 2:
        yield words[::-1]
    if len(words) > 1 and len(joined) >= _MIN_SQUEEZED:
        yield [joined]


def digits(value: str) -> str:
    """Return the digits of a value that is mostly digits, seven or more; else nothing."""
    found = "".join(char for char in value if "0" <= char <= "9")
    return found if len(found) >= _MIN_DIGITS and 2 * len(found) > len(value) else ""


def folded(text: str) -> list[str]:
    """Return the words of a text without case, accents or differences of width; digits are words of their own."""
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return _WORD.findall(text.casefold())


def _rolled(hashes: Keys, size: int) -> Keys:
    """Return a hash of each `size` words in a row (Karp & Rabin's polynomial, modulo 2**64)."""
    count = len(hashes) - size + 1
    out = np.zeros(max(count, 0), np.uint64)
    for step in range(size if count > 0 else 0):
        out = out * _ODD + hashes[step : step + count]
    return out


def _windows(run: str) -> Iterator[str]:
    """Yield the digits of every few groups in a row of a run such as `0049 (30) 1234-567`."""
    groups = re.findall(r"\d+", run)
    for first in range(len(groups)):
        for last in range(first + 1, min(len(groups), first + _DIGIT_WINDOWS) + 1):
            window = "".join(groups[first:last])
            if len(window) >= _MIN_DIGITS:
                yield window


def _texts_of(batch: pa.RecordBatch) -> Iterator[tuple[Rows, list[str]]]:
    """Yield the texts of each column with the rows that they are of."""
    for name in _COLUMNS:
        if name not in batch.schema.names:
            continue
        column = batch.column(name)
        rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        yield rows.astype(np.int64), column.drop_null().to_pylist()
    if "messages" in batch.schema.names:
        turns = batch.column("messages")
        said = pc.fill_null(turns.flatten().field("content"), "").to_pylist()
        yield pc.list_parent_indices(turns).to_numpy(zero_copy_only=False).astype(np.int64), said


def originals(masked: pa.RecordBatch, seeds: pa.RecordBatch) -> Iterator[str]:
    """Yield the values that masking noted in `extra` of the masked rows, read from their seeds, which have the ids."""
    yield from _read(_notes([masked]), seeds)


def gate(
    shards: Sequence[pa.RecordBatch], seeds: Iterable[pa.RecordBatch], key: bytes | None = None
) -> Iterator[pa.BooleanArray]:
    """Yield, shard by shard, which rows of a masked stage hold a value that was masked anywhere in it.

    Names of a single word are left to the check of each row against its own values: one person's first name is
    another's surname, or a word of the language.
    """
    values = Values(key)
    values.add(telling_originals(shards, seeds))
    for shard in shards:
        yield values.scan(shard)


def telling_originals(shards: Iterable[pa.RecordBatch], seeds: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Yield the values that masking noted in a stage, read from its seeds, but for names of a single word."""
    noted = _notes(shards)
    for batch in seeds:
        yield from (value for value in _read(noted, batch) if _is_telling(value))


def _is_telling(value: str) -> bool:
    return len(folded(value)) > 1 or bool(digits(value))


def _notes(shards: Iterable[pa.RecordBatch]) -> dict[str, list[dict[str, Any]]]:
    """Return what masking noted, by the id of the seed."""
    noted: dict[str, list[dict[str, Any]]] = {}
    for shard in shards:
        for extra, ids in zip(shard.column("extra").to_pylist(), shard.column("seed_ids").to_pylist(), strict=True):
            fields = json.loads(extra) if extra and ids else None
            if isinstance(fields, dict):
                found = {name: fields[name] for name in _NOTED if name in fields}
                noted.setdefault(ids[0], []).extend([found] if found else [])
    return noted


def _read(noted: dict[str, list[dict[str, Any]]], seeds: pa.RecordBatch) -> Iterator[str]:
    columns = [seeds.column(name) for name in _NOTED.values()]
    for row, name in enumerate(seeds.column("id").to_pylist()):
        for found in noted.get(name, ()):
            seed = dict(zip(_NOTED.values(), (column[row].as_py() for column in columns), strict=True))
            yield from _places(found, seed)


def _places(found: dict[str, Any], seed: dict[str, Any]) -> Iterator[str]:
    for name, column in _NOTED.items():
        for place in found.get(name, ()):
            text = seed[column][place["turn"]]["content"] if "turn" in place else seed[column]
            yield (text or "")[place["start"] : place["end"]]
