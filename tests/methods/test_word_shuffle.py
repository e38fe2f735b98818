"""Which words `word_shuffle` moves, and how far."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.builders import make, seeds_of, texts

TWELVE = [f"w{n:02}" for n in range(12)]

PAIRS = {"by default": ({}, 1), "rate": ({"rate": 0.5}, 3), "count": ({"count": 4}, 4), "all": ({"count": 99}, 6)}


@pytest.mark.parametrize(("params", "pairs"), PAIRS.values(), ids=PAIRS.keys())
def test_swap_moves_just_its_pairs(params, pairs):
    """Each pair changes places; the rest stands still."""
    for text in texts(make("word_shuffle", params, 50, seeds=seeds_of([{"text": " ".join(TWELVE)}]))):
        words = text.split()
        moved = [place for place, word in enumerate(words) if word != TWELVE[place]]
        assert len(moved) == 2 * pairs
        assert all(words[TWELVE.index(words[place])] == TWELVE[place] for place in moved)


def test_all_pairs_are_as_likely():
    """One pair of four words: six ways."""
    made = Counter(texts(make("word_shuffle", {}, 12_000, seeds=seeds_of([{"text": "a b c d"}]))))
    assert len(made) == 6
    assert all(abs(count - 2000) < 5 * (12_000 * 5 / 36) ** 0.5 for count in made.values())


def test_all_matchings_are_as_likely():
    """Two pairs of four words: three ways."""
    made = Counter(texts(make("word_shuffle", {"count": 2}, 12_000, seeds=seeds_of([{"text": "a b c d"}]))))
    assert set(made) == {"b a d c", "c d a b", "d c b a"}
    assert all(abs(count - 4000) < 5 * (12_000 * 2 / 9) ** 0.5 for count in made.values())


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    window=st.integers(1, 5), many=st.integers(2, 30), run_seed=st.integers(0, 999), rate=st.sampled_from([0.3, 1.0])
)
def test_window_bounds_the_way(window, many, run_seed, rate):
    """No word is further than `window` words from where it was, and some word did move."""
    words = [f"w{n:02}" for n in range(many)]
    params = {"mode": "window", "window": window, "rate": rate, "protected": ["w01"]}
    made = make("word_shuffle", params, 5, seeds=seeds_of([{"text": " ".join(words)}]), run_seed=run_seed)
    for text in texts(made):
        order = text.split()
        assert sorted(order) == words
        assert text != " ".join(words)
        assert order[1] == "w01"
        assert all(abs(place - words.index(word)) <= window for place, word in enumerate(order))


def test_window_reaches_every_order_within_it():
    """Three words, window 1: both orders that differ; window 2: all five."""
    for window, orders in ((1, 2), (2, 5)):
        params = {"mode": "window", "window": window}
        assert len(set(texts(make("word_shuffle", params, 500, seeds=seeds_of([{"text": "a b c"}]))))) == orders


def test_equal_words_are_tried_again():
    """`the` and `the` change places to no effect: the dice are thrown again."""
    made = make("word_shuffle", {}, 300, seeds=seeds_of([{"text": "the the cat"}]))
    assert set(texts(made)) == {"the cat the", "cat the the"}
    assert len(texts(made)) > 290


def test_window_is_for_its_mode():
    """A window without the mode would do nothing."""
    with pytest.raises(ValidationError, match="window 4 is for mode 'window', not 'swap'"):
        make("word_shuffle", {"window": 4}, 1, seeds=seeds_of([{"text": "a b"}]))
