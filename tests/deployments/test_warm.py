"""A worker's parent that forks its runs, with an engine that says what it was given instead of Prefect's."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.server.start import SOCKET
from tests.integration.machine import ROOT, children

# The engine says what it is: its environment, folder, parents, and whether it was forked from what the parent imported.
ENGINE = """
import json, os, sys, time
about = {"run": os.environ.get("PREFECT__FLOW_RUN_ID"), "folder": os.getcwd(), "pid": os.getpid(), "argv": sys.argv}
print(json.dumps(about | {"warm": "marked" in sys.modules, "environment": "ONLY_PARENT" in os.environ}), flush=True)
what = os.environ.get("WHAT", "0")
if what == "sleep":
    import signal
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    time.sleep(60)
elif what == "raise":
    raise ValueError("on purpose")
elif what == "kill":
    os.kill(os.getpid(), 9)
sys.exit(int(what))
"""
PARENT = """
import os, sys, types
from deployments.server import start, warm
start.ENGINE = warm.ENGINE = "own_engine"
flows = sys.modules["flows.warm"] = types.ModuleType("flows.warm")
flows.import_all = lambda: sys.modules.update(marked=types.ModuleType("marked"))
if "stale" in os.environ:
    warm.sources = lambda: [[os.urandom(4).hex()]]
os.environ["ONLY_PARENT"] = "1"
sys.exit(warm.main(sys.argv[1:]))
"""
STARTER = """
import sys
from deployments.server import start
start.ENGINE = "own_engine"
sys.exit(start.main())
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "own_engine.py").write_text(ENGINE)
    (tmp_path / "starter.py").write_text(STARTER)
    return tmp_path


def environment(place, **more):
    return {**os.environ, "PYTHONPATH": f"{place}{os.pathsep}{ROOT}", "PREFECT__FLOW_RUN_ID": "a-run", **more}


@pytest.fixture
def parent(place):
    """A parent whose worker tells where the socket is, and ends when its input does."""
    made = []

    def start(**more):
        worker = f"import os, sys; print(os.environ[{SOCKET!r}], flush=True); sys.stdin.read(); sys.exit(7)"
        made.append(
            subprocess.Popen(
                [sys.executable, "-c", PARENT, sys.executable, "-c", worker],
                env=environment(place, **more),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return made[-1], made[-1].stdout.readline().strip()

    yield start
    for process in made:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def started(place, socket, **more):
    (place / "folder").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(place / "starter.py")],
        env=environment(place, **{SOCKET: socket}, **more),
        cwd=place / "folder",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def alive(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def gone(pid, seconds=5.0):
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.parametrize(("what", "code"), [("0", 0), ("3", 3), ("raise", 1), ("kill", -9)])
def test_run_is_forked_and_ends_as_it_would_have_ended(place, parent, what, code):
    """Its environment, folder, output and exit code are those of a process of its own."""
    process, socket = parent()
    run = started(place, socket, WHAT=what)
    said, wrong = run.communicate(timeout=20)
    about = json.loads(said)
    assert run.returncode == code
    assert about == {
        "run": "a-run",
        "folder": str(place / "folder"),
        "argv": [str(place / "own_engine.py")],
        "warm": True,
        "environment": False,
        "pid": about["pid"],
    }
    assert about["pid"] != run.pid
    assert ("on purpose" in wrong) is (what == "raise")
    assert process.poll() is None


def test_runs_at_once_do_not_wait_for_each_other(place, parent):
    """Twenty runs, each its own process, all with their own code."""
    _, socket = parent()
    runs = [started(place, socket, WHAT=str(code)) for code in range(20)]
    found = [json.loads(run.communicate(timeout=30)[0]) for run in runs]
    assert [run.returncode for run in runs] == list(range(20))
    assert len({about["pid"] for about in found}) == 20
    assert all(about["warm"] for about in found)


def test_signal_for_the_starter_reaches_the_run(place, parent):
    """SIGTERM, as Prefect cancels: the run ends in its own way."""
    _, socket = parent()
    run = started(place, socket, WHAT="sleep")
    json.loads(run.stdout.readline())
    time.sleep(0.3)  # it sets its handler
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=10) == 75


def test_killed_starter_takes_the_run_with_it(place, parent):
    """SIGKILL of the process that the worker knows."""
    process, socket = parent()
    run = started(place, socket, WHAT="sleep")
    pid = json.loads(run.stdout.readline())["pid"]
    run.kill()
    run.communicate()
    assert gone(pid)
    assert process.poll() is None


def test_killed_parent_takes_worker_and_runs_with_it(place, parent):
    """SIGKILL, as when a machine dies: nothing goes on that nobody looks after."""
    process, socket = parent()
    run = started(place, socket, WHAT="sleep")
    pid = json.loads(run.stdout.readline())["pid"]
    (worker,) = [child for child in children(process.pid) if child != pid]
    process.kill()
    assert gone(pid)
    assert gone(worker)
    assert run.wait(timeout=10) == 1


def test_parent_ends_with_its_worker(place, parent):
    """Same exit code, nothing left of its socket."""
    process, socket = parent()
    process.stdin.close()
    assert process.wait(timeout=10) == 7
    assert not Path(socket).parent.exists()


def test_signal_for_the_parent_reaches_the_worker(place, parent):
    """systemd tells the main process alone."""
    process, _ = parent()
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM


@pytest.mark.parametrize("how", ["no parent", "parent is gone", "files have changed"])
def test_run_starts_cold_where_it_cannot_be_forked(place, parent, how):
    """As Prefect would have started it, in the very process."""
    socket = "" if how == "no parent" else str(place / "nothing")
    if how == "files have changed":
        _, socket = parent(stale="1")
    run = started(place, socket, WHAT="4")
    about = json.loads(run.communicate(timeout=20)[0])
    assert run.returncode == 4
    assert about["pid"] == run.pid
    assert not about["warm"]


def test_nonsense_on_the_socket_is_let_go(place, parent):
    """The next run is forked all the same."""
    import socket as sockets

    _, path = parent()
    for text in (b"", b"x", b"00000009", b"00000002{}"):
        with sockets.socket(sockets.AF_UNIX) as asked:
            asked.connect(path)
            asked.sendall(text)
    run = started(place, path, WHAT="0")
    assert json.loads(run.communicate(timeout=20)[0])["warm"]
