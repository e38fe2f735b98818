"""The sequence GAN: its rollouts and losses, the judge's odds, and what its report says of collapse."""

import json

import numpy as np
import pytest

from tasks.core.errors import RecipeError
from tasks.core.method import get_method
from tests.builders import fit, make
from tests.methods.neural_seeds import ODD, TEXTS, learnt, of

torch = pytest.importorskip("torch", reason="the neural generators need torch: pip install 'tilth[models]'")

from tasks.methods.models._gan import _kept  # noqa: E402 - after the skip
from tasks.methods.models._gan_adversarial import (  # noqa: E402 - after the skip
    credits_of,
    gumbel_loss,
    policy_loss,
    prefix_values,
)
from tasks.methods.models._networks import (  # noqa: E402 - after the skip
    Decoder,
    Discriminator,
    Sampling,
    build,
    drawn,
    follow,
    generator,
    sample,
    step_states,
    threads,
)
from tasks.methods.models._outcome import quality  # noqa: E402 - after the skip
from tasks.methods.models._vocabulary import BOS, EOS, PAD, UNK, Vocabulary  # noqa: E402 - after the skip

CPU = torch.device("cpu")
TINY = {"hidden": 16, "judge_width": 8, "max_steps": 10, "judge_steps": 2, "adversarial_steps": 1, "rollouts": 1}
LEARNT = {
    "hidden": 48,
    "judge_width": 16,
    "min_count": 1,
    "max_steps": 120,
    "rate": 1e-2,
    "batch": 32,
    "judge_steps": 30,
    "adversarial_steps": 3,
    "dropout": 0.0,
}


@pytest.fixture(autouse=True)
def _one_thread():
    """As methods run: on a busy machine two threads wait for each other for most of their time."""
    with threads(1):
        yield


def a_writer(words=9, cell="lstm", layers=1):
    make_one = lambda: Decoder(words, 12, layers=layers, cell=cell, context=0, drop=0.0)  # noqa: E731
    return build(make_one, generator(CPU, 1), CPU).eval()


def a_judge(words=9):
    return build(lambda: Discriminator(words, 8, filters=8, drop=0.0), generator(CPU, 2), CPU).eval()


class Likes(torch.nn.Module):
    """A judge with an opinion: the share of one word in a text."""

    def __init__(self, word):
        super().__init__()
        self.word = word

    def judge(self, ids):
        return 6 * ((ids == self.word).sum(1) / (ids != PAD).sum(1)) - 3


class Measures(torch.nn.Module):
    """A judge that keeps the lengths of the texts that it saw."""

    def __init__(self):
        super().__init__()
        self.lengths = []

    def judge(self, ids):
        self.lengths += (ids != PAD).sum(1).tolist()
        return torch.zeros(len(ids))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
def test_state_of_a_prefix_is_that_of_reading_it(cell, layers):
    """A rollout goes on from where reading the prefix from its start would be."""
    writer = a_writer(cell=cell, layers=layers)
    ids = sample(writer, 5, 7, Sampling(), generator(CPU, 3))
    lengths = (ids != PAD).sum(1)
    row = torch.arange(5)[lengths > 2]
    at = torch.full_like(row, 2)
    states = step_states(writer, ids, at, row)
    hidden, _ = writer.hidden(writer.embed(ids[row, at - 1])[:, None], None, states)
    whole = writer(torch.nn.functional.pad(ids[row], (1, 0), value=BOS))
    assert torch.allclose(writer.logits(hidden[:, 0]), whole[:, 2], atol=1e-5)


def test_sampled_texts_end_and_have_no_marks():
    """EOS is last, PAD follows it, and no other mark is ever drawn; a text at the limit may lack its EOS."""
    ids = sample(a_writer(), 300, 6, Sampling(), generator(CPU, 3))
    for row in ids.tolist():
        body = row[: row.index(EOS)] if EOS in row else [word for word in row if word != PAD]
        assert not set(body) & {PAD, BOS, EOS, UNK}
        assert len(body) <= 6
        assert EOS in row or len(body) == 6
        assert set(row[len(body) + 1 :]) <= {PAD}


