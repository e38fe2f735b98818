"""Suites run by Great Expectations. Its import takes seconds, so all tests that need it are in this file."""

import json
import re
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from quality.suites._known import KNOWN
from quality.suites.check import parse_suite
from quality.suites.default import default
from quality.suites.result import Outcome, SuiteResult
from quality.suites.run import run_suite
from tasks.core import record
from tasks.core.errors import RecipeError

# Keys that every GX expectation has, or that a record's columns give no use for.
EVERYWHERE = {
    "id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content", "windows",
    "batch_id", "severity", "row_condition", "condition_parser", "library_metadata", "ignore_row_if",
}  # fmt: skip
# What a suite cannot name, each with its reason.
LEFT_OUT = {
    "expect_column_values_to_match_json_schema": "raises on a text that is not JSON, where others count it",
    "expect_column_quantile_values_to_be_between": "GX 1.24 cannot serialise its own result (NumPy bool)",
}


def batch_of(rows, shard=0):
    names = sorted({name for row in rows for name in row}) or ["text"]
    part = record.columns(**{name: [row.get(name) for row in rows] for name in names})
    return record.complete(part, method="x@1", stage="s", shard=shard, row=0)


def run(rows, *configs, cuts=(), chunk_rows=3):
    """Return the outcomes over rows that arrive in batches cut at `cuts`."""
    ends = [0, *cuts, len(rows)]
    frames = [batch_of(rows[a:b], shard=n) for n, (a, b) in enumerate(pairwise(ends))]
    return run_suite(frames, parse_suite(configs), chunk_rows=chunk_rows)


LABELS = [
    {"text": text, "label": label} for text, label in zip("abcdefg", ["x", "y", "x", None, "z", "x", "y"], strict=True)
]
LABELS[3]["text"] = None
LABELS[6]["text"] = "a longer text"
LABELS[1]["target"] = "b"


@pytest.mark.parametrize("name", KNOWN)
def test_table_of_expectations_is_gx_own(name):
    """Every key that the table takes GX takes, no key of GX is forgotten, and what GX requires the table requires."""
    import great_expectations as gx
    from great_expectations.expectations import expectation

    from quality.suites._gx import class_name

    made = getattr(gx.expectations, class_name(name))
    fields = {key: field for key, field in made.__fields__.items() if key not in EVERYWHERE}
    known = KNOWN[name]
    assert set(fields) == {*known.columns, *known.kwargs}
    required = {key for key, field in fields.items() if field.required}
    assert required <= {*known.columns, *known.needs}
    by_row = issubclass(made, expectation.ColumnMapExpectation | expectation.ColumnPairMapExpectation)
    assert by_row == (known.scope == "row" or name == "expect_column_values_to_be_unique")


def test_left_out_expectations_exist():
    """When one of these starts to work, this list is where to look."""
    import great_expectations as gx

    from quality.suites._gx import class_name

    assert not set(LEFT_OUT) & set(KNOWN)
    assert all(hasattr(gx.expectations, class_name(name)) for name in LEFT_OUT)


def expect(short, column=None, **kwargs):
    return {"type": f"expect_{short}", **({"column": column} if column else {}), **kwargs}


