"""Caps of a run: which is reached, before the next request, and no further than an answer or two."""

import asyncio

import pytest

from tasks.answers import AnswerLog, cost
from tasks.core.engine import Answer, Fake, Price, Request, sampling
from tasks.core.errors import GateStop, RecordError, UserError
from tasks.core.method import Method, MethodParams
from tasks.core.recipe import Budget
from tasks.core.rollout import Context
from tasks.cost import Metered, Spending, approximate_tokens, max_tokens
from tasks.engines.fake import FakeEngine
from tasks.estimate import estimate

PRICE = Price(input=1_000.0, output=10_000.0)


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self):
        return self.now


def ten_words(number=0, **values):
    return Request(prompt=f"{number} two three four five six seven eight nine ten", sampling=sampling(**values))


def test_cost_is_by_the_million_tokens():
    """Prompts and answers have prices of their own."""
    assert cost(Price(input=3, output=15), 2_000_000, 100_000) == pytest.approx(7.5)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"usd": 0.25}, r"budget: 0.33 of 0.25 USD spent on 3 answers; raise budget.usd and run again"),
        ({"tokens": 60}, r"budget: 60 of 60 tokens in 3 answers; raise budget.tokens and run again"),
        ({"minutes": 5}, r"budget: 5 minutes are over after 3 answers; raise budget.minutes and run again"),
    ],
    ids=["usd", "tokens", "minutes"],
)
def test_cap_that_is_reached_is_named(budget, message):
    """Each of the three, with what was spent, in one line."""
    clock = Clock()
    spending = Spending(Budget(**budget), clock)

    async def three():
        for number in range(3):
            async with spending.room(ten_words(number), PRICE):
                spending.add(Answer("x", "stop", 10, 10), PRICE)
            clock.now += 99 if "minutes" in budget else 0
        clock.now += 4
        spending.check()

    with pytest.raises(GateStop, match=message) as caught:
        asyncio.run(three())
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_no_cap_is_no_limit():
    """Counts all the same."""
    spending = Spending()
    spending.add(Answer("x", "stop", 10**9, 10**9), PRICE)
    spending.check()
    assert (spending.answers, spending.tokens) == (1, 2 * 10**9)
    assert spending.usd == pytest.approx(1_000 * 1_000 + 10_000 * 1_000)


@pytest.mark.parametrize("budget", [{"tokens": 1_000}, {"usd": 5.5}], ids=["tokens", "usd"])
def test_cap_is_met_by_requests_that_are_out_together(budget):
    """A thousand at once that cost 20 tokens each: the cap of 50 answers is met, not overrun by all of them."""
    spending = Spending(Budget(**budget))
    engine = FakeEngine(Fake(type="fake", latency_ms=10))
    metered = Metered(engine, PRICE, spending)

    async def all_of_them():
        asks = [metered.complete([ten_words(number, max_tokens=30)]) for number in range(1_000)]
        return await asyncio.gather(*asks, return_exceptions=True)

    found = asyncio.run(all_of_them())
    stopped = [one for one in found if isinstance(one, GateStop)]
    assert len(found) - len(stopped) == engine.asked == spending.answers == 50
    assert len(stopped) == 950


def test_room_is_given_back_by_requests_that_fail():
    """A failed request has spent nothing."""
    spending = Spending(Budget(tokens=100))

    async def fail():
        async with spending.room(ten_words(max_tokens=90), PRICE):
            raise RecordError("prompt_too_long")

    async def good():
        async with asyncio.timeout(1), spending.room(ten_words(max_tokens=90), PRICE):
            return True

    for _ in range(5):
        with pytest.raises(RecordError, match="prompt_too_long"):
            asyncio.run(fail())
    assert asyncio.run(good())


def test_first_request_goes_out_even_over_the_cap():
    """One that may need more than what is left is sent where nothing else is out: else none ever would be."""
    spending = Spending(Budget(tokens=50))
    engine = FakeEngine()
    metered = Metered(engine, PRICE, spending)
    asyncio.run(metered.complete([ten_words(max_tokens=10_000)]))
    assert spending.tokens == 20


@pytest.mark.parametrize(
    ("request_", "prompt", "answer"),
    [
        (Request(prompt="a" * 41), 11, 256),
        (Request(messages=(("system", "a" * 8), ("user", "b" * 8)), sampling=sampling(max_tokens=7)), 4, 7),
        (Request(prompt=""), 0, 256),
    ],
    ids=["prompt", "chat", "empty"],
)
def test_tokens_are_guessed_by_characters(request_, prompt, answer):
    """Four characters a token; an answer may have what the request allows."""
    assert (approximate_tokens(request_), max_tokens(request_)) == (prompt, answer)


class Params(MethodParams):
    """No params."""


class Part:
    """A stage of a test."""

    stage = "stage"
    run_seed = 3


async def ask_twice(draw, generate, _params):
    """A chain: the second prompt holds the first answer."""
    first = await generate(ten_words(draw.number, max_tokens=20))
    second = await generate(Request(prompt=f"{first.text} and so on", sampling=sampling(max_tokens=20)))
    return [{"text": second.text}]


async def ask_for_a_number(draw, generate, _params):
    """Turns the answer down, unless it is a number; then asks twice more."""
    answer = await generate(ten_words(draw.number, max_tokens=20))
    if not answer.text.isdigit():
        raise RecordError("bad_form")
    return [{"text": (await generate(ten_words())).text + (await generate(ten_words())).text}]


