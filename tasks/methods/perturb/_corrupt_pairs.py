"""Source and target of the modes that corrupt tokens: the edits that make the source, and what is to be answered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.record import dumps
from tasks.methods.perturb._corrupt_bert import MASKED, RANDOM, SAME, actions, chosen_tokens, masked_ids, others
from tasks.methods.perturb._corrupt_choose import Bools, Floats, before
from tasks.methods.perturb._corrupt_spans import Runs, bart_runs, cut_places, t5_runs
from tasks.methods.perturb._corrupt_tokenizer import Vocabulary
from tasks.methods.perturb._corrupt_words import WORD, Tokens, classes
from tasks.methods.perturb._value_text import Codes, Docs, Edits, Ints, codes_of, decoded, edits_of, gather

_SAMPLED = 20_000


@dataclass(frozen=True)
class Pairs:
    """Edits that make each source, the targets (None: the originals), a reason for rows that cannot be had, extra."""

    edits: Edits
    targets: Sequence[str] | None = None
    reasons: Sequence[str | None] | None = None
    extra: Sequence[str | None] | None = None


def bert_pairs(
    rng: np.random.Generator, docs: Docs, tokens: Tokens, mask: str, *, rate: float, vocabulary: Vocabulary | None
) -> Pairs:
    """Return masked texts; `extra.masked` holds where in the target the chosen tokens are, the same ones too."""
    chosen = chosen_tokens(rng, tokens.counts, rate, tokens.words)
    places = np.flatnonzero(chosen)
    if vocabulary is None or tokens.ids is None:
        new = _new_words(rng, docs, tokens, places, mask)
    else:
        ids, _ = masked_ids(rng, tokens.ids, chosen, mask=-1, pool=vocabulary.ids)
        pairs = zip(ids[places].tolist(), tokens.ids[places].tolist(), strict=True)
        new = [None if one == old else mask if one < 0 else vocabulary.surfaces[one] for one, old in pairs]
    changed = np.array([word is not None for word in new], bool)
    at = places[changed]
    edits = edits_of(tokens.starts[at], tokens.ends[at], [word for word in new if word is not None])
    return Pairs(edits, extra=_masked(docs, tokens, places))


def _masked(docs: Docs, tokens: Tokens, places: Ints) -> list[str]:
    rows = docs.rows(tokens.starts[places])
    both = np.stack([tokens.starts[places], tokens.ends[places]], 1) - docs.starts[rows][:, None]
    ends = np.cumsum(np.bincount(rows, minlength=docs.starts.size)).tolist()
    flat, first, out = both.tolist(), 0, []
    for end in ends:
        out.append(dumps({"masked": flat[first:end]}))
        first = end
    return out


def _new_words(rng: np.random.Generator, docs: Docs, tokens: Tokens, places: Ints, mask: str) -> list[str | None]:
    what = actions(rng, places.size)
    pool = _some_words(docs, tokens)
    if len(pool) < 2:
        what = np.where(what == RANDOM, MASKED, what)
    new: list[str | None] = [None if action == SAME else mask for action in what.tolist()]
    swapped = np.flatnonzero(what == RANDOM)
    number = {word: place for place, word in enumerate(pool)}
    old = [number.get(_word(docs, tokens, place), len(pool)) for place in places[swapped].tolist()]
    drawn = others(rng, np.arange(len(pool)), np.array(old, np.int64)) if old else []
    for place, word in zip(swapped.tolist(), drawn, strict=True):
        new[place] = pool[word]
    return new


def _word(docs: Docs, tokens: Tokens, place: int) -> str:
    return docs.joined[tokens.starts[place] : tokens.ends[place]]


def _some_words(docs: Docs, tokens: Tokens) -> list[str]:
    """Return the different words of a batch, sorted; of at most some thousand, evenly spread, where it holds more."""
    words = np.flatnonzero(classes(docs.codes[tokens.starts]) & WORD)
    step = max(1, words.size // _SAMPLED)
    return sorted({_word(docs, tokens, place) for place in words[::step].tolist()})


def bart_pairs(rng: np.random.Generator, tokens: Tokens, mask: str, *, rate: float, mean: float) -> Pairs:
    """Return texts with each span infilled by one mask; a span of no tokens is a mask between two of them."""
    runs = bart_runs(rng, tokens.counts, rate, mean)
    starts, ends = _reach(tokens, runs)
    empty = runs.lengths == 0
    last = empty & (runs.firsts >= np.cumsum(tokens.counts)[runs.rows])
    new = np.where(last, f" {mask}", np.where(empty, f"{mask} ", mask)).tolist()
    return Pairs(edits_of(starts, ends, new))


def _reach(tokens: Tokens, runs: Runs) -> tuple[Ints, Ints]:
    """Return [start, end) of each run; an empty one lies before its token, or at the end of the row's last token."""
    stop = np.cumsum(tokens.counts)[runs.rows]
    inside = runs.firsts < stop
    at = np.minimum(runs.firsts, tokens.starts.size - 1)
    starts = np.where(inside, tokens.starts[at], tokens.ends[stop - 1]) if tokens.starts.size else runs.firsts
    last = runs.firsts + runs.lengths - 1
    return starts, np.where(runs.lengths > 0, tokens.ends[last], starts) if tokens.starts.size else starts


