"""More characters or words than a text should have.

Source: Rae et al. 2021, section A.1.1 (https://arxiv.org/abs/2112.11446) for the limit of 100,000 words; the default
of 200,000 characters is the run-away generation, not the long document: some 30,000 words.
"""

import numpy as np
import pyarrow as pa
from pydantic import Field

from quality.rule import Rule, RuleParams
from quality.rules._text import as_bools, as_mask, count_words, pc, taken
from tasks.core.record import words_of


class Params(RuleParams):
    """How much text is too much."""

    max_chars: int = Field(200_000, ge=1, description="most characters, white space among them")
    max_words: int = Field(100_000, ge=1, description="most words, split at white space")


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows are over either limit."""
    text = words_of(batch)
    size = pc.binary_length(text).to_numpy(zero_copy_only=False)
    long = size > params.max_chars
    if long.any():
        long = as_bools(pc.greater(pc.utf8_length(text), params.max_chars))
    # n words need n characters and n - 1 spaces.
    wordy = np.flatnonzero(size > 2 * params.max_words)
    if wordy.size:
        long[wordy] |= count_words(taken(text, wordy)) > params.max_words
    return as_mask(long)


RULE = Rule(name="too_long", version=1, params=Params, defect=defect)
