"""Kneser-Ney: discounts, probabilities by hand, agreement with NLTK."""

import numpy as np
import pytest

from tasks.core.errors import UserError
from tasks.core.ngram.model import Description, Model
from tasks.core.ngram.scoring import perplexity, score
from tasks.core.ngram.smoothing import FALLBACK, Plan, modified_discounts, plain_discount
from tasks.core.ngram.vocabulary import EOS, Words, with_marks
from tests.builders import SHARED_DATA, needs_shared_data
from tests.core.ngram.models import model_of, probabilities

TEXTS = ["a b", "a b", "a c"]


@pytest.mark.parametrize(
    ("kinds", "values", "estimated"),
    [
        # Y = 8 / (8 + 2 * 4) = 1/2; 1 - 2Y 4/8, 2 - 3Y 2/4, 3 - 4Y 1/2
        pytest.param((8, 4, 2, 1), (0.5, 1.25, 2.0), True, id="by the formulas"),
        pytest.param((8, 4, 0, 0), FALLBACK, False, id="nothing three times"),
        pytest.param((1, 2, 30, 1), FALLBACK, False, id="formulas give less than nought"),
    ],
)
def test_modified_discounts(kinds, values, estimated):
    """Chen & Goodman's formulas on a worked example, and the fixed ones where a text is too small for them."""
    found = modified_discounts(kinds)
    assert found.values == pytest.approx(values)
    assert found.estimated is estimated


def test_plain_discount():
    """n1 / (n1 + 2 n2)."""
    assert plain_discount((8, 4)).values == pytest.approx((0.5,) * 3)
    assert not plain_discount((8, 0)).estimated


def test_no_discount_is_larger_than_its_count():
    """The fallback takes 1.5 off a count of 3, 1.0 off 2, 0.5 off 1, nothing off nothing."""
    assert modified_discounts((0, 0, 0, 0)).of(np.array([0, 1, 2, 3, 9])).tolist() == [0.0, 0.5, 1.0, 1.5, 1.5]


def conditional(model, text):
    """Return the probability of each token of a text, and of its end."""
    ids, lengths = model.vocabulary.encode([text])
    return np.exp(score(model, with_marks(ids, lengths)).log_prob)


def test_a_bigram_model_by_hand(tmp_path):
    """Continuation counts 1 1 1 2 (a b c end) and the discount 0.5, worked out on paper."""
    model = model_of(TEXTS, tmp_path, order=2, plan=Plan("kneser_ney", 0.5))
    first = (3 - 0.5) / 3 + 0.5 / 3 * 1 / 5
    after_a = (2 - 0.5) / 3 + 0.5 * 2 / 3 * 1 / 5
    end = (2 - 0.5) / 2 + 0.5 / 2 * 2 / 5
    assert conditional(model, "a b") == pytest.approx([first, after_a, end])


def test_a_modified_unigram_model_by_hand(tmp_path):
    """What words lose by the fixed discounts 0.5 1 1.5 is shared by all six of them, the unknown one included."""
    model = model_of(TEXTS, tmp_path, order=1)
    lost = (1.5 + 1.0 + 0.5 + 1.5) / 9 / 5
    assert conditional(model, "a b c d") == pytest.approx(
        [1.5 / 9 + lost, 1.0 / 9 + lost, 0.5 / 9 + lost, lost, 1.5 / 9 + lost]
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("plan", [Plan(), Plan("kneser_ney")], ids=["modified", "plain"])
def test_probabilities_add_up_to_one(tmp_path, order, plan):
    """After every context of every length."""
    texts = ["a b a b c", "b c a", "a", "c c c c a b"] * 3
    model = model_of(texts, tmp_path, order=order, plan=plan)
    for depth, level in enumerate(model.levels[:-1], 1):
        follows = np.flatnonzero(level.keys & ((1 << model.bits) - 1) != EOS)
        rows = probabilities(model, np.full(len(follows), depth), follows)
        assert rows.sum(axis=1) == pytest.approx(np.ones(len(follows)), abs=1e-5)


@pytest.mark.parametrize("block", [5, 64, 1 << 22])
def test_blocks_change_nothing(tmp_path, block):
    """A model counted in pieces that spill is the same to the last bit."""
    texts = [f"{a} {b} {a} ." for a in "abcdefg" for b in "xyz"]
    whole, pieces = model_of(texts, tmp_path / "a", order=4), model_of(texts, tmp_path / "b", order=4, block=block)
    for one, other in zip(whole.levels, pieces.levels, strict=True):
        assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("keys", "prob", "suffix"))
        assert one.cumulative == pytest.approx(other.cumulative)


@needs_shared_data
@pytest.mark.parametrize("order", [2, 3])
def test_plain_perplexity_is_that_of_nltk(tmp_path, order):
    """Within 1 % on real captions (order 2 to the digit: NLTK pads longer contexts with more starts than one)."""
    from nltk.lm import KneserNeyInterpolated
    from nltk.util import everygrams

    def cut(text):
        return ["<s>"] * (order - 1) + Words().cut([text])[0].to_pylist() + ["</s>"]

    captions = (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    training = captions[:120]
    known = {token for text in training for token in cut(text)}
    held_out = [text for text in captions[120:] if known.issuperset(cut(text))][:6]
    theirs = KneserNeyInterpolated(order, discount=0.75)
    theirs.fit([everygrams(cut(text), max_len=order) for text in training], sorted(known))
    grams = [
        (cut(text)[i], cut(text)[i - order + 1 : i]) for text in held_out for i in range(order - 1, len(cut(text)))
    ]
    expected = 2 ** (-sum(theirs.logscore(*gram) for gram in grams) / len(grams))
    ours = perplexity(model_of(training, tmp_path, order=order, plan=Plan("kneser_ney", 0.75)), held_out)
    assert (ours.unknown, ours.words) == (0, len(grams))
    assert ours.value == pytest.approx(expected, rel=1e-6 if order == 2 else 0.01)


def test_unknown_words_are_counted_apart(tmp_path):
    """They are no part of the perplexity, and the model says how many there were."""
    model = model_of(TEXTS, tmp_path, order=2)
    with_unknown = perplexity(model, ["a b zebra"])
    assert (with_unknown.words, with_unknown.unknown) == (4, 1)
    assert np.isnan(perplexity(model, []).value)


@pytest.mark.parametrize("texts", [[], ["a"], ["a a a a"] * 3, ["x " * 5000]], ids=["none", "word", "one", "giant"])
def test_odd_texts(tmp_path, texts):
    """No text is an error in words; one word, one kind of word, one giant text are models like others."""
    if not texts:
        with pytest.raises(UserError, match="every text is empty"):
            model_of(texts, tmp_path, order=3)
        return
    assert perplexity(model_of(texts, tmp_path, order=3), texts).value < 3


def test_a_folder_without_a_model_is_said(tmp_path):
    """Not a traceback of a missing file."""
    with pytest.raises(UserError, match=r"holds no n-gram model: no model\.json"):
        Model.load(tmp_path, Words())
    (tmp_path / "model.json").write_text('{"format": 0}', encoding="utf-8")
    with pytest.raises(UserError, match="a model of another format; train it again"):
        Description.load(tmp_path)
