"""A source ten times larger is read in the same memory."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CODE = """
import sys
from pathlib import Path
from tasks.core.source import SeedSource
from tasks.seeds import read
path = Path(sys.argv[1])
rows = sum(part.records.num_rows for part in read(SeedSource(path=path.name), path.parent))
# Not ru_maxrss: that starts from what the parent held when it forked.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(rows, peak.split()[1])
"""


def _write(folder: Path, kind: str, rows: int) -> Path:
    path = folder / f"{rows}.{kind}"
    if kind == "parquet":
        # One row group of texts that do not compress.
        numbers = np.random.default_rng(0).integers(0, 10**18, (8, rows)).astype(str)
        pq.write_table(pa.table({"text": [" ".join(column) for column in numbers.T]}), path)
        return path
    row = {"text": "the quick brown fox jumps over the lazy dog, and again; " * 2, "label": "animals", "n": 12345}
    line = json.dumps(row)
    if kind == "json":
        path.write_text("[" + ",\n".join([line] * rows) + "]")
    elif kind == "csv":
        path.write_text("text,label,n\n" + f'"{row["text"]}",animals,12345\n' * rows)
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress((line + "\n").encode() * rows, compresslevel=1))
    else:
        path.write_text((line + "\n") * rows)
    return path


def _peak(path: Path) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=True)
    rows, peak_kb = map(int, done.stdout.split())
    return rows, peak_kb


pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")


# The smallest is more than a block of every reader; 400,000 rows are 60 MB.
@pytest.mark.parametrize(
    ("kind", "small"),
    [
        ("jsonl", 40_000),
        *(pytest.param(kind, 20_000, marks=pytest.mark.slow) for kind in ("jsonl.gz", "json", "csv", "txt", "parquet")),
    ],
)
def test_memory_does_not_grow_with_the_source(tmp_path, kind, small):
    large = 10 * small
    (rows_small, peak_small), (rows_large, peak_large) = (_peak(_write(tmp_path, kind, n)) for n in (small, large))
    assert (rows_small, rows_large) == (small, large)
    assert peak_large <= 1.3 * peak_small
