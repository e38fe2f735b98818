"""Seeds: what the user brings, read into records, checked cheaply before a run and kept as Parquet shards."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from tasks.core import record
from tasks.core.errors import RecipeError
from tasks.core.source import MAPPABLE, SeedSource
from tasks.readers import delimited, hub, json_document, jsonl, parquet, text
from tasks.readers.block import UNITS, Block, Defect, SourceFile
from tasks.readers.files import located
from tasks.readers.mapping import Converted, convert, nothing, plan
from tasks.readers.s3 import local_source
from tasks.readers.shards import SeedManifest, SeedReader, ShardWriter, existing

__all__ = ["Read", "SeedManifest", "SeedReader", "SourceInfo", "check_source", "digest", "load", "read"]

METHOD = "seeds@1"
_CHECKED_ROWS = 1000
# A folder of thousands of files is still checked in a moment; all of them are read when the run starts.
_CHECKED_FILES = 16
_MAX_ROWS = 2**31 - 1
_NAMES_KEPT = 1000


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source is, by its first rows: its files, the record columns that are filled, the keys of `extra`."""

    files: tuple[str, ...]
    formats: tuple[str, ...]
    columns: tuple[str, ...]
    extra: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a method may ask for: record columns, then keys of `extra`."""
        return (*self.columns, *self.extra)


@dataclass(frozen=True, slots=True)
class Read:
    """Some rows of a source: records (SCHEMA), rejects (REJECT_SCHEMA), and the keys that are in `extra`.

    `row` is the index in the source, over accepted and rejected rows together.
    """

    records: pa.RecordBatch
    rejects: pa.RecordBatch
    extra_names: tuple[str, ...] = ()


def check_source(source: SeedSource, base: Path) -> SourceInfo:
    """Return what a source holds by the first rows of its first files; cheap, whatever its size.

    Errors: RecipeError where a file is not there, cannot be read or has no known format, where a mapped column is
    missing, where a first row is broken and errors stop, and where there are no records.
    """
    source = local_source(source, first=_CHECKED_FILES)
    files = located(source, base)
    for file in files:
        _check_readable(file)
    heads = [found for file in files[:_CHECKED_FILES] if (found := _first_rows(source, file))]
    rest = iter(files[_CHECKED_FILES:])
    while not heads and (file := next(rest, None)) is not None:
        heads = [found] if (found := _first_rows(source, file)) else []
    if not heads:
        raise _no_records(source)
    parts = [head.part.slice(0, _CHECKED_ROWS) for head in heads]
    filled = _filled(parts)
    kinds = {kind for part in parts for kind in part.column("kind").to_pylist()}
    return SourceInfo(
        files=tuple(file.name for file in files),
        formats=tuple(sorted({file.format for file in files})),
        columns=tuple(name for name in MAPPABLE if name in filled),
        extra=tuple(sorted({name for head in heads for name in head.extra_names})),
        kinds=tuple(kind for kind in record.KINDS if kind in kinds),
    )


def _check_readable(file: SourceFile) -> None:
    try:
        if file.format != "hf":
            file.path.open("rb").close()
    except OSError as exc:
        file.fail(f"cannot read it: {exc.strerror}")


def _first_rows(source: SeedSource, file: SourceFile) -> Converted | None:
    return next((found for found in _converted(source, file, source.limit) if found.part.num_rows), None)


def _filled(parts: Sequence[pa.RecordBatch]) -> set[str]:
    return {name for part in parts for name in MAPPABLE if part.column(name).null_count < part.num_rows}


def _no_records(source: SeedSource) -> RecipeError:
    return RecipeError(f"no records in {source.path}")


def digest(source: SeedSource, base: Path) -> str:
    """Return 32 hex digits of all that decides what is read: names and bytes of the files, mapping, options.

    A dataset of the hub counts by its commit. Source: xxh3-128 (https://github.com/Cyan4973/xxHash).
    """
    state = xxhash.xxh3_128()
    options = source.model_dump(mode="json", exclude={"path"})
    state.update(record.dumps({**options, "columns": sorted(source.columns.items())}).encode())
    for file in located(local_source(source), base):
        for name, path in _bytes_of(file):
            state.update(f"\x1e{file.format}\x1f{name}\x1f".encode(errors="surrogateescape"))
            state.update(_file_digest(file, path))
        if file.format == "hf" and not file.path.is_dir():
            state.update(f"\x1e{file.name}\x1f{hub.revision(file, source)}".encode())
    return state.hexdigest()


def _bytes_of(file: SourceFile) -> list[tuple[str, Path]]:
    """Return (name, path) of the files behind one: itself, or those of a saved dataset without its caches."""
    if not file.path.is_dir():
        return [] if file.format == "hf" else [(file.name, file.path)]
    below = [path for path in file.path.rglob("*") if path.is_file() and not path.name.startswith("cache-")]
    return sorted((path.relative_to(file.path).as_posix(), path) for path in below)


def _file_digest(file: SourceFile, path: Path) -> bytes:
    state = xxhash.xxh3_128()
    try:
        with path.open("rb") as stream:
            while piece := stream.read(2**20):
                state.update(piece)
    except OSError as exc:
        file.fail(f"cannot read it: {exc.strerror}")
    return state.digest()


def read(source: SeedSource, base: Path, *, name: str = "seeds", batch_rows: int = 20_000) -> Iterator[Read]:
    """Return the rows of a source in order, at most `batch_rows` records at a time, in bounded memory.

    `name` becomes the stage of the records. Errors: RecipeError as `reviews.jsonl line 17: ...` where a row is broken
    and errors stop, and where a file cannot be read to its end, whatever `on_error` says.
    """
    seen, left = 0, source.limit
    for file in located(local_source(source), base):
        for found in _converted(source, file, left):
            left = None if left is None else left - found.part.num_rows
            for batch in _as_reads(found, file, name, first=seen, batch_rows=batch_rows):
                seen += batch.records.num_rows + batch.rejects.num_rows
                yield batch
            if seen > _MAX_ROWS:
                raise RecipeError(f"{source.path} has over {_MAX_ROWS:,} rows; split it, or set limit")
            if left == 0:
                return


def _converted(source: SeedSource, file: SourceFile, left: int | None) -> Iterator[Converted]:
    """Return the blocks of a file as record columns, at most `left` rows; raises for a defect where errors stop."""
    how = None
    for block in _blocks(source, file):
        if how is None and len(block):
            how = plan(source.columns, block.names, file.name)
        found = convert(block, how) if how else nothing(block)
        if left is not None:
            found = _first(found, left)
            left -= found.part.num_rows
        if found.defects and source.on_error == "stop":
            first = min(found.defects, key=lambda defect: defect.place)
            file.fail(first.detail, first.place)
        yield found
        if left == 0:
            return


def _first(found: Converted, count: int) -> Converted:
    """Return the first `count` rows, and the defects before the last of them."""
    if found.part.num_rows < count:
        return found
    last = int(found.places[count - 1])
    before = tuple(defect for defect in found.defects if defect.place < last)
    return Converted(found.part.slice(0, count), found.places[:count], before, found.extra_names)


def _blocks(source: SeedSource, file: SourceFile) -> Iterator[Block]:
    match file.format:
        case "jsonl":
            return jsonl.blocks(file)
        case "json":
            return json_document.blocks(file)
        case "csv":
            return delimited.blocks(file, source)
        case "parquet":
            return parquet.blocks(file)
        case "text":
            return text.lines(file) if source.text_mode == "line" else text.whole_file(file)
        case "hf":
            return hub.blocks(file, source)


def _as_reads(found: Converted, file: SourceFile, name: str, *, first: int, batch_rows: int) -> Iterator[Read]:
    """Return a block as records with their row numbers; its rejects come with its last records."""
    defects = sorted(found.defects, key=lambda defect: defect.place)
    places = np.concatenate([found.places, np.array([defect.place for defect in defects], dtype=np.int64)])
    rows = first + np.argsort(np.argsort(places, kind="stable"), kind="stable")
    good = found.part.num_rows
    part = found.part.append_column("row", pa.array(rows[:good], pa.int32()))
    rejects = _rejects(defects, rows[good:], file, name)
    for start in range(0, max(good, 1), batch_rows):
        chunk = part.slice(start, batch_rows)
        is_last = start + batch_rows >= good
        records = record.complete(chunk, method=METHOD, stage=name, shard=0)
        yield Read(records, rejects if is_last else rejects.slice(0, 0), found.extra_names)


def _rejects(defects: Sequence[Defect], rows: Any, file: SourceFile, name: str) -> pa.RecordBatch:
    unit = UNITS[file.format]
    part = record.columns(
        text=pa.array([_writable(defect.raw) for defect in defects], pa.string()),
        row=pa.array(rows, pa.int32()),
        extra=pa.array(
            [
                record.dumps({"file": _writable(file.name), unit: defect.place, "error": _writable(defect.detail)})
                for defect in defects
            ],
            pa.string(),
        ),
    )
    full = record.complete(part, method=METHOD, stage=name, shard=0)
    reasons = pa.array([defect.reason for defect in defects], pa.string())
    return pa.RecordBatch.from_arrays([*full.columns, reasons], schema=record.REJECT_SCHEMA)


def _writable(raw: str) -> str:
    return raw.encode(errors="backslashreplace").decode()


def load(source: SeedSource, name: str, base: Path, folder: Path, rows_per_shard: int = 100_000) -> SeedManifest:
    """Return the manifest of the source's records as Parquet shards in `folder`, which is made where it is not there.

    Shards appear whole, the manifest after them; where the manifest of the same digest is there, nothing is read again.
    Errors: RecipeError as in `read`, and where there are no records.
    """
    key = digest(source, base)
    if (have := existing(folder, name, key, rows_per_shard)) is not None:
        return have
    rejected: Counter[str] = Counter()
    names: dict[str, None] = {}
    with ShardWriter(folder, rows_per_shard) as writer:
        for found in read(source, base, name=name):
            writer.write(found.records, found.rejects)
            rejected.update(found.rejects.column("reason").to_pylist())
            names |= dict.fromkeys(name for name in MAPPABLE if name in _filled([found.records]))
            names |= dict.fromkeys(islice(found.extra_names, _NAMES_KEPT))
        if not writer.rows:
            raise _no_records(source)
        counts = dict(sorted(rejected.items()))
        return writer.finish(name=name, digest=key, rejected=counts, columns=tuple(sorted(names)[:_NAMES_KEPT]))
