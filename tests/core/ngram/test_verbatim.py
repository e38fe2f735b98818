"""What stands word for word in the training text."""

import numpy as np
import pytest

from tasks.core.ngram.flat import Flat
from tasks.core.ngram.verbatim import Seen, index_runs, index_texts, run_hashes, text_hashes
from tasks.core.ngram.vocabulary import with_marks

TRAINING = [[3, 4, 5, 6], [7, 3, 4], [9] * 12, [5, 6, 7, 8, 9, 10, 11]]


def stream(texts):
    lengths = np.array([len(text) for text in texts])
    return np.array([word for text in texts for word in text], np.int32), lengths


@pytest.fixture(params=[4, 9, 1000], ids=lambda block: f"block {block}")
def indexed(request, tmp_path):
    tokens = Flat(tmp_path / "tokens", "i4")
    tokens.append(with_marks(*stream(TRAINING)))
    index_runs([tokens], 3, tmp_path / "runs", tmp_path, request.param)
    index_texts([tokens], tmp_path / "texts", tmp_path, request.param)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ([3, 4, 5], True),
        ([12, 6, 7, 8, 12], True),
        ([3, 4, 6], False),
        ([5, 4, 3], False),
        ([6, 7, 3], False),  # from one training text into the next
        ([3, 4], False),
        ([9, 9, 9], True),
    ],
)
def test_runs_of_three(indexed, text, seen):
    """In one training text, in that order, wherever the blocks were cut."""
    hashes, starts = run_hashes(with_marks(*stream([text])), 3)
    assert bool(Seen(indexed / "runs").contains(hashes).any()) is seen
    assert len(starts) == max(0, len(text) - 2)


@pytest.mark.parametrize(("text", "seen"), [(TRAINING[0], True), (TRAINING[3], True), ([3, 4, 5], False), ([], False)])
def test_whole_texts(indexed, text, seen):
    """A part of a training text is not the text."""
    assert Seen(indexed / "texts").contains(text_hashes(*stream([text, [1, 2]]))).tolist() == [seen, False]


def test_a_hash_depends_on_place_and_length():
    """The same words in another order, or once more, are another text."""
    hashes = text_hashes(*stream([[3, 4], [4, 3], [3, 4, 3], [3], [], [3, 4]]))
    assert len(set(hashes.tolist())) == 5
    assert hashes[0] == hashes[-1]
