"""The soak: 1,000 files land within a minute while server, watcher and worker are killed. `python -m tests.soak`."""

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TextIO

from tasks.landing.ledger import Ledger
from tests.soak.cluster import REDIS, Cluster, cluster
from tests.soak.files import Landed, land
from tests.soak.postgres import BINARIES
from tests.soak.verdict import open_ledger, settled, verdict, write_landing

# While files land: (share of the landing time, what happens).
_FAULTS = (
    (0.20, "SIGKILL of worker-1, and its flow processes with it", lambda own: own.kill("worker-1")),
    (0.30, "SIGKILL of the server", lambda own: own.kill("server")),
    (0.35, "worker-1 starts again", lambda own: own.start_worker("worker-1")),
    (0.55, "the server starts again", lambda own: own.start_server()),
    (0.65, "SIGKILL of watcher-1", lambda own: own.kill("watcher-1")),
    (0.75, "watcher-1 starts again", lambda own: own.start_watcher("watcher-1")),
)
# While runs work on them: (share of the contents that have ended, what happens). A worker's machine dies, its claims
# with it; the server goes in the middle of what is left.
_LATER_FAULTS = (
    (0.05, "SIGKILL of worker-2 and all that it started", lambda own: own.kill("worker-2", children=True)),
    (0.10, "worker-2 starts again", lambda own: own.start_worker("worker-2")),
    (0.40, "SIGKILL of the server", lambda own: own.kill("server")),
    (0.41, "the server starts again", lambda own: own.start_server()),
)

# All of it, so that somebody runs it before a change of the service lands.
MOST_S = 600.0
_AFTER_FAULT_S = 15.0


def main() -> int:
    """Run the soak and print its figures; 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--files", type=int, default=1000, help="files that land (default 1000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="within so many seconds (default 60)")
    parser.add_argument("--timeout", type=float, default=480.0, help="seconds to wait for the last of them")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and releases")
    given = parser.parse_args()
    if not BINARIES or not REDIS:
        sys.exit("the soak needs PostgreSQL and Redis: apt-get install postgresql redis-server")
    # So that what was started is stopped whatever ends the soak.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="tilth-soak-"))
    try:
        held = _soak(folder, given.files, given.seconds, given.timeout)
    finally:
        if given.keep:
            _say(f"left in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if held else 1


def _soak(folder: Path, files: int, seconds: float, timeout: float) -> bool:
    landing = write_landing(folder)
    began = time.monotonic()
    with cluster(folder, production=True) as own:
        for number in (1, 2, 3):
            own.start_worker(f"worker-{number}")
        for number in (1, 2):
            own.start_watcher(f"watcher-{number}")
        _say(f"server, PostgreSQL, Redis, 3 workers, 2 watchers: {time.monotonic() - began:.0f} s")
        landed = Landed(folder / "landing")
        faults = threading.Thread(target=_faults, args=(own, seconds))
        faults.start()
        land(landed, total=files, seconds=seconds)
        _say(f"{files} files landed")
        faults.join()
        ledger = open_ledger(own.environment)
        try:
            later = threading.Thread(target=_later_faults, args=(own, ledger, landed), daemon=True)
            later.start()
            everything = settled(ledger, landed, timeout, _say)
            later.join(1)
            held = verdict(own, ledger, landed, landing, sys.stdout) and everything
            return in_time(time.monotonic() - began, sys.stdout) and held
        finally:
            ledger.close()


def in_time(seconds: float, out: TextIO) -> bool:
    """Print how long the soak took, from its first process to its last count; return whether that is short enough."""
    word = "holds" if seconds <= MOST_S else "DOES NOT HOLD"
    out.write(f"| total wall time | {seconds:,.0f} s, asked ≤ {MOST_S:.0f} s | {word} |\n")
    return seconds <= MOST_S


def _faults(own: Cluster, seconds: float) -> None:
    began = time.monotonic()
    for share, what, do in _FAULTS:
        time.sleep(max(began + share * seconds - time.monotonic(), 0.0))
        _say(what)
        do(own)


def _later_faults(own: Cluster, ledger: Ledger, landed: Landed) -> None:
    contents = len(landed.good) + len(landed.malformed)
    for share, what, do in _LATER_FAULTS:
        patience = time.monotonic() + _AFTER_FAULT_S
        while _ended(ledger) < share * contents:
            # Nothing may end while the server is down: then it is time to start it again.
            if "server" not in own.running and time.monotonic() > patience:
                break
            time.sleep(0.5)
        _say(what)
        do(own)


def _ended(ledger: Ledger) -> int:
    return sum(entry.state in {"released", "rejected", "failed"} for entry in ledger.entries())


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


if __name__ == "__main__":
    sys.exit(main())
