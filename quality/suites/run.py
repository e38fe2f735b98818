"""A suite over all rows of a stage, as Great Expectations checkpoints, in bounded memory.

Expectations about rows are validated in chunks, and their counts added up. Those about the whole are validated once, on
a frame with one number a row (the value, or its hash); those about the different values of a column, on these values.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from quality.suites._frames import Distinct, Whole, chunks
from quality.suites._gx import Runner, Tally, context, library
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
    by_row, of_whole, of_distinct = (
        [(number, check) for number, check in numbered if check.scope in scopes]
        for scopes in (("row",), ("whole", "table"), ("distinct",))
    )
    made = context()
    rows = Runner(made, f"{name}: rows", by_row) if by_row else None
    whole = Whole(_columns(of_whole), (check.columns[0] for _, check in of_whole if check.expectation == _UNIQUE))
    distinct = Distinct(_columns(of_distinct))
    read = _columns(by_row)
    for table in chunks(frames, _columns(numbered), chunk_rows):
        whole.add(table)
        distinct.add(table)
        if rows:
            rows.run(table.select(read).to_pandas())
    tallies = dict(rows.tallies) if rows else {}
    for number, check in by_row:
        tallies[number].settle(check.kwargs.get("mostly", 1.0))
    tallies |= _once(made, f"{name}: whole", of_whole, whole)
    tallies |= _once(made, f"{name}: distinct values", of_distinct, distinct)
    _show_repeated(of_whole, tallies, whole)
    return SuiteResult(name, whole.rows, tuple(_outcome(check, tallies[number]) for number, check in numbered))


def warm_up() -> None:
    """Import Great Expectations, which takes 3-4 s: in a thread, while something else is waited for."""
    library()


def _columns(checks: Sequence[tuple[int, Check]]) -> list[str]:
    return list(dict.fromkeys(column for _, check in checks for column in check.columns))


def _once(made: Any, name: str, checks: list[tuple[int, Check]], held: Whole | Distinct) -> dict[int, Tally]:
    if not checks:
        return {}
    runner = Runner(made, name, checks)
    runner.run(held.frame())
    return runner.tallies


def _show_repeated(checks: list[tuple[int, Check]], tallies: dict[int, Tally], whole: Whole) -> None:
    """GX saw hashes; show the values."""
    for number, check in checks:
        if check.expectation == _UNIQUE:
            tallies[number].sample = whole.repeated[check.columns[0]]


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
