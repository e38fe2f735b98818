"""What `tilth runs` prints: the latest runs, with their counts."""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from tasks.registry import Run, runs
from tasks.stores.factory import work_store


@dataclass(frozen=True, slots=True)
class Shown:
    """A run as it is printed; counts are None where no release was recorded for it."""

    name: str
    state: str
    started: float
    seconds: float | None
    records: int | None
    rejects: int | None
    usd: float | None
    out: str
    why: str
    id: str


def show_runs(limit: int = 20, *, as_json: bool = False) -> None:
    """Print the latest runs, the latest first: the list of runs, and what the server at PREFECT_API_URL knows."""
    known = runs(work_store(), limit)
    shown = _merged([_of_record(run) for run in known], _of_server(limit))[:limit]
    if as_json:
        sys.stdout.write(json.dumps([_as_json(run) for run in shown], indent=2) + "\n")
    elif shown:
        sys.stdout.write(_table(shown, Console().width))
    else:
        sys.stdout.write("nothing has run yet; `tilth run RECIPE` runs a recipe\n")


def _of_record(run: Run) -> Shown:
    state = run.shown_state
    seconds = (time.time() if state == "running" else run.updated) - run.started
    made = sum(stage["accepted"] for stage in run.stages)
    records = run.rows if state in ("done", "stopped") else made
    return Shown(run.name, state, run.started, seconds, records, run.rejected, run.usd, run.out, run.why, run.run)


def _of_server(limit: int) -> list[Shown]:
    """Return the runs of the server, if one is named; where it does not answer, say so and go on without."""
    if not os.environ.get("PREFECT_API_URL"):
        return []
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    try:
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=limit)
    except (httpx.HTTPError, RuntimeError) as exc:
        sys.stderr.write(f"tilth: the server at {os.environ['PREFECT_API_URL']} does not answer: {exc}\n")
        return []
    return [_of_flow_run(run) for run in found if run.start_time]


def _of_flow_run(run: Any) -> Shown:
    state = run.state_name.lower() if run.state_name else "unknown"
    why = "" if run.state is None or run.state.is_completed() else (run.state.message or "").partition("\n")[0]
    seconds = run.total_run_time.total_seconds()
    return Shown(run.name, state, run.start_time.timestamp(), seconds, None, None, None, "", why, str(run.id))


def _merged(recorded: Sequence[Shown], served: Sequence[Shown]) -> list[Shown]:
    """Return both, a run that both know by its record alone, the latest first."""
    known = {run.id for run in recorded}
    others = [run for run in served if run.id not in known]
    return sorted([*recorded, *others], key=lambda run: -run.started)


def _table(shown: Sequence[Shown], width: int) -> str:
    """Return a line a run; what does not fit into the width, where it is or why not, goes on a line of its own."""
    rows = [("name", "state", "started", "took", "records", "rejects", "USD", "where, or why not")]
    for run in shown:
        started = datetime.fromtimestamp(run.started, UTC).strftime("%Y-%m-%d %H:%M:%S")
        counts = ("-" if count is None else f"{count:,}" for count in (run.records, run.rejects))
        usd = f"{run.usd:,.4f}" if run.usd else "-"
        rows.append((run.name, run.state, started, _took(run.seconds), *counts, usd, run.why or run.out))
    widths = [max(len(row[at]) for row in rows) for at in range(7)]
    fits = sum(widths) + 2 * len(widths) + max(len(row[-1]) for row in rows) <= width
    lines = []
    for *cells, where in rows:
        padded = [
            cell.rjust(size) if at > 2 else cell.ljust(size)
            for at, (cell, size) in enumerate(zip(cells, widths, strict=True))
        ]
        line = "  ".join(padded)
        lines.append(f"{line}  {where}".rstrip() if fits else f"{line}\n    {where}".rstrip())
    return "\n".join(lines) + "\n"


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 100:
        return f"{seconds:.1f} s"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _as_json(run: Shown) -> dict[str, Any]:
    values = {name: getattr(run, name) for name in Shown.__slots__}
    started = datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds")
    return values | {"started": started, "seconds": None if run.seconds is None else round(run.seconds, 3)}
