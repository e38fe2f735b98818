import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import record
from tests.strategies import any_text


def ids_of(**columns):
    return record.complete(record.columns(**columns), method="m@1", stage="s", shard=0, row=0).column("id").to_pylist()


@given(st.lists(any_text, min_size=1, max_size=20))
def test_equal_texts_have_equal_ids_and_others_do_not(texts):
    """The id is a function of the content alone."""
    ids = ids_of(text=texts)
    assert len(set(ids)) == len(set(texts))
    assert [ids_of(text=[text])[0] for text in texts] == ids


def test_every_content_column_changes_the_id():
    """A label, a target, a span or a role makes another record of the same text."""
    base = {"text": ["a"]}
    others = [
        {"target": ["b"]},
        {"label": ["b"]},
        {"spans": [[{"start": 0, "end": 1, "type": "X"}]]},
        {"messages": [[{"role": "user", "content": "b"}]]},
        {"kind": ["pair"]},
    ]
    ids = {ids_of(**base)[0], *(ids_of(**base, **other)[0] for other in others)}
    assert len(ids) == 6


def test_content_cannot_be_shifted_from_one_column_to_the_next():
    """`ab` + `c` and `a` + `bc` are different records."""
    assert ids_of(text=["ab"], target=["c"]) != ids_of(text=["a"], target=["bc"])


def test_provenance_does_not_change_the_id():
    """Where a record came from is no part of what it says."""
    assert ids_of(text=["a"], extra=["{}"], seed_ids=[["x"]]) == ids_of(text=["a"])


def test_complete_fills_every_column_in_order():
    """Any part becomes the one schema, its kind `text` where nothing says otherwise."""
    batch = record.complete(record.columns(text=["a", None]), method="m@1", stage="s", shard=3, row=0)
    assert batch.schema == record.SCHEMA
    assert batch.column("kind").to_pylist() == ["text", "text"]
    assert batch.column("shard").to_pylist() == [3, 3]


def test_words_of_reads_what_a_reader_would():
    """A chat is its turns, a pair is text and target, nothing at all is empty."""
    batch = record.complete(
        record.columns(
            text=["a", None, None],
            target=["b", None, None],
            messages=[None, [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}], None],
        ),
        method="m@1",
        stage="s",
        shard=0,
        row=0,
    )
    assert record.words_of(batch).to_pylist() == ["a\nb", "hi\nyo", ""]


def test_extra_columns_reads_text_numbers_and_nothing():
    """A field of `extra` is text where it was text, JSON where it was not, null where it is missing."""
    batch = record.complete(
        record.columns(text=["a", "b", "c"], extra=['{"n":1,"s":"x"}', '{"s":null}', None]),
        method="m",
        stage="s",
        shard=0,
        row=0,
    )
    columns = record.extra_columns(batch, ["n", "s"])
    assert columns["n"].to_pylist() == ["1", None, None]
    assert columns["s"].to_pylist() == ["x", None, None]


@given(st.lists(any_text, min_size=1, max_size=20, unique=True))
def test_fingerprints_are_the_head_of_the_id(texts):
    """What deduplication keeps of a record are the first 64 bits of its id."""
    ids = ids_of(text=texts)
    assert record.fingerprints(pa.array(ids)).tolist() == [int(i[:16], 16) for i in ids]
    assert record.fingerprints(pa.chunked_array([pa.array(ids)])).dtype == np.uint64


def test_fingerprints_of_nothing_are_empty():
    """No ids, no fingerprints."""
    assert record.fingerprints(pa.array([], pa.string())).tolist() == []
