"""Whatever is wrong with a source is told in one line with its file and place, or kept as a reject if asked to skip."""

import os
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core.errors import RecipeError
from tasks.seeds import check_source
from tests.builders import write_jsonl
from tests.seeds.reading import COMPRESSED, rows, skipping, source, texts

GOOD = b'{"text":"a"}\n'


@pytest.mark.parametrize(
    ("name", "content", "error", "reason"),
    [
        pytest.param(
            "x.jsonl",
            b'{"text":"a" "b":1}',
            r"x.jsonl line 3: not valid JSON: Expecting ',' delimiter at column 13",
            "malformed_json",
            id="comma missing",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"a"',
            "line 3: not valid JSON: Expecting ',' delimiter at column 12",
            "malformed_json",
            id="line cut off",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"a"} {"text":"b"}',
            "line 3: not valid JSON: Extra data at column 14",
            "malformed_json",
            id="two on a line",
        ),
        pytest.param("x.jsonl", b"null", "line 3: not an object but null", "not_an_object", id="null"),
        pytest.param("x.jsonl", b'["a"]', "line 3: not an object but an array", "not_an_object", id="array"),
        pytest.param("x.jsonl", b"17", "line 3: not an object but a number", "not_an_object", id="number"),
        pytest.param(
            "x.jsonl",
            b'{"text":"\xff"}',
            r"line 3: not UTF-8: byte 0xff at byte 10 of the line",
            "invalid_utf8",
            id="not utf-8",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"\\ud83d"}',
            r"line 3: column 'text': not UTF-8: half a surrogate pair, .ud83d",
            "invalid_utf8",
            id="half a pair",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"a","n":["\\ud83d"]}',
            r"line 3: not UTF-8: half a surrogate pair",
            "invalid_utf8",
            id="half a pair in extra",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"a\x00b"}',
            "line 3: not valid JSON: Invalid control character",
            "malformed_json",
            id="raw NUL",
        ),
        pytest.param(
            "x.jsonl", b'{"text":"a\\u0000b"}', "line 3: column 'text': a NUL byte", "nul_byte", id="escaped NUL"
        ),
        pytest.param(
            "x.jsonl",
            b'{"n":' + b"1" * 5000 + b"}",
            "line 3: not valid JSON: Exceeds the limit",
            "malformed_json",
            id="number of 5,000 digits",
        ),
        pytest.param(
            "x.jsonl", b"[" * 100_000, "line 3: not valid JSON: nested too deep", "malformed_json", id="depth"
        ),
        pytest.param("x.jsonl", b'{"text":null}', "line 3: no text: column 'text' is empty", "no_text", id="null text"),
        pytest.param("x.jsonl", b'{"text":" \\t","label":"x"}', "line 3: no text", "no_text", id="blank text"),
        pytest.param("x.jsonl", b"{}", "line 3: no text", "no_text", id="empty object"),
        pytest.param(
            "x.jsonl", b'{"text":["a"]}', "line 3: column 'text': not a string but an array", "bad_text", id="list"
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"a","label":{}}',
            "line 3: column 'label': not a string but an object",
            "bad_label",
            id="label object",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"abc","spans":[{"start":1,"end":4,"type":"X"}]}',
            r"line 3: column 'spans': span 1\.\.4 is outside the text of 3 characters",
            "bad_spans",
            id="span past end",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"abc","spans":[{"start":-1,"end":2,"type":"X"}]}',
            "outside the text",
            "bad_spans",
            id="span before start",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"abc","spans":[{"start":true,"end":2,"type":"X"}]}',
            "without start, end and type",
            "bad_spans",
            id="span of a boolean",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"abc","spans":[{"start":0,"end":2}]}',
            "without start, end and type",
            "bad_spans",
            id="span without type",
        ),
        pytest.param(
            "x.jsonl", b'{"text":"abc","spans":7}', "not a list of spans but a number", "bad_spans", id="spans 7"
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"a","messages":[{"role":"user"},1]}',
            "a turn is not an object but a number",
            "bad_messages",
            id="turn of a number",
        ),
        pytest.param(
            "x.jsonl",
            '{"text":"a","messages":[{"rôle":"user","content":"x"}]}'.encode(),
            "a turn without role and content; its keys: rôle, content",
            "bad_messages",
            id="misspelt role",
        ),
        pytest.param(
            "x.jsonl",
            b'{"text":"a","messages":"hello"}',
            "column 'messages': not valid JSON",
            "bad_messages",
            id="messages of prose",
        ),
        pytest.param(
            "x.txt",
            b"caf\xe9",
            "x.txt line 3: not UTF-8: byte 0xe9 at byte 4 of the line",
            "invalid_utf8",
            id="latin-1 text",
        ),
        pytest.param("x.txt", b"a\x00b", "x.txt line 3: column 'text': a NUL byte", "nul_byte", id="NUL in text"),
    ],
)
def test_a_broken_line_stops_with_its_place_or_is_kept(tmp_path, name, content, error, reason):
    (tmp_path / name).write_bytes(GOOD + b"\n" + content + b"\n" + GOOD)
    with pytest.raises(RecipeError, match=error):
        rows(name, tmp_path)
    with pytest.raises(RecipeError, match=error):
        check_source(source(name), tmp_path)
    records, rejects = rows(skipping(name), tmp_path)
    assert [row["row"] for row in records] == [0, 2]
    assert [(row["reason"], row["row"], row["extra"]["line"]) for row in rejects] == [(reason, 1, 3)]


