"""The runner: rows in the order of the draws whatever comes first, every draw counted once, the same requests again."""

import asyncio
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks import rollouts
from tasks.answers import AnswerLog
from tasks.core.engine import Answer, Fake, OpenAIHttp, Price, Request, sampling
from tasks.core.errors import RecordError, ShardError, TransientError, UserError
from tasks.core.method import Method, MethodParams
from tasks.core.recipe import Budget
from tasks.core.rollout import Context, RolloutDraw
from tasks.cost import Spending
from tasks.engines.fake import FakeEngine
from tasks.rollouts import BudgetReached, EngineGone, engine_for, on_loop, run_rollouts, seeded


class Params(MethodParams):
    """No params."""


@dataclass(frozen=True)
class Job:
    """A shard of a test."""

    count: int
    start: int = 0
    stage: str = "stage"
    run_seed: int = 7
    recipe: str = "recipe"


def say(text, **values):
    return Request(messages=(("user", text),), sampling=sampling(**values))


async def once(draw, generate, _params):
    """One request, one text."""
    answer = await generate(say(f"number {draw.number}"))
    return [{"text": answer.text}]


def method(rollout=once, gives=("text",), **changes):
    return Method(name="test", version=1, family="llm", params=Params, gives=gives, rollout=rollout, **changes)


@pytest.fixture
def log(tmp_path):
    found = AnswerLog(tmp_path / "answers.sqlite")
    yield found
    found.close()


def roll(log, rollout=once, *, count=10, engine=None, seeds=None, spending=None, **changes):
    job = Job(count, changes.pop("start", 0))
    made = method(rollout, **changes)
    engine = engine or FakeEngine()
    context = Context((), (), 0)
    return run_rollouts(
        job, made, Params(), seeds, context, engine, log, Price(input=1, output=1), spending or Spending()
    )


class Shuffled(FakeEngine):
    """Answers in another order than that of the questions."""

    async def complete(self, requests):
        await asyncio.sleep(random.random() / 50)
        return await super().complete(requests)


def test_rows_are_in_the_order_of_the_draws(log):
    """Whatever answer comes first; draw numbers are those of the stage."""
    made = roll(log, count=200, start=1000, engine=Shuffled())
    assert made.records.column("text").to_pylist() == [f"number {n}" for n in range(1000, 1200)]
    assert made.records.column("seed_row").to_pylist() == list(range(200))
    assert (made.draws, made.failed) == (200, {})
    assert made.stats == {"requests": 200, "fresh": 200, "prompt_tokens": 400, "completion_tokens": 400}


def test_second_run_asks_nothing_and_gives_the_same(log):
    """Sampling seeds follow from run seed, stage, draw and call: a re-run asks for the very same answers."""
    engine = FakeEngine()
    first, second = roll(log, count=50, engine=Shuffled()), roll(log, count=50, engine=engine)
    assert first.records.equals(second.records)
    assert (first.stats["fresh"], second.stats["fresh"], engine.asked) == (50, 0, 0)
    longer = roll(log, count=60)
    assert longer.stats["fresh"] == 10


def test_sampling_seeds_differ_by_draw_and_call(log):
    """Two calls of a draw with the same prompt are two requests; a seed that a request has stays."""
    engine = FakeEngine()

    async def same_prompt(_draw, generate, _params):
        answers = [await generate(say("again")), await generate(say("again")), await generate(say("again", seed=5))]
        return [{"text": answer.text} for answer in answers]

    made = roll(log, same_prompt, count=20, engine=engine)
    seeds = [dict(request.sampling)["seed"] for request in engine.history]
    assert len(set(seeds)) == 41
    assert seeds.count(5) == 1
    assert made.stats["requests"] == 60
    assert made.stats["fresh"] == 41


@hypothesis_settings(max_examples=50)
@given(numbers=st.tuples(*[st.integers(0, 2**63)] * 3), stage=st.text(max_size=10))
def test_sampling_seed_is_exact_in_json_everywhere(numbers, stage):
    """A JavaScript gateway reads it as it was sent: below 2**53; and it is a function of its place alone."""
    run_seed, draw, call = numbers
    one = seeded(say("x", temperature=0.8), run_seed, stage, draw, call)
    seed = dict(one.sampling)["seed"]
    assert 0 <= seed < 2**52
    assert one.sampling == tuple(sorted(one.sampling))
    assert one == seeded(say("x", temperature=0.8), run_seed, stage, draw, call)


