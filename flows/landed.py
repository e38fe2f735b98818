"""What `tilth landed` prints, and its `retry`."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.table import Table

from tasks.core.errors import UserError, choices
from tasks.landing.ledger import STATES, Entry, Ledger

_TIMES = ("landed_at", "claimed_at", "finished_at")
_FIELDS = ("id", "digest", "uri", "uris", "route", "state", "release", "rows", "reason", "tries", *_TIMES)


def show_landed(state: str | None = None, *, as_json: bool = False) -> None:
    """Print the ledger, the newest first: a line for each content; as JSON with every time and URI."""
    if state is not None and state not in STATES:
        raise UserError(f"unknown state '{state}'{choices(state, STATES)}")
    ledger = Ledger()
    try:
        entries = ledger.entries(state)  # type: ignore[arg-type]
        if as_json:
            sys.stdout.write(json.dumps([_as_json(entry, ledger) for entry in entries], indent=2) + "\n")
            return
    finally:
        ledger.close()
    if not entries:
        sys.stdout.write("nothing has landed\n" if state is None else f"nothing is {state}\n")
        return
    Console(markup=False).print(_table(entries))


def retry_landed(ids: list[str]) -> None:
    """Let contents that were rejected or failed run again, each named by its id or the beginning of its digest."""
    ledger = Ledger()
    try:
        chosen = [entry for given in ids for entry in _found(ledger, given)]
        for entry in chosen:
            if not ledger.retry(entry):
                raise UserError(
                    f"'{entry.id}' is {entry.state}{_whither(entry)}; only what is rejected or failed is retried"
                )
            sys.stdout.write(f"{entry.id}  {entry.uri}: runs again within a minute\n")
    finally:
        ledger.close()


def _found(ledger: Ledger, given: str) -> list[Entry]:
    entries = ledger.entries(prefix=given) if given else []
    if not entries:
        raise UserError(f"no content '{given}'{choices(given, [e.id for e in ledger.entries()][:20])}")
    if len({entry.digest for entry in entries}) > 1:
        raise UserError(
            f"'{given}' is the beginning of several: {', '.join(e.id for e in entries[:5])}; give more of it"
        )
    return entries


def _whither(entry: Entry) -> str:
    return f", in {entry.release}" if entry.release else ""


def _table(entries: list[Entry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("id", "state", "landed", "took", "landed as, and what became of it"):
        table.add_column(name, no_wrap=not name.startswith("landed as"), overflow="fold")
    for entry in entries:
        took = f"{entry.finished_at - entry.landed_at:.1f} s" if entry.finished_at else "-"
        landed = datetime.fromtimestamp(entry.landed_at, UTC).strftime("%m-%d %H:%M:%S")
        said = entry.reason or (f"{entry.rows:,} records in {_near(entry.release)}" if entry.release else "")
        table.add_row(entry.id, entry.state, landed, took, f"{_near(entry.uri)}{f' → {said}' if said else ''}")
    return table


def _near(place: str) -> str:
    """Return a file's URI or path as one would type it here; other URIs as they are."""
    path = Path(unquote(urlsplit(place).path)) if place.startswith("file://") else Path(place)
    if "://" in place and not place.startswith("file://"):
        return place
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _as_json(entry: Entry, ledger: Ledger) -> dict[str, Any]:
    values = asdict(entry) | {"id": entry.id, "uris": ledger.uris(entry)}
    return {name: _time(values[name]) if name in _TIMES else values[name] for name in _FIELDS}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