def test_a_reject_keeps_the_line_as_it_was(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "caf\xe9"}\r\n{"text": "b",}\n' + GOOD)
    _, rejects = rows(skipping("x.jsonl"), tmp_path)
    assert [row["text"] for row in rejects] == ['{"text": "caf\\xe9"}', '{"text": "b",}']


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_the_line_number_is_right_far_into_a_file(tmp_path, suffix):
    lines = [b'{"text":"%s"}' % (b"x" * (number % 97)) + b"\r" * (number % 2) for number in range(1, 120_001)]
    lines[96::97] = [b""] * len(lines[96::97])
    lines[110_016] = b'{"text":'
    data = b"\n".join(lines)
    (tmp_path / f"x.jsonl{suffix}").write_bytes(COMPRESSED.get(suffix, bytes)(data))
    with pytest.raises(RecipeError, match=r"line 110017: not valid JSON: Expecting value at column 9"):
        rows(f"x.jsonl{suffix}", tmp_path)


@pytest.mark.parametrize(
    ("content", "error", "reason", "place"),
    [
        pytest.param(b"a,b\n1,2,3\n", "x.csv line 2: 3 cells, but the header has 2", "ragged_row", 2, id="too many"),
        pytest.param(
            b'a,b\n"x\ny",2\r\n\n1\n', "x.csv line 5: 1 cells", "ragged_row", 5, id="after a cell of two lines"
        ),
        pytest.param(
            b'a,b\n1,2\n"x"y,2\n', "line 3: not valid CSV: ',' expected after '\"'", "malformed_csv", 3, id="quote"
        ),
        pytest.param(
            b'a,b\n1,2\n"x,2\n3,4\n',
            "line 3: not valid CSV: unexpected end of data",
            "malformed_csv",
            3,
            id="open quote",
        ),
        pytest.param(b"a,b\n1,\xff\n", "line 2: not UTF-8: byte 0xff", "invalid_utf8", 2, id="not utf-8"),
    ],
)
def test_a_broken_csv_record_is_told_by_its_first_line(tmp_path, content, error, reason, place):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(RecipeError, match=error):
        rows("x.csv", tmp_path)
    _, rejects = rows(skipping("x.csv"), tmp_path)
    assert [(row["reason"], row["extra"]["line"]) for row in rejects] == [(reason, place)]


def test_csv_goes_on_after_broken_records(tmp_path):
    (tmp_path / "x.csv").write_bytes(b'text,b\n"x"y,2\nok,1\n1\n\xe9,1\nfine,2\n')
    records, rejects = rows(skipping("x.csv"), tmp_path)
    assert [(row["text"], row["row"]) for row in records] == [("ok", 1), ("fine", 4)]
    assert [(row["row"], row["text"]) for row in rejects] == [(0, '"x"y,2'), (2, "1"), (3, "\\udce9\x1f1")]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param('[{"text":"a"},\n{"text":"b" "c":1}]', "Expecting ',' delimiter at line 2 column 13", id="comma"),
        pytest.param('[{"text":"a"},\n', r"Expecting value at line 2 column 1 \(the file ends there\)", id="cut off"),
        pytest.param('[{"text":"a"}\n{"text":"b"}]', "Expecting ',' or ']' at line 2 column 1", id="no comma"),
        pytest.param('[{"text":"a', "Unterminated string starting at at line 1 column 10", id="open string"),
        pytest.param('[{"text":"a"}] x', "Extra data at line 1 column 16", id="something after"),
        pytest.param(
            '{"a":1}\n\n 7', "Extra data; if it has an object a line, set format: jsonl at line 3", id="object, more"
        ),
        pytest.param('{"a":1,}', "Expecting property name", id="trailing comma"),
        pytest.param('{"a" 1}', "Expecting ':'", id="no colon"),
        pytest.param('"text"', "not an array of objects, and not an object", id="string"),
        pytest.param("[" * 100_000, "nested too deep", id="depth"),
    ],
)
def test_a_broken_document_stops_even_where_rows_may_be_skipped(tmp_path, content, error):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(RecipeError, match=f"x.json: .*{error}"):
        rows(skipping("x.json"), tmp_path)


