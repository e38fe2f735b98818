"""The block reader and the line reader agree on any bytes, and `extra` is the same however it is written."""

import json
import math
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.core.errors import RecipeError
from tasks.readers import extra, json_document, jsonl, mapping, values
from tasks.readers.block import Block, SourceFile, places_from
from tasks.readers.stream import line_blocks
from tests.seeds.reading import rows, skipping

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["text", "label", "a", "b", 'q"', "ü"])
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)
ENDS = st.sampled_from(["\n", "\r\n", "\n\n", " \n", "\n\t\n", "}\n", ""])
NOISE = st.sampled_from(
    [
        "null",
        "[]",
        "1",
        '"x"',
        "{",
        '{"a":1}{"a":2}',
        '{"a":1} {"b":\n2}',
        '{"a"',
        '"a":1}',
        '{"a":1}x',
        "\ufeff{}",
        "\x00",
    ]
)
LINES = st.lists(st.tuples(OBJECTS.map(json.dumps) | NOISE, ENDS), max_size=6)


@given(LINES, st.sampled_from([b"", b"\xff", b"\xc3"]))
def test_a_block_at_once_gives_what_its_lines_give(lines, tail):
    data = "".join(f"{line}{end}" for line, end in lines).encode() + tail
    slow = jsonl.scan_lines(1, data)
    fast = jsonl.scan_block(1, data)
    if fast is None:
        return
    assert slow.defects == ()
    # repr: a NaN is not equal to itself, and 1 is equal to 1.0
    assert (repr(fast.rows), fast.places.tolist()) == (repr(slow.rows), slow.places.tolist())


