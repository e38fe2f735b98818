"""Train a sequence GAN on the seeds, by policy gradient or Gumbel-softmax, after likelihood, and sample from it.

Source: Yu et al. 2017, SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient (https://arxiv.org/abs/1609.05473)

    adversary: policy_gradient       # gumbel: straight-through Gumbel-softmax; none: a language model, the baseline
    max_steps: 2500                  # of likelihood training, before the judge comes in
    adversarial_steps: 60
    candidates: 4                    # texts drawn for each that is kept, by the judge's odds; default: no choice

The writer is a recurrent language model, trained by maximum likelihood; the judge, a convolutional network, learns to
tell its samples from seeds; then both learn in turn. Each word is credited with the change of the judge's verdict on
what may follow it, by rollouts. Of all weights that were looked at, those are kept whose samples have the best BLEU-4
against held-out texts where they are as diverse as the seeds, those before the adversarial training among them: where
likelihood is not beaten by more than chance it stays, as it often does (Caccia et al. 2020, https://arxiv.org/abs/1811.02549).

Without a `temperature` it is the one at which samples have the seeds' own self-BLEU-4. Rejects: `empty`, and `copied`
for a text that is a seed, word for word.
"""

from functools import partial
from typing import Literal

import pyarrow as pa
from pydantic import Field

from tasks.core.method import Draw, Made, Method
from tasks.core.training import Trained, Training
from tasks.methods.models import _params as shared

_FREE = frozenset({"candidates"})


class Params(shared.ModelParams):
    """The writer's params, and those of the judge and of the game between the two."""

    adversary: Literal["policy_gradient", "gumbel", "none"] = Field(
        "policy_gradient", description="how the judge teaches the writer; none: likelihood only, no judge"
    )
    judge_steps: int = Field(400, ge=0, description="steps of the judge alone, before the game and after it")
    adversarial_steps: int = Field(60, ge=0, description="steps of the writer in the game")
    judge_turns: int = Field(2, ge=1, le=100, description="steps of the judge for each of the writer")
    rollouts: int = Field(2, ge=1, le=64, description="policy_gradient: texts that finish each prefix, for its value")
    gumbel_temperature: float = Field(0.7, gt=0, le=10, description="gumbel: temperature of the soft words")
    entropy_weight: float = Field(0.01, ge=0, description="reward of each nat of a word's entropy, against collapse")
    likelihood_weight: float = Field(0.5, ge=0, description="weight of the likelihood loss within the game")
    adversarial_rate: float = Field(2e-4, gt=0, le=1, description="learning rate of the writer in the game")
    judge_rate: float = Field(3e-3, gt=0, le=1, description="learning rate of the judge")
    judge_width: int = Field(64, ge=4, le=4096, description="width of the judge's embeddings, and filters of each size")
    judge_dropout: float = Field(0.2, ge=0, lt=1, description="share of the judge's features that are dropped")
    candidates: int = Field(1, ge=1, le=64, description="texts drawn for each that is kept, by the judge's odds")


def fit(training: Training) -> Trained:
    """Train the writer, the judge, and both against each other."""
    from tasks.methods.models import _fitting, _gan_phases  # noqa: PLC0415 - loads torch

    return _fitting.fit(training, METHOD, _gan_phases.fit)


def run(_seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return `draw.count` texts; rejects are `empty` and `copied`."""
    from tasks.methods.models._gan import sampled  # noqa: PLC0415 - loads torch

    return sampled(params, draw)


METHOD = Method(
    name="gan",
    version=1,
    family="models",
    params=Params,
    run=run,
    gives=("text", "extra"),
    seeds=lambda _params: "all",
    needs=lambda _params: frozenset({"text"}),
    check=partial(shared.check, "gan"),
    fit=fit,
    trains_on=partial(shared.trains_on, also_free=_FREE),
    # At some 1,200 texts a second on one core, one candidate each.
    shard_rows=10_000,
)
