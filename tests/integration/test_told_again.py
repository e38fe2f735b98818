"""A server that is killed after it took events and before it wrote them down: told again, they are there."""

import time

import pytest

from tasks.landing.ledger import Arrival, Outcome
from tests.soak.cluster import REDIS, cluster
from tests.soak.postgres import BINARIES, MISSING
from tests.soak.verdict import open_ledger, write_landing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
# What the server takes stays in its memory.
_HOLDS = {
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "3600",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "10000",
}
_PATIENCE_S = 60


@pytest.fixture(params=[False, True], ids=["sqlite, memory", "postgresql, redis"])
def own(request, tmp_path):
    """A server on each pair of database and broker, and this process as its client."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if request.param and not (BINARIES and REDIS):
        pytest.skip(f"{MISSING} redis-server")
    write_landing(tmp_path)
    with pytest.MonkeyPatch.context() as patch, cluster(tmp_path, production=request.param) as own:
        for name in ("TILTH_HOME", "TILTH_DATABASE_URL"):
            patch.delenv(name, raising=False)
        with temporary_settings({PREFECT_API_URL: own.api}):
            yield own


@pytest.fixture
def ledger(own):
    ledger = open_ledger(own.environment)
    yield ledger
    ledger.close()


@pytest.fixture
def redis(own):
    """The broker; None where it is in the server's memory."""
    from redis import Redis

    port = own.environment.get("PREFECT_REDIS_MESSAGING_PORT")
    return Redis(port=int(port)) if port else None


def restart(own, **changes):
    own.kill("server")
    own.environment |= changes
    own.start_server()
    own.wait_for_server()


def ended(ledger):
    """Let three contents land and end, two of them well; return their ends."""
    landed = [Arrival(f"file:///in/{n}.jsonl", "folder", "1", 10, 1.0, f"{n:032x}", "texts") for n in range(3)]
    ledger.register([(arrival, "a.jsonl") for arrival in landed])
    for number, entry in enumerate(ledger.claim("me", 3, 60)):
        outcome = Outcome("released", "/r", 3) if number else Outcome("rejected", reason="not JSON")
        assert ledger.finish(entry, "me", outcome)
    return ledger.untold()


def until(holds, what):
    end = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"not {what} after {_PATIENCE_S} s"
        time.sleep(0.2)


def taken(redis):
    """Return whether the server has taken off the broker all that it is to write down."""
    groups = [group for group in redis.xinfo_groups("events") if group["name"] == b"event-persister"]
    return all(group["lag"] == group["pending"] == 0 for group in groups)


def test_ends_that_died_with_the_server_are_there_after_reconcile(own, ledger, redis):
    """Told with 2xx, SIGKILL, start: none is there. Reconciled they are, each once, and the next turn confirms them."""
    from flows.events import REJECTED, RELEASED, event_id, kept
    from flows.landing import Desk
    from flows.tell import tell

    said = []
    desk = Desk(own.folder / "landing.yaml", "seeds/seeds", said.append)
    ids = {event_id(RELEASED if end.state == "released" else REJECTED, end) for end in ended(ledger)}
    before = {name: own.environment.get(name, "5") for name in _HOLDS}
    restart(own, **_HOLDS)
    assert tell(ledger, 0) == 3
    if redis:
        until(lambda: taken(redis), "taken off the broker")
    restart(own, **before)
    assert kept(list(ids)) == set()
    if redis:
        # 300 s later the broker has forgotten the ids that it saw; the soak waits that long.
        redis.delete(*(f"message:messaging-cache:{one}" for one in ids))
    desk.reconcile()
    assert said == ["told again of 3 ends that the server has not kept"]
    until(lambda: kept(list(ids)) == ids, "written down")
    desk.reconcile()
    assert len(said) == 1
    assert [entry.confirm_at for entry in ledger.entries()] == [None, None, None]
    listed = own.post("/events/filter", {"filter": {"event": {"prefix": ["tilth."]}}, "limit": 50})["events"]
    assert sorted(event["id"] for event in listed) == sorted(ids)
