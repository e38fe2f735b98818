"""What a stage will ask, cost and take, before anything is spent: a few of its draws made dry.

A dry draw runs the method as it is; each request is noted and answered with a placeholder, an instance of its schema
or plain words of the usual length. Its prompts are those of the real draw as long as they do not depend on answers.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from tasks.answers import AnswerLog, cost
from tasks.core.engine import Answer, Engine, Price, Request
from tasks.core.errors import RecordError, ShardError
from tasks.core.method import Method
from tasks.core.random import stream
from tasks.core.rollout import Context, RolloutDraw, Row
from tasks.cost import CHARS_PER_TOKEN, approximate_tokens, max_tokens
from tasks.rollouts import on_loop, seeded

DRY_DRAWS = 16
PROBES = 5
_FILLER = "The quick answer to that depends on what was asked before and on how much detail the reader wants to see. "


class Part(Protocol):
    """What is read of a stage: its random stream, and so the sampling seeds of its requests, follow from it."""

    stage: str
    run_seed: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a number of draws will ask, cost and take.

    `requests` and `output_tokens_max` are upper bounds; `output_tokens` and `usd` are what to expect, from answers that
    the log has, and None without. `minutes` at the rate of the log or of a probe, None without. `exact`: the prompts
    were counted with the engine's tokenizer, not by characters / 4. `probed`: requests that a probe has paid for.
    """

    draws: int
    requests: int
    input_tokens: int
    output_tokens_max: int
    output_tokens: int | None
    usd_max: float
    usd: float | None
    minutes: float | None
    exact: bool
    notes: tuple[str, ...] = ()
    probed: int = 0


def estimate(
    part: Part,
    method: Method,
    params: Any,
    draws: int,
    *,
    seed_rows: Sequence[Row] | None,
    context: Context,
    engine: Engine | None,
    price: Price,
    log: AnswerLog | None = None,
    probe: bool = False,
) -> Estimate:
    """Return what `draws` draws of a method will ask, from a few that start from the seed rows given (a sample).

    With `probe`, the first requests of PROBES draws are really sent: those of the run, which then has the answers.
    """
    length = log.completion_tokens(engine.identity, method.id) if log and engine else None
    dry = on_loop(_DryRun(part, method, params, length).draws(min(draws, DRY_DRAWS), seed_rows, context))
    asked = [request for one in dry for request in one.requests]
    if not asked:
        return Estimate(draws, 0, 0, 0, None, 0.0, None, None, exact=True, notes=("its draws ask nothing",))
    counts, exact = _counted(asked, engine)
    requests = _scaled([one.expected(method.calls(params)) for one in dry], draws)
    inputs = math.ceil(requests * sum(counts) / len(counts))
    most = math.ceil(requests * sum(map(max_tokens, asked)) / len(asked))
    notes = [] if all(one.whole for one in dry) else ["later requests of a draw taken to be like its first"]
    rate = log.rate(engine.identity) if log and engine else None
    probed = 0
    if probe and log and engine:
        firsts = [one.requests[0] for one in dry if one.requests][:PROBES]
        found = on_loop(_probe(firsts, engine, log, price, method.id))
        rate, length, probed = found.rate or rate, found.length or length, found.fresh
        notes.append(found.note)
    expected = None if length is None else min(most, math.ceil(requests * length))
    return Estimate(
        draws=draws,
        requests=requests,
        input_tokens=inputs,
        output_tokens_max=most,
        output_tokens=expected,
        usd_max=cost(price, inputs, most),
        usd=None if expected is None else cost(price, inputs, expected),
        minutes=requests / rate / 60 if rate else None,
        exact=exact,
        notes=tuple(notes),
        probed=probed,
    )


@dataclass(frozen=True, slots=True)
class _Dry:
    """The requests of one dry draw, as a run would send them; `whole`: the method went on to its end."""

    requests: list[Request]
    whole: bool

    def expected(self, most: int) -> int:
        return len(self.requests) if self.whole else max(most, len(self.requests))


def _scaled(calls: Sequence[int], draws: int) -> int:
    return math.ceil(draws * sum(calls) / len(calls))


@dataclass(frozen=True, slots=True)
class _DryRun:
    """A stage as it is run dry; `length`: tokens of an answer, where that is known."""

    part: Part
    method: Method
    params: Any
    length: float | None

    async def draws(self, count: int, seed_rows: Sequence[Row] | None, context: Context) -> list[_Dry]:
        prepared = await asyncio.to_thread(self.method.prepare, context, self.params)
        found = []
        for number in range(count):
            seed = seed_rows[number % len(seed_rows)] if seed_rows else None
            own = partial(stream, self.part.run_seed, self.part.stage, number)
            found.append(await self.draw(RolloutDraw(number, seed, prepared, own)))
        return found

    async def draw(self, draw: RolloutDraw) -> _Dry:
        if not self.method.asks_engine(self.params):
            raise ShardError(f"{self.method.id} asks no engine")
        requests: list[Request] = []

        async def answered(request: Request) -> Answer:
            return Answer(_placeholder(request, len(requests), self.length), "stop", 0, 0)

        def generate(request: Request) -> Awaitable[Answer]:
            requests.append(seeded(request, self.part.run_seed, self.part.stage, draw.number, len(requests)))
            return answered(requests[-1])

        try:
            await self.method.rollout(draw, generate, self.params)  # type: ignore[misc]
        except RecordError:
            return _Dry(requests, whole=False)
        return _Dry(requests, whole=True)


def _placeholder(request: Request, number: int, length: float | None) -> str:
    """Return what a dry request is answered with: as long as answers are, or half of what they may be."""
    if request.schema is not None:
        from tasks.engines.fake import instance  # noqa: PLC0415 - loads the json_schema method

        return instance(request.schema, str(number))
    chars = int(CHARS_PER_TOKEN * (length or max_tokens(request) / 2))
    return (_FILLER * (chars // len(_FILLER) + 1))[: max(chars, 8)].rstrip()


def _counted(requests: Sequence[Request], engine: Engine | None) -> tuple[list[int], bool]:
    counts = [engine.tokens(request) if engine else None for request in requests]
    exact = all(count is not None for count in counts)
    pairs = zip(counts, requests, strict=True)
    return [approximate_tokens(request) if count is None else count for count, request in pairs], exact


@dataclass(frozen=True, slots=True)
class _Probe:
    """What requests sent together gave: fresh answers a second, tokens of an answer, and how many came of how many."""

    rate: float | None
    length: float | None
    sent: int
    answered: int
    fresh: int

    @property
    def note(self) -> str:
        known, refused = self.answered - self.fresh, self.sent - self.answered
        came = f"{self.fresh} new, {known} from the answer log, {refused} refused"
        return f"time and answers by a probe of {self.sent} requests at a time: {came}; the log keeps them for the run"


async def _probe(requests: Sequence[Request], engine: Engine, log: AnswerLog, price: Price, method: str) -> _Probe:
    """Send requests together; one that the engine turns down measures nothing."""
    started = time.perf_counter()
    asks = [log.ask(engine, request, price=price, run="probe", method=method) for request in requests]
    ended = await asyncio.gather(*asks, return_exceptions=True)
    seconds = time.perf_counter() - started
    if errors := [one for one in ended if isinstance(one, BaseException) and not isinstance(one, RecordError)]:
        raise errors[0]
    found = [one for one in ended if not isinstance(one, BaseException)]
    fresh = sum(new for _answer, new in found)
    length = sum(answer.completion_tokens for answer, _new in found) / len(found) if found else None
    return _Probe(fresh / seconds if fresh else None, length, len(requests), len(found), fresh)
