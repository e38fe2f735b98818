"""What a model gives to each word of many texts, and the perplexity, order by order over whole columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.core.ngram.model import Level, Model
from tasks.core.ngram.vocabulary import BOS, UNK, Ids, with_marks

# Tokens that are scored at once.
_CHUNK_TEXTS = 200_000


@dataclass(frozen=True, slots=True)
class Scores:
    """Of each word but BOS: natural log probability, order of the longest n-gram that is known, word number."""

    log_prob: npt.NDArray[np.float64]
    order: npt.NDArray[np.int8]
    words: Ids


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Per word, EOS counted and unknown words not: those are `unknown` of the `words` that were asked for."""

    value: float
    words: int
    unknown: int


def score(model: Model, ids: Ids) -> Scores:
    """Return the scores of word numbers with marks (`with_marks`)."""
    known = [ids.astype(np.int64)]
    for level in model.levels[1:]:
        known.append(_longer(model, level, known[-1], ids))
    predicted = np.flatnonzero(ids != BOS)
    log_prob = np.zeros(len(predicted))
    order = np.zeros(len(predicted), np.int8)
    for n in range(model.order, 0, -1):
        level, missing = model.levels[n - 1], order == 0
        here = known[n - 1][predicted]
        hit = missing & (here >= 0)
        with np.errstate(divide="ignore"):
            log_prob[hit] += np.log(level.prob[here[hit]].astype(np.float64))
        order[hit] = n
        if n > 1:
            context = known[n - 2][predicted - 1]
            backs_off = missing & ~hit & (context >= 0)
            with np.errstate(divide="ignore"):
                log_prob[backs_off] += np.log(model.levels[n - 2].backoff[context[backs_off]].astype(np.float64))
    return Scores(log_prob, order, ids[predicted])


def _longer(model: Model, level: Level, shorter: npt.NDArray[np.int64], ids: Ids) -> npt.NDArray[np.int64]:
    """Return the number of the n-gram that ends at each place, -1 where the model has none."""
    context = np.append(-1, shorter[:-1])
    at = np.flatnonzero((context >= 0) & (ids != BOS))
    found = np.full(len(ids), -1)
    found[at] = level.find(context[at] << model.bits | ids[at])
    return found


def perplexity(model: Model, texts: Sequence[str]) -> Perplexity:
    """Return the perplexity of texts under a model; infinite where it gives a word it knows no probability."""
    total, words, unknown = 0.0, 0, 0
    for start in range(0, len(texts), _CHUNK_TEXTS):
        ids, lengths = model.vocabulary.encode(texts[start : start + _CHUNK_TEXTS])
        scores = score(model, with_marks(ids, lengths))
        known = scores.words != UNK
        total += float(scores.log_prob[known].sum())
        words += len(known)
        unknown += int(len(known) - known.sum())
    counted = words - unknown
    return Perplexity(float(np.exp(-total / counted)) if counted else float("nan"), words, unknown)
