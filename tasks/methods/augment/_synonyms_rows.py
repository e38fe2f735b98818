"""Rows that need looking at once only: the same text, cut into the same words, in several draws or tries."""

import numpy as np

from tasks.methods.augment._chars import Ints, Mask
from tasks.methods.augment._words import Words


def repeated_rows(words: Words) -> Ints:
    """Return for each row the first row that has the same text, words and protection: itself where it is the first."""
    code = words.texts.dictionary_encode().indices.to_numpy().astype(np.int64)
    own = np.arange(words.rows)
    if not len(code) or int(code.max()) + 1 == len(code):
        return own
    head = np.full(int(code.max()) + 1, words.rows, np.int64)
    np.minimum.at(head, code, own)
    rows = np.flatnonzero(head[code] != own)
    own[rows] = np.where(alike(words, rows, words, head[code][rows]), head[code][rows], rows)
    return own


def alike(words: Words, rows: Ints, others: Words, heads: Ints) -> Mask:
    """Return which of the rows are cut and protected as the heads are, rows of `others` with the same texts."""
    many = np.diff(words.first)[rows]
    same = (many == np.diff(others.first)[heads]) & (words.bad[rows] == others.bad[heads])
    number = np.flatnonzero(same)
    rows, heads, many = rows[same], heads[same], many[same]
    here, there = spread(words.first[rows], many), spread(others.first[heads], many)
    shift = (words.bounds[rows] - others.bounds[heads]).repeat(many)
    differs = (
        (words.start[here] - others.start[there] != shift)
        | (words.end[here] - others.end[there] != shift)
        | (words.protected[here] != others.protected[there])
    )
    same[number.repeat(many)[differs]] = False
    return same


def spread(first: Ints, many: Ints) -> Ints:
    """Return first[i], first[i] + 1, ... for each i, `many[i]` of them, end to end."""
    return np.arange(int(many.sum())) + np.repeat(first - (np.cumsum(many) - many), many)
