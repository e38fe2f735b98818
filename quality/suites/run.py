"""A suite over all rows of a stage, as Great Expectations checkpoints, in bounded memory.

Expectations about rows are validated in chunks, and their counts added up. Those about the whole are validated once, on
a frame with one number a row (the value, or its hash); those about the different values of a column, on these values.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from quality.suites._frames import ROWS, SAMPLE, Distinct, Whole, chunks, count_frame
from quality.suites._gx import Runner, Tally, context, library
from quality.suites._unique import Unique
from quality.suites.check import Check
from quality.suites.result import Outcome, SuiteResult

CHUNK_ROWS = 250_000
_UNIQUE = "expect_column_values_to_be_unique"


def run_suite(
    frames: Iterable[pa.RecordBatch | pa.Table],
    checks: Sequence[Check],
    *,
    name: str = "stage",
    chunk_rows: int = CHUNK_ROWS,
) -> SuiteResult:
    """Return what became of each check, in their order, over all rows of the frames.

    Frames hold at least `columns_read(checks)`. RecipeError names an expectation that cannot be evaluated.
    """
    numbered = list(enumerate(checks))
    unique = [(number, check) for number, check in numbered if check.expectation == _UNIQUE]
    by_row, of_whole, of_table, of_distinct = (
        [(number, check) for number, check in numbered if check.scope == scope and check.expectation != _UNIQUE]
        for scope in ("row", "whole", "table", "distinct")
    )
    made = context()
    rows = Runner(made, f"{name}: rows", by_row) if by_row else None
    whole, once = Whole(_columns(of_whole)), {column: Unique(column) for column in _columns(unique)}
    distinct = Distinct(_columns(of_distinct))
    read = _columns(by_row)
    for table in chunks(frames, _columns(numbered), chunk_rows):
        whole.add(table)
        distinct.add(table)
        for held in once.values():
            held.add(table)
        if rows:
            rows.run(table.select(read).to_pandas())
    tallies = dict(rows.tallies) if rows else {}
    for number, check in unique:
        tallies |= _repeats(made, f"{name}: {number}", (number, check), once[check.columns[0]], frames)
    for number, check in [*by_row, *unique]:
        tallies[number].settle(check.kwargs.get("mostly", 1.0))
    if of_whole:
        tallies |= _once(made, f"{name}: whole", of_whole, whole.frame())
    if of_distinct:
        tallies |= _once(made, f"{name}: distinct values", of_distinct, distinct.frame())
    if of_table:
        about = [(number, _of_row_count(check)) for number, check in of_table]
        tallies |= _once(made, f"{name}: table", about, count_frame(whole.rows))
    return SuiteResult(name, whole.rows, tuple(_outcome(check, tallies[number]) for number, check in numbered))


def warm_up() -> None:
    """Import Great Expectations, which takes 3-4 s: in a thread, while something else is waited for."""
    library()


def _columns(checks: Sequence[tuple[int, Check]]) -> list[str]:
    return list(dict.fromkeys(column for _, check in checks for column in check.columns))


def _once(made: Any, name: str, checks: list[tuple[int, Check]], frame: Any) -> dict[int, Tally]:
    runner = Runner(made, name, checks)
    runner.run(frame)
    return runner.tallies


def _of_row_count(check: Check) -> Check:
    """Return a check of the number of rows as one of the only value in a frame that holds that number.

    A frame with all the rows, even one without columns, costs GX 36 bytes a row to fingerprint.
    """
    asked = dict(check.kwargs)
    if "value" in asked:
        asked["min_value"] = asked["max_value"] = asked.pop("value")
    return Check("expect_column_max_to_be_between", {"column": ROWS, **asked}, check.severity)


def _repeats(
    made: Any, name: str, check: tuple[int, Check], held: Unique, frames: Iterable[pa.RecordBatch | pa.Table]
) -> dict[int, Tally]:
    """Validate the uniqueness of a column part by part; GX sees hashes, the sample shows values."""
    runner, again = Runner(made, name, [check]), np.zeros(0, np.uint64)
    for frame, repeated in held.parts():
        runner.run(frame)
        again = np.concatenate([again, repeated])[:SAMPLE]
    runner.tallies[check[0]].sample = held.sample(frames, again)
    return runner.tallies


def _outcome(check: Check, tally: Tally) -> Outcome:
    return Outcome(
        expectation=check.expectation,
        kwargs=dict(check.kwargs),
        severity=check.severity,
        success=tally.success,
        observed=_plain(tally.observed),
        element_count=tally.element_count,
        missing_count=tally.missing_count,
        unexpected_count=tally.unexpected_count,
        sample=[_plain(value) for value in tally.sample],
    )


def _plain(value: Any) -> Any:
    """Return a JSON value: GX hands out NumPy scalars, tuples and NaN."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