def test_calls_are_numbered_as_they_are_made(log):
    """Calls of a draw that run together get their seeds in the order of the code, not of the answers."""

    async def together(_draw, generate, _params):
        answers = await asyncio.gather(*(generate(say(f"part {i}")) for i in range(5)))
        return [{"text": " ".join(answer.text for answer in answers)}]

    first = roll(log, together, count=20, engine=Shuffled())
    second = roll(log, together, count=20, engine=Shuffled())
    assert second.stats["fresh"] == 0
    assert first.records.equals(second.records)


def test_usage_adds_up_over_rows_and_requests_can_be_found(log):
    """The whole usage of a draw is on its first row; every row names the requests of its draw."""

    async def three(_draw, generate, _params):
        answers = [await generate(say(f"{i} and more")) for i in range(2)]
        return [{"text": f"row {i}", "extra": {"n": i}, "label": answers[0].text} for i in range(3)]

    made = roll(log, three, count=4, gives=("text", "label"))
    rows = made.records.to_pylist()
    assert [row["usage"]["prompt_tokens"] for row in rows] == [6, 0, 0] * 4
    assert sum(row["usage"]["completion_tokens"] for row in rows) == made.stats["completion_tokens"] == 24
    extra = [json.loads(row["extra"]) for row in rows]
    assert [one["n"] for one in extra] == [0, 1, 2] * 4
    assert log.show(extra[4]["requests"][1])["request"]["messages"] == [["user", "1 and more"]]
    assert made.records.column("seed_row").to_pylist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_seed_of_a_draw_is_its_row(log):
    """Row i of the seeds is that of draw i, whatever the order they start in; seeds that are alike start together."""
    engine = FakeEngine()
    seeds = [{"text": text} for text in ("pear", "apple", "pear", "fig", "apple")]

    async def from_seed(draw, generate, _params):
        return [{"text": (await generate(say(f"about {draw.seed['text']}"))).text}]

    made = roll(log, from_seed, count=5, engine=engine, seeds=seeds)
    assert made.records.column("text").to_pylist() == [f"about {seed['text']}" for seed in seeds]
    assert [request.messages[0][1].split()[1] for request in engine.history] == [
        "apple",
        "apple",
        "fig",
        "pear",
        "pear",
    ]


def test_each_draw_has_its_own_stream(log):
    """The stream of a draw does not depend on the shard that it is in."""

    async def lucky(draw, _generate, _params):
        return [{"text": str(draw.rng.integers(2**40))}]

    whole = roll(log, lucky, count=20).records.column("text").to_pylist()
    parts = [roll(log, lucky, count=10, start=start).records.column("text").to_pylist() for start in (0, 10)]
    assert whole == parts[0] + parts[1]
    assert len(set(whole)) == 20


async def moody(draw, generate, _params):
    """Every fifth draw is truncated, gives nothing, is turned down or gets no answer."""
    match draw.number % 5:
        case 0:
            return [{"text": (await generate(say("many words " * 9, max_tokens=3))).text}]
        case 1:
            return []
        case 2:
            raise RecordError("bad_form", "no number", raw=(await generate(say(f"raw {draw.number}"))).text)
        case 3:
            raise TransientError("no answer")
    return [{"text": (await generate(say(f"fine {draw.number}"))).text}]


def test_every_draw_is_counted_once(log):
    """Good, truncated, turned down, empty, unanswered: together all draws; what was turned down keeps its raw text."""
    made = roll(log, moody, count=50)
    rows = made.records.to_pylist()
    assert made.failed == {"not_made": 10, "engine": 10}
    assert made.draws == len(rows) + sum(made.failed.values()) == 50
    by_reason = {reason: [row for row in rows if row["reason"] == reason] for reason in ("truncated", "bad_form", None)}
    assert {reason: len(some) for reason, some in by_reason.items()} == {"truncated": 10, "bad_form": 10, None: 10}
    assert by_reason["truncated"][0]["text"] == "many words many"
    assert by_reason["bad_form"][1]["text"] == "raw 7"
    assert json.loads(by_reason["bad_form"][1]["extra"])["error"] == "no number"
    assert sum(row["usage"]["completion_tokens"] for row in rows) == made.stats["completion_tokens"]


def test_own_reason_and_missing_columns(log):
    """A row's own `reason` makes it a reject; what some rows do not have is null there, `kind` the method's."""

    async def mixed(draw, _generate, _params):
        return [{"text": "a", "reason": "too_similar"}, {"kind": "pair", "text": "q", "target": str(draw.number)}]

    rows = roll(log, mixed, count=2, gives=("kind", "text", "target")).records.to_pylist()
    assert [row["reason"] for row in rows] == ["too_similar", None] * 2
    assert [row["kind"] for row in rows] == ["text", "pair"] * 2
    assert [row["target"] for row in rows] == [None, "0", None, "1"]


