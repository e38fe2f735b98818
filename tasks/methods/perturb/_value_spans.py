"""The spans of a batch as flat arrays: checked on the way in, moved with the text, and back as a column."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.record import SPANS
from tasks.methods.perturb._value_text import Docs, Edits, Ints

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Spans:
    """Spans in the seeds' order, as [start, end) in code points of their row's text; `valid`: rows with a list."""

    rows: Ints
    starts: Ints
    ends: Ints
    types: pa.Array
    valid: Bools  # (rows,)

    def where(self, keep: Bools) -> "Spans":
        """Return the spans that are to be kept; the rows stay as they are."""
        return Spans(self.rows[keep], self.starts[keep], self.ends[keep], self.types.filter(pa.array(keep)), self.valid)

    def block(self, first: int, last: int) -> "Spans":
        """Return the spans of rows [first, last), numbered from 0."""
        low, high = np.searchsorted(self.rows, [first, last])
        part = slice(int(low), int(high))
        return Spans(
            self.rows[part] - first,
            self.starts[part],
            self.ends[part],
            self.types[part],
            self.valid[first:last],
        )

    def within(self, docs: Docs) -> tuple[Ints, Ints]:
        """Return starts and ends in code points of the whole."""
        base = docs.starts[self.rows]
        return self.starts + base, self.ends + base

    def moved(self, docs: Docs, edits: Edits, made: Docs) -> "Spans":
        """Return where the spans are after the edits; none of them may begin or end inside an edit."""
        starts, ends = self.within(docs)
        base = made.starts[self.rows]
        # Inserts before the first letter of a text belong to that text, so a start is measured from its own row.
        return Spans(
            self.rows, edits.moved_starts(starts) - base, edits.moved_ends(ends) - base, self.types, self.valid
        )

    def column(self) -> pa.Array:
        """Return the spans as a column of records: null where the seed's list was."""
        counts = np.bincount(self.rows, minlength=self.valid.size)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        fields = [pa.array(self.starts.astype(np.int32)), pa.array(self.ends.astype(np.int32)), self.types]
        values = pa.StructArray.from_arrays(fields, fields=list(SPANS.value_type))
        return pa.ListArray.from_arrays(pa.array(offsets), values, type=SPANS, mask=pa.array(~self.valid))


def spans_of(batch: pa.RecordBatch, sizes: Ints) -> tuple[Spans, Bools]:
    """Return the spans of a batch, and the rows whose spans overlap, are empty or lie outside their text of `sizes`.

    The spans of such rows are left out.
    """
    column = batch.column("spans") if "spans" in batch.schema.names else pa.nulls(batch.num_rows, SPANS)
    valid = np.asarray(column.is_valid())
    rows = np.asarray(pc.list_parent_indices(column)).astype(np.int64)
    flat = column.flatten()
    starts, ends = (_numbers(flat, name) for name in ("start", "end"))
    types = flat.field("type") if flat.null_count == 0 else pc.struct_field(flat, "type")
    bad = np.zeros(batch.num_rows, bool)
    bad[rows[(starts < 0) | (ends <= starts) | (ends > sizes[rows])]] = True
    order = np.lexsort((starts, rows))
    one, two = order[:-1], order[1:]
    bad[rows[one[(rows[one] == rows[two]) & (ends[one] > starts[two])]]] = True
    return Spans(rows, starts, ends, types, valid).where(~bad[rows]), bad


def _numbers(flat: Any, name: str) -> Ints:
    return np.asarray(pc.fill_null(pc.struct_field(flat, name), -1)).astype(np.int64)
