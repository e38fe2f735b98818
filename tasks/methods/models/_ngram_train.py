"""Training of the method `ngram`: seeds in, the model folder and what is said of it out."""

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tasks.core.errors import RecipeError, UserError
from tasks.core.ngram.arpa import write_arpa
from tasks.core.ngram.build import Build, Stream, build, read_texts
from tasks.core.ngram.flat import Flat, blocks
from tasks.core.ngram.model import Description, Model
from tasks.core.ngram.scoring import Perplexity, perplexity
from tasks.core.ngram.smoothing import Plan
from tasks.core.ngram.verbatim import index_runs, index_texts
from tasks.core.ngram.vocabulary import EOS, UNK, Cutter, Words, batches, with_marks
from tasks.core.training import Trained, Training
from tasks.methods.models._ngram_subword import FILE, Subwords, learned
from tasks.methods.perturb._corrupt_tokenizer import loaded

if TYPE_CHECKING:
    from tasks.methods.models.ngram import Params

ABOUT = "about.json"
TEXTS, RUNS = "texts.seen", "runs.seen"
# Fewer seeds than this give no held-out figure worth its name, and can spare none.
_FEWEST_TO_HOLD_OUT = 20
_MOST_HELD_OUT = 20_000
# The share of the training texts that is longer than what is taken for the shortest text.
_SHORTEST_QUANTILE = 0.01
_LONGEST_COUNTED = 1 << 16

_SENTENCE_END = re.compile(r"(?<=[.!?。\uff01\uff1f])[\"'”’)\]]*\s+")


def units(seeds: Iterable[pa.RecordBatch], unit: str) -> Iterator[str]:
    """Yield what the model takes for one text: a seed's text, its lines or its sentences; none empty."""
    for batch in seeds:
        texts = batch.column("text").drop_null().to_pylist()
        parts = texts if unit == "text" else [part for text in texts for part in _parts(text, unit)]
        yield from filter(None, map(str.strip, parts))


def _parts(text: str, unit: str) -> list[str]:
    if unit == "line":
        return text.splitlines()
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return [text[start:stop] for start, stop in zip([0, *ends], [*ends, len(text)], strict=True)]


@dataclass
class _Split:
    """Puts a share of the texts aside as they come by; the first is never put aside."""

    share: float
    rng: np.random.Generator
    held_out: list[str] = field(default_factory=list)

    def training(self, texts: Iterable[str]) -> Iterator[str]:
        for number, text in enumerate(texts):
            aside = self.share > 0 and self.rng.random() < self.share
            if aside and number and len(self.held_out) < _MOST_HELD_OUT:
                self.held_out.append(text)
            else:
                yield text


def fit(training: Training) -> Trained:
    """Train the model in `training.folder`; UserError where the seeds have no text."""
    params: Params = training.params
    scratch = training.scratch / "counting"
    # Counting takes minutes at most: what a killed run left is counted anew.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    cutter = _cutter(training, params)
    how = Build(params.order, Plan(params.smoothing, params.discount), params.min_count, cutter)
    split = _Split(params.held_out if training.rows >= _FEWEST_TO_HOLD_OUT else 0.0, training.rng)
    training.progress(0.05, "reading the seeds")
    try:
        stream = read_texts(split.training(units(training.seeds, params.unit)), how, scratch)
    except UserError as exc:
        raise RecipeError(f"the seeds have no text to train on: {exc}") from exc
    training.progress(0.4, f"counting n-grams of {len(stream.tokens):,} tokens")
    lengths = _length_counts(stream)
    # What was put aside is the user's text too: a copy of it is a copy.
    streams = [stream.tokens, _aside(stream, split.held_out, scratch)]
    index_texts(streams, training.folder / TEXTS, scratch)
    if params.max_verbatim is not None:
        index_runs(streams, params.max_verbatim + 1, training.folder / RUNS, scratch)
    description = build(stream, how, training.folder, scratch)
    training.progress(0.9, "held-out perplexity")
    trained = _finish(training, stream, description, lengths, split.held_out)
    shutil.rmtree(scratch)
    return trained


def _aside(stream: Stream, held_out: list[str], scratch: Path) -> Flat:
    """Return the held-out texts in the numbers of the training texts."""
    flat = Flat(scratch / "held-out", "i4")
    for batch in batches(held_out):
        flat.append(with_marks(*stream.vocabulary.encode(batch)))
    return flat


