"""Copies of a text with its sentences in another order, spans moving with their sentences.

    language: en                      # whose rules find the sentences: spaCy's sentencizer on a blank pipeline
    keep_first: true                  # a greeting stays at the front; keep_last: a closing at the end

What stands between two sentences stays there, line breaks too. A sentence stays where it is if no mark ends it (a
heading, a signature) or if it holds something protected. A row is rejected as `unchanged` (fewer than two sentences may
move) or `bad_spans`.

Source: Lewis et al. 2020, BART, whose noise permutes sentences (https://arxiv.org/abs/1910.13461)
"""

import numpy as np
import pyarrow as pa
from pydantic import Field

from tasks.core.method import Draw, Made, Method
from tasks.methods.augment._draws import GIVES, KEEPS, edited
from tasks.methods.augment._edit import Edits
from tasks.methods.augment._sentences import check_sentencizer, sentences, sentencizer
from tasks.methods.augment._strength import Strength, amount, per_row, pick, shuffled, swap_where_same
from tasks.methods.augment._words import Words


class Params(Strength):
    """Which sentences move, and whose rules find them."""

    rate: float | None = Field(
        None, gt=0, le=1, description="share of the movable sentences that take part, two a text at least; by default 1"
    )
    count: int | None = Field(None, ge=2, description="sentences of a text that take part; not with `rate`")
    protected: tuple[str, ...] = Field((), description="words and phrases whose sentences stay where they are")
    protected_patterns: tuple[str, ...] = Field(
        (), description="regular expressions; a sentence with a match in it stays where it is"
    )
    protect_spans: bool = Field(False, description="sentences with spans stay where they are; if false spans move too")
    language: str = Field(
        "en", description="ISO code of the language whose tokenizer spaCy takes: en, de, xx (any) ..."
    )
    keep_first: bool = Field(False, description="the first sentence stays first")
    keep_last: bool = Field(False, description="the last sentence stays last")


def check(params: Params) -> None:
    """Raise RecipeError where spaCy, or its rules for the language, are missing."""
    if params.language == "en":
        check_sentencizer("en")  # its rules need no further package
    else:
        sentencizer(params.language)


def shuffle(sentences: Words, params: Params, rng: np.random.Generator) -> Edits:
    """Return another order of the sentences that may move."""
    movable = sentences.editable.copy()
    full = np.diff(sentences.first) > 0
    if params.keep_first:
        movable[sentences.first[:-1][full]] = False
    if params.keep_last:
        movable[sentences.first[1:][full] - 1] = False
    room = per_row(sentences, movable)
    many = np.where(room > 1, np.maximum(amount(params, room, default=1.0), 2), 0)
    places = pick(sentences, movable, many, rng)
    row = sentences.row[places]
    source = np.arange(len(sentences))
    source[places] = places[shuffled(row, rng)]
    swap_where_same(places, row, source, len(source), rng)
    return Edits(source=source)


def run(seeds: pa.RecordBatch, params: Params, draw: Draw) -> Made:
    """Return one text in another order for each draw."""
    return edited(
        seeds,
        params,
        draw,
        lambda words, rng: shuffle(words, params, rng),
        lambda texts, spans: sentences(texts, spans, params.guard, params.language),
    )


METHOD = Method(
    name="sentence_shuffle",
    version=1,
    family="augment",
    params=Params,
    run=run,
    gives=GIVES,
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=KEEPS,
    check=check,
)
