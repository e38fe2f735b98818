"""The leak check of a run: what one stage masked may stand in no record of it, nor of the stages after it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from quality.leak import Values, telling_originals
from tasks.core.manifest import FileRef, StageManifest
from tasks.core.store import Store
from tasks.plan import StagePlan
from tasks.readers.shards import SeedBatches, SeedManifest

_SHOWN = 3


@dataclass(slots=True)
class Hidden:
    """The values that stages have masked so far, as keyed hashes, and the stages that must not hold them."""

    values: Values = field(default_factory=Values)
    stages: set[str] = field(default_factory=set)

    def check(self, staged: StagePlan, manifest: StageManifest, seeds: SeedManifest | None, store: Store) -> str:
        """Return why the run must stop, or an empty string."""
        name = staged.stage.name
        if not staged.method.hides and self.stages.isdisjoint(staged.stage.inputs):
            return ""
        self.stages.add(name)
        return leak_check(self, manifest, seeds if staged.method.hides else None, store)


@task(name="leak check", task_run_name="{manifest.stage} · leak check", cache_policy=NO_CACHE, persist_result=False)
def leak_check(hidden: Hidden, manifest: StageManifest, seeds: SeedManifest | None, store: Store) -> str:
    """Look for every masked value, in all its forms, in every text column of a stage's records and rejects."""
    if seeds is not None:
        hidden.values.add(telling_originals(_batches(manifest.files, store), SeedBatches(seeds)))
    rejects = [file for shard in manifest.shards for file in shard.rejects]
    rows, where = 0, []
    for batch in _batches([*manifest.files, *rejects], store):
        rows += batch.num_rows
        where += batch.filter(hidden.values.scan(batch)).column("id").to_pylist()
    get_run_logger().info("%s: %d of %d rows hold a value that was masked", manifest.stage, len(where), rows)
    if not where:
        return ""
    shown = ", ".join(where[:_SHOWN])
    return f"{len(where):,} of its rows hold a value that was masked elsewhere (ids {shown}): nothing is released"


def _batches(files: Sequence[FileRef], store: Store) -> Iterator[pa.RecordBatch]:
    for file in files:
        with pq.ParquetFile(store.local(file.key)) as parquet:
            yield from parquet.iter_batches()
