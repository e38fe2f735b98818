"""A ledger on each database that it works on, a landing folder, and an S3 and SQS server on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.core.settings import settings
from tasks.landing.ledger import Ledger
from tests.soak.postgres import BINARIES, MISSING, free_port, postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if not BINARIES:
        pytest.skip(MISSING)
    with postgres(free_port()) as url:
        yield url


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Iterator[Path]:
    """A TILTH_HOME of the test's own."""
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TILTH_DATABASE_URL", raising=False)
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, home) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{home}/ledger.db"
        return
    import psycopg

    given = request.getfixturevalue("postgres_url")
    yield given
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS tilth CASCADE")


@pytest.fixture
def ledger(url) -> Iterator[Ledger]:
    ledger = Ledger(url)
    yield ledger
    ledger.close()


@pytest.fixture
def write_landing(tmp_path) -> Callable[..., Path]:
    """Write a landing file with its recipe and its folder, and return its path."""

    def write(**changes: Any) -> Path:
        (tmp_path / "landing").mkdir(exist_ok=True)
        (tmp_path / "example.jsonl").write_text('{"text": "The kettle hums when it boils."}\n')
        stage = {"name": "edited", "method": "word_shuffle", "inputs": ["landed"], "per_seed": 1}
        recipe = {"name": "landed", "seeds": {"landed": {"path": "example.jsonl"}}, "stages": [stage]}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"release": {"docs": False}}))
        route = {"name": "texts", "match": "*.jsonl", "recipe": "recipe.yaml", "seeds": "landed"}
        value = {"sources": {"folder": {"path": "landing"}}, "routes": [route], "releases": "releases", "settle_s": 0.2}
        path = tmp_path / "landing.yaml"
        path.write_text(yaml.safe_dump(value | changes))
        return path

    return write
