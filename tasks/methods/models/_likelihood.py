"""Likelihood training of a language model: what the GAN starts from, and the baseline that it is measured by."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tasks.methods.models._networks import Decoder, counted_words, tensor, text_losses
from tasks.methods.models._params import ModelParams
from tasks.methods.models._train import Look, Phase, Rows, Turn
from tasks.methods.models._vocabulary import Encoded

_LOOKS = 12
# Texts of a held-out batch: it needs no gradient, so more of them fit.
_LOOK_BATCH = 256
_MOST_LOOKED_AT = 2_000


@dataclass(frozen=True, slots=True)
class Reader:
    """Texts as tensors on the device of the network that reads them."""

    texts: Encoded
    longest: int
    device: torch.device

    def batch(self, rows: Rows) -> Tensor:
        return tensor(self.texts.take(rows).padded(self.longest), self.device)

    def batches(self) -> list[Tensor]:
        """Return all texts, at most some thousand, by length."""
        order = np.argsort(self.texts.lengths[:_MOST_LOOKED_AT], kind="stable")
        return [self.batch(order[at : at + _LOOK_BATCH]) for at in range(0, len(order), _LOOK_BATCH)]


def likelihood_loss(network: Decoder, ids: Tensor, noise: torch.Generator | None) -> Tensor:
    """Return the mean negative log-likelihood of a word, in nats."""
    losses = text_losses(network, ids, noise=noise)
    return losses.sum() / counted_words(ids).sum().clamp_min(1)


@torch.no_grad()
def nll_of_a_word(network: Decoder, held_out: Reader) -> float:
    """Return the negative log-likelihood of a held-out word, in nats; its exponential is the perplexity."""
    sums = np.zeros(2)
    for ids in held_out.batches():
        sums += float(text_losses(network, ids).sum()), int(counted_words(ids).sum())
    return float(sums[0] / max(1.0, sums[1]))


def likelihood_phase(network: Decoder, learns: str, texts: Reader, held_out: Reader, params: ModelParams) -> Phase:
    """Return the phase that trains a network by maximum likelihood and keeps what reads held-out texts best."""

    def loss(rows: Rows, _at: int, noise: torch.Generator) -> tuple[Tensor, Mapping[str, float]]:
        return likelihood_loss(network, texts.batch(rows), noise), {}

    def look(_at: int) -> Look:
        nll = nll_of_a_word(network, held_out)
        return Look(nll, {"loss/held-out": nll})

    every = looks_every(params.max_steps)
    turn = Turn(learns, loss, params.rate)
    return Phase("likelihood training", [turn], texts.texts.lengths, params.batch, params.max_steps, look, every, 3)


def looks_every(steps: int) -> int:
    """Return the steps between two looks of a phase."""
    return max(10, steps // _LOOKS)