@pytest.mark.parametrize(
    ("config", "success", "found"),
    [
        (expect("table_row_count_to_equal", value=7), True, 7),
        (expect("table_row_count_to_equal", value=6), False, 7),
        (expect("table_row_count_to_be_between", min_value=8), False, 7),
        (expect("column_values_to_not_be_null", "label"), False, 1),
        (expect("column_values_to_not_be_null", "label", mostly=0.85), True, 1),
        (expect("column_values_to_be_null", "target"), False, 1),
        (expect("column_values_to_be_in_set", "label", value_set=["x", "y"]), False, 1),
        (expect("column_values_to_be_in_set", "label", value_set=["x", "y"], mostly=5 / 6), True, 1),
        (expect("column_values_to_be_in_set", "label", value_set=["x", "y"], mostly=0.84), False, 1),
        (expect("column_values_to_not_be_in_set", "label", value_set=["x"]), False, 3),
        (expect("column_value_lengths_to_be_between", "text", min_value=1, max_value=1), False, 1),
        (expect("column_value_lengths_to_equal", "text", value=1), False, 1),
        (expect("column_values_to_match_regex", "text", regex="^[ab]"), False, 3),
        (expect("column_values_to_match_regex", "text", regex="^(?!a)."), False, 2),
        (expect("column_values_to_not_match_regex", "text", regex="^[ab]"), False, 3),
        (expect("column_values_to_match_regex_list", "text", regex_list=["^a", "b"], match_on="any"), False, 3),
        (expect("column_values_to_not_match_regex_list", "text", regex_list=["^a", "b"]), False, 3),
        (expect("column_values_to_match_strftime_format", "text", strftime_format="%Y"), False, 6),
        (expect("column_values_to_be_dateutil_parseable", "label"), False, 6),
        (expect("column_values_to_be_json_parseable", "extra"), True, 0),
        (expect("column_values_to_be_between", "n_chars", min_value=1), False, 1),
        (expect("column_values_to_be_between", "n_words", min_value=0, max_value=2), False, 1),
        (expect("column_values_to_be_between", "shard", max_value=1), False, 2),
        (expect("column_pair_values_to_be_equal", column_A="text", column_B="target"), False, 5),
        (
            expect("column_pair_values_a_to_be_greater_than_b", column_A="n_chars", column_B="n_words", or_equal=True),
            True,
            0,
        ),
        (expect("column_values_to_be_unique", "label"), False, 5),
        (expect("column_values_to_be_unique", "id"), True, 0),
        (expect("column_unique_value_count_to_be_between", "label", max_value=2), False, 3),
        (expect("column_proportion_of_unique_values_to_be_between", "label", min_value=0.5), True, 0.5),
        (expect("column_proportion_of_non_null_values_to_be_between", "label", min_value=0.9), False, 6 / 7),
        (expect("column_min_to_be_between", "n_chars", min_value=1), False, 0),
        (expect("column_max_to_be_between", "n_chars", max_value=15), True, 13),
        (expect("column_sum_to_be_between", "n_chars", max_value=9), False, 20),
        (expect("column_mean_to_be_between", "n_chars", max_value=9), True, 20 / 7),
        (expect("column_median_to_be_between", "n_chars", max_value=1), True, 1),
        (expect("column_stdev_to_be_between", "n_chars", max_value=1), False, None),
        (expect("column_distinct_values_to_be_in_set", "label", value_set=["x", "z"]), False, {"unexpected": ["y"]}),
        (expect("column_distinct_values_to_contain_set", "label", value_set=["x", "q"]), False, {"missing": ["q"]}),
        (expect("column_distinct_values_to_equal_set", "label", value_set=["x", "y", "z"]), True, None),
    ],
    ids=lambda value: value["type"].removeprefix("expect_") if isinstance(value, dict) and "type" in value else None,
)
@pytest.mark.parametrize("cuts", [(), (1, 5)], ids=["one batch", "three batches"])
def test_expectation_finds(config, success, found, cuts):
    """However the rows arrive and are chunked, the figures are those of all rows."""
    if config.get("column") == "shard" and not cuts:
        success, found = True, 0
    (outcome,) = run(LABELS, config, cuts=cuts).outcomes
    assert outcome.success is success
    figure = outcome.observed if outcome.unexpected_count is None else outcome.unexpected_count
    if found is not None:
        assert figure == (pytest.approx(found) if isinstance(found, float) else found)


def test_every_known_expectation_has_a_case():
    marks = test_expectation_finds.pytestmark
    cases = next(mark.args[1] for mark in marks if mark.args[0] == ("config", "success", "found"))
    assert {config["type"] for config, _, _ in cases} == set(KNOWN)


@pytest.mark.parametrize("chunk_rows", [1, 2, 7, 100])
def test_figures_do_not_depend_on_chunks(chunk_rows):
    configs = (
        expect("column_values_to_be_in_set", "label", value_set=["x"], mostly=0.5),
        expect("column_values_to_be_unique", "label"),
        expect("column_mean_to_be_between", "n_chars", max_value=1),
    )
    assert run(LABELS, *configs, cuts=(2,), chunk_rows=chunk_rows) == run(LABELS, *configs)


def test_uniqueness_is_seen_across_chunks_and_shows_the_values():
    rows = [{"text": f"t{n}", "label": label} for n, label in enumerate(["a", "b", "c", "d", "a", "c"])]
    (outcome,) = run(rows, expect("column_values_to_be_unique", "label"), cuts=(2, 4), chunk_rows=2).outcomes
    assert (outcome.success, outcome.unexpected_count, outcome.element_count) == (False, 4, 6)
    assert outcome.sample == ["a", "c"]


def test_ids_that_repeat_are_found_beside_values_of_other_lengths():
    """Texts of 32 bytes are hashed another way than the rest; both must tell equal from different."""
    odd = ["x" * 32, "x" * 31 + "y", "y" + "x" * 31, "short", "x" * 32, "short", "é" * 16]
    rows = [{"text": text} for text in odd]
    (outcome,) = run(rows, expect("column_values_to_be_unique", "text"), chunk_rows=2).outcomes
    assert (outcome.unexpected_count, outcome.sample) == (4, ["x" * 32, "short"])


def test_samples_are_at_most_five_values():
    rows = [{"text": f"t{n}"} for n in range(20)]
    (outcome,) = run(rows, expect("column_values_to_match_regex", "text", regex="^u"), chunk_rows=4).outcomes
    assert (outcome.unexpected_count, outcome.sample) == (20, ["t0", "t1", "t2", "t3", "t4"])


@pytest.mark.parametrize(
    "frames", [[], [batch_of([])], [pa.Table.from_batches([], record.SCHEMA)]], ids=["no", "empty", "table"]
)
def test_no_rows_fail_only_the_count(frames):
    """An expectation about rows holds of none, as in GX."""
    result = run_suite(frames, parse_suite(default(3)))
    assert result.rows == 0
    assert [outcome.expectation for outcome in result.failed] == ["expect_table_row_count_to_equal"]


