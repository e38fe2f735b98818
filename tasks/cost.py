"""What answers may cost: caps of a run, and an engine that keeps to them."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from tasks.answers import cost
from tasks.core.engine import Answer, Engine, Price, Request
from tasks.core.errors import GateStop
from tasks.core.recipe import Budget

CHARS_PER_TOKEN = 4
# Where a request does not say how long its answer may be.
MAX_TOKENS = 256
_ROOM_POLL_S = 0.02
_AGAIN = "and run again; answers in the log cost nothing"


class Spending:
    """What a run has spent on fresh answers, against its caps; safe to share between threads.

    Answers on their way count as much as the mean of those that came, so that a cap is met, not overrun by all the
    requests in flight.
    """

    def __init__(self, budget: Budget | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = budget or Budget()
        self.capped = any(cap is not None for cap in self.budget.model_dump().values())
        self.answers = 0
        self.tokens = 0
        self.usd = 0.0
        self._clock = clock
        self._started: float | None = None
        self._lock = threading.Lock()
        self._pending = 0
        self._pending_tokens = 0.0
        self._pending_usd = 0.0

    @property
    def minutes(self) -> float:
        """Time since the first request."""
        return 0.0 if self._started is None else (self._clock() - self._started) / 60

    def add(self, answer: Answer, price: Price) -> None:
        """Count a fresh answer."""
        with self._lock:
            self.answers += 1
            self.tokens += answer.prompt_tokens + answer.completion_tokens
            self.usd += cost(price, answer.prompt_tokens, answer.completion_tokens)

    def check(self) -> None:
        """Raise GateStop, saying which cap is reached; called before a request is sent."""
        usd, tokens, minutes = self.budget.usd, self.budget.tokens, self.budget.minutes
        said = f"{self.answers:,} answers"
        if usd is not None and self.usd >= usd:
            raise GateStop(f"budget: {self.usd:.4g} of {usd:g} USD spent on {said}; raise budget.usd {_AGAIN}")
        if tokens is not None and self.tokens >= tokens:
            raise GateStop(f"budget: {self.tokens:,} of {tokens:,} tokens in {said}; raise budget.tokens {_AGAIN}")
        if minutes is not None and self.minutes >= minutes:
            raise GateStop(f"budget: {minutes:g} minutes are over after {said}; raise budget.minutes {_AGAIN}")

    @asynccontextmanager
    async def room(self, request: Request, price: Price) -> AsyncIterator[None]:
        """Hold room in the budget for a request while it is out; GateStop where a cap is reached.

        Waits while those already out may use all that is left.
        """
        if self._started is None:
            self._started = self._clock()
        self.check()
        if self.budget.usd is None and self.budget.tokens is None:
            yield
            return
        while (held := self._hold(request, price)) is None:
            await asyncio.sleep(_ROOM_POLL_S)
            self.check()
        try:
            yield
        finally:
            with self._lock:
                self._pending -= 1
                self._pending_tokens -= held[0]
                self._pending_usd -= held[1]

    def _hold(self, request: Request, price: Price) -> tuple[float, float] | None:
        """Return the tokens and dollars set aside for a request; None where there is no room for them."""
        with self._lock:
            tokens, usd = self._expected(request, price)
            fits = _fits(self.tokens + self._pending_tokens + tokens, self.budget.tokens) and _fits(
                self.usd + self._pending_usd + usd, self.budget.usd
            )
            if self._pending and not fits:
                return None
            self._pending += 1
            self._pending_tokens += tokens
            self._pending_usd += usd
            return tokens, usd

    def _expected(self, request: Request, price: Price) -> tuple[float, float]:
        if self.answers:
            return self.tokens / self.answers, self.usd / self.answers
        prompt, completion = approximate_tokens(request), max_tokens(request)
        return prompt + completion, cost(price, prompt, completion)


def _fits(value: float, cap: float | None) -> bool:
    return cap is None or value <= cap


def approximate_tokens(request: Request) -> int:
    """Return about how many tokens the prompt of a request has, by its characters."""
    chars = len(request.prompt or "") + sum(len(content) for _role, content in request.messages)
    return -(-chars // CHARS_PER_TOKEN)


def max_tokens(request: Request) -> int:
    """Return how many tokens the answer may have."""
    return int(dict(request.sampling).get("max_tokens") or MAX_TOKENS)


class Metered:
    """An engine whose every request needs room in the budget, and whose every answer is counted."""

    def __init__(self, engine: Engine, price: Price, spending: Spending) -> None:
        self._engine, self._price, self._spending = engine, price, spending
        self.answers = 0
        self.identity = engine.identity
        self.model = str(getattr(engine, "model", None) or engine.identity)

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request, in order; GateStop before any is sent where the budget is spent."""
        if len(requests) == 1:
            return [await self._one(requests[0])]
        return list(await asyncio.gather(*(self._one(request) for request in requests)))

    async def _one(self, request: Request) -> Answer:
        if not self._spending.capped:
            return await self._counted(request)
        async with self._spending.room(request, self._price):
            return await self._counted(request)

    async def _counted(self, request: Request) -> Answer:
        (answer,) = await self._engine.complete([request])
        self.answers += 1
        self._spending.add(answer, self._price)
        return answer

    def tokens(self, request: Request) -> int | None:
        """Return how many tokens the prompt of a request has, if the engine can tell."""
        return self._engine.tokens(request)

    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()
