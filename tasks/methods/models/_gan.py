"""The sequence GAN: its two networks, sampling by the judge's odds, and what is written and said of a training."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasks.core.method import Draw, Made
from tasks.core.training import Trained, Training
from tasks.methods.models._corpus import Corpus
from tasks.methods.models._folder import copied, load_parts, save, save_known
from tasks.methods.models._networks import Decoder, Discriminator, Sampling, as_ids, build, generator, sample, threads
from tasks.methods.models._outcome import REPORT_TEXTS, Quality, enough, in_words, matching_temperature, quality
from tasks.methods.models._params import made
from tasks.methods.models._train import State
from tasks.methods.models._vocabulary import Vocabulary

# Sampling goes in blocks: enough rows to fill a matrix product, few enough to stay in the cache.
_BLOCK = 512
# The curve that the weights of the game are chosen by.
AS_DIVERSE = "BLEU-4/as diverse as the seeds"
# A gain below this is chance: on the captions one of 0.004 on held-out texts was a loss of 0.008 on others.
CHANCE = 0.01


@dataclass(frozen=True, slots=True)
class Gan:
    """A generator, and the judge that it was trained against, if any."""

    writer: Decoder
    judge: Discriminator | None
    vocabulary: Vocabulary
    longest: int

    def sample(self, rows: int, sampling: Sampling, candidates: int, noise: torch.Generator) -> list[str]:
        """Return texts; with more than one candidate for each, those that the judge gives the best odds."""
        blocks = [min(_BLOCK, rows - at) for at in range(0, rows, _BLOCK)]
        ids = (self._block(size, sampling, candidates, noise) for size in blocks)
        return [text for block in ids for text in self.vocabulary.decode(as_ids(block))]

    @torch.no_grad()
    def _block(self, rows: int, sampling: Sampling, candidates: int, noise: torch.Generator) -> Tensor:
        if candidates == 1 or self.judge is None:
            return sample(self.writer, rows, self.longest, sampling, noise)
        ids = sample(self.writer, rows * candidates, self.longest, sampling, noise)
        return ids[_kept(self.judge.judge(ids), rows, noise)]


def _kept(odds: Tensor, rows: int, noise: torch.Generator) -> Tensor:
    """Return `rows` places drawn without replacement with probabilities that go as exp(odds), in their old order.

    A judge that is right gives log p(seed) - log p(sample), so that what is kept is distributed as the seeds are
    (Deng et al. 2020, Residual Energy-Based Models for Text Generation, https://arxiv.org/abs/2004.11714). The largest
    of odds plus Gumbel noise are such a draw.
    """
    uniform = torch.rand(odds.shape, generator=noise, device=odds.device).clamp(1e-20, 1 - 1e-7)
    return (odds.float() - (-uniform.log()).log()).topk(rows).indices.sort().values


def new(params: Any, vocabulary: Vocabulary, longest: int, seed: int, device: torch.device) -> Gan:
    """Return a GAN with the weights of its first step; without a judge where there is to be no adversary."""
    words, cpu = len(vocabulary), torch.device("cpu")
    writer = build(lambda: _writer(params, words), generator(cpu, seed, 1), device)
    judge = build(lambda: _judge(params, words), generator(cpu, seed, 2), device)
    return Gan(writer, None if params.adversary == "none" else judge, vocabulary, longest)


def _writer(params: Any, words: int) -> Decoder:
    return Decoder(words, params.hidden, layers=params.layers, cell=params.cell, context=0, drop=params.dropout)


def _judge(params: Any, words: int) -> Discriminator:
    return Discriminator(words, params.judge_width, filters=params.judge_width, drop=params.judge_dropout)


def write(training: Training, seeds: Corpus, gan: Gan, state: State) -> Trained:
    """Write a trained GAN into the training's folder, and return what there is to say of it."""
    networks = {"writer": gan.writer} | ({"judge": gan.judge} if gan.judge else {})
    about = {"params": training.params.model_dump(mode="json"), "longest": gan.longest}
    candidates = _defaults(training.params).candidates

    def sampler(temperature: float, rows: int) -> list[str]:
        noise = generator(gan.writer.bias.device, training.seed, 3)
        return gan.sample(rows, Sampling(temperature), candidates, noise)

    temperature = matching_temperature(sampler, seeds)
    found = quality(sampler(temperature, enough(seeds, REPORT_TEXTS)), seeds)
    save(training.folder, networks, about | {"temperature": temperature}, gan.vocabulary)
    save_known(training.folder, [*seeds.texts, *seeds.held_out_texts])
    figures = found.figures() | {
        "temperature": temperature,
        "steps": float(state.done),
        "minutes": state.elapsed_s / 60,
    }
    return Trained(_notes(seeds, state, found, figures), figures, _curves(state))


def _defaults(params: Any) -> Any:
    """Return the params with their sampling as by default: a model does not depend on how it is sampled later."""
    fields = type(params).model_fields
    return params.model_copy(update={name: fields[name].default for name in ("candidates",)})


def _notes(seeds: Corpus, state: State, found: Quality, figures: dict[str, float]) -> list[str]:
    return [*seeds.notes, *state.notes, *_game(state), in_words(figures), *found.notes()]


def _game(state: State) -> list[str]:
    """Return whether adversarial training made the writer better than likelihood had."""
    scores = [value for _, value in state.curves.get(AS_DIVERSE, [])]
    if not scores:
        return []
    told = "BLEU-4 against held-out texts, where samples are as diverse as the seeds,"
    if max(scores) < scores[0] + CHANCE:
        told += f" {scores[0]:.3f}, at most {max(scores):.3f} after; less than {CHANCE} more is chance"
        return [f"adversarial training made nothing better: the weights of likelihood are kept ({told})"]
    return [f"adversarial training raised {told} from {scores[0]:.3f} to {max(scores):.3f}"]


def _curves(state: State) -> dict[str, Sequence[tuple[float, float]]]:
    return {name: [(at, value) for at, value in points] for name, points in state.curves.items()}


@lru_cache(maxsize=2)
def load(folder: Path) -> tuple[Gan, float]:
    """Return the GAN of a folder, on the CPU, and the temperature at which it is as diverse as its seeds."""
    from tasks.methods.models.gan import Params  # noqa: PLC0415 - the module of the method imports this one

    weights, about, vocabulary = load_parts(folder)
    gan = new(Params.model_validate(about["params"]), vocabulary, about["longest"], 0, torch.device("cpu"))
    gan.writer.load_state_dict(weights["writer"])
    if gan.judge is not None:
        gan.judge.load_state_dict(weights["judge"])
    return gan, about["temperature"]


def sampled(params: Any, draw: Draw) -> Made:
    """Return `draw.count` texts of the model of a draw, on one thread: the same stream gives the same bytes."""
    gan, own_temperature = load(draw.model)
    temperature = params.temperature or own_temperature
    with threads(1):
        noise = torch.Generator().manual_seed(int(draw.rng.integers(2**63)))
        texts = gan.sample(draw.count, Sampling(temperature, params.top_k, params.top_p), params.candidates, noise)
    repeated = copied(draw.model, texts) if params.reject_copied else None
    return made(texts, repeated, [{"temperature": temperature}] * len(texts))
