"""What row rules read of a text column, as NumPy arrays over its UTF-8 bytes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

# The stubs of pyarrow refuse calls that it takes (a Python value beside an array), and its classes take no type
# arguments at run time: what goes in and out of Arrow is typed here, by name.
pc: Any = pyarrow.compute
Texts = Any  # a string array

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# White space of `str.split` outside ASCII.
_WIDE_SPACE = "[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"

# Bytes to work on at a time. 1 MiB was fastest of 0.25 to 16: what is made from it stays in the cache and off mmap.
BLOCK_BYTES = 1 << 20


def utf8(texts: Texts) -> tuple[Bytes, Ints]:
    """Return the bytes of all texts end to end, and where each starts (rows + 1 offsets); a null is an empty text."""
    if texts.null_count:
        texts = pc.coalesce(texts, pa.scalar("", texts.type))
    if not len(texts):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, offset_buffer, data_buffer = texts.buffers()
    wide = pa.types.is_large_string(texts.type)
    offsets = np.frombuffer(offset_buffer, np.int64 if wide else np.int32)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer else np.zeros(0, np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]


def rows_of(positions: npt.NDArray[np.intp], offsets: Ints) -> Ints:
    """Return the row in which each byte position lies."""
    return np.searchsorted(offsets, positions, side="right") - 1


def rows_with(positions: npt.NDArray[np.intp], offsets: Ints) -> Bools:
    """Return which rows hold at least one of the byte positions."""
    mask = np.zeros(len(offsets) - 1, bool)
    mask[rows_of(positions, offsets)] = True
    return mask


def is_ascii(data: Bytes) -> bool:
    """Return whether no byte is above 0x7f."""
    return not data.size or int(data.max()) < 0x80


def spaces(data: Bytes) -> Bools:
    """Return which bytes are ASCII white space, as `str.split` has it."""
    # Unsigned wrap-around makes one comparison of each range.
    found: Bools = (data == 0x20) | ((data - np.uint8(9)) <= 4) | ((data - np.uint8(28)) <= 3)
    return found


def count_words(texts: Texts) -> Ints:
    """Return the number of words of each text: runs of characters that are not white space, as `str.split` counts."""
    counts = [_count_words(block) for block in blocks(texts)]
    return np.concatenate(counts) if counts else np.zeros(0, np.int64)


def _count_words(texts: Texts) -> Ints:
    data, offsets = utf8(texts)
    if not is_ascii(data):
        data, offsets = utf8(pc.replace_substring_regex(texts, _WIDE_SPACE, " "))
    space = spaces(data)
    begins = np.ones(len(data), bool)
    begins[1:] = space[:-1]
    begins[offsets[:-1][offsets[:-1] < len(data)]] = True
    starts = np.flatnonzero(begins & ~space)
    return np.diff(np.searchsorted(starts, offsets))


def count_in_rows(mask: Bools, offsets: Ints) -> Ints:
    """Return how many true values each row has."""
    return np.diff(np.searchsorted(np.flatnonzero(mask), offsets))


def code_points(texts: Texts) -> tuple[npt.NDArray[np.uint32], Ints]:
    """Return the code points of all texts end to end, and where each text starts (rows + 1 offsets)."""
    data, offsets = utf8(texts)
    points = np.frombuffer(data.tobytes().decode().encode("utf-32-le"), np.uint32)
    if points.size == data.size:
        return points, offsets
    total = np.zeros(len(data) + 1, np.int64)
    np.cumsum((data & 0xC0) != 0x80, out=total[1:])
    return points, total[offsets]


def blocks(texts: Texts, limit_bytes: int = BLOCK_BYTES) -> Iterator[Texts]:
    """Return the texts in order, in slices of about `limit_bytes`; a longer text comes alone."""
    if not len(texts):
        return
    _, offsets = utf8(texts)
    first = 0
    while first < len(texts):
        last = int(np.searchsorted(offsets, offsets[first] + limit_bytes, side="right")) - 1
        last = min(max(last, first + 1), len(texts))
        yield texts.slice(first, last - first)
        first = last


def mask_where(candidates: Bools, texts: Texts, pattern: str) -> Bools:
    """Return the candidates whose text matches the RE2 pattern; texts of other rows are not looked at."""
    out = candidates.copy()
    rows = np.flatnonzero(candidates)
    if rows.size:
        chosen = texts if rows.size == len(texts) else taken(texts, rows)
        out[rows] = as_bools(pc.match_substring_regex(chosen, pattern))
    return out


def taken(texts: Texts, rows: npt.NDArray[np.intp]) -> Texts:
    """Return the texts of the rows, by number."""
    return texts.take(pa.array(rows))


def as_bools(mask: Any) -> Bools:
    """Return an Arrow mask as NumPy; null is false."""
    if mask.null_count:
        mask = pc.fill_null(mask, fill_value=False)
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)


def as_mask(values: Bools) -> pa.BooleanArray:
    """Return a NumPy mask as Arrow."""
    return pa.array(values, pa.bool_())
