"""Too many of the lines or paragraphs, by number or by characters, stood in the text before.

A line is compared without the white space around it; blank lines do not count. Paragraphs are split at blank lines.

Source: Rae et al. 2021, table A1 (https://arxiv.org/abs/2112.11446) for the four shares. They are for web pages; in
three lines one repeat is already more than 0.30, so texts of under four lines pass.
"""

import numpy as np
import pyarrow as pa
from pydantic import Field

from quality.rule import Rule, RuleParams
from quality.rules._text import Bools, Texts, as_mask, count_in_rows, pc, taken, utf8
from tasks.core.record import words_of


class Params(RuleParams):
    """How much may repeat."""

    max_line_share: float = Field(0.30, ge=0, le=1, description="greatest share of lines, in [0, 1]")
    max_line_char_share: float = Field(0.20, ge=0, le=1, description="greatest share of characters in such lines")
    max_paragraph_share: float = Field(0.30, ge=0, le=1, description="greatest share of paragraphs, in [0, 1]")
    max_paragraph_char_share: float = Field(
        0.20, ge=0, le=1, description="greatest share of characters in such paragraphs"
    )
    min_lines: int = Field(4, ge=2, description="texts of fewer lines pass; likewise fewer paragraphs")


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows repeat more than a share allows."""
    text = words_of(batch)
    data, offsets = utf8(text)
    # One split of n lines needs n - 1 line feeds; most texts have none and end here.
    over = count_in_rows(data == 0x0A, offsets) >= params.min_lines - 1
    rows = np.flatnonzero(over)
    if rows.size:
        some = taken(text, rows)
        lines = pc.split_pattern(some, "\n")
        paragraphs = pc.split_pattern_regex(some, r"\n[ \t\r]*\n")
        over[rows] = _over(lines, params.max_line_share, params.max_line_char_share, params.min_lines)
        over[rows] |= _over(paragraphs, params.max_paragraph_share, params.max_paragraph_char_share, params.min_lines)
    return as_mask(over)


def _over(lists: Texts, max_share: float, max_char_share: float, fewest: int) -> Bools:
    parts = pc.utf8_trim_whitespace(lists.flatten())
    row = np.repeat(np.arange(len(lists)), pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    coded = parts.dictionary_encode()
    code = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    chars = pc.utf8_length(coded.dictionary).to_numpy(zero_copy_only=False)[code].astype(np.int64)
    filled = chars > 0
    row, code, chars = row[filled], code[filled], chars[filled]
    later = np.ones(len(row), bool)
    later[np.unique(row * (code.max(initial=0) + 1) + code, return_index=True)[1]] = False
    count, again, all_chars, again_chars = (
        np.bincount(row[mask], weights[mask], len(lists))
        for weights in (np.ones_like(chars), chars)
        for mask in (slice(None), later)
    )
    return (count >= fewest) & ((again > max_share * count) | (again_chars > max_char_share * all_chars))


RULE = Rule(name="repeats_lines", version=1, params=Params, defect=defect)
