"""Seeds at rest: Parquet shards with a manifest, written once and read by row index."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core import record
from tasks.core.errors import ShardError

MANIFEST = "manifest.json"
GROUP_ROWS = 10_000
# Row groups that are decoded at the same time when rows are picked from all over: about 20 MB of short texts.
_GROUPS_AT_ONCE = 8
# Ids and texts hardly ever repeat, and a dictionary of them is built in vain.
_REPEATING = ["kind", "label", "method", "stage", "shard", "engine"]


@dataclass(frozen=True, slots=True)
class SeedManifest:
    """The shards of a source: file names in `folder` with their rows; `seen` = `accepted` + rejected, exactly.

    `columns` are record columns that are filled somewhere and keys of `extra`, sorted, the first 1,000.
    """

    name: str
    digest: str
    folder: str
    rows_per_shard: int
    seen: int
    accepted: int
    shards: tuple[tuple[str, int], ...]
    rejected: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    rejects: str | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of the shards, in order."""
        return tuple(Path(self.folder) / name for name, _rows in self.shards)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the manifest that `to_json` gave."""
        shards = tuple((str(name), int(rows)) for name, rows in value["shards"])
        return cls(**{**value, "shards": shards, "columns": tuple(value["columns"])})


def existing(folder: Path, name: str, digest: str, rows_per_shard: int) -> SeedManifest | None:
    """Return the manifest in `folder` if it is of this source and its shards are there; else None."""
    try:
        found = SeedManifest.from_json(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if (found.name, found.digest, found.rows_per_shard) != (name, digest, rows_per_shard):
        return None
    found = replace(found, folder=str(folder))
    return found if all(path.is_file() for path in found.paths) else None


class ShardWriter:
    """Writes records into shards of a given number of rows; each file appears whole, by rename."""

    def __init__(self, folder: Path, rows_per_shard: int) -> None:
        if rows_per_shard < 1:
            raise ValueError(f"rows_per_shard {rows_per_shard} is below 1")
        self.folder, self.rows_per_shard = folder, rows_per_shard
        self.rows = self.seen = 0
        self.shards: list[tuple[str, int]] = []
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._shard: _File | None = None
        self._rejects: _File | None = None

    def __enter__(self) -> Self:
        """Empty the folder of an earlier source's shards; its manifest goes first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MANIFEST).unlink(missing_ok=True)
        for pattern in ("seeds-*.parquet*", "rejects-*.parquet*"):
            for path in self.folder.glob(pattern):
                path.unlink()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _at: TracebackType | None
    ) -> None:
        for file in (self._shard, self._rejects):
            if file is not None:
                file.drop()

    def write(self, records: pa.RecordBatch, rejects: pa.RecordBatch) -> None:
        """Add records and rejects."""
        self.seen += records.num_rows + rejects.num_rows
        self.rows += records.num_rows
        if rejects.num_rows:
            self._rejects = self._rejects or _File(self.folder / "rejects-00000.parquet", record.REJECT_SCHEMA)
            self._rejects.write(pa.Table.from_batches([rejects]))
        if records.num_rows:
            self._pending.append(records)
            self._pending_rows += records.num_rows
        while self._pending_rows >= self._wanted():
            self._write_group(self._wanted())

    def _wanted(self) -> int:
        """Rows of the next row group: a full one, or what the shard still lacks."""
        written = self._shard.rows if self._shard else 0
        return min(GROUP_ROWS, self.rows_per_shard - written)

    def _write_group(self, rows: int) -> None:
        table = pa.Table.from_batches(self._pending)
        self._pending = table.slice(rows).to_batches()
        self._pending_rows -= rows
        number = len(self.shards)
        if self._shard is None:
            self._shard = _File(self.folder / f"seeds-{number:05d}.parquet", record.SCHEMA)
        place = record.SCHEMA.get_field_index("shard")
        shard = pa.repeat(pa.scalar(number, pa.int32()), rows)
        self._shard.write(table.slice(0, rows).set_column(place, record.SCHEMA.field("shard"), shard))
        if self._shard.rows == self.rows_per_shard:
            self._close_shard()

    def _close_shard(self) -> None:
        if self._shard is not None:
            self.shards.append((self._shard.path.name, self._shard.rows))
            self._shard.publish()
            self._shard = None

    def finish(self, *, name: str, digest: str, rejected: Mapping[str, int], columns: tuple[str, ...]) -> SeedManifest:
        """Write what is left, then the manifest, and return it."""
        if self._pending_rows:
            self._write_group(self._pending_rows)
        self._close_shard()
        if self._rejects is not None:
            self._rejects.publish()
        manifest = SeedManifest(
            name=name,
            digest=digest,
            folder=str(self.folder),
            rows_per_shard=self.rows_per_shard,
            seen=self.seen,
            accepted=self.rows,
            shards=tuple(self.shards),
            rejected=rejected,
            columns=columns,
            rejects=self._rejects.path.name if self._rejects else None,
        )
        self._rejects = None
        _put(self.folder / MANIFEST, manifest)
        return manifest