def _cutter(training: Training, params: "Params") -> Cutter:
    if params.tokens == "word":
        return Words()
    if params.tokenizer:
        cutter = Subwords(loaded(params.tokenizer, params.tokenizer_digest or ""))
    else:
        cutter = learned(units(training.seeds, params.unit), params.vocab_size)
    cutter.tokenizer.no_padding()
    cutter.tokenizer.no_truncation()
    cutter.tokenizer.save(str(training.folder / FILE))
    return cutter


def _length_counts(stream: Stream) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how many texts have each length in tokens; the last counts all longer ones."""
    counts, open_tokens = np.zeros(_LONGEST_COUNTED + 1, np.int64), 0
    for start, stop in blocks(len(stream.tokens)):
        ends = np.flatnonzero(stream.tokens.read(start, stop) == EOS)
        if len(ends):
            lengths = np.diff(ends, prepend=-1 - open_tokens) - 2
            counts += np.bincount(np.minimum(lengths, _LONGEST_COUNTED), minlength=_LONGEST_COUNTED + 1)
        open_tokens = stop - start - (ends[-1] + 1) if len(ends) else open_tokens + stop - start
    return counts


def _finish(
    training: Training, stream: Stream, description: Description, lengths: np.ndarray, held_out: list[str]
) -> Trained:
    folder = training.folder
    shortest = int(np.searchsorted(np.cumsum(lengths), _SHORTEST_QUANTILE * lengths.sum()))
    median = int(np.searchsorted(np.cumsum(lengths), 0.5 * lengths.sum()))
    about = {
        "shortest": max(1, shortest),
        "median": median,
        "texts": stream.texts,
        "max_verbatim": training.params.max_verbatim,
    }
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    model = Model.load(folder, stream.vocabulary.cutter)
    if training.params.arpa:
        write_arpa(model, folder / "model.arpa")
    measured = perplexity(model, held_out) if held_out else None
    figures = {
        "texts": float(stream.texts),
        "tokens": float(stream.counts.sum() - 2 * stream.texts),
        "types": float(len(stream.vocabulary) - 3),
        "median_tokens_per_text": float(median),
    }
    figures |= {f"ngrams_{n}": float(size) for n, size in enumerate(description.sizes, 1)}
    for n, values in enumerate(description.discounts, 1):
        figures |= {f"discount_{n}_{count}": round(value, 4) for count, value in zip((1, 2, 3), values, strict=True)}
    if measured:
        figures["held_out_perplexity"] = round(measured.value, 2)
        figures["held_out_unknown"] = round(measured.unknown / measured.words, 4)
    return Trained(_notes(training, stream, description, measured), figures)


def _notes(training: Training, stream: Stream, description: Description, measured: Perplexity | None) -> list[str]:
    params: Params = training.params
    tokens = int(stream.counts.sum()) - 2 * stream.texts
    unit = {"text": "texts", "line": "lines", "sentence": "sentences"}[params.unit]
    notes = [
        f"order {params.order} on {stream.texts:,} {unit}, {tokens:,} tokens, {len(stream.vocabulary) - 3:,} types"
    ]
    if measured:
        notes.append(
            f"held-out perplexity {measured.value:.1f} per token; {measured.unknown / measured.words:.1%} of the "
            "held-out tokens are unknown and not in that figure"
        )
    else:
        notes.append(f"no held-out perplexity: fewer than {_FEWEST_TO_HOLD_OUT} seeds, or held_out is 0")
    guessed = [str(n) for n, good in enumerate(description.estimated, 1) if not good]
    if guessed:
        notes.append(
            f"too little text to estimate the discounts of order {', '.join(guessed)}: the usual fixed ones were taken"
        )
    if stream.texts < _FEWEST_TO_HOLD_OUT:
        few = f"{stream.texts} {unit} are" if stream.texts > 1 else f"1 {params.unit} is"
        notes.append(f"{few} too few for new ones: most of what is drawn will be copies")
    if (rare := int(stream.counts[UNK])) and params.min_count > 1:
        notes.append(f"{rare / tokens:.1%} of the tokens occur less than {params.min_count} times and are never drawn")
    return notes
