"""New texts and spans from decisions per word: drop, replace, insert, move.

    edits = Edits(drop=mask, source=order, replaced=(places, texts), before=(places, texts), after=(places, texts))
    edited = edit(words, edits)                 # edited.texts, edited.spans

A place is the number of a word in `words`. Whatever is decided, gaps stay with their places: punctuation does not move
with a word. A sentence that opened with a capital still does; a word that loses that place loses a borrowed capital; a
replacement takes the case of what it replaces; what a span covers keeps its case. Spans move with their words and stay
exact; a span whose word is dropped, or replaced while the span is only a part of it, is gone.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.errors import ShardError
from tasks.methods.augment._case import RAISE, Codes, behind_insert, recased, recasing, replacing
from tasks.methods.augment._chars import DROPPED, FORCED, Ints, Mask
from tasks.methods.augment._gaps import mended
from tasks.methods.augment._spans import char_starts, column
from tasks.methods.augment._words import Words, slices, strings

# What the 32-bit offsets of Arrow's strings reach.
_MAX_BYTES = (1 << 31) - 1

At = tuple[Ints, pa.StringArray]


@dataclass(frozen=True, slots=True, eq=False)
class Edits:
    """Decisions per word of a batch; None: no such decision.

    drop: which words go; at least one of each row must stay.
    source: a permutation within rows: the word that now stands at each place.
    replaced: places (each once) and what stands there now; in its own case, or in lower case to take the old word's.
    before, after: places (more than once too) and what is put before, after the word there; lost if that is dropped.
    """

    drop: Mask | None = None
    source: Ints | None = None
    replaced: At | None = None
    before: At | None = None
    after: At | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """The texts after the edits, and their spans (null where the seed had none)."""

    texts: pa.StringArray
    spans: pa.Array


@dataclass(frozen=True, slots=True, eq=False)
class _Splices:
    """Byte ranges of the source, in order and apart, and the text that takes the place of each."""

    row: Ints
    start: Ints
    end: Ints
    texts: pa.StringArray


def edit(words: Words, edits: Edits) -> Edited:
    """Return the texts and the spans after `edits`."""
    codes = recasing(words, edits.drop, edits.source)
    parts = [
        _inserted(words, edits.after, edits.drop, None),
        _inserted(words, edits.before, edits.drop, codes),
        _dropped(words, edits.drop),
        _contents(words, edits, codes),
    ]
    splices = _in_order([part for part in parts if part is not None])
    texts = _spliced(words, splices)
    return Edited(texts, _moved_spans(words, edits, splices, texts))


def _inserted(words: Words, at: At | None, drop: Mask | None, codes: Codes | None) -> _Splices | None:
    """Return the insertions, after the words where `codes` is None; before them they can take over a capital."""
    if at is None or not len(at[0]):
        return None
    order = np.argsort(at[0], kind="stable")
    if drop is not None:
        order = order[~drop[at[0][order]]]
    places, texts = at[0][order], at[1].take(pa.array(order))
    if codes is None:
        where, texts = words.end[places], pc.binary_join_element_wise("", texts, " ")
    else:
        takes = behind_insert(words, places, codes)
        texts = recased(texts, np.where(takes, RAISE, 0).astype(np.uint8))
        where, texts = words.start[places], pc.binary_join_element_wise(texts, "", " ")
    return _Splices(words.row[places], where, where, texts)


def _dropped(words: Words, drop: Mask | None) -> _Splices | None:
    """Return one splice for each run of dropped words, with the gaps around them mended to one."""
    places = np.flatnonzero(drop) if drop is not None else np.empty(0, np.int64)
    if not places.size:
        return None
    row = words.row[places]
    new = np.append(True, (places[1:] != places[:-1] + 1) | (row[1:] != row[:-1]))
    runs = np.flatnonzero(new)
    low, high = places[runs], places[np.append(runs[1:], len(places)) - 1]
    row = row[runs]
    first, last = low == words.first[row], high + 1 == words.first[row + 1]
    left = np.where(first, words.bounds[row], words.end[low - 1])
    right = np.where(last, words.bounds[row + 1], words.start[np.minimum(high + 1, len(words) - 1)])
    gaps = _joined_gaps(words, places, new, (left, right))
    return _Splices(row, left, right, _mended(gaps, first, last))


def _joined_gaps(words: Words, places: Ints, new: Mask, around: tuple[Ints, Ints]) -> pa.StringArray:
    """Return the gaps of each run, with DROPPED for each of its words."""
    runs = np.flatnonzero(new)
    # A run of k words has k + 1 gaps: one before each word, and one after the last.
    at = np.arange(len(places)) + np.cumsum(new) - 1
    heads = np.append(at[runs], len(places) + len(runs))
    start, end = np.empty(heads[-1], np.int64), np.empty(heads[-1], np.int64)
    start[at + 1] = words.end[places]
    start[heads[:-1]] = around[0]
    end[at] = words.start[places]
    end[heads[1:] - 1] = around[1]
    pieces = slices(words.data, start, end)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(heads.astype(np.int32)), pieces), DROPPED)


def _mended(gaps: pa.StringArray, first: Mask, last: Mask) -> pa.StringArray:
    """Return each gap mended; each distinct one is worked out once."""
    coded = gaps.dictionary_encode()
    keys = coded.indices.to_numpy().astype(np.int64) * 4 + first * 2 + last
    used = np.flatnonzero(np.bincount(keys))
    known = coded.dictionary.to_pylist()
    new = [mended(known[k // 4].split(DROPPED), first=bool(k & 2), last=bool(k & 1)) for k in used.tolist()]
    return pa.array(new, pa.string()).take(pa.array(np.searchsorted(used, keys)))


def _contents(words: Words, edits: Edits, codes: Codes) -> _Splices | None:
    """Return what now stands at the places whose word moved, was replaced, or changes its case."""
    changed = codes != 0
    if edits.source is not None:
        changed |= edits.source != np.arange(len(words))
    if edits.replaced is not None:
        changed[edits.replaced[0]] = True
    if edits.drop is not None:
        changed &= ~edits.drop
    places = np.flatnonzero(changed)
    if not places.size:
        return None
    came = places if edits.source is None else edits.source[places]
    # What a span or a protected pattern covers stays as it is written.
    texts, case = strings(words, came), np.where(words.flags[words.start[came]] & FORCED, 0, codes[places])
    if edits.replaced is not None:
        texts, case = _with_replaced(words, edits, (places, came), (texts, case))
    return _Splices(words.row[places], words.start[places], words.end[places], recased(texts, case))


def _with_replaced(
    words: Words, edits: Edits, at: tuple[Ints, Ints], old: tuple[pa.StringArray, Codes]
) -> tuple[pa.StringArray, Codes]:
    """Return texts and case codes of the changed places, with the replacements in."""
    (places, came), (texts, case) = at, old
    order = np.argsort(edits.replaced[0], kind="stable")
    if edits.drop is not None:
        order = order[~edits.drop[edits.replaced[0][order]]]
    where = np.searchsorted(places, edits.replaced[0][order])
    new = edits.replaced[1].take(pa.array(order))
    mask = np.zeros(len(places), np.bool_)
    mask[where] = True
    taken = replacing(words, came[where], new)
    case = case.copy()
    case[where] = np.where(case[where] != 0, case[where], taken)
    return pc.replace_with_mask(texts, pa.array(mask), new), case


def _in_order(parts: list[_Splices]) -> _Splices:
    """Return the parts as one; where two start together, an insertion comes first."""
    if not parts:
        none = np.empty(0, np.int64)
        return _Splices(none, none, none, pa.array([], pa.string()))
    if len(parts) == 1:
        return parts[0]
    start = np.concatenate([part.start for part in parts])
    order = np.argsort(start, kind="stable")
    texts = pa.concat_arrays([part.texts for part in parts]).take(pa.array(order))
    row, end = (np.concatenate([getattr(part, name) for part in parts])[order] for name in ("row", "end"))
    return _Splices(row, start[order], end, texts)


def _spliced(words: Words, splices: _Splices) -> pa.StringArray:
    """Return the texts of the rows with the splices in.

    The source is cut at the rows and the splices, so that what stays is copied in the longest pieces there are.
    """
    number, rows = len(splices.start), words.rows
    before = np.searchsorted(splices.row, np.arange(rows + 1))
    heads = 2 * before + np.arange(rows + 1)
    outs = 2 * np.arange(number) + splices.row + 1
    cuts = np.empty(2 * number + rows + 1, np.int32)
    cuts[heads] = words.bounds
    cuts[outs], cuts[outs + 1] = splices.start, splices.end
    pieces = pa.StringArray.from_buffers(2 * number + rows, pa.py_buffer(cuts), pa.py_buffer(words.data))
    take = np.arange(2 * number + rows)
    take[outs] = np.arange(number) + len(take)
    sizes = np.concatenate([np.diff(cuts), pc.binary_length(splices.texts).to_numpy(zero_copy_only=False)])
    if len(words.data) + int(sizes[len(take) :].sum(dtype=np.int64)) > _MAX_BYTES:
        raise ShardError(f"the edited texts of {rows} rows are over 2 GiB; set a smaller shard_rows")
    taken = pa.concat_arrays([pieces, splices.texts]).take(pa.array(take))
    _, offsets, data = taken.buffers()
    ends = np.frombuffer(offsets, np.int32, count=len(taken) + 1, offset=4 * taken.offset)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(ends[heads]), data)


def _moved_spans(words: Words, edits: Edits, splices: _Splices, texts: pa.StringArray) -> pa.Array:
    """Return the spans at their new offsets."""
    spans = words.spans
    place, keep, whole = _span_places(words, edits)
    place, keep, whole = place[keep], np.flatnonzero(keep), whole[keep]
    bounds = np.frombuffer(texts.buffers()[1], np.int32, count=words.rows + 1).astype(np.int64)
    grown = np.zeros(len(splices.start) + 1, np.int64)
    sizes = pc.binary_length(splices.texts).to_numpy(zero_copy_only=False)
    np.cumsum(sizes - (splices.end - splices.start), out=grown[1:])
    core = words.start[place] + grown[np.searchsorted(splices.end, words.start[place], side="right")]
    old = words.start[spans.word[keep]]
    low = core + np.where(whole >= 0, 0, spans.start[keep] - old)
    high = core + np.where(whole >= 0, whole, spans.end[keep] - old)
    row = spans.row[keep]
    low, high = (_code_points(texts, at, bounds[row]) for at in (low, high))
    return column(spans, low, high, keep)


def _span_places(words: Words, edits: Edits) -> tuple[Ints, Mask, Ints]:
    """Return of each span the place of its word, whether it is still there, and the bytes of its replacement or -1."""
    spans = words.spans
    place, keep = spans.word, np.ones(len(spans.word), np.bool_)
    if edits.source is not None:
        inverse = np.empty_like(edits.source)
        inverse[edits.source] = np.arange(len(words))
        place = inverse[place]
    if edits.drop is not None:
        keep &= ~edits.drop[place]
    whole = np.full(len(place), -1, np.int64)
    if edits.replaced is not None and len(place):
        sizes = np.full(len(words), -1, np.int64)
        sizes[edits.replaced[0]] = pc.binary_length(edits.replaced[1]).to_numpy(zero_copy_only=False)
        whole = sizes[place]
        full = (spans.start == words.start[spans.word]) & (spans.end == words.end[spans.word])
        keep &= full | (whole < 0)
    return place, keep, whole


def _code_points(texts: pa.StringArray, at: Ints, base: Ints) -> Ints:
    """Return how many code points lie between the bytes `base` and `at` of the texts end to end."""
    data = texts.buffers()[2]
    starts = char_starts(np.frombuffer(data, np.uint8)) if data and len(at) else None
    if starts is None:
        return at - base
    return np.searchsorted(starts, at) - np.searchsorted(starts, base)
