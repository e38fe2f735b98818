"""`back_translation` and `paraphrase`: rates, and how many embedded paraphrases mean what their seeds mean."""

import json
from collections.abc import Iterable

import pyarrow as pa

from tests.bench.measure import Row, rate
from tests.builders import make, seeds_of

_SENTENCES = 2_000


def bench() -> Iterable[Row]:
    """Return sentences and texts a second; no peer runs either without a network."""
    seeds = _sentences()
    for params, what in (({"alternatives": 0}, "one answer"), ({}, "alternatives 0.25")):
        run = rate(lambda params=params: make("back_translation", params, _SENTENCES, seeds=seeds), _SENTENCES)
        yield _alone(f"back_translation apertium eng-spa-eng, {what}, sentences/s", run, "500")
    yield from _paraphrase()


def _sentences() -> pa.RecordBatch:
    """Return 2,000 different sentences from the grammar of the quickstart."""
    made = make("cfg", {"grammar": "deployments/recipes/quickstart/grammar/support_ticket.cfg"}, _SENTENCES)
    texts = [text for ticket in made.records.column("text").to_pylist() for text in ticket.split(". ")]
    return seeds_of([{"text": text.rstrip(".") + "."} for text in list(dict.fromkeys(texts))[:_SENTENCES]])


def _paraphrase() -> Iterable[Row]:
    from tasks.methods.augment._synchronous_desk import desk
    from tests.methods.test_paraphrase import fresh_texts, hidden, shown

    texts = fresh_texts(400)
    seeds = seeds_of([{"text": shown(text)} for text in texts])
    make("paraphrase", {}, 1, seeds=seeds)
    run = rate(lambda: make("paraphrase", {}, len(texts), seeds=seeds), len(texts))
    yield _alone("paraphrase embedded, 4 candidates, texts/s", run, "-")
    for exact in (False, True):
        rows = make("paraphrase", {"exact": exact}, len(texts), seeds=seeds).records.to_pylist()
        accepted = [(text, row["text"]) for text, row in zip(texts, rows, strict=True) if row["reason"] is None]
        right = sum(desk().meanings(hidden(made)) == desk().meanings(text) for text, made in accepted)
        yield _alone(f"paraphrase embedded, exact {exact}: accepted, %", 100 * len(accepted) / len(texts), "-")
        yield _alone(f"paraphrase embedded, exact {exact}: same meaning, %", 100 * right / len(accepted), "70")


def _alone(what: str, ours: float, asked: str) -> Row:
    return Row(what=what, ours=round(ours, 1), peer=None, ratio=None, asked=asked)


if __name__ == "__main__":
    for line in bench():
        print(json.dumps(line))
