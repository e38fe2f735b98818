"""Spans of a batch as columns: from code points to bytes, and back as a column of records."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.record import SPANS
from tasks.methods.augment._chars import Bytes, Ints, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Spans of all rows: byte offsets into the text of all rows, the word that each lies in, its type.

    `rows` says how many each row has; `null` which rows have none at all, not even an empty list.
    """

    start: Ints
    end: Ints
    word: Ints
    type: pa.StringArray
    row: Ints
    null: Mask  # (rows,)


def char_starts(data: Bytes) -> Ints | None:
    """Return the byte at which each code point starts, and the end of all; None where all are ASCII."""
    if not len(data) or int(data.max()) < 0x80:
        return None
    return np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))


def byte_spans(spans: pa.Array | None, bounds: Ints, starts: Ints | None) -> tuple[Spans, Mask]:
    """Return the spans of the rows, and which rows' spans overlap, are empty or lie outside; those are left out."""
    rows = len(bounds) - 1
    bad = np.zeros(rows, np.bool_)
    none = np.empty(0, np.int64)
    if spans is None or spans.null_count == len(spans):
        return Spans(none, none, none, pa.array([], pa.string()), none, np.ones(rows, np.bool_)), bad
    null = spans.is_null().to_numpy(zero_copy_only=False)
    row, low, high, kind = _flat(spans)
    base = bounds if starts is None else np.searchsorted(starts, bounds)
    wrong = (low < 0) | (high <= low) | (high > np.diff(base)[row])
    bad[row[wrong]] = True
    low, high = low + base[row], high + base[row]
    order = np.lexsort((low, row))
    near = order[1:][(row[order][1:] == row[order][:-1]) & (low[order][1:] < high[order][:-1])]
    bad[row[near]] = True
    good = np.flatnonzero(~bad[row])
    row, low, high, kind = row[good], low[good], high[good], kind.take(pa.array(good))
    if starts is not None:
        low, high = starts[low], starts[high]
    return Spans(low, high, np.zeros(len(low), np.int64), kind, row, null), bad


def _flat(spans: pa.Array) -> tuple[Ints, Ints, Ints, pa.StringArray]:
    """Return row, start, end and type of every span; a missing offset is -1."""
    spans = spans.cast(SPANS)
    row = pc.list_parent_indices(spans).to_numpy().astype(np.int64)
    parts = spans.flatten().flatten()
    low, high = (pc.fill_null(part, -1).to_numpy().astype(np.int64) for part in parts[:2])
    return row, low, high, parts[2]


def column(spans: Spans, start: Ints, end: Ints, keep: Ints) -> pa.Array:
    """Return the spans numbered `keep` at their new offsets (code points in their row's text), as a column of SPANS."""
    rows = len(spans.null)
    row = spans.row[keep]
    order = np.lexsort((start, row))
    counts = np.bincount(row, minlength=rows)
    offsets = np.zeros(rows + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    fields = [
        pa.array(start[order].astype(np.int32)),
        pa.array(end[order].astype(np.int32)),
        spans.type.take(pa.array(keep[order])),
    ]
    flat = pa.StructArray.from_arrays(fields, fields=list(SPANS.value_type))
    return pa.ListArray.from_arrays(
        pa.array(offsets.astype(np.int32)), flat, type=SPANS, mask=pa.array(spans.null) if spans.null.any() else None
    )
