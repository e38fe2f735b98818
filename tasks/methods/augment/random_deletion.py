"""Copies of a text with some of its words left out, spans and punctuation kept right.

    rate: 0.1                         # a tenth of the words; or count: 2
    protected: [Ember, gift card]     # never left out; nor are negations and the words of spans

Spaces close, commas and brackets that held only what is gone go too, and the sentence starts with a capital as it did.
One word of a text stays at least. A row is rejected as `unchanged` (nothing in it may be left out) or `bad_spans`.

Source: Wei & Zou 2019, EDA: Easy Data Augmentation Techniques (https://arxiv.org/abs/1901.11196)
"""

import numpy as np
import pyarrow as pa

from tasks.core.method import Draw, Made, Method
from tasks.methods.augment._draws import GIVES, KEEPS, edited
from tasks.methods.augment._edit import Edits
from tasks.methods.augment._strength import WordStrength, amount, per_row, pick
from tasks.methods.augment._words import Words


class Params(WordStrength):
    """How many words go, and which never do."""


def deletion(words: Words, params: WordStrength, rng: np.random.Generator) -> Edits:
    """Return which words of each text go, one at least staying."""
    editable = words.editable
    spare = np.maximum(np.diff(words.first) - 1, 0)
    many = np.minimum(amount(params, per_row(words, editable)), spare)
    drop = np.zeros(len(words), np.bool_)
    drop[pick(words, editable, many, rng)] = True
    return Edits(drop=drop)


def run(seeds: pa.RecordBatch, params: Params, draw: Draw) -> Made:
    """Return one shortened text for each draw."""
    return edited(seeds, params, draw, lambda words, rng: deletion(words, params, rng))


METHOD = Method(
    name="random_deletion",
    version=1,
    family="augment",
    params=Params,
    run=run,
    gives=GIVES,
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=KEEPS,
)