def _put(path: Path, manifest: SeedManifest) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(manifest.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    temporary.replace(path)


class _File:
    """A Parquet file that has its name only when it is whole."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.rows = path, 0
        self._temporary = path.with_name(f"{path.name}.tmp")
        self._writer = pq.ParquetWriter(
            self._temporary, schema, compression="zstd", use_dictionary=_REPEATING, write_statistics=False
        )

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=GROUP_ROWS)
        self.rows += table.num_rows

    def publish(self) -> None:
        self._writer.close()
        self._temporary.replace(self.path)

    def drop(self) -> None:
        self._writer.close()
        self._temporary.unlink(missing_ok=True)


class SeedReader:
    """Picks records by their index over all shards of a manifest; only the row groups that hold them are read."""

    def __init__(self, manifest: SeedManifest) -> None:
        if not manifest.accepted:
            raise ValueError(f"seeds '{manifest.name}' have no records")
        self.manifest = manifest
        self.rows = manifest.accepted
        self._groups, sizes = _layout(manifest)
        # Where each row group starts in the whole: (groups + 1,)
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def take(self, indices: npt.NDArray[np.integer[Any]]) -> pa.RecordBatch:
        """Return the records at `indices`, in their order; an index past the last record goes round from the first.

        Errors: ShardError where a shard is gone or broken.
        """
        wanted = indices.astype(np.int64) % self.rows if indices.dtype != np.uint64 else _wrapped(indices, self.rows)
        if not wanted.size:
            return pa.RecordBatch.from_pylist([], schema=record.SCHEMA)
        groups = np.searchsorted(self._starts, wanted, side="right") - 1
        order = np.argsort(groups, kind="stable")
        tables = [self._picked(wanted, groups, some) for some in _runs(order, groups)]
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        found = pa.concat_tables(tables)
        if not np.array_equal(order, np.arange(len(order))):
            found = found.take(pa.array(back))
        return found.combine_chunks().to_batches()[0]

    def _picked(
        self, wanted: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], some: npt.NDArray[np.int64]
    ) -> pa.Table:
        """Return the rows at positions `some` of `wanted`, which lie in a few groups."""
        needed, local = np.unique(groups[some], return_inverse=True)
        sizes = self._starts[needed + 1] - self._starts[needed]
        firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        rows = wanted[some] - self._starts[needed][local] + firsts[local]
        return self._read(needed.tolist()).take(pa.array(rows))

    def _read(self, groups: Iterable[int]) -> pa.Table:
        by_file: dict[Path, list[int]] = {}
        for group in groups:
            path, number = self._groups[group]
            by_file.setdefault(path, []).append(number)
        return pa.concat_tables([_row_groups(path, numbers) for path, numbers in by_file.items()])


class SeedBatches:
    """All records of a manifest in order, batch by batch, as often as asked."""

    def __init__(self, manifest: SeedManifest) -> None:
        self.manifest = manifest

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for path in self.manifest.paths:
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(GROUP_ROWS)


def _wrapped(indices: npt.NDArray[Any], rows: int) -> npt.NDArray[np.int64]:
    return (indices % np.uint64(rows)).astype(np.int64)


def _runs(order: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Return `order` (sorted by group) cut so that each piece touches a bounded number of groups."""
    ranks = np.unique(groups[order], return_inverse=True)[1]
    cuts = np.flatnonzero(np.diff(ranks // _GROUPS_AT_ONCE)) + 1
    return np.split(order, cuts)


def _layout(manifest: SeedManifest) -> tuple[list[tuple[Path, int]], list[int]]:
    groups: list[tuple[Path, int]] = []
    sizes: list[int] = []
    for path in manifest.paths:
        meta = _metadata(path)
        groups += [(path, number) for number in range(meta.num_row_groups)]
        sizes += [meta.row_group(number).num_rows for number in range(meta.num_row_groups)]
    if sum(sizes) != manifest.accepted:
        raise ShardError(f"shards of seeds '{manifest.name}' hold {sum(sizes)} of {manifest.accepted} records")
    return groups, sizes


def _metadata(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid) as exc:
        raise ShardError(f"cannot read seed shard '{path}': {exc}") from exc


def _row_groups(path: Path, numbers: list[int]) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            return file.read_row_groups(numbers)
    except (OSError, pa.ArrowInvalid) as exc:
        raise ShardError(f"cannot read seed shard '{path}': {exc}") from exc
