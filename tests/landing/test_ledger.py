"""The ledger, on SQLite and on PostgreSQL: of many processes that want the same, one gets it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from tasks.core.errors import TransientError, UserError
from tasks.landing import database
from tasks.landing.ledger import Arrival, Entry, Ledger, Outcome


def landed(number: int, *, digest: str | None = None, route: str = "texts") -> tuple[Arrival, str]:
    digest = digest or f"{number:032x}"
    return Arrival(f"file:///in/{number}.jsonl", "folder", "1", 10, float(number), digest, route), f"{number}.jsonl"


def ended(ledger: Ledger, *numbers: int, state: str = "released") -> list[Entry]:
    """Let contents land, unless they have, and end; return what the ledger has of their ends."""
    ledger.register([landed(n) for n in numbers])
    for entry in ledger.claim("a", len(numbers), 60):
        assert ledger.finish(entry, "a", Outcome(state, "/r" if state == "released" else None, 3, "a reason"))
    return sorted(ledger.untold(), key=lambda entry: entry.name)


def told(ledger: Ledger, entry: Entry) -> Entry:
    ledger.tell([entry], 45)
    return next(e for e in ledger.entries() if e.digest == entry.digest)


def test_same_content_twice_is_one_entry_of_two_uris(ledger):
    """Two files of the same bytes, in one call and in two: one content, its first URI at the head."""
    assert ledger.register([landed(1, digest="a" * 32), landed(2, digest="a" * 32)]) == 1
    assert ledger.register([landed(3, digest="a" * 32)]) == 0
    (entry,) = ledger.entries()
    assert ledger.uris(entry) == ["file:///in/1.jsonl", "file:///in/2.jsonl", "file:///in/3.jsonl"]


def test_same_content_on_two_routes_is_two_entries(ledger):
    """Another recipe makes another release of the same bytes."""
    assert ledger.register([landed(1, digest="a" * 32), landed(2, digest="a" * 32, route="other")]) == 2


def test_file_without_a_route_is_rejected_and_listed_anew_on_retry(ledger):
    """No pattern matches: rejected with its reason; a retry forgets it, so that the next look routes it again."""
    ledger.register([landed(1, route="")])
    (entry,) = ledger.entries("rejected")
    assert entry.reason.startswith("no_route")
    assert ledger.retry(entry)
    assert ledger.entries() == []
    assert ledger.arrivals("folder") == {}


def test_claim_takes_the_oldest_and_no_more_than_asked(ledger):
    """Five contents, a claim of two: the two that landed first, in order."""
    ledger.register([landed(n) for n in (5, 3, 1, 4, 2)])
    assert [e.name for e in ledger.claim("a", 2, 60)] == ["1.jsonl", "2.jsonl"]
    assert [e.name for e in ledger.claim("b", 9, 60)] == ["3.jsonl", "4.jsonl", "5.jsonl"]
    assert ledger.claim("c", 9, 60) == []


def test_sixteen_claimants_share_without_overlap(url):
    """400 contents, 16 claimants with connections of their own: each content is claimed exactly once."""
    first = Ledger(url)
    first.register([landed(n) for n in range(400)])
    start = threading.Barrier(16)

    def work(number: int) -> list[str]:
        mine = Ledger(url)
        start.wait()
        taken = []
        while found := mine.claim(f"owner-{number}", 7, 60):
            assert len(found) <= 7
            taken += [entry.digest for entry in found]
        mine.close()
        return taken

    with ThreadPoolExecutor(16) as pool:
        taken = [digest for part in pool.map(work, range(16)) for digest in part]
    assert len(taken) == len(set(taken)) == 400
    first.close()


def test_claim_of_a_run_that_died_is_taken_over_and_its_late_word_does_not_count(ledger):
    """Without a renewal the lease ends; the second owner has it, the first one's `finish` changes nothing."""
    ledger.register([landed(1)])
    (first,) = ledger.claim("first", 1, 0.2)
    assert ledger.claim("second", 1, 60) == []
    time.sleep(0.3)
    (second,) = ledger.claim("second", 1, 60)
    assert second.tries == 2
    assert not ledger.finish(first, "first", Outcome("released", "/r/first", 1))
    assert not ledger.postpone(first, "first", 0, "late")
    assert ledger.renew("first", 60) == 0
    assert ledger.finish(second, "second", Outcome("released", "/r/second", 1))
    assert not ledger.finish(second, "second", Outcome("failed", reason="twice"))
    (entry,) = ledger.entries()
    assert (entry.state, entry.release, entry.owner) == ("released", "/r/second", None)


