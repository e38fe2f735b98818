"""The sentence VAE: its network, its bound, and sampling from the prior, near a text and between two."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tasks.methods.models._folder import load_parts
from tasks.methods.models._networks import (
    Decoder,
    Encoder,
    Sampling,
    as_ids,
    build,
    counted_words,
    generator,
    sample,
    tensor,
    text_losses,
)
from tasks.methods.models._vocabulary import PAD, UNK, Vocabulary

_BLOCK = 1_024
# A unit is active where its mean moves with the text: variance above this (Burda et al. 2016, Importance Weighted
# Autoencoders, https://arxiv.org/abs/1509.00519).
_ACTIVE = 0.01


class Vae(nn.Module):
    """Encoder and decoder; the latent vector is read at every step of the decoder."""

    def __init__(self, params: Any, words: int) -> None:
        super().__init__()
        self.encoder = Encoder(words, params.hidden, params.latent, cell=params.cell, drop=params.dropout)
        self.decoder = Decoder(
            words, params.hidden, layers=params.layers, cell=params.cell, context=params.latent, drop=params.dropout
        )
        self.latent: int = params.latent

    def terms(
        self, ids: Tensor, noise: torch.Generator, *, word_dropout: float, training: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return reconstruction loss (rows,), divergence of each unit (rows, latent) and means (rows, latent).

        All in nats, for texts between BOS and EOS (rows, time), with one draw of the latent vector each.
        """
        dropping = noise if training else None
        mean, log_variance = self.encoder(ids, dropping)
        drawn = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=noise, device=ids.device)
        fed = _words_dropped(ids[:, :-1], word_dropout, noise) if training else ids[:, :-1]
        losses = text_losses(self.decoder, ids, fed=fed, context=drawn, noise=dropping)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
        return losses, divergence, mean


def _words_dropped(ids: Tensor, share: float, noise: torch.Generator) -> Tensor:
    """Return texts with a share of their words unknown to the decoder, but for BOS: it must ask the latent vector.

    Source: Bowman et al. 2016, Generating Sentences from a Continuous Space (https://arxiv.org/abs/1511.06349).
    """
    hit = torch.rand(ids.shape, generator=noise, device=ids.device) < share
    hit[:, 0] = False
    return ids.masked_fill(hit & (ids != PAD), UNK)


def new(params: Any, vocabulary: Vocabulary, seed: int, device: torch.device) -> Vae:
    """Return a VAE with the weights of its first step."""
    return build(lambda: Vae(params, len(vocabulary)), generator(torch.device("cpu"), seed, 1), device)


@dataclass(frozen=True, slots=True)
class Writer:
    """A VAE with its vocabulary: texts to latent vectors, and back."""

    vae: Vae
    vocabulary: Vocabulary
    longest: int

    @property
    def device(self) -> torch.device:
        return self.vae.decoder.bias.device

    def prior(self, rows: int, noise: torch.Generator) -> Tensor:
        """Return latent vectors of the prior: (rows, latent)."""
        return torch.randn(rows, self.vae.latent, generator=noise, device=self.device)

    @torch.no_grad()
    def means(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of each text's latent vector, each (texts, latent)."""
        encoded = self.vocabulary.encode(texts)
        places = [np.arange(at, min(at + _BLOCK, len(texts))) for at in range(0, len(texts), _BLOCK)]
        found = [self.vae.encoder(tensor(encoded.take(at).padded(self.longest), self.device)) for at in places]
        return torch.cat([mean for mean, _ in found]), torch.cat([(log / 2).exp() for _, log in found])

    def texts(self, latent: Tensor, sampling: Sampling, noise: torch.Generator) -> list[str]:
        """Return a text for each latent vector."""
        out: list[str] = []
        for some in latent.split(_BLOCK):
            ids = sample(self.vae.decoder, len(some), self.longest, sampling, noise, context=some)
            out += self.vocabulary.decode(as_ids(ids))
        return out


@dataclass(frozen=True, slots=True)
class Bound:
    """What the VAE makes of held-out texts: nats a text, and how many latent units say something of it."""

    reconstruction: float
    divergence: float
    words: float
    active: int

    @property
    def nll(self) -> float:
        """The bound of the negative log-likelihood of a text, in nats."""
        return self.reconstruction + self.divergence


@torch.no_grad()
def bound(vae: Vae, batches: Sequence[Tensor], noise: torch.Generator) -> Bound:
    """Return the bound on some batches of texts between BOS and EOS."""
    parts = [vae.terms(ids, noise, word_dropout=0.0, training=False) for ids in batches]
    losses, divergence, means = (torch.cat([part[at] for part in parts]) for at in range(3))
    words = float(np.mean(np.concatenate([counted_words(ids).cpu().numpy() for ids in batches])))
    spread = means.var(0) if len(means) > 1 else means.abs()
    return Bound(float(losses.mean()), float(divergence.sum(1).mean()), words, int((spread > _ACTIVE).sum()))


@dataclass(frozen=True, slots=True)
class Model:
    """A trained VAE as a draw finds it; anchors are some seeds' ids and means, for what lies between two."""

    writer: Writer
    temperature: float
    anchor_ids: tuple[str, ...]
    anchors: npt.NDArray[np.float32]


@lru_cache(maxsize=2)
def load(folder: Path) -> Model:
    """Return the VAE of a folder, on the CPU."""
    from tasks.methods.models.vae import Params  # noqa: PLC0415 - the module of the method imports this one

    weights, about, vocabulary = load_parts(folder)
    vae = new(Params.model_validate(about["params"]), vocabulary, 0, torch.device("cpu"))
    vae.load_state_dict(weights["vae"])
    anchors = np.load(folder / "anchors.npy")
    return Model(Writer(vae, vocabulary, about["longest"]), about["temperature"], tuple(about["anchors"]), anchors)
