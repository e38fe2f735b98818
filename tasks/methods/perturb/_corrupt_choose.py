"""Random choices for every row of a batch at once: how many, which, and in parts of which length."""

import numpy as np
import numpy.typing as npt

from tasks.methods.perturb._value_text import Ints

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def rounded(rng: np.random.Generator, wanted: Floats) -> Ints:
    """Return whole numbers, each the floor or the ceiling of what is wanted, whose sum is within one of the wanted sum.

    Each keeps its expected value (systematic sampling), and the rows are gone through in random order, so that rows of
    one size do not round in a pattern.
    """
    order = rng.permutation(wanted.size)
    steps = np.floor(np.cumsum(wanted[order]) + rng.random())
    out = np.empty(wanted.size, np.int64)
    out[order] = np.diff(steps, prepend=0.0).astype(np.int64)
    return out


def choose(rng: np.random.Generator, sizes: Ints, counts: Ints) -> Bools:
    """Return a mask over rows of `sizes` end to end, with `counts` places set in each row; every set is as likely.

    Places are drawn with repeats and the repeats drawn again; where over half is wanted, the rest is drawn.
    """
    most = counts * 2 > sizes
    fewer = np.where(most, sizes - counts, counts)
    row = np.repeat(np.arange(sizes.size), fewer)
    base, width = (np.cumsum(sizes) - sizes)[row], sizes[row]
    owner = np.full(int(sizes.sum()), -1, np.int32)
    todo = np.arange(row.size, dtype=np.int32)
    while todo.size:
        place = base[todo] + (rng.random(todo.size) * width[todo]).astype(np.int64)
        free = owner[place] < 0
        owner[place[free]] = todo[free]
        todo = todo[owner[place] != todo]
    chosen = owner >= 0
    return chosen ^ np.repeat(most, sizes) if most.any() else chosen


def before(values: Ints, counts: Ints) -> Ints:
    """Return, for rows of `counts` values end to end, the sum of the values before each in its row."""
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])
    return total[:-1] - np.repeat(total[np.cumsum(counts) - counts], counts)


def parts(rng: np.random.Generator, totals: Ints, counts: Ints) -> Ints:
    """Return, row after row, `counts` lengths of 1 and more that sum to `totals`; every composition is as likely.

    A row has at least one part, and a total no smaller than its parts.
    """
    cuts = choose(rng, totals - 1, counts - 1)
    inner = np.cumsum(totals - 1) - (totals - 1)
    last = np.zeros(int(counts.sum()), bool)
    last[np.cumsum(counts) - 1] = True
    ends = np.empty(last.size, np.int64)
    ends[last], ends[~last] = totals, np.flatnonzero(cuts) - np.repeat(inner, counts - 1) + 1
    starts = np.zeros_like(ends)
    starts[1:] = np.where(last[:-1], 0, ends[:-1])
    return ends - starts