def test_shard_that_gave_nothing_is_an_empty_batch(log):
    """No row, the columns all the same."""

    async def nothing(_draw, _generate, _params):
        return []

    made = roll(log, nothing, count=3)
    assert made.failed == {"not_made": 3}
    assert made.records.num_rows == 0
    assert {"text", "usage", "extra", "reason", "seed_row"} == set(made.records.schema.names)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a", "titel": "b"}, r"test@1 gave column 'titel', which is not among"),
        ({"text": 5}, r"test@1 gave a wrong value in column 'text'"),
        ({"text": "a", "messages": "hello"}, r"test@1 gave a wrong value in column 'messages'"),
    ],
    ids=["unknown", "type", "nested"],
)
def test_method_that_breaks_its_contract_is_named(log, row, message):
    """A column that was not announced, a value of the wrong type."""

    async def wrong(_draw, _generate, _params):
        return [row]

    with pytest.raises(ShardError, match=message):
        roll(log, wrong, count=2, gives=("text", "messages"))


def test_bug_of_a_method_says_which_draw(log):
    """Not swallowed, not counted as a failed draw."""

    async def broken(draw, _generate, _params):
        return [{"text": "x"[draw.number]}]

    with pytest.raises(IndexError) as caught:
        roll(log, broken, count=3)
    assert caught.value.__notes__ == ["in test@1, draw 1 of stage 'stage'"]


def test_engine_that_is_gone_ends_the_run_with_what_there_is(log):
    """After twenty failures in a row, whose draws are not made; the answers so far are in the log."""

    class Dies(FakeEngine):
        async def complete(self, requests):
            if self.asked >= 100:
                raise TransientError("cannot reach 10.0.0.1")
            return await super().complete(requests)

    with pytest.raises(EngineGone, match=r"gave no answer 20 times in a row \(cannot reach 10.0.0.1\).*same command"):
        roll(log, count=1000, engine=Dies())
    with pytest.raises(EngineGone) as caught:
        roll(log, count=1000, engine=Dies(Fake(type="fake", answers=("a",))))
    rolled = caught.value.rolled
    assert (rolled.records.num_rows, rolled.draws, rolled.failed) == (100, 100, {})
    again = roll(log, count=1000)
    assert again.stats["fresh"] == 900
    assert again.records.num_rows == 1000


def test_engine_that_fails_a_small_shard_is_gone(log):
    """Three draws, three failures: not a shard of nothing."""
    engine = FakeEngine()
    engine.enqueue(*[TransientError("busy")] * 3)
    with pytest.raises(EngineGone, match="3 times in a row"):
        roll(log, count=3, engine=engine)


def test_failures_with_answers_between_are_failed_draws(log):
    """One of three fails: no reason to stop."""
    engine = FakeEngine()
    engine.enqueue(*[TransientError("500"), "fine", "fine"] * 100)
    made = roll(log, count=300, engine=engine)
    assert made.failed == {"engine": 100}
    assert made.records.num_rows == 200


def test_wrong_key_stops_at_once(log):
    """No further request is sent, and its line is what the user sees."""
    engine = FakeEngine(Fake(type="fake", latency_ms=5))
    engine.enqueue(*["fine"] * 10, UserError("the key in OPENAI_API_KEY is turned down"))
    with pytest.raises(UserError, match="is turned down"):
        roll(log, count=5000, engine=engine)
    assert engine.asked <= rollouts.IN_FLIGHT + 10


def test_budget_ends_the_run_with_what_there_is(log):
    """What is under way is finished and counted; the next run goes on from there."""
    spending = Spending(Budget(tokens=100))
    with pytest.raises(
        BudgetReached, match=r"budget: 10\d of 100 tokens in 2\d answers; raise budget.tokens"
    ) as caught:
        roll(log, count=500, engine=Shuffled(), spending=spending)
    rolled = caught.value.rolled
    assert rolled.draws == rolled.records.num_rows == rolled.stats["fresh"] == log.totals()[0].answers
    assert 25 <= rolled.draws <= 27
    assert roll(log, count=500).stats["fresh"] == 500 - rolled.draws


def test_answers_of_the_log_need_no_budget(log):
    """A spent budget does not keep a finished shard from being read again."""
    roll(log, count=20)
    spending = Spending(Budget(usd=0.000001))
    assert roll(log, count=20, spending=spending).records.num_rows == 20
    assert spending.answers == 0


