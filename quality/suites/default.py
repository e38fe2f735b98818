"""The suite of a gate that names none."""

from collections.abc import Sequence
from typing import Any

from tasks.core.record import KINDS


def default(
    target: int | None, *, min_chars: int = 1, max_chars: int = 200_000, kinds: Sequence[str] = KINDS
) -> list[dict[str, Any]]:
    """Return the suite of a stage that should hold `target` records: as many rows, each with words, each id once.

    Where `target` is None (a stage that keeps what it can) a row is enough. Limits are in characters of what the row
    rules read.
    """
    rows = (
        {"type": "expect_table_row_count_to_be_between", "min_value": 1}
        if target is None
        else {"type": "expect_table_row_count_to_equal", "value": target}
    )
    return [
        rows,
        {"type": "expect_column_values_to_not_be_null", "column": "n_chars"},
        {
            "type": "expect_column_values_to_be_between",
            "column": "n_chars",
            "min_value": min_chars,
            "max_value": max_chars,
        },
        {"type": "expect_column_values_to_be_unique", "column": "id"},
        {"type": "expect_column_values_to_be_in_set", "column": "kind", "value_set": list(kinds)},
    ]
