"""How contents ended is told until the server keeps it: what it keeps is confirmed, what it does not is told again."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tasks.core.errors import TransientError
from tasks.landing.ledger import Arrival, Entry, Ledger, Outcome

pytestmark = pytest.mark.usefixtures("orchestrator")


@pytest.fixture
def ledger(home, monkeypatch):
    monkeypatch.delenv("TILTH_DATABASE_URL", raising=False)
    ledger = Ledger()
    yield ledger
    ledger.close()


def ended(ledger: Ledger, many: int) -> list[Entry]:
    """Let contents that no other test has land and be released; return their ends."""
    arrivals = [Arrival(f"file:///in/{n}.jsonl", "folder", "1", 10, 1.0, uuid4().hex, "texts") for n in range(many)]
    ledger.register([(arrival, "a.jsonl") for arrival in arrivals])
    for entry in ledger.claim("me", many, 60):
        assert ledger.finish(entry, "me", Outcome("released", "/r", 3))
    return ledger.untold()


def unkept(entries: list[Entry]) -> set[str]:
    """Return the ids of ends that the server has not written down within 30 s."""
    from flows.events import PAGE, RELEASED, event_id, kept

    ids = {event_id(RELEASED, entry) for entry in entries}
    end = time.monotonic() + 30
    while ids and time.monotonic() < end:
        ids -= kept(list(ids)[:PAGE])
        time.sleep(0.2)
    return ids


def confirmed(ledger: Ledger) -> list[bool]:
    return [entry.told and entry.confirm_at is None for entry in ledger.entries()]


def test_end_that_the_server_keeps_is_confirmed(ledger):
    """Told, written down, looked up: it is not told again, and not looked up again."""
    from flows.tell import confirm, tell

    ends = ended(ledger, 2)
    assert tell(ledger, 0) == 2
    assert confirmed(ledger) == [False, False]
    assert unkept(ends) == set()
    assert confirm(ledger, 0) == 0
    assert confirmed(ledger) == [True, True]
    assert ledger.unconfirmed() == []


def test_end_is_not_looked_up_before_its_time(ledger):
    """The server needs seconds to write it down: until then nothing is told a second time."""
    from flows.tell import confirm, tell

    ended(ledger, 1)
    assert (tell(ledger), confirm(ledger), confirm(ledger)) == (1, 0, 0)
    assert confirmed(ledger) == [False]


def test_ends_that_the_server_has_lost_are_told_again(ledger):
    """More than a page of them among others that it keeps: each is told once more, and then confirmed like those."""
    from flows.tell import confirm, tell

    there = ended(ledger, 30)
    tell(ledger, 0)
    lost = ended(ledger, 60)
    ledger.tell(lost, 0)
    assert unkept(there) == set()
    assert confirm(ledger, 0) == 60
    assert confirmed(ledger).count(True) == 30
    assert unkept(lost) == set()
    assert confirm(ledger, 0) == 0
    assert all(confirmed(ledger))


def test_server_that_is_down_confirms_nothing_and_is_asked_again(ledger):
    """Nobody listens: TransientError, and the next turn looks the same ends up."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.tell import confirm

    ledger.tell(ended(ledger, 1), 0)
    nowhere = temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"})
    with nowhere, pytest.raises(TransientError, match="the Prefect server does not answer"):
        confirm(ledger, 0)
    assert len(ledger.unconfirmed()) == 1


def test_event_of_a_clock_that_is_ahead_is_found(ledger):
    """The watcher's clock two minutes ahead of the server's: by default the server would not list it yet."""
    from flows.events import RELEASED, event, send

    ends = ended(ledger, 1)
    ahead = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
    send([event(RELEASED, ends[0], {}) | {"occurred": ahead}])
    assert unkept(ends) == set()