def test_never_more_at_once_than_the_window(log):
    """Draws start as others end: 3,000 draws, 512 at a time; as many more as an engine can bear."""
    running = most = 0

    async def counted(draw, generate, _params):
        nonlocal running, most
        running += 1
        most = max(most, running)
        answer = await generate(say(str(draw.number)))
        running -= 1
        return [{"text": answer.text}]

    roll(log, counted, count=3000)
    assert most == rollouts.IN_FLIGHT
    wide = FakeEngine()
    wide.spec = OpenAIHttp(type="openai_http", base_url=("http://a/v1", "http://b/v1"), max_concurrency=300)
    most = 0
    roll(log, counted, count=1500, start=9000, engine=Wide(wide))
    assert most == 1200


class Wide:
    """An engine with the spec of two servers."""

    def __init__(self, inner):
        self.spec, self._inner, self.identity = inner.spec, FakeEngine(), "wide"

    async def complete(self, requests):
        return await self._inner.complete(requests)


def test_draw_that_fails_waits_for_its_other_calls(log):
    """One of three calls fails: the two others are paid for, so they count for this draw, always."""
    engine = FakeEngine(Fake(type="fake", latency_ms=20))

    async def one_is_cut(_draw, generate, _params):
        asks = [generate(say("short")), generate(say("a b c d e", max_tokens=2)), generate(say("one two three"))]
        await asyncio.gather(*asks)
        return []

    made = roll(log, one_is_cut, count=1, engine=engine)
    (row,) = made.records.to_pylist()
    assert row["reason"] == "truncated"
    assert row["usage"] == {"prompt_tokens": 9, "completion_tokens": 6}
    assert len(json.loads(row["extra"])["requests"]) == 3


def test_prepare_sees_the_context_once(log):
    """Made once a shard, handed to every draw."""
    calls = []

    def prepare(context, _params):
        calls.append(context)
        return "ready"

    async def told(draw, _generate, _params):
        return [{"text": draw.prepared}]

    made = roll(log, told, count=5, prepare=prepare)
    assert made.records.column("text").to_pylist() == ["ready"] * 5
    assert len(calls) == 1


def test_seeds_must_be_one_a_draw(log):
    """A caller's mistake, not a shorter shard."""
    with pytest.raises(ShardError, match="2 seeds for 3 draws"):
        roll(log, count=3, seeds=[{}, {}])


def test_on_loop_returns_raises_and_refuses_itself():
    """Results and errors come back; on the loop itself it would wait for ever."""

    async def double(value):
        return 2 * value

    async def nested():
        return on_loop(double(1))

    async def late():
        raise TimeoutError("the engine's own")

    assert on_loop(double(4)) == 8
    with pytest.raises(TimeoutError, match="the engine's own"):
        on_loop(late())
    with pytest.raises(RuntimeError, match="on_loop is for threads"):
        on_loop(nested())


def test_threads_that_come_first_together_get_one_loop(monkeypatch):
    """Two loops would open an engine twice, each in the other's way."""
    made = asyncio.new_event_loop

    def slowly():
        time.sleep(0.05)
        return made()

    async def mine():
        return id(asyncio.get_running_loop())

    loops = []
    monkeypatch.setattr(rollouts, "_loops", loops)
    monkeypatch.setattr(asyncio, "new_event_loop", slowly)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: on_loop(mine()), range(8)))
    assert len(set(found)) == 1
    loops[0].call_soon_threadsafe(loops[0].stop)


def test_shards_of_several_threads_share_the_loop(log):
    """Two shards at once: one loop thread, all rows of both."""
    made = {}
    engine = Shuffled()
    threads = [
        threading.Thread(
            target=lambda start=start: made.update({start: roll(log, count=100, start=start, engine=engine)})
        )
        for start in (0, 100)
    ]
    [thread.start() for thread in threads]
    [thread.join(30) for thread in threads]
    assert [made[start].records.num_rows for start in (0, 100)] == [100, 100]
    assert sum(thread.name == "tilth-engines" for thread in threading.enumerate()) == 1


def test_engine_is_opened_once():
    """The same spec, as model or as JSON, is the same engine; its price and answers may be another's."""
    spec = Fake(type="fake", answers=("a",))
    engine = engine_for(spec)
    assert engine_for(spec.model_dump(mode="json")) is engine
    assert engine_for(Fake(type="fake", answers=("b",))) is not engine
    assert on_loop(engine.complete([say("x")])) == [Answer("a", "stop", 1, 1)]


def test_stream_of_a_draw_is_made_once_and_only_where_it_is_drawn_from():
    """Two draws from one generator differ; a method that draws nothing costs none."""
    made = []

    def stream():
        made.append(1)
        return np.random.default_rng(3)

    draw = RolloutDraw(0, None, None, stream)
    assert not made
    assert draw.rng.integers(1 << 40) != draw.rng.integers(1 << 40)
    assert made == [1]
