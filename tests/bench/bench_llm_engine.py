"""Our HTTP engine on the fake server with no latency, against the same client in a bare loop; the local engine's rate.

The server has a process of its own, so that it takes no time from the client. The bare loop is aiohttp with the
engine's own settings: it builds the body, reads the JSON, and knows neither retries nor limits.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tasks.core.engine import OpenAIHttp, Request, TransformersLocal, sampling
from tests.bench.measure import Row, rate, row
from tests.engines.models import llama

_REQUESTS = 2000
_AT_ONCE = 64
_TEXT = "Write one short, friendly sentence about topic number {} for a customer of a lighting shop. Only the sentence."


def bench() -> Iterable[Row]:
    """Return requests a second through the engine and through a bare loop, and tokens a second of the local engine."""
    runs = {"ours": _ours, "aiohttp": _bare} | _clients()
    with _server() as url:
        # In turn, so that what else the machine does falls on all of them.
        rounds = [{name: rate(lambda run=run: run(url), _REQUESTS, 1) for name, run in runs.items()} for _ in range(3)]
    best = {name: max(found[name] for found in rounds) for name in runs}
    ours = best.pop("ours")
    for name, theirs in best.items():
        asked = "0.8x, 1,000/s" if name == "aiohttp" else "-"
        yield row(f"openai_http, requests/s; peer a bare loop of {name}", ours, theirs, asked=asked)
    yield _local()


def _requests(number: int) -> Iterator[Request]:
    for i in range(number):
        settings = sampling(temperature=0.8, max_tokens=200, seed=i)
        yield Request(messages=(("user", _TEXT.format(i)),), sampling=settings)


@contextlib.contextmanager
def _server() -> Iterator[str]:
    line = [sys.executable, "-m", "tasks.engines.fake_server", "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


async def _spread(ask, requests: Iterator[Request]) -> None:
    async def asker():
        for request in requests:
            await ask(request)

    await asyncio.gather(*(asker() for _ in range(_AT_ONCE)))


def _ours(url: str) -> None:
    from tasks.engines.openai_http import HttpEngine

    async def run():
        engine = HttpEngine(OpenAIHttp(type="openai_http", base_url=url, model="fake"))
        await _spread(lambda request: engine.complete([request]), _requests(_REQUESTS))
        await engine.close()

    asyncio.run(run())


def _body(request: Request) -> bytes:
    messages = [{"role": role, "content": content} for role, content in request.messages]
    return json.dumps({"model": "fake", "messages": messages, **dict(request.sampling)}).encode()


def _text(raw: bytes) -> str:
    return json.loads(raw)["choices"][0]["message"]["content"]


def _bare(url: str) -> None:
    import aiohttp

    async def run():
        settings = {"cookie_jar": aiohttp.DummyCookieJar(), "headers": {"Content-Type": "application/json"}}
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=120), **settings
        ) as session:

            async def ask(request):
                async with session.post(f"{url}/chat/completions", data=_body(request)) as reply:
                    return _text(await reply.read())

            await _spread(ask, _requests(_REQUESTS))

    asyncio.run(run())


def _clients():
    """Return the clients that were compared, those that are installed."""
    found = {}
    with contextlib.suppress(ImportError):
        import httpx

        found["httpx"] = lambda url: asyncio.run(_httpx(url, httpx))
    with contextlib.suppress(ImportError):
        import niquests

        found["niquests"] = lambda url: asyncio.run(_niquests(url, niquests))
    return found


async def _httpx(url: str, httpx) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=120) as client:

        async def ask(request):
            return _text((await client.post(f"{url}/chat/completions", content=_body(request))).content)

        await _spread(ask, _requests(_REQUESTS))


async def _niquests(url: str, niquests) -> None:
    async with niquests.AsyncSession(pool_maxsize=_AT_ONCE) as client:

        async def ask(request):
            return _text((await client.post(f"{url}/chat/completions", data=_body(request), timeout=120)).content)

        await _spread(ask, _requests(_REQUESTS))


def _local() -> Row:
    """Return tokens a second of a Llama of 4.2 million parameters, against `generate` of transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    from tasks.engines.transformers_local import LocalEngine

    number, tokens = 128, 64
    shape = {"hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 5, "num_key_value_heads": 4}
    with tempfile.TemporaryDirectory() as folder:
        llama(Path(folder), initializer_range=0.02, **shape)
        engine = LocalEngine(TransformersLocal(type="transformers_local", model=folder, device="cpu"))
        settings = {"temperature": 0.8, "max_tokens": tokens, "ignore_eos": True}
        requests = [Request(prompt=_TEXT.format(i), sampling=sampling(seed=i, **settings)) for i in range(number)]
        ours = rate(lambda: asyncio.run(_complete(engine, requests)), number * tokens, 2)
        model = AutoModelForCausalLM.from_pretrained(folder)
        words = engine.tokenizer.inner([request.prompt for request in requests], return_tensors="pt", padding=True)
        chosen = {"do_sample": True, "temperature": 0.8, "max_new_tokens": tokens, "min_new_tokens": tokens}
        halves = [{name: part[at : at + 64] for name, part in words.items()} for at in (0, 64)]
        with torch.inference_mode():
            theirs = rate(lambda: [model.generate(**half, **chosen) for half in halves], number * tokens, 2)
    return row("transformers_local, 4M Llama, tokens/s; peer generate(), 64 at a time", ours, theirs, asked="3,000/s")


async def _complete(engine, requests) -> None:
    await engine.complete(requests)
    await engine.close()


if __name__ == "__main__":
    for line in bench():
        print(line)
