"""A bucket on a server of its own for the session, emptied for each test; and one on Swift, new for each test."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.core.settings import settings
from tasks.stores.factory import forget_stores
from tests.stores import swift
from tests.stores.servers import ENVIRONMENT, moto, tell

pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[s3,server]'")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture
def endpoint(s3_server, monkeypatch) -> Iterator[str]:
    """The server, emptied, with AWS's variables set to reach it."""
    tell(s3_server, "reset-auth", "1000000000")
    tell(s3_server, "reset")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    forget_stores()
    yield s3_server
    forget_stores()


@pytest.fixture
def bucket(endpoint) -> str:
    """The name of an empty bucket."""
    from tasks.stores._s3_calls import client

    client().create_bucket(Bucket="tilth-test", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return "tilth-test"


@pytest.fixture
def swift_bucket(swift_server, monkeypatch) -> Iterator[str]:
    """The name of a new bucket on Swift, with AWS's variables set to reach it."""
    from tasks.stores._s3_calls import client

    for name, value in {**swift.ENVIRONMENT, "AWS_ENDPOINT_URL": swift_server}.items():
        monkeypatch.setenv(name, value)
    forget_stores()
    name = f"tilth-{secrets.token_hex(4)}"
    client().create_bucket(Bucket=name)
    yield name
    forget_stores()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Iterator[Path]:
    """A TILTH_HOME of the test's own."""
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TILTH_STORE", raising=False)
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()
