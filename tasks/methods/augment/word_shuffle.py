"""Copies of a text with words in another order: pairs swapped, or words moved within a small window.

    mode: swap                        # two words change places, for a tenth of the words; or count: 2, two pairs
    mode: window                      # every word is moved, none further than `window` words
    window: 3

Punctuation and capitals at the start of sentences stay where they are; spans move with their words or, protected,
stay put. A row is rejected as `unchanged` (fewer than two different words may move) or `bad_spans`. The window follows
Lample et al. 2018, https://arxiv.org/abs/1711.00043: words are sorted by their place plus a random part of window + 1.

Source: Wei & Zou 2019, EDA: Easy Data Augmentation Techniques (https://arxiv.org/abs/1901.11196)
"""

from typing import Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from tasks.core.method import Draw, Made, Method
from tasks.methods.augment._draws import GIVES, KEEPS, edited
from tasks.methods.augment._edit import Edits
from tasks.methods.augment._strength import WordStrength, amount, per_row, pick, shuffled, swap_where_same
from tasks.methods.augment._words import Words

_WINDOW = 3
# A random part of a place, in steps of 2**-20.
_FINE = 20


class Params(WordStrength):
    """How far words move, and which never do."""

    rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of the movable words that take part, two a text at least; by default 0.1, in mode window 1",
    )
    count: int | None = Field(
        None, ge=1, description="pairs that are swapped, or words that take part in mode window; not with `rate`"
    )
    mode: Literal["swap", "window"] = Field("swap", description="swap (any two words) or window (near words)")
    window: int | None = Field(
        None, ge=1, description=f"how many words a word may move, in mode window; by default {_WINDOW}"
    )

    @model_validator(mode="after")
    def _that_apply(self) -> Self:
        if self.window is not None and self.mode != "window":
            raise ValueError(f"window {self.window} is for mode 'window', not '{self.mode}'")
        return self


def swaps(words: Words, params: WordStrength, rng: np.random.Generator) -> Edits:
    """Return pairs of words that change places, no word in two of them."""
    movable = words.movable
    pairs = amount(params, per_row(words, movable) // 2)
    places = pick(words, movable, 2 * pairs, rng)
    places = places[shuffled(words.row[places], rng)] if int(pairs.max(initial=0)) > 1 else places
    source = np.arange(len(words))
    source[places[0::2]], source[places[1::2]] = places[1::2], places[0::2]
    return Edits(source=source)


def windowed(words: Words, params: Params, rng: np.random.Generator) -> Edits:
    """Return an order in which no word is further than the window from where it was."""
    window = params.window or _WINDOW
    movable = words.movable
    places = pick(words, movable, amount(params, per_row(words, movable), default=1.0), rng)
    row = words.row[places]
    keys = (places << _FINE) + rng.integers(0, (window + 1) << _FINE, len(places))
    came = places[np.lexsort((keys, row))]
    source = np.arange(len(words))
    source[places] = came
    swap_where_same(places, row, source, window, rng)
    return Edits(source=source)


def run(seeds: pa.RecordBatch, params: Params, draw: Draw) -> Made:
    """Return one reordered text for each draw."""
    decide = swaps if params.mode == "swap" else windowed
    return edited(seeds, params, draw, lambda words, rng: decide(words, params, rng))


METHOD = Method(
    name="word_shuffle",
    version=1,
    family="augment",
    params=Params,
    run=run,
    gives=GIVES,
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=KEEPS,
)
