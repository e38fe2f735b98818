"""One shard: its job, the draw, and what of it is written."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from tasks.core import record
from tasks.core.errors import ShardError
from tasks.core.manifest import FileRef, ShardManifest, added, digest
from tasks.core.method import Draw, Made, get_method
from tasks.core.random import stream, stream_key
from tasks.core.store import Store
from tasks.readers.shards import SeedManifest, SeedReader
from tasks.train import model_folder

# Part of every cache key: raise it when what the runner writes for the same draw changes.
RECORD_VERSION = 2
# Ids are random digits and texts rarely repeat: a dictionary of them costs time and saves nothing.
_DICTIONARY = [name for name in record.SCHEMA.names if name not in {"id", "text", "target", "row", "extra"}]
# A stage that reads these records as seeds decodes whole row groups.
_GROUP_ROWS = 25_000
_NO_STATISTICS = {"id", "text", "target", "extra"}


@dataclass(frozen=True, slots=True)
class ShardJob:
    """Everything that a shard is a function of, as JSON; `key` is the digest of it.

    `model` is the id of the trained model that draws from, `pool` the files of earlier rounds, `ask` the engine's spec.
    """

    recipe: str
    stage: str
    method: str
    params: Mapping[str, Any]
    run_seed: int
    shard: int
    start: int
    count: int
    per_seed: int | None
    inputs: tuple[str, ...]
    rules: tuple[tuple[str, Mapping[str, Any]], ...]
    engine: str | None = None
    model: str | None = None
    pool: tuple[str, ...] = ()
    ask: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """The cache key: the recipe's own name is no part of it, so two recipes share what is the same.

        Nor is how the engine is reached (`ask`): `engine` is its identity.
        """
        return digest([RECORD_VERSION, {**asdict(self), "recipe": "", "ask": None}])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        rules = tuple((name, params) for name, params in value["rules"])
        listed = {name: tuple(value[name]) for name in ("inputs", "pool")}
        return cls(**{**value, **listed, "rules": rules})


def manifest_key(key: str) -> str:
    """Return where the manifest of a shard lies; it is written after the shard's files."""
    return f"shards/{key[:2]}/{key}.json"


def draw(job: ShardJob, seeds: SeedManifest | None) -> tuple[pa.RecordBatch, pa.Array, Made]:
    """Return the completed records of a shard, the method's own reject reason of each (null: none), and what was made.

    Raises ShardError where the method breaks its contract.
    """
    method = get_method(job.method)
    params = method.params.model_validate(dict(job.params), context={"base": None})
    seed_batch = None
    if seeds is not None and method.seeds(params) == "each":
        seed_batch = SeedReader(seeds).take(seed_rows(job, seeds.accepted))
    rng = stream(job.run_seed, job.stage, job.shard)
    model = model_folder(job.model) if job.model else None
    made = method.run(seed_batch, params, Draw(rng, job.count, job.start, stream_key(job.run_seed, job.stage), model))
    rows = made.records.num_rows
    if rows > job.count:
        raise ShardError(f"{method.id} made {rows} records for {job.count} draws of stage '{job.stage}'")
    part = _with_seeds(made.records, seed_batch, method.keeps)
    part = part.append_column("row", pa.array(np.arange(rows, dtype=np.int32)))
    batch = record.complete(
        part, kind=method.kind, method=method.id, stage=job.stage, shard=job.shard, engine=job.engine
    )
    named = made.records.schema.names
    reason = made.records.column("reason") if "reason" in named else pa.nulls(rows, pa.string())
    return batch, reason, made


def seed_rows(job: ShardJob, seeds: int) -> np.ndarray[Any, np.dtype[np.int64]]:
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