def method(rollout, calls):
    return Method(
        name="test",
        version=1,
        family="llm",
        params=Params,
        gives=("text",),
        rollout=rollout,
        calls=lambda _params: calls,
    )


def estimated(rollout=ask_twice, draws=1_000, calls=2, engine=None, seeds=None, **changes):
    made = method(rollout, calls)
    context = Context((), (), 0)
    return estimate(
        Part(), made, Params(), draws, seed_rows=seeds, context=context, engine=engine, price=PRICE, **changes
    )


class Tokenized(FakeEngine):
    """A fake engine whose prompts have 100 tokens."""

    def tokens(self, _request):
        return 100


def test_estimate_asks_nothing_and_counts_by_the_tokenizer():
    """Two requests a draw, by the engine's own count; the money is the most that it can be."""
    engine = Tokenized()
    found = estimated(engine=engine)
    assert (found.requests, found.input_tokens, found.output_tokens_max) == (2_000, 200_000, 40_000)
    assert found.usd_max == pytest.approx(cost(PRICE, 200_000, 40_000))
    assert (found.exact, found.output_tokens, found.usd, found.minutes, found.notes) == (True, None, None, None, ())
    assert engine.asked == 0


def test_estimate_without_a_tokenizer_says_so():
    """By characters, and never taken for exact."""
    found = estimated(engine=None)
    assert found.exact is False
    assert 0.5 < found.input_tokens / (1_000 * (13 + 13)) < 2


def test_method_that_turns_the_placeholder_down_is_counted_whole():
    """A dry draw that ends early is taken for as many requests as the method says, and that is said."""
    found = estimated(ask_for_a_number, calls=3, engine=Tokenized())
    assert (found.requests, found.input_tokens) == (3_000, 300_000)
    assert "later requests of a draw taken to be like its first" in found.notes


def test_prompts_of_an_estimate_are_those_of_the_seeds():
    """Draws start from the sample, in turn."""

    async def about(draw, generate, _params):
        return [{"text": (await generate(Request(prompt=draw.seed["text"]))).text}]

    seeds = [{"text": "a" * 400}, {"text": "a" * 800}]
    found = estimated(about, draws=100, calls=1, seeds=seeds)
    assert found.input_tokens == 100 * 150


def test_schema_is_answered_with_an_instance():
    """A method that parses JSON goes on to its end, dry."""
    schema = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'

    async def parsed(_draw, generate, _params):
        import json

        answer = await generate(Request(prompt="x", schema=schema))
        return [{"text": str(json.loads(answer.text)["n"] + 1)}]

    assert estimated(parsed, draws=10, calls=1).notes == ()


def test_log_tells_length_and_rate(tmp_path):
    """Answers that the log has say what to expect; the bound stays."""
    log, engine = (
        AnswerLog(tmp_path / "a.sqlite"),
        Tokenized(Fake(type="fake", answers=("one two three",), latency_ms=5)),
    )

    async def some():
        for number in range(20):
            await log.ask(engine, ten_words(number), price=PRICE, method="test@1")

    asyncio.run(some())
    found = estimated(engine=engine, log=log)
    assert (found.output_tokens, found.output_tokens_max) == (6_000, 40_000)
    assert found.usd == pytest.approx(cost(PRICE, 200_000, 6_000))
    assert 2_000 / 200 / 60 < found.minutes < 2_000 / 5 / 60
    log.close()


def test_probe_asks_five_of_the_run_and_keeps_them(tmp_path):
    """Its answers are not paid for again: the requests are those that the run sends first."""
    log, engine = AnswerLog(tmp_path / "a.sqlite"), Tokenized(Fake(type="fake", answers=("one two",), latency_ms=5))
    found = estimated(engine=engine, log=log, probe=True)
    assert engine.asked == log.totals()[0].answers == found.probed == 5
    assert found.output_tokens == 4_000
    assert found.minutes > 0
    assert any("5 requests at a time: 5 new, 0 from the answer log, 0 refused" in note for note in found.notes)
    again = estimated(engine=engine, log=log, probe=True)
    assert (again.probed, engine.asked) == (0, 5)
    assert any("0 new, 5 from the answer log" in note for note in again.notes)
    log.close()


def test_probe_that_is_turned_down_measures_nothing(tmp_path):
    """A record's fault, as in a run: the estimate goes on without it; a fault of the engine is the user's to hear."""
    log, engine = AnswerLog(tmp_path / "a.sqlite"), Tokenized()
    engine.enqueue(*[RecordError("prompt_too_long")] * 5)
    found = estimated(engine=engine, log=log, probe=True)
    assert (found.probed, found.minutes, found.output_tokens) == (0, None, None)
    assert any("0 from the answer log, 5 refused" in note for note in found.notes)
    engine.enqueue(*[UserError("no such model")] * 5)
    with pytest.raises(UserError, match="no such model"):
        estimated(engine=engine, log=log, probe=True)
    log.close()


def test_draws_that_ask_nothing_cost_nothing():
    """Stated, not divided by."""

    async def silent(_draw, _generate, _params):
        return [{"text": "x"}]

    found = estimated(silent)
    assert (found.requests, found.usd_max) == (0, 0.0)
    assert "ask nothing" in found.notes[0]
