"""Recurrent networks whose every draw comes from a generator that is handed in, and sampling from them.

torch's own dropout and initialisation draw from one generator of the process, which other threads draw from as well.
No network here has a mode: one that is handed `noise` drops features, one that is not does not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.methods.models._vocabulary import BOS, EOS, PAD, UNK, Ids

Cell = Literal["lstm", "gru"]
# Each layer's state: (layers, rows, hidden), for an LSTM the pair of hidden and cell state.
State = list[Any]
_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


def dropout(values: Tensor, share: float, noise: torch.Generator | None) -> Tensor:
    """Return `values` with a share of the features dropped, the same at every time step of a row; as is without noise.

    Source: Gal & Ghahramani 2016, A Theoretically Grounded Application of Dropout in RNNs
    (https://arxiv.org/abs/1512.05287). `values` is (rows, time, features).
    """
    if noise is None or not share:
        return values
    kept = torch.rand(values.shape[0], 1, values.shape[2], generator=noise, device=values.device) >= share
    return values * kept.to(values.dtype) / (1 - share)


class Decoder(nn.Module):
    """A recurrent language model with tied embeddings; `context`, if any, is a vector that it reads at every step."""

    def __init__(self, words: int, width: int, *, layers: int, cell: Cell, context: int, drop: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        sizes = [width + context, *[width] * (layers - 1)]
        self.cells = nn.ModuleList(_CELLS[cell](size, width, batch_first=True) for size in sizes)
        self.bias = nn.Parameter(torch.zeros(words))
        self.drop = drop

    def forward(self, ids: Tensor, context: Tensor | None = None, noise: torch.Generator | None = None) -> Tensor:
        """Return the logits of the next word at each place: (rows, time, words)."""
        return self.logits(self.hidden(self.embed(ids), context, noise=noise)[0])

    def hidden(
        self,
        embedded: Tensor,
        context: Tensor | None,
        states: State | None = None,
        noise: torch.Generator | None = None,
    ) -> tuple[Tensor, State]:
        """Return the last layer's output (rows, time, width) for embedded words, and the state after them."""
        out = dropout(embedded, self.drop, noise)
        if context is not None:
            out = torch.cat([out, context[:, None].expand(-1, out.shape[1], -1)], dim=2)
        after: State = []
        for at, cell in enumerate(self.cells):
            out, state = cell(out, states[at] if states else None)
            out = dropout(out, self.drop, noise)
            after.append(state)
        return out, after

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of every word: (..., words)."""
        return functional.linear(hidden, self.embed.weight, self.bias)


class Encoder(nn.Module):
    """A bidirectional recurrent reader of a text: mean and log variance of its latent vector."""

    def __init__(self, words: int, width: int, latent: int, *, cell: Cell, drop: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.cell = _CELLS[cell](width, width // 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(width, 2 * latent)
        self.drop = drop

    def forward(self, ids: Tensor, noise: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, each (rows, latent), of texts between BOS and EOS: (rows, time)."""
        lengths = (ids != PAD).sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            dropout(self.embed(ids), self.drop, noise), lengths, batch_first=True, enforce_sorted=False
        )
        out, _ = nn.utils.rnn.pad_packed_sequence(self.cell(packed)[0], batch_first=True)
        mask = (ids[:, : out.shape[1]] != PAD)[:, :, None]
        best = out.masked_fill(~mask, -torch.inf).amax(1)
        mean, log_variance = self.out(best).chunk(2, dim=1)
        return mean, log_variance.clamp(-8.0, 4.0)


