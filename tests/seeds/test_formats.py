"""Every format gives the same records from the same rows, compressed or not, alone or in a folder."""

import datetime as dt
import json
import os
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core.record import REJECT_SCHEMA, SCHEMA
from tasks.readers.files import located
from tasks.seeds import check_source, read
from tests.builders import SHARED_DATA, needs_shared_data, write_jsonl
from tests.seeds.reading import COMPRESSED, rows, source, texts, write_csv

TABLE = [
    {"text": "plain", "label": "a", "place": "Köln"},
    {"text": 'with "quotes", commas\nand a line', "label": "b", "place": "東京\t\\"},
    {"text": "ünï 😀", "label": "a", "place": "x"},
]


def _write(path, kind):
    if kind == "jsonl":
        write_jsonl(path, TABLE)
    elif kind == "json":
        path.write_text(json.dumps(TABLE, indent=2), encoding="utf-8")
    elif kind == "csv":
        write_csv(path, TABLE)
    else:
        pq.write_table(pa.Table.from_pylist(TABLE), path)


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet"])
def test_every_format_gives_the_same_records(tmp_path, kind):
    _write(tmp_path / f"x.{kind}", kind)
    records, rejects = rows(f"x.{kind}", tmp_path)
    assert [(r["text"], r["label"], r["extra"], r["row"], r["kind"]) for r in records] == [
        (t["text"], t["label"], {"place": t["place"]}, row, "text") for row, t in enumerate(TABLE)
    ]
    assert rejects == []


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("suffix", [".gz", ".zst", ""])
def test_compression_is_seen_in_the_bytes_not_the_name(tmp_path, kind, suffix):
    _write(tmp_path / f"plain.{kind}", kind)
    data = (tmp_path / f"plain.{kind}").read_bytes()
    # Without a suffix that says so, the file is still gzip.
    (tmp_path / f"x.{kind}{suffix}").write_bytes(COMPRESSED.get(suffix, COMPRESSED[".gz"])(data))
    assert texts(f"x.{kind}{suffix}", tmp_path) == [row["text"] for row in TABLE]


def test_batches_have_the_record_schemas_and_no_more_rows_than_asked(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"text": str(n)} for n in range(105)])
    parts = list(read(source("x.jsonl"), tmp_path, name="mine", batch_rows=20))
    assert [part.records.num_rows for part in parts] == [20, 20, 20, 20, 20, 5]
    assert all(part.records.schema == SCHEMA and part.rejects.schema == REJECT_SCHEMA for part in parts)
    assert parts[0].records.column("method").to_pylist() == ["seeds@1"] * 20
    assert parts[0].records.column("stage").to_pylist() == ["mine"] * 20


@pytest.mark.parametrize("limit", [1, 5, 7, 20])
def test_limit_keeps_the_first_records_and_nothing_after_them_matters(tmp_path, limit):
    lines = [json.dumps({"text": str(n)}) for n in range(7)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "b.jsonl").write_text("\n".join(lines) + "\nbroken" * (limit < 14))
    assert texts({"path": "*.jsonl", "limit": limit}, tmp_path) == [str(n % 7) for n in range(min(limit, 14))]


def test_rows_number_the_source_over_files_and_rejects(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text":"0"}\n\nno\n{"text":"2"}\n')
    (tmp_path / "b.jsonl").write_text('no\n{"text":"4"}\n')
    records, rejects = rows({"path": ".", "on_error": "skip"}, tmp_path)
    assert [row["row"] for row in records] == [0, 2, 4]
    assert [(row["row"], row["extra"]["file"], row["extra"]["line"]) for row in rejects] == [
        (1, "a.jsonl", 3),
        (3, "b.jsonl", 1),
    ]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"data": TABLE}, id="only key"),
        pytest.param(
            {"version": "1", "tags": ["x", 1], "meta": {"n": [1]}, "data": TABLE, "after": 1}, id="among others"
        ),
    ],
)
def test_an_object_with_a_list_of_objects_gives_those(tmp_path, document):
    (tmp_path / "x.json").write_text(json.dumps(document))
    assert texts("x.json", tmp_path) == [row["text"] for row in TABLE]


def test_an_object_without_a_list_of_objects_is_one_record(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"text": "hi", "tags": [], "m": {"a": 1}}))
    (tmp_path / "y.json").write_text(json.dumps({"messages": [{"role": "user", "content": "hi"}]}))
    records, _ = rows(".", tmp_path)
    assert [row["kind"] for row in records] == ["text", "chat"]
    assert records[0]["extra"] == {"m": {"a": 1}, "tags": []}


