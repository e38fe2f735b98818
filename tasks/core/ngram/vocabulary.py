"""Texts as word numbers, and back to the very same text: a token keeps the space before it.

A text gets one space in front and is cut into words, numbers and signs, each with the space before it, if there
is one (" a red bus." → " a", " red", " bus", "."): joined, without the first space, they are the text again, whatever
its case, punctuation or line breaks. Numbers are dense; 0, 1 and 2 are the start of a text, its end and the unknown
word.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

BOS: Final = 0
EOS: Final = 1
UNK: Final = 2
MARKS: Final = ("<s>", "</s>", "<unk>")

# Stands between texts while many are cut at once; Unicode has it as a separator of records, and no text needs it.
_BREAK = "\x1e"
# The break is white space to `re` too.
_TOKEN = re.compile(r" ?\w+(?:['’\-]\w+)*| ?[^\w\s]|\s")

Ids = npt.NDArray[np.int32]


class Cutter(Protocol):
    """Cuts texts into tokens, and tells how the text of a token reads."""

    def cut(self, texts: Sequence[str]) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
        """Return the tokens of all texts, one after the other, and how many each text has."""
        ...

    def join(self, tokens: pa.ListArray) -> pa.Array:
        """Return the texts of lists of tokens."""
        ...


class Words:
    """Cuts at words, numbers and signs."""

    def cut(self, texts: Sequence[str]) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
        clean = [text.replace(_BREAK, " ") if _BREAK in text else text for text in texts]
        found = pa.array(_TOKEN.findall("".join(f" {text}{_BREAK}" for text in clean)), pa.string())
        inside = pc.not_equal(found, _BREAK)
        ends = np.flatnonzero(~inside.to_numpy(zero_copy_only=False))
        return found.filter(inside), np.diff(ends, prepend=-1) - 1

    def join(self, tokens: pa.ListArray) -> pa.Array:
        joined = pc.binary_join(tokens, "")
        spaced = pc.starts_with(joined, " ")
        return pc.if_else(spaced, pc.utf8_slice_codeunits(joined, 1), joined)


@dataclass(frozen=True)
class Vocabulary:
    """The words of a model by number."""

    words: pa.StringArray
    cutter: Cutter

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def _known(self) -> pa.Array:
        return self.words.slice(len(MARKS))

    def encode(self, texts: Sequence[str]) -> tuple[Ids, npt.NDArray[np.int64]]:
        """Return the word numbers of all texts, without marks, and how many each text has; UNK for an unknown word."""
        tokens, lengths = self.cutter.cut(texts)
        at = pc.index_in(tokens, value_set=self._known)
        return pc.fill_null(pc.add(at, len(MARKS)), UNK).to_numpy(zero_copy_only=False).astype(np.int32), lengths

    def decode(self, ids: Ids, lengths: npt.NDArray[np.int64]) -> pa.Array:
        """Return the texts of word numbers without marks, `lengths` of them each."""
        return self.joined(self.words.take(pa.array(ids)), lengths)

    def joined(self, tokens: pa.StringArray, lengths: npt.NDArray[np.int64]) -> pa.Array:
        """Return the texts of tokens, `lengths` of them each."""
        offsets = np.zeros(len(lengths) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        return self.cutter.join(pa.ListArray.from_arrays(pa.array(offsets), tokens))

    def save(self, path: Path) -> None:
        """Write the words as an Arrow file."""
        table = pa.table({"word": self.words})
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    @classmethod
    def load(cls, path: Path, cutter: Cutter) -> Self:
        """Return the vocabulary of a file that `save` wrote."""
        with pa.OSFile(str(path), "rb") as source:
            words = pa.ipc.open_file(source).read_all().column("word").combine_chunks()
        return cls(words, cutter)


def with_marks(ids: Ids, lengths: npt.NDArray[np.int64]) -> Ids:
    """Return the word numbers of all texts with BOS before and EOS after each text."""
    out = np.empty(len(ids) + 2 * len(lengths), np.int32)
    ends = np.cumsum(lengths + 2) - 1
    out[ends] = EOS
    out[ends - lengths - 1] = BOS
    inside = np.ones(len(out), bool)
    inside[ends] = inside[ends - lengths - 1] = False
    out[inside] = ids
    return out


class Growing:
    """A vocabulary while the texts come in: numbers in the order of first sight, from 3 on, with their counts."""

    def __init__(self, cutter: Cutter) -> None:
        self.cutter = cutter
        self._numbers: dict[str, int] = {}
        self._counts = np.zeros(1 << 12, np.int64)

    def encode(self, texts: Sequence[str]) -> tuple[Ids, npt.NDArray[np.int64]]:
        """Return the numbers of all tokens, new ones included, and how many each text has."""
        tokens, lengths = self.cutter.cut(texts)
        column = tokens.dictionary_encode()
        numbers = self._numbers
        ids = np.array([numbers.setdefault(t, len(numbers) + 3) for t in column.dictionary.to_pylist()], np.int32)
        found = ids[column.indices.to_numpy(zero_copy_only=False)] if len(tokens) else ids
        self._count(found)
        return found, lengths

    def _count(self, found: Ids) -> None:
        needed = len(self._numbers) + len(MARKS)
        if needed > len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros(needed, np.int64)])
        counts = np.bincount(found)
        self._counts[: len(counts)] += counts

    def settle(self, min_count: int) -> tuple[Vocabulary, Ids]:
        """Return the vocabulary of what occurs `min_count` times, most frequent first, and number → final number."""
        counts = self._counts[: len(self._numbers) + len(MARKS)]
        order = len(MARKS) + np.argsort(-counts[len(MARKS) :], kind="stable")
        kept = order[counts[order] >= min_count]
        renumbered = np.full(len(counts), UNK, np.int32)
        renumbered[: len(MARKS)] = range(len(MARKS))
        renumbered[kept] = np.arange(len(kept), dtype=np.int32) + len(MARKS)
        words = pa.array([*MARKS, *self._numbers], pa.string()).take(pa.array(np.concatenate([np.arange(3), kept])))
        return Vocabulary(words, self.cutter), renumbered


def batches(texts: Iterable[str], characters: int = 1 << 22) -> Iterator[list[str]]:
    """Yield the texts in lists of about so many characters: what is cut at once."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text) + 1
        if size >= characters:
            yield held
            held, size = [], 0
    if held:
        yield held


def token_lists(texts: Sequence[str]) -> pa.LargeListArray:
    """Return the words and signs of texts, without the spaces, as lists of tokens: what metrics over texts compare."""
    tokens, lengths = Words().cut(texts)
    column = pc.utf8_trim_whitespace(tokens)
    full = pc.not_equal(column, "")
    rows = np.repeat(np.arange(len(lengths)), lengths)[full.to_numpy(zero_copy_only=False)]
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(lengths)), out=offsets[1:])
    return pa.LargeListArray.from_arrays(pa.array(offsets), column.filter(full))
