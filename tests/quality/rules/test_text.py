"""The byte-level reading of a text column, against Python's own strings."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.rules._text import blocks, code_points, count_words, rows_with, utf8
from tests.strategies import any_text

spaced = st.text(st.sampled_from(" \t\n\x0b\x1c\x1f\x85\xa0\u1680\u2003\u2029\u202f\u205f\u3000abé\u200b"), max_size=12)


@settings(deadline=None)
@given(st.lists(spaced, max_size=8))
def test_count_words_agrees_with_str_split(texts):
    assert count_words(pa.array(texts, pa.string())).tolist() == [len(text.split()) for text in texts]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@settings(deadline=None)
@given(texts=st.lists(st.none() | any_text, max_size=8), skip=st.integers(0, 3))
def test_utf8_gives_the_bytes_of_a_slice(kind, texts, skip):
    """Offsets, nulls and 64-bit offsets are all taken into account."""
    array = pa.array(texts, kind).slice(skip)
    data, offsets = utf8(array)
    found = [bytes(data[a:b]).decode() for a, b in pairwise(offsets)]
    assert found == [text or "" for text in texts[skip:]]


@settings(deadline=None)
@given(st.lists(any_text, max_size=8))
def test_code_points_are_those_of_each_text(texts):
    points, offsets = code_points(pa.array(texts, pa.string()))
    assert ["".join(map(chr, points[a:b])) for a, b in pairwise(offsets)] == texts


@settings(deadline=None)
@given(st.lists(any_text, max_size=8), st.integers(1, 20))
def test_blocks_are_all_the_texts_in_order(texts, limit):
    parts = list(blocks(pa.array(texts, pa.string()), limit))
    assert [text for part in parts for text in part.to_pylist()] == texts
    assert all(len(part) == 1 or len("".join(part.to_pylist()).encode()) <= limit for part in parts)


def test_rows_with_skips_empty_rows():
    """Positions on the border of empty texts belong to the text that holds the byte."""
    data, offsets = utf8(pa.array(["", "ab", "", "", "c", ""]))
    assert rows_with((data == ord("c")).nonzero()[0], offsets).tolist() == [False, False, False, False, True, False]