def test_frames_may_be_tables_and_hold_only_the_columns_read():
    table = pa.Table.from_batches([batch_of(LABELS), batch_of(LABELS[:2])]).select(["label"])
    (outcome,) = run_suite([table], parse_suite([expect("column_values_to_not_be_null", "label")])).outcomes
    assert (outcome.unexpected_count, outcome.element_count) == (1, 9)


def test_a_frame_without_a_column_is_an_error():
    table = pa.Table.from_batches([batch_of(LABELS)]).select(["text", "label"])
    with pytest.raises(RecipeError, match=r"the suite reads column 'messages'; .*have: label, text"):
        run_suite([table], parse_suite([expect("column_values_to_be_between", "n_chars", min_value=1)]))


def test_default_suite_on_many_rows(capfd):
    """Exact over chunks of the size used in a run, and nothing is printed: GX would show progress bars."""
    rows = 300_000
    text = pa.array([f"text number {n}" for n in range(rows)])
    frame = record.complete(record.columns(text=text), method="x@1", stage="s", shard=0, row=0)
    result = run_suite([frame, frame.slice(0, 1)], parse_suite(default(rows)), name="many")
    assert [(o.expectation, o.observed, o.unexpected_count) for o in result.failed] == [
        ("expect_table_row_count_to_equal", rows + 1, None),
        ("expect_column_values_to_be_unique", None, 2),
    ]
    assert result.stop
    assert capfd.readouterr() == ("", "")


def test_warnings_do_not_stop():
    result = run(LABELS, expect("column_values_to_not_be_null", "label", severity="warn"))
    assert (result.success, result.stop, len(result.failed)) == (False, False, 1)


def test_result_goes_through_json():
    result = run(LABELS, expect("column_mean_to_be_between", "n_chars", max_value=1), *default(7), cuts=(3,))
    assert SuiteResult.from_dict(json.loads(json.dumps(result.as_dict()))) == result


def test_markdown_has_a_line_each_failed_first_and_no_value_breaks_out():
    hostile = Outcome(
        "expect_b", {"column": "text", "regex": "a|b"}, "stop", False, None, 2, 0, 1, ["|`\n<img>*_x_[y](z)"]
    )
    fine = Outcome("expect_a", {"value": 3}, "warn", True, np.float64(3).item())
    table = SuiteResult("s", 2, (fine, hostile)).markdown().splitlines()
    assert len(table) == 4
    assert table[2] == (
        r'| **FAIL** | expect_b | text | regex "a\|b" | 1 of 2 rows | stop | "\|\`\\n&lt;img&gt;\*\_x\_\[y\](z)" |'
    )
    assert table[3] == "| pass | expect_a |  | value 3 | 3.0 | warn |  |"


def test_data_docs_are_a_site_of_exact_figures(tmp_path):
    """A page for each suite, with the sums over chunks, and an index that leads to it."""
    rows = [{"text": "<script>alert(1)</script>"}, {"text": "b"}, {"text": "c"}, {"text": "d"}]
    result = run(rows, *default(5), expect("column_values_to_match_regex", "text", regex="^[cd]"), chunk_rows=2)
    index = build(tmp_path, {"tickets": result, "profiling": result})
    page = (tmp_path / "validations/tickets/tilth/20260102T000000.000000Z/tickets-4-rows.html").read_text()
    assert "validations/tickets/" in index.read_text()
    assert "validations/profiling/" in index.read_text()
    assert "2 unexpected values found" in page
    assert "Must have exactly" in page
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_data_docs_lead_to_every_page_without_a_script(tmp_path):
    """GX fills its index by scripts from the network; the plain list needs none."""
    rows = [{"text": "a"}, {"text": "b"}]
    index = build(tmp_path, {"good": run(rows, *default(2)), "bad": run(rows, *default(3))})
    links = dict(re.findall(r'<li><a href="([^"]+)">\w+</a>: (\w+), 2 rows', index.read_text()))
    assert [(tmp_path / link).is_file() for link in links] == [True, True]
    assert sorted(links.values()) == ["failed", "passed"]


def test_data_docs_report_to_nobody(tmp_path):
    """GX's pages ask its own server for a logo, with the time of the build."""
    build(tmp_path, {"s": run(LABELS, *default(7))})
    pages = [path.read_text() for path in tmp_path.rglob("*.html")]
    assert len(pages) == 3
    assert not any("great-expectations-web-assets" in page for page in pages)


def test_data_docs_can_be_built_again(tmp_path):
    first = build(tmp_path, {"s": run(LABELS, *default(7))}).read_text()
    assert build(tmp_path, {"s": run(LABELS, *default(7))}).read_text() == first


def build(folder, results):
    from quality.suites.docs import build_docs

    return build_docs(results, folder, at=datetime(2026, 1, 2, tzinfo=UTC))
