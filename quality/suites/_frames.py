"""From record batches to what Great Expectations reads: chunks of few columns, and one number a row for the rest."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quality.dedup import hashed
from quality.rules._text import Texts, as_bools, count_words, pc, utf8
from quality.suites._known import NUMBER_COLUMNS
from tasks.core.errors import RecipeError, choices
from tasks.core.record import words_of

SAMPLE = 5
# A column of zeros, so that a table that needs no column still has its rows; in a count frame, the number of rows.
ROWS = "__rows__"


def chunks(frames: Iterable[pa.RecordBatch | pa.Table], columns: Sequence[str], chunk_rows: int) -> Iterator[pa.Table]:
    """Return the columns of all frames, in tables of `chunk_rows` rows; the last has fewer."""
    held: list[pa.Table] = []
    count = 0
    for frame in frames:
        table = projected(frame, columns)
        while count + table.num_rows >= chunk_rows:
            taken = chunk_rows - count
            yield _joined([*held, table.slice(0, taken)])
            held, count, table = [], 0, table.slice(taken)
        if table.num_rows:
            held.append(table)
            count += table.num_rows
    if held:
        yield _joined(held)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).combine_chunks()


def projected(frame: pa.RecordBatch | pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return the columns of a frame, `n_chars` and `n_words` derived, and a column of zeros."""
    made: dict[str, Any] = {ROWS: pa.array(np.zeros(frame.num_rows, np.uint8))}
    derived = [column for column in columns if column not in frame.schema.names]
    if derived:
        words = _words(frame, derived)
    for column in columns:
        if column in frame.schema.names:
            made[column] = frame.column(column)
        else:
            made[column] = pc.utf8_length(words) if column == "n_chars" else pa.array(count_words(words))
        if column in NUMBER_COLUMNS:
            # GX compares int64 column-wise, but int32 value by value: 1.3 s a million.
            made[column] = made[column].cast(pa.int64())
    return pa.table(made)


def _words(frame: pa.RecordBatch | pa.Table, derived: Sequence[str]) -> Texts:
    for column in (*(name for name in derived if name not in ("n_chars", "n_words")), "text", "messages", "target"):
        if column not in frame.schema.names:
            raise RecipeError(f"the suite reads column '{column}'{choices(column, frame.schema.names)}")
    spoken = frame.select(["text", "messages", "target"])
    if isinstance(spoken, pa.Table):
        batches = spoken.combine_chunks().to_batches()
        spoken = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=spoken.schema)
    return words_of(spoken)


class Whole:
    """One number of every row, for what must see the stage at once: 8 bytes a row and column, a bit for nulls.

    A number column is kept as it is, another as the 64-bit hash of each value.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.rows = 0
        self._parts: dict[str, list[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]] = {name: [] for name in columns}

    def add(self, table: pa.Table) -> None:
        """Take the numbers of a chunk."""
        self.rows += table.num_rows
        for name, parts in self._parts.items():
            parts.append(numbers(table.column(name), name))

    def frame(self) -> Any:
        """Return the numbers as a pandas frame."""
        import pandas as pd  # noqa: PLC0415 - 0.5 s that checking a recipe does not need

        made: dict[str, Any] = {}
        for name, parts in self._parts.items():
            values = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int64)
            null = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, bool)
            made[name] = pd.arrays.IntegerArray(values, null) if null.any() else values
        return pd.DataFrame(made)


def count_frame(rows: int) -> Any:
    """Return a pandas frame of one value: a number of rows."""
    import pandas as pd  # noqa: PLC0415 - 0.5 s that checking a recipe does not need

    return pd.DataFrame({ROWS: [rows]})


def numbers(column: Any, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return one number a row, and which rows are null: a number column as it is, another as hashes (uint64)."""
    null = as_bools(column.is_null())
    if name in NUMBER_COLUMNS:
        return pc.fill_null(column, 0).to_numpy(), null
    values = np.zeros(len(column), np.uint64)
    values[~null] = _hashes(column.drop_null().combine_chunks())
    return values, null


def _hashes(texts: Texts) -> npt.NDArray[np.uint64]:
    """Return 64 bits of each text: xxh3, but for those of 32 bytes, as ids are, a mix of their four words.

    The mix takes a tenth of the time, and what a text gives depends on nothing but the text.
    """
    data, offsets = utf8(texts)
    out = np.zeros(len(texts), np.uint64)
    wide = np.diff(offsets) == 32
    start = offsets[:-1][wide]
    if len(start) == len(texts):
        words = data.reshape(-1, 32).view("<u8")
    else:
        out[~wide] = hashed(texts.filter(pa.array(~wide)))
        words = data[start[:, None] + np.arange(32)].view("<u8")
    folded = np.zeros(len(start), np.uint64)
    for number in range(4):
        folded = mixed(folded ^ words[:, number])
    out[wide] = folded
    return out


def mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the 64-bit finaliser of MurmurHash3 (Appleby 2011, https://github.com/aappleby/smhasher)."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


class Distinct:
    """The different values of some columns, nulls left out."""

    def __init__(self, columns: Iterable[str]) -> None:
        # A dict keeps the order of first sight; a set would not.
        self._values: dict[str, dict[Any, None]] = {name: {} for name in columns}

    def add(self, table: pa.Table) -> None:
        """Take the values of a chunk."""
        for name, values in self._values.items():
            values.update(dict.fromkeys(pc.unique(table.column(name).drop_null()).to_pylist()))

    def frame(self) -> Any:
        """Return the values as a pandas frame, columns of fewer filled with nulls."""
        import pandas as pd  # noqa: PLC0415 - 0.5 s that checking a recipe does not need

        longest = max((len(values) for values in self._values.values()), default=0)
        padded = {name: [*values, *[None] * (longest - len(values))] for name, values in self._values.items()}
        return pd.DataFrame({name: pd.Series(values, dtype="object") for name, values in padded.items()})
