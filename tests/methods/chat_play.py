"""Draws of a method that asks a language model, played by the real runner against a scripted engine."""

import tempfile
from pathlib import Path

import pyarrow as pa

from tasks.answers import AnswerLog
from tasks.core.engine import Price
from tasks.core.method import get_method
from tasks.core.random import stream_key
from tasks.core.rollout import Context
from tasks.cost import Spending
from tasks.draws import rows_of
from tasks.rollouts import run_rollouts
from tests.builders import Scripted, ShardAsk, seeds_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "prompts"


def play(name, params, seeds, answers, *, count=None, start=0, run_seed=0):
    """Return the rows, rejects with their `reason`, and the messages that were sent.

    `seeds` are rows; draw i gets seed i modulo their number. `answers` are texts in the order of the requests, or a
    function of the request.
    """
    method = get_method(name)
    loaded = method.params.model_validate(params)
    if method.check:
        method.check(loaded)
    batch = seeds_of(seeds)
    count = count or len(seeds)
    each = None
    if method.seeds(loaded) == "each":
        each = rows_of(batch.take(pa.array([(start + i) % batch.num_rows for i in range(count)])))
    engine = Scripted(answers if callable(answers) else ())
    if not callable(answers):
        engine.enqueue(*answers)
    context = Context([batch], [], stream_key(run_seed, "stage"))
    with tempfile.TemporaryDirectory() as folder:
        log = AnswerLog(Path(folder) / "answers.sqlite")
        try:
            job = ShardAsk(run_seed, start, count)
            rolled = run_rollouts(job, method, loaded, each, context, engine, log, Price(), Spending())
        finally:
            log.close()
    rows = rows_of(rolled.records)
    for row in rows:
        row.setdefault("kind", method.kind)
        row["extra"].pop("requests")
    return rows, [request.messages for request in engine.history]


def row_of(seed):
    """Return a seed as a method is handed it."""
    return rows_of(seeds_of([seed]))[0]


def written(messages):
    """Return messages as golden files hold them."""
    return "".join(f"[{role}]\n{content}\n" for role, content in messages)
