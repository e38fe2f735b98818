"""What tests build: seeds as record batches, and the output of one method as the pipeline would draw it."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.answers import AnswerLog
from tasks.core import record
from tasks.core.engine import Answer, Fake, Price, Request
from tasks.core.manifest import digest
from tasks.core.method import Draw, Made, Method, get_method
from tasks.core.random import stream, stream_key
from tasks.core.rollout import Context
from tasks.core.training import Trained, Training
from tasks.cost import Spending
from tasks.draws import rows_of
from tasks.engines.fake import FakeEngine
from tasks.rollouts import run_rollouts

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

needs_shared_data = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason="the shared test data (../shared/data) is not on this machine"
)


def seeds_of(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Return seeds as the seeds task writes them: known columns as they are, every other key in `extra`."""
    known = set(record.SCHEMA.names) - {"extra", "id"}
    names = sorted({key for row in rows for key in row if key in known})
    part = {name: [row.get(name) for row in rows] for name in names}
    extra = [{k: v for k, v in row.items() if k not in known} for row in rows]
    part["extra"] = [record.dumps(e) if e else None for e in extra]
    return record.complete(record.columns(**part), method="seeds@1", stage="seeds", shard=0, row=0)


def make(
    name: str,
    params: Mapping[str, Any],
    count: int,
    *,
    seeds: pa.RecordBatch | None = None,
    run_seed: int = 0,
    shard: int = 0,
    start: int = 0,
    base: Path = Path(),
) -> Made:
    """Return what one shard of a stage called `stage` draws; checks the params first, as a run does.

    Where seeds are given, draw i gets seed i modulo their number.
    """
    method = get_method(name)
    loaded = method.params.model_validate(dict(params), context={"base": base})
    if method.check:
        method.check(loaded)
    model = trained(method, loaded, seeds, run_seed) if method.fit else None
    all_seeds = seeds
    if seeds is not None and method.seeds(loaded) == "each":
        seeds = seeds.take(pa.array([(start + i) % seeds.num_rows for i in range(count)]))
    else:
        seeds = None
    if method.asks_engine(loaded):
        return _asked(method, loaded, ShardAsk(run_seed, start, count), seeds, all_seeds)
    draw = Draw(stream(run_seed, "stage", shard), count, start, stream_key(run_seed, "stage"), model)
    return method.run(seeds, loaded, draw)


_TRAINED: dict[str, Path] = {}


def trained(method: Method, params: Any, seeds: pa.RecordBatch | None, run_seed: int = 0) -> Path:
    """Return the folder of a model, trained once a process for the same seeds and params."""
    if seeds is None:
        raise ValueError(f"{method.name} trains on seeds")
    key = digest([method.id, method.trains_on(params), seeds.column("id").to_pylist(), run_seed])
    if key not in _TRAINED:
        home = Path(tempfile.mkdtemp(prefix="tilth-model-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        fit(method, params, seeds, home, run_seed=run_seed)
        _TRAINED[key] = home / "model"
    return _TRAINED[key]


def fit(method: Method, params: Any, seeds: pa.RecordBatch, home: Path, *, run_seed: int = 0) -> Trained:
    """Train a model into `home/model`, with `home/scratch` for its checkpoints; return what it says of itself."""
    for name in ("model", "scratch"):
        (home / name).mkdir(parents=True, exist_ok=True)
    name = f"fit {method.name}"
    return method.fit(
        Training(
            seeds=[seeds],
            rows=seeds.num_rows,
            params=params,
            rng=stream(run_seed, name),
            seed=stream_key(run_seed, name) >> 65,
            folder=home / "model",
            scratch=home / "scratch",
            progress=lambda _share, _words: None,
        )
    )


@dataclass(frozen=True)
class ShardAsk:
    """The part of a shard's job that the runner of rollouts reads."""

    run_seed: int
    start: int
    count: int
    stage: str = "stage"
    recipe: str = "test"


class Scripted(FakeEngine):
    """The fake engine, with answers that a function makes of the request."""

    def __init__(self, answers: Sequence[str] | Callable[[Request], str]) -> None:
        super().__init__(Fake(type="fake", answers=() if callable(answers) else tuple(answers)))
        self.answers = answers

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request."""
        if callable(self.answers):
            self.enqueue(*(self.answers(request) for request in requests))
        return await super().complete(requests)


def _asked(
    method: Method, params: Any, job: ShardAsk, seeds: pa.RecordBatch | None, all_seeds: pa.RecordBatch | None
) -> Made:
    from tests.methods.examples import ANSWERS

    context = Context([] if all_seeds is None else [all_seeds], [], stream_key(job.run_seed, job.stage))
    rows = None if seeds is None else rows_of(seeds)
    engine, spending = Scripted(ANSWERS[method.name]), Spending()
    with tempfile.TemporaryDirectory() as folder:
        log = AnswerLog(Path(folder) / "answers.sqlite")
        try:
            rolled = run_rollouts(job, method, params, rows, context, engine, log, Price(), spending)
        finally:
            log.close()
    return Made(rolled.records, rolled.stats)


def texts(made: Made) -> list[str]:
    """Return the texts of a method's accepted rows."""
    rows = made.records.to_pylist()
    return [row["text"] for row in rows if row.get("reason") is None]


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as JSON lines and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
