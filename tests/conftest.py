"""What every test gets."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

# A deadline measures the machine, and shared machines are slow at times.
settings.register_profile("tilth", deadline=None)
settings.load_profile("tilth")


@pytest.fixture(scope="session")
def swift_server(tmp_path_factory) -> Iterator[str]:
    """The URL of OpenStack Swift's S3 API, started once for the session; where it cannot be, the test says why."""
    from tests.stores.swift import missing, swift

    folder = tmp_path_factory.mktemp("swift")
    if why := missing(folder):
        pytest.skip(why)
    with swift(folder) as url:
        yield url
