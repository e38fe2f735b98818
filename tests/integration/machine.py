"""A machine as `python -m deployments.server up` leaves it, with a home and a port of its own, and its API."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.soak.postgres import free_port

ROOT = Path(__file__).resolve().parents[2]
_UP_S = 400.0
_BUSY_S = 60.0
_ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(frozen=True)
class Machine:
    """What runs, and how to ask it."""

    environment: dict[str, str]
    port: int
    said: str = ""

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Return what `python -m deployments.server` with these words did."""
        return self.python("-m", "deployments.server", *words)

    def python(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Return what Python with these words did, in the environment of the machine."""
        command = [sys.executable, *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=_UP_S, check=False
        )

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        """Return the answer of the API, asked again while it is busy; urllib.error.HTTPError where it refuses."""
        end = time.monotonic() + _BUSY_S
        while True:
            try:
                return self._ask(method, path, value)
            except urllib.error.HTTPError as error:
                if error.code != 503 or time.monotonic() > end:
                    raise
                time.sleep(1)

    def _ask(self, method: str, path: str, value: Any) -> Any:
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"{self.ui}/api{path}", body, method=method)  # noqa: S310  our own server
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  our own server
            said = answer.read()
        return json.loads(said) if said else None

    def run(self, deployment: str, **parameters: Any) -> str:
        """Return the id of a run of a deployment, asked for now."""
        found = self.ask("GET", f"/deployments/name/{deployment}")
        return self.ask("POST", f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})["id"]

    def state(self, run: str) -> str:
        return self.ask("GET", f"/flow_runs/{run}")["state_type"]

    def wait(self, run: str, *states: str, seconds: float = 300) -> str:
        """Return the state of a run once it is one of these, or one that ends it."""
        end = time.monotonic() + seconds
        while (state := self.state(run)) not in (states or _ENDED):
            if time.monotonic() > end:
                raise TimeoutError(f"run {run} is {state} after {seconds:g} s, not {', '.join(states or _ENDED)}")
            time.sleep(0.3)
        return state


@contextmanager
def machine(folder: Path, **more: str) -> Iterator[Machine]:
    """Start everything that a machine has, on a free port; stop it all at the end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "TILTH_"))}
    own = Machine({**environment, "TILTH_HOME": str(folder / "home"), **more}, free_port())
    try:
        done = own.command("up", "--port", str(own.port))
        if done.returncode:
            raise RuntimeError(f"up failed: {done.stderr or done.stdout}")
        yield Machine(own.environment, own.port, done.stdout)
    finally:
        own.command("down")


def children(pid: int) -> list[int]:
    """Return every process that a process started, and those that they started."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *children(int(child))]
    return found


def refused(own: Machine, deployment: str, **parameters: Any) -> urllib.error.HTTPError:
    """Return the error with which the API refuses a run with these parameters."""
    try:
        run = own.run(deployment, **parameters)
    except urllib.error.HTTPError as error:
        return error
    raise AssertionError(f"run {run} was made")
