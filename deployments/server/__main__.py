"""The server of a machine: `python -m deployments.server up | down | status | schedules on|off | run NAME | deploy`.

`up` starts a Prefect server, a process worker for each work pool and the watcher of landing seeds, each unless it runs,
makes the deployments and automations, and waits until all is well. Where systemd or a container does the starting,
`run` is one of them in the foreground, and `deploy` the rest.
"""

import argparse
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from deployments.server import deploy, environment, ready, recorder, stamp
from deployments.server.environment import ROOT, Place
from deployments.server.processes import Program, last_line, log_of, running, start, stop
from flows.orchestrator import ensure_database
from flows.places import Folders, make_folders
from tasks.core.errors import TilthError, UserError

_RUNS_AT_ONCE = {"tilth-cpu": 4, "tilth-gpu": 1}
_WARM = ("tilth-cpu",)
_HEALTHY_S = 240.0
_POLL_S = 0.2


def programs(place: Place) -> list[Program]:
    """Return what runs beside each other, the server first."""
    prefect, work = [sys.executable, "-m", "prefect"], environment.worker(place)
    workers = []
    for pool, limit in _RUNS_AT_ONCE.items():
        command = [*prefect, "worker", "start", "--pool", pool, "--type", "process", "--limit", str(limit)]
        # What runs on a GPU runs long, and CUDA does not survive a fork.
        warm = [sys.executable, "-m", "deployments.server.warm"] if pool in _WARM else []
        workers.append(Program(f"worker-{pool.removeprefix('tilth-')}", [*warm, *command], work))
    watcher = Program("watcher", [sys.executable, "-m", "deployments.watcher"], environment.client(place))
    server = recorder.beside([*prefect, "server", "start", "--host", place.host, "--port", str(place.port)])
    return [Program("server", server, environment.server(place)), *workers, watcher]


def up(place: Place) -> None:
    """Start everything that does not run, make the deployments, and say where to look."""
    began, folder = time.monotonic(), environment.home()
    server, *others = programs(place)
    _check(place, folder)
    folders = make_folders(ROOT)
    database = os.environ.get("TILTH_DATABASE_URL", "")
    if all(running(p.name, folder) for p in (server, *others)) and stamp.deployed(place, database):
        _say(f"Tilth is up already: {place.ui}")
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not database:
        ensure_database(folder)
    environment.remember(place)
    start(server, folder)
    os.environ.update(environment.client(place))
    deploy.load()  # importing the flows takes as long as the server takes to come up: both at once
    _wait_healthy(place.api, lambda: _check_running("server", folder))
    ready.make_pools_and_automations()
    for program in others:
        start(program, folder)
    deploy.deploy()
    ready.wait_for_workers()
    for program in others:
        _check_running(program.name, folder)
    stamp.remember_deployed(place, database)
    _say(f"Tilth is up after {time.monotonic() - began:.0f} s: {place.ui}\n")
    _say("Try:")
    for line in _worth_trying(place, folders):
        _say(f"  {line}")


def _worth_trying(place: Place, folders: Folders) -> list[str]:
    """Return three commands to type at the root of the project, with what each is for."""
    to = f"{_near(folders.landing[0])}/" if folders.landing else "where the landing file looks"
    copy = f"cp deployments/recipes/quickstart/seeds/tickets.jsonl {to}"
    return [
        f"{copy}   # a release of it appears in {_near(folders.releases)}/",
        f"{'.venv/bin/tilth landed':<{len(copy)}}   # what landed, and what became of it",
        f"PREFECT_API_URL={place.api} .venv/bin/prefect deployment run pipeline/pipeline",
    ]


def _near(path: Path) -> Path:
    """Return a path as one would type it at the root of the project."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _check(place: Place, folder: Path) -> None:
    """Raise UserError, before anything is started, where the server could not be started here."""
    environment.check_place(place)
    environment.check_services()
    if running("server", folder) is None:
        environment.check_port(place)
    elif (there := environment.remembered()) not in {None, place}:
        raise UserError(f"the server of {folder} runs at {there.ui}: stop it first, or give another TILTH_HOME")


def run(name: str, place: Place) -> None:
    """Become one of the programs, in the foreground, for systemd or a container to look after."""
    found = {program.name: program for program in programs(place)}
    if name not in found:
        raise UserError(f"unknown program '{name}'; have: {', '.join(found)}")
    environment.check_services()
    if name == "server":
        environment.check_place(place)
        environment.home().mkdir(parents=True, exist_ok=True)
        if not os.environ.get("TILTH_DATABASE_URL"):
            ensure_database(environment.home())
    given = {**os.environ, **found[name].environment, **_elsewhere()}
    os.chdir(ROOT)
    os.execve(found[name].command[0], list(found[name].command), given)  # noqa: S606  our own program


def make_deployments(place: Place) -> None:
    """Make work pools, automations and deployments on the server, once it is healthy."""
    os.environ.update({**environment.client(place), **_elsewhere()})
    deploy.load()
    _wait_healthy(os.environ["PREFECT_API_URL"])
    ready.make_pools_and_automations()
    for name in deploy.deploy():
        _say(name)


def _elsewhere() -> dict[str, str]:
    """Return the address of a server that is not on this machine, where the environment names one."""
    return {name: os.environ[name] for name in ("PREFECT_API_URL",) if os.environ.get(name)}


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
    """Return where the server listens: as it was said, else where it runs, else as this machine is set."""
    there = environment.remembered() if running("server", environment.home()) else None
    there = there or environment.place()
    return Place(host or there.host, port or there.port)


def _wait_healthy(api: str, look: Callable[[], None] = lambda: None) -> None:
    """Return once the API says that it is well; `look` raises where there is no use in waiting."""
    end = time.monotonic() + _HEALTHY_S
    while time.monotonic() < end:
        look()
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=2) as answer:  # noqa: S310  our own server
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(_POLL_S)
    raise TilthError(f"the server at {api} is not healthy after {_HEALTHY_S:.0f} s")


def _check_running(name: str, folder: Path) -> None:
    if running(name, folder) is None:
        raise TilthError(f"{name} has ended: {last_line(name, folder)} (its log is {log_of(name, folder)})")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of a command."""
    parser = argparse.ArgumentParser(prog="python -m deployments.server", description="The server of a machine.")
    parser.add_argument("command", choices=("up", "down", "status", "schedules", "run", "deploy"))
    parser.add_argument("what", nargs="?", help="for schedules: on or off; for run: the program")
    parser.add_argument("--host", help="address to listen on; one that others reach needs a key; default 127.0.0.1")
    parser.add_argument("--port", type=int, help="default 4200")
    given = parser.parse_args(arguments)
    try:
        place = _place(given.host, given.port)
        match given.command:
            case "up":
                up(place)
            case "down":
                down()
            case "status":
                return status()
            case "deploy":
                make_deployments(place)
            case "run" if given.what:
                run(given.what, place)
            case "schedules" if given.what in {"on", "off"}:
                schedules(place, on=given.what == "on")
            case _:
                parser.error("schedules needs on or off, run the name of a program")
    except TilthError as exc:
        sys.stderr.write(f"tilth: {exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
