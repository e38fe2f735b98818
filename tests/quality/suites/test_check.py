"""Suites as recipes write them: checked whole, without Great Expectations."""

import subprocess
import sys

import pytest

from quality.suites.check import columns_read, parse_check, parse_suite
from quality.suites.default import default
from tasks.core.errors import RecipeError

LENGTHS = "expect_column_value_lengths_to_be_between"
BETWEEN = "expect_column_values_to_be_between"


def test_parse_suite_keeps_order_and_kwargs():
    checks = parse_suite(
        [
            {"type": LENGTHS, "column": "text", "min_value": 3, "severity": "warn"},
            {"type": "expect_table_row_count_to_equal", "value": 5},
        ]
    )
    assert [(c.expectation, c.kwargs, c.severity) for c in checks] == [
        (LENGTHS, {"column": "text", "min_value": 3}, "warn"),
        ("expect_table_row_count_to_equal", {"value": 5}, "stop"),
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param({"column": "text"}, "an expectation needs a type", id="no type"),
        pytest.param("expect_x", "an expectation needs a type", id="not a mapping"),
        pytest.param(
            {"type": "expect_column_values_to_not_be_nul"},
            "unknown expectation 'expect_column_values_to_not_be_nul'; did you mean 'expect_column_values_to_not_be_n",
            id="unknown type",
        ),
        pytest.param(
            {"type": LENGTHS, "column": "text", "min": 3}, "unknown key 'min'.*have: column, max_value", id="key"
        ),
        pytest.param({"type": LENGTHS, "min_value": 3}, "'column' is missing", id="no column"),
        pytest.param({"type": LENGTHS, "column": "text"}, "one of min_value, max_value is missing", id="no end"),
        pytest.param(
            {"type": "expect_column_values_to_match_regex", "column": "text"}, "'regex' is missing", id="no regex"
        ),
        pytest.param(
            {"type": LENGTHS, "column": "txt", "min_value": 3},
            "unknown column 'txt'; did you mean 'text'.*n_words",
            id="column",
        ),
        pytest.param({"type": LENGTHS, "column": ["text"], "min_value": 3}, "unknown column", id="two columns"),
        pytest.param(
            {"type": LENGTHS, "column": "n_chars", "min_value": 3}, "does not read column 'n_chars'", id="number"
        ),
        pytest.param(
            {"type": BETWEEN, "column": "text", "min_value": 3},
            "does not read column 'text'.*have: n_chars, n_words, row, shard",
            id="text",
        ),
        pytest.param(
            {"type": "expect_column_distinct_values_to_be_in_set", "column": "text", "value_set": ["a"]},
            "does not read column 'text'.*kind, label",
            id="too many values",
        ),
        pytest.param(
            {"type": BETWEEN, "column": "row", "min_value": "3"}, "min_value should be a number, not '3'", id="not 3"
        ),
        pytest.param({"type": BETWEEN, "column": "row", "min_value": True}, "should be a number, not True", id="flag"),
        pytest.param(
            {"type": BETWEEN, "column": "row", "min_value": 3, "max_value": 2}, "min_value 3 is above", id="range"
        ),
        pytest.param(
            {"type": BETWEEN, "column": "row", "min_value": 3, "mostly": 95},
            r"mostly should be a number in \[0, 1\], not 95",
            id="percent",
        ),
        pytest.param(
            {"type": BETWEEN, "column": "row", "min_value": 3, "severity": "critical"},
            "unknown severity 'critical'.*have: stop, warn",
            id="severity",
        ),
        pytest.param(
            {"type": "expect_table_row_count_to_equal", "value": -1}, "whole number of 0 or more, not -1", id="count"
        ),
        pytest.param(
            {"type": "expect_column_values_to_match_regex", "column": "text", "regex": "("},
            r"regex should be a regular expression \(missing \)",
            id="regex",
        ),
        pytest.param(
            {"type": "expect_column_values_to_match_regex_list", "column": "text", "regex_list": ["a", "["]},
            r"regular expression \(unterminated",
            id="regex of a list",
        ),
        pytest.param(
            {"type": "expect_column_values_to_be_in_set", "column": "kind", "value_set": "text"},
            "value_set should be a list",
            id="not a list",
        ),
        pytest.param(
            {"type": "expect_column_values_to_be_in_set", "column": "kind", "value_set": [1]},
            "column 'kind' holds texts, not 1",
            id="numbers for texts",
        ),
        pytest.param(
            {"type": "expect_column_values_to_be_in_set", "column": "shard", "value_set": ["1"]},
            "column 'shard' holds numbers, not '1'",
            id="texts for numbers",
        ),
        pytest.param(
            {"type": "expect_column_pair_values_to_be_equal", "column_A": "text", "column_B": "txt"},
            "unknown column 'txt'",
            id="second column",
        ),
    ],
)
def test_parse_check_names_what_is_wrong(config, message):
    with pytest.raises(RecipeError, match=message) as caught:
        parse_check(config)
    assert "\n" not in str(caught.value)


def test_default_suite_is_a_valid_one():
    """With a target the count is exact; without, one row is enough."""
    with_target = parse_suite(default(5, min_chars=2, max_chars=9, kinds=["text"]))
    assert with_target[0].kwargs == {"value": 5}
    assert with_target[2].kwargs == {"column": "n_chars", "min_value": 2, "max_value": 9}
    assert parse_suite(default(None))[0].kwargs == {"min_value": 1}


def test_columns_read_are_the_record_columns():
    """A derived column is read as what it is made of."""
    assert columns_read(parse_suite(default(5))) == {"id", "kind", "text", "messages", "target"}
    assert columns_read(parse_suite(default(5)[:1])) == frozenset()


def test_checking_a_suite_imports_neither_gx_nor_pandas():
    code = (
        "import sys, time; from quality.suites.default import default; from quality.suites.check import parse_suite;"
        "import quality.suites.run; parse_suite(default(3));"
        "sys.exit(sum(name in sys.modules for name in ('great_expectations', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
