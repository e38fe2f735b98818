"""What a rollout method makes of answers by script, through the runner and its answer log."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from tasks.answers import AnswerLog
from tasks.core import record
from tasks.core.engine import Answer, Fake, Price, Request
from tasks.core.errors import TilthError
from tasks.core.method import get_method
from tasks.core.random import stream_key
from tasks.core.rollout import Context, Row
from tasks.cost import Spending
from tasks.draws import rows_of
from tasks.engines.fake import FakeEngine
from tasks.rollouts import run_rollouts
from tests.builders import ShardAsk

Says = str | Answer | TilthError


class Script(FakeEngine):
    """The fake engine, with answers, whole answers or errors that a function makes of the request."""

    def __init__(self, answer: Callable[[Request], Says]) -> None:
        super().__init__(Fake(type="fake"))
        self._says = answer

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request."""
        self.enqueue(*(self._says(request) for request in requests))
        return await super().complete(requests)


def cut(text: str) -> Answer:
    """Return an answer that ended at its limit of tokens."""
    return Answer(text, "length", 1, 1)


def batch_of(
    name: str,
    answer: Callable[[Request], Says],
    *,
    params: dict | None = None,
    seeds: pa.RecordBatch,
    pool: Sequence[Row] = (),
    start: int = 0,
    count: int = 1,
) -> tuple[pa.RecordBatch, list[str]]:
    """Return the complete records of some draws with a column `reason`, and the prompts they sent, as asked."""
    method = get_method(name)
    loaded = method.params.model_validate(params or {})
    context = Context([seeds], pool, stream_key(0, "stage"))
    rows = rows_of(seeds)
    each = [rows[(start + at) % len(rows)] for at in range(count)] if method.seeds(loaded) == "each" else None
    engine = Script(answer)
    with tempfile.TemporaryDirectory() as folder:
        log = AnswerLog(Path(folder) / "answers.sqlite")
        try:
            made = run_rollouts(
                ShardAsk(0, start, count),
                method,
                loaded,
                seed_rows=each,
                context=context,
                engine=engine,
                log=log,
                price=Price(),
                spending=Spending(),
            )
        finally:
            log.close()
    whole = record.complete(made.records, kind=method.kind, method=method.id, stage="stage", shard=0, row=0)
    prompts = ["\n".join(content for _, content in request.messages) for request in engine.history]
    return whole.append_column(record.REASON.with_nullable(True), made.records.column("reason")), prompts


def rows(batch: pa.RecordBatch) -> list[Row]:
    """Return records as dicts, `extra` parsed."""
    return rows_of(batch)
