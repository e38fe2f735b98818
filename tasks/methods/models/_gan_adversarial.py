"""The losses of a sequence GAN: the judge's, and the generator's by policy gradient or through Gumbel-softmax."""

import torch
from torch import Tensor
from torch.nn import functional

from tasks.methods.models._networks import Decoder, Discriminator, Sampling, follow, sample, step_states, without_marks
from tasks.methods.models._vocabulary import BOS, EOS, PAD

_PLAIN = Sampling()
# Rollouts of a step: above this many, words share them.
_MOST_ROLLOUTS = 2_048


def judge_loss(judge: Discriminator, real: Tensor, fake: Tensor, noise: torch.Generator) -> tuple[Tensor, float]:
    """Return the cross-entropy of telling seeds from samples, and the share that is told right."""
    odds = judge.judge(real, noise), judge.judge(fake, noise)
    losses = [functional.softplus(-odds[0]).mean(), functional.softplus(odds[1]).mean()]
    right = ((odds[0] > 0).float().mean() + (odds[1] <= 0).float().mean()) / 2
    return (losses[0] + losses[1]) / 2, float(right)


def policy_loss(network: Decoder, ids: Tensor, credit: Tensor, entropy_weight: float) -> tuple[Tensor, float]:
    """Return the policy-gradient loss of sampled texts (rows, time), and the mean entropy of a word's draw, in nats.

    Source: Yu et al. 2017, SeqGAN (https://arxiv.org/abs/1609.05473), the reward less a baseline, as in `credits_of`.
    """
    mask = ids != PAD
    gain = credit[mask]
    gain = gain / gain.std().clamp_min(1e-6) if len(gain) > 1 else gain
    before = functional.pad(ids[:, :-1], (1, 0), value=BOS)
    chances = without_marks(network(before)).float().log_softmax(2)
    chosen = chances.gather(2, ids[:, :, None])[:, :, 0][mask]
    entropy = -(chances.exp() * chances.clamp_min(-1e4)).sum(2)[mask].mean()
    return -(gain * chosen).mean() - entropy_weight * entropy, float(entropy.detach())


@torch.no_grad()
def credits_of(
    network: Decoder, judge: Discriminator, ids: Tensor, *, rollouts: int, longest: int, noise: torch.Generator
) -> Tensor:
    """Return by how much each word of sampled texts changed the judge's expected verdict: (rows, time).

    The expected verdict on a prefix is the mean of `rollouts` texts that follow it; the verdict before the word is the
    baseline of the verdict after it. Where the prefixes are many, some words in a row share their credit.
    """
    stride = -(-int((ids != PAD).sum()) * rollouts // _MOST_ROLLOUTS)
    values = prefix_values(network, judge, ids, stride, rollouts=rollouts, longest=longest, noise=noise)
    first = torch.arange(ids.shape[1], device=ids.device) // stride * stride
    return values[:, (first + stride).clamp(max=ids.shape[1])] - values[:, first]


@torch.no_grad()
def prefix_values(
    network: Decoder,
    judge: Discriminator,
    ids: Tensor,
    stride: int,
    *,
    rollouts: int,
    longest: int,
    noise: torch.Generator,
) -> Tensor:
    """Return the expected verdict on each prefix whose length is a multiple of `stride`: (rows, time + 1).

    All prefixes of all texts are finished in one batch, each to at most `longest` words with its prefix: a longer text
    would be one that the judge has never seen. A whole text is its own verdict.
    """
    rows, width = ids.shape
    lengths = (ids != PAD).sum(1)
    values = torch.sigmoid(judge.judge(ids)).float()[:, None].repeat(1, width + 1)
    fresh = sample(network, rows * rollouts, longest, _PLAIN, noise)
    values[:, 0] = torch.sigmoid(judge.judge(fresh)).float().mean()
    grid = torch.arange(stride, width, stride, device=ids.device)
    place, row = (grid[:, None] < lengths[None, :]).nonzero(as_tuple=True)
    if not len(row):
        return values
    at, row = grid[place].repeat_interleave(rollouts), row.repeat_interleave(rollouts)
    states = step_states(network, ids, at, row)
    tails = follow(network, ids[row, at - 1], states, longest=longest, sampling=_PLAIN, noise=noise, behind=at)
    judged = torch.sigmoid(_judged(judge, ids, at, row, tails)).float()
    values[row[::rollouts], at[::rollouts]] = judged.view(-1, rollouts).mean(1)
    return values


def _judged(judge: Discriminator, ids: Tensor, at: Tensor, row: Tensor, tails: Tensor) -> Tensor:
    """Return the odds of texts put together from the first `at` words of their row and what follows them."""
    width = ids.shape[1] + tails.shape[1]
    place = torch.arange(width, device=ids.device)[None, :]
    heads = functional.pad(ids[row], (0, tails.shape[1]), value=PAD)
    ends = functional.pad(tails, (0, 1), value=PAD)
    moved = ends.gather(1, (place - at[:, None]).clamp(0, ends.shape[1] - 1).expand(len(row), -1))
    return judge.judge(torch.where(place < at[:, None], heads, moved))


def gumbel_loss(
    network: Decoder,
    judge: Discriminator,
    rows: int,
    *,
    longest: int,
    warmth: float,
    entropy_weight: float,
    noise: torch.Generator,
) -> tuple[Tensor, float]:
    """Return the generator's loss through straight-through Gumbel-softmax samples, and the entropy of a word's draw.

    Words are drawn hard and differentiated soft (Jang et al. 2017, https://arxiv.org/abs/1611.01144), fed back and
    judged as embeddings; the loss is the non-saturating one of Goodfellow et al. 2014.
    """
    device = network.bias.device
    fed = network.embed(torch.full((rows, 1), BOS, device=device))
    live = torch.ones(rows, dtype=torch.bool, device=device)
    states, seen, masks, entropies = None, [], [], []
    for _ in range(longest + 1):
        hidden, states = network.hidden(fed, None, states)
        logits = without_marks(network.logits(hidden[:, 0])).float()
        chances = logits.log_softmax(1)
        entropies.append((-(chances.exp() * chances.clamp_min(-1e4)).sum(1) * live).sum())
        hard = _straight_through(logits, warmth, noise)
        seen.append(hard @ judge.embed.weight)
        masks.append(live)
        live = live & (hard.detach()[:, EOS] < 0.5)
        fed = (hard @ network.embed.weight)[:, None]
        if not live.any():
            break
    mask = torch.stack(masks, 1)
    odds = judge(torch.stack(seen, 1), mask, None)
    entropy = torch.stack(entropies).sum() / mask.sum()
    return functional.softplus(-odds).mean() - entropy_weight * entropy, float(entropy.detach())


def _straight_through(logits: Tensor, warmth: float, noise: torch.Generator) -> Tensor:
    uniform = torch.rand(logits.shape, generator=noise, device=logits.device).clamp(1e-20, 1 - 1e-7)
    soft = ((logits - (-uniform.log()).log()) / warmth).softmax(1)
    hard = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0)
    return hard + soft - soft.detach()
