"""How tests ask an engine: on a loop of their own, some requests at a time, errors kept beside the answers."""

import asyncio
import json

from tasks.core.engine import OpenAIHttp, Request, sampling
from tasks.core.errors import TilthError
from tasks.engines._servers import Patience
from tasks.engines.openai_http import HttpEngine

QUICK = Patience(tries=10, quiet_s=20.0, wait_s=0.005)
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"stars": {"type": "integer", "minimum": 1, "maximum": 5}, "why": {"type": "string"}},
        "required": ["stars", "why"],
        "additionalProperties": False,
    }
)


def chats(number, **more):
    """Return requests that all differ."""
    return [
        Request(messages=(("user", f"tell me about lamp {i}"),), sampling=sampling(seed=i, **more))
        for i in range(number)
    ]


def http(base_url, *, patience=QUICK, **spec):
    """Return the HTTP engine on a server."""
    return HttpEngine(OpenAIHttp(type="openai_http", base_url=base_url, **({"model": "fake"} | spec)), patience)


def ask(engine, requests, *, at_once=32):
    """Return the answer to each request, or its error, of `at_once` coroutines that ask one request a call."""

    async def everything():
        found = [None] * len(requests)
        left = iter(range(len(requests)))

        async def asker():
            for number in left:
                try:
                    (found[number],) = await engine.complete([requests[number]])
                except TilthError as exc:
                    found[number] = exc

        try:
            await asyncio.gather(*(asker() for _ in range(at_once)))
        finally:
            await engine.close()
        return found

    return asyncio.run(everything())


def once(engine, requests):
    """Return the answers to requests that are asked in one call."""

    async def call():
        try:
            return await engine.complete(requests)
        finally:
            await engine.close()

    return asyncio.run(call())
