"""The sentence VAE: samples of its prior, near seeds and between them, its bound, and a posterior that collapsed."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tasks.core.bleu import bleu
from tasks.core.errors import RecipeError, UserError
from tasks.core.method import Draw, get_method
from tests.builders import fit, make
from tests.methods.neural_seeds import ODD, TEXTS, learnt, of

torch = pytest.importorskip("torch", reason="the neural generators need torch: pip install 'tilth[models]'")

from tasks.methods.models._vae_phases import divergence_weight  # noqa: E402 - after the skip

SMALL = {"hidden": 48, "latent": 8, "min_count": 1, "dropout": 0.0, "rate": 1e-2}
# A latent vector that is worth reading: much for free, and half of the words hidden from the decoder.
USED = {**SMALL, "max_steps": 250, "word_dropout": 0.5, "free_nats": 0.5, "batch": 32}
TINY = {"hidden": 16, "latent": 4, "max_steps": 10}


def draws(folder, seeds=None, *, count=60, **params):
    method = get_method("vae")
    loaded = method.params.model_validate({**USED, **params})
    return method.run(seeds, loaded, Draw(np.random.default_rng(3), count, 0, 1, folder)).records.to_pylist()


def likeness(pairs):
    return float(np.mean([bleu([a.split()], [b.split()], 2) for a, b in pairs]))


def test_report_has_the_bound_and_its_parts():
    """The bound is reconstruction and divergence, and the curves end near where the report stands."""
    _, said, _ = learnt("vae", **USED)
    figures = said.figures
    assert figures["nll_bound_nats"] == pytest.approx(figures["reconstruction_nats"] + figures["kl_nats"])
    assert figures["nll_bound_nats"] < 12
    assert 1 <= figures["active_units"] <= 8
    assert min(value for _, value in said.curves["nats a text/bound held-out"]) == pytest.approx(
        figures["nll_bound_nats"], abs=0.2
    )
    assert any("of its 8 units are active" in note for note in said.notes)
    assert not any("collapsed" in note for note in said.notes)


def test_neighbours_are_nearer_to_their_seed_than_samples_of_the_prior():
    """A text near a seed says more of what it says; each row names its seed."""
    _, _, folder = learnt("vae", **USED)
    seeds = of(TEXTS[:60])
    near = draws(folder, seeds, mode="neighbours", distance=0.5, temperature=0.5, reject_copied=False)
    prior = draws(folder, temperature=0.5, reject_copied=False)
    assert likeness(zip((row["text"] for row in near), TEXTS[:60], strict=True)) > 0.15 + likeness(
        zip((row["text"] for row in prior), TEXTS[:60], strict=True)
    )
    assert [row["seed_ids"] for row in near] == [[one] for one in seeds.column("id").to_pylist()]
    assert all(json.loads(row["extra"])["distance"] > 0 for row in near)


def test_interpolation_is_like_the_seed_that_it_is_near():
    """The weight of the other seed says which of the two a text is like; both are named."""
    _, _, folder = learnt("vae", **USED)
    seeds = of(TEXTS)
    by_id = dict(zip(seeds.column("id").to_pylist(), TEXTS, strict=True))
    rows = draws(folder, seeds, count=80, mode="interpolation", temperature=0.3, reject_copied=False)
    weights = np.array([json.loads(row["extra"])["weight"] for row in rows])
    assert all(len(set(row["seed_ids"])) == 2 for row in rows)
    assert 0 <= weights.min() < 0.2
    assert 0.8 < weights.max() <= 1
    for near, side in ((weights < 0.3, 0), (weights > 0.7, 1)):
        own = [(rows[at]["text"], by_id[rows[at]["seed_ids"][side]]) for at in np.flatnonzero(near)]
        other = [(rows[at]["text"], by_id[rows[at]["seed_ids"][1 - side]]) for at in np.flatnonzero(near)]
        assert likeness(own) > likeness(other)


def test_collapsed_posterior_is_said_in_words():
    """A heavy divergence leaves the latent vector empty, and the report says what that means and what would help."""
    _, said, _ = learnt("vae", **{**SMALL, "max_steps": 60, "kl_weight": 10.0, "free_nats": 0.0, "annealing": "none"})
    notes = [note for note in said.notes if note.startswith("the posterior has collapsed")]
    assert len(notes) == 1
    assert "neighbours and interpolations are no nearer" in notes[0]
    assert said.figures["active_units"] == 0


@pytest.mark.parametrize(
    ("annealing", "weights"),
    [
        ("none", [2, 2, 2, 2, 2]),
        ("linear", [0, 1, 2, 2, 2]),
        ("cyclical", [0, 2, 0, 2, 0]),
    ],
)
def test_weight_of_the_divergence_rises_as_asked(annealing, weights):
    """Once, in cycles, or not at all; steps 0, 25, 50, 75, 100 of 100, the rise taking half."""
    params = SimpleNamespace(annealing=annealing, kl_weight=2.0, max_steps=100, cycles=2, anneal_share=0.5)
    assert [divergence_weight(at, params) for at in range(0, 101, 25)] == weights


@pytest.mark.parametrize("seeds", ODD.values(), ids=ODD)
@pytest.mark.parametrize("mode", ["prior", "neighbours", "interpolation"])
def test_odd_seeds_make_a_model(seeds, mode):
    """Few, empty, giant or one-word texts: a model, and rows that are texts or rejects with a reason."""
    rows = make("vae", {**TINY, "mode": mode}, 6, seeds=of(seeds)).records.to_pylist()
    assert len(rows) == 6
    assert all(row["text"] or row["reason"] in {"empty", "no_text"} for row in rows)


def test_seeds_without_a_text_are_an_error():
    """There is nothing to learn from."""
    with pytest.raises(UserError, match="none of the 3 seeds has a text"):
        make("vae", TINY, 1, seeds=of(["", " ", None]))


def test_seed_without_a_text_has_no_neighbour():
    """It is rejected by name, whatever the decoder says; copies of seeds are rejected as well."""
    rows = make("vae", {**TINY, "mode": "neighbours"}, 2, seeds=of(["", "yes"])).records.to_pylist()
    assert rows[0]["reason"] == "no_text"


def test_copies_of_seeds_are_rejected_unless_wanted():
    """Word for word, case and spaces aside."""
    _, _, folder = learnt("vae", **USED)
    rows = draws(folder, count=200, temperature=0.4)
    known = set(TEXTS)
    assert {row["reason"] for row in rows if row["text"] in known} == {"copied"}
    assert all(row["reason"] is None for row in draws(folder, count=200, temperature=0.4, reject_copied=False))


def test_sampling_is_no_part_of_the_training():
    """The same model serves every mode and temperature; other params need another."""
    method = get_method("vae")
    base = method.trains_on(method.params())
    for free in (
        {"mode": "neighbours"},
        {"temperature": 2.0},
        {"top_p": 0.5},
        {"distance": 3},
        {"reject_copied": False},
    ):
        assert method.trains_on(method.params.model_validate(free)) == base
    assert method.trains_on(method.params(latent=8)) != base


def test_training_again_gives_the_same_files(tmp_path):
    """Weights, vocabulary and report follow from seeds, params and seed."""
    method = get_method("vae")
    loaded = method.params.model_validate(TINY)
    one, other = (fit(method, loaded, of(TEXTS[:50]), tmp_path / name) for name in "ab")
    for name in ("model.json", "vocabulary.json", "anchors.npy", "known.npy"):
        assert (tmp_path / "a/model" / name).read_bytes() == (tmp_path / "b/model" / name).read_bytes()
    weights = [torch.load(tmp_path / name / "model/weights.pt", weights_only=True)["vae"] for name in "ab"]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert {**one.figures, "minutes": 0} == {**other.figures, "minutes": 0}


def test_device_that_is_not_there_is_an_error_before_the_run():
    """CUDA asked for and absent: one line with the choices."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(RecipeError, match="vae: device 'cuda' is not there; use 'cpu', or 'auto'"):
        make("vae", {"device": "cuda"}, 1, seeds=of(TEXTS))


def test_prior_samples_read_as_the_seeds_do():
    """Most are sentences of the seeds' own words, with their full stop."""
    _, said, folder = learnt("vae", **USED)
    found = [row["text"] for row in draws(folder, count=100, temperature=0.5, reject_copied=False)]
    assert np.mean([text.endswith(".") for text in found]) > 0.8
    assert likeness([(text, max(TEXTS, key=lambda one: likeness([(text, one)]))) for text in found[:20]]) > 0.6
    assert said.figures["steps"] <= 250
