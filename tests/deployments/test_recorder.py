"""What writes task runs down beside the server: there with Redis only, again where it ends, gone with the server."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from deployments.server.recorder import beside
from tests.integration.machine import children
from tests.soak.postgres import free_port

SERVER = ["/usr/bin/prefect", "server", "start"]
# Stands for the server: it listens, and says which services are left to it.
LISTENS = textwrap.dedent("""
    import os, socket, sys, time
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print(os.environ["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED"], flush=True)
    time.sleep(600)
""")
# Stands for `prefect`, found before the real one: it says which services it has, and stays.
SERVICES = textwrap.dedent("""
    import os, pathlib, sys, time
    names = [f"PREFECT_SERVER_SERVICES_{name}_ENABLED" for name in ("EVENT_PERSISTER", "SCHEDULER")]
    said = [os.environ.get(name, "on") for name in names]
    with pathlib.Path(os.environ["SAID"]).open("a") as file:
        file.write(" ".join([*sys.argv[1:], *said]) + "\\n")
    time.sleep(600)
""")
_PATIENCE_S = 30


def until(true):
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.05)
    pytest.fail(f"not true after {_PATIENCE_S} s")


def alive(pid):
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def server(tmp_path):
    """A server with what runs beside it; hands out its process and what the services said."""
    (tmp_path / "prefect.py").write_text(SERVICES)
    said, port = tmp_path / "said", free_port()
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}", "SAID": str(said)}
    environment["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    command = beside([sys.executable, "-c", LISTENS, str(port)], {"TILTH_REDIS_URL": "redis://127.0.0.1/0"})
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "false\n"
        until(said.exists)
        yield process, said
        process.kill()


def test_without_redis_the_server_does_it_all_itself():
    """The memory broker hands its events to no other process."""
    assert beside(SERVER, {}) == SERVER
    assert beside(SERVER, {"TILTH_REDIS_URL": "redis://127.0.0.1/0"})[-3:] == SERVER


def test_services_are_divided_between_the_two(server):
    """The recorder and the persister run beside the server, the rest in it; no service runs twice."""
    _, said = server
    until(said.read_text)
    assert said.read_text() == "server services start on false\n"


def test_services_that_end_are_started_again(server):
    process, said = server
    recorder, services = until(lambda: (found := children(process.pid)) and len(found) == 2 and found)
    os.kill(services, signal.SIGKILL)
    until(lambda: said.read_text().count("\n") == 2)
    assert until(lambda: children(recorder)) != [services]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_they_end_with_the_server(server, number):
    """However it ends: what is left would write to a database that the next server thinks its own."""
    process, _ = server
    doomed = until(lambda: (found := children(process.pid)) and len(found) == 2 and found)
    process.send_signal(number)
    process.wait()
    until(lambda: not any(map(alive, doomed)))
