"""The answer log: on the disk before it is seen, asked once, shared by processes and threads."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks import _answers_writer, answers
from tasks.answers import AnswerLog, keyed, open_log
from tasks.core.engine import Answer, Fake, Price, Request, sampling
from tasks.core.errors import RecordError, TransientError, UserError
from tasks.engines.fake import FakeEngine

PRICE = Price(input=2.0, output=10.0)


def request(text="Say it.", **values):
    return Request(messages=(("user", text),), sampling=sampling(**values))


@pytest.fixture
def log(tmp_path):
    found = AnswerLog(tmp_path / "answers.sqlite")
    yield found
    found.close()


def engine(**spec):
    return FakeEngine(Fake(type="fake", **spec))


def ask(log, engine, *requests, **tags):
    """Ask all at once on a loop of the test's own."""

    async def all_of_them():
        return await asyncio.gather(*(log.ask(engine, one, price=PRICE, **tags) for one in requests))

    return asyncio.run(all_of_them())


def test_second_time_it_comes_from_the_log(log):
    """The same request, one call of the engine; what differs in any way is another request."""
    fake = engine()
    (first,) = ask(log, fake, request(seed=1))
    (second,) = ask(log, fake, request(seed=1))
    (other,) = ask(log, fake, request(seed=2))
    assert first == (second[0], True)
    assert (second[1], other[1]) == (False, True)
    assert fake.asked == 2


def test_another_engine_is_asked_anew(log):
    """The identity of the engine is part of the key."""
    one, two = engine(answers=("A",)), engine(answers=("B",))
    assert [ask(log, each, request())[0][0].text for each in (one, two, one)] == ["A", "B", "A"]
    assert (one.asked, two.asked) == (1, 1)


def test_answer_is_on_the_disk_before_it_is_returned(log, tmp_path):
    """Another connection sees it the moment the caller does, with tokens, cost and tags."""
    ((answer, _fresh),) = ask(log, engine(), request("one two three"), run="recipe/stage", method="prompt@1")
    with sqlite3.connect(tmp_path / "answers.sqlite") as other:
        row = other.execute("select * from answers").fetchone()
    assert row[4:9] == ("prompt@1", "recipe/stage", 3, 3, pytest.approx((3 * 2 + 3 * 10) / 1e6))
    assert json.loads(row[-1])["text"] == answer.text == "one two three"


def test_same_request_at_the_same_time_is_one_call(log):
    """Fifty coroutines, one call; one of them is told that it is fresh."""
    fake = engine(latency_ms=20)
    found = ask(log, fake, *[request()] * 50)
    assert fake.asked == 1
    assert sum(fresh for _answer, fresh in found) == 1
    assert len({answer.text for answer, _fresh in found}) == 1


@pytest.mark.parametrize(
    "error", [TransientError("down"), UserError("wrong key"), RecordError("prompt_too_long")], ids=str
)
def test_error_goes_to_all_who_wait_and_is_not_kept(log, error):
    """An error is no answer: the next one who asks, asks the engine."""
    fake = engine(latency_ms=10)
    fake.enqueue(error)

    async def both():
        asks = [log.ask(fake, request(), price=PRICE) for _ in range(2)]
        return await asyncio.gather(*asks, return_exceptions=True)

    assert asyncio.run(both()) == [error, error]
    assert log.totals() == []
    assert ask(log, fake, request())[0][1] is True


def test_who_waits_asks_when_the_first_is_cancelled(log):
    """A cancelled draw does not take the others with it."""
    fake = engine(latency_ms=200)

    async def cancel_first():
        first = asyncio.create_task(log.ask(fake, request(), price=PRICE))
        second = asyncio.create_task(log.ask(fake, request(), price=PRICE))
        await asyncio.sleep(0.02)
        first.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(cancel_first())
    assert isinstance(first, asyncio.CancelledError)
    assert second[1] is True


