"""Train a sentence VAE on the seeds, and sample from its prior, near a seed, or between two seeds.

Source: Bowman et al. 2016, Generating Sentences from a Continuous Space (https://arxiv.org/abs/1511.06349)

    mode: neighbours        # near each seed in turn; prior: anywhere; interpolation: between each seed and another
    distance: 1.0           # neighbours: standard deviations of the seed's own posterior
    annealing: cyclical     # weight of the divergence while training: linear, cyclical or none
    free_nats: 0.1          # what each latent unit may say for free, against collapse

A recurrent encoder reads a text into a latent vector, a recurrent decoder writes it back with some of its words hidden
from it. The report has the bound of the likelihood, the divergence, the active units and how well texts come back, and
says so where the posterior has collapsed.

Without a `temperature` it is the one at which samples of the prior have the seeds' own self-BLEU-4. `extra` says where
a text comes from: `weight` of the other seed, or `distance` from the seed's mean. Rejects: `empty`, `copied` for a text
that is a seed, word for word, and `no_text` for a seed without one.
"""

from functools import partial
from typing import Literal

import pyarrow as pa
from pydantic import Field

from tasks.core.method import Draw, Made, Method
from tasks.core.training import Trained, Training
from tasks.methods.models import _params as shared

_FREE = frozenset({"mode", "distance"})


class Params(shared.ModelParams):
    """The params of the encoder and the decoder, of their training, and of where samples come from."""

    mode: Literal["prior", "neighbours", "interpolation"] = Field(
        "prior", description="where samples come from: anywhere, near each seed, between each seed and another"
    )
    distance: float = Field(
        1.0, ge=0, le=10, description="neighbours: noise, in standard deviations of the seed's posterior"
    )
    latent: int = Field(32, ge=1, le=1024, description="units of the latent vector")
    annealing: Literal["linear", "cyclical", "none"] = Field(
        "linear", description="how the weight of the divergence rises: once, in cycles, or whole from the start"
    )
    anneal_share: float = Field(0.3, gt=0, le=1, description="share of the steps, or of a cycle, that the rise takes")
    cycles: int = Field(4, ge=1, le=100, description="cyclical: number of cycles")
    kl_weight: float = Field(1.0, ge=0, le=10, description="weight of the divergence once it has risen")
    free_nats: float = Field(0.1, ge=0, le=10, description="nats that each latent unit may carry for free")
    word_dropout: float = Field(0.2, ge=0, lt=1, description="share of words hidden from the decoder while training")


def fit(training: Training) -> Trained:
    """Train the encoder and the decoder."""
    from tasks.methods.models import _fitting, _vae_phases  # noqa: PLC0415 - loads torch

    return _fitting.fit(training, METHOD, _vae_phases.fit)


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return `draw.count` texts; rejects are `empty`, `copied` and `no_text`."""
    from tasks.methods.models._vae_draws import sampled  # noqa: PLC0415 - loads torch

    return sampled(seeds, params, draw)


METHOD = Method(
    name="vae",
    version=1,
    family="models",
    params=Params,
    run=run,
    gives=("text", "seed_ids", "extra"),
    seeds=lambda params: "all" if params.mode == "prior" else "each",
    needs=lambda _params: frozenset({"text"}),
    check=partial(shared.check, "vae"),
    fit=fit,
    trains_on=partial(shared.trains_on, also_free=_FREE),
    # At some 800 texts a second on one core, some ten seconds.
    shard_rows=10_000,
)
