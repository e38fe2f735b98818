"""The n-grams of many texts at once, as dense integers: equal n-grams, equal number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]

# Texts as tokens: an Arrow list array (flat tokens and offsets, nothing is copied) or lists of ints or strings.
TokenLists: TypeAlias = "pa.ListArray | pa.LargeListArray | pa.ChunkedArray | Sequence[Sequence[Any]]"


@dataclass(frozen=True, slots=True)
class Windows:
    """The n-grams of one length, text after text: the number of each (below `kinds`) and the row of its text."""

    ids: Ints
    rows: Ints
    kinds: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts as dense token numbers (below `kinds`), text after text, and the length of each text in tokens."""

    tokens: Ints
    lengths: Ints
    kinds: int

    def windows(self, up_to: int) -> Iterator[Windows]:
        """Yield the n-grams of length 1, 2, ... `up_to`; none crosses from one text to the next."""
        left = _left_in_text(self.lengths)
        rows = np.repeat(np.arange(len(self.lengths)), self.lengths)
        start, ids, kinds = np.arange(len(self.tokens)), self.tokens, self.kinds
        yield Windows(ids, rows, kinds)
        for n in range(2, up_to + 1):
            fits = left[start] >= n
            start = start[fits]
            # An n-gram is the number of its first n-1 tokens and one token more: no key ever exceeds 62 bits.
            keys = ids[fits] * self.kinds + self.tokens[start + n - 1]
            values, ids = np.unique(keys, return_inverse=True)
            kinds = len(values)
            yield Windows(ids, rows[start], kinds)


def corpus(*parts: TokenLists) -> Corpus:
    """Return the texts of all parts, one part after the other, in the numbers of one vocabulary."""
    lists = [_list_array(part) for part in parts]
    lengths = np.concatenate([np.diff(part.offsets.to_numpy()) for part in lists]).astype(np.int64)
    flat = [_same_type(part.flatten()) for part in lists]
    # Parts without a token have no type of their own.
    typed = [part for part in flat if len(part)] or [pa.array([], pa.int64())]
    tokens = pa.concat_arrays(typed).dictionary_encode()
    return Corpus(tokens.indices.to_numpy(zero_copy_only=False).astype(np.int64), lengths, len(tokens.dictionary))


def _list_array(texts: TokenLists) -> pa.ListArray:
    if isinstance(texts, pa.ChunkedArray):
        return texts.combine_chunks()
    if isinstance(texts, pa.Array):
        return texts
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    flat = [token for text in texts for token in text]
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(flat) if flat else pa.nulls(0))


def _same_type(flat: pa.Array) -> pa.Array:
    """Return tokens as int64 or text, so that parts of different widths meet."""
    return flat.cast(pa.int64() if pa.types.is_integer(flat.type) else pa.large_string())


def _left_in_text(lengths: Ints) -> Ints:
    """Return, for each token, how many tokens of its text start there or later."""
    ends = np.cumsum(lengths)
    return np.repeat(ends, lengths) - np.arange(ends[-1] if len(ends) else 0)
