"""N-gram counts by sorted runs."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.core.ngram.counting import count
from tasks.core.ngram.flat import Flat, blocks
from tasks.core.ngram.vocabulary import BOS, EOS

BITS = 4


def counted(texts, order, folder, block):
    """Return Counters of orders 2 and up, n-grams as tuples, from the arrays that `count` leaves."""
    folder.mkdir()
    tokens = Flat(folder / "tokens", "i4")
    tokens.append(np.array([token for text in texts for token in (BOS, *text, EOS)]))
    grams = [(word,) for word in range(1 << BITS)]
    found = []
    for level in count(tokens, order, BITS, folder, block):
        keys, suffix = level.keys.read(), level.suffix.read()
        longer = [(*grams[key >> BITS], int(key) & 15) for key in keys]
        assert sorted(set(longer)) == longer
        assert [grams[i] for i in suffix] == [gram[1:] for gram in longer]
        found.append(Counter(dict(zip(longer, level.counts.read().tolist(), strict=True))))
        grams = longer
    return found


def by_hand(texts, order):
    padded = [(BOS, *text, EOS) for text in texts]
    return [Counter(text[i : i + n] for text in padded for i in range(len(text) - n + 1)) for n in range(2, order + 1)]


@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.lists(st.integers(3, 6), min_size=1, max_size=8), min_size=1, max_size=12),
    order=st.integers(2, 6),
    block=st.sampled_from([3, 7, 20, 1000]),
)
def test_counts_are_those_of_a_counter(texts, order, block, tmp_path_factory):
    """Whatever the size of the blocks, that is however often it spills and merges; links to the shorter n-gram too."""
    folder = tmp_path_factory.mktemp("counting") / "scratch"
    assert counted(texts, order, folder, block) == by_hand(texts, order)


def test_runs_leave_nothing_behind(tmp_path):
    """Only keys, counts and links of each order stay on the disk."""
    counted([[3, 4, 5, 6] * 5] * 8, 3, tmp_path / "scratch", 16)
    names = {path.name for path in (tmp_path / "scratch").iterdir()}
    assert names == {"tokens", *(f"{kind}-{n}" for kind in ("keys", "counts", "suffix") for n in (2, 3))}


@pytest.mark.parametrize(("start", "stop"), [(0, None), (2, 5), (4, 4), (6, 7)])
def test_flat_reads_what_was_appended(tmp_path, start, stop):
    """Any part of it, in one piece."""
    flat = Flat(tmp_path / "numbers", "i4")
    flat.append(np.arange(4))
    flat.append(np.arange(4, 7))
    assert flat.read(start, stop).tolist() == list(range(7))[start:stop]
    assert flat.mapped().tolist() == list(range(7))
    assert len(flat) == 7


def test_flat_without_a_file_is_empty(tmp_path):
    """Nothing appended, nothing there."""
    flat = Flat(tmp_path / "none", "f8")
    assert (len(flat), len(flat.read()), len(flat.mapped())) == (0, 0, 0)
    assert list(blocks(0)) == []