def test_renewal_keeps_a_claim_alive(ledger):
    """Renewed before its lease ends, a claim stays its owner's."""
    ledger.register([landed(1)])
    ledger.claim("first", 1, 0.4)
    for _ in range(3):
        time.sleep(0.25)
        assert ledger.renew("first", 0.4) == 1
    assert ledger.claim("second", 1, 60) == []


def test_put_back_does_not_count_as_a_try(ledger):
    """A run that ends because the orchestrator is away gives its claims back as they were."""
    ledger.register([landed(1), landed(2)])
    ledger.claim("a", 2, 60)
    assert ledger.put_back("a") == 2
    assert [entry.tries for entry in ledger.claim("b", 2, 60)] == [1, 1]


def test_postponed_content_is_not_due_before_its_time(ledger):
    """It keeps its reason, and comes when the wait is over."""
    ledger.register([landed(1)])
    (entry,) = ledger.claim("a", 1, 60)
    assert ledger.postpone(entry, "a", 0.3, "the disk is full")
    assert ledger.claim("a", 1, 60) == []
    time.sleep(0.4)
    (again,) = ledger.claim("a", 1, 60)
    assert (again.tries, again.reason) == (2, "the disk is full")


def test_each_content_is_asked_for_once_by_whichever_watcher_is_first(url):
    """Two watchers ask at once: no content in two groups, and no more groups than runs."""
    ledgers = [Ledger(url), Ledger(url)]
    ledgers[0].register([landed(n) for n in range(50)])
    with ThreadPoolExecutor(2) as pool:
        groups = [group for part in pool.map(lambda own: own.wake(10, 3, 60), ledgers) for group in part]
    digests = [entry.digest for group in groups for entry in group]
    assert len(groups) == 3
    assert len(digests) == len(set(digests)) == 30
    assert ledgers[0].wake(10, 3, 60) == []
    ledgers[0].claim("a", 30, 60)
    assert len(ledgers[0].wake(10, 3, 60)) == 2
    for own in ledgers:
        own.close()


def test_runs_that_did_not_come_make_room_and_their_contents_are_overdue(ledger):
    """Asked for, and nobody came: after the time to start it no longer counts as on its way."""
    ledger.register([landed(n) for n in range(4)])
    assert [len(group) for group in ledger.wake(2, 1, 0.2)] == [2]
    assert ledger.wake(2, 1, 0.2) == []
    time.sleep(0.3)
    assert [len(group) for group in ledger.wake(2, 1, 0.2)] == [2]
    assert len(ledger.overdue(0.25)) == 2
    assert len(ledger.overdue(60)) == 0


def test_unwoken_contents_are_asked_for_again(ledger):
    """The event could not be sent: the next look asks again."""
    ledger.register([landed(1)])
    (group,) = ledger.wake(1, 1, 60)
    assert ledger.pending() == 0
    ledger.unwake(group)
    assert ledger.pending() == 1
    assert len(ledger.wake(1, 1, 60)) == 1


def test_end_is_told_once_and_again_after_another_end(ledger):
    """Untold until told; a retry that ends otherwise is told anew, and telling the old end does not hide it."""
    (old,) = ended(ledger, 1, state="rejected")
    ledger.tell([old], 60)
    assert ledger.untold() == []
    assert ledger.retry(old)
    time.sleep(0.01)
    ended(ledger, 1)
    ledger.tell([old], 60)
    assert [e.state for e in ledger.untold()] == ["released"]


