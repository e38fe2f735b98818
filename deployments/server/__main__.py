"""The server of a machine: `python -m deployments.server up | down | status | schedules on|off`.

`up` starts a Prefect server, a process worker for each work pool and the watcher of landing seeds, each unless it runs,
makes the deployments and automations, and waits until all is well.
"""

import argparse
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from deployments.server import deploy, environment, ready
from deployments.server.environment import DEFAULT_PORT, ROOT, Place
from deployments.server.processes import Program, last_line, log_of, running, start, stop
from flows.orchestrator import ensure_database
from tasks.core.errors import TilthError, UserError

_RUNS_AT_ONCE = {"tilth-cpu": 4, "tilth-gpu": 1}
_HEALTHY_S = 120.0
_POLL_S = 0.2


def programs(place: Place) -> list[Program]:
    """Return what runs beside each other, the server first."""
    prefect, work = str(Path(sys.executable).with_name("prefect")), environment.worker(place)
    workers = [
        Program(
            f"worker-{pool.removeprefix('tilth-')}",
            [prefect, "worker", "start", "--pool", pool, "--type", "process", "--limit", str(_RUNS_AT_ONCE[pool])],
            work,
        )
        for pool in ready.POOLS
    ]
    watcher = Program("watcher", [sys.executable, "-m", "deployments.watcher"], environment.client(place))
    server = [prefect, "server", "start", "--host", place.host, "--port", str(place.port)]
    return [Program("server", server, environment.server(place)), *workers, watcher]


def up(place: Place) -> None:
    """Start everything that does not run, make the deployments, and say where to look."""
    began, folder = time.monotonic(), environment.home()
    server, *others = programs(place)
    _check(place, folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not os.environ.get("TILTH_DATABASE_URL"):
        ensure_database(folder)
    (ROOT / "landing").mkdir(exist_ok=True)
    environment.remember(place)
    start(server, folder)
    os.environ.update(environment.client(place))
    deploy.load()  # importing the flows takes as long as the server takes to come up: both at once
    _wait_healthy(place, folder)
    ready.make_pools_and_automations()
    for program in others:
        start(program, folder)
    deploy.deploy()
    ready.wait_for_workers()
    for program in others:
        _check_running(program.name, folder)
    _say(f"Tilth is up after {time.monotonic() - began:.0f} s: {place.ui}\n")
    _say("Try:")
    _say("  cp deployments/recipes/quickstart/seeds/tickets.jsonl landing/   # a release of it appears in releases/")
    _say("  .venv/bin/tilth landed                                           # what landed, and what became of it")
    _say(f"  PREFECT_API_URL={place.api} .venv/bin/prefect deployment run pipeline/pipeline")


def _check(place: Place, folder: Path) -> None:
    """Raise UserError, before anything is started, where the server could not be started here."""
    environment.check_place(place)
    environment.check_services()
    if running("server", folder) is None:
        environment.check_port(place)
    elif (there := environment.remembered()) not in {None, place}:
        raise UserError(f"the server of {folder} runs at {there.ui}: stop it first, or give another TILTH_HOME")


def down() -> None:
    """Stop everything that `up` started, the server last."""
    folder = environment.home()
    for program in reversed(programs(_place())):
        stopped = stop(program.name, folder)
        _say(f"{program.name:<12} {'stopped' if stopped else 'was not running'}")


def status() -> int:
    """Say what runs; return 0 where everything does, else 1."""
    folder, missing = environment.home(), 0
    for program in programs(_place()):
        pid = running(program.name, folder)
        missing += pid is None
        said = f"pid {pid}" if pid else f"not running; its log is {log_of(program.name, folder)}"
        _say(f"{program.name:<12} {said}")
    return min(missing, 1)


def schedules(place: Place, *, on: bool) -> None:
    """Switch the schedules of the nightly pipeline, the weekly compare and the retention on or off."""
    os.environ.update(environment.client(place))
    for name in ready.switch_schedules(on=on):
        _say(f"{name}: {'on' if on else 'off'}")


def _place(host: str | None = None, port: int | None = None) -> Place:
    """Return where the server listens: as it was said, else where it runs, else the default."""
    there = environment.remembered() if running("server", environment.home()) else None
    return Place(host or (there or Place()).host, port or (there or Place()).port)


def _wait_healthy(place: Place, folder: Path) -> None:
    end = time.monotonic() + _HEALTHY_S
    while time.monotonic() < end:
        _check_running("server", folder)
        try:
            with urllib.request.urlopen(f"{place.api}/health", timeout=2) as answer:  # noqa: S310  our own server
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(_POLL_S)
    raise TilthError(f"the server is not healthy after {_HEALTHY_S:.0f} s; its log is {log_of('server', folder)}")


def _check_running(name: str, folder: Path) -> None:
    if running(name, folder) is None:
        raise TilthError(f"{name} has ended: {last_line(name, folder)} (its log is {log_of(name, folder)})")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of a command."""
    parser = argparse.ArgumentParser(prog="python -m deployments.server", description="The server of a machine.")
    parser.add_argument("command", choices=("up", "down", "status", "schedules"))
    parser.add_argument("switch", nargs="?", choices=("on", "off"), help="for schedules")
    parser.add_argument("--host", help="address to listen on; one that others reach needs a key; default 127.0.0.1")
    parser.add_argument("--port", type=int, help=f"default {DEFAULT_PORT}, or where the server runs")
    given = parser.parse_args(arguments)
    place = _place(given.host, given.port)
    try:
        match given.command:
            case "up":
                up(place)
            case "down":
                down()
            case "status":
                return status()
            case "schedules" if given.switch:
                schedules(place, on=given.switch == "on")
            case _:
                parser.error("schedules needs on or off")
    except TilthError as exc:
        sys.stderr.write(f"tilth: {exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
