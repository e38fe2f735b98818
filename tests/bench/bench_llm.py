"""What the answer log and the runner cost: requests a second against a bare loop, and memory as requests grow.

The server is the fake one, with no latency, in a process of its own; the client is the same aiohttp session.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.collector import collect_rarely
from tasks.answers import AnswerLog
from tasks.core.engine import Engine, Fake, OpenAIHttp, Price, Request, sampling
from tasks.core.method import Method, MethodParams
from tasks.core.rollout import Context, Generate, RolloutDraw, Row
from tasks.core.settings import settings
from tasks.cost import Spending
from tasks.rollouts import engine_for, on_loop, run_rollouts
from tests.bench.measure import Row as Line
from tests.bench.measure import row

_REQUESTS = 24_000
_SHARD = 1_000
_AT_ONCE = 64
_FEW, _MANY = 10_000, 100_000


class Params(MethodParams):
    """No params."""


@dataclass(frozen=True, slots=True)
class Part:
    """A shard of the bench."""

    start: int
    count: int
    stage: str = "bench"
    recipe: str = "bench"
    run_seed: int = 0


def prompt(number: int) -> Request:
    """Return request `number`: 40 words that share their beginning."""
    said = f"Write a short support ticket in a polite tone, about one topic only, and end it with a question. {number}"
    return Request(messages=(("system", "You write tickets."), ("user", said)), sampling=sampling(max_tokens=64))


async def rollout(draw: RolloutDraw, generate: Generate, _params: Params) -> list[Row]:
    """Ask once."""
    answer = await generate(prompt(draw.number))
    return [{"text": answer.text}]


METHOD = Method(name="bench", version=1, family="llm", params=Params, gives=("text",), rollout=rollout)


def roll(engine: Engine, log: AnswerLog, requests: int) -> dict[str, int]:
    """Make that many draws, as many shards at a time as a run makes, and return the counters."""

    def made(start: int) -> Mapping[str, int]:
        part, context = Part(start, min(_SHARD, requests - start)), Context((), (), 0)
        price = Price(input=1, output=2)
        return run_rollouts(part, METHOD, Params(), None, context, engine, log, price, Spending()).stats

    with ThreadPoolExecutor(settings().workers) as pool:
        found = list(pool.map(made, range(0, requests, _SHARD)))
    return {name: sum(stats[name] for stats in found) for name in ("requests", "fresh")}


@contextlib.contextmanager
def served(*options: str) -> Iterator[str]:
    """Start the fake server in a process of its own and return its base URL."""
    command = [sys.executable, "-m", "tasks.engines.fake_server", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


async def _bare(url: str, requests: int) -> int:
    """Ask with nothing around the client: no log, no retries, no records."""
    import aiohttp

    numbers = iter(range(requests))
    texts: list[str] = []

    async def ask(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            said = prompt(number)
            messages = [{"role": role, "content": content} for role, content in said.messages]
            body = {"model": "fake", "messages": messages, "seed": number, **dict(said.sampling)}
            async with session.post(f"{url}/chat/completions", json=body) as reply:
                texts.append(json.loads(await reply.read())["choices"][0]["message"]["content"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(ask(session) for _ in range(_AT_ONCE)))
    return len(texts)


def _timed(function: Any, *arguments: Any) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def _against_bare_loop(repeat: int = 4) -> Line:
    collect_rarely()  # as every run does; it serves the bare loop as well
    ours, bare = [], []
    with served() as url, tempfile.TemporaryDirectory() as folder:
        spec = OpenAIHttp(type="openai_http", base_url=url, model="fake", max_concurrency=_AT_ONCE)
        engine = engine_for(spec)
        for number in range(repeat):
            log = AnswerLog(Path(folder) / f"{number}.sqlite")
            bare.append(_timed(lambda: on_loop(_bare(url, _REQUESTS))))
            ours.append(_timed(lambda log=log: roll(engine, log, _REQUESTS)))
            log.close()
        on_loop(engine.close())
    return row(
        "llm runner with log, requests/s on a fake server of 0 ms; peer the same client in a bare loop",
        _REQUESTS / min(ours),
        _REQUESTS / min(bare),
        asked="0.8x",
    )


def _memory(requests: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = AnswerLog(Path(folder) / "answers.sqlite")
        stats = roll(engine_for(Fake(type="fake")), log, requests)
        log.close()
    if stats["fresh"] != requests:
        raise SystemExit(f"{stats} for {requests} requests")
    # Not `ru_maxrss`: that begins with what the process held which started this one.
    (peak,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    sys.stdout.write(f"{peak.split()[1]}\n")


def _peak_mb(requests: int) -> float:
    code = f"from tests.bench.bench_llm import _memory; _memory({requests})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def _memory_of_many() -> Line:
    few, many = _peak_mb(_FEW), _peak_mb(_MANY)
    return row(f"llm runner, peak MB of {_MANY:,} requests; peer of {_FEW:,}", many, few, asked="at most 1.3x")


def bench() -> list[Line]:
    """Return requests a second against a bare loop, and peak memory at ten times the requests."""
    return [_against_bare_loop(), _memory_of_many()]


if __name__ == "__main__":
    for line in bench():
        print(line)