class Discriminator(nn.Module):
    """A convolutional judge of texts: one logit, above 0 for a text that it takes for a seed.

    Source: Kim 2014, Convolutional Neural Networks for Sentence Classification (https://arxiv.org/abs/1408.5882).
    """

    def __init__(self, words: int, width: int, *, filters: int, drop: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.filters = nn.ModuleList(nn.Conv1d(width, filters, size, padding=size - 1) for size in (2, 3, 4, 5))
        self.gate = nn.Linear(4 * filters, 4 * filters)
        self.out = nn.Linear(4 * filters, 1)
        self.drop = drop

    def forward(self, embedded: Tensor, mask: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """Return a logit for each row of embedded words (rows, time, width); `mask` is (rows, time), true at words."""
        # Embeddings start small, for a decoder that is tied to them; filters need inputs of about one.
        scaled = embedded * embedded.shape[2] ** 0.5
        values = (dropout(scaled, self.drop / 2, noise) * mask[:, :, None]).transpose(1, 2)
        found = torch.cat([functional.relu(one(values)).amax(2) for one in self.filters], dim=1)
        share = torch.sigmoid(self.gate(found))
        mixed = share * functional.relu(found) + (1 - share) * found
        return self.out(dropout(mixed[:, None], self.drop, noise)[:, 0])[:, 0]

    def judge(self, ids: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """Return a logit for each row of ids (rows, time), what follows EOS being PAD."""
        return self(self.embed(ids), ids != PAD, noise)


def generator(device: torch.device, *keys: int) -> torch.Generator:
    """Return a generator whose numbers are a function of `keys`."""
    seed = int(np.random.default_rng(keys).integers(2**63))
    return torch.Generator(device).manual_seed(seed)


def build(make: Callable[[], nn.Module], generator: torch.Generator, device: torch.device) -> Any:
    """Return a network whose weights are drawn from `generator` and from nothing else."""
    with torch.device("meta"):
        network = make()
    network = network.to_empty(device="cpu")
    with torch.no_grad():
        for name, weight in sorted(network.named_parameters()):
            spread = 0.1 if name.endswith("embed.weight") else weight.shape[-1] ** -0.5 if weight.dim() < 3 else 0.1
            weight.zero_() if weight.dim() == 1 else weight.uniform_(-spread, spread, generator=generator)
    return network.to(device)


def without_marks(logits: Tensor) -> Tensor:
    """Return logits (..., words) with no chance left for the marks that are no text; EOS is text."""
    barred = logits.new_zeros(logits.shape[-1])
    barred[[PAD, BOS, UNK]] = -torch.inf
    return logits + barred


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next word is drawn; 0 for `top_k` and 1 for `top_p` leave all words in."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


def drawn(logits: Tensor, sampling: Sampling, noise: torch.Generator) -> Tensor:
    """Return a word for each row of logits (rows, words), never a mark that is no text."""
    logits = without_marks(logits.float() / sampling.temperature)
    if 0 < sampling.top_k < logits.shape[1]:
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[:, -1:], -torch.inf)
    if sampling.top_p < 1:
        logits = _nucleus(logits, sampling.top_p)
    # Inverse transform sampling: one uniform number a row, not one a word.
    mass = logits.softmax(1).cumsum(1)
    point = torch.rand(len(mass), 1, generator=noise, device=mass.device) * mass[:, -1:]
    return torch.searchsorted(mass, point, right=True).clamp(max=mass.shape[1] - 1)[:, 0]


def _nucleus(logits: Tensor, share: float) -> Tensor:
    """Return the logits with the words outside the smallest set of at least `share` of the probability left out.

    Source: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration (https://arxiv.org/abs/1904.09751).
    """
    ordered, order = logits.sort(dim=1, descending=True)
    before = ordered.softmax(1).cumsum(1) - ordered.softmax(1)
    return torch.full_like(logits, -torch.inf).scatter(1, order, ordered.masked_fill(before >= share, -torch.inf))


@torch.no_grad()
def sample(
    decoder: Decoder,
    rows: int,
    longest: int,
    sampling: Sampling,
    noise: torch.Generator,
    *,
    context: Tensor | None = None,
) -> Tensor:
    """Return `rows` sampled texts (rows, time), without BOS, with their EOS and then PAD; at most `longest` words.

    A text that has not ended by then has no EOS.
    """
    first = torch.full((rows,), BOS, device=decoder.bias.device)
    return follow(decoder, first, None, longest=longest, sampling=sampling, noise=noise, context=context)


@torch.no_grad()
def follow(
    decoder: Decoder,
    last: Tensor,
    states: State | None,
    *,
    longest: int,
    sampling: Sampling,
    noise: torch.Generator,
    context: Tensor | None = None,
    behind: Tensor | None = None,
) -> Tensor:
    """Return what is sampled after the word `last` (rows,) of each text, from the state before it; as `sample`.

    `behind` are the words that each text has already (rows,), 0 if left out: with them it has `longest` at most. Rows
    that have ended leave the batch.
    """
    device = last.device
    room = torch.full_like(last, longest) if behind is None else longest - behind
    out = torch.full((len(last), longest + 1), PAD, dtype=torch.long, device=device)
    live = torch.arange(len(last), device=device)
    for at in range(longest + 1):
        read = None if context is None else context[live]
        hidden, states = decoder.hidden(decoder.embed(last)[:, None], read, states)
        last = drawn(decoder.logits(hidden[:, 0]), sampling, noise)
        goes_on = (last != EOS) & (at < room[live])
        out[live, at] = last.where(goes_on | (last == EOS), PAD)
        kept = goes_on.nonzero()[:, 0]
        if not len(kept):
            break
        if len(kept) < len(last):
            live, last = live[kept], last[kept]
            states = [_rows(state, kept) for state in states]
    return out[:, : at + 1]


@torch.no_grad()
def step_states(decoder: Decoder, ids: Tensor, at: Tensor, row: Tensor) -> State:
    """Return the state of each pair of `at` and `row` before word `at - 1` of that row, `ids` being without BOS."""
    states: State | None = None
    kept: list[State] = []
    last = torch.full((len(ids),), BOS, device=ids.device)
    for place in range(int(at.max())):
        _, states = decoder.hidden(decoder.embed(last)[:, None], None, states)
        kept.append(states)
        last = ids[:, place]
    return [_gathered([one[layer] for one in kept], at - 1, row) for layer in range(len(decoder.cells))]


def _gathered(states: list[Any], at: Tensor, row: Tensor) -> Any:
    if isinstance(states[0], tuple):
        return tuple(_gathered([one[part] for one in states], at, row) for part in range(len(states[0])))
    return torch.stack(states)[at, :, row].transpose(0, 1).contiguous()


def _rows(state: Any, kept: Tensor) -> Any:
    return tuple(part[:, kept] for part in state) if isinstance(state, tuple) else state[:, kept]


def as_ids(words: Tensor) -> Ids:
    """Return sampled words as an array, for the vocabulary."""
    return words.cpu().numpy().astype(np.int32)


def tensor(ids: Ids, device: torch.device) -> Tensor:
    """Return padded texts as a tensor of words (rows, time)."""
    return torch.from_numpy(ids.astype(np.int64)).to(device)


def text_losses(
    network: Decoder,
    ids: Tensor,
    *,
    fed: Tensor | None = None,
    context: Tensor | None = None,
    noise: torch.Generator | None = None,
) -> Tensor:
    """Return the summed negative log-likelihood of each text (rows,), in nats; PAD and UNK do not count.

    `ids` are texts between BOS and EOS; `fed` is what the network reads of them where that is not the same. Logits are
    made for the words that count alone.
    """
    hidden, _ = network.hidden(network.embed(ids[:, :-1] if fed is None else fed), context, noise=noise)
    targets = ids[:, 1:]
    counted = (targets != PAD) & (targets != UNK)
    losses = functional.cross_entropy(network.logits(hidden[counted]).float(), targets[counted], reduction="none")
    return torch.zeros(targets.shape, device=ids.device).masked_scatter(counted, losses).sum(1)


def counted_words(ids: Tensor) -> Tensor:
    """Return how many words of each text count in its loss: (rows,)."""
    return ((ids[:, 1:] != PAD) & (ids[:, 1:] != UNK)).sum(1)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run with `count` CPU threads: sums, and so weights and samples, depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
