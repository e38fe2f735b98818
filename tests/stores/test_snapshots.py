"""What one machine has paid for, another one that shares the store finds in its own log."""

import asyncio
import threading
import time

import pytest

from tasks.answers import AnswerLog
from tasks.core.engine import Fake, Request
from tasks.core.errors import ShardError, UserError
from tasks.engines.fake import FakeEngine
from tasks.stores.factory import open_store
from tasks.stores.snapshots import merge_answers, own_key, snapshot_answers, snapshots


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    if request.param == "folder":
        return open_store(tmp_path / "shared")
    return open_store(f"s3://{request.getfixturevalue('bucket')}/shared")


def request_of(text: str) -> Request:
    return Request(messages=(("user", text),))


def ask(log: AnswerLog, *texts: str) -> list[bool]:
    """Ask through a log and return which answers were fresh."""
    engine = FakeEngine(Fake(type="fake"))

    async def all_of() -> list[bool]:
        return [(await log.ask(engine, request_of(text)))[1] for text in texts]

    return asyncio.run(all_of())


def test_answers_travel(store, tmp_path):
    """None is asked again on the second machine, and both ways."""
    here, there = (tmp_path / name / "answers.sqlite" for name in ("here", "there"))
    log = AnswerLog(here)
    assert ask(log, "a", "b") == [True, True]
    assert snapshot_answers(store, here) > 0
    log.close()
    assert merge_answers(store, there) == 2
    other = AnswerLog(there)
    assert ask(other, "a", "b", "c") == [False, False, True]
    snapshot_answers(store, there)
    other.close()
    assert merge_answers(store, here) == 1
    assert list(store.list("answers")) == sorted([own_key(here), own_key(there)])


def test_copy_that_was_merged_is_not_read_again(store, tmp_path):
    """Until it is another one."""
    here, there = (tmp_path / name / "answers.sqlite" for name in ("here", "there"))
    log = AnswerLog(here)
    ask(log, "a")
    snapshot_answers(store, here)
    assert [merge_answers(store, there), merge_answers(store, there)] == [1, 0]
    ask(log, "b")
    snapshot_answers(store, here)
    log.close()
    assert merge_answers(store, there) == 1


def test_copy_is_whole_while_answers_come_in(tmp_path):
    """Taken while another thread writes: a log that opens, with what was there at the start at least."""
    store, here = open_store(tmp_path / "shared"), tmp_path / "here" / "answers.sqlite"
    log = AnswerLog(here)
    ask(log, *(f"before {n}" for n in range(50)))
    writer = threading.Thread(target=ask, args=(log, *(f"meanwhile {n}" for n in range(200))))
    writer.start()
    snapshot_answers(store, here)
    writer.join()
    log.close()
    assert merge_answers(store, tmp_path / "there" / "answers.sqlite") >= 50


def test_copies_are_put_while_answers_come_in(store, tmp_path):
    """A machine that dies in the middle of a stage leaves what it has paid for until then to the others."""
    here, there = (tmp_path / name / "answers.sqlite" for name in ("here", "there"))
    log = AnswerLog(here)
    with snapshots(store, here, every_s=0.05):
        ask(log, "a", "b")
        deadline = time.monotonic() + 20
        while merge_answers(store, there) == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        ask(log, "c")
    log.close()
    other = AnswerLog(there)
    assert ask(other, "a", "b") == [False, False]
    other.close()
    assert merge_answers(store, there) == 1


def test_last_copy_is_put_although_the_stage_failed(store, tmp_path):
    """What was answered before the failure is paid for as well."""
    here = tmp_path / "here" / "answers.sqlite"
    log = AnswerLog(here)

    def fails():
        with snapshots(store, here):
            ask(log, "a")
            raise ShardError("no")

    with pytest.raises(ShardError, match="no"):
        fails()
    log.close()
    assert merge_answers(store, tmp_path / "there" / "answers.sqlite") == 1


def test_no_log_is_no_copy(store, tmp_path):
    """A run that asks nothing puts nothing."""
    assert snapshot_answers(store, tmp_path / "answers.sqlite") == 0
    assert merge_answers(store, tmp_path / "answers.sqlite") == 0
    assert list(store.list("")) == []


def test_copy_that_is_none_is_named(store, tmp_path):
    """Somebody else's bytes under our key: one line, and the log stays as it was."""
    store.write("answers/ffff.sqlite.zst", b"not packed")
    with pytest.raises(UserError, match=r"'answers/ffff\.sqlite\.zst' in the store is no copy of an answer log"):
        merge_answers(store, tmp_path / "answers.sqlite")
