"""From texts to a model folder: cut, count, smooth; memory does not grow with the texts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tasks.core.errors import UserError
from tasks.core.ngram.counting import count
from tasks.core.ngram.flat import BLOCK, Flat, blocks
from tasks.core.ngram.model import Description, bits_for
from tasks.core.ngram.smoothing import Plan, estimate
from tasks.core.ngram.vocabulary import Cutter, Growing, Vocabulary, Words, batches, with_marks

# Numbers of n-grams are 31 bits wide.
MAX_TOKENS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Build:
    """How a model is made: `order` 1 to 6, words below `min_count` are unknown, `block` tokens are sorted at once."""

    order: int = 3
    plan: Plan = field(default_factory=Plan)
    min_count: int = 1
    cutter: Cutter = field(default_factory=Words)
    block: int = BLOCK


@dataclass(frozen=True, slots=True)
class Stream:
    """Texts as one array of word numbers on disk, BOS and EOS around each, and the words that they are numbers of."""

    tokens: Flat
    texts: int
    vocabulary: Vocabulary
    counts: np.ndarray


def read_texts(texts: Iterable[str], how: Build, scratch: Path) -> Stream:
    """Return the texts as numbers; texts without a token are left out, UserError where that leaves none."""
    growing, raw, rows = Growing(how.cutter), Flat(scratch / "raw", "i4"), 0
    for batch in batches(texts):
        ids, lengths = growing.encode(batch)
        lengths = lengths[lengths > 0]
        raw.append(with_marks(ids, lengths))
        rows += len(lengths)
    if not rows:
        raise UserError("an n-gram model needs text to count: every text is empty")
    if len(raw) > MAX_TOKENS:
        raise UserError(f"{len(raw):,} tokens are more than an n-gram model can count ({MAX_TOKENS:,})")
    vocabulary, renumbered = growing.settle(how.min_count)
    tokens, counts = Flat(scratch / "tokens", "i4"), np.zeros(len(vocabulary), np.int64)
    for start, stop in blocks(len(raw), how.block):
        ids = renumbered[raw.read(start, stop)]
        counts += np.bincount(ids, minlength=len(vocabulary))
        tokens.append(ids)
    raw.remove()
    return Stream(tokens, rows, vocabulary, counts)


def build(stream: Stream, how: Build, folder: Path, scratch: Path) -> Description:
    """Count and smooth the stream, write the model into `folder`, and return its description."""
    bits = bits_for(len(stream.vocabulary))
    levels = count(stream.tokens, how.order, bits, scratch, how.block)
    description = estimate(stream.counts, levels, how.plan, folder, bits=bits, block=how.block)
    for level in levels:
        level.keys.remove()
        level.suffix.remove()
    stream.vocabulary.save(folder / "words.arrow")
    description.save(folder)
    return description
