"""Texts as columns of words: where each word lies, what may be edited, which spans it carries.

    words = split(texts, spans, Guard(...))     # one pass over the bytes of all texts
    words.editable                              # per word: may this one be edited
    strings(words, places)                      # the words as text

A word is what stands between two breaks (spaces, em dashes), without the punctuation around it; the rest is a gap. Gaps
stay where they are when words move. A span, and what a protected pattern matches, is part of one word, spaces and all:
it is never split. `_edit.edit` takes decisions per word and writes new texts and spans.

Positions are byte offsets into the text of all rows end to end (UTF-8); only spans go in and out as code points.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.augment._chars import ALNUM, BREAK, ENDER, FORCED, SOLID, UPPER, Bytes, Ints, Mask, char_flags
from tasks.methods.augment._spans import Spans, byte_spans, char_starts

# Words that turn the meaning of a sentence round; moved or lost, they can make its label false.
_NEGATIONS = """
    no not never none nobody nothing nowhere neither nor without cannot hardly barely scarcely lack lacks lacking refuse
    refuses refused fail fails failed isn't aren't wasn't weren't don't doesn't didn't won't wouldn't can't couldn't
    shouldn't mustn't needn't haven't hasn't hadn't ain't isnt arent wasnt werent dont doesnt didnt wont wouldnt cant
    couldnt shouldnt havent hasnt hadnt
"""
NEGATIONS: Final = frozenset(_NEGATIONS.split()) | {word.replace("'", "’") for word in _NEGATIONS.split()}

# A capital at the start of a sentence is not theirs.
_COMMON = """
    a about after again all also although an and another any anyone anything are as at because been before but by
    can could did do does each either enough even every everyone everything few first for from had has have having he
    hello her here hi his how however if in instead into is it it's its just last later least less many maybe me more
    most much my next no none nor not nothing now of off on once one only or other our out over perhaps please quite
    rather really same several she should since so some someone something soon still such than thank thanks that that's
    the their them then there there's these they they're this those though three to today too two under unless until up
    very was we we're we've were what what's when where whether which while who why will with within without would yes
    yesterday yet you you're you've your
"""
COMMON: Final = frozenset(_COMMON.split())
# A full stop after them ends no sentence.
_ABBREVIATIONS = """
    dr mr mrs ms st no nr vs etc e.g i.e approx dept ext inc ltd co jr sr prof sq
