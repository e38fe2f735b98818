"""The draw of a shard: what a method made of it, as complete records with the method's own verdicts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core import record
from tasks.core.engine import load_spec
from tasks.core.errors import ShardError
from tasks.core.method import Draw, Method, get_method
from tasks.core.random import stream, stream_key
from tasks.core.recipe import Budget
from tasks.core.rollout import Context, Row
from tasks.core.store import Store
from tasks.cost import spending_of
from tasks.job import ShardJob
from tasks.readers.shards import SeedBatches, SeedManifest, SeedReader
from tasks.train import model_folder


@dataclass(frozen=True, slots=True)
class Drawn:
    """What `draws` draws gave: complete records, the method's own reject reason of each (null: none), and counters.

    `failed` counts draws that gave nothing, by reason; `stopped` says why not all draws of the job were made.
    """

    batch: pa.RecordBatch
    reasons: pa.Array
    draws: int
    stats: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    stopped: str = ""


def draw(job: ShardJob, seeds: SeedManifest | None, store: Store) -> Drawn:
    """Return what the draws of a shard gave; ShardError where the method breaks its contract."""
    method, params = _loaded(job)
    seed_batch = None
    if seeds is not None and method.seeds(params) == "each":
        seed_batch = SeedReader(seeds).take(seed_rows(job, seeds.accepted))
    if method.asks_engine(params):
        return _asked(job, seeds, seed_batch, store)
    rng = stream(job.run_seed, job.stage, job.shard)
    model = model_folder(job.model) if job.model else None
    shard_draw = Draw(rng, job.count, job.start, stream_key(job.run_seed, job.stage), model)
    made = method.run(seed_batch, params, shard_draw)  # type: ignore[misc]
    rows = made.records.num_rows
    if rows > job.count:
        raise ShardError(f"{method.id} made {rows} records for {job.count} draws of stage '{job.stage}'")
    missing = {"not_made": job.count - rows} if rows < job.count else {}
    return Drawn(*_completed(job, method, made.records, seed_batch), job.count, made.stats, missing)


def _loaded(job: ShardJob) -> tuple[Method, Any]:
    method = get_method(job.method)
    return method, method.params.model_validate(dict(job.params), context={"base": None})


def _asked(job: ShardJob, seeds: SeedManifest | None, seed_batch: pa.RecordBatch | None, store: Store) -> Drawn:
    """Return what a method gave that asks an engine; where a budget or the engine ends it, what there is by then."""
    from tasks.answers import open_log  # noqa: PLC0415 - a batch shard needs no event loop
    from tasks.rollouts import BudgetReached, EngineGone, engine_for, run_rollouts  # noqa: PLC0415

    method, params = _loaded(job)
    ask = job.ask or {}
    spec = load_spec(ask["spec"])
    pool = [row for key in job.pool for row in rows_of(pq.read_table(store.local(key)))]
    context = Context(SeedBatches(seeds) if seeds else (), pool, stream_key(job.run_seed, job.stage))
    stopped = ""
    with spending_of(ask.get("run"), Budget(**ask.get("budget") or {})) as spending:
        try:
            rolled = run_rollouts(
                job,
                method,
                params,
                rows_of(seed_batch) if seed_batch is not None else None,
                context,
                engine_for(spec),
                open_log(),
                spec.price,
                spending,
            )
        except (BudgetReached, EngineGone) as exc:
            rolled, stopped = exc.rolled, str(exc)
    batch, reasons = _completed(job, method, rolled.records, seed_batch)
    return Drawn(batch, reasons, rolled.draws, rolled.stats, rolled.failed, stopped)


def _completed(
    job: ShardJob, method: Method, records: pa.RecordBatch, seed_batch: pa.RecordBatch | None
) -> tuple[pa.RecordBatch, pa.Array]:
    part = _with_seeds(records, seed_batch, method.keeps)
    part = part.append_column("row", pa.array(np.arange(records.num_rows, dtype=np.int32)))
    batch = record.complete(
        part, kind=method.kind, method=method.id, stage=job.stage, shard=job.shard, engine=job.engine
    )
    named = records.schema.names
    reasons = records.column("reason") if "reason" in named else pa.nulls(records.num_rows, pa.string())
    return batch, reasons


def rows_of(batch: pa.RecordBatch | pa.Table) -> list[Row]:
    """Return records as dicts, `extra` parsed."""
    rows: list[Row] = batch.to_pylist()
    for row in rows:
        row["extra"] = json.loads(row["extra"]) if row.get("extra") else {}
    return rows


def seed_rows(job: ShardJob, seeds: int) -> npt.NDArray[np.int64]:
    """Return the seed of each draw: in turn, over and over; `per_seed` draws of one seed follow each other."""
    draws = np.arange(job.start, job.start + job.count, dtype=np.int64)
    return draws // job.per_seed if job.per_seed else draws % seeds


def _with_seeds(made: pa.RecordBatch, seeds: pa.RecordBatch | None, keeps: tuple[str, ...]) -> pa.RecordBatch:
    """Add what comes from the seeds: `seed_ids`, and the kept columns that the method did not give itself."""
    if seeds is None:
        return made
    if "seed_row" in made.schema.names:
        seeds = seeds.take(made.column("seed_row"))
    elif made.num_rows != seeds.num_rows:
        raise ShardError(f"{made.num_rows} records from {seeds.num_rows} seeds without a column 'seed_row'")
    if "seed_ids" not in made.schema.names:
        offsets = pa.array(np.arange(len(seeds) + 1, dtype=np.int32))
        made = made.append_column("seed_ids", pa.ListArray.from_arrays(offsets, seeds.column("id")))
    for name in keeps:
        if name not in made.schema.names:
            made = made.append_column(name, seeds.column(name))
    return made
