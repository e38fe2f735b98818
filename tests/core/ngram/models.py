"""Small n-gram models for tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.ngram.build import Build, build, read_texts
from tasks.core.ngram.model import Model


def model_of(texts: Sequence[str], folder: Path, **how: Any) -> Model:
    """Return a model of some texts, built in a folder."""
    settings, place, scratch = Build(**how), folder / "model", folder / "scratch"
    place.mkdir(parents=True)
    scratch.mkdir()
    build(read_texts(texts, settings, scratch), settings, place, scratch)
    return Model.load(place, settings.cutter)


def probabilities(model, depth, node):
    """Return the probability of every word after each state (its length in words, its number): (states, words)."""
    chain = {}
    for length in range(model.order - 1, 0, -1):
        inside = depth >= length
        chain[length] = node
        if length > 1:
            node = np.where(inside, model.levels[length - 1].suffix[np.where(inside, node, 0)], node)
    prob = np.repeat(model.levels[0].prob.astype(np.float64)[None], len(node), axis=0)
    for length in range(1, model.order):
        contexts, level = model.levels[length - 1], model.levels[length]
        for row in np.flatnonzero(depth >= length):
            context = chain[length][row]
            own = slice(contexts.first[context], contexts.first[context + 1])
            prob[row] *= contexts.backoff[context]
            prob[row, level.keys[own] & ((1 << model.bits) - 1)] = level.prob[own]
    return prob
