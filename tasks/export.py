"""The release: Parquet in a layout that trainers read, the rejects beside it, optional JSONL, the manifest."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.core import record
from tasks.core.errors import UserError
from tasks.core.manifest import FileRef, StageManifest
from tasks.core.recipe import Layout
from tasks.core.store import Store
from tasks.readers.shards import SeedManifest

# What TRL's SFTTrainer reads (https://huggingface.co/docs/trl/dataset_formats): language modeling, prompt-completion,
# conversational. Further columns would be carried along, so a layout holds these alone.
LAYOUTS: dict[Layout, tuple[str, ...]] = {
    "records": tuple(record.SCHEMA.names),
    "text": ("text",),
    "instruction": ("prompt", "completion"),
    "chat": ("messages",),
    "preference": ("prompt", "chosen", "rejected"),
}


@dataclass(frozen=True, slots=True)
class Exported:
    """One file of a release: its path below OUT, rows, bytes and the digest of the shard that it came from."""

    path: str
    rows: int
    bytes: int
    shard: str


def export_data(stages: Sequence[StageManifest], layout: Layout, store: Store, folder: Path) -> list[Exported]:
    """Write `data/<stage>-00000-of-00004.parquet` for every shard of every stage and return the files, in order.

    The layout `records` links the shards as they are; the others are cut to what a trainer reads.
    """
    (folder / "data").mkdir(parents=True)
    files = []
    for stage in stages:
        total = len(stage.files)
        for number, ref in enumerate(stage.files):
            path = folder / "data" / f"{stage.stage}-{number:05d}-of-{total:05d}.parquet"
            _export_shard(store.local(ref.key), path, layout, stage.stage)
            files.append(_exported(path, folder, ref))
    return files


def export_rejects(
    stages: Sequence[StageManifest], seeds: Mapping[str, SeedManifest], store: Store, folder: Path
) -> list[Exported]:
    """Write `rejects/<stage>-00000.parquet` for every reject file, `rejects/seeds-<name>.parquet` for every source."""
    (folder / "rejects").mkdir(parents=True)
    files = []
    for name, source in seeds.items():
        if source.rejects:
            path = folder / "rejects" / f"seeds-{name}.parquet"
            link(Path(source.folder) / source.rejects, path)
            rows = source.seen - source.accepted
            files.append(Exported(path.relative_to(folder).as_posix(), rows, path.stat().st_size, source.digest))
    for stage in stages:
        refs = [ref for shard in stage.shards for ref in shard.rejects]
        for number, ref in enumerate(refs):
            path = folder / "rejects" / f"{stage.stage}-{number:05d}.parquet"
            link(store.local(ref.key), path)
            files.append(_exported(path, folder, ref))
    return files


def export_jsonl(files: Sequence[Exported], folder: Path) -> list[Exported]:
    """Write each data file once more as `jsonl/<name>.jsonl`, null columns left out, and return the files."""
    (folder / "jsonl").mkdir(parents=True)
    written = []
    for file in files:
        path = folder / "jsonl" / f"{Path(file.path).stem}.jsonl"
        with path.open("w", encoding="utf-8") as out, pq.ParquetFile(folder / file.path) as parquet:
            for batch in parquet.iter_batches(10_000):
                out.writelines(f"{record.dumps(_present(row))}\n" for row in batch.to_pylist())
        written.append(Exported(path.relative_to(folder).as_posix(), file.rows, path.stat().st_size, file.shard))
    return written


def write_json(value: Any, path: Path) -> None:
    """Write indented JSON with a final newline."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def link(source: Path, target: Path) -> None:
    """Give a finished file a second name; copy it where the file system cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _exported(path: Path, folder: Path, ref: FileRef) -> Exported:
    return Exported(path.relative_to(folder).as_posix(), ref.rows, path.stat().st_size, ref.digest)


def _export_shard(source: Path, path: Path, layout: Layout, stage: str) -> None:
    if layout == "records":
        link(source, path)
        return
    batch = pq.read_table(source, schema=record.SCHEMA).combine_chunks().to_batches()[0]
    pq.write_table(pa.Table.from_batches([as_layout(batch, layout, stage)]), path, compression="zstd")


def as_layout(batch: pa.RecordBatch, layout: Layout, stage: str) -> pa.RecordBatch:
    """Return the columns of a layout; UserError where the records do not have what it needs."""
    if layout == "instruction":
        _require(batch, ("text", "target"), layout, stage)
        return pa.RecordBatch.from_arrays([batch.column("text"), batch.column("target")], names=list(LAYOUTS[layout]))
    if layout == "preference":
        return _preference(batch, stage)
    if layout == "chat":
        return pa.RecordBatch.from_arrays([_messages(batch, stage)], names=["messages"])
    if layout == "text":
        text = batch.column("text")
        if batch.column("target").null_count < batch.num_rows:
            text = record.words_of(batch)
        _require(batch, ("text",), layout, stage)
        return pa.RecordBatch.from_arrays([text], names=["text"])
    return batch


def _preference(batch: pa.RecordBatch, stage: str) -> pa.RecordBatch:
    """Return what TRL's DPOTrainer reads: the prompt, the answer that was preferred, and the other."""
    _require(batch, ("text", "target"), "preference", stage)
    rejected = record.extra_columns(batch, ["rejected"])["rejected"]
    columns = [batch.column("text"), batch.column("target"), rejected]
    if rejected.null_count:
        raise UserError(
            f"layout 'preference' needs an answer that was turned down, which {rejected.null_count:,} of "
            f"{batch.num_rows:,} records of stage '{stage}' do not have; layouts: {', '.join(LAYOUTS)}"
        )
    return pa.RecordBatch.from_arrays(columns, names=list(LAYOUTS["preference"]))


def _messages(batch: pa.RecordBatch, stage: str) -> pa.Array:
    """Return the messages of each row; a pair becomes a user's turn and an assistant's."""
    messages = batch.column("messages")
    if messages.null_count == 0:
        return messages
    _require(batch.filter(pc.is_null(messages)), ("text", "target"), "chat", stage)
    rows = batch.num_rows
    content = pa.concat_arrays([batch.column("text"), batch.column("target")])
    order = pa.array([i for row in range(rows) for i in (row, rows + row)], pa.int64())
    roles = pa.array(["user", "assistant"] * rows)
    turns = pa.StructArray.from_arrays([roles, content.take(order)], names=["role", "content"])
    pairs = pa.ListArray.from_arrays(pa.array(range(0, 2 * rows + 1, 2), pa.int32()), turns)
    return pc.if_else(pc.is_valid(messages), messages, pairs) if messages.null_count < rows else pairs


def _require(batch: pa.RecordBatch, names: tuple[str, ...], layout: str, stage: str) -> None:
    for name in names:
        if missing := batch.column(name).null_count:
            raise UserError(
                f"layout '{layout}' needs '{name}', which {missing:,} of {batch.num_rows:,} records of stage "
                f"'{stage}' do not have; layouts: {', '.join(LAYOUTS)}"
            )
