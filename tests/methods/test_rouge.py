"""ROUGE-L against a pool: exact, whatever the index leaves out."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.methods.llm._rouge import RougePool, _added, rouge_l, words_of

# Few words, so that texts overlap, and long ones, so that an LCS takes several 64-bit words.
WORDS = st.sampled_from(["a", "the", "name", "list", "five", "birds", "b2"])
SHORT = st.lists(WORDS, max_size=12).map(" ".join)
LONG = st.lists(WORDS, max_size=200).map(" ".join)
# Eight times 32 bits in hex digits: mostly none or all of them set, where carries run through.
HALVES = st.lists(st.sampled_from(["00000000", "ffffffff", "00000001", "80000000"]), min_size=8, max_size=8)
THRESHOLDS = st.sampled_from([0.05, 0.3, 0.5, 0.7, 0.95, 1.0])


def lcs(first, second):
    """Return the length of the longest common subsequence, by the plain recurrence."""
    before = [0] * (len(second) + 1)
    for one in first:
        row = [0]
        for at, other in enumerate(second):
            row.append(before[at] + 1 if one == other else max(row[-1], before[at + 1]))
        before = row
    return before[-1]


def plain(first, second):
    """Return the F-measure as an exact fraction."""
    m, n = words_of(first), words_of(second)
    return Fraction(2 * lcs(m, n), len(m) + len(n)) if m and n else Fraction(0)


@given(first=LONG, second=LONG)
def test_f_measure_is_that_of_the_recurrence(first, second):
    """Bit-parallel over one to four words of 64 bits, repeats and all."""
    assert rouge_l(first, second) == pytest.approx(float(plain(first, second)), abs=1e-15)


@example(pairs=[(["00000000"] * 4 + ["ffffffff"] * 4, ["00000000"] * 7 + ["00000001"])])
@given(pairs=st.lists(st.tuples(HALVES, HALVES), min_size=1, max_size=8))
def test_sums_carry_from_word_to_word(pairs):
    """Integers of four 64-bit words add up as whole ones do, through words that a carry fills to the brim."""
    words = 4
    sides = [[int("".join(halves), 16) for halves in side] for side in zip(*pairs, strict=True)]
    split = [np.array([[n >> 64 * at & 2**64 - 1 for n in side] for at in range(words)], np.uint64) for side in sides]
    total = _added(*split).astype(object)
    whole = [sum(int(total[at, column]) << 64 * at for at in range(words)) for column in range(len(pairs))]
    assert whole == [(one + other) % 2 ** (64 * words) for one, other in zip(*sides, strict=True)]


@given(first=st.text(max_size=60) | SHORT, second=st.text(max_size=60) | SHORT)
def test_f_measure_is_rouge_scores_own(first, second):
    """The same float as the reference package, whatever Unicode does to letters and spaces."""
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge_score is not installed (make bench has it)")
    theirs = scorer.RougeScorer(["rougeL"]).score(first, second)["rougeL"].fmeasure
    assert rouge_l(first, second) == theirs


@given(pool=st.lists(SHORT | LONG, max_size=30), query=SHORT | LONG, threshold=THRESHOLDS)
def test_nearest_is_what_comparing_with_all_finds(pool, query, threshold):
    """No text that reaches the threshold is left out by the index, and the first of the best is named."""
    index = RougePool(threshold)
    index.extend(pool)
    near = index.nearest(query)
    scores = [plain(query, text) for text in pool]
    best = max(scores, default=Fraction(0))
    if best < Fraction(str(threshold)) or not best:
        assert near is None
    else:
        assert (near.number, near.text) == (scores.index(best), pool[scores.index(best)])
        assert near.score == pytest.approx(float(best), abs=1e-15)


@given(texts=st.lists(SHORT, max_size=20), threshold=THRESHOLDS)
def test_texts_count_from_when_they_are_added(texts, threshold):
    """The pool grows between questions, as a filter has it: the same texts stay as by comparing all pairs."""
    index, stayed = RougePool(threshold), []
    for text in texts:
        new = index.nearest(text) is None
        assert new == all(plain(text, other) < Fraction(str(threshold)) or not plain(text, other) for other in stayed)
        if new:
            index.add(text)
            stayed.append(text)
    assert len(index) == len(stayed)


@pytest.mark.parametrize(
    ("first", "second", "reached"),
    [
        ("a b c d e f g x y z", "a b c d e f g u v w", True),  # 7 of 10 and 10 words: 0.7 as decimals have it
        ("a b c d e f x y z q", "a b c d e f u v w p", False),
        ("Name FIVE birds!", "name five birds", True),
        ("", "", False),
        ("飞机 и кот", "飞机 и кот", False),  # no word of a to z
    ],
    ids=["on the threshold", "below it", "case and punctuation", "nothing", "other alphabets"],
)
def test_threshold_is_reached_as_a_decimal(first, second, reached):
    """0.7 is seven tenths, not the float below it."""
    index = RougePool(0.7)
    index.add(first)
    assert (index.nearest(second) is not None) == reached


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01])
def test_threshold_is_a_share(threshold):
    """A threshold of 0 would turn everything down."""
    with pytest.raises(ValueError, match="is outside"):
        RougePool(threshold)


def test_more_candidates_than_a_block_holds():
    """A query that resembles the whole pool is compared with all of it."""
    index = RougePool(0.5)
    index.extend(f"name five birds of country number {number}" for number in range(9000))
    index.add("name five birds of country number seven today")
    assert index.nearest("name five birds of country number seven today").number == 9000
