"""Beginnings that an n-gram model goes on from: their tokens, and the state that they leave the model in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core.ngram.sampling import Sampler, State
from tasks.core.ngram.vocabulary import Ids

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prompts as tokens: how they read, their word numbers (unknown ones too), how many tokens each has."""

    tokens: pa.StringArray
    ids: Ids
    lengths: Ints

    def take(self, rows: Ints) -> "Prompts":
        lengths = self.lengths[rows]
        starts = (np.cumsum(self.lengths) - self.lengths)[rows]
        at = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        return Prompts(self.tokens.take(pa.array(at)), self.ids[at], lengths)


def cut(sampler: Sampler, texts: Sequence[str], first_tokens: int | None) -> Prompts:
    """Return the prompts, only the first tokens of each where that is asked for."""
    vocabulary = sampler.model.vocabulary
    tokens, lengths = vocabulary.cutter.cut(texts)
    ids, _ = vocabulary.encode(texts)
    kept = lengths if first_tokens is None else np.minimum(lengths, first_tokens)
    place = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    inside = place < np.repeat(kept, lengths)
    return Prompts(tokens.filter(pa.array(inside)), ids[inside], kept)


def after(sampler: Sampler, prompts: Prompts) -> State:
    """Return the state of the model after each prompt."""
    state = sampler.start(len(prompts.lengths))
    starts = np.cumsum(prompts.lengths) - prompts.lengths
    for place in range(int(prompts.lengths.max(initial=0))):
        rows = np.flatnonzero(prompts.lengths > place)
        moved, _ = sampler.advance(state.at(rows), prompts.ids[starts[rows] + place])
        state.depth[rows], state.node[rows] = moved.depth, moved.node
    return state


def interleaved(first: Ints, first_lengths: Ints, second: Ints, second_lengths: Ints) -> Ints:
    """Return the values of row 0 of both, then of row 1 of both, and so on."""
    rows = np.concatenate([np.repeat(np.arange(len(lengths)), lengths) for lengths in (first_lengths, second_lengths)])
    joined: Ints = np.concatenate([first, second])[np.argsort(rows, kind="stable")]
    return joined