def test_two_lists_of_objects_are_not_guessed_between(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"a": TABLE, "b": TABLE}))
    with pytest.raises(Exception, match="two arrays of objects, 'a' and 'b'"):
        rows("x.json", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("x.json", '{"text":"a"}\n{"text":"b"}\n', ["a", "b"], id="lines called json"),
        pytest.param("x.json", '{"text":"a"}\n\n \n{"text":"b"}', ["a", "b"], id="lines with gaps called json"),
        pytest.param("x.jsonl", '[\n{"text":"a"},\n{"text":"b"}]\n', ["a", "b"], id="document called jsonl"),
        pytest.param("x.jsonl", '[{"text":"a"},{"text":"b"}]', ["a", "b"], id="document in one line called jsonl"),
        pytest.param(
            "x.json", '{"data":[\n{"text":"a"},\n{"text":"b"}\n]}', ["a", "b"], id="document that looks like lines"
        ),
        pytest.param("x.json", "\ufeff[" + " " * 70_000 + '{"text":"a"}]', ["a"], id="mark, then white space"),
    ],
)
def test_json_is_told_from_json_lines_by_content(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert texts(name, tmp_path) == expected


@pytest.mark.parametrize(
    ("header", "option", "expected"),
    [
        pytest.param("text,label", {}, "a", id="comma"),
        pytest.param("text;label", {}, "a", id="semicolon"),
        pytest.param("text|label", {}, "a", id="bar"),
        pytest.param("text^label", {"delimiter": "^"}, "a", id="given"),
        pytest.param("'text','label'", {"quote": "'"}, "a", id="quote"),
    ],
)
def test_csv_marks_are_found_or_given(tmp_path, header, option, expected):
    mark = option.get("delimiter") or next(m for m in ",;|" if m in header)
    (tmp_path / "x.csv").write_text(f"{header}\na{mark}b\n")
    records, _ = rows({"path": "x.csv", **option}, tmp_path)
    assert (records[0]["text"], records[0]["label"]) == (expected, "b")


def test_tsv_is_cut_at_tabs_though_the_header_has_a_comma(tmp_path):
    (tmp_path / "x.tsv.gz").write_bytes(COMPRESSED[".gz"](b"text\ta,b\nhi, you\t2\n"))
    assert rows("x.tsv.gz", tmp_path)[0][0]["extra"] == {"a,b": "2"}


def test_an_empty_csv_cell_is_null_and_a_blank_line_no_record(tmp_path):
    (tmp_path / "x.csv").write_text("\n\ntext,label,\n\na,,1\r\n\nb,x,\n")
    records, _ = rows("x.csv", tmp_path)
    assert [(row["text"], row["label"], row["extra"]) for row in records] == [
        ("a", None, {"column_3": "1"}),
        ("b", "x", {}),
    ]


def test_text_is_a_record_a_line_or_a_file(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"\xef\xbb\xbfone\r\n\r\n  \ntwo\x0b\xe2\x80\xa8still two\nthree")
    assert texts("x.txt", tmp_path) == ["one", "two\x0b\u2028still two", "three"]
    assert texts({"path": "x.txt", "text_mode": "file"}, tmp_path) == ["one\n\n  \ntwo\x0b\u2028still two\nthree"]


def test_a_folder_is_read_sorted_without_hidden_files_and_notices(tmp_path):
    for name in ("b/z.jsonl", "b/a.jsonl", ".hidden.jsonl", ".git/x.jsonl", "a.jsonl"):
        write_jsonl(tmp_path / name, [{"text": name}])
    for name in ("README.md", "LICENSE.txt", "c.txt", "picture.png"):
        (tmp_path / name).write_text(name)
    assert texts(".", tmp_path) == ["a.jsonl", "b/a.jsonl", "b/z.jsonl", "c.txt"]
    assert texts({"path": ".", "format": "text"}, tmp_path) == ["c.txt"]
    assert texts("b/*.jsonl", tmp_path) == ["b/a.jsonl", "b/z.jsonl"]
    assert texts("**/*", tmp_path) == ["a.jsonl", "b/a.jsonl", "b/z.jsonl", "c.txt"]
    assert [file.name for file in located(source(str(tmp_path / "b" / "*")), tmp_path)] == ["a.jsonl", "z.jsonl"]


def test_links_are_followed_and_a_loop_of_them_ends(tmp_path):
    write_jsonl(tmp_path / "data" / "a.jsonl", [{"text": "a"}])
    write_jsonl(tmp_path / "elsewhere" / "b.jsonl", [{"text": "b"}])
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "data" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "link.jsonl").symlink_to("data/a.jsonl")
    assert texts("data", tmp_path) == ["a", "b"]
    assert texts("link.jsonl", tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["zażółć gęślą.jsonl", "データ.jsonl", "with space [1].jsonl", "😀.jsonl"])
