"""Deletion and swaps against nlpaug, text by text in Python; and how safe labels are under each edit.

Label safety: a multinomial naive Bayes (counts plus one) over the lower-case words of the quickstart's tickets and
reviews says the label of an edited text. `known` is trained on all seeds, `unseen` on the four fifths without the seed,
and asked about the seeds whose label it finds unedited. Neither says much alone: `known` has learnt the seeds by heart
and gives way only where most of a text is gone, `unseen` has so few texts that it is right about four seeds in ten, and
sure of few. Both count words and know no order, so that the shuffles are safe by definition; their rows say so.
"""

import json
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tests.bench.measure import Row, rate, row
from tests.builders import SHARED_DATA, make, seeds_of

_SEEDS = Path(__file__).resolve().parents[2] / "deployments/recipes/quickstart/seeds"
_ROWS = 100_000
_PEER_ROWS = 2_000
_DRAWS = 20
_FOLDS = 5
_WAYS = {
    "random_deletion": ("random_deletion", {}),
    "random_insertion": ("random_insertion", {}),
    "random_insertion, words of the text": ("random_insertion", {"words": "text"}),
    "word_shuffle": ("word_shuffle", {}),
    "word_shuffle, window 3": ("word_shuffle", {"mode": "window"}),
    "sentence_shuffle": ("sentence_shuffle", {}),
}


def bench() -> Iterable[Row]:
    """Yield texts a second of ours and of the peer, then shares of kept labels in percent."""
    captions = (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    yield _speed("random_deletion, captions/s; peer nlpaug RandomWordAug delete", "random_deletion", "delete", captions)
    yield _speed("word_shuffle swap, captions/s; peer nlpaug RandomWordAug swap", "word_shuffle", "swap", captions)
    for way, (method, params) in _WAYS.items():
        shares = [label_safety(name, method, params) for name in ("tickets", "reviews")]
        for which, share in zip(("known", "unseen"), np.mean(shares, axis=0).tolist(), strict=True):
            asked = ">= 95" if which == "known" else "-"
            what = f"{way}: label kept, {which} seeds, %"
            yield Row(what=what, ours=round(share, 2), peer=None, ratio=None, asked=asked)


def _speed(what: str, method: str, action: str, captions: Sequence[str]) -> Row:
    import nlpaug.augmenter.word as naw

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the peer draws from the global state
    peer = naw.RandomWordAug(action=action, aug_p=0.1)
    some = list(captions[:_PEER_ROWS])
    theirs = max(
        rate(lambda: peer.augment(some), len(some)),
        rate(lambda: [peer.augment(text) for text in some], len(some)),
    )
    seeds = seeds_of([{"text": text} for text in captions])
    return row(what, rate(lambda: make(method, {}, _ROWS, seeds=seeds), _ROWS, repeat=5), theirs, asked="10x")


def label_safety(name: str, method: str, params: dict[str, object]) -> tuple[float, float]:
    """Return the percentage of edited texts that keep their label, by `known` and by `unseen`."""
    lines = (_SEEDS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    made = make(method, {**params, "allow_unchanged": True}, len(rows) * _DRAWS, seeds=seeds_of(rows))
    edited = list(enumerate(made.records.column("text").to_pylist()))
    judges = [_without(texts, labels, fold) for fold in range(_FOLDS)]
    right = [judges[i % _FOLDS](text) == label for i, (text, label) in enumerate(zip(texts, labels, strict=True))]
    everything, size = Bayes(texts, labels), len(rows)
    known = [everything(text) == labels[i % size] for i, text in edited]
    unseen = [judges[i % size % _FOLDS](text) == labels[i % size] for i, text in edited if right[i % size]]
    return 100 * float(np.mean(known)), 100 * float(np.mean(unseen))


def _without(texts: Sequence[str], labels: Sequence[str], fold: int) -> "Bayes":
    rest = [i for i in range(len(texts)) if i % _FOLDS != fold]
    return Bayes([texts[i] for i in rest], [labels[i] for i in rest])


class Bayes:
    """A multinomial naive Bayes over words: call it with a text for its label."""

    def __init__(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        self.labels = sorted(set(labels))
        vocabulary = sorted({word for text in texts for word in _bag(text)})
        self.place = {word: place for place, word in enumerate(vocabulary)}
        counts = np.ones((len(self.labels), len(vocabulary)))
        for text, label in zip(texts, labels, strict=True):
            np.add.at(counts[self.labels.index(label)], self._places(text), 1)
        self.weights = np.log(counts / counts.sum(axis=1, keepdims=True))
        self.prior = np.log([list(labels).count(label) / len(labels) for label in self.labels])

    def _places(self, text: str) -> list[int]:
        return [self.place[word] for word in _bag(text) if word in self.place]

    def __call__(self, text: str) -> str:
        return self.labels[int(np.argmax(self.prior + self.weights[:, self._places(text)].sum(axis=1)))]


def _bag(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)?", text.lower())


if __name__ == "__main__":
    for line in bench():
        print(line)
