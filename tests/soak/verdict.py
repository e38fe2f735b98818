"""What must hold in the end, counted from the ledger, the folder of releases and the server's events."""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np
import yaml

from tasks.core.settings import settings
from tasks.landing.database import database_url
from tasks.landing.ledger import Ledger
from tests.soak.cluster import Cluster
from tests.soak.files import ROWS, Landed

# What the server lost is told again; the Redis broker takes it with the fourth telling, 315 s and at most three sweeps
# after the first, and it is written down 5 s after that.
_EVENTS_S = 420.0
_RECIPE = {
    "name": "soak",
    "seeds": {"landed": {"path": "example.jsonl"}},
    "stages": [
        {"name": "shuffled", "method": "word_shuffle", "inputs": ["landed"], "per_seed": 1, "rules": [], "expect": []}
    ],
    "release": {"docs": False},
}


def write_landing(folder: Path, **changes: object) -> Path:
    """Write a landing file with a recipe that makes one record of each seed, quickly; return its path."""
    (folder / "landing").mkdir(parents=True, exist_ok=True)
    (folder / "example.jsonl").write_text('{"text": "The kettle hums when it boils."}\n')
    (folder / "recipe.yaml").write_text(yaml.safe_dump(_RECIPE))
    route = {"name": "texts", "match": "*.jsonl", "recipe": "recipe.yaml", "seeds": "landed"}
    value = {"sources": {"folder": {"path": "landing"}}, "routes": [route], "releases": "releases"}
    # A pause of a slow writer is up to 1.2 s.
    value |= {"settle_s": 3.0, "sweep_s": 20, "batch": 10, "runs": 3, "lease_s": 20}
    (folder / "landing.yaml").write_text(yaml.safe_dump(value | changes))
    return folder / "landing.yaml"


def open_ledger(environment: Mapping[str, str]) -> Ledger:
    """Return the ledger that the processes of a cluster write."""
    for name in ("TILTH_HOME", "TILTH_DATABASE_URL"):
        os.environ.pop(name, None)
        if name in environment:
            os.environ[name] = environment[name]
    settings.cache_clear()
    return Ledger(database_url())


def settled(ledger: Ledger, landed: Landed, timeout: float, say: Callable[[str], None]) -> bool:
    """Wait until every content that landed has ended and been told of; return whether that was in time."""
    wanted = len(landed.good) + len(landed.malformed)
    deadline, last = time.monotonic() + timeout, 0.0
    while time.monotonic() < deadline:
        states = Counter(entry.state for entry in ledger.entries())
        ended = states["released"] + states["rejected"] + states["failed"]
        if ended >= wanted and not ledger.untold(1):
            return True
        if time.monotonic() - last > 20:
            last = time.monotonic()
            say(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
        time.sleep(0.5)
    return False


def verdict(own: Cluster, ledger: Ledger, landed: Landed, landing: Path, out: TextIO) -> bool:
    """Print the table of figures; return whether everything that must hold does."""
    from flows.tell import CONFIRM_S  # with Prefect, which reads its settings once the servers' are known

    entries = {entry.digest: entry for entry in ledger.entries()}
    good = {_digest(content) for content in landed.good}
    bad = {_digest(content) for content in landed.malformed}
    releases = list((landing.parent / "releases" / "texts").glob("*"))
    rows = [json.loads((place / "manifest.json").read_text())["rows"] for place in releases if place.name[0] != "."]
    released = _events(own, "tilth.dataset.released", len(good))
    rejected = _events(own, "tilth.seeds.rejected", len(bad))
    tries = [entries[digest].tries for digest in good if digest in entries]
    checks = [
        ("contents in the ledger", len(entries), len(good | bad)),
        ("good contents released", sum(entries[d].state == "released" for d in good if d in entries), len(good)),
        ("folders of releases", len(releases), len(good)),
        ("releases named by their content", len({p.name for p in releases} & {d[:12] for d in good}), len(good)),
        ("releases with every row", sum(count == ROWS for count in rows), len(good)),
        ("malformed rejected with a reason", sum(_has_reason(entries.get(d)) for d in bad), len(bad)),
        ("files that the ledger can name", sum(len(ledger.uris(e)) for e in entries.values()), len(landed.kinds)),
        ("different tilth.dataset.released events", len(released), len(good)),
        ("different tilth.seeds.rejected events", len(rejected), len(bad)),
    ]
    took = np.array(_latencies(landed, entries))
    lines = ((what, found, wanted, "holds" if found == wanted else "DOES NOT HOLD") for what, found, wanted in checks)
    out.writelines(f"| {what} | {found:,} of {wanted:,} | {word} |\n" for what, found, wanted, word in lines)
    if took.size:
        p50, p95, most = (float(np.quantile(took, q)) for q in (0.5, 0.95, 1.0))
        out.write(f"| whole file → released, p50 / p95 / longest | {p50:.1f} s / {p95:.1f} s / {most:.1f} s | |\n")
    again = sum(count > 1 for count in tries)
    out.write(f"| contents whose first run did not finish them | {again:,} | |\n")
    told = sum((entry.confirm_s or 0) > CONFIRM_S for entry in ledger.entries())
    out.write(f"| ends that were told more than once | {told:,} | |\n")
    out.write(f"| runs of `seeds` | {_runs(own):,} | |\n")
    return all(found == wanted for _, found, wanted in checks)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _has_reason(entry: object) -> bool:
    return entry is not None and entry.state == "rejected" and bool(entry.reason)


def _latencies(landed: Landed, entries: Mapping[str, object]) -> list[float]:
    """Return the seconds from when the first file of each good content was whole to when its release was entered."""
    first: dict[str, float] = {}
    for name, kind in landed.kinds.items():
        if kind != "malformed":
            digest = _digest(landed.contents[name])
            first[digest] = min(landed.whole_at[name], first.get(digest, float("inf")))
    ended = ((digest, entries[digest].finished_at) for digest in first if digest in entries)
    return [at - first[digest] for digest, at in ended if at]


def _events(own: Cluster, name: str, wanted: int) -> set[str]:
    """Return the contents that the server has such an event of; it writes them down some time after they came."""
    deadline = time.monotonic() + _EVENTS_S
    while len(found := _events_now(own, name)) < wanted and time.monotonic() < deadline:
        time.sleep(1)
    return found


def _events_now(own: Cluster, name: str) -> set[str]:
    page = own.post("/events/filter", {"filter": {"event": {"name": [name]}}, "limit": 50})
    found = {event["payload"]["digest"] for event in page["events"]}
    while page.get("next_page"):
        page = own.get(page["next_page"].partition("/api")[2])
        found |= {event["payload"]["digest"] for event in page["events"]}
    return found


def _runs(own: Cluster) -> int:
    return int(own.post("/flow_runs/count", {"flows": {"name": {"any_": ["seeds"]}}}))
