"""Benchmarks, ours and the peer in one run: a table on standard output, in out/bench*.json and in the README.

`make bench`, `make bench-models`, `make bench-llm` and `make bench-orchestration` each run a group whole; single parts
run as `.venv-bench/bin/python -m tests.bench.run cfg template`, and leave the README alone.
"""

import importlib
import json
import os
import sys
from pathlib import Path

# Set before NumPy or Arrow is imported: both sides get one thread.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS"):
    os.environ.setdefault(name, "1")

OUT = Path("out")
# Group → its parts; every other part belongs to `bench`.
GROUPS = {
    "bench-models": ("ngram", "models"),
    "bench-llm": ("rouge", "embedded", "llm_engine", "llm", "llm_vllm"),
    "bench-orchestration": ("orchestration", "s3"),
}


def main(wanted: list[str]) -> None:
    """Run the parts that are named, or a group, and write what they measured."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    group = "" if wanted and wanted[0] not in GROUPS else wanted[0] if wanted else "bench"
    parts = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    grouped = {part for some in GROUPS.values() for part in some}
    if group:
        wanted = list(GROUPS.get(group) or (part for part in parts if part not in grouped))
    if unknown := set(wanted) - set(parts):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; have: {', '.join(parts)}")
    rows = []
    print("| what | ours | peer | ratio | asked |\n|---|--:|--:|--:|--:|")
    for part in wanted:
        for row in importlib.import_module(f"tests.bench.bench_{part}").bench():
            print(_line(row), flush=True)
            rows.append(row)
    if group:
        _into_readme(rows, group)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{group or 'bench-parts'}.json").write_text(
        json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _into_readme(rows: list[dict], group: str) -> None:
    """Put the table of a group into the README, between its marks."""
    path = Path("README.md")
    before, _, rest = path.read_text(encoding="utf-8").partition(f"<!-- {group} -->")
    after = rest.partition(f"<!-- /{group} -->")[2]
    table = "\n".join(["| what | ours | peer | ratio | asked |", "|---|--:|--:|--:|--:|", *map(_line, rows)])
    path.write_text(f"{before}<!-- {group} -->\n{table}\n<!-- /{group} -->{after}", encoding="utf-8")


def _line(row: dict) -> str:
    peer = "-" if row["peer"] is None else f"{row['peer']:,}"
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:,}×"
    return f"| {row['what']} | {row['ours']:,} | {peer} | {ratio} | {row['asked']} |"


if __name__ == "__main__":
    main(sys.argv[1:])
