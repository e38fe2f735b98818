"""Every piece of text that a batch of records holds, whatever column it is in, and the way to put it back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import record
from tasks.methods.perturb._pii_types import field_type

COLUMNS = ("text", "target", "messages", "extra")
_OWN_FIELDS = ("found", "found_target", "found_messages")
_MIN_DIGITS = 7


@dataclass(slots=True)
class Pieces:
    """The pieces, in order of row; piece i stands in `holders[i][keys[i]]`, which `put` overwrites.

    hints: the type of a whole piece, where the name of its field in `extra` tells it.
    """

    texts: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    hints: dict[int, str] = field(default_factory=dict)
    holders: list[Any] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)

    def add(self, text: str, row: int, column: str, holder: Any, key: Any, *, turn: int = -1) -> None:
        """Add a piece; empty ones are left out."""
        if text:
            self.texts.append(text)
            self.rows.append(row)
            self.columns.append(column)
            self.turns.append(turn)
            self.holders.append(holder)
            self.keys.append(key)

    def put(self, piece: int, text: str) -> None:
        """Write a new text in the place of a piece."""
        self.holders[piece][self.keys[piece]] = text


def values_of(seeds: pa.RecordBatch, columns: tuple[str, ...]) -> dict[str, list[Any]]:
    """Return the columns as Python values that may be changed; `extra` parsed, an object of its own for each row."""
    held = {name: seeds.column(name).to_pylist() for name in ("text", "target", "messages")}
    parsed = [json.loads(value) if value else None for value in seeds.column("extra").to_pylist()]
    held["extra"] = [value if isinstance(value, dict) else None for value in parsed]
    return {name: held[name] for name in COLUMNS if name in columns or name == "extra"}


def pieces_of(held: dict[str, list[Any]], columns: tuple[str, ...]) -> Pieces:
    """Return the pieces of the columns that are to be read, column by column."""
    pieces = Pieces()
    for name in ("text", "target"):
        if name in columns and name in held:
            for row, text in enumerate(held[name]):
                pieces.add(text or "", row, name, held[name], row)
    for row, turns in enumerate(held["messages"] if "messages" in columns else ()):
        for number, turn in enumerate(turns or ()):
            pieces.add(turn["content"] or "", row, "messages", turn, "content", turn=number)
    for row, fields in enumerate(held["extra"] if "extra" in columns else ()):
        _add_fields(pieces, row, fields or {})
    return pieces


def _add_fields(pieces: Pieces, row: int, fields: dict[str, Any]) -> None:
    for path, holder, key in _leaves({k: v for k, v in fields.items() if k not in _OWN_FIELDS}, fields):
        value = holder[key]
        text = value if isinstance(value, str) else str(value)
        if not isinstance(value, str) and sum(char.isdigit() for char in text) < _MIN_DIGITS:
            continue
        if (hint := field_type(path)) and text:
            pieces.hints[len(pieces.texts)] = hint
        pieces.add(text, row, "extra", holder, key)


def _leaves(value: Any, holder: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield the path, the holder and the key of every text and whole number below `value`, which `holder` equals."""
    inner = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, part in inner:
        where = (*path, key) if isinstance(key, str) else path
        if isinstance(part, dict | list):
            yield from _leaves(part, part, where)
        elif isinstance(part, str) or (isinstance(part, int) and not isinstance(part, bool)):
            yield where, holder, key


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of a batch, flat: `row`, `start`, `end` and `type` of each, and which rows have wrong ones."""

    row: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    type: list[str]
    bad: npt.NDArray[np.bool_]


def spans_of(seeds: pa.RecordBatch) -> Spans:
    """Return the spans of the seeds, sorted by row and start; bad: outside the text, empty, or on each other."""
    column = seeds.column("spans")
    flat = column.flatten()
    row = pc.list_parent_indices(column).to_numpy(zero_copy_only=False).astype(np.int64)
    start, end = (_numbers(flat.field(name)) for name in ("start", "end"))
    order = np.lexsort((end, start, row))
    row, start, end = row[order], start[order], end[order]
    kinds = flat.field("type").to_pylist()
    sizes = pc.fill_null(pc.utf8_length(seeds.column("text")), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    wrong = (start < 0) | (end <= start) | (end > sizes[row] if len(row) else False)
    if len(row) > 1:
        wrong[1:] |= (row[1:] == row[:-1]) & (start[1:] < end[:-1])
    bad = np.zeros(seeds.num_rows, bool)
    bad[row[wrong]] = True
    return Spans(row, start, end, [kinds[i] or "" for i in order.tolist()], bad)


def _numbers(values: pa.Array) -> npt.NDArray[np.int64]:
    return pc.fill_null(values, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def spans_array(rows: int, spans: list[tuple[int, int, int, str]], present: npt.NDArray[np.bool_]) -> pa.Array:
    """Return the column `spans` of (row, start, end, type), sorted; null where `present` is false."""
    row = np.array([span[0] for span in spans], np.int64)
    counts = np.bincount(row, minlength=rows) if len(row) else np.zeros(rows, np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    struct = pa.StructArray.from_arrays(
        [
            pa.array([span[1] for span in spans], pa.int32()),
            pa.array([span[2] for span in spans], pa.int32()),
            pa.array([span[3] for span in spans], pa.string()),
        ],
        fields=list(record.SPANS.value_type.fields),
    )
    mask = pa.array(np.append(~present, False))
    return pa.ListArray.from_arrays(pa.array(offsets, mask=mask.to_numpy(zero_copy_only=False)), struct)
