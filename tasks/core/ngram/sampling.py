"""Thousands of texts drawn word by word in lockstep from an n-gram model.

An interpolated model is a mixture: a context either draws from what it gives to its own words or hands on to the
shorter context. Both are decided by one uniform number and one binary search, so no distribution over the vocabulary is
ever written out. Temperature keeps that form: with q = p^(1/T), a context's own share of a word is
q(word | context) - backoff^(1/T) q(word | shorter context), which is never negative, so the whole model is reweighed
once. Top-k and top-p choose among the words of each state (`nucleus`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tasks.core.errors import UserError
from tasks.core.ngram.model import Level, Model
from tasks.core.ngram.nucleus import Cut, Shortlists
from tasks.core.ngram.smoothing import within
from tasks.core.ngram.vocabulary import BOS, EOS, UNK, Ids

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Texts that advance together: the last steps of a batch serve its few longest texts, so a large one pays (2^14 is 20 %
# slower on the captions).
BATCH = 1 << 16
# How often a word that must not stand there (the unknown one, an end before the start) is drawn again.
_REDRAWS = 100


@dataclass(frozen=True, slots=True)
class Sampling:
    """How words are drawn; `top_k` and `top_p` both apply where both are given. `max_tokens` counts no prompt."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    max_tokens: int = 200