def test_answer_whose_asker_is_gone_is_kept(tmp_path):
    """What came back is paid for: a cancelled wait for the disk loses nothing."""
    log = AnswerLog(tmp_path / "a.sqlite")
    fake = engine()

    class Late:
        identity = fake.identity

        async def complete(self, requests):
            found = await fake.complete(requests)
            asyncio.get_running_loop().call_soon(task.cancel)
            return found

    async def cancelled():
        nonlocal task
        task = asyncio.create_task(log.ask(Late(), request(), price=PRICE))
        await asyncio.gather(task, return_exceptions=True)

    task = None
    asyncio.run(cancelled())
    log.close()
    assert AnswerLog(tmp_path / "a.sqlite").totals()[0].answers == 1


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@hypothesis_settings(max_examples=60)
@given(
    said=st.tuples(st.none() | texts, st.lists(st.tuples(st.sampled_from(["user", "assistant"]), texts), max_size=3)),
    values=st.fixed_dictionaries({"temperature": st.none() | st.floats(0, 2), "stop": st.none() | st.lists(texts)}),
    schema=st.none() | texts,
    identity=texts,
)
def test_key_is_the_digest_of_the_contract(said, values, schema, identity):
    """The fast way to the digest gives the digest."""
    prompt, messages = said
    one = Request(prompt, tuple(messages), sampling(**values), schema)
    assert keyed(one, identity).key == one.digest(identity)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("naïve 日本 🙂", "naïve 日本 🙂"),
        ("half \ud83d", "half \ufffd"),
        ("nul \x00 and \u2028", "nul \x00 and \u2028"),
        ("", ""),
    ],
    ids=["ascii", "unicode", "surrogate", "control", "empty"],
)
def test_fresh_answer_is_what_a_rerun_reads(log, text, kept):
    """Whatever a model says comes back alike from engine and log, as text that UTF-8 can hold."""
    fake = engine()
    fake.enqueue(Answer(text, "stop", 1, 2, {"logprobs": [("a\ud83d", -0.5)]}))
    (fresh, again) = (ask(log, fake, request())[0][0] for _ in range(2))
    assert fresh == again
    assert fresh.text == kept
    assert fresh.extra["logprobs"][0][1] == -0.5


def test_loops_of_several_threads_share_one_log(log):
    """Four threads with a loop each, 200 requests of which half are the same for all: every answer is counted."""
    found, fakes = [], [engine() for _ in range(4)]

    def run(number):
        own = [request(f"{number} {i}") for i in range(100)]
        found.extend(ask(log, fakes[number], *own, *(request(f"shared {i}") for i in range(100))))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join(30) for thread in threads]
    assert len(found) == 800
    total = log.totals()[0]
    assert total.answers == 500
    assert sum(fake.asked for fake in fakes) == sum(fresh for _answer, fresh in found)
    assert total.asked == sum(fake.asked for fake in fakes)


WRITER = """
import asyncio, sys
from pathlib import Path
from tasks.answers import AnswerLog
from tasks.core.engine import Fake, Request
from tasks.engines.fake import FakeEngine

async def main(log, first):
    fake = FakeEngine(Fake(type="fake"))
    asks = (log.ask(fake, Request(prompt=f"request {i}")) for i in range(first, first + 300))
    found = await asyncio.gather(*asks)
    print(sum(fresh for _, fresh in found), fake.asked)

log = AnswerLog(Path(sys.argv[1]))
asyncio.run(main(log, int(sys.argv[2])))
log.close()
"""


def test_processes_share_one_log(tmp_path):
    """Three processes open a new log at once and write at once: no error, none lost, what was asked twice counted."""
    path = tmp_path / "work" / "answers.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    started = [subprocess.Popen([*command, str(100 * n)], stdout=subprocess.PIPE, text=True) for n in range(3)]
    said = [process.communicate(timeout=60)[0].split() for process in started]
    assert [process.returncode for process in started] == [0] * 3
    log = AnswerLog(path)
    total = log.totals()[0]
    assert total.answers == 500
    assert total.asked == sum(int(asked) for _fresh, asked in said)


KILLED = """
import asyncio, sys
from pathlib import Path
from tasks.answers import AnswerLog
from tasks.core.engine import Fake, Request
from tasks.engines.fake import FakeEngine

async def one(log, fake, number):
    await log.ask(fake, Request(prompt=f"request {number}"))
    sys.stdout.write(f"{number}\\n")

async def main(log):
    fake = FakeEngine(Fake(type="fake"))
    for start in range(0, 10**6, 64):
        await asyncio.gather(*(one(log, fake, number) for number in range(start, start + 64)))

asyncio.run(main(AnswerLog(Path(sys.argv[1]))))
"""


