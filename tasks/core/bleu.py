"""Sentence BLEU of many texts against many references, and of each text against all the others, by count tables.

Source: Papineni et al. 2002, BLEU (https://aclanthology.org/P02-1040); Zhu et al. 2018, Texygen, which adds self-BLEU
(https://arxiv.org/abs/1802.01886)

The figures are those of NLTK's `sentence_bleu` with all references at once, equal weights, the closest reference
length and smoothing method 1 (Chen & Cherry 2014, https://aclanthology.org/W14-3346), as Texygen calls it. A reference
matters only by the largest count of each n-gram in any one of them, so ten thousand texts against ten thousand take the
sorts of one table instead of a hundred million comparisons.
"""

import numpy as np
import numpy.typing as npt

from tasks.core.ngram.windows import Ints, TokenLists, Windows, corpus

Floats = npt.NDArray[np.float64]

# What smoothing method 1 puts in place of no match at all.
_EPSILON = 0.1


def bleu(hypotheses: TokenLists, references: TokenLists, n: int = 4) -> float:
    """Return the mean sentence BLEU-n of the hypotheses, each against all references, in [0, 1]."""
    return float(sentence_scores(hypotheses, references, n)[-1].mean())


def self_bleu(texts: TokenLists, n: int = 4) -> float:
    """Return the mean sentence BLEU-n of each text against all the others: 1 where they say the same."""
    return float(self_scores(texts, n)[-1].mean())


def sentence_scores(hypotheses: TokenLists, references: TokenLists, n: int = 4) -> Floats:
    """Return BLEU-1 to BLEU-n of each hypothesis against all references, as an array (n, hypotheses)."""
    rows = len(hypotheses)
    if not rows or not len(references):
        raise ValueError(f"BLEU needs a hypothesis and a reference: got {rows} and {len(references)}")
    both = corpus(hypotheses, references)
    matches = np.stack([_matches(window, rows) for window in both.windows(n)])
    lengths = both.lengths[:rows]
    return _scores(matches, lengths, _closest(lengths, both.lengths[rows:]))


def self_scores(texts: TokenLists, n: int = 4) -> Floats:
    """Return BLEU-1 to BLEU-n of each text against all the others, as an array (n, texts)."""
    if len(texts) < 2:
        raise ValueError(f"self-BLEU needs two texts: got {len(texts)}")
    whole = corpus(texts)
    matches = np.stack([_matches_of_others(window, len(texts)) for window in whole.windows(n)])
    return _scores(matches, whole.lengths, _closest_other(whole.lengths))


def _counts(window: Windows) -> tuple[Ints, Ints, Ints]:
    """Return (n-gram, row, how often it occurs there), sorted by n-gram and then by row."""
    rows = int(window.rows.max(initial=0)) + 1
    keys, counts = np.unique(window.ids * rows + window.rows, return_counts=True)
    return keys // rows, keys % rows, counts


def _matches(window: Windows, hypotheses: int) -> Ints:
    """Return the clipped matches of each of the first `hypotheses` rows against all later rows."""
    ngrams, rows, counts = _counts(window)
    reference = rows >= hypotheses
    most = np.zeros(window.kinds, np.int64)
    np.maximum.at(most, ngrams[reference], counts[reference])
    own = ~reference
    clipped = np.minimum(counts[own], most[ngrams[own]])
    return np.bincount(rows[own], clipped, hypotheses).astype(np.int64)


def _matches_of_others(window: Windows, texts: int) -> Ints:
    """Return the clipped matches of each row against all other rows.

    The others' largest count is the largest of all, but for the one row that holds it alone: there it is the second.
    """
    ngrams, rows, counts = _counts(window)
    order = np.lexsort((counts, ngrams))
    ngrams, rows, counts = ngrams[order], rows[order], counts[order]
    last = np.flatnonzero(np.diff(ngrams, append=-1))
    most = counts[last]
    second = np.where(np.diff(last, prepend=-1) > 1, counts[last - 1], 0)
    clipped = np.where(counts < most[ngrams], counts, second[ngrams])
    return np.bincount(rows, clipped, texts).astype(np.int64)


def _closest(lengths: Ints, references: Ints) -> Ints:
    """Return the reference length nearest to each length; the shorter of two that are as near."""
    have = np.unique(references)
    above = np.minimum(np.searchsorted(have, lengths), len(have) - 1)
    return _nearer(lengths, have[np.maximum(above - 1, 0)], have[above])


def _closest_other(lengths: Ints) -> Ints:
    """Return the length nearest to that of each text among all other texts."""
    have, inverse, counts = np.unique(lengths, return_inverse=True, return_counts=True)
    if len(have) == 1:
        return lengths
    at = np.arange(len(have))
    below, above = have[np.maximum(at - 1, 0)], have[np.minimum(at + 1, len(have) - 1)]
    # At either end the only neighbour is on the other side.
    below[0], above[-1] = above[0], below[-1]
    return np.where(counts > 1, have, _nearer(have, below, above))[inverse]


def _nearer(lengths: Ints, below: Ints, above: Ints) -> Ints:
    first, second = np.minimum(below, above), np.maximum(below, above)
    return np.where(np.abs(lengths - first) <= np.abs(lengths - second), first, second)


def _scores(matches: Ints, lengths: Ints, closest: Ints) -> Floats:
    """Return the scores (n, rows) from matches (n, rows): the mean log precision of orders 1 to n, and the brevity."""
    orders = np.arange(1, len(matches) + 1)[:, None]
    possible = np.maximum(lengths - orders + 1, 1)
    precision = np.where(matches > 0, matches, _EPSILON) / possible
    brevity = np.exp(np.minimum(0.0, 1.0 - closest / np.maximum(lengths, 1)))
    return np.where(matches[0] > 0, brevity * np.exp(np.cumsum(np.log(precision), axis=0) / orders), 0.0)
