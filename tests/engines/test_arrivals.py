"""What arrives at a server: few connections, used again, and prompts with the same beginning one after the other."""

import random

import pytest

from tasks.answers import AnswerLog
from tasks.core.engine import Price, Request, sampling
from tasks.core.method import Method, MethodParams
from tasks.core.rollout import Context
from tasks.cost import Spending
from tasks.engines.fake_server import serving
from tasks.rollouts import on_loop, run_rollouts
from tests.builders import ShardAsk
from tests.engines.asking import ask, chats, http, once


class Params(MethodParams):
    """No params."""


async def about(draw, generate, _params):
    """Two requests of a draw, the second on what the first said."""
    first = await generate(Request(prompt=f"{draw.seed['text']} is what?", sampling=sampling(max_tokens=20)))
    second = await generate(Request(prompt=f"{first.text} And why?", sampling=sampling(max_tokens=20)))
    return [{"text": second.text}]


@pytest.mark.parametrize("most", [1, 16])
def test_connections_are_used_again(most):
    """500 requests need no more connections than may be in flight at once."""
    with serving() as server:
        answers = ask(http(server.base_url, max_concurrency=most), chats(500), at_once=64)
        assert {answer.finish_reason for answer in answers} == {"stop"}
        assert server.counts.answered == 500
        assert 1 <= server.counts.connections <= most


def test_requests_of_one_call_arrive_in_the_order_of_their_texts():
    """A server with a prefix cache reads a shared beginning once while it is warm."""
    documents = [f"{letter * 40}: {question}?" for letter in "abcde" for question in ("how", "what", "why")]
    shuffled = random.Random(3).sample(documents, len(documents))
    with serving() as server:
        once(http(server.base_url, max_concurrency=1), [Request(prompt=text) for text in shuffled])
        assert list(server.server.history) == documents


def test_draws_of_a_shard_arrive_with_alike_seeds_together(tmp_path):
    """Through the runner and the answer log: the first requests of all draws come in the order of their seeds."""
    documents = [letter * 40 for letter in "abcdef"]
    seeds = [{"text": text} for text in random.Random(5).sample(documents * 4, 24)]
    method = Method(name="test", version=1, family="llm", params=Params, gives=("text",), rollout=about)
    log = AnswerLog(tmp_path / "answers.sqlite")
    with serving() as server:
        engine = http(server.base_url, max_concurrency=1)
        job, context = ShardAsk(0, 0, len(seeds)), Context((), (), 0)
        made = run_rollouts(job, method, Params(), seeds, context, engine, log, Price(), Spending())
        on_loop(engine.close())
        arrived = [said[:40] for said in server.server.history if said.endswith("is what?")]
    log.close()
    assert made.draws == 24
    assert arrived == sorted(seed["text"] for seed in seeds)
