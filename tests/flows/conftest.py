"""Flow tests run against Prefect's own ephemeral server, started once for the process, on a migrated database."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.core.settings import settings


@pytest.fixture(scope="session")
def orchestrator(tmp_path_factory) -> Iterator[str]:
    """Start the ephemeral server and return the URL of its API."""
    from flows.orchestrator import prepare

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        patch.delenv("PREFECT_API_URL", raising=False)
        before = dict(os.environ)
        prepare()
        from prefect.logging.handlers import APILogWorker
        from prefect.server.api.server import SubprocessASGIServer
        from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        server = SubprocessASGIServer()
        server.start(timeout=120)
        url = f"{server.address}/api"
        try:
            with temporary_settings({PREFECT_API_URL: url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
                yield url
        finally:
            # Logs of the last two seconds that find no server hold the process's exit up for over a minute.
            APILogWorker.drain_all(timeout=10)
            server.stop()
            for name in set(os.environ) - set(before):
                del os.environ[name]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A TILTH_HOME of the test's own: nothing is cached."""
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(home, capfd, monkeypatch) -> Callable[..., Ran]:
    """Run the command line in this process, as its `main` runs, and return exit code and output."""
    from flows.cli import main

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["tilth", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def write_recipe(tmp_path) -> Callable[..., Path]:
    """Write a recipe of the stages given and return its path."""

    def write(*stages: dict[str, Any], **top: Any) -> Path:
        path = tmp_path / "recipe.yaml"
        value = {"name": "test", "stages": list(stages), "release": {"docs": False}, **top}
        path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return path

    return write
