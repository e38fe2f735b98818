"""Too many of the characters lie in n-grams of words that repeat within the text.

Two measures of Rae et al.: the share of the most frequent 2-, 3- and 4-gram, and the share of repeated 5- to 10-grams
(second and later occurrences, a word once however many n-grams cover it). Shares are of the characters of words. The
paper looks at web pages of 50 words and more. In a sentence every 2-gram is a large share, so here a top n-gram must
occur three times, and texts of under ten words pass.

Source: Rae et al. 2021, table A1 (https://arxiv.org/abs/2112.11446)
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from quality.rule import Rule, RuleParams
from quality.rules._repeats import Words, later_chars, only, repeated, repeats_a_bigram, top_chars, words
from quality.rules._text import Bools, Texts, as_mask, blocks
from tasks.core.record import words_of

MAX_N = 50


class Params(RuleParams):
    """How much may repeat."""

    top: dict[int, float] = Field(
        {2: 0.20, 3: 0.18, 4: 0.16}, description="by n: greatest share of the most frequent n-gram, in [0, 1]"
    )
    repeated: dict[int, float] = Field(
        {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10},
        description="by n: greatest share of n-grams that stood in the text before, in [0, 1]",
    )
    min_repeats: int = Field(3, ge=2, description="times that a top n-gram must occur to count")
    min_words: int = Field(10, ge=3, description="texts of fewer words pass")

    @field_validator("top", "repeated")
    @classmethod
    def _in_range(cls, shares: dict[int, float]) -> dict[int, float]:
        for n, share in shares.items():
            if not 2 <= n <= MAX_N:
                raise ValueError(f"n = {n} is outside 2..{MAX_N}")
            if not 0 <= share <= 1:
                raise ValueError(f"share {share} of {n}-grams is outside [0, 1]")
        return shares


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows repeat more than a share allows."""
    if not (params.top or params.repeated):
        return as_mask(np.zeros(batch.num_rows, bool))
    found = [_repeats(block, params) for block in blocks(words_of(batch))]
    return as_mask(np.concatenate(found) if found else np.zeros(0, bool))


def _repeats(texts: Texts, params: Params) -> Bools:
    table = words(texts)
    found = np.diff(table.start) >= params.min_words
    found[found] = repeats_a_bigram(only(table, found))
    if found.any():
        found[found] = _over(only(table, found), params)
    return found


def _over(table: Words, params: Params) -> Bools:
    texts = len(table.start) - 1
    total = np.bincount(table.row, table.chars, texts)
    over = np.zeros(texts, bool)
    for grams in repeated(table, sorted({*params.top, *params.repeated})):
        if grams.n in params.top:
            over |= top_chars(table, grams, params.min_repeats) > params.top[grams.n] * total
        if grams.n in params.repeated:
            over |= later_chars(table, grams) > params.repeated[grams.n] * total
    return over


def shares(text: str, params: Params) -> Mapping[str, float]:
    """Return the measured share of each n of one text, by `top_2`, `repeated_5` and so on: for a report or a look."""
    table = words(pa.array([text], pa.string()))
    total = max(1, int(table.chars.sum()))
    out: dict[str, float] = {}
    for grams in repeated(table, sorted({*params.top, *params.repeated})):
        if grams.n in params.top:
            out[f"top_{grams.n}"] = min(1.0, int(top_chars(table, grams, params.min_repeats)[0]) / total)
        if grams.n in params.repeated:
            out[f"repeated_{grams.n}"] = int(later_chars(table, grams)[0]) / total
    return out


RULE = Rule(name="repeats_ngrams", version=1, params=Params, defect=defect)
