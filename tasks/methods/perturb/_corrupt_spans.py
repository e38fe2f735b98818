"""Which runs of tokens go: T5's spans, BART's infilling, and the end of a text."""

from dataclasses import dataclass

import numpy as np

from tasks.methods.perturb._corrupt_bert import some
from tasks.methods.perturb._corrupt_choose import Floats, before, choose, parts, rounded
from tasks.methods.perturb._value_text import Ints


@dataclass(frozen=True)
class Runs:
    """Runs of tokens: first token (over all rows), number of tokens (0: between two tokens), and the row."""

    firsts: Ints
    lengths: Ints
    rows: Ints


def t5_runs(rng: np.random.Generator, counts: Ints, rates: Floats, means: Floats) -> Runs:
    """Return the spans of Raffel et al. 2020: per row, kept and noise parts by turns, each composition as likely.

    Two things differ from their `random_spans_noise_mask`. How many tokens and spans there are is rounded at random
    rather than to the nearest, so that the rate holds for short texts too. And a row may begin with noise and end
    with a kept part: theirs always ends with noise, so that a text of one span would always lose its end. A row of one
    token, or of rate 0, has none.
    """
    rows = np.flatnonzero((counts >= 2) & (rates > 0))
    size = counts[rows]
    noise = np.clip(rounded(rng, size * rates[rows]), 1, size - 1)
    spans = np.clip(rounded(rng, noise / means[rows]), 1, np.minimum(noise, size - noise + 1))
    lengths = parts(rng, noise, spans)
    # One gap more than spans; the two at the edges may be empty, so they are drawn one longer than they are.
    gaps = np.delete(parts(rng, size - noise + 2, spans + 1), np.cumsum(spans + 1) - 1)
    edge = np.zeros(gaps.size, np.int64)
    edge[np.cumsum(spans) - spans] = 1
    gaps -= edge
    firsts = np.repeat((np.cumsum(counts) - counts)[rows], spans) + before(gaps + lengths, spans) + gaps
    return Runs(firsts, lengths, np.repeat(rows, spans))


def bart_runs(rng: np.random.Generator, counts: Ints, rate: float, mean: float) -> Runs:
    """Return the spans of Lewis et al. 2020: lengths from Poisson(mean), 0 included, until `rate` of a row is covered.

    The last span is cut to fit, as in fairseq. No two spans touch: each lies in a gap of its own between kept tokens.
    """
    wanted = some(rng, counts, rate)
    draws = np.where(wanted > 0, 2 * np.ceil(wanted / mean).astype(np.int64) + 12, 0)
    row = np.repeat(np.arange(counts.size), draws)
    lengths = rng.poisson(mean, row.size)
    covered = before(lengths, draws)
    used = covered < wanted[row]
    row, lengths = row[used], np.minimum(lengths, wanted[row] - covered)[used]
    row, lengths = _that_fit(row, lengths, counts)
    return _placed(rng, row, lengths, counts)


def _that_fit(row: Ints, lengths: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Drop the last spans of rows that have more of them than gaps between kept tokens."""
    spans = np.bincount(row, minlength=counts.size)
    kept = counts - np.bincount(row, lengths, counts.size).astype(np.int64)
    fits = before(np.ones_like(row), spans) <= kept[row]
    return row[fits], lengths[fits]


def _placed(rng: np.random.Generator, row: Ints, lengths: Ints, counts: Ints) -> Runs:
    spans = np.bincount(row, minlength=counts.size)
    kept = counts - np.bincount(row, lengths, counts.size).astype(np.int64)
    gaps = np.flatnonzero(choose(rng, kept + 1, spans)) - (np.cumsum(kept + 1) - (kept + 1))[row]
    return Runs((np.cumsum(counts) - counts)[row] + gaps + before(lengths, spans), lengths, row)


def cut_places(rng: np.random.Generator, counts: Ints, rates: Floats) -> Ints:
    """Return how many tokens of each row stay in front: the rest is `rates` of it on average, evenly spread from 1 up.

    So is the sequential denoiser of Tay et al. 2022. A row of one token keeps it.
    """
    longest = np.clip(2 * np.rint(counts * rates).astype(np.int64) - 1, 1, np.maximum(counts - 1, 1))
    return np.where(counts >= 2, counts - 1 - (rng.random(counts.size) * longest).astype(np.int64), counts)
