"""Columns of a source become the fields of a record by name, by mapping, or not at all, but never by a guess."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core import record
from tasks.core.errors import RecipeError
from tasks.seeds import check_source
from tests.builders import seeds_of, write_jsonl
from tests.seeds.reading import rows, skipping, source, write_csv


def _one(tmp_path, row, **spec):
    write_jsonl(tmp_path / "x.jsonl", [row])
    return rows({"path": "x.jsonl", **spec}, tmp_path)[0][0]


@pytest.mark.parametrize("name", ["text", "content", "body", "instruction", "question", "prompt", "sentence"])
def test_one_column_with_a_usual_name_is_the_text(tmp_path, name):
    found = _one(tmp_path, {name: "hi", "other": 1})
    assert (found["text"], found["extra"]) == ("hi", {"other": 1})


def test_text_wins_over_the_other_usual_names(tmp_path):
    found = _one(tmp_path, {"question": "q", "text": "t", "body": "b"})
    assert (found["text"], found["extra"]) == ("t", {"body": "b", "question": "q"})


def test_two_usual_names_have_to_be_mapped(tmp_path):
    with pytest.raises(
        RecipeError, match=r"is the text: body or question\? map it, as in `columns: {text: body}`; have: "
    ):
        _one(tmp_path, {"question": "q", "body": "b"})
    assert _one(tmp_path, {"question": "q", "body": "b"}, columns={"text": "question"})["extra"] == {"body": "b"}


def test_a_source_without_text_keeps_its_columns_for_templates(tmp_path):
    found = _one(tmp_path, {"name": "Ana", "city": "Lyon"})
    assert (found["text"], found["kind"], found["extra"]) == (None, "text", {"city": "Lyon", "name": "Ana"})


def test_a_row_without_text_but_with_other_columns_is_kept(tmp_path):
    assert _one(tmp_path, {"text": None, "name": "Ana"})["extra"] == {"name": "Ana"}


def test_mapped_columns_move_and_extra_names_are_new(tmp_path):
    found = _one(
        tmp_path,
        {"body": "b", "category": 3, "id": 7, "text": "other"},
        columns={"text": "body", "label": "category", "source_id": "id"},
    )
    assert (found["text"], found["label"], found["extra"]) == ("b", "3", {"source_id": 7, "text": "other"})


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        pytest.param(
            {"text": "bodyy"}, r"no column 'bodyy' in x.jsonl; did you mean 'body'\? have: body, label, x", id="near"
        ),
        pytest.param({"text": "zzz"}, "no column 'zzz' in x.jsonl; have: body, label", id="far"),
        pytest.param({"x": "label"}, "columns 'label' and 'x' of x.jsonl would both be 'x'", id="same name"),
    ],
)
def test_a_mapping_that_does_not_fit_is_an_error_of_the_check(tmp_path, columns, error):
    write_jsonl(tmp_path / "x.jsonl", [{"body": "a", "label": "b", "x": 1}])
    with pytest.raises(RecipeError, match=error):
        check_source(source({"path": "x.jsonl", "columns": columns}), tmp_path)


def test_a_mapped_column_must_be_in_every_file(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", [{"body": "a"}])
    write_csv(tmp_path / "b.csv", [{"bodi": "a"}])
    with pytest.raises(RecipeError, match=r"no column 'body' in b.csv; did you mean 'bodi'"):
        check_source(source({"path": ".", "columns": {"text": "body"}}), tmp_path)


CHAT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]


@pytest.mark.parametrize(
    ("row", "spec"),
    [
        pytest.param({"messages": CHAT}, {}, id="messages"),
        pytest.param({"chat": CHAT}, {"columns": {"messages": "chat"}}, id="mapped"),
        pytest.param(
            {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}, {}, id="sharegpt"
        ),
        pytest.param({"messages": json.dumps(CHAT)}, {}, id="as json text"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "h"}, {"text": "i"}]}, CHAT[1]]},
            {},
            id="parts",
        ),
        pytest.param({"messages": [{**turn, "weight": 1} for turn in CHAT]}, {}, id="more keys"),
    ],
)
def test_any_form_of_a_chat_gives_its_messages(tmp_path, row, spec):
    found = _one(tmp_path, {**row, "prompt": "hi"}, **spec)
    assert (found["kind"], found["messages"], found["text"]) == ("chat", CHAT, None)
    assert found["extra"] == {"prompt": "hi"}


def test_a_tool_call_without_content_stays_a_turn(tmp_path):
    found = _one(tmp_path, {"messages": [*CHAT, {"role": "assistant", "content": None}]})
    assert found["messages"][2] == {"role": "assistant", "content": None}


@pytest.mark.parametrize(
    "part",
    [{"type": "image_url", "image_url": "x"}, "hi"],
    ids=["image", "string"],
)
def test_a_turn_with_a_part_that_is_no_text_is_rejected(tmp_path, part):
    write_jsonl(tmp_path / "x.jsonl", [{"messages": [{"role": "user", "content": [part]}]}])
    assert [row["reason"] for row in rows(skipping("x.jsonl"), tmp_path)[1]] == ["bad_messages"]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        pytest.param({"text": "a"}, "text", id="text"),
        pytest.param({"text": "a", "target": "b"}, "pair", id="pair"),
        pytest.param({"text": "a", "target": None}, "text", id="no target here"),
        pytest.param({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference", id="preference"),
        pytest.param({"chosen": CHAT, "rejected": CHAT}, "preference", id="preference of chats"),
        pytest.param({"text": "a", "chosen": "b", "rejected": None}, "text", id="half a preference"),
        pytest.param({"text": "a", "messages": CHAT}, "chat", id="text and chat"),
        pytest.param({"text": "a", "messages": []}, "text", id="no turns"),
    ],
)
def test_the_kind_follows_from_what_a_row_has(tmp_path, row, kind):
    assert _one(tmp_path, row)["kind"] == kind


def test_kinds_may_differ_by_row(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"text": "a"}, {"messages": CHAT}, {"text": "a", "target": "b"}])
    assert [row["kind"] for row in rows("x.jsonl", tmp_path)[0]] == ["text", "chat", "pair"]
    assert check_source(source("x.jsonl"), tmp_path).kinds == ("text", "chat", "pair")


@pytest.mark.parametrize(
    "span",
    [
        {"start": 0, "end": 3, "type": "PER"},
        {"start": 0, "end": 3, "label": "PER", "type": None},
        {"start_position": 0, "end_position": 3, "entity_type": "PER", "entity_value": "Ana"},
        {"begin": 0, "end": 3, "entity_group": "PER"},
        [0, 3, "PER"],
    ],
    ids=["ours", "label", "presidio", "transformers", "list"],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_any_form_of_spans_is_understood(tmp_path, span, as_text):
    found = _one(tmp_path, {"text": "Ana 😀", "spans": json.dumps([span]) if as_text else [span]})
    assert found["spans"] == [{"start": 0, "end": 3, "type": "PER"}]


def test_spans_count_code_points(tmp_path):
    assert _one(tmp_path, {"text": "😀é", "spans": [{"start": 1, "end": 2, "type": "X"}]})["spans"][0]["end"] == 2


def test_a_parquet_file_of_tilth_keeps_kind_and_extra_and_no_bookkeeping(tmp_path):
    before = seeds_of([{"text": "a", "kind": "text", "label": "x", "name": "Ana"}, {"text": "b", "kind": "structured"}])
    pq.write_table(pa.Table.from_batches([before]), tmp_path / "x.parquet")
    records, _ = rows("x.parquet", tmp_path, name="again")
    assert [(r["text"], r["label"], r["kind"], r["extra"], r["stage"]) for r in records] == [
        ("a", "x", "text", {"name": "Ana"}, "again"),
        ("b", None, "structured", {}, "again"),
    ]
    assert [row["id"] for row in records] == before.column("id").to_pylist()
    assert set(record.SCHEMA.names) - set(records[0]) == set()


def test_the_check_lists_what_a_method_may_ask_for(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"body": "a", "label": 1, "name": "n"}])
    info = check_source(source({"path": "x.jsonl", "columns": {"text": "body"}}), tmp_path)
    assert (info.names, info.files, info.formats, info.kinds) == (
        ("text", "label", "name"),
        ("x.jsonl",),
        ("jsonl",),
        ("text",),
    )
