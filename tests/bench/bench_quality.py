"""Row rules, deduplication and the default suite; one thread, a million short records where the time allows."""

from functools import cache

import numpy as np
import pyarrow as pa

from quality.checkpoint import judge
from quality.dedup import Seen, keys_of
from quality.rule import configured, default_rules
from quality.suites.check import parse_suite
from quality.suites.default import default
from quality.suites.run import run_suite
from tasks.core import record
from tests.bench.measure import Row, rate, row

_SHARD = 100_000
_SHARDS = 10
_ROWS = _SHARD * _SHARDS
_LETTERS = np.array(list("etaoinshrdlu"))


@cache
def shards(accents: str = "") -> list[pa.RecordBatch]:
    """Return a million records of eleven words, about sixty characters, all different."""
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(_LETTERS, size)) + accents for size in rng.integers(1, 9, 5000)])
    return [_shard(words[rng.integers(0, len(words), (_SHARD, 11))], number) for number in range(_SHARDS)]


def _shard(words: np.ndarray, number: int) -> pa.RecordBatch:
    text = pa.array([" ".join(line) for line in words.tolist()])
    return record.complete(record.columns(text=text), method="bench@1", stage="bench", shard=number, row=0)


def bench() -> list[Row]:
    """Return rows a second: rules, deduplication, the suite."""
    return [
        _rules("default rules, ASCII", shards(), asked="2.9M/s"),
        _rules("default rules, accents", shards("é"), asked="-"),
        _ngrams(),
        _dedup(),
        _suite(),
    ]


def _rules(what: str, batches: list[pa.RecordBatch], asked: str) -> Row:
    rules = default_rules()
    ours = rate(lambda: [judge(batch, rules) for batch in batches], _ROWS)
    return Row(what=f"judge, {what}, rows/s", ours=round(ours, 1), peer=None, ratio=None, asked=asked)


def _ngrams() -> Row:
    rule, params = configured("repeats_ngrams")
    ours = rate(lambda: [rule.defect(batch, params) for batch in shards()], _ROWS, repeat=2)
    return Row(what="repeats_ngrams, rows/s", ours=round(ours, 1), peer=None, ratio=None, asked="-")


def _dedup() -> Row:
    keys = [keys_of(batch) for batch in shards()]
    ours = rate(lambda: _seen(keys), _ROWS)
    theirs = rate(lambda: _python_set(keys), _ROWS)
    return row("duplicates over 10 shards, rows/s; peer a Python set", ours, theirs, asked="3.3M/s")


def _seen(keys: list[np.ndarray]) -> None:
    seen = Seen()
    for shard in keys:
        seen.add(shard)


def _python_set(keys: list[np.ndarray]) -> None:
    seen: set[int] = set()
    for shard in keys:
        for key in shard.tolist():
            if key not in seen:
                seen.add(key)


def _suite() -> Row:
    """The same expectations, on one pandas frame of the same columns, as GX's own documentation runs them."""
    checks = parse_suite(default(_ROWS))
    ours = rate(lambda: run_suite(shards(), checks), _ROWS)
    theirs = rate(lambda: _plain_gx(checks), _ROWS, repeat=2)
    return row("default suite, rows/s; peer GX on a whole frame", ours, theirs, asked="1.25M/s")


def _plain_gx(checks: tuple) -> None:
    from quality.suites._gx import Runner, context

    table = pa.Table.from_batches(shards()).select(["id", "kind", "text"])
    frame = table.to_pandas()
    frame["n_chars"] = frame["text"].str.len()
    Runner(context(), "peer", list(enumerate(checks))).run(frame)


if __name__ == "__main__":
    for line in bench():
        print(line)
