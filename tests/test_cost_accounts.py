"""One budget for all processes of a run: met, not spent by each, whichever of them is killed."""

import asyncio
import math
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from tasks._cost_accounts import Shared, accounts_folder
from tasks.core.engine import Fake, Price
from tasks.core.errors import GateStop, UserError
from tasks.core.recipe import Budget
from tasks.core.settings import settings
from tasks.cost import Metered, Spending, spending_of
from tasks.engines.fake import FakeEngine
from tests.test_cost import ten_words

pytestmark = pytest.mark.timeout(120)

PRICE = Price(input=1_000.0, output=10_000.0)
# Ten words that are echoed: what each answer takes.
TOKENS, USD = 20, 0.11
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    settings.cache_clear()


class Stalling(FakeEngine):
    """Answers so many requests, and the rest in an hour."""

    def __init__(self, answers):
        super().__init__(Fake(type="fake", latency_ms=5))
        self.left = answers

    async def complete(self, requests):
        self.left -= 1
        if self.left < 0:
            await asyncio.sleep(3600)
        return await super().complete(requests)


class Watched(FakeEngine):
    """Notes how many of the answers before each of its own another process does not see."""

    def __init__(self):
        super().__init__(Fake(type="fake", latency_ms=10))
        self.accounts = Shared(accounts_folder() / "run")
        self.answered, self.hidden = 1, []

    async def complete(self, requests):
        answers = await super().complete(requests)
        with self.accounts:
            self.hidden.append(self.answered - self.accounts.others.answers)
        self.answered += 1
        return answers


async def ask(engine, spending, count):
    """Return what came of so many requests, all of them made at once."""
    metered = Metered(engine, PRICE, spending)
    asks = [metered.complete([ten_words(number, max_tokens=30)]) for number in range(count)]
    return await asyncio.gather(*asks, return_exceptions=True)


def process(budget, engine, start, said):
    """Ask 500 times as one process of a run; tell what the engine was asked, and what the rest was told."""
    start.wait()
    with spending_of("run", Budget(**budget)) as spending:
        found = asyncio.run(ask(engine, spending, 500))
    said.put((engine.asked, {str(one) for one in found if isinstance(one, GateStop)}))


@pytest.fixture
def start():
    """Start a process for each engine, all at the same moment; killed at the end."""
    running = []

    def start(budget, *engines):
        said, together = SPAWN.SimpleQueue(), SPAWN.Barrier(len(engines) + 1)
        new = [SPAWN.Process(target=process, args=(budget, engine, together, said)) for engine in engines]
        running.extend(new)
        for one in new:
            one.start()
        together.wait()
        return said, new

    yield start
    for one in running:
        one.kill()
        one.join()


def wait_until(holds):
    """Wait for what the processes of the run have spent and set aside."""
    accounts = Shared(accounts_folder() / "run")
    while True:
        with accounts:
            if holds(accounts.others):
                break
        time.sleep(0.02)
    accounts.close()


def kill(one):
    os.kill(one.pid, signal.SIGKILL)
    one.join()


def open_files():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def quick():
    return FakeEngine(Fake(type="fake", latency_ms=10))


@pytest.mark.parametrize("budget", [{"tokens": 600 * TOKENS}, {"usd": 600 * USD}], ids=["tokens", "usd"])
def test_cap_is_met_by_two_processes_together(start, budget):
    """A thousand requests of two processes: the cap is that of 600, and 600 are asked for; one has 500."""
    said, _ = start(budget, quick(), quick())
    (first, told), (second, also_told) = said.get(), said.get()
    assert first + second == 600
    assert len(told | also_told) == 1
    assert " 600 answers; raise budget." in (told | also_told).pop()


@pytest.mark.parametrize("cap", [50, 1_000, 1_399.5])
def test_cap_is_met_however_turns_fall(cap):
    """Three accounts, engines of three speeds, from far below the cap to its last answer; one more for a rest."""
    every = [Spending(Budget(tokens=int(cap * TOKENS)), accounts=Shared(accounts_folder() / "run")) for _ in range(3)]
    engines = [FakeEngine(Fake(type="fake", latency_ms=latency)) for latency in (0, 2, 7)]

    async def together():
        await asyncio.gather(*(ask(engine, one, 800) for engine, one in zip(engines, every, strict=True)))

    asyncio.run(together())
    assert sum(engine.asked for engine in engines) == math.ceil(cap)
    assert max(one.answers for one in every) == math.ceil(cap)


