"""Fewer characters or words than a text needs to say anything.

White space around the text does not count. A word is a run of characters without white space, so in scripts that are
written without spaces only `min_chars` means much.

Source: Rae et al. 2021, section A.1.1 (https://arxiv.org/abs/2112.11446) asks 50 words of a web page; synthetic
records are often one sentence, so the default asks one word.
"""

import pyarrow as pa
from pydantic import Field

from quality.rule import Rule, RuleParams
from quality.rules._text import as_bools, as_mask, count_words, pc
from tasks.core.record import words_of


class Params(RuleParams):
    """How much text is enough."""

    min_chars: int = Field(1, ge=0, description="fewest characters, without white space at either end")
    min_words: int = Field(1, ge=0, description="fewest words, split at white space")


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows are under either limit."""
    text = words_of(batch)
    # One character that is not white space is one word: no words need be counted for a limit of one.
    chars = max(params.min_chars, min(params.min_words, 1))
    short = as_bools(pc.less(pc.utf8_length(pc.utf8_trim_whitespace(text)), chars))
    if params.min_words > 1:
        short |= count_words(text) < params.min_words
    return as_mask(short)


RULE = Rule(name="too_short", version=1, params=Params, defect=defect)
