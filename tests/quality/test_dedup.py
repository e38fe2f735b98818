"""Exact deduplication over shards, against a dict."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.dedup import Params, Seen, defect, keep_masks, keys_of, normalized
from tasks.core import record

# Few values, so that they repeat; the ends of the range, where an off-by-one or a signed compare would show.
keys = st.sampled_from([0, 1, 2, 3, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]) | st.integers(0, 40)
shards_of_keys = st.lists(st.lists(keys, max_size=30), max_size=12)


def first_occurrences(shards):
    seen: dict[int, None] = {}
    masks = []
    for shard in shards:
        masks.append([])
        for key in shard:
            masks[-1].append(key not in seen)
            seen[key] = None
    return masks, len(seen)


@settings(deadline=None)
@given(shards_of_keys)
def test_seen_keeps_first_occurrences(shards):
    masks, different = first_occurrences(shards)
    seen = Seen()
    assert [seen.add(np.array(shard, np.uint64)).tolist() for shard in shards] == masks
    assert len(seen) == different


@settings(deadline=None)
@given(shards_of_keys)
def test_keep_masks_reads_shards_when_due(shards):
    """A shard may be a function, called once and in order; a second round goes on from the first."""
    read = []

    def reader(number, shard):
        return lambda: read.append(number) or np.array(shard, np.uint64)

    seen = Seen()
    half = len(shards) // 2
    calls = [reader(number, shard) for number, shard in enumerate(shards)]
    masks = [*keep_masks(calls[:half], seen), *keep_masks(calls[half:], seen)]
    assert [mask.tolist() for mask in masks] == first_occurrences(shards)[0]
    assert read == list(range(len(shards)))


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=60), st.integers(1, 20))
def test_seen_does_not_care_how_rows_are_cut_into_shards(values, size):
    array = np.array(values, np.uint64)
    whole = Seen().add(array)
    seen = Seen()
    parts = [seen.add(array[i : i + size]) for i in range(0, len(array), size)]
    assert np.array_equal(np.concatenate([np.zeros(0, bool), *parts]), whole)


def test_seen_holds_eight_bytes_a_record_in_few_runs():
    rng = np.random.default_rng(0)
    seen = Seen()
    for _ in range(100):
        seen.add(rng.integers(0, 2**64, 1000, dtype=np.uint64))
    assert seen.nbytes == 8 * len(seen) == 800_000
    assert seen.runs <= 8


def test_seen_leaves_the_fingerprints_as_they_are():
    values = np.array([3, 1, 3], np.uint64)
    Seen().add(values)
    assert values.tolist() == [3, 1, 3]


def batch_of(*rows):
    names = sorted({name for row in rows for name in row})
    part = record.columns(**{name: [row.get(name) for row in rows] for name in names})
    return record.complete(part, method="x@1", stage="s", shard=0, row=0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({"text": "a"}, {"text": "a"}, {"content", "text", "normalized"}, id="equal"),
        pytest.param({"text": "a"}, {"text": "b"}, set(), id="different"),
        pytest.param({"text": "a", "label": "x"}, {"text": "a", "label": "y"}, {"text", "normalized"}, id="label"),
        pytest.param({"text": "Hi  there\n"}, {"text": "hi there"}, {"normalized"}, id="case and space"),
        pytest.param({"text": "ﬁne"}, {"text": "FINE"}, {"normalized"}, id="ligature"),
        pytest.param({"text": "Straße"}, {"text": "STRASSE"}, {"normalized"}, id="casefold"),
        pytest.param({"text": "e\u0301"}, {"text": "\u00c9"}, {"normalized"}, id="composition"),
        pytest.param({"text": "\uff41\uff11\u3000b"}, {"text": "a1 b"}, {"normalized"}, id="width"),
        pytest.param(
            {"text": "q", "target": "a", "kind": "pair"},
            {"text": "q", "target": "b", "kind": "pair"},
            set(),
            id="target",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "hi"}], "kind": "chat"},
            {"messages": [{"role": "system", "content": "hi"}], "kind": "chat"},
            {"text", "normalized"},
            id="role",
        ),
    ],
)
def test_rows_are_the_same(one, other, same):
    batch = batch_of(one, other)
    found = {by for by in ("content", "text", "normalized") if keys_of(batch, by)[0] == keys_of(batch, by)[1]}
    assert found == same


def test_defect_finds_later_rows_of_the_batch():
    batch = batch_of({"text": "A"}, {"text": "b"}, {"text": "a"}, {"text": "A"})
    assert defect(batch, Params()).to_pylist() == [False, False, False, True]
    assert defect(batch, Params(by="normalized")).to_pylist() == [False, False, True, True]


@pytest.mark.parametrize("by", ["content", "text", "normalized"])
def test_keys_of_no_rows_are_none(by):
    found = keys_of(batch_of({"text": "a"}).slice(0, 0), by)
    assert (found.dtype, found.tolist()) == (np.uint64, [])


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=0x7F), max_size=30))
def test_ascii_goes_the_short_way_to_the_same_end(text):
    """A letter outside ASCII takes the long way; the rest of the text comes out alike."""
    assert normalized(text + " é").removesuffix("é").rstrip() == normalized(text)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_normalized_has_single_spaces_and_no_case(text):
    found = normalized(text)
    assert found == " ".join(found.split())
    assert normalized(text.lower()) == normalized(text.lower().upper().lower()) or not text.isascii()