def test_what_a_killed_process_held_is_free_at_once(start):
    """All that the cap has room for is out in one process, and another waits for it: it gets all when that one dies."""
    _, (killed,) = start({"tokens": 50 * TOKENS}, Stalling(0))
    wait_until(lambda all_of: all_of.pending_tokens > 49 * TOKENS - 43)
    said, (waiting,) = start({"tokens": 50 * TOKENS}, quick())
    time.sleep(0.5)
    assert waiting.is_alive()
    kill(killed)
    asked, told = said.get()
    assert asked == 50
    assert " 50 answers" in told.pop()


def test_what_a_killed_process_spent_stays_spent(start):
    """It had 20 answers, and room for all the rest set aside: the next process may ask for 30."""
    _, (killed,) = start({"tokens": 50 * TOKENS}, Stalling(20))
    wait_until(lambda all_of: all_of.answers == 20 and all_of.pending_tokens > 29 * TOKENS)
    kill(killed)
    said, _ = start({"tokens": 50 * TOKENS}, quick())
    assert said.get()[0] == 30


def test_all_but_a_few_answers_are_seen_by_others_at_once():
    """Far from the cap they are written in turns, also while nothing new is asked: what a kill can hide is so few."""
    spending = Spending(Budget(tokens=10_000 * TOKENS), accounts=Shared(accounts_folder() / "run"))
    asyncio.run(ask(quick(), spending, 1))
    watched = Watched()
    asyncio.run(ask(watched, spending, 200))
    assert 0 < max(watched.hidden) <= Shared.ahead


def test_run_that_is_tried_again_goes_on_with_what_is_left():
    """The same id, another process or the same; another run has a budget of its own."""
    asked = []
    for run, count in (("run", 30), ("run", 30), ("other", 30)):
        engine = quick()
        with spending_of(run, Budget(tokens=50 * TOKENS)) as spending:
            asyncio.run(ask(engine, spending, count))
        asked.append(engine.asked)
    assert asked == [30, 20, 30]


def test_budget_is_counted_once_while_shards_overlap():
    """Shards of a process share one account; when the last of them ends, no file of the run is open any more."""
    before = open_files()
    with spending_of("run", Budget(usd=1)) as first:
        with spending_of("run", Budget(usd=1)) as second:
            assert second is first
        asyncio.run(ask(quick(), first, 3))
    assert open_files() == before
    with spending_of("run", Budget(usd=1)) as third:
        asyncio.run(ask(quick(), third, 1))
        assert (third is first, third.answers) == (False, 4)


def test_minutes_count_from_the_first_request_of_any_process():
    """A process that joins late has no more time than the others."""
    every = [Spending(Budget(minutes=0.5 / 60), accounts=Shared(accounts_folder() / "run")) for _ in range(2)]
    assert not any(isinstance(one, GateStop) for one in asyncio.run(ask(quick(), every[0], 3)))
    time.sleep(0.5)
    assert all(isinstance(one, GateStop) for one in asyncio.run(ask(quick(), every[1], 3)))


def test_run_without_a_cap_or_an_id_keeps_no_account():
    """Nothing to share: nothing is written."""
    for run, budget in (("run", Budget()), (None, Budget(usd=1))):
        with spending_of(run, budget) as spending:
            asyncio.run(ask(quick(), spending, 3))
    assert not accounts_folder().exists()


def test_request_that_ends_after_its_run_writes_nowhere():
    """Ctrl-C closes the account while requests are out: a file that is opened then may have its number."""
    spending = Spending(Budget(usd=1), accounts=Shared(accounts_folder() / "run"))

    async def late(path):
        async with spending.room(ten_words(), PRICE):
            spending.close()
            path.write_bytes(b"")
            return os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)

    path = accounts_folder() / "other"
    for file in asyncio.run(late(path)):
        os.close(file)
    assert path.read_bytes() == b""


def test_folder_that_cannot_be_written_is_one_line(home):
    """Named, before anything is asked."""
    home.mkdir()
    (home / "work").write_text("a file")
    with (
        pytest.raises(UserError, match=r"cannot keep the budget of the run in '.*budgets/run': Not a directory"),
        spending_of("run", Budget(usd=1)),
    ):
        pass