@dataclass(frozen=True, slots=True)
class State:
    """The context of each text: how many words long (0 to order-1), and its number among those of that length."""

    depth: npt.NDArray[np.int8]
    node: Ints

    def __len__(self) -> int:
        return len(self.node)

    def at(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "State":
        return State(self.depth[rows], self.node[rows])


@dataclass(frozen=True, slots=True)
class Sampled:
    """Drawn texts: words without marks, how many each has, whether it ended; how often each order was the longest."""

    ids: Ids
    lengths: Ints
    ended: npt.NDArray[np.bool_]
    matched: Ints


@dataclass
class Sampler:
    """Draws from one model in one way."""

    model: Model
    how: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        plain = self.how.temperature == 1.0 and not self.model.description.unknown
        cut = Cut(self.how.top_k, self.how.top_p)
        self._cumulative: list[Floats] = []
        self._lists: Shortlists | None = None
        if cut.cuts:
            totals = [total for total, *_ in _own_shares(self.model, 1.0 / self.how.temperature)]
            self._lists = Shortlists(self.model, cut, self.how.temperature, totals)
        elif plain:
            self._cumulative = [level.cumulative for level in self.model.levels]
        else:
            self._cumulative = reweighed(self.model, self.how)

    def start(self, rows: int) -> State:
        """Return the state at the start of a text, for so many texts."""
        return self.advance(_root(rows), np.full(rows, BOS, np.int32))[0]

    def sample(self, rng: np.random.Generator, start: State) -> Sampled:
        """Return one text for each state, in their order."""
        parts = [
            self._batch(rng, start.at(np.arange(low, min(low + BATCH, len(start)))))
            for low in range(0, len(start), BATCH)
        ]
        return Sampled(
            np.concatenate([part.ids for part in parts] or [np.empty(0, np.int32)]),
            np.concatenate([part.lengths for part in parts] or [np.empty(0, np.int64)]),
            np.concatenate([part.ended for part in parts] or [np.empty(0, bool)]),
            np.sum([part.matched for part in parts] or [np.zeros(self.model.order, np.int64)], axis=0),
        )

    def _batch(self, rng: np.random.Generator, state: State) -> Sampled:
        count, rows = len(state), np.arange(len(state))
        steps: list[tuple[Ints, Ids]] = []
        ended, lengths = np.zeros(count, bool), np.zeros(count, np.int64)
        matched = np.zeros(self.model.order, np.int64)
        for step in range(self.how.max_tokens + 1):
            words, order, after = self._step(rng, state, first=step == 0)
            matched += np.bincount(order, minlength=self.model.order + 1)[1:]
            over = words == EOS
            ended[rows[over]] = True
            goes_on = np.flatnonzero(~over)
            if not len(goes_on) or step == self.how.max_tokens:
                break
            rows, state = rows[goes_on], after.at(goes_on)
            lengths[rows] += 1
            steps.append((rows, words[goes_on]))
        return Sampled(_side_by_side(steps, lengths), lengths, ended, matched)

    def _step(self, rng: np.random.Generator, state: State, *, first: bool) -> tuple[Ids, npt.NDArray[np.int8], State]:
        """Return the next word of each text, the order of the n-gram that it completes, and the state after it."""
        words, found = self._draw(rng, state)
        for _ in range(_REDRAWS):
            wrong = np.flatnonzero((words == UNK) | (first & (words == EOS)))
            if not len(wrong):
                break
            words[wrong], again = self._draw(rng, state.at(wrong))
            found.depth[wrong], found.node[wrong] = again.depth, again.node
        after, order = self.advance(state, words, found)
        return words, order, after

    def _draw(self, rng: np.random.Generator, state: State) -> tuple[Ids, State]:
        """Return a word for each state, and the n-gram that gave it as (order, number); 0 where that is not known."""
        if self._lists is not None:
            words = self._lists.draw(rng, state.depth, state.node)
            return words, State(np.zeros(len(state), np.int8), np.zeros(len(state), np.int64))
        words = np.empty(len(state), np.int32)
        order, number = np.zeros(len(state), np.int8), np.zeros(len(state), np.int64)
        at, node = np.arange(len(state)), state.node
        for depth in range(self.model.order - 1, -1, -1):
            here = np.flatnonzero(state.depth[at] >= depth)
            place, hit = self._own(rng, depth, node[here])
            rows = at[here[hit]]
            words[rows] = self.model.levels[depth].keys[place[hit]] & self._mask
            order[rows], number[rows] = depth + 1, place[hit]
            if depth == 0:
                break
            node = node.copy()
            missed = here[~hit]
            node[missed] = shorter(self.model, depth, node[missed])
            left = np.ones(len(at), bool)
            left[here[hit]] = False
            at, node = at[left], node[left]
        return words, State(order, number)

    @property
    def _mask(self) -> int:
        return (1 << self.model.bits) - 1

    def _own(
        self, rng: np.random.Generator, depth: int, node: Ints
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """Return which n-gram each context draws, and whether it is its own (the draw did not fall to the shorter)."""
        cumulative = self._cumulative[depth]
        place = np.searchsorted(cumulative, node + rng.random(len(node)), "right")
        if depth == 0:
            return np.minimum(place, len(cumulative) - 1), np.ones(len(node), bool)
        return place, place < self.model.levels[depth - 1].first[node + 1]

    def advance(self, state: State, words: Ids, found: State | None = None) -> tuple[State, npt.NDArray[np.int8]]:
        """Return the states after a word, and the order of the longest n-gram that it completes.

        `found` are n-grams (order, number) that it is known to complete: only longer ones are looked for.
        """
        order = np.zeros(len(state), np.int8) if found is None else found.depth.copy()
        number = words.astype(np.int64) if found is None else np.where(order > 0, found.node, words)
        at, node = np.arange(len(state)), state.node.copy()
        for depth in range(self.model.order - 1, 0, -1):
            keep = order[at] <= depth
            at, node = at[keep], node[keep]
            here = np.flatnonzero(state.depth[at] >= depth)
            place = self.model.levels[depth].find(node[here] << self.model.bits | words[at[here]])
            hit = place >= 0
            rows = at[here[hit]]
            order[rows], number[rows] = depth + 1, place[hit]
            missed = here[~hit]
            node[missed] = shorter(self.model, depth, node[missed])
        order = np.maximum(order, 1)
        full = np.flatnonzero(order == self.model.order)
        number[full] = shorter(self.model, self.model.order, number[full])
        return State(np.minimum(order, self.model.order - 1), number), order


def _side_by_side(steps: list[tuple[Ints, Ids]], lengths: Ints) -> Ids:
    """Return the words of row 0, then of row 1, and so on, from (rows, words) of each step."""
    out = np.empty(lengths.sum(), np.int32)
    starts = np.cumsum(lengths) - lengths
    for step, (rows, words) in enumerate(steps):
        out[starts[rows] + step] = words
    return out


def _root(rows: int) -> State:
    return State(np.zeros(rows, np.int8), np.zeros(rows, np.int64))


def shorter(model: Model, depth: int, node: Ints) -> Ints:
    """Return the numbers of contexts without their first word; that of no words is 0."""
    if depth <= 1:
        return np.zeros(len(node), np.int64)
    return model.levels[depth - 1].suffix[node].astype(np.int64)


def reweighed(model: Model, how: Sampling) -> list[Floats]:
    """Return the `cumulative` arrays of a model at another temperature, the unknown word left out."""
    out = []
    for total, own, context in _own_shares(model, 1.0 / how.temperature):
        share = np.divide(own, total[context], out=np.zeros(len(own)), where=total[context] > 0)
        out.append(within(share, context) + context)
        if not np.isfinite(out[-1]).all():
            raise UserError(f"temperature {how.temperature} is too low for this model: use top_k: 1")
    return out


def _own_shares(model: Model, power: float) -> Iterator[tuple[Floats, Floats, Ints]]:
    """Yield, order by order: the sum over all words of each context, the own share of each n-gram, its context."""
    mask = (1 << model.bits) - 1
    lower = _power(model.levels[0], power, mask)
    total = np.array([lower.sum()])
    yield total, lower, np.zeros(len(lower), np.int64)
    for depth, level in enumerate(model.levels[1:], 1):
        contexts = model.levels[depth - 1]
        backoff = contexts.backoff.astype(np.float64) ** power
        context = level.keys >> model.bits
        prob = _power(level, power, mask)
        own = np.maximum(prob - backoff[context] * lower[level.suffix], 0.0)
        handed = backoff * total[shorter(model, depth, np.arange(len(backoff)))]
        total = np.bincount(context, own, len(backoff)) + handed
        yield total, own, context
        lower = prob


def _power(level: Level, power: float, mask: int) -> Floats:
    out = level.prob.astype(np.float64) ** power
    out[(level.keys & mask) == UNK] = 0.0
    return out
