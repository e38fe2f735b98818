"""Sampling draws from the distribution that scoring gives."""

import numpy as np
import pytest

from tasks.core.ngram.sampling import Sampler, Sampling
from tasks.core.ngram.scoring import score
from tasks.core.ngram.vocabulary import BOS, EOS, UNK
from tests.core.ngram.models import model_of

TEXTS = [*["a b c d"] * 5, *["a b d", "c d c"] * 3, "a c b", "b a c d e f", *["a b c e"] * 2, "f e d", "d b b"]
DRAWS = 60_000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return model_of(TEXTS, tmp_path_factory.mktemp("sampling"), order=4)


def exact(model, before, how):
    """Return the distribution after some words, from the scores of each possible next one; no end, no unknown."""
    words = np.arange(len(model.vocabulary))
    prob = np.zeros(len(words))
    for word in words[(words != BOS) & (words != UNK)]:
        prob[word] = np.exp(score(model, np.array([BOS, *before, word], np.int32)).log_prob[-1] / how.temperature)
    order = np.argsort(-prob, kind="stable")
    kept = np.ones(len(words), bool)
    if how.top_k:
        kept[order[how.top_k :]] = False
        prob = np.where(kept, prob, 0.0)
    if how.top_p:
        running = np.cumsum(prob[order]) / prob.sum()
        prob[order[np.searchsorted(running, how.top_p) + 1 :]] = 0.0
    prob[EOS] = 0.0
    return prob / prob.sum()


@pytest.mark.parametrize("before", [[], [" a"], [" a", " b"], [" b", " a", " c"], [" f", " f"]], ids=str)
@pytest.mark.parametrize(
    "how",
    [
        Sampling(max_tokens=1),
        Sampling(temperature=0.6, max_tokens=1),
        Sampling(temperature=2.5, max_tokens=1),
        Sampling(top_k=3, max_tokens=1),
        Sampling(top_p=0.7, max_tokens=1),
        Sampling(temperature=1.5, top_k=4, top_p=0.8, max_tokens=1),
    ],
    ids=["plain", "cold", "hot", "top_k", "top_p", "all"],
)
def test_words_come_as_often_as_they_should(model, before, how):
    """After known and unknown contexts, at every setting: within three times the error of so many draws."""
    ids = [model.vocabulary.words.to_pylist().index(word) for word in before]
    sampler = Sampler(model, how)
    state = sampler.start(DRAWS)
    for word in ids:
        state, _ = sampler.advance(state, np.full(DRAWS, word, np.int32))
    sampled = sampler.sample(np.random.default_rng(1), state)
    found = np.bincount(sampled.ids, minlength=len(model.vocabulary)) / DRAWS
    expected = exact(model, ids, how)
    assert np.abs(found - expected).max() < 3 * np.sqrt(0.25 / DRAWS)
    assert not found[expected == 0].any()


def test_whole_texts_follow_the_model(model):
    """The entropy of sampled texts is the cross-entropy that scoring finds in them."""
    sampler = Sampler(model)
    sampled = sampler.sample(np.random.default_rng(2), sampler.start(20_000))
    texts = np.split(sampled.ids, np.cumsum(sampled.lengths)[:-1])
    prob = {tuple(t): np.exp(score(model, np.array([BOS, *t, EOS], np.int32)).log_prob.sum()) for t in texts[:300]}
    counts = {text: sum(tuple(other) == text for other in texts) / len(texts) for text in list(prob)[:12]}
    refused = 1 - np.exp(score(model, np.array([BOS, EOS], np.int32)).log_prob[0])
    for text, share in counts.items():
        assert share == pytest.approx(prob[text] / refused, abs=0.012)


def test_the_same_stream_gives_the_same_texts(model):
    """And another gives others."""
    sampler = Sampler(model)
    first, again, other = (sampler.sample(np.random.default_rng(s), sampler.start(50)).ids.tolist() for s in (1, 1, 2))
    assert first == again != other


def test_matched_orders_are_those_of_scoring(model):
    """The longest n-gram that each drawn token completes, ends included."""
    sampler = Sampler(model)
    sampled = sampler.sample(np.random.default_rng(3), sampler.start(200))
    assert sampled.ended.all()
    texts = np.split(sampled.ids, np.cumsum(sampled.lengths)[:-1])
    orders = np.concatenate([score(model, np.array([BOS, *text, EOS], np.int32)).order for text in texts])
    assert sampled.matched.tolist() == np.bincount(orders, minlength=5)[1:].tolist()


def test_greedy_draws_are_all_the_same(model):
    """With one word to choose from there is no choice."""
    sampler = Sampler(model, Sampling(top_k=1))
    sampled = sampler.sample(np.random.default_rng(4), sampler.start(5))
    assert len({tuple(text) for text in np.split(sampled.ids, np.cumsum(sampled.lengths)[:-1])}) == 1


def test_a_nucleus_wider_than_the_first_list_is_found(tmp_path):
    """Of 300 words that are equally likely, as many are drawn as the nucleus holds, few or nearly all."""
    model = model_of([f"w{i}" for i in range(300)] * 2, tmp_path, order=2)
    for top_p in (0.4, 0.8, 0.999):
        how = Sampling(top_p=top_p, max_tokens=1)
        sampler = Sampler(model, how)
        sampled = sampler.sample(np.random.default_rng(8), sampler.start(20_000))
        assert len(np.unique(sampled.ids)) == pytest.approx(np.count_nonzero(exact(model, [], how)), abs=1)


@pytest.mark.parametrize("how", [Sampling(top_k=2), Sampling(top_p=0.6), Sampling(top_p=1.0)], ids=str)
def test_kept_lists_change_nothing(model, how, monkeypatch):
    """A sampler that has forgotten what it knew draws the same words."""
    sampler = Sampler(model, how)
    first = sampler.sample(np.random.default_rng(9), sampler.start(300)).ids
    again = sampler.sample(np.random.default_rng(9), sampler.start(300)).ids
    monkeypatch.setattr("tasks.core.ngram.nucleus._KEPT", 0)
    forgetful = sampler.sample(np.random.default_rng(9), sampler.start(300)).ids
    assert np.array_equal(first, again)
    assert np.array_equal(first, forgetful)


def test_rare_words_are_never_drawn(tmp_path):
    """Half of the training text is unknown, none of the samples is."""
    model = model_of(["a b x1", "b a x2", "x3 x4 a"], tmp_path, order=3, min_count=2)
    for how in (Sampling(), Sampling(top_k=5)):
        sampler = Sampler(model, how)
        assert UNK not in sampler.sample(np.random.default_rng(5), sampler.start(500)).ids


def test_texts_stop_at_max_tokens(tmp_path):
    """A text that never ends is cut, and says so."""
    model = model_of(["x " * 400], tmp_path, order=2)
    sampler = Sampler(model, Sampling(max_tokens=30))
    sampled = sampler.sample(np.random.default_rng(6), sampler.start(200))
    assert 0 < sampled.ended.sum() < 200
    assert (sampled.lengths[~sampled.ended] == 30).all()
    assert sampled.lengths.max() == 30


def test_no_texts_asked_no_texts_made(model):
    """An empty batch is a batch."""
    sampled = Sampler(model).sample(np.random.default_rng(7), Sampler(model).start(0))
    assert (len(sampled.ids), len(sampled.lengths), sampled.matched.sum()) == (0, 0, 0)
