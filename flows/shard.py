"""One shard, without Prefect: draw, judge, store."""

import time

import pyarrow.compute as pc

from flows.tracing import counts, span
from quality.checkpoint import judge
from quality.rule import configured
from tasks import generate
from tasks.core.manifest import ShardManifest
from tasks.core.store import Store
from tasks.draws import draw
from tasks.job import ShardJob
from tasks.readers.shards import SeedManifest


def make_shard(job: ShardJob, seeds: SeedManifest | None, store: Store) -> ShardManifest:
    """Return the manifest of a shard: the one in the store where it is finished, else made now."""
    with span(f"shard {job.stage} {job.shard}", recipe=job.recipe, stage=job.stage, shard=job.shard) as note:
        made = _made(job, seeds, store)
        note(**counts(made))
        return made


def _made(job: ShardJob, seeds: SeedManifest | None, store: Store) -> ShardManifest:
    if found := generate.load_shard(job.key, store):
        return found
    began = time.monotonic()
    drawn = draw(job, seeds, store)
    rules = [configured(name, params) for name, params in job.rules]
    reasons = pc.coalesce(drawn.reasons, judge(drawn.batch, rules))
    return generate.store_shard(job, drawn, reasons, store, seconds=round(time.monotonic() - began, 4))
