"""What `tilth gc` does: say what nobody needs any more, and delete it."""

import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tasks.gc import Line, Policy, collect, total
from tasks.stores.factory import work_store

_KB = 1000.0


def show_gc(
    *,
    dry_run: bool = False,
    days: float = 30.0,
    answers_days: float = 90.0,
    max_gb: float | None = None,
    as_json: bool = False,
) -> None:
    """Delete what no release and no run of the last days needs, and print it; with `dry_run` only print it."""
    size = None if max_gb is None else int(max_gb * _KB**3)
    lines = collect(work_store(), Policy(days, answers_days, size), dry_run=dry_run)
    if as_json:
        sys.stdout.write(json.dumps({"dry_run": dry_run, "kinds": [asdict(line) for line in lines]}, indent=2) + "\n")
        return
    if not lines:
        sys.stdout.write("there is nothing to delete yet\n")
        return
    Console(markup=False).print(_table(lines, dry_run=dry_run))
    gone = total(lines)
    said = "would be freed; nothing was deleted" if dry_run else "freed"
    sys.stdout.write(f"{_bytes(gone.goes_bytes)} of {_bytes(gone.bytes)} {said}\n")


def _table(lines: list[Line], *, dry_run: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    for name in ("there", "size", "needed", "would go" if dry_run else "deleted", "size of that"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        counts = (f"{line.there:,}", _bytes(line.bytes), f"{line.needed:,}", f"{line.goes:,}", _bytes(line.goes_bytes))
        table.add_row(line.kind, *counts)
    return table


def gc_markdown(lines: list[Line]) -> str:
    """Return the table of what was deleted, for the orchestrator."""
    rows = [
        f"| {line.kind} | {line.there:,} | {_bytes(line.bytes)} | {line.needed:,} | {line.goes:,} "
        f"| {_bytes(line.goes_bytes)} |"
        for line in lines
    ]
    head = ["| kind | there | size | needed | deleted | size of that |", "|---|---:|---:|---:|---:|---:|"]
    return "\n".join([*head, *rows])


def _bytes(size: float) -> str:
    """Return a size as people read it, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < _KB:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _KB
    return f"{size:.1f} TB"
