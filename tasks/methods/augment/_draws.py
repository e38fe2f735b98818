"""One edit a draw, from seeds to records: blocks of texts, another try where nothing changed, reasons."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import record
from tasks.core.method import Draw, Made
from tasks.methods.augment._chars import Mask
from tasks.methods.augment._edit import Edited, Edits, edit
from tasks.methods.augment._strength import Strength
from tasks.methods.augment._words import Guard, Words, split

GIVES = ("text", "spans")
KEEPS = ("kind", "label", "target")

# The columns of a block of this size stay in the processor's cache, near enough.
_BLOCK_BYTES = 4 << 20
# Two equal words that change places are no change: such a text gets so many more tries.
_TRIES = 4

Splitting = Callable[[pa.Array, pa.Array], Words]
Deciding = Callable[[Words, np.random.Generator], Edits]


def edited(seeds: pa.RecordBatch, params: Strength, draw: Draw, decide: Deciding, cut: Splitting | None = None) -> Made:
    """Return each seed after the edits that `decide` chooses for it, with its spans.

    A row is rejected as `bad_spans` (the seed's overlap, are empty or lie outside its text) or, unless
    `allow_unchanged`, as `unchanged`.
    """
    cut = cut or by_words(params.guard)
    parts = [_block(block, decide, cut, draw.rng) for block in _blocks(seeds)]
    texts, spans, bad, same = zip(*parts, strict=True)
    unchanged = np.concatenate(same)
    if params.allow_unchanged:
        unchanged &= seeds.column("text").is_null().to_numpy(zero_copy_only=False)
    reasons = np.where(np.concatenate(bad), 1, np.where(unchanged, 0, -1))
    columns = {"text": pa.chunked_array(texts, pa.string()), "spans": pa.chunked_array(spans, record.SPANS)}
    if (reasons >= 0).any():
        columns["reason"] = pa.DictionaryArray.from_arrays(
            pa.array(reasons, pa.int8(), mask=reasons < 0), pa.array(["unchanged", "bad_spans"])
        ).cast(pa.string())
    return Made(record.columns(**columns))


def by_words(guard: Guard) -> Splitting:
    """Return what splits texts to words, with `guard`."""
    return lambda texts, spans: split(texts, spans, guard)


def _blocks(seeds: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    sizes = pc.fill_null(pc.binary_length(seeds.column("text")), 0).to_numpy(zero_copy_only=False)
    number = np.cumsum(sizes.astype(np.int64)) // _BLOCK_BYTES
    cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), seeds.num_rows]
    for low, high in pairwise(cuts):
        yield seeds.slice(low, high - low)


def _block(
    seeds: pa.RecordBatch, decide: Deciding, cut: Splitting, rng: np.random.Generator
) -> tuple[pa.Array, pa.Array, Mask, Mask]:
    """Return texts, spans, and which rows have bad spans or did not change."""
    texts, spans = seeds.column("text"), seeds.column("spans")
    words = cut(texts, spans)
    made = edit(words, decide(words, rng))
    same = pc.equal(made.texts, words.texts).to_numpy(zero_copy_only=False)
    for _ in range(_TRIES):
        again = np.flatnonzero(same & ~words.bad)
        if not again.size:
            break
        part = cut(words.texts.take(pa.array(again)), spans.take(pa.array(again)))
        new = edit(part, decide(part, rng))
        made = _with(made, new, again)
        same[again] = pc.equal(new.texts, part.texts).to_numpy(zero_copy_only=False)
    if words.bad.any():
        kept = spans.take(pa.array(np.flatnonzero(words.bad)))
        made = _with(made, Edited(words.texts.filter(pa.array(words.bad)), kept), np.flatnonzero(words.bad))
    return made.texts, made.spans, words.bad, same


def _with(made: Edited, new: Edited, rows: np.ndarray) -> Edited:
    """Return `made` with `new` in these rows."""
    take = np.arange(len(made.texts))
    take[rows] = len(take) + np.arange(len(rows))
    index = pa.array(take)
    texts, spans = (pa.concat_arrays(pair).take(index) for pair in ((made.texts, new.texts), (made.spans, new.spans)))
    return Edited(texts, spans)