def test_file_names_may_hold_anything(tmp_path, name):
    write_jsonl(tmp_path / name, [{"text": "a"}])
    assert texts(name, tmp_path) == ["a"]


def test_a_file_name_that_is_no_utf8_is_read_and_named(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff.jsonl")  # noqa: PTH118 - Path takes no bytes
    with open(path, "wb") as file:  # noqa: PTH123 - Path takes no bytes
        file.write(b'{"text":"a"}\nno\n')
    records, rejects = rows({"path": ".", "on_error": "skip"}, tmp_path)
    assert [row["text"] for row in records] == ["a"]
    assert rejects[0]["extra"]["file"] == "\\udcff.jsonl"


def test_any_parquet_type_becomes_text_or_json(tmp_path):
    when = dt.datetime(2026, 11, 22, 18, 30, tzinfo=dt.UTC)
    table = pa.table(
        {
            "text": pa.array(["a", "b"], pa.large_string()),
            "label": pa.array(["x", "y"]).dictionary_encode(),
            "category": pa.array(["u", 'v"'], pa.string_view()).cast(pa.string()).dictionary_encode(),
            "when": pa.array([when, None], pa.timestamp("us", tz="UTC")),
            "day": pa.array([when.date(), None]),
            "took": pa.array([dt.timedelta(seconds=1.5), None]),
            "price": pa.array([Decimal("1.10"), None]),
            "nested": pa.array([{"a": [1, None], "b": {"c": float("nan")}}, None]),
            "big": pa.array([2**64 - 1, None], pa.uint64()),
            "score": pa.array([0.1, float("inf")]),
            "flag": pa.array([True, False]),
            "raw": pa.array([b"\xff", b"ok"], pa.binary()),
            "nothing": pa.nulls(2),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    records, _ = rows("x.parquet", tmp_path)
    assert [(row["text"], row["label"]) for row in records] == [("a", "x"), ("b", "y")]
    assert records[0]["extra"] == {
        "big": 2**64 - 1,
        "category": "u",
        "day": "2026-11-22",
        "flag": True,
        "nested": {"a": [1, None], "b": {"c": None}},
        "price": "1.10",
        "raw": "/w==",
        "score": 0.1,
        "took": 1.5,
        "when": "2026-11-22T18:30:00+00:00",
    }
    assert records[1]["extra"] == {"category": 'v"', "flag": False, "raw": "ok"}


def test_parquet_is_known_by_its_first_bytes(tmp_path):
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "data-00000")
    assert texts("data-00000", tmp_path) == ["a"]


@needs_shared_data
@pytest.mark.parametrize(
    ("spec", "count", "columns", "extra"),
    [
        pytest.param("captions.txt", 10_000, ("text",), (), id="captions"),
        pytest.param("math_problems.jsonl", 400, ("text",), ("answer",), id="gsm8k"),
        pytest.param(
            {"path": "math_problems.jsonl", "columns": {"text": "question", "target": "answer"}},
            400,
            ("text", "target"),
            (),
            id="gsm8k as pairs",
        ),
        pytest.param(
            "seed_tasks.jsonl", 116, ("text",), ("id", "instances", "is_classification", "name"), id="self-instruct"
        ),
        pytest.param(
            {"path": "pii_spans.json", "columns": {"text": "full_text", "kind_of": "template_id"}},
            100,
            ("text", "spans"),
            ("kind_of", "masked", "metadata"),
            id="presidio",
        ),
    ],
)
def test_real_seeds_are_read_whole(spec, count, columns, extra):
    info = check_source(source(spec), SHARED_DATA)
    records, rejects = rows(spec, SHARED_DATA)
    assert (info.columns, info.extra, len(records), rejects) == (columns, extra, count, [])


@needs_shared_data
def test_real_spans_keep_their_places_and_types():
    records, _ = rows({"path": "pii_spans.json", "columns": {"text": "full_text"}}, SHARED_DATA)
    raw = json.loads((SHARED_DATA / "pii_spans.json").read_text(encoding="utf-8"))
    for record, item in zip(records, raw, strict=True):
        found = [(span["start"], span["end"], span["type"]) for span in record["spans"]]
        assert found == [(span["start_position"], span["end_position"], span["entity_type"]) for span in item["spans"]]
