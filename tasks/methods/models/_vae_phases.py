"""The training of a sentence VAE, and what is written and said of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tasks.core.bleu import bleu
from tasks.core.training import Trained, Training
from tasks.methods.models import _vae as vaes
from tasks.methods.models._corpus import Corpus
from tasks.methods.models._folder import save, save_known
from tasks.methods.models._likelihood import Reader, looks_every
from tasks.methods.models._networks import Sampling, counted_words, generator
from tasks.methods.models._outcome import LOOK_TEXTS, REPORT_TEXTS, enough, in_words, matching_temperature, quality
from tasks.methods.models._train import Look, Loop, Phase, Rows, State, Turn, train
from tasks.methods.models._vae import Bound, Vae, Writer, bound

_PATIENCE = 3
_MOST_ANCHORS = 4_096
# Below this many nats a text, or without an active unit, the decoder goes without its latent vector.
_COLLAPSED_NATS = 0.5
_GREEDY = Sampling(top_k=1)


def fit(training: Training, seeds: Corpus, device: torch.device, key: str) -> Trained:
    """Train a VAE, write it into the training's folder, and return what there is to say of it."""
    params = training.params
    longest = int(min(params.max_words, max(1, seeds.train.lengths.max(initial=1))))
    vae = vaes.new(params, seeds.vocabulary, training.seed, device)
    writer = Writer(vae, seeds.vocabulary, longest)
    held_out = Reader(seeds.held_out, longest, device)
    loop = Loop({"vae": vae}, training.seed, key, training.scratch, training.progress, params.max_minutes)
    state = train(loop, [_phase(writer, Reader(seeds.train, longest, device), held_out, training)])
    training.progress(1.0, "sampling for the report")
    return _write(training, seeds, writer, state, bound(vae, held_out.batches(), generator(device, training.seed, 2)))


def _phase(writer: Writer, texts: Reader, held_out: Reader, training: Training) -> Phase:
    params, vae = training.params, writer.vae

    def loss(rows: Rows, at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        return _loss(vae, texts.batch(rows), at, params, noise)

    def look(_at: int) -> Look:
        found = bound(vae, held_out.batches(), generator(held_out.device, training.seed, 2))
        figures = {
            "nats a text/bound held-out": found.nll,
            "nats a text/reconstruction held-out": found.reconstruction,
            "KL/held-out": found.divergence,
            "active units/held-out": float(found.active),
        }
        return Look(found.nll, figures)

    return Phase(
        "training",
        [Turn("vae", loss, params.rate)],
        texts.texts.lengths,
        params.batch,
        params.max_steps,
        look,
        looks_every(params.max_steps),
        # While the weight of the divergence rises the bound says little: no early end before it is whole.
        _PATIENCE if params.annealing == "none" else _PATIENCE + round(12 * params.anneal_share),
    )


def _loss(vae: Vae, ids: Tensor, at: int, params: Any, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
    """Return the negative bound of a word, in nats, with the divergence weighted and held above its free bits."""
    losses, divergence, _ = vae.terms(ids, noise, word_dropout=params.word_dropout, training=True)
    # Free bits (Kingma et al. 2016, https://arxiv.org/abs/1606.04934): a unit pays for what exceeds them.
    paid = divergence.mean(0).clamp_min(params.free_nats).sum()
    weight = divergence_weight(at, params)
    total = (losses.mean() + weight * paid) / counted_words(ids).float().mean().clamp_min(1)
    return total, {"KL/train": float(divergence.detach().sum(1).mean()), "KL weight/train": weight}


def divergence_weight(at: int, params: Any) -> float:
    """Return the weight of the divergence at a step: it rises from 0, once or in cycles, and then stays.

    Source of the cycles: Fu et al. 2019, Cyclical Annealing Schedule (https://arxiv.org/abs/1903.10145).
    """
    if params.annealing == "none":
        return float(params.kl_weight)
    length = params.max_steps / (params.cycles if params.annealing == "cyclical" else 1)
    within = at % length if params.annealing == "cyclical" else at
    return float(params.kl_weight * min(1.0, within / max(1.0, params.anneal_share * length)))


def _write(training: Training, seeds: Corpus, writer: Writer, state: State, found: Bound) -> Trained:
    def sampler(temperature: float, rows: int) -> list[str]:
        noise = generator(writer.device, training.seed, 3)
        return writer.texts(writer.prior(rows, noise), Sampling(temperature), noise)

    temperature = matching_temperature(sampler, seeds)
    samples = quality(sampler(temperature, enough(seeds, REPORT_TEXTS)), seeds)
    figures = {**_figures(found), "reconstruction_bleu4": _reconstruction(writer, seeds), **samples.figures()}
    figures |= {"temperature": temperature, "steps": float(state.done), "minutes": state.elapsed_s / 60}
    _save(training, seeds, writer, temperature)
    curves = {name: [(at, value) for at, value in points] for name, points in state.curves.items()}
    said = [_in_words(found, figures, writer.vae.latent), *_collapse(found), in_words(figures)]
    return Trained([*seeds.notes, *state.notes, *said, *samples.notes()], figures, curves)


def _save(training: Training, seeds: Corpus, writer: Writer, temperature: float) -> None:
    some = np.sort(training.rng.permutation(len(seeds.texts))[:_MOST_ANCHORS])
    means, _ = writer.means([seeds.texts[at] for at in some])
    np.save(training.folder / "anchors.npy", means.cpu().numpy().astype(np.float32))
    about = {
        "params": training.params.model_dump(mode="json"),
        "longest": writer.longest,
        "temperature": temperature,
        "anchors": [seeds.ids[at] for at in some],
    }
    save(training.folder, {"vae": writer.vae}, about, writer.vocabulary)
    save_known(training.folder, [*seeds.texts, *seeds.held_out_texts])


def _figures(found: Bound) -> dict[str, float]:
    return {
        "nll_bound_nats": found.nll,
        "kl_nats": found.divergence,
        "reconstruction_nats": found.reconstruction,
        "perplexity_bound": float(np.exp(min(50.0, found.nll / max(1.0, found.words)))),
        "active_units": float(found.active),
    }


def _reconstruction(writer: Writer, seeds: Corpus) -> float:
    """Return the mean BLEU-4 of held-out texts as they come back from their own means, each against itself."""
    texts = [text for text in seeds.held_out_texts[:LOOK_TEXTS] if text.strip()]
    back = writer.texts(writer.means(texts)[0], _GREEDY, generator(writer.device, 0))
    scores = [bleu([a.split()], [b.split()]) if a.strip() else 0.0 for a, b in zip(back, texts, strict=True)]
    return float(np.mean(scores))


def _in_words(found: Bound, figures: Mapping[str, float], latent: int) -> str:
    return (
        f"held-out texts: at most {found.nll:.1f} nats each (perplexity {figures['perplexity_bound']:.1f}), of which"
        f" {found.divergence:.1f} are for the latent vector; {found.active} of its {latent} units are active; BLEU-4 of"
        f" a text that comes back from its own vector {figures['reconstruction_bleu4']:.2f}"
    )


def _collapse(found: Bound) -> list[str]:
    if found.active and found.divergence >= _COLLAPSED_NATS:
        return []
    said = (
        f"the posterior has collapsed: the latent vector carries {found.divergence:.2f} nats and {found.active} active"
        " units, so neighbours and interpolations are no nearer to their seeds than any sample; more `free_nats`, more"
        " `word_dropout` or cyclical `annealing` would have it used"
    )
    return [said]
