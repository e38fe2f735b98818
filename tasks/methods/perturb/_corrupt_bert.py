"""Masking as BERT does it: which tokens, and what becomes of each."""

import numpy as np
import numpy.typing as npt

from tasks.methods.perturb._corrupt_choose import Bools, choose, rounded
from tasks.methods.perturb._value_text import Ints

MASKED, RANDOM, SAME = 0, 1, 2
IGNORED = -100
Actions = npt.NDArray[np.uint8]


def chosen_tokens(rng: np.random.Generator, counts: Ints, rate: float, words: Ints | None = None) -> Bools:
    """Return which tokens of rows with `counts` tokens are to be predicted: `rate` of each row, at least one.

    With `words` (the number of each token's word) whole words are chosen.
    """
    if words is None:
        return choose(rng, counts, some(rng, counts, rate))
    rows = np.repeat(np.arange(counts.size), counts)
    first = np.ones(words.size, bool)
    first[1:] = words[1:] != words[:-1]
    per_row = np.bincount(rows[first], minlength=counts.size)
    return choose(rng, per_row, some(rng, per_row, rate))[np.cumsum(first) - 1]


def some(rng: np.random.Generator, counts: Ints, rate: float) -> Ints:
    """Return how many of each row: `rate` of its `counts` on average, at least one where there is one."""
    return np.minimum(np.maximum(rounded(rng, counts * rate), 1), counts)


def actions(rng: np.random.Generator, count: int) -> Actions:
    """Return what becomes of each chosen token: masked (80 %), another at random (10 %), the same (10 %)."""
    return np.searchsorted([0.8, 0.9], rng.random(count), "right").astype(np.uint8)


def others(rng: np.random.Generator, pool: Ints, places: Ints) -> Ints:
    """Return a member of `pool` for each of `places` in it, never the one that is there (pool of two and more)."""
    drawn = rng.integers(0, pool.size - 1, places.size)
    return pool[drawn + (drawn >= places)]


def masked_ids(rng: np.random.Generator, ids: Ints, chosen: Bools, *, mask: int, pool: Ints) -> tuple[Ints, Ints]:
    """Return the ids with the chosen ones masked, and the labels: the old id where chosen, IGNORED elsewhere."""
    where = np.flatnonzero(chosen)
    what = actions(rng, where.size)
    new, labels = ids.copy(), np.full_like(ids, IGNORED)
    labels[where] = ids[where]
    new[where[what == MASKED]] = mask
    swapped = where[what == RANDOM]
    if pool.size > 1:
        new[swapped] = others(rng, pool, np.searchsorted(pool, ids[swapped]))
    return new, labels
