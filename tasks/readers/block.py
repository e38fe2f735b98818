"""What every reader hands on: rows of one file with their places, and what could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core.errors import RecipeError

FileFormat = Literal["jsonl", "json", "csv", "parquet", "text", "hf"]
Row = Mapping[str, Any]
Values = pa.Array | Sequence[Any]

# What the places of a format count, for messages.
UNITS: Mapping[FileFormat, str] = {
    "jsonl": "line",
    "json": "item",
    "csv": "line",
    "parquet": "row",
    "text": "line",
    "hf": "row",
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source. `name` is relative and POSIX: it goes into messages and into the digest."""

    path: Path
    name: str
    format: FileFormat

    def fail(self, detail: str, place: int | None = None) -> NoReturn:
        """Raise RecipeError `reviews.jsonl line 17: ...`."""
        where = "" if place is None else f" {UNITS[self.format]} {place}"
        raise RecipeError(f"{self.name}{where}: {detail}")


@dataclass(frozen=True, slots=True)
class Defect:
    """A row that is no record: the slug that is counted, its 1-based place, what is wrong, and the raw text."""

    reason: str
    place: int
    detail: str
    raw: str


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one file, columnar (Arrow) or as they were parsed (dicts), each with its 1-based place (int64)."""

    rows: pa.RecordBatch | list[Row]
    places: npt.NDArray[np.int64]
    defects: tuple[Defect, ...] = ()

    def __len__(self) -> int:
        return len(self.places)

    @property
    def names(self) -> list[str]:
        """The columns that the rows have, in order of first appearance."""
        if isinstance(self.rows, pa.RecordBatch):
            return list(self.rows.schema.names)
        return list(dict.fromkeys(chain.from_iterable(self.rows)))

    def column(self, name: str) -> Values:
        """Return the values of a column, null where a row has none."""
        if isinstance(self.rows, pa.RecordBatch):
            return self.rows.column(name) if name in self.rows.schema.names else pa.nulls(len(self))
        return [row.get(name) for row in self.rows]

    def row(self, index: int) -> Row:
        """Return one row as a dict."""
        if isinstance(self.rows, pa.RecordBatch):
            one = self.rows.slice(index, 1)
            return {name: listed(one.column(name))[0] for name in one.schema.names}
        return self.rows[index]

    def keep(self, mask: npt.NDArray[np.bool_]) -> "Block":
        """Return the rows where `mask` is true; the defects stay."""
        if isinstance(self.rows, pa.RecordBatch):
            return Block(self.rows.filter(pa.array(mask)), self.places[mask], self.defects)
        rows = [row for row, kept in zip(self.rows, mask.tolist(), strict=True) if kept]
        return Block(rows, self.places[mask], self.defects)


def places_from(first: int, count: int) -> npt.NDArray[np.int64]:
    """Return `count` places from `first` on."""
    return np.arange(first, first + count, dtype=np.int64)


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is one of the string types."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def listed(values: Values) -> Sequence[Any]:
    """Return a column as Python values; bytes in a string column that are not UTF-8 as lone surrogates.

    Arrow does not look into the strings of a file; lone surrogates are what every reader here makes of such bytes, and
    they are found where a value is written.
    """
    if not isinstance(values, pa.Array):
        return values
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    try:
        return list(values.to_pylist())
    except UnicodeDecodeError:
        return [_decoded(value) for value in values]


def _decoded(value: pa.Scalar) -> Any:
    if not is_text(value.type):
        return _nested(value)
    data = value.as_buffer()
    return None if data is None else data.to_pybytes().decode(errors="surrogateescape")


def _nested(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError as exc:
        return exc.object[exc.start : exc.start + 1].decode(errors="surrogateescape")