@given(st.lists(OBJECTS.map(json.dumps), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_plain_lines_go_the_fast_way(lines, end, ended):
    data = (end.join(lines) + end * ended).encode()
    fast = jsonl.scan_block(1, data)
    assert fast is not None
    assert len(fast) == len(lines)


@given(st.binary(max_size=60), st.integers(1, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_blocks_of_any_size_cut_at_the_same_lines(tmp_path, data, size):
    data = b"x" + data  # no byte order mark, no archive
    file = SourceFile(tmp_path / "x.txt", "x.txt", "text")
    file.path.write_bytes(data)
    found = list(line_blocks(file, size))
    assert b"".join(block for _first, block in found) == data
    assert all(block.endswith(b"\n") for _first, block in found[:-1])
    assert [first for first, _block in found] == [
        1 + b"".join(block for _first, block in found[:number]).count(b"\n") for number in range(len(found))
    ]


@given(
    items=st.lists(OBJECTS | VALUES, max_size=5),
    key=st.none() | st.text(max_size=3),
    size=st.integers(1, 40),
    indent=st.none() | st.integers(0, 30),
    ascii_only=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_a_document_in_pieces_of_any_size_holds_what_json_finds_in_it(
    tmp_path, *, items, key, size, indent, ascii_only
):
    items = [{"first": 1}, *items] if key is not None else items
    whole = items if key is None else {"v": 1.5e3, "n": -0.25, key + "_": items, "end": 12}
    text = json.dumps(whole, indent=indent, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    file = SourceFile(tmp_path / "x.json", "x.json", "json")
    file.path.write_bytes(text)
    expected = jsonl.DECODER.decode(text.decode(errors="surrogateescape"))
    expected = expected if key is None else expected[key + "_"]
    found = list(json_document.blocks(file, size))
    assert repr([row for block in found for row in block.rows]) == repr([row for row in expected if type(row) is dict])
    places = sorted([*(int(p) for block in found for p in block.places), *(d.place for b in found for d in b.defects)])
    assert places == list(range(1, len(expected) + 1))


@given(cut=st.integers(0, 200), size=st.integers(1, 300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_a_document_cut_anywhere_is_told_at_the_same_place_whatever_the_pieces(tmp_path, cut, size):
    text = json.dumps([{"text": "é\n\ud83d\ude00", "n": [1.5e3, True, None, -1]}, {"text": "b"}] * 2, indent=1)[:-1]
    file = SourceFile(tmp_path / "x.json", "x.json", "json")
    file.path.write_text(text[:cut])
    messages = []
    for piece in (size, 10_000):
        with pytest.raises(RecipeError, match=r"x.json: not valid JSON: .* at line [0-9]+ column [0-9]+") as found:
            list(json_document.blocks(file, piece)) or file.fail("not valid JSON: nothing at line 0 column 0")
        messages.append(str(found.value))
    assert messages[0] == messages[1]


@given(st.lists(OBJECTS, min_size=1, max_size=8))
def test_extra_by_columns_by_rows_and_by_json_are_the_same(objects):
    rows_ = [jsonl.DECODER.decode(json.dumps(row)) for row in objects]
    block = Block(rows_, places_from(1, len(rows_)))
    names = {name: name for name in block.names}
    by_columns = extra.extra_of({name: block.column(name) for name in names}, len(rows_)).to_pylist()
    assert by_columns == extra.extra_of_rows(rows_, names).to_pylist()
    for text, row in zip(by_columns, rows_, strict=True):
        kept = {key: row[key] for key in sorted(row) if not _nothing(row[key])}
        assert text == (_plain_json(kept) if kept else None)


def _nothing(value):
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _plain_json(value):
    return json.dumps(extra.plainly(value), ensure_ascii=False, separators=(",", ":"))


@given(st.lists(OBJECTS, min_size=1, max_size=8))
def test_extra_of_arrow_columns_is_that_of_python_values(objects):
    columns = {}
    for name in ("a", "b"):
        cells = [row.get(name) for row in objects]
        for kind in (pa.string(), pa.int64(), pa.bool_(), pa.float64()):
            wanted = [
                cell
                if type(cell) in {"string": (str,), "int64": (int,), "bool": (bool,)}.get(str(kind), (float,))
                else None
                for cell in cells
            ]
            try:
                columns[f"{name}{kind}"] = pa.array(wanted, kind)
            except (OverflowError, pa.ArrowInvalid, UnicodeEncodeError):
                continue
    of_arrow = extra.extra_of(columns, len(objects)).to_pylist()
    assert (
        of_arrow
        == extra.extra_of({name: array.to_pylist() for name, array in columns.items()}, len(objects)).to_pylist()
    )


TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", None, 1]), "content": st.text(max_size=5) | st.none()},
        optional={"name": st.text(max_size=2)},
    )
    | st.just({"from": "human", "value": "hi"}),
    max_size=3,
)


@given(st.lists(TURNS | st.none(), min_size=1, max_size=6))
def test_turns_in_one_conversion_are_what_they_are_one_by_one(column):
    fast, fast_wrong = values.messages(column)
    slow, slow_wrong = values.turn_by_turn(column)
    assert (fast.to_pylist(), fast_wrong) == (slow.to_pylist(), slow_wrong)


@given(st.lists(OBJECTS, min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_every_line_is_a_record_or_a_reject(tmp_path, objects):
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in objects))
    records, rejects = rows(skipping("x.jsonl"), tmp_path)
    assert sorted(row["row"] for row in (*records, *rejects)) == list(range(len(objects)))


def test_rows_with_thousands_of_keys_are_written_row_by_row_with_the_same_result():
    wide = [{"text": "a", f"k{number:04}": number, "z": None} for number in range(mapping._DENSE_KEYS + 50)]  # noqa: SLF001 - just past the limit
    block = Block(wide, places_from(1, len(wide)))
    found = mapping.convert(block, mapping.plan({}, block.names, "x"))
    assert found.part.column("extra").to_pylist() == [f'{{"k{number:04}":{number}}}' for number in range(len(wide))]


@pytest.mark.parametrize("depth", [10, 400, 900, 960, 975, 985, 990, 995, 1000, 3000])
def test_any_depth_is_a_record_or_a_reject_but_no_crash(tmp_path: Path, depth: int):
    (tmp_path / "x.jsonl").write_text('{"text":"a","n":' + "[" * depth + "]" * depth + '}\n{"text":"b"}\n')
    records, rejects = rows(skipping("x.jsonl"), tmp_path)
    assert len(records) + len(rejects) == 2
    assert {row["reason"] for row in rejects} <= {"malformed_json"}
