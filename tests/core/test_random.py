import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.random import MAX_PERMUTED, permuted, stream


def test_stream_is_a_function_of_seed_stage_and_shard():
    """The same three give the same numbers; changing any one gives others."""
    numbers = {
        key: tuple(stream(*key).integers(0, 2**32, 8)) for key in [(1, "a", 0), (2, "a", 0), (1, "b", 0), (1, "a", 1)]
    }
    assert len(set(numbers.values())) == 4
    assert numbers[1, "a", 0] == tuple(stream(1, "a", 0).integers(0, 2**32, 8))


def test_stream_is_stable_across_versions():
    """Released data can be made again: the first draws of a stream are pinned."""
    assert stream(7, "cfg", 3).integers(0, 1000, 5).tolist() == [283, 249, 447, 257, 618]


@given(total=st.integers(1, 3000), key=st.integers(0, 2**128 - 1))
def test_permuted_visits_every_value_once(total, key):
    """The Feistel walk is a bijection of range(total)."""
    out = permuted(np.arange(total, dtype=np.uint64), total, key)
    assert sorted(out.tolist()) == list(range(total))


@given(total=st.integers(2, MAX_PERMUTED), data=st.data())
def test_permuted_does_not_depend_on_the_batch(total, data):
    """A part of the range is permuted as it is within the whole."""
    indices = data.draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=20))
    whole = permuted(np.array(indices, dtype=np.uint64), total, 5)
    each = [int(permuted(np.array([i], dtype=np.uint64), total, 5)[0]) for i in indices]
    assert whole.tolist() == each
    assert max(each) < total


def test_permuted_refuses_a_total_out_of_range():
    """A total that 64 bits cannot walk is an error, not a wrong answer."""
    with pytest.raises(ValueError, match="outside"):
        permuted(np.zeros(1, dtype=np.uint64), MAX_PERMUTED + 1, 0)
