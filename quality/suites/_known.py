"""The expectations that a suite may name, with what each takes: a table, so that checking a recipe imports no GX.

A test compares it with the installed Great Expectations, key by key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

# row: judged chunk by chunk, the counts added up. whole: needs one number of every row of the stage at once.
# distinct: needs the different values of a column. table: needs the number of rows.
Scope = Literal["row", "whole", "distinct", "table"]
Kind = Literal["number", "count", "share", "flag", "text", "regex", "regexes", "values", "any_all"]

TEXT_COLUMNS: Final = ("id", "kind", "text", "target", "label", "method", "stage", "engine", "extra")
# n_chars and n_words are derived from what the row rules read.
DERIVED: Final = ("n_chars", "n_words")
NUMBER_COLUMNS: Final = ("shard", "row", *DERIVED)
# Columns whose different values are few enough to hold them all.
CATEGORY_COLUMNS: Final = ("kind", "label", "method", "stage", "engine", "shard")
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "text": TEXT_COLUMNS,
        "number": NUMBER_COLUMNS,
        "category": CATEGORY_COLUMNS,
        "any": (*TEXT_COLUMNS, *NUMBER_COLUMNS),
    }
)


@dataclass(frozen=True, slots=True)
class Known:
    """What one expectation takes.

    reads: the kind of column (a key of COLUMNS); columns: the names of the kwargs that hold columns.
    kwargs: every other key. needs: keys that must be there. one_of: of these at least one must be.
    """

    scope: Scope
    reads: str
    kwargs: Mapping[str, Kind]
    needs: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    columns: tuple[str, ...] = ("column",)


_MOSTLY: Final[Mapping[str, Kind]] = {"mostly": "share"}
_RANGE: Final[Mapping[str, Kind]] = {
    "min_value": "number", "max_value": "number", "strict_min": "flag", "strict_max": "flag",
}  # fmt: skip
_COUNT_RANGE: Final[Mapping[str, Kind]] = {**_RANGE, "min_value": "count", "max_value": "count"}
_SHARE_RANGE: Final[Mapping[str, Kind]] = {**_RANGE, "min_value": "share", "max_value": "share"}
_ENDS = ("min_value", "max_value")
_PAIR = ("column_A", "column_B")


def _row(reads: str, kwargs: Mapping[str, Kind] = MappingProxyType({}), *needs: str) -> Known:
    return Known("row", reads, {**_MOSTLY, **kwargs}, needs)


def _whole(reads: str, kwargs: Mapping[str, Kind]) -> Known:
    return Known("whole", reads, kwargs, one_of=_ENDS)


def _distinct() -> Known:
    return Known("distinct", "category", {"value_set": "values"}, ("value_set",))


KNOWN: Final[Mapping[str, Known]] = MappingProxyType(
    {
        "expect_column_values_to_not_be_null": _row("any"),
        "expect_column_values_to_be_null": _row("any"),
        "expect_column_values_to_be_between": Known("row", "number", {**_MOSTLY, **_RANGE}, one_of=_ENDS),
        "expect_column_values_to_be_in_set": _row("any", {"value_set": "values"}, "value_set"),
        "expect_column_values_to_not_be_in_set": _row("any", {"value_set": "values"}, "value_set"),
        "expect_column_value_lengths_to_be_between": Known("row", "text", {**_MOSTLY, **_COUNT_RANGE}, one_of=_ENDS),
        "expect_column_value_lengths_to_equal": _row("text", {"value": "count"}, "value"),
        "expect_column_values_to_match_regex": _row("text", {"regex": "regex"}, "regex"),
        "expect_column_values_to_not_match_regex": _row("text", {"regex": "regex"}, "regex"),
        "expect_column_values_to_match_regex_list": _row(
            "text", {"regex_list": "regexes", "match_on": "any_all"}, "regex_list"
        ),
        "expect_column_values_to_not_match_regex_list": _row("text", {"regex_list": "regexes"}, "regex_list"),
        "expect_column_values_to_match_strftime_format": _row("text", {"strftime_format": "text"}, "strftime_format"),
        "expect_column_values_to_be_dateutil_parseable": _row("text"),
        "expect_column_values_to_be_json_parseable": _row("text"),
        "expect_column_pair_values_to_be_equal": Known("row", "any", _MOSTLY, columns=_PAIR),
        "expect_column_pair_values_a_to_be_greater_than_b": Known(
            "row", "number", {**_MOSTLY, "or_equal": "flag"}, columns=_PAIR
        ),
        "expect_column_values_to_be_unique": Known("whole", "any", _MOSTLY),
        "expect_column_unique_value_count_to_be_between": _whole("any", _COUNT_RANGE),
        "expect_column_proportion_of_unique_values_to_be_between": _whole("any", _SHARE_RANGE),
        "expect_column_proportion_of_non_null_values_to_be_between": _whole("any", _SHARE_RANGE),
        "expect_column_min_to_be_between": _whole("number", _RANGE),
        "expect_column_max_to_be_between": _whole("number", _RANGE),
        "expect_column_mean_to_be_between": _whole("number", _RANGE),
        "expect_column_median_to_be_between": _whole("number", _RANGE),
        "expect_column_stdev_to_be_between": _whole("number", _RANGE),
        "expect_column_sum_to_be_between": _whole("number", _RANGE),
        "expect_column_distinct_values_to_be_in_set": _distinct(),
        "expect_column_distinct_values_to_contain_set": _distinct(),
        "expect_column_distinct_values_to_equal_set": _distinct(),
        "expect_table_row_count_to_equal": Known("table", "any", {"value": "count"}, ("value",), columns=()),
        "expect_table_row_count_to_be_between": Known("table", "any", _COUNT_RANGE, one_of=_ENDS, columns=()),
    }
)