def test_an_item_of_a_document_can_be_skipped(tmp_path):
    (tmp_path / "x.json").write_bytes(b'[{"text":"a"}, 7, {"text":"\xff"}, {"text":"b"}]')
    records, rejects = rows(skipping("x.json"), tmp_path)
    assert [row["row"] for row in records] == [0, 3]
    assert [(row["reason"], row["extra"]["item"]) for row in rejects] == [("not_an_object", 2), ("invalid_utf8", 3)]
    with pytest.raises(RecipeError, match=r"x.json item 2: not an object but a number"):
        rows("x.json", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        pytest.param("x.jsonl", b"", "no records in x.jsonl", id="empty jsonl"),
        pytest.param("x.jsonl", b"\n \n\r\n", "no records in x.jsonl", id="blank jsonl"),
        pytest.param("x.json", b"[]", "no records in x.json", id="empty array"),
        pytest.param("x.json", b'{"data": []}', "no records in x.json", id="empty array under a key"),
        pytest.param("x.json", b"", "no records in x.json", id="empty document"),
        pytest.param("x.csv", b"text,label\n", "no records in x.csv", id="csv header alone"),
        pytest.param("x.csv", b"", "no records in x.csv", id="empty csv"),
        pytest.param("x.txt", b"\n\n", "no records in x.txt", id="blank text"),
        pytest.param("x.jsonl.gz", COMPRESSED[".gz"](b""), "no records in x.jsonl.gz", id="empty gzip"),
        pytest.param("x.parquet", b"", "not a readable Parquet file", id="empty parquet"),
        pytest.param("x.parquet", b"PAR1nonsense", "not a readable Parquet file", id="broken parquet"),
        pytest.param("x.jsonl", "\ufefftext".encode("utf-16"), "it is UTF-16, not UTF-8", id="utf-16"),
        pytest.param("x.dat", b"what", "cannot tell the format of 'x.dat'.*csv, json, jsonl", id="unknown suffix"),
        pytest.param("x.csv", b"text,text\na,b\n", "column 'text' appears twice in the header", id="csv column twice"),
        pytest.param("x.csv", b'"text\n', "x.csv line 1: not valid CSV", id="csv header open"),
        pytest.param(
            "x.csv",
            b"question,prompt\na,b\n",
            "which column of x.csv is the text: question or prompt.*map it",
            id="which",
        ),
    ],
)
def test_a_source_without_records_is_an_error_of_the_check(tmp_path, name, content, error):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecipeError, match=error):
        check_source(source(name), tmp_path)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_truncated_archive_stops_whatever_may_be_skipped(tmp_path, suffix):
    data = COMPRESSED[suffix](b"".join(b'{"text":"%d"}\n' % (number * 7919) for number in range(50_000)))
    (tmp_path / f"x.jsonl{suffix}").write_bytes(data[: len(data) // 2])
    with pytest.raises(RecipeError, match=f"x.jsonl{suffix}: cannot read it: Truncated compressed stream"):
        rows(skipping(f"x.jsonl{suffix}"), tmp_path)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        pytest.param("reviws.jsonl", r"no such file: 'reviws.jsonl'; did you mean 'reviews.jsonl'\?", id="near"),
        pytest.param("sub/nothing", "no such file: 'sub/nothing'; 'sub' has: deep.txt", id="in a folder"),
        pytest.param("subb/deep.txt", r"no such file: 'subb/deep.txt'; did you mean 'sub'\?", id="folder misspelt"),
        pytest.param("*.csv", r"no seed files match '\*.csv'", id="glob"),
        pytest.param("empty", "no seed files in folder 'empty'; known suffixes: .csv, .json", id="empty folder"),
        pytest.param("pictures", "no seed files in folder 'pictures'", id="nothing known"),
        pytest.param("gone.jsonl", "no such file: 'gone.jsonl'", id="link to nothing"),
    ],
)
def test_a_path_that_is_not_there_names_its_neighbours(tmp_path, path, error):
    write_jsonl(tmp_path / "reviews.jsonl", [{"text": "a"}])
    for name in ("sub", "empty", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "sub" / "deep.txt").write_text("a")
    (tmp_path / "pictures" / "x.png").write_text("a")
    (tmp_path / "gone.jsonl").symlink_to("nowhere.jsonl")
    with pytest.raises(RecipeError, match=error):
        check_source(source(path), tmp_path)


