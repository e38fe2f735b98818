"""What is written of a shard: its accepted and its rejected records, then its manifest."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from tasks.core import record
from tasks.core.errors import ShardError
from tasks.core.manifest import FileRef, ShardManifest, added, digest
from tasks.core.store import Store
from tasks.draws import Drawn
from tasks.job import ShardJob

# Ids are random digits and texts rarely repeat: a dictionary of them costs time and saves nothing.
_DICTIONARY = [name for name in record.SCHEMA.names if name not in {"id", "text", "target", "row", "extra"}]
# A stage that reads these records as seeds decodes whole row groups.
_GROUP_ROWS = 25_000
_NO_STATISTICS = {"id", "text", "target", "extra"}


def manifest_key(key: str) -> str:
    """Return where the manifest of a shard lies; it is written after the shard's files."""
    return f"shards/{key[:2]}/{key}.json"


def store_shard(job: ShardJob, drawn: Drawn, reasons: pa.Array, store: Store, *, seconds: float = 0.0) -> ShardManifest:
    """Write the accepted and the rejected records of a shard, then its manifest, and return that.

    A shard that ended early gets a key of its own: the job is not done, and another run goes on with it.
    """
    batch = drawn.batch
    key = job.key if not drawn.stopped else digest([job.key, "until", drawn.draws, drawn.batch.num_rows])
    good = pc.is_null(reasons)
    accepted, data = int(pc.sum(good).as_py() or 0), None
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
        seen=batch.num_rows + sum(drawn.failed.values()),
        accepted=accepted,
        rejected=counted(reasons),
        failed=dict(drawn.failed),
        stats=dict(drawn.stats),
        data=data,
        rejects=rejects,
        draws=drawn.draws,
        stopped=drawn.stopped,
        seconds=seconds,
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
        seconds=shard.seconds,
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
