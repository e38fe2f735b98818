"""The runner of methods that ask a language model: the draws of a shard, concurrently, each through the answer log.

One event loop in a thread of its own serves all shards of a process, so that they share an engine's connections and its
limits. A draw starts when another ends: what waits costs nothing.
"""

import asyncio
import atexit
import hashlib
import threading
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from tasks._rollout_rows import Drawn, batch_of
from tasks.answers import AnswerLog, Keyed, keyed
from tasks.core.engine import Answer, Engine, EngineSpec, OpenAIHttp, Price, Request, load_spec
from tasks.core.errors import GateStop, RecordError, ShardError, TilthError, TransientError, UserError
from tasks.core.method import Method
from tasks.core.random import stream
from tasks.core.rollout import Context, RolloutDraw, Row
from tasks.cost import Metered, Spending

# Draws of one shard at the same time, at least; twice what the engine sends at most, so that its queue is never empty.
# More of them only push each other out of the CPU caches: 512 took 8 % more CPU time.
IN_FLIGHT = 256
# So many draws in a row that got no answer: the engine is gone, and asking on only takes time.
DOWN_AFTER = 20
_GRACE_S = 2.0

_THREAD = "tilth-engines"

T = TypeVar("T")


class Job(Protocol):
    """What the runner reads of a shard's job."""

    stage: str
    run_seed: int
    start: int
    count: int
    recipe: str


@dataclass(frozen=True, slots=True)
class Rolled:
    """What the draws of a shard gave: record columns, with `reason` and `seed_row`, in the order of the draws.

    `draws` were made, `failed` of them gave no row, by reason. `stats` are counters: requests, fresh (not in the log
    before), prompt_tokens, completion_tokens.
    """

    records: pa.RecordBatch
    draws: int
    failed: Mapping[str, int]
    stats: Mapping[str, int]


class BudgetReached(GateStop):
    """A cap of the budget is reached; `rolled` is what was made before."""

    def __init__(self, message: str, rolled: Rolled) -> None:
        super().__init__(message)
        self.rolled = rolled


class EngineGone(TransientError):
    """The engine gave no answer many times in a row; `rolled` is what was made before."""

    def __init__(self, message: str, rolled: Rolled) -> None:
        super().__init__(message)
        self.rolled = rolled


def run_rollouts(  # noqa: PLR0917 - all that a shard is made of, in the order in which it is known
    job: Job,
    method: Method,
    params: Any,
    seed_rows: Sequence[Row] | None,
    context: Context,
    engine: Engine,
    log: AnswerLog,
    price: Price,
    spending: Spending,
) -> Rolled:
    """Return what the draws of a shard gave; `seed_rows` has one row a draw, or is None.

    Errors: BudgetReached and EngineGone, with what was made; UserError at once; ShardError where the method breaks its
    contract. Whatever happens, the answers so far are in the log.
    """
    if not method.asks_engine(params):
        raise ShardError(f"{method.id} asks no engine")
    if seed_rows is not None and len(seed_rows) != job.count:
        raise ShardError(f"{len(seed_rows)} seeds for {job.count} draws of stage '{job.stage}'")
    prepared = method.prepare(context, params)
    asked = Metered(engine, price, spending)
    shard = _Shard(job, method, params, seed_rows, prepared, asked, log, price, _at_once(engine))
    return on_loop(shard.run())