def test_a_link_to_nothing_in_a_folder_is_not_passed_over(tmp_path):
    (tmp_path / "a.jsonl").symlink_to("nowhere.jsonl")
    with pytest.raises(RecipeError, match=r"a.jsonl: cannot read it: No such file"):
        check_source(source("."), tmp_path)


@contextmanager
def _as_nobody():
    """Run as a user whom file modes bind; they do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("path", "closed", "error"),
    [
        pytest.param("d/x.jsonl", "d/x.jsonl", "x.jsonl: cannot read it: Permission denied", id="file"),
        pytest.param("d/x.jsonl", "d", "cannot read 'd/x.jsonl': Permission denied", id="folder of a file"),
        pytest.param("d", "d", "cannot read 'd': Permission denied", id="folder"),
        pytest.param("d/y.parquet", "d/y.parquet", "y.parquet: cannot read it: Permission denied", id="parquet"),
    ],
)
def test_a_file_that_may_not_be_read_says_so(tmp_path_factory, path, closed, error):
    base = tmp_path_factory.mktemp("open")
    for folder in (base, *base.parents):
        if "pytest" in str(folder):
            folder.chmod(0o755)
    write_jsonl(base / "d" / "x.jsonl", [{"text": "a"}])
    pq.write_table(pa.table({"text": ["a"]}), base / "d" / "y.parquet")
    (base / closed).chmod(0)
    try:
        with _as_nobody(), pytest.raises(RecipeError, match=error):
            check_source(source(path), base)
    finally:
        (base / closed).chmod(0o755)


def test_a_line_of_twenty_megabytes_is_one_record(tmp_path):
    long = "x" * 20_000_000
    write_jsonl(tmp_path / "x.jsonl", [{"text": "a"}, {"text": long}, {"text": "b"}])
    assert texts("x.jsonl", tmp_path) == ["a", long, "b"]


def test_numbers_keep_every_digit_and_nan_is_no_value(tmp_path):
    (tmp_path / "x.jsonl").write_text(
        '{"text":"a","label":123456789012345678901234567890,"n":-9223372036854775809,"f":0.1}\n'
        '{"text":"b","label":1.50,"n":NaN,"f":1e999}\n'
        '{"text":"c","label":true,"n":1e3,"f":[NaN,-Infinity,1e999]}\n'
    )
    records, _ = rows("x.jsonl", tmp_path)
    assert [row["label"] for row in records] == ["123456789012345678901234567890", "1.5", "true"]
    assert [row["extra"] for row in records] == [
        {"n": -9223372036854775809, "f": 0.1},
        {},
        {"n": 1000.0, "f": [None, None, None]},
    ]


def test_parquet_with_bytes_that_are_no_text_names_the_row(tmp_path):
    broken = pa.array([b"ok", b"\xff\xfe", b"fine", b"good"]).view(pa.string())
    listed = pa.ListArray.from_arrays([0, 1, 1, 2, 2], pa.array([b"a", b"\xfe"]).view(pa.string()))
    pq.write_table(pa.table({"text": broken, "tags": listed}), tmp_path / "x.parquet")
    with pytest.raises(RecipeError, match=r"x.parquet row 2: column 'text': not UTF-8: byte 0xff"):
        rows("x.parquet", tmp_path)
    records, rejects = rows(skipping("x.parquet"), tmp_path)
    assert [(row["text"], row["row"]) for row in records] == [("ok", 0), ("good", 3)]
    assert [(row["reason"], row["row"]) for row in rejects] == [("invalid_utf8", 1), ("invalid_utf8", 2)]