@pytest.mark.parametrize(
    ("sampling", "allowed"),
    [
        (Sampling(), {2, 4, 5, 6}),
        (Sampling(top_k=2), {4, 5}),
        (Sampling(top_p=0.5), {4}),
        (Sampling(top_p=0.8), {4, 5}),
        (Sampling(temperature=0.01), {4}),
    ],
    ids=["all", "top k", "top p of one", "top p of two", "cold"],
)
def test_words_are_drawn_from_where_they_may_be(sampling, allowed):
    """Of probabilities .1 (end), .55, .3 and .05; marks are out of it."""
    shares = torch.tensor([0.0, 0.0, 0.1, 0.0, 0.55, 0.3, 0.05])
    logits = torch.log(shares + torch.tensor([9.0, 9.0, 0, 9.0, 0, 0, 0])).repeat(4000, 1)
    words, counts = drawn(logits, sampling, generator(CPU, 1)).unique(return_counts=True)
    assert set(words.tolist()) == allowed
    if sampling == Sampling():
        assert np.allclose(counts / 4000, [0.1, 0.55, 0.3, 0.05], atol=0.03)


def test_verdict_on_a_whole_text_needs_no_rollout():
    """Credits add up to the verdict on the text less that on none of it, whatever the stride."""
    writer, judge = a_writer(), a_judge()
    ids = sample(writer, 20, 9, Sampling(), generator(CPU, 3))
    values = prefix_values(writer, judge, ids, 1, rollouts=2, longest=9, noise=generator(CPU, 4))
    verdict = torch.sigmoid(judge.judge(ids))
    last = (ids != PAD).sum(1)
    assert torch.allclose(values.gather(1, last[:, None])[:, 0], verdict)
    credit = credits_of(writer, judge, ids, rollouts=2, longest=9, noise=generator(CPU, 4))
    assert torch.allclose((credit * (ids != PAD)).sum(1), verdict - values[:, 0], atol=1e-5)


def test_rollouts_keep_their_prefix():
    """A judge that likes one word gives a prefix of it the most, and less the more of it was other words."""
    writer = a_writer()
    ids = torch.tensor([[5, 5, 5, 5, EOS], [6, 6, 6, 6, EOS]])
    values = prefix_values(writer, Likes(5), ids, 1, rollouts=50, longest=5, noise=generator(CPU, 4))
    assert (values[0, 1:].diff() > -0.05).all()
    assert (values[1, 1:].diff() < 0.05).all()
    assert values[0, 3] > values[1, 3] + 0.3


def test_rollouts_are_no_longer_than_texts_may_be():
    """A writer that never ends: each prefix and what follows it have the words of a whole text, not as many again."""
    writer = a_writer()
    with torch.no_grad():
        writer.bias[EOS] = -1e4
    judge = Measures()
    ids = sample(writer, 6, 7, Sampling(), generator(CPU, 3))[:, :7]
    prefix_values(writer, judge, ids, 1, rollouts=2, longest=7, noise=generator(CPU, 4))
    assert set(judge.lengths) == {7}


