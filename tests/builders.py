"""What tests build: seeds as record batches, and the output of one method as the pipeline would draw it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.core import record
from tasks.core.method import Draw, Made, get_method
from tasks.core.random import stream, stream_key

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
    if seeds is not None:
        seeds = seeds.take(pa.array([(start + i) % seeds.num_rows for i in range(count)]))
    draw = Draw(stream(run_seed, "stage", shard), count, start, stream_key(run_seed, "stage"))
    return method.run(seeds, loaded, draw)


def texts(made: Made) -> list[str]:
    """Return the texts of a method's accepted rows."""
    rows = made.records.to_pylist()
    return [row["text"] for row in rows if row.get("reason") is None]


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as JSON lines and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
