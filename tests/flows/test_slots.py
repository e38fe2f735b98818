"""The slots of engines: shards of llm stages wait for each other, others do not."""

import contextlib
import threading
import time
from types import SimpleNamespace

import pytest

from flows.slots import LIMIT, SLOTS, engine_slot, make_limit

pytestmark = pytest.mark.usefixtures("orchestrator")
ASKING, OTHER = SimpleNamespace(engine="openai_http:abc"), SimpleNamespace(engine=None)


@pytest.fixture
def client(orchestrator):
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as found:
        yield found
        with contextlib.suppress(ObjectNotFound):
            found.delete_global_concurrency_limit_by_name(LIMIT)


def most_at_once(job, count=3):
    """Return how many of so many threads held a slot at the same time."""
    inside, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal inside, most
        with engine_slot(job):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.4)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return most


def test_shards_that_ask_wait_for_a_slot(client):
    """As many as the limit says; a shard that asks nobody takes none."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

    client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=1))
    assert most_at_once(ASKING) == 1
    assert most_at_once(OTHER) == 3


def test_without_the_limit_nothing_waits(client):
    """A run by itself, on a server of its own."""
    assert most_at_once(ASKING) == 3


def test_limit_is_made_once_and_left_as_it_was_changed(client):
    """`make up` again does not undo what someone set."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    make_limit(client)
    assert client.read_global_concurrency_limit_by_name(LIMIT).limit == SLOTS
    client.update_global_concurrency_limit(LIMIT, GlobalConcurrencyLimitUpdate(limit=2))
    make_limit(client)
    assert client.read_global_concurrency_limit_by_name(LIMIT).limit == 2
