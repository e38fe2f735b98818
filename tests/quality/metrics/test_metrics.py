"""Measures over texts for the report."""

import pytest

from quality.metrics.bleu import bleu, self_bleu
from quality.metrics.copied import copied
from quality.metrics.distinct import distinct, distinct_texts
from quality.metrics.perplexity import forward_perplexity, perplexities, reverse_perplexity

TRAINING = ["a red bus stops here.", "a big dog sat on the mat", "two cats"]


def test_bleu_has_a_name_for_each_order():
    """A reference itself has 1 at every order, a stranger 0."""
    assert bleu([TRAINING[0]], TRAINING) == pytest.approx({f"bleu_{n}": 1.0 for n in (2, 3, 4, 5)})
    assert bleu(["x y z"], TRAINING, orders=(2,)) == {"bleu_2": 0.0}


def test_self_bleu_is_one_where_all_say_the_same():
    """And nought where they share no word."""
    assert self_bleu([TRAINING[0]] * 3, orders=(2, 4)) == pytest.approx({"self_bleu_2": 1.0, "self_bleu_4": 1.0})
    assert self_bleu(["a b", "c d", "e f"], orders=(2,)) == {"self_bleu_2": 0.0}


@pytest.mark.parametrize(
    ("texts", "shares"),
    [
        pytest.param(["a b", "a c"], (3 / 4, 1.0), id="some"),
        pytest.param(["a a a"], (1 / 3, 1 / 2), id="repeats"),
        pytest.param(["", ""], (0.0, 0.0), id="empty"),
    ],
)
def test_distinct_n(texts, shares):
    """Different n-grams over all n-grams."""
    assert distinct(texts, orders=(1, 2)) == pytest.approx({"distinct_1": shares[0], "distinct_2": shares[1]})


def test_distinct_texts():
    """Different texts over all texts."""
    assert distinct_texts(["a", "b", "a", "c"]) == 0.75
    assert distinct_texts([]) == 0.0


@pytest.mark.parametrize(
    ("text", "whole", "run", "longest"),
    [
        pytest.param("two cats", 1.0, 0.0, 2, id="a training text"),
        pytest.param("Two cats", 0.0, 0.0, 1, id="another case"),
        pytest.param("my big dog sat on it", 0.0, 1.0, 4, id="a long run"),
        pytest.param("a red dog", 0.0, 0.0, 2, id="a short run"),
        pytest.param("a red bus stops", 0.0, 1.0, 4, id="a part of a training text"),
        pytest.param("here. a big", 0.0, 0.0, 2, id="across two training texts"),
        pytest.param("", 0.0, 0.0, 0, id="empty"),
    ],
)
def test_copied(text, whole, run, longest):
    """Whole texts, runs of four or more tokens, and the longest run."""
    assert copied([text], TRAINING, run=4) == {"copied": whole, "copied_run_4": run, "longest_run": longest}


def test_copied_is_a_share():
    """Of all texts; of none, nothing."""
    assert copied([TRAINING[0], "new words", "new words", TRAINING[2]], TRAINING)["copied"] == 0.5
    assert copied([], TRAINING, run=8) == {"copied": 0.0, "copied_run_8": 0.0, "longest_run": 0.0}


REAL = [f"the {a} {b} the {c}" for a in ("cat", "dog", "hen") for b in ("saw", "bit") for c in ("fox", "owl", "pig")]


def test_forward_perplexity_sees_nonsense():
    """Shuffled words surprise a model of the real texts."""
    nonsense = [" ".join(reversed(text.split())) for text in REAL]
    assert forward_perplexity(nonsense, REAL).value > 2 * forward_perplexity(REAL, REAL).value


def test_reverse_perplexity_sees_what_is_missing():
    """Samples that all say the same usual thing read well, and do not cover what is real."""
    collapsed = [REAL[0]] * len(REAL)
    assert forward_perplexity(collapsed, REAL).value < 1.5 * forward_perplexity(REAL, REAL).value
    wide = [*REAL, "cat dog hen saw bit fox owl pig"]
    narrow = [*collapsed, "cat dog hen saw bit fox owl pig"]
    assert reverse_perplexity(narrow, REAL).value > 2 * reverse_perplexity(wide, REAL).value


def test_unknown_words_are_told_apart():
    """They are in no perplexity, so their share stands beside it."""
    both = perplexities(["the cat saw Venus"], REAL)
    assert both["forward_unknown"] == pytest.approx(1 / 5)
    assert both["reverse_unknown"] > 0.3
