"""A Prefect server, workers, watchers, and on demand PostgreSQL and Redis: processes of one's own, to be killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deployments.server import recorder
from deployments.server.ready import job_template
from flows.orchestrator import BATCHES, ensure_database
from tests.soak.postgres import free_port, postgres

ROOT = Path(__file__).resolve().parents[2]
PREFECT = Path(sys.executable).with_name("prefect")
REDIS = shutil.which("redis-server")
_UP_S = 120.0


@dataclass
class Cluster:
    """What runs, by name. Everything lies in one folder."""

    folder: Path
    environment: dict[str, str]
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start_server(self) -> None:
        command = [str(PREFECT), "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        self.start("server", *recorder.beside(command, self.environment))

    def start_worker(self, name: str) -> None:
        # With its type named, a worker starts while the server is away.
        kind = ("--pool", "tilth-cpu", "--type", "process")
        warm = (sys.executable, "-m", "deployments.server.warm")
        self.start(name, *warm, str(PREFECT), "worker", "start", *kind, "--name", name, "--limit", "2")

    def start_watcher(self, name: str) -> None:
        config = self.folder / "landing.yaml"
        self.start(name, sys.executable, "-m", "deployments.watcher", "--config", str(config))

    def start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str, *, children: bool = False) -> None:
        """SIGKILL a process; with `children` all that it started, as when its machine dies."""
        process = self.running.pop(name)
        doomed = _descendants(process.pid) if children else []
        for pid in (process.pid, *doomed):
            _signal(pid, signal.SIGKILL)
        process.wait()

    def wait_for_server(self) -> None:
        deadline = time.monotonic() + _UP_S
        while time.monotonic() < deadline:
            try:
                self.get("/health")
            except OSError:
                time.sleep(0.3)
            else:
                return
        raise TimeoutError(f"no server after {_UP_S:g} s; see {self.folder / 'server.log'}")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.api}{path}", timeout=20) as answer:  # noqa: S310  our own server
            return json.load(answer)

    def post(self, path: str, value: Any) -> Any:
        request = urllib.request.Request(f"{self.api}{path}", json.dumps(value).encode(), method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  our own server
            body = answer.read()
        return json.loads(body) if body else None

    def deploy(self) -> None:
        """Make the work pool and the landing deployments that the project ships, with this cluster's landing file."""
        template = self.folder / "job.json"
        template.write_text(json.dumps(job_template()))
        pool = ("create", "tilth-cpu", "--type", "process", "--overwrite", "--base-job-template", str(template))
        self.run(str(PREFECT), "work-pool", *pool)
        shipped = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())
        mine = [spec for spec in shipped["deployments"] if spec["name"] in {"seeds", "reconcile"}]
        for spec in mine:
            spec["parameters"] = {"config": str(self.folder / "landing.yaml")}
        file = self.folder / "prefect.yaml"
        file.write_text(yaml.safe_dump(shipped | {"deployments": mine}))
        self.run(str(PREFECT), "--no-prompt", "deploy", "--all", "--prefect-file", str(file))

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name, children=True)


@contextmanager
def cluster(folder: Path, *, production: bool = False) -> Iterator[Cluster]:
    """Start a server with nothing deployed; `production` puts PostgreSQL and Redis behind it and behind the ledger."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TILTH_"))},
        "PATH": f"{PREFECT.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "TILTH_HOME": str(folder / "home"),
        "TILTH_ROOT": str(ROOT),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_UI_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        **BATCHES,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if production:
            environment |= stack.enter_context(_services(folder))
        else:
            ensure_database(folder / "prefect")
        own = Cluster(folder, environment, port)
        stack.callback(own.stop)
        own.start_server()
        own.wait_for_server()
        own.deploy()
        yield own


@contextmanager
def _services(folder: Path) -> Iterator[dict[str, str]]:
    """Start PostgreSQL and Redis; hand out the settings that put Prefect and the ledger on them."""
    redis_port = free_port()
    redis = [str(REDIS), "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with postgres(free_port()) as url, subprocess.Popen(redis, stdout=subprocess.DEVNULL) as running:
        try:
            yield {
                "TILTH_DATABASE_URL": url,
                "PREFECT_API_DATABASE_CONNECTION_URL": url.replace("postgresql:", "postgresql+asyncpg:"),
                "TILTH_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
                "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
                "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
                "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
                "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
                "PREFECT_REDIS_MESSAGING_PORT": str(redis_port),
                "PREFECT_REDIS_MESSAGING_DB": "0",
            }
        finally:
            running.terminate()


def _descendants(pid: int) -> list[int]:
    """Return every process that a process started, and those that they started."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
