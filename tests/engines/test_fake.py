"""The scripted engine: what it answers, how it fails, and that both follow from the request alone."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tasks.core.engine import Answer, Engine, Fake, Request, sampling
from tasks.core.errors import RecipeError, RecordError, TransientError
from tasks.engines.fake import MODES, FakeEngine, Script, cut
from tests.engines.asking import SCHEMA, ask, chats, once


def fake(**spec):
    return FakeEngine(Fake(type="fake", **spec), hang_s=0.01)


def test_fake_is_an_engine():
    """It has what the protocol asks for."""
    assert isinstance(fake(), Engine)


def test_echo_is_the_last_thing_said():
    """Without answers the prompt comes back, words counted as tokens."""
    (answer,) = once(fake(), [Request(messages=(("system", "be kind"), ("user", "hello there you")))])
    assert answer == Answer("hello there you", "stop", 5, 3)


def test_queue_goes_first_and_in_order():
    """Texts, whole answers and errors that were enqueued, then the script."""
    engine = fake(answers=["scripted"])
    engine.enqueue("first", Answer("second", "length", 1, 1), RecordError("prompt_too_long"))
    first, second, third, fourth = ask(engine, chats(4), at_once=1)
    assert (first.text, second.finish_reason, third.reason, fourth.text) == (
        "first",
        "length",
        "prompt_too_long",
        "scripted",
    )


def test_history_holds_what_was_asked():
    """Requests in the order in which they came."""
    engine, requests = fake(), chats(5)
    once(engine, requests)
    assert list(engine.history) == requests
    assert engine.asked == 5


def test_answer_is_chosen_by_the_request_not_by_the_order():
    """The same request gets the same answer, whatever was asked before."""
    requests = chats(50)
    forward = once(fake(answers=["a", "b", "c"]), requests)
    backward = once(fake(answers=["a", "b", "c"]), requests[::-1])[::-1]
    assert forward == backward
    assert {answer.text for answer in forward} == {"a", "b", "c"}


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "truncate"])
def test_failures_may_pass(mode):
    """Each is a TransientError, and about the share asked for; another try of the same request may pass."""
    engine = fake(failures={mode: 0.5})
    first = ask(engine, chats(200))
    failed = [number for number, found in enumerate(first) if isinstance(found, TransientError)]
    assert 60 < len(failed) < 140
    again = ask(engine, [chats(200)[number] for number in failed])
    assert any(isinstance(found, Answer) for found in again)


def test_truncated_answer_is_half():
    """Finish reason `length`, as from a real engine."""
    (answer,) = once(fake(answers=["one two three four"], failures={"truncate": 1.0}), chats(1))
    assert (answer.text, answer.finish_reason) == ("one two", "length")


def test_max_tokens_cuts():
    """More words than allowed: cut, and said so."""
    (answer,) = once(fake(), [Request(prompt="one two three", sampling=sampling(max_tokens=2))])
    assert (answer.text, answer.finish_reason, answer.completion_tokens) == ("one two", "length", 2)


def test_schema_is_answered_with_an_instance():
    """Without scripted answers; the same request, the same instance."""
    request = Request(prompt="rate", schema=SCHEMA)
    (one,), (two,) = once(fake(), [request]), once(fake(), [request])
    assert one == two
    Draft202012Validator(json.loads(SCHEMA)).validate(json.loads(one.text))


def test_scripted_answer_off_the_schema_is_rejected():
    """As by every engine: reason and raw text."""
    with pytest.raises(RecordError, match="schema_violation") as caught:
        once(fake(answers=["no JSON"]), [Request(prompt="rate", schema=SCHEMA)])
    assert caught.value.raw == "no JSON"


def test_latency_is_waited_for_together():
    """Twenty requests of 50 ms each take about 50 ms."""

    async def run():
        loop = asyncio.get_running_loop()
        started = loop.time()
        await fake(latency_ms=50).complete(chats(20))
        return loop.time() - started

    assert 0.05 <= asyncio.run(run()) < 0.9


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"failures": {"404": 0.1}}, r"unknown failure '404'.*have: 429, 500, disconnect"),
        ({"failures": {"hang": 1.5}}, "share of failure 'hang' is 1.5"),
        ({"failures": {"429": 0.6, "500": 0.6}}, "add up to 1.2"),
        ({"answers": ("a", "")}, "empty"),
    ],
    ids=["unknown", "over one", "together over one", "empty answer"],
)
def test_wrong_script_is_named(spec, error):
    """Value and choices, before anything is asked."""
    with pytest.raises(RecipeError, match=error):
        fake(**spec)


def test_identity_follows_the_answers_not_the_failures():
    """What changes the texts changes the key of cached answers; latency and lost tries do not."""
    assert fake(answers=["a"]).identity != fake(answers=["b"]).identity
    assert fake(failures={"500": 0.5}, latency_ms=3).identity == fake().identity
    assert fake(failures={"truncate": 0.5}).identity != fake().identity


@given(st.text(alphabet="ab \n\t", max_size=40), st.integers(0, 12))
def test_cut_keeps_the_first_words(text, words):
    """A prefix with at most so many words; all of it where there are no more."""
    kept, shorter = cut(text, words)
    assert text.startswith(kept)
    assert kept.split() == text.split()[:words]
    assert shorter == (len(text.split()) > words)


def test_fates_have_their_shares():
    """Over many requests each failure has the share that was asked for."""
    script = Script(failures={"429": 0.2, "hang": 0.1})
    fates = [script.fate(str(number)) for number in range(5000)]
    assert 0.17 < fates.count("429") / 5000 < 0.23
    assert 0.08 < fates.count("hang") / 5000 < 0.12
    assert fates.count("500") == 0
