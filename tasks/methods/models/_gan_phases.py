"""The phases of a GAN's training: likelihood, the judge alone, the two in turn, and the judge once more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tasks.core.training import Trained, Training
from tasks.methods.models import _gan as gans
from tasks.methods.models._corpus import Corpus
from tasks.methods.models._gan import AS_DIVERSE, CHANCE, Gan
from tasks.methods.models._gan_adversarial import credits_of, gumbel_loss, judge_loss, policy_loss
from tasks.methods.models._likelihood import Reader, likelihood_loss, likelihood_phase, looks_every
from tasks.methods.models._networks import Discriminator, Sampling, generator, sample
from tasks.methods.models._outcome import LOOK_TEXTS, bleu_as_diverse, enough
from tasks.methods.models._train import Look, Loop, Phase, Rows, Turn, train
from tasks.methods.models._vocabulary import UNK, Encoded

_PLAIN = Sampling()
_PATIENCE = 4


def fit(training: Training, seeds: Corpus, device: torch.device, key: str) -> Trained:
    """Train a GAN, write it into the training's folder, and return what there is to say of it."""
    params = training.params
    longest = int(min(params.max_words, max(1, seeds.train.lengths.max(initial=1))))
    gan = gans.new(params, seeds.vocabulary, longest, training.seed, device)
    networks: dict[str, nn.Module] = {"writer": gan.writer}
    if gan.judge is not None:
        networks["judge"] = gan.judge
    loop = Loop(networks, training.seed, key, training.scratch, training.progress, params.max_minutes)
    state = train(loop, phases(gan, training, seeds, device))
    training.progress(1.0, "sampling for the report")
    return gans.write(training, seeds, gan, state)


def phases(gan: Gan, training: Training, seeds: Corpus, device: torch.device) -> list[Phase]:
    """Return the phases; the first alone where there is no adversary."""
    params = training.params
    texts = Reader(seeds.train, gan.longest, device)
    held_out = Reader(seeds.held_out, gan.longest, device)
    first = likelihood_phase(gan.writer, "writer", texts, held_out, params)
    if gan.judge is None:
        return [first]
    game = Game(
        gan, gan.judge, training.params, seeds, texts, Reader(_known(seeds.train), gan.longest, device), training.seed
    )
    ends = (game.judging(params.judge_steps), game.playing(params.adversarial_steps), game.judging(params.judge_steps))
    return [first, *(phase for phase in ends if phase.steps)]


def _known(texts: Encoded) -> Encoded:
    """Return the texts without an unknown word, or all where there are none: a judge would tell seeds by that word."""
    unknown = np.add.reduceat(np.append(texts.ids == UNK, False), texts.offsets[:-1]) * (texts.lengths > 0)
    known = np.flatnonzero(unknown == 0)
    return texts.take(known) if len(known) else texts


@dataclass(frozen=True, slots=True)
class Game:
    """The two networks at play: what each learns from, and how a look at them goes."""

    gan: Gan
    judge: Discriminator
    params: Any
    seeds: Corpus
    texts: Reader
    real: Reader
    seed: int

    def judging(self, steps: int) -> Phase:
        """Return the phase in which the judge learns to tell seeds from samples of the writer as it is."""
        turn = Turn("judge", self._judge_loss, self.params.judge_rate, curve="judge loss")
        return Phase(
            "judge training",
            [turn],
            self.real.texts.lengths,
            self.params.batch,
            steps,
            self._look_judge,
            looks_every(steps),
            _PATIENCE,
        )

    def playing(self, steps: int) -> Phase:
        """Return the phase in which writer and judge learn in turn; it starts with a look, so likelihood may win."""
        writer = Turn("writer", self._writer_loss, self.params.adversarial_rate, falls=False, curve="game loss")
        judge = Turn("judge", self._judge_loss, self.params.judge_rate / 2, falls=False, curve="judge loss")
        turns = [writer, *[judge] * self.params.judge_turns]
        return Phase(
            "adversarial training",
            turns,
            self.real.texts.lengths,
            self.params.batch,
            steps * len(turns),
            self._look_play,
            looks_every(steps) * len(turns),
            _PATIENCE,
            look_first=True,
        )

    def _fake(self, rows: int, noise: torch.Generator) -> Tensor:
        return sample(self.gan.writer, rows, self.gan.longest, _PLAIN, noise)

    def _judge_loss(self, rows: Rows, _at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        loss, right = judge_loss(self.judge, self.real.batch(rows)[:, 1:], self._fake(len(rows), noise), noise)
        return loss, {"told right/train": right}

    def _writer_loss(self, rows: Rows, _at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        params, writer, longest = self.params, self.gan.writer, self.gan.longest
        if params.adversary == "gumbel":
            loss, entropy = gumbel_loss(
                writer,
                self.judge,
                len(rows),
                longest=longest,
                warmth=params.gumbel_temperature,
                entropy_weight=params.entropy_weight,
                noise=noise,
            )
        else:
            ids = self._fake(len(rows), noise)
            credit = credits_of(writer, self.judge, ids, rollouts=params.rollouts, longest=longest, noise=noise)
            loss, entropy = policy_loss(writer, ids, credit, params.entropy_weight)
        if params.likelihood_weight:
            loss = loss + params.likelihood_weight * likelihood_loss(writer, self.real.batch(rows), noise)
        return loss, {"entropy/train": entropy}

    @torch.no_grad()
    def _look_judge(self, _at: int) -> Look:
        noise = generator(self.real.device, self.seed, 4)
        apart = _known(self.seeds.held_out)
        real = Reader(apart, self.gan.longest, self.real.device).batch(np.arange(min(len(apart), LOOK_TEXTS)))
        loss, right = judge_loss(self.judge, real[:, 1:], self._fake(max(len(real), 64), noise), None)
        return Look(float(loss), {"judge loss/held-out": float(loss), "told right/held-out": right})

    def _look_play(self, at: int) -> Look:
        """Return a look whose score is BLEU-4 at the seeds' own diversity: a sharper writer is not a better one.

        The writer of likelihood, at step 0, is only left for one that is better by more than chance.
        """

        def sampler(temperature: float, texts: int) -> list[str]:
            # The same noise each time: looks differ by the weights only.
            noise = generator(self.real.device, self.seed, 5)
            return self.gan.sample(texts, Sampling(temperature), 1, noise)

        score, found = bleu_as_diverse(sampler, enough(self.seeds, 2 * LOOK_TEXTS), self.seeds)
        figures = {
            "BLEU-4/held-out": found.bleu,
            "BLEU-4/self": found.self_bleu,
            AS_DIVERSE: score,
        }
        stop = ""
        if found.collapsed and len(self.seeds.texts) > LOOK_TEXTS:
            stop = (
                "adversarial training was stopped: its samples had become few texts over and over (self-BLEU-4"
                f" {found.self_bleu:.2f}, the seeds' own {found.own_self_bleu:.2f}); the best weights before are kept"
            )
        return Look(float("inf") if stop else -score - (0.0 if at else CHANCE), figures, stop)
