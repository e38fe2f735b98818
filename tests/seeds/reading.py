"""What the seed tests share: a whole source as rows, and a few files to read."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core.source import SeedSource
from tasks.seeds import read


def source(spec: Any) -> SeedSource:
    """Return a source from what a recipe would say."""
    return SeedSource.model_validate(spec)


def rows(spec: Any, base: Path, **options: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (records, rejects) of a source as dicts, `extra` parsed."""
    found = list(read(source(spec), base, **options))
    records = [row for part in found for row in part.records.to_pylist()]
    rejects = [row for part in found for row in part.rejects.to_pylist()]
    for row in (*records, *rejects):
        row["extra"] = json.loads(row["extra"]) if row["extra"] else {}
    return records, rejects


def texts(spec: Any, base: Path) -> list[str]:
    """Return the texts of a source's records."""
    return [row["text"] for row in rows(spec, base)[0]]


def skipping(path: str, **more: Any) -> dict[str, Any]:
    """Return a source that keeps broken rows as rejects."""
    return {"path": path, "on_error": "skip", **more}


def write_csv(path: Path, table: list[dict[str, Any]]) -> None:
    """Write rows as CSV with a header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def zstd(data: bytes) -> bytes:
    """Return a zstd frame."""
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


COMPRESSED = {".gz": gzip.compress, ".zst": zstd}