"""


@dataclass(frozen=True, slots=True)
class Guard:
    """What may not be edited: words (any case), patterns, negations, the words of spans."""

    words: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()
    negations: bool = True
    spans: bool = True


@dataclass(frozen=True, eq=False)
class Words:
    """The words of a batch of texts, in order; `first[row]:first[row + 1]` are those of a row.

    `start` and `end` are byte offsets into `data`, `bounds` those of the rows. `opening` marks the first word of a
    sentence. `spans` are the rows' spans, `bad` the rows whose spans overlap or lie outside their text.
    """

    texts: pa.StringArray
    data: Bytes
    flags: Bytes
    bounds: Ints  # (rows + 1,)
    first: Ints  # (rows + 1,)
    row: Ints  # (words,)
    start: Ints  # (words,)
    end: Ints  # (words,)
    protected: Mask  # (words,)
    opening: Mask  # (words,)
    spans: Spans
    bad: Mask  # (rows,)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def rows(self) -> int:
        return len(self.bounds) - 1

    @property
    def editable(self) -> Mask:
        """Per word: not protected, and in a row whose spans are right."""
        return ~self.protected if not self.bad.any() else ~self.protected & ~self.bad[self.row]

    @cached_property
    def char_starts(self) -> Ints | None:
        """Where each code point starts; None where all are ASCII."""
        return char_starts(self.data)

    @cached_property
    def capital(self) -> Mask:
        """Per word: its first letter is upper case."""
        return (self.flags[self.start] & UPPER) != 0

    @cached_property
    def own_capital(self) -> Mask:
        """Per word: a capital that stays when the word leaves the start of its sentence: names, I, IKEA.

        At the start of a sentence only a function word, or one that the batch also writes in lower case and never with
        a capital elsewhere, is known to have borrowed its capital; in doubt it is the word's own.
        """
        own = self.capital.copy()
        asked = np.flatnonzero(self.capital & self.opening)
        if asked.size:
            own[asked] = ~_borrowed(self, asked)
        return own

    @property
    def movable(self) -> Mask:
        """Per word: editable, and right in the middle of a sentence too."""
        return self.editable & ~(self.own_capital & self.opening)


def split(texts: pa.Array, spans: pa.Array | None = None, guard: Guard | None = None) -> Words:
    """Return the words of `texts` (nulls count as empty); `spans` is a column of SPANS, in code points."""
    guard = guard or Guard()
    texts, bounds, data = _flat(texts)
    flags = char_flags(data)
    starts = char_starts(data)
    found, bad = byte_spans(spans, bounds, starts)
    matches = _matches(texts, guard.patterns, bounds)
    for low, high in ((found.start, found.end), matches):
        _force(flags, low, high)
    start, end = _cores(data, flags, bounds)
    first = np.searchsorted(start, bounds)
    row = np.repeat(np.arange(len(bounds) - 1), np.diff(first))
    protected = np.zeros(len(start), np.bool_)
    protected[_holding(start, matches[0])] = True
    found.word[:] = _holding(start, found.start)
    if guard.spans:
        protected[found.word] = True
    opening = _opening(data, flags, (start, end), first)
    words = Words(texts, data, flags, bounds, first, row, start, end, protected, opening, found, bad)
    listed = guard.words | NEGATIONS if guard.negations else guard.words
    if listed:
        protected[listed_in(words, listed)] = True
    return words


def strings(words: Words, places: Ints) -> pa.StringArray:
    """Return the words at `places`, in that order."""
    return slices(words.data, words.start[places], words.end[places])


def slices(data: Bytes, start: Ints, end: Ints) -> pa.StringArray:
    """Return the texts data[start:end], one for each pair, in any order."""
    size = end - start
    offsets = np.zeros(len(size) + 1, np.int64)
    np.cumsum(size, out=offsets[1:])
    flat = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], size)
    return pa.StringArray.from_buffers(
        len(size), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(data[flat]))
    )


def listed_in(words: Words, listed: frozenset[str]) -> Ints:
    """Return the places of the words that are in `listed`, whatever their case; in order.

    Most words differ from all that are listed in length, first or last byte: only the rest are compared as text.
    """
    keys, wanted = _listing(listed)
    size = words.end - words.start
    likely = np.flatnonzero(keys[_key(size, words.data[words.start], words.data[words.end - 1])])
    lower = pc.utf8_lower(strings(words, likely))
    return likely[pc.is_in(lower, value_set=wanted).to_numpy(zero_copy_only=False)]


# Two lists are the same in every shard, and a third is a batch's own; a megabyte each.
@lru_cache(maxsize=4)
def _listing(listed: frozenset[str]) -> tuple[Mask, pa.StringArray]:
    """Return which keys the listed words have, and the words themselves in lower case."""
    forms = {form.encode() for word in listed for form in (word, word.lower(), word.upper(), word.capitalize())}
    ends = np.array([(len(form), form[0], form[-1]) for form in forms if form], np.int64).reshape(-1, 3)
    keys = np.zeros(1 << 20, np.bool_)
    keys[_key(*ends.T)] = True
    return keys, pa.array(sorted({word.lower() for word in listed}), pa.string())


def _key(size: Ints, low: Ints | Bytes, high: Ints | Bytes) -> Ints:
    # Bit 5 tells the cases of ASCII apart; lengths 16 apart share keys.
    folded = (low.astype(np.int64) | 32) << 8 | (high.astype(np.int64) | 32)
    return (size & 15) << 16 | folded


def _flat(texts: pa.Array) -> tuple[pa.StringArray, Ints, Bytes]:
    """Return the texts without nulls, their byte bounds from 0, and their bytes."""
    texts = pc.fill_null(texts.cast(pa.string()), "")
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32, count=len(texts) + 1, offset=4 * texts.offset)
    raw = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]] if data else np.empty(0, np.uint8)
    bounds = ends.astype(np.int64) - ends[0]
    if ends[0] or len(raw) != len(data or b""):
        texts = pa.StringArray.from_buffers(
            len(texts), pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(raw))
        )
    return texts, bounds, raw


def _matches(texts: pa.StringArray, patterns: tuple[re.Pattern[str], ...], bounds: Ints) -> tuple[Ints, Ints]:
    """Return the byte ranges that the patterns match; each distinct text is searched once."""
    if not patterns:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    coded = texts.dictionary_encode()
    found = [_matched(text, patterns) for text in coded.dictionary.to_pylist()]
    index = coded.indices.to_numpy()
    counts = np.array([len(part) for part in found], np.int64)
    flat = np.array([pair for part in found for pair in part], np.int64).reshape(-1, 2)
    before = np.cumsum(counts) - counts
    many = counts[index]
    take = np.arange(many.sum()) + np.repeat(before[index] - (np.cumsum(many) - many), many)
    ranges = flat[take] + np.repeat(bounds[:-1], many)[:, None]
    return ranges[:, 0], ranges[:, 1]


def _matched(text: str, patterns: tuple[re.Pattern[str], ...]) -> list[tuple[int, int]]:
    pairs = sorted({match.span() for pattern in patterns for match in pattern.finditer(text) if match.group()})
    if text.isascii():
        return pairs
    return [(len(text[:low].encode()), len(text[:high].encode())) for low, high in pairs]


def _force(flags: Bytes, low: Ints, high: Ints) -> None:
    """Make each range part of one word."""
    size = high - low
    flat = np.arange(size.sum()) + np.repeat(low - (np.cumsum(size) - size), size)
    flags[flat] = (flags[flat] & ~np.uint8(BREAK | ENDER)) | np.uint8(SOLID | ALNUM | FORCED)


def _cores(data: Bytes, flags: Bytes, bounds: Ints) -> tuple[Ints, Ints]:
    """Return where words start and end: runs without a break, less the punctuation around them."""
    ink = (flags & BREAK) == 0
    opens, closes = ink.copy(), ink.copy()
    opens[1:] &= ~ink[:-1]
    closes[:-1] &= ~ink[1:]
    full = bounds[1:] > bounds[:-1]
    heads, tails = bounds[:-1][full], bounds[1:][full] - 1
    opens[heads], closes[tails] = ink[heads], ink[tails]
    begin, stop = np.flatnonzero(opens), np.flatnonzero(closes) + 1
    lettered = _any_between(flags, ALNUM, begin, stop)
    begin, stop = begin[lettered], stop[lettered]
    start, end = begin.copy(), stop.copy()
    soft = np.flatnonzero((flags[begin] & SOLID) == 0)
    loose = np.flatnonzero((flags[stop - 1] & SOLID) == 0)
    if soft.size or loose.size:
        solid = np.flatnonzero(flags & SOLID)
        start[soft] = solid[np.searchsorted(solid, begin[soft])]
        end[loose] = solid[np.searchsorted(solid, stop[loose]) - 1] + 1
    _with_sign(data, begin, start, soft)
    return start, end


def _any_between(flags: Bytes, flag: int, begin: Ints, stop: Ints) -> Mask:
    found = (flags[begin] & flag) != 0
    rest = np.flatnonzero(~found)
    if rest.size:
        at = np.append(np.flatnonzero(flags & flag), len(flags))
        found[rest] = at[np.searchsorted(at, begin[rest])] < stop[rest]
    return found


def _with_sign(data: Bytes, begin: Ints, start: Ints, soft: Ints) -> None:
    """Give a number back its minus or its point: -5, .5."""
    low = start[soft]
    signed = (data[low] >= ord("0")) & (data[low] <= ord("9")) & np.isin(data[low - 1], (ord("-"), ord(".")))
    alone = (low - 1 == begin[soft]) | (data[low - 2] != data[low - 1])
    start[soft[signed & alone]] -= 1


def _holding(start: Ints, at: Ints) -> Ints:
    """Return the word that each byte lies in; each does lie in one."""
    return np.searchsorted(start, at, side="right") - 1


def _opening(data: Bytes, flags: Bytes, cores: tuple[Ints, Ints], first: Ints) -> Mask:
    """Return which words open a sentence or a line, their row included."""
    start, end = cores
    opening = np.zeros(len(start), np.bool_)
    opening[first[:-1][np.diff(first) > 0]] = True
    at = np.flatnonzero(flags & ENDER)
    after = np.searchsorted(start, at, side="right")
    inner = (after > 0) & (after < len(start))
    at, after = at[inner], after[inner]
    outside = end[after - 1] <= at
    at, after = at[outside], after[outside]
    dotted = np.flatnonzero((data[at] == ord(".")) & ~opening[after])
    short = pc.utf8_lower(slices(data, start[after[dotted] - 1], end[after[dotted] - 1]))
    ends = np.ones(len(at), np.bool_)
    ends[dotted] = ~pc.is_in(short, value_set=pa.array(_ABBREVIATIONS.split())).to_numpy(zero_copy_only=False)
    opening[after[ends]] = True
    return opening


def _borrowed(words: Words, places: Ints) -> Mask:
    """Return which of these sentence openers would be in lower case elsewhere."""
    coded = strings(words, places).dictionary_encode()
    forms = [word.lower() if word[1:] == word[1:].lower() else "" for word in coded.dictionary.to_pylist()]
    common = np.array([form in COMMON for form in forms], np.bool_)
    unsure = frozenset(form for form, known in zip(forms, common.tolist(), strict=True) if len(form) > 1 and not known)
    if unsure:
        elsewhere = listed_in(words, unsure)
        elsewhere = elsewhere[~words.opening[elsewhere]]
        names = words.capital[elsewhere]
        seen = [set(pc.utf8_lower(strings(words, elsewhere[part])).to_pylist()) for part in (~names, names)]
        common |= np.array([form in seen[0] and form not in seen[1] for form in forms], np.bool_)
    return common[coded.indices.to_numpy()]
