"""N-grams of words that repeat within a text, for all texts of a block at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quality.rules._text import Bools, Ints, Texts, pc

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Words:
    """The words of some texts, end to end."""

    code: Ints  # (words,) equal words, equal code
    sizes: Ints  # (codes,) length in characters
    row: Ints  # (words,) the text that a word belongs to
    start: Ints  # (texts + 1,) where each text's words start

    @property
    def chars(self) -> Ints:
        """(words,) length in characters."""
        return self.sizes[self.code]


def words(texts: Texts) -> Words:
    """Return the words of each text, split at white space."""
    lists = pc.utf8_split_whitespace(texts)
    coded = lists.flatten().dictionary_encode()
    sizes = pc.utf8_length(coded.dictionary).to_numpy(zero_copy_only=False).astype(np.int64)
    code = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    counts = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(len(texts)), counts)
    if sizes.all():
        return Words(code, sizes, row, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))
    real = sizes[code] > 0  # white space at either end splits off an empty word
    return Words(code[real], sizes, row[real], np.searchsorted(row[real], np.arange(len(texts) + 1)))


def only(table: Words, keep: Bools) -> Words:
    """Return the words of the texts kept, which are numbered anew."""
    if keep.all():
        return table
    chosen = keep[table.row]
    row = (np.cumsum(keep) - 1)[table.row[chosen]]
    return Words(table.code[chosen], table.sizes, row, np.searchsorted(row, np.arange(int(keep.sum()) + 1)))


def repeats_a_bigram(table: Words) -> Bools:
    """Return which texts hold some two words in a row twice: without that, no longer n-gram repeats either.

    Texts of like length are sorted side by side in one matrix, which is several times as fast as one long sort.
    """
    size = np.diff(table.start) - 1  # bigrams
    pair = np.zeros(len(table.code), np.int64)
    pair[:-1] = (table.code[:-1] << 32) | table.code[1:]
    found = np.zeros(len(size), bool)
    width = 2
    while width < 2 * size.max(initial=0):
        rows = np.flatnonzero((size > width // 2) & (size <= width))
        if rows.size:
            found[rows] = _has_equal(pair, table.start[rows], size[rows], width)
        width *= 2
    return found


def _has_equal(values: Ints, start: Ints, size: Ints, width: int) -> Bools:
    column = np.arange(width)
    take = np.minimum(start[:, None] + column, len(values) - 1)
    # (texts, width); past a text's end come negative values, each once
    grid = np.where(column < size[:, None], values[take], -1 - column)
    grid.sort(axis=1)
    return (grid[:, 1:] == grid[:, :-1]).any(axis=1)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Repeated:
    """The n-grams of one length that occur more than once in their text."""

    n: int
    at: Ints  # (occurrences,) number of the first word, ascending
    group: Ints  # (occurrences,) equal n-grams of one text, equal group
    first: Bools  # (occurrences,) is it the first of its group


def repeated(table: Words, sizes: list[int]) -> list[Repeated]:
    """Return the repeated n-grams of each of `sizes` (ascending).

    An n-gram can only repeat where its first n - 1 words do, so each length looks at what is left of the one before.
    """
    found = []
    end = table.start[1:][table.row] if len(table.row) else table.row
    at, group = _repeating(np.arange(len(table.code)), table.row, table.code)[:2]
    for n in range(2, max(sizes) + 1):
        inside = at + n <= end[at]
        at, group = at[inside], group[inside]
        at, group, first = _repeating(at, group, table.code[at + n - 1])
        if n in sizes:
            found.append(Repeated(n, at, group, first))
    return found


def _repeating(at: Ints, prefix: Ints, last: Ints) -> tuple[Ints, Ints, Bools]:
    """Return the positions whose (prefix, last) occurs twice, the group of each, and whether it is its first."""
    if not at.size:
        return at, at, np.zeros(0, bool)
    # Both are below the number of words of a block, so their product stays far under 2**63.
    key = prefix * (last.max() + 1) + last
    _, first_at, group, count = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    again = count[group] > 1
    is_first = np.zeros(at.size, bool)
    is_first[first_at] = True
    return at[again], group[again], is_first[again]


def top_chars(table: Words, grams: Repeated, min_repeats: int) -> Ints:
    """Return, by text, the characters that its most frequent n-gram covers: of equally frequent ones the longest."""
    best = np.zeros(len(table.start) - 1, np.int64)
    if grams.at.size:
        count = np.bincount(grams.group)[grams.group]
        total = np.concatenate([[0], np.cumsum(table.chars)])
        size = total[grams.at + grams.n] - total[grams.at]
        often = count >= min_repeats
        np.maximum.at(best, table.row[grams.at[often]], (count[often] << 32) | size[often])
    return (best >> 32) * (best & 0xFFFFFFFF)


def later_chars(table: Words, grams: Repeated) -> Ints:
    """Return, by text, the characters of words inside an n-gram that stood there before; each word counts once."""
    later = grams.at[~grams.first]
    step = np.zeros(len(table.code) + 1, np.int64)
    step[later] += 1  # a position starts one n-gram of a length, so no index comes twice
    step[later + grams.n] -= 1
    covered = np.cumsum(step[:-1]) > 0
    return np.bincount(table.row[covered], table.chars[covered], len(table.start) - 1).astype(np.int64)