def test_what_was_told_is_to_be_confirmed_after_its_time_and_once_confirmed_never_again(ledger):
    """Not before the wait is over; then those that nobody has confirmed, the longest waiting first."""
    first, second = ended(ledger, 1, 2)
    ledger.tell([second], 0.2)
    ledger.tell([first], 0.3)
    assert ledger.unconfirmed() == []
    time.sleep(0.4)
    assert [e.name for e in ledger.unconfirmed()] == ["2.jsonl", "1.jsonl"]
    assert [e.name for e in ledger.unconfirmed(1)] == ["2.jsonl"]
    ledger.confirm([second])
    assert [e.name for e in ledger.unconfirmed()] == ["1.jsonl"]


def test_each_telling_of_the_same_end_doubles_the_wait(ledger):
    """A server that keeps nothing is told ever less often; another end begins anew."""
    (old,) = ended(ledger, 1, state="rejected")
    entry, waits = old, []
    for _ in range(4):
        entry = told(ledger, entry)
        waits.append(entry.confirm_s)
    assert waits == [45, 90, 180, 360]
    assert entry.confirm_at == pytest.approx(ledger.now() + 360, abs=5)
    ledger.retry(old)
    time.sleep(0.01)
    (new,) = ended(ledger, 1)
    assert told(ledger, new).confirm_s == 45


def test_of_several_who_told_the_same_one_counts(ledger):
    """Two read it as untold, two as unconfirmed: the wait doubles once; what is confirmed meanwhile stays so."""
    (entry,) = ended(ledger, 1)
    assert [told(ledger, entry).confirm_s for _ in range(2)] == [45, 45]
    (entry,) = ledger.entries()
    assert [told(ledger, entry).confirm_s for _ in range(2)] == [90, 90]
    (entry,) = ledger.entries()
    ledger.confirm([entry])
    assert told(ledger, entry).confirm_at is None


def test_late_word_on_an_old_end_confirms_nothing(ledger):
    """Seen for the end before the retry: the new one is still to be told, and then to be confirmed."""
    (old,) = ended(ledger, 1, state="rejected")
    ledger.tell([old], 0)
    ledger.retry(old)
    assert ledger.unconfirmed() == []
    time.sleep(0.01)
    (new,) = ended(ledger, 1)
    assert ledger.unconfirmed() == []
    ledger.tell([new], 0)
    ledger.confirm([old])
    assert [e.state for e in ledger.unconfirmed()] == ["released"]


@pytest.mark.parametrize(("days", "found"), [(6.9, 1), (7.1, 0)], ids=["kept", "trimmed"])
def test_end_older_than_a_server_keeps_events_counts_as_confirmed(ledger, url, days, found):
    """What the server may have trimmed is not told a second time, however long nobody looked."""
    (entry,) = ended(ledger, 1)
    with database.open_engine(url).begin() as connection:
        connection.execute(sa.text("UPDATE contents SET finished_at = finished_at - :s"), {"s": days * 86_400})
    (entry,) = ledger.entries()
    ledger.tell([entry], 0)
    assert len(ledger.unconfirmed()) == found


@pytest.mark.parametrize("state", ["landed", "claimed", "released"])
def test_only_what_ended_badly_is_retried(ledger, state):
    """A content that waits, is worked on or is released stays as it is."""
    ledger.register([landed(1)])
    if state != "landed":
        (entry,) = ledger.claim("a", 1, 60)
    if state == "released":
        ledger.finish(entry, "a", Outcome("released", "/r", 1))
    assert not ledger.retry(ledger.entries()[0])
    assert ledger.entries()[0].state == state


def test_new_version_of_a_file_is_seen_from_when_it_changed(ledger):
    """The same version keeps its time, another one starts anew; a vanished one is forgotten."""
    a = Arrival("file:///a", "folder", "1", 1, 0.0)
    ledger.observe([a])
    seen = ledger.arrivals("folder")["file:///a"].seen_at
    time.sleep(0.05)
    ledger.observe([a])
    assert ledger.arrivals("folder")["file:///a"].seen_at == seen
    ledger.observe([Arrival("file:///a", "folder", "2", 2, 0.0)])
    assert ledger.arrivals("folder")["file:///a"].seen_at > seen
    ledger.forget(["file:///a"])
    assert ledger.arrivals("folder") == {}


