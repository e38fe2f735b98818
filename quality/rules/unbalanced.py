"""Brackets or double quotes that are opened and not closed, or the other way round: often a text cut short.

Brackets must nest. List numbers (`1)`, `b)`) and emoticons (`:-)`) are not brackets, and `"` after a digit is an inch.

Source: Chen et al. 2021, section 2 (https://arxiv.org/abs/2107.03374) on generations that stop in the middle; the
nesting of brackets is Dyck & Walther 1882 (https://doi.org/10.1515/crll.1882.91.20).
"""

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from quality.rule import Rule, RuleParams
from quality.rules._text import Bools, Bytes, Ints, Texts, as_mask, count_in_rows, pc, rows_of, taken, utf8
from tasks.core.record import words_of

PAIRS = "()[]{}"
# RE2 has no look-behind: the space or line start before a mark goes with it, which changes no bracket.
_LIST_MARK = r"(?m)(^|[ \t])([0-9]{1,3}|[A-Za-z]|[ivxIVX]{1,5})\)"
_EMOTICON = r"(^|\s)[:;=8xX]['^]?-?[)(\[\]{}]+|(^|\s)[)(\[\]{}]-?[:;=]"
_INCH = r'[0-9]"'


class Params(RuleParams):
    """What must be closed."""

    brackets: tuple[str, ...] = Field(("()", "[]", "{}"), description="pairs to look at: (), [], {}")
    quotes: bool = Field(default=True, description='whether the number of " must be even')

    @field_validator("brackets")
    @classmethod
    def _known(cls, brackets: tuple[str, ...]) -> tuple[str, ...]:
        for pair in brackets:
            if pair not in ("()", "[]", "{}"):
                raise ValueError(f"unknown pair '{pair}'; have: (), [], {{}}")
        return brackets


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows have something open or closed too often."""
    text = words_of(batch)
    bad = _unbalanced(text, params)
    rows = np.flatnonzero(bad)
    if rows.size:
        # Whoever balances as written is right, so only the others are read without marks, emoticons and inches.
        plain = taken(text, rows)
        for pattern in (_EMOTICON, _LIST_MARK, _INCH):
            plain = pc.replace_substring_regex(plain, pattern, "")
        bad[rows] = _unbalanced(plain, params)
    return as_mask(bad)


def _unbalanced(texts: Texts, params: Params) -> Bools:
    data, offsets = utf8(texts)
    bad = np.zeros(len(texts), bool)
    if params.quotes:
        bad |= count_in_rows(data == ord('"'), offsets) % 2 == 1
    if params.brackets:
        wanted = np.zeros(256, bool)
        wanted[[ord(char) for pair in params.brackets for char in pair]] = True
        at = np.flatnonzero(wanted[data])
        bad |= _badly_nested(data[at], rows_of(at, offsets), len(texts))
    return bad


def _badly_nested(marks: Bytes, row: Ints, rows: int) -> Bools:
    """Return which rows' brackets are not well nested, without walking a stack.

    An opening bracket and the one that closes it lie at the same depth with nothing else of that depth between them:
    sorted by row and depth, a nested row is a sequence of pairs.
    """
    opens = np.isin(marks, np.frombuffer(PAIRS[::2].encode(), np.uint8))
    step = np.where(opens, 1, -1)
    total = np.cumsum(step)
    first = np.searchsorted(row, np.arange(rows))
    before = np.concatenate([[0], total])[first]  # sum of the rows before, by row
    level = total - before[row] + ~opens  # depth inside the bracket
    bad: Bools = np.bincount(row, step, rows) != 0
    bad[row[level < 1]] = True
    sound = ~bad[row]
    row, level, marks, opens = row[sound], level[sound], marks[sound], opens[sound]
    order = np.lexsort((level, row))  # stable: equal depths stay in the order of the text
    left, right = order[::2], order[1::2]
    # ( and ) differ by one, [ and ] by two, { and } by two
    fits = (row[left] == row[right]) & opens[left] & ~opens[right]
    fits &= marks[right] - marks[left] == np.where(marks[left] == ord("("), 1, 2)
    bad[row[left][~fits]] = True
    return bad


RULE = Rule(name="unbalanced", version=1, params=Params, defect=defect)
