"""Without PREFECT_API_URL a command has a server of its own: beside it, told all, and gone with it, however it ends."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.test_pipeline import MANY

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]

STAGE = {"name": "few", "method": "template", "params": {"template": "{{ a }}", "slots": {"a": list("abcdefgh")}}}
SHORT = {**STAGE, "count": 8, "shard_rows": 2}
LONG = {**MANY, "count": 60_000, "shard_rows": 1_500, "max_draws": 200_000}
MAIN = "from flows.cli import main; main()"
HEALTHY = """
import sys, urllib.request
from flows import orchestrator
server = orchestrator.start_server()
assert "prefect" not in sys.modules
server.wait()
print(urllib.request.urlopen(server.api + "/health").read().decode())
"""


def unshared() -> bool:
    """Return whether a process can be given a network of its own, with nothing in it."""
    found = shutil.which("unshare")
    return bool(found) and subprocess.run([found, "-n", "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """An environment in which nothing is said about Prefect."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**own, "TILTH_HOME": str(tmp_path / "home"), "TILTH_WORKERS": "2"}


@pytest.fixture
def start(environment, tmp_path) -> Callable[..., subprocess.Popen]:
    """Start a script, as the leader of a process group, as a shell starts a command."""
    started = []

    def run(script: str, *arguments: object, **more: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            env={**environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def servers(home: Path) -> list[str]:
    """Return the ids of the servers that run on a home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words, names = ((process / file).read_bytes().split(b"\0") for file in ("cmdline", "environ"))
        except OSError:  # it has ended, or is another user's
            continue
        if any(word.endswith(b"_temporary_server_child.py") for word in words):
            found += [process.name] * (f"TILTH_HOME={home}".encode() in names)
    return found


def until(true: Callable[[], object], timeout_s: float = 90.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def finished(process: subprocess.Popen, code: int = 0) -> tuple[str, str]:
    """Return what a process said that ended with `code`."""
    out, err = process.communicate(timeout=150)
    assert process.returncode == code, err
    return out, err


def count(home: Path, table: str) -> dict[str, int]:
    """Return how many runs the database holds, by state."""
    with sqlite3.connect(home / "prefect" / "prefect.db") as database:
        return dict(database.execute(f"SELECT state_type, count(*) FROM {table} GROUP BY 1"))  # noqa: S608  ours


def test_server_is_loaded_beside_the_command_and_its_history_is_whole(start, write_recipe, tmp_path):
    """Nothing of the server is imported here; each run is written down as it ended; no link is shown."""
    script = f"""
import atexit, json, sys
atexit.register(lambda: print(json.dumps([name for name in sys.modules if name.startswith("prefect.server")])))
{MAIN}
"""
    out, err = finished(start(script, "run", write_recipe(SHORT), "--out", tmp_path / "out"))
    assert json.loads(out.splitlines()[-1]) == []
    assert "127.0.0.1" not in out + err
    assert servers(tmp_path / "home") == []
    assert count(tmp_path / "home", "flow_run") == {"COMPLETED": 1}
    assert count(tmp_path / "home", "task_run").keys() == {"COMPLETED"}


def test_task_runs_of_the_last_moment_are_written_down(start, tmp_path):
    """Two hundred within a second, and then the process ends."""
    script = """
from flows import orchestrator
server = orchestrator.start_server()
from prefect import flow, task
@task
def number(n): return n
@flow
def many(): return [future.result() for future in number.map(range(200))]
server.wait()
many()
"""
    finished(start(script))
    assert count(tmp_path / "home", "task_run") == {"COMPLETED": 200}


def test_interrupt_ends_run_first_and_then_server(start, write_recipe, tmp_path):
    """The terminal sends SIGINT to all that it sees: one line, exit 130, and the server knows how the run ended."""
    home = tmp_path / "home"
    run = start(MAIN, "run", write_recipe(LONG), "--out", tmp_path / "out")
    until(lambda: run.poll() is not None or list(home.rglob("shards/*/*.json")))
    os.killpg(run.pid, signal.SIGINT)
    _, err = finished(run, 130)
    assert err.strip() == "tilth: stopped; the same command goes on where it was"
    assert servers(home) == []
    assert count(home, "flow_run").keys() <= {"CRASHED", "CANCELLED", "FAILED"}


@pytest.mark.parametrize("moment", ["starting", "running"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_server_ends_with_a_killed_command(start, write_recipe, tmp_path, number, moment):
    """Nothing of ours runs then: the pipe that it holds ends."""
    home = tmp_path / "home"
    run = start(MAIN, "run", write_recipe(LONG), "--out", tmp_path / "out")
    until(lambda: servers(home) if moment == "starting" else list(home.rglob("shards/*/*.json")))
    assert servers(home)
    run.send_signal(number)
    run.wait()
    until(lambda: not servers(home), 15)


def test_server_that_dies_is_one_line(start, write_recipe, tmp_path):
    """With what it died of; OUT is as it was."""
    home = tmp_path / "home"
    finished(start("from flows.orchestrator import prepare; prepare()"))
    (home / "prefect" / "prefect.db").write_text("not a database")
    more = {"PREFECT_API_DATABASE_MIGRATE_ON_START": "true"}
    run = start(MAIN, "run", write_recipe(SHORT), "--out", tmp_path / "out", **more)
    _, err = finished(run, 1)
    assert err.count("\n") == 1, err
    assert "temporary server ended: " in err
    assert "file is not a database" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not unshared(), reason="unshare cannot make a network without a loopback device here")
def test_machine_without_loopback_is_told_so(environment, write_recipe, tmp_path):
    """Not that the server ended: it did not."""
    words = ["unshare", "-n", sys.executable, "-c", MAIN, "run", write_recipe(SHORT), "--out", tmp_path / "out"]
    done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Network is unreachable" in done.stderr
    assert "loopback" in done.stderr
    assert not (tmp_path / "out").exists()


def test_wrong_recipe_starts_no_server(start, write_recipe, tmp_path):
    """The recipe is checked first, and there is no home afterwards."""
    run = start(MAIN, "run", write_recipe({**SHORT, "method": "tmplate"}), "--out", tmp_path / "out")
    _, err = finished(run, 2)
    assert "unknown method 'tmplate'" in err
    assert not (tmp_path / "home").exists()


def test_servers_of_one_home_take_ports_of_their_own(start, tmp_path):
    """Two at once: the port is taken before the server starts, so none takes another's."""
    finished(start("from flows.orchestrator import prepare; prepare()"))
    for process in [start(HEALTHY), start(HEALTHY)]:
        assert finished(process)[0] == "true\n"
    assert servers(tmp_path / "home") == []


@pytest.mark.parametrize("place", ["environment", "profile", "dotenv", "toml"])
def test_server_that_is_named_elsewhere_is_taken(start, tmp_path, monkeypatch, place):
    """In PREFECT_API_URL, a profile, .env or prefect.toml: then we start none."""
    monkeypatch.chdir(tmp_path)
    url, more = "http://127.0.0.1:9/api", {"PYTHONPATH": str(Path(__file__).parents[2])}
    profiles = tmp_path / "home" / "prefect" / "profiles.toml"
    profiles.parent.mkdir(parents=True)
    match place:
        case "environment":
            more["PREFECT_API_URL"] = url
        case "profile":
            profiles.write_text(f'active = "far"\n[profiles.far]\nPREFECT_API_URL = "{url}"\n')
        case "dotenv":
            (tmp_path / ".env").write_text(f"PREFECT_API_URL={url}\n")
        case "toml":
            (tmp_path / "prefect.toml").write_text(f'[api]\nurl = "{url}"\n')
    script = "from flows import orchestrator; print(orchestrator.start_server());"
    script += "from prefect.settings import PREFECT_API_URL; print(PREFECT_API_URL.value())"
    assert finished(start(script, **more))[0].split() == ["None", url]


@pytest.mark.slow
def test_flow_that_is_called_from_python_finds_a_server(start, write_recipe, tmp_path):
    """Prefect starts its own; shards on processes report to the same."""
    script = """
import sys
from flows.orchestrator import prepare
prepare()
from flows.pipeline import pipeline
if __name__ == "__main__":
    print(pipeline(recipe=sys.argv[1], out=sys.argv[2])["rows"])
"""
    path = tmp_path / "script.py"
    path.write_text(script)
    recipe = write_recipe(SHORT)
    for runner in ("threads", "processes"):
        run = start(
            f"import runpy, sys; sys.argv = ['{path}', *sys.argv[1:]]; runpy.run_path('{path}', run_name='__main__')",
            recipe,
            tmp_path / runner,
            TILTH_RUNNER=runner,
        )
        assert finished(run)[0].split()[-1] == "8"


@pytest.mark.slow
def test_shards_on_processes_report_to_the_same_server(start, write_recipe, tmp_path):
    """They find its address in their environment, and none starts another."""
    more = {"TILTH_RUNNER": "processes"}
    finished(start(MAIN, "run", write_recipe(SHORT), "--out", tmp_path / "out", **more))
    assert count(tmp_path / "home", "task_run").keys() == {"COMPLETED"}
    assert servers(tmp_path / "home") == []
