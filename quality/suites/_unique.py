"""Uniqueness over a whole stage, in parts that Great Expectations can hold: equal values fall into the same part.

Eight bytes a row are kept; the values themselves are read again only where some repeat, to show a few of them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quality.suites._frames import SAMPLE, chunks, mixed, numbers

# pandas holds about 60 bytes a row while it looks for repeats.
PART_ROWS = 1_000_000


class Unique:
    """The 64-bit hashes of the values of one column that should be unique."""

    def __init__(self, column: str) -> None:
        self.column = column
        self._hashes: list[npt.NDArray[np.uint64]] = []
        self._rows = self._nulls = 0

    def add(self, table: pa.Table) -> None:
        """Take the values of a chunk."""
        hashes, null = _hashes(table, self.column)
        self._hashes.append(hashes[~null])
        self._rows += len(hashes)
        self._nulls += int(null.sum())

    def parts(self) -> Iterator[tuple[Any, npt.NDArray[np.uint64]]]:
        """Yield (pandas frame, hashes that repeat in it) of each part; all nulls are in the first."""
        import pandas as pd  # noqa: PLC0415 - 0.5 s that checking a recipe does not need

        number = max(1, -(-self._rows // PART_ROWS))
        for part in range(number):
            of_part = [hashes[hashes % np.uint64(number) == part] for hashes in self._hashes]
            values = np.concatenate(of_part) if of_part else np.zeros(0, np.uint64)
            nulls = self._nulls if part == 0 else 0
            padded = np.concatenate([values, np.zeros(nulls, np.uint64)]).view(np.int64)
            null = np.arange(len(padded)) >= len(values)
            yield pd.DataFrame({self.column: pd.arrays.IntegerArray(padded, null) if nulls else padded}), _again(values)

    def sample(self, frames: Iterable[pa.RecordBatch | pa.Table], repeated: npt.NDArray[np.uint64]) -> list[Any]:
        """Return up to SAMPLE values that repeat; none where the frames can be read only once."""
        if iter(frames) is frames or not len(repeated):
            return []
        found: dict[Any, None] = {}
        for table in chunks(frames, [self.column], PART_ROWS):
            hashes, null = _hashes(table, self.column)
            where = np.flatnonzero(np.isin(hashes, repeated) & ~null)
            found |= dict.fromkeys(table.column(self.column).take(pa.array(where, pa.int64())).to_pylist())
            if len(found) >= SAMPLE:
                break
        return list(found)[:SAMPLE]


def _hashes(table: pa.Table, column: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    values, null = numbers(table.column(column), column)
    return mixed(values.astype(np.uint64)), null


def _again(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    ordered = np.sort(values)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])[:SAMPLE]
