"""Every benchmark, ours and the peer in one run: a table on standard output, and out/bench.json.

Run it as `make bench`, or one part as `.venv-bench/bin/python -m tests.bench.run cfg template`.
"""

import importlib
import json
import os
import sys
from pathlib import Path

# Set before NumPy or Arrow is imported: both sides get one thread.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS"):
    os.environ.setdefault(name, "1")

OUT = Path("out/bench.json")


def main(wanted: list[str]) -> None:
    """Run the parts that are named, or all, and write what they measured."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    parts = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    if unknown := set(wanted) - set(parts):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; have: {', '.join(parts)}")
    rows = []
    print("| what | ours | peer | ratio | asked |\n|---|--:|--:|--:|--:|")
    for part in wanted or parts:
        for row in importlib.import_module(f"tests.bench.bench_{part}").bench():
            print(_line(row), flush=True)
            rows.append(row)
    if not wanted:
        _into_readme(rows)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _into_readme(rows: list[dict]) -> None:
    """Put the table into the README, between its marks."""
    path = Path("README.md")
    before, _, rest = path.read_text(encoding="utf-8").partition("<!-- bench -->")
    after = rest.partition("<!-- /bench -->")[2]
    table = "\n".join(["| what | ours | peer | ratio | asked |", "|---|--:|--:|--:|--:|", *map(_line, rows)])
    path.write_text(f"{before}<!-- bench -->\n{table}\n<!-- /bench -->{after}", encoding="utf-8")


def _line(row: dict) -> str:
    peer = "-" if row["peer"] is None else f"{row['peer']:,}"
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:,}×"
    return f"| {row['what']} | {row['ours']:,} | {peer} | {ratio} | {row['asked']} |"


if __name__ == "__main__":
    main(sys.argv[1:])
