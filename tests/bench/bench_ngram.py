"""`ngram` against markovify (sampling), NLTK (training) and NLTK's BLEU, on the captions.

`python -m tests.bench.bench_ngram TOKENS` counts and smooths so many tokens of order 5 in a process of its own and
prints seconds and peak memory: `100_000_000` is the figure of the README.
"""

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from tasks.core.bleu import bleu, self_bleu
from tasks.core.method import Draw, get_method
from tasks.core.ngram.build import Build, Stream, build
from tasks.core.ngram.flat import BLOCK, Flat, blocks
from tasks.core.ngram.vocabulary import BOS, EOS, MARKS, Vocabulary, Words, token_lists
from tasks.core.random import stream
from tasks.core.training import Trained, Training
from tests.bench.measure import Row, rate, row
from tests.builders import SHARED_DATA, seeds_of

_ORDER = 3
_SAMPLES = 100_000
_PEER_SAMPLES = 500
# A Zipf corpus: what a text of 100M tokens has in types, and sentences of 20 tokens on average.
_TYPES = 200_000
_MEAN_LENGTH = 20


def bench() -> Iterator[Row]:
    """Yield sentences and tokens a second of ours and of each peer, then what a model of ours gives."""
    captions = [line.strip() for line in (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as place:
        seeds = seeds_of([{"text": text} for text in captions])
        yield _sampling(captions, seeds, Path(place) / "sampling")
        yield _training(captions, seeds, Path(place) / "training")
        yield from _samples(captions, Path(place) / "samples")
    yield from _bleu(captions)


def train(seeds: pa.RecordBatch, folder: Path, **params: object) -> Trained:
    """Train the method in a folder."""
    method = get_method("ngram")
    model, scratch = folder / "model", folder / "scratch"
    for path in (model, scratch):
        path.mkdir(parents=True)
    loaded = method.params.model_validate(params)
    rng = stream(0, "bench")
    return method.fit(Training([seeds], seeds.num_rows, loaded, rng, 0, model, scratch, lambda _share, _words: None))


def draw(folder: Path, count: int, **params: object) -> list[str]:
    """Return texts that the method draws, the refused ones too."""
    method = get_method("ngram")
    asked = Draw(stream(0, "bench", 0), count, 0, 0, folder / "model")
    return method.run(None, method.params.model_validate(params), asked).records.column("text").to_pylist()


def _sampling(captions: list[str], seeds: pa.RecordBatch, folder: Path) -> Row:
    import markovify

    # A state of two words is a model of order three.
    peer = markovify.NewlineText("\n".join(captions), state_size=_ORDER - 1)
    random.seed(0)
    theirs = rate(lambda: [peer.make_sentence() for _ in range(_PEER_SAMPLES)], _PEER_SAMPLES)
    train(seeds, folder, order=_ORDER)
    ours = rate(lambda: draw(folder, _SAMPLES, order=_ORDER, min_tokens=1), _SAMPLES)
    return row("ngram sampling order 3, texts/s; peer markovify make_sentence", ours, theirs, asked="100x")


def _training(captions: list[str], seeds: pa.RecordBatch, folder: Path) -> Row:
    from nltk.lm import KneserNeyInterpolated
    from nltk.lm.preprocessing import padded_everygram_pipeline
    from nltk.tokenize import wordpunct_tokenize

    tokens = len(token_lists(captions).values)

    def peer() -> None:
        texts = [wordpunct_tokenize(text) for text in captions]
        model = KneserNeyInterpolated(_ORDER)
        model.fit(*padded_everygram_pipeline(_ORDER, texts))

    theirs = rate(peer, tokens, repeat=1)
    folders = iter(folder / str(i) for i in range(3))
    ours = rate(lambda: train(seeds, next(folders), order=_ORDER, held_out=0), tokens)
    return row("ngram training order 3, tokens/s from text; peer nltk fit", ours, theirs, asked="20x")


def _samples(captions: list[str], folder: Path) -> Iterator[Row]:
    train(seeds_of([{"text": text} for text in captions[:9000]]), folder, held_out=0)
    texts = draw(folder, 10_000, allow_copies=True)
    new = sum(text not in set(captions) for text in texts) / len(texts)
    yield Row(what="ngram defaults, share not in training", ours=round(new, 4), peer=None, ratio=None, asked="0.90")
    distinct = len(set(texts)) / len(texts)
    yield Row(what="ngram defaults, share distinct", ours=round(distinct, 4), peer=None, ratio=None, asked="0.99")
    samples, held_out = token_lists(texts), token_lists(captions[9000:])
    values = (("BLEU-4 on held-out", bleu(samples, held_out)), ("self-BLEU-4", self_bleu(samples)))
    for name, value in values:
        yield Row(what=f"ngram defaults, {name}", ours=round(value, 3), peer=None, ratio=None, asked="")


def _bleu(captions: list[str]) -> Iterator[Row]:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    tokens = token_lists(captions)
    texts, smoothing = tokens.to_pylist(), SmoothingFunction().method1
    few = 5

    def peer() -> None:
        for i in range(few):
            sentence_bleu(texts[:i] + texts[i + 1 :], texts[i], smoothing_function=smoothing)

    theirs = rate(peer, few, repeat=1)
    ours = rate(lambda: self_bleu(tokens), len(texts))
    yield row("self-BLEU-4 of 10k texts, texts/s; peer nltk sentence_bleu", ours, theirs, asked="seconds for all")


def zipf(tokens: int, folder: Path) -> Stream:
    """Return a corpus of Zipf words with some grammar: a word follows from the one before it half of the time."""
    rng = np.random.default_rng(0)
    flat, counts, texts = Flat(folder / "tokens", "i4"), np.zeros(_TYPES + len(MARKS), np.int64), 0
    weights = 1.0 / np.arange(1, _TYPES + 1)
    cumulative = np.cumsum(weights / weights.sum())
    for start, stop in blocks(tokens, BLOCK // 2):
        words = np.searchsorted(cumulative, rng.random(stop - start)).astype(np.int64)
        follows = np.flatnonzero(rng.random(stop - start) < 0.5)
        follows = follows[follows > 0]
        # One of eight followers that the word before has.
        words[follows] = (words[follows - 1] * 7919 + rng.integers(0, 8, len(follows)) * 104729) % _TYPES
        ids = np.minimum(words, _TYPES - 1).astype(np.int32) + len(MARKS)
        ends = np.unique(rng.integers(1, len(ids) - 1, len(ids) // (_MEAN_LENGTH + 2)) // 2 * 2)
        ids[ends], ids[ends + 1] = EOS, BOS
        ids[0], ids[-1] = BOS, EOS
        texts += len(ends) + 1
        counts += np.bincount(ids, minlength=len(counts))
        flat.append(ids)
    words = [*MARKS, *(f" w{i}" for i in range(_TYPES))]
    return Stream(flat, texts, Vocabulary(pa.array(words), Words()), counts)


def memory(tokens: int) -> dict[str, object]:
    """Return seconds and peak resident megabytes of a model of order 5 of so many tokens."""
    with tempfile.TemporaryDirectory() as place:
        folder, scratch = Path(place) / "model", Path(place) / "scratch"
        folder.mkdir()
        scratch.mkdir()
        corpus = zipf(tokens, scratch)
        started = time.perf_counter()
        description = build(corpus, Build(order=5), folder, scratch)
        seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in folder.iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sizes = list(description.sizes)
    return {"tokens": tokens, "seconds": round(seconds, 1), "peak_mb": peak, "model_mb": size >> 20, "ngrams": sizes}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(memory(int(sys.argv[1]))))
    else:
        for line in bench():
            print(line)