def store_shard(job: ShardJob, batch: pa.RecordBatch, reasons: pa.Array, made: Made, store: Store) -> ShardManifest:
    """Write the accepted and the rejected records of a shard, then its manifest, and return that."""
    key = job.key
    good = pc.is_null(reasons)
    accepted, data = int(pc.sum(good).as_py() or 0), None
    missing = job.count - batch.num_rows
    rejects: tuple[FileRef, ...] = ()
    if accepted:
        kept = batch if accepted == batch.num_rows else batch.filter(good)
        data = write(kept, f"shards/{key[:2]}/{key}.parquet", store)
    if accepted < batch.num_rows:
        rejects = (_write_rejects(batch, reasons, f"shards/{key[:2]}/{key}.rejects.parquet", store),)
    manifest = ShardManifest(
        key=key,
        shard=job.shard,
        start=job.start,
        seen=job.count,
        accepted=accepted,
        rejected=counted(reasons),
        failed={"not_made": missing} if missing else {},
        stats=dict(made.stats),
        data=data,
        rejects=rejects,
        draws=job.count,
    )
    return _store_manifest(manifest, store)


def settle(shard: ShardManifest, reasons: pa.Array, store: Store) -> ShardManifest:
    """Return the shard without the records that have a reason (`duplicate` of an earlier one, `surplus`), if any.

    `reasons` has one entry for each accepted record. The trimmed shard gets a key, files and a manifest of its own.
    """
    if reasons.null_count == len(reasons) or shard.data is None:
        return shard
    key = digest([shard.key, reasons.to_pylist()])
    if found := load_shard(key, store):
        return found
    batch = load_records(shard, store)
    kept = batch.filter(pc.is_null(reasons))
    data = write(kept, f"shards/{key[:2]}/{key}.parquet", store) if kept.num_rows else None
    dropped = _write_rejects(batch, reasons, f"shards/{key[:2]}/{key}.rejects.parquet", store)
    manifest = ShardManifest(
        key=key,
        shard=shard.shard,
        start=shard.start,
        seen=shard.seen,
        accepted=kept.num_rows,
        rejected=added([shard.rejected, counted(reasons)]),
        failed=shard.failed,
        stats=shard.stats,
        data=data,
        rejects=(*shard.rejects, dropped),
        draws=shard.draws,
        stopped=shard.stopped,
    )
    return _store_manifest(manifest, store)


def load_records(shard: ShardManifest, store: Store) -> pa.RecordBatch:
    """Return the accepted records of a shard that has some."""
    if shard.data is None:
        raise ShardError(f"shard {shard.shard} of {shard.key} has no records")
    return pq.read_table(store.local(shard.data.key), schema=record.SCHEMA).combine_chunks().to_batches()[0]


def load_shard(key: str, store: Store) -> ShardManifest | None:
    """Return the manifest of a finished shard whose files are all there, else None."""
    if not store.exists(manifest_key(key)):
        return None
    manifest = ShardManifest.from_json(json.loads(store.read(manifest_key(key))))
    files = [*manifest.rejects, *([manifest.data] if manifest.data else [])]
    return manifest if all(store.exists(file.key) for file in files) else None


def _store_manifest(manifest: ShardManifest, store: Store) -> ShardManifest:
    store.write(manifest_key(manifest.key), record.dumps(manifest.to_json()).encode())
    return manifest


def counted(reasons: pa.Array) -> dict[str, int]:
    """Return how often each reason occurs, nulls left out."""
    return {entry["values"]: entry["counts"] for entry in reasons.drop_null().value_counts().to_pylist()}


def _write_rejects(batch: pa.RecordBatch, reasons: pa.Array, key: str, store: Store) -> FileRef:
    bad = pc.is_valid(reasons)
    rejected = batch.filter(bad).append_column(record.REASON, reasons.filter(bad))
    return write(rejected, key, store)


def write(batch: pa.RecordBatch | pa.Table, key: str, store: Store) -> FileRef:
    """Write records as a zstd Parquet file under `key` and return its reference."""
    table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
    with store.writing(key) as path:
        pq.write_table(
            table,
            path,
            compression="zstd",
            compression_level=1,
            row_group_size=_GROUP_ROWS,
            use_dictionary=[name for name in _DICTIONARY if name in table.schema.names],
            write_statistics=[name for name in table.schema.names if name not in _NO_STATISTICS],
        )
        size, hashed = path.stat().st_size, _file_digest(path)
    return FileRef(key, table.num_rows, size, hashed)


def _file_digest(path: Path) -> str:
    hasher = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()
