"""ROUGE-L against a pool of 50,000 instructions: the index against the paper's loop over `rouge_score`.

The instructions are captions and what one may ask about them: long runs of words in common, which is hard on an index.
A fifth of the new ones is like some of the pool, the rest is not.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from tasks.methods.llm._rouge import RougePool
from tests.bench.measure import Row, rate, row
from tests.builders import SHARED_DATA

_POOL = 50_000
_QUERIES = 1_000
_PEER_QUERIES = 2
_FORMS = (
    "{}",
    "Write a short story about this scene: {}",
    "Describe what happens next after {}",
    "Is this sentence correct? {}",
    "List three questions one may ask about {}",
    "Turn the sentence into the past tense: {}",
)


def bench() -> list[Row]:
    """Return pairs of texts a second, each new instruction compared with the whole pool."""
    pool, queries = _instructions()
    index = RougePool(0.7)
    index.extend(pool)
    theirs, expected = _peer(pool, queries[:_PEER_QUERIES])
    found = [index.nearest(query) for query in queries[:_PEER_QUERIES]]
    if [near.score if near else None for near in found] != expected:
        raise ValueError(f"not what rouge_score finds: {found}, {expected}")
    ours = rate(lambda: [index.nearest(query) for query in queries], _QUERIES * _POOL)
    build = rate(lambda: RougePool(0.7).extend(pool), _POOL)
    built = Row(what="ROUGE-L index, texts/s added", ours=round(build, 1), peer=None, ratio=None, asked="-")
    return [row("ROUGE-L with a pool of 50,000, pairs/s; peer rouge_score", ours, theirs, asked="100x"), built]


def _peer(pool: Sequence[str], queries: Sequence[str]) -> tuple[float, list[float | None]]:
    """Return the rate of the paper's loop, in one process, and the best score of each query from 0.7 up."""
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    best: list[float] = []

    def loop() -> None:
        best.clear()
        best.extend(max(scorer.score(query, text)["rougeL"].fmeasure for text in pool) for query in queries)

    measured = rate(loop, len(queries) * len(pool), repeat=1)
    return measured, [score if score >= 0.7 else None for score in best]


def _instructions() -> tuple[list[str], list[str]]:
    """Return the pool, and new instructions: a fifth over captions of the pool, the others over new ones."""
    captions = (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    rng = np.random.Generator(np.random.Philox(key=0))
    old, new = captions[:9_000], captions[9_000:]
    made = [form.format(caption) for caption, form in itertools.product(old, _FORMS)]
    order = rng.permutation(len(made))
    pool = [made[at] for at in order[:_POOL]]
    alike = [made[at] for at in order[_POOL : _POOL + _QUERIES // 5]]
    fresh = [_FORMS[number % len(_FORMS)].format(caption) for number, caption in enumerate(new)]
    queries = [*alike, *fresh[: _QUERIES - len(alike)]]
    return pool, [queries[at] for at in rng.permutation(len(queries))]


if __name__ == "__main__":
    for line in bench():
        print(line)