@pytest.mark.parametrize("way", ["policy_gradient", "gumbel"])
def test_writer_learns_what_the_judge_likes(way):
    """After some steps against a fixed judge its verdict on samples is better."""
    writer, noise = a_writer(), generator(CPU, 6)
    judge = a_judge()
    with torch.no_grad():
        judge.embed.weight[5] += 2.0
    optimizer = torch.optim.Adam(writer.parameters(), lr=0.03)

    def verdict():
        return float(torch.sigmoid(judge.judge(sample(writer, 400, 8, Sampling(), generator(CPU, 9)))).mean())

    before = verdict()
    for _ in range(25):
        if way == "gumbel":
            loss, _ = gumbel_loss(writer, judge, 32, longest=8, warmth=0.7, entropy_weight=0.0, noise=noise)
        else:
            ids = sample(writer, 32, 8, Sampling(), noise)
            credit = credits_of(writer, judge, ids, rollouts=2, longest=8, noise=noise)
            loss, _ = policy_loss(writer, ids, credit, 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert verdict() > before + 0.02


def test_kept_candidates_go_by_the_odds():
    """Two to one odds: about two of the likelier for each other, in the order in which they were drawn."""
    odds = torch.tensor([0.0, np.log(2.0)]).repeat(4000)
    kept = _kept(odds, 400, generator(CPU, 1))
    assert (kept.diff() > 0).all()
    assert float((kept % 2 == 1).float().mean()) == pytest.approx(2 / 3, abs=0.08)


@pytest.mark.parametrize("seeds", ODD.values(), ids=ODD)
@pytest.mark.parametrize("adversary", ["policy_gradient", "gumbel"])
def test_odd_seeds_make_a_model(seeds, adversary):
    """Few, empty, giant or one-word texts: a model, and rows that are texts or rejects with a reason."""
    rows = make("gan", {**TINY, "adversary": adversary, "reject_copied": False}, 6, seeds=of(seeds)).records.to_pylist()
    assert len(rows) == 6
    assert all(row["text"] or row["reason"] == "empty" for row in rows)


def test_likelihood_alone_has_no_judge():
    """`adversary: none` is the language model that the game starts from."""
    _, said, folder = learnt("gan", **TINY, adversary="none")
    assert said.figures["steps"] == 10
    assert set(said.curves) == {"loss/train", "loss/held-out"}
    assert set(torch.load(folder / "weights.pt", weights_only=True)) == {"writer"}


def test_report_has_quality_diversity_and_their_curves():
    """Held-out BLEU and self-BLEU at the end and while playing; likelihood is among the candidates."""
    _, said, _ = learnt("gan", **LEARNT)
    assert {"bleu4_held_out", "self_bleu4", "distinct", "copied", "temperature"} <= set(said.figures)
    assert min(at for at, _ in said.curves["BLEU-4/held-out"]) <= 120 + 30
    scores = [value for _, value in said.curves["BLEU-4/as diverse as the seeds"]]
    kept = "the weights of likelihood are kept" if max(scores) < scores[0] + 0.01 else f"to {max(scores):.3f}"
    assert any(note.startswith("adversarial training") and kept in note for note in said.notes)
    assert any(note.startswith("samples: BLEU-4") for note in said.notes)
    assert said.curves["loss/held-out"][-1][1] < 1.2


def test_texts_over_and_over_are_said_to_be_a_collapse():
    """Samples that say less than the seeds do, by self-BLEU or by repetition, are called that."""
    vocabulary = Vocabulary.of(TEXTS, min_count=1, most=999, lowercase=False)
    encoded = vocabulary.encode(TEXTS)
    from tasks.methods.models._corpus import Corpus

    seeds = Corpus(vocabulary, TEXTS, TEXTS, encoded, TEXTS, encoded)
    once = quality(TEXTS, seeds)
    assert once.copied == 1.0
    assert not once.collapsed
    assert "100% of the samples repeat a seed" in once.notes()[0]
    again = quality(TEXTS[:2] * 40, seeds)
    assert again.collapsed
    assert again.notes()[0].startswith("mode collapse: the samples say few things over and over")


def test_other_temperature_other_sharpness():
    """Cold samples repeat each other, hot ones do not; the temperature is in `extra`."""
    _, _, folder = learnt("gan", **LEARNT)
    method = get_method("gan")
    from tasks.core.method import Draw

    def distinct(temperature):
        params = method.params.model_validate({**LEARNT, "temperature": temperature, "reject_copied": False})
        rows = method.run(None, params, Draw(np.random.default_rng(3), 200, 0, 1, folder)).records.to_pylist()
        assert {json.loads(row["extra"])["temperature"] for row in rows} == {temperature}
        return len({row["text"] for row in rows})

    assert distinct(0.2) < distinct(1.0) < distinct(2.5)


def test_sampling_is_no_part_of_the_training():
    """Candidates and temperature are free; the adversary is not."""
    method = get_method("gan")
    base = method.trains_on(method.params())
    assert method.trains_on(method.params(candidates=1, temperature=0.7, top_k=5)) == base
    assert method.trains_on(method.params(adversary="gumbel")) != base


def test_training_again_gives_the_same_weights(tmp_path):
    """Through all phases, rollouts and draws."""
    method = get_method("gan")
    loaded = method.params.model_validate(TINY)
    for name in "ab":
        fit(method, loaded, of(TEXTS[:50]), tmp_path / name)
    one, other = (torch.load(tmp_path / name / "model/weights.pt", weights_only=True) for name in "ab")
    assert all(torch.equal(one[part][name], other[part][name]) for part in one for name in one[part])


def test_device_that_is_not_there_is_an_error_before_the_run():
    """CUDA asked for and absent: one line with the choices."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(RecipeError, match="gan: device 'cuda' is not there; use 'cpu', or 'auto'"):
        make("gan", {"device": "cuda"}, 1, seeds=of(TEXTS))


def test_follow_starts_after_the_given_word():
    """The first word of a continuation is drawn from what reading the last word gives."""
    writer = a_writer()
    ids = follow(writer, torch.tensor([5, 6]), None, longest=4, sampling=Sampling(top_k=1), noise=generator(CPU, 1))
    hidden, _ = writer.hidden(writer.embed(torch.tensor([5, 6]))[:, None], None)
    logits = writer.logits(hidden[:, 0])
    logits[:, [PAD, BOS, UNK]] = -torch.inf
    assert ids[:, 0].tolist() == logits.argmax(1).tolist()