@dataclass(frozen=True)
class Sentinels:
    """How a span is marked: text with {} for its number, and how many numbers there are (None: no limit)."""

    text: str
    limit: int | None

    def codes(self, count: int) -> tuple[Codes, Ints]:
        """Return the first `count` sentinels end to end, a space on each side, and their lengths with the spaces."""
        all_ = [f" {self.text.replace('{}', str(number))} " for number in range(count)]
        return codes_of("".join(all_)), np.fromiter(map(len, all_), np.int64, count)


def t5_pairs(
    rng: np.random.Generator, docs: Docs, tokens: Tokens, sentinels: Sentinels, *, rates: Floats, means: Floats
) -> Pairs:
    """Return texts with each span behind a sentinel, and targets of sentinels and spans, a space between them.

    Putting back what stands between ` <0> ` and ` <1> ` in the target for `<0>` in the source, and so on, gives the
    text. Rows of rate 0 are left as they are.
    """
    runs = t5_runs(rng, tokens.counts, rates, means)
    starts, ends = tokens.starts[runs.firsts], tokens.ends[runs.firsts + runs.lengths - 1]
    spans = np.bincount(runs.rows, minlength=docs.starts.size)
    pool, sizes = sentinels.codes(int(spans.max(initial=0)) + 1)
    places = np.cumsum(sizes) - sizes
    number = before(np.ones_like(runs.rows), spans)
    new = gather(pool, places[number] + 1, sizes[number] - 2)
    reasons = None
    if sentinels.limit is not None:
        # The target ends in one more sentinel than there are spans.
        reasons = ["too_many_spans" if many >= sentinels.limit else None for many in spans.tolist()]
    edits = Edits(starts, ends, new, sizes[number] - 2)
    return Pairs(edits, _t5_targets(docs, edits, spans, (pool, places, sizes)), reasons)


def _t5_targets(docs: Docs, edits: Edits, spans: Ints, marks: tuple[Codes, Ints, Ints]) -> list[str]:
    pool, places, sizes = marks
    number = before(np.ones_like(edits.starts), spans)
    row = np.repeat(np.arange(spans.size), spans)
    ends = np.cumsum(2 * spans + 1)
    starts, lengths = (np.empty(int(ends[-1]) if ends.size else 0, np.int64) for _ in range(2))
    mark = 2 * np.arange(edits.starts.size) + row
    first = (number == 0).astype(np.int64)
    starts[mark], lengths[mark] = places[number] + first, sizes[number] - first
    starts[mark + 1], lengths[mark + 1] = edits.starts + pool.size, edits.ends - edits.starts
    lone = (spans == 0).astype(np.int64)
    starts[ends - 1], lengths[ends - 1] = places[spans] + lone, sizes[spans] - 1 - lone
    text = decoded(gather(np.concatenate([pool, docs.codes]), starts, lengths))
    stops = np.cumsum(lengths)[ends - 1].tolist()
    return [text[a:b] for a, b in zip([0, *stops], stops, strict=False)]


def prefix_pairs(rng: np.random.Generator, docs: Docs, tokens: Tokens, rates: Floats) -> Pairs:
    """Return the front of each text, and its end as the target: together they are the text."""
    kept = cut_places(rng, tokens.counts, rates)
    rows = np.flatnonzero((kept < tokens.counts) & (rates > 0))
    cuts = tokens.ends[(np.cumsum(tokens.counts) - tokens.counts + kept - 1)[rows]]
    ends = docs.ends[rows]
    targets = [""] * docs.starts.size
    for row, cut, end in zip(rows.tolist(), cuts.tolist(), ends.tolist(), strict=True):
        targets[row] = docs.joined[cut:end]
    return Pairs(edits_of(cuts, ends, [""] * rows.size), targets)


def inserted(docs: Docs, rows: Bools, texts: Sequence[str]) -> Edits:
    """Return edits that put a text before each of some rows."""
    starts = docs.starts[rows]
    return edits_of(starts, starts, [text for text, wanted in zip(texts, rows.tolist(), strict=True) if wanted])