def test_killed_process_loses_no_answer_that_it_saw(tmp_path):
    """SIGKILL while hundreds of answers a second come in: each one that was handed out is in the log."""
    path = tmp_path / "answers.sqlite"
    process = subprocess.Popen([sys.executable, "-u", "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    seen = [process.stdout.readline() for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    seen += process.stdout.read().splitlines()
    process.wait(30)
    process.stdout.close()
    log, fake = AnswerLog(path), engine()
    numbers = [int(line) for line in seen if line.strip()]
    assert len(numbers) >= 500
    assert all(log.find(Request(prompt=f"request {n}").digest(fake.identity)) for n in numbers)


def test_totals_add_up_engine_by_engine(log):
    """Counts, tokens and cost of each; of one engine; since a time."""
    one, two = engine(answers=("a b",)), engine(answers=("c",))
    ask(log, one, *(request(f"x {i}") for i in range(3)))
    between = time.time()
    ask(log, two, request("y"))
    first, second = log.totals()
    assert (first.answers, first.prompt_tokens, first.completion_tokens) == (3, 6, 6)
    assert first.cost_usd == pytest.approx((6 * 2 + 6 * 10) / 1e6)
    assert (second.engine, second.answers) == (two.identity, 1)
    assert log.totals(since=between) == [second]
    assert log.totals(engine=one.identity) == [first]


def test_rate_and_length_are_measured(log):
    """Answers a second while it worked, and tokens of an answer by method."""
    fake = engine(answers=("one two three four",))
    for number in range(5):
        ask(log, fake, request(str(number)), method="prompt@1")
        time.sleep(0.02)
    assert 5 < log.rate(fake.identity) < 50
    assert log.completion_tokens(fake.identity, "prompt@1") == 4
    assert log.completion_tokens(fake.identity, "judge@1") is None
    assert log.rate("nobody") is None


def test_show_finds_one_answer_by_the_start_of_its_digest(log):
    """The request as it was asked, the answer as it came."""
    fake, one = engine(), request("What is it?", temperature=0.5, stop=["\n"])
    ask(log, fake, one, run="r/s")
    shown = log.show(one.digest(fake.identity)[:9].upper())
    assert shown["request"] == {"messages": [["user", "What is it?"]], "sampling": {"stop": ["\n"], "temperature": 0.5}}
    assert (shown["answer"]["text"], shown["run"]) == ("What is it?", "r/s")


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("abc", "no digest of an answer"),
        ("zz' or 1", "no digest of an answer"),
        ("ffffffff", "has no answer 'ffffffff'"),
    ],
)
def test_show_says_what_it_has_not(log, start, message):
    """A mistyped digest is a question answered."""
    with pytest.raises(UserError, match=message):
        log.show(start)


def test_prune_deletes_what_is_old(log, tmp_path):
    """By age and by engine; what is gone is asked again, the rest is not."""
    one, two = engine(answers=("a",)), engine(answers=("b",))
    for each in (one, two):
        ask(log, each, request("old"), request("new"))
    with sqlite3.connect(tmp_path / "answers.sqlite") as other:
        old = [request("old").digest(each.identity) for each in (one, two)]
        other.execute("update answers set created_at = created_at - 10 * 86400 where digest in (?, ?)", old)
    assert log.prune(9, one.identity) == 1
    assert log.prune(9) == 1
    assert [fresh for _answer, fresh in ask(log, one, request("old"), request("new"))] == [True, False]


def test_file_that_is_no_log_is_named(tmp_path):
    """A broken file is never overwritten."""
    path = tmp_path / "answers.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(UserError, match=r"cannot open the answer log .*answers.sqlite.*move it away"):
        AnswerLog(path)
    assert path.read_bytes().startswith(b"no database")


def test_log_of_a_later_version_is_left_alone(tmp_path):
    """A format that this version cannot read is said, not guessed at."""
    path = tmp_path / "answers.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("pragma user_version = 99")
    with pytest.raises(UserError, match="has format 99"):
        AnswerLog(path)


def test_answer_that_cannot_be_written_stops_the_run(log, tmp_path, monkeypatch):
    """Going on without the log would lose what is paid for."""
    monkeypatch.setattr(_answers_writer, "_BUSY_S", 0.05)
    other = sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)
    other.execute("begin exclusive")
    with pytest.raises(UserError, match=r"cannot write the answer log .*locked"):
        ask(log, engine(), request())
    other.execute("rollback")
    assert ask(log, engine(), request())[0][1] is True


def test_one_log_a_process(tmp_path):
    """All who open the same place share what is being asked there."""
    assert open_log(tmp_path / "a.sqlite") is open_log(tmp_path / "a.sqlite")
    assert open_log(tmp_path / "a.sqlite") is not open_log(tmp_path / "b.sqlite")


def test_threads_that_open_a_log_together_get_one(tmp_path, monkeypatch):
    """Of two logs each would know only its own requests, and both might ask the same."""

    class Slow(AnswerLog):
        def __init__(self, path):
            time.sleep(0.05)
            super().__init__(path)

    monkeypatch.setattr(answers, "AnswerLog", Slow)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: open_log(tmp_path / "together.sqlite"), range(8)))
    assert len(found) == 1