@dataclass(slots=True)
class _Shard:
    job: Job
    method: Method
    params: Any
    seeds: Sequence[Row] | None
    prepared: Any
    engine: Metered
    log: AnswerLog
    price: Price
    at_once: int
    drawn: list[Drawn | None] = field(default_factory=list)
    stats: Counter[str] = field(default_factory=Counter)
    stopped: TilthError | None = None
    # Draws in a row that got no answer, and the fresh answers that there were when the last of them ended.
    unanswered: list[int] = field(default_factory=list)
    answers: int = 0
    workers: list[asyncio.Task[None]] = field(default_factory=list)
    # What the log is told of each answer.
    tags: dict[str, Any] = field(default_factory=dict)

    async def run(self) -> Rolled:
        self.drawn = [None] * self.job.count
        self.tags = {"price": self.price, "run": f"{self.job.recipe}/{self.job.stage}", "method": self.method.id}
        self.stats.update(requests=0, fresh=0, prompt_tokens=0, completion_tokens=0)
        waiting = iter(_order(self.job.count, self.seeds))
        self.workers = [asyncio.create_task(self._work(waiting)) for _ in range(min(self.at_once, self.job.count))]
        try:
            await asyncio.wait(self.workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            _cancel(self.workers)
            ended = await asyncio.gather(*self.workers, return_exceptions=True)
        if errors := [found for found in ended if isinstance(found, Exception)]:
            raise next((error for error in errors if isinstance(error, UserError)), errors[0])
        if isinstance(self.stopped, GateStop):
            raise BudgetReached(str(self.stopped), self._rolled())
        if self.stopped:
            raise EngineGone(str(self.stopped), self._rolled())
        return self._rolled()

    async def _work(self, waiting: Iterator[int]) -> None:
        for index in waiting:
            try:
                self.drawn[index] = await self._draw(index)
            except GateStop as exc:
                # The others finish what they have asked for: it is paid for.
                self.stopped = self.stopped or exc
            except TransientError as exc:
                self.drawn[index] = Drawn([], (), 0, 0, failure="engine")
                self._no_answer(index, exc)
            if self.stopped:
                return

    async def _draw(self, index: int) -> Drawn:
        number = self.job.start + index
        seed = None if self.seeds is None else self.seeds[index]
        generate = _Generate(self, number)
        draw = RolloutDraw(number, seed, self.prepared, partial(stream, self.job.run_seed, self.job.stage, number))
        try:
            rows = await self.method.rollout(draw, generate, self.params)  # type: ignore[misc]
        except RecordError as exc:
            rows = [_rejected(exc)]
        except TilthError:
            raise
        except Exception as exc:
            exc.add_note(f"in {self.method.id}, draw {number} of stage '{self.job.stage}'")
            raise
        if generate.open:
            await generate.ended()
        for row in rows:
            if "stats" in row:
                self.stats.update(row.pop("stats"))
        failure = None if rows else "not_made"
        return Drawn(rows, tuple(generate.keys), generate.prompt_tokens, generate.completion_tokens, failure)

    def _no_answer(self, index: int, error: TransientError) -> None:
        """Count a draw without an answer; where there were too many in a row, give up, these draws not made."""
        if self.engine.answers > self.answers:
            self.unanswered.clear()
        self.answers = self.engine.answers
        self.unanswered.append(index)
        if len(self.unanswered) < min(DOWN_AFTER, self.job.count) and not self.stopped:
            return
        if self.stopped is None:
            self.stopped = TransientError(
                f"engine {self.engine.identity} gave no answer {len(self.unanswered)} times in a row ({error}); all"
                f" answers so far are in the answer log: the same command goes on where this stopped"
            )
            # What is about to come in still counts; to wait for every time limit would take minutes.
            asyncio.get_running_loop().call_later(_GRACE_S, _cancel, self.workers)
        for lost in self.unanswered:
            self.drawn[lost] = None

    def _rolled(self) -> Rolled:
        failed = Counter(one.failure for one in self.drawn if one and one.failure)
        draws = sum(one is not None for one in self.drawn)
        return Rolled(batch_of(self.method, self.drawn), draws, dict(failed), dict(self.stats))


def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


class _Generate:
    """What one draw asks with; its calls are numbered as they are made, not as they are answered."""

    __slots__ = ("_idle", "_number", "_shard", "completion_tokens", "keys", "open", "prompt_tokens")

    def __init__(self, shard: _Shard, number: int) -> None:
        self._shard, self._number = shard, number
        self._idle: asyncio.Event | None = None
        self.keys: list[str] = []
        # Calls that are not answered yet.
        self.prompt_tokens = self.completion_tokens = self.open = 0

    def __call__(self, request: Request) -> Awaitable[Answer]:
        job = self._shard.job
        request = seeded(request, job.run_seed, job.stage, self._number, len(self.keys))
        known = keyed(request, self._shard.engine.identity)
        self.keys.append(known.key)
        return self._ask(request, known)

    async def _ask(self, request: Request, known: Keyed) -> Answer:
        shard = self._shard
        self.open += 1
        try:
            answer, fresh = await shard.log.ask(shard.engine, request, known=known, **shard.tags)
        finally:
            self.open -= 1
            if self._idle and not self.open:
                self._idle.set()
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens
        stats = shard.stats
        stats["requests"] += 1
        stats["prompt_tokens"] += answer.prompt_tokens
        stats["completion_tokens"] += answer.completion_tokens
        if fresh:
            stats["fresh"] += 1
        if answer.finish_reason == "length":
            raise RecordError("truncated", raw=answer.text)
        return answer

    async def ended(self) -> None:
        """Wait for calls that the draw no longer waits for (one of several failed): their usage is the draw's too."""
        self._idle = asyncio.Event()
        await self._idle.wait()


def seeded(request: Request, run_seed: int, stage: str, draw: int, call: int) -> Request:
    """Return the request with a sampling seed, where it has none, that follows from where in a run it is made.

    The seed has 52 bits: a number that JSON readers of every language keep exact.
    """
    for name, _value in request.sampling:
        if name == "seed":
            return request
    text = f"{run_seed}\x1f{stage}\x1f{draw}\x1f{call}"
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 12
    sampling = tuple(sorted((*request.sampling, ("seed", seed))))
    return Request(request.prompt, request.messages, sampling, request.schema)


def _at_once(engine: Engine) -> int:
    spec = getattr(engine, "spec", None)
    if not isinstance(spec, OpenAIHttp):
        return IN_FLIGHT
    servers = 1 if isinstance(spec.base_url, str) else len(spec.base_url)
    return max(IN_FLIGHT, 2 * spec.max_concurrency * servers)


def _order(count: int, seeds: Sequence[Row] | None) -> Sequence[int]:
    """Return the draws in the order they start: equal and alike seeds together, so that prompts share prefixes.

    A server with a prefix cache reads a shared prefix once while it is warm.
    """
    if seeds is None:
        return range(count)
    return sorted(range(count), key=lambda index: (str(seeds[index].get("text") or ""), index))


def _rejected(error: RecordError) -> Row:
    """Return the row that stands for a draw that was turned down: reason, raw text, and what was wrong with it."""
    detail = str(error).removeprefix(error.reason).removeprefix(": ")
    return {"text": error.raw, "reason": error.reason, "extra": {"error": detail} if detail else {}}


def on_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine, run on the loop that all engines of this process live on.

    Interrupting the thread that waits (Ctrl-C) cancels the coroutine.
    """
    loop = _loop()
    if threading.current_thread().name == _THREAD:
        coroutine.close()
        raise RuntimeError("on_loop is for threads; on the loop itself a coroutine is awaited")
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        while True:
            try:
                return future.result(timeout=1.0)
            except FutureTimeout:
                if future.done():
                    raise
    except BaseException:
        future.cancel()
        raise


_loops: list[asyncio.AbstractEventLoop] = []
_starting = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop, started by the first thread that asks; an engine on two loops would be opened by both."""
    with _starting:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_loops[0].run_forever, name=_THREAD, daemon=True).start()
        return _loops[0]


_engines: dict[str, Engine] = {}
_opening = threading.Lock()


def engine_for(spec: EngineSpec | Mapping[str, Any]) -> Engine:
    """Return the engine of a spec, opened once a process; RecipeError where it cannot be had."""
    from tasks.engines.factory import open_engine  # noqa: PLC0415 - engines load HTTP clients and models

    loaded = load_spec(spec)
    key = loaded.model_dump_json()
    with _opening:
        if key not in _engines:
            if not _engines:
                atexit.register(close_engines)
            _engines[key] = open_engine(loaded)
        return _engines[key]


def close_engines() -> None:
    """Close every engine of this process; the next `engine_for` opens anew."""
    with _opening:
        engines = list(_engines.values())
        _engines.clear()
    for engine in engines:
        on_loop(engine.close())
