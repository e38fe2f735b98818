"""Sentence BLEU and self-BLEU by count tables, against NLTK."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.bleu import bleu, self_bleu, self_scores, sentence_scores

TEXTS = st.lists(st.lists(st.integers(0, 3), max_size=9), min_size=1, max_size=6)


def by_nltk(texts, references, n):
    """Return what NLTK gives, with its smoothing method 1: the instrument of Texygen."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smoothing, weights = SmoothingFunction().method1, (1 / n,) * n
    return [
        sentence_bleu(have, text, weights=weights, smoothing_function=smoothing)
        for text, have in zip(texts, references, strict=True)
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(hypotheses=TEXTS, references=TEXTS, n=st.integers(1, 5))
def test_bleu_is_that_of_nltk(hypotheses, references, n):
    """Every order, short and empty texts, repeats, one reference or many."""
    ours = sentence_scores(hypotheses, references, n)[-1]
    assert ours == pytest.approx(by_nltk(hypotheses, [references] * len(hypotheses), n))


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(texts=TEXTS.filter(lambda texts: len(texts) > 1), n=st.integers(1, 5))
def test_self_bleu_is_that_of_nltk(texts, n):
    """Each text against all others, equal ones included."""
    others = [texts[:i] + texts[i + 1 :] for i in range(len(texts))]
    assert self_scores(texts, n)[-1] == pytest.approx(by_nltk(texts, others, n))


def test_tokens_may_be_numbers_words_or_an_arrow_array():
    """Three ways to say the same texts."""
    words = [["a", "red", "bus"], ["a", "red", "car", "stops"]]
    numbers = [[0, 1, 2], [0, 1, 3, 4]]
    flat = pa.ListArray.from_arrays(pa.array([0, 3, 7], pa.int32()), pa.array([0, 1, 2, 0, 1, 3, 4], pa.int32()))
    assert self_bleu(words) == self_bleu(numbers) == self_bleu(flat) > 0


@pytest.mark.parametrize(
    ("texts", "references", "value"),
    [
        pytest.param([[1, 2, 3, 4]], [[1, 2, 3, 4], [9]], 1.0, id="a reference"),
        pytest.param([[1, 2, 3, 4]], [[5, 6, 7, 8]], 0.0, id="nothing in common"),
        pytest.param([[]], [[1, 2]], 0.0, id="empty text"),
    ],
)
def test_bleu_at_its_ends(texts, references, value):
    """One for a reference itself, nought for strangers."""
    assert bleu(texts, references) == pytest.approx(value)


def test_more_orders_come_for_one_price():
    """Row k-1 of the scores is BLEU-k."""
    texts, references = [[1, 2, 3, 1, 2]], [[1, 2, 3, 4], [3, 1, 2]]
    scores = sentence_scores(texts, references, 4)
    assert scores.shape == (4, 1)
    assert np.array_equal(scores[1], sentence_scores(texts, references, 2)[-1])


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        pytest.param(lambda: bleu([[1]], []), "a hypothesis and a reference: got 1 and 0", id="no reference"),
        pytest.param(lambda: bleu([], [[1]]), "got 0 and 1", id="no text"),
        pytest.param(lambda: self_bleu([[1]]), "needs two texts: got 1", id="nothing else"),
    ],
)
def test_nothing_to_compare_is_said(measure, message):
    """A mean over nothing is no figure."""
    with pytest.raises(ValueError, match=message):
        measure()