def test_eight_processes_at_once_find_the_tables_made_once(url):
    """Whoever comes first migrates, the others wait and go on."""
    with ThreadPoolExecutor(8) as pool:
        ledgers = list(pool.map(lambda _: Ledger(url), range(8)))
    assert all(own.entries() == [] for own in ledgers)
    for own in ledgers:
        own.close()


def test_migrations_make_the_tables_that_the_code_names(url):
    """No difference between the migrated database and the metadata, and the newest revision is the one asked for."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from tasks.landing._tables import metadata

    engine = database.open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda n, *_: n != database.VERSION_TABLE}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    script = ScriptDirectory(f"{database.__file__.rpartition('/')[0]}/migrations")
    assert script.get_heads() == [database.HEAD]


def test_ledger_of_a_newer_version_is_refused_in_one_line(url):
    """A process that starts from old code after another one has upgraded the ledger."""
    engine = database.open_engine(url)
    with engine.begin() as connection:
        version = sa.table(database.VERSION_TABLE, sa.column("version_num"))
        connection.execute(sa.update(version).values(version_num="9999"))
    engine.dispose()
    with pytest.raises(UserError, match=r"is of a newer Tilth: Can't locate revision .*'9999'; upgrade this one"):
        Ledger(url)


@pytest.fixture
def before(url):
    """The ledger as it was before ends were confirmed: its engine, and the contents as a process of then knows them."""
    from alembic import command

    engine = database.open_engine(url)
    with engine.begin() as connection:
        command.downgrade(database.migrations(engine, connection), "0001")
        contents = sa.Table("contents", sa.MetaData(), autoload_with=connection)
    yield engine, contents
    engine.dispose()


def old_end(number: int, **changes: object) -> dict[str, object]:
    arrival, name = landed(number)
    row = {"digest": arrival.digest, "route": "texts", "uri": arrival.uri, "name": name, "size": 10, "landed_at": 1.0}
    row |= {"due_at": 1.0, "woken_at": 0.0, "tries": 1, "state": "released", "release": "/r", "rows": 3, "told": True}
    return row | {"finished_at": time.time() - 3600} | changes


def test_end_told_before_the_migration_counts_as_confirmed(before, url):
    """One end told and one not: after the upgrade the latter alone is told."""
    engine, contents = before
    with engine.begin() as connection:
        connection.execute(contents.insert(), [old_end(1), old_end(2, told=False)])
    ledger = Ledger(url)
    assert [e.name for e in ledger.untold()] == ["2.jsonl"]
    ledger.tell(ledger.untold(), 0)
    assert [e.name for e in ledger.unconfirmed()] == ["2.jsonl"]
    ledger.close()


def test_process_of_before_goes_on_after_the_migration(before, url):
    """It enters, ends, tells and reads as it did; what it told nobody looks up, what it ended is told and looked up."""
    engine, contents = before
    ledger = Ledger(url)
    with engine.begin() as connection:
        connection.execute(contents.insert(), [old_end(1, told=False), old_end(2, told=False, state="rejected")])
        connection.execute(contents.update().where(contents.c.name == "1.jsonl").values(told=True))
        assert len(connection.execute(sa.select(contents)).all()[0]) == len(contents.c) == 19
    (entry,) = ledger.untold()
    ledger.tell([entry], 0)
    with engine.begin() as connection:
        again = {"state": "released", "told": False, "finished_at": time.time()}
        connection.execute(contents.update().where(contents.c.name == "2.jsonl").values(again))
    assert ledger.unconfirmed() == []
    assert told(ledger, *ledger.untold()).confirm_s == 45
    ledger.close()


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("mysql://u@h/db", UserError, "is of 'mysql'; have: postgresql, sqlite"),
        ("no url", UserError, "is not a URL; write postgresql://"),
        ("postgresql+asyncpg://u:secret@127.0.0.1:1/db", UserError, r"\*\*\*@127.0.0.1:1/db: .*refused"),
        ("sqlite:////proc/nowhere/ledger.db", UserError, "cannot write"),
    ],
    ids=["other database", "no url", "nobody listens", "no folder"],
)
def test_database_that_cannot_be_used_is_one_line(url, error, said):
    """The message names the place and the choices, never the password."""
    with pytest.raises((error, TransientError), match=said) as caught:
        Ledger(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
