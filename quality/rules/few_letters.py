"""Too small a share of the characters are letters.

The share is of the characters that are not white space. Letters are Unicode's (L*), and marks (M*) count with them:
half of written Thai or Hindi is marks. A text without a character passes: that is `too_short`.

Source: Chen et al. 2023, alphanumeric_filter (https://arxiv.org/abs/2309.02033) keeps texts with a share of 0.25;
digits do not count here.
"""

import unicodedata
from functools import cache
from itertools import chain

import numpy as np
import pyarrow as pa
from pydantic import Field

from quality.rule import Rule, RuleParams
from quality.rules._text import Bools, Texts, as_mask, blocks, code_points, count_in_rows, is_ascii, spaces, utf8
from tasks.core.record import words_of


class Params(RuleParams):
    """How many letters are enough."""

    min_share: float = Field(0.25, ge=0, le=1, description="least share of letters, in [0, 1]")


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows have a smaller share of letters."""
    found = [_few(block, params.min_share) for block in blocks(words_of(batch))]
    return as_mask(np.concatenate(found) if found else np.zeros(0, bool))


def _few(texts: Texts, min_share: float) -> Bools:
    data, offsets = utf8(texts)
    if is_ascii(data):
        letter = ((data | 0x20) - np.uint8(ord("a"))) < 26
        seen = ~spaces(data)
    else:
        points, offsets = code_points(texts)
        letter, seen = (table[points] for table in _classes())
    return count_in_rows(letter, offsets) < min_share * count_in_rows(seen, offsets)


@cache
def _classes() -> tuple[Bools, Bools]:
    """Return two tables by code point: is it a letter or a mark, is it no white space."""
    letter = np.zeros(0x110000, bool)
    seen = np.ones(0x110000, bool)
    for point in chain(range(0x40000), range(0xE0000, 0xF0000)):  # in plane 14 lie the marks that vary ideographs
        char = chr(point)
        letter[point] = unicodedata.category(char)[0] in "LM"
        seen[point] = not char.isspace()
    return letter, seen


RULE = Rule(name="few_letters", version=2, params=Params, defect=defect)
