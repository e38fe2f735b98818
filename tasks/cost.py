"""What answers may cost: caps of a run, and an engine that keeps to them."""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from tasks._cost_accounts import Accounts, Private, Shared, accounts_folder
from tasks.answers import cost
from tasks.core.engine import Answer, Engine, Price, Request
from tasks.core.errors import GateStop
from tasks.core.recipe import Budget

CHARS_PER_TOKEN = 4
# Where a request does not say how long its answer may be.
MAX_TOKENS = 256
_ROOM_POLL_S = 0.02
# Fifty times 0.11 is not 5.5 in every order of adding.
_ROUNDING = 1e-12
# Room is set aside ahead of requests only while there is room for so many times as many.
_PLENTY = 8
_AGAIN = "and run again; answers in the log cost nothing"


class Spending:
    """What a run has spent on fresh answers, against its caps; safe to share between threads.

    Answers on their way count as much as the mean of those that came, so that a cap is met, not overrun by all the
    requests in flight. Other processes of the run count where the accounts are shared.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        clock: Callable[[], float] = time.monotonic,
        accounts: Accounts | None = None,
    ) -> None:
        self.budget = budget or Budget()
        self.capped = any(cap is not None for cap in self.budget.model_dump().values())
        self._clock = clock
        self._started: float | None = None
        self._lock = threading.Lock()
        self._accounts: Accounts = accounts or Private()
        self._own = self._accounts.own
        self._full_until = -math.inf
        # Requests that room is set aside for before they are made, what for each, and those given back unsaid.
        self._ahead, self._each, self._unsaid = 0, (0.0, 0.0), 0

    @property
    def answers(self) -> int:
        """Fresh answers."""
        return self._own.answers + self._accounts.others.answers

    @property
    def tokens(self) -> int:
        """Tokens of their prompts and of them."""
        return self._own.tokens + self._accounts.others.tokens

    @property
    def usd(self) -> float:
        """What they cost, in US dollars."""
        return self._own.usd + self._accounts.others.usd

    @property
    def minutes(self) -> float:
        """Time since the first request."""
        return 0.0 if self._started is None else (self._clock() - self._started) / 60

    def add(self, answer: Answer, price: Price) -> None:
        """Count a fresh answer; other processes see it when the room of its request is given back."""
        with self._lock:
            self._own.answers += 1
            self._own.tokens += answer.prompt_tokens + answer.completion_tokens
            self._own.usd += cost(price, answer.prompt_tokens, answer.completion_tokens)

    def check(self) -> None:
        """Raise GateStop, saying which cap is reached; called before a request is sent."""
        usd, tokens, minutes = self.budget.usd, self.budget.tokens, self.budget.minutes
        said = f"{self.answers:,} answers"
        if usd is not None and self.usd >= usd * (1 - _ROUNDING):
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
            self._start()
        if self.budget.usd is None and self.budget.tokens is None:
            self.check()
            yield
            return
        held = self._hold(request, price)
        while held is None:
            await asyncio.sleep(_ROOM_POLL_S)
            held = self._hold(request, price)
        try:
            yield
        finally:
            self._give_back(held)

    def close(self) -> None:
        """Leave the run; what was spent stays. What a request that is out may still cost is not shared any more."""
        with self._lock:
            accounts, self._accounts = self._accounts, Private()
            accounts.close()

    def _start(self) -> None:
        """Start the clock, at the first request of whichever process sent it."""
        with self._lock, self._accounts:
            now = time.time()
            self._own.started = self._own.started or now
            first = min(self._own.started, self._accounts.others.started or now)
            self._started = self._clock() - max(0.0, now - first)

    def _hold(self, request: Request, price: Price) -> tuple[float, float] | None:
        """Return the tokens and dollars set aside for a request; None where there is no room for them."""
        with self._lock:
            self.check()
            if self._ahead:
                self._ahead -= 1
                return self._each
            if self._clock() < self._full_until:
                return None
            with self._accounts:
                self.check()
                each = self._expected(request, price)
                if self._has_room(each) or (self._accounts.free_dead() and self._has_room(each)):
                    self._take(each)
                    return each
            # All that wait in this process need not look one after the other.
            self._full_until = self._clock() + _ROOM_POLL_S
            return None

    def _take(self, each: tuple[float, float]) -> None:
        """Set aside what a request may need and, while there is plenty, as much for some of those that follow.

        Before the first answer each of those may need something else.
        """
        most = self._accounts.ahead if self.answers else 0
        self._each, self._unsaid = each, 0
        self._ahead = int(min(most, max(0.0, self._left(each) / _PLENTY)))
        self._set_aside(1 + self._ahead, each)

    def _give_back(self, each: tuple[float, float]) -> None:
        """Set nothing aside for a request any more; other processes are told at once where they may wait for it."""
        with self._lock:
            self._set_aside(-1, each)
            self._unsaid += 1
            self._full_until = -math.inf
            idle = self._own.pending == self._ahead
            if idle or not self._ahead or self._unsaid > self._accounts.ahead:
                with self._accounts:
                    self._unsaid = 0
                    if idle:
                        self._own.settle()
                        self._ahead = 0

    def _set_aside(self, requests: int, each: tuple[float, float]) -> None:
        self._own.pending += requests
        self._own.pending_tokens += requests * each[0]
        self._own.pending_usd += requests * each[1]

    def _has_room(self, each: tuple[float, float]) -> bool:
        """Return whether a request has room; where nothing is out one always has: else none ever would be."""
        return not self._own.pending + self._accounts.others.pending or self._left(each) >= 1

    def _left(self, each: tuple[float, float]) -> float:
        """Return how many requests there is room for."""
        own, others, budget = self._own, self._accounts.others, self.budget
        tokens = self.tokens + own.pending_tokens + others.pending_tokens
        usd = self.usd + own.pending_usd + others.pending_usd
        return min(_times(budget.tokens, tokens, each[0]), _times(budget.usd, usd, each[1]))

    def _expected(self, request: Request, price: Price) -> tuple[float, float]:
        if self.answers:
            return self.tokens / self.answers, self.usd / self.answers
        prompt, completion = approximate_tokens(request), max_tokens(request)
        return prompt + completion, cost(price, prompt, completion)


def _times(cap: float | None, used: float, each: float) -> float:
    """Return how often `each` is in what is left of a cap."""
    return math.inf if cap is None or not each else (cap * (1 + _ROUNDING) - used) / each


@dataclass(slots=True)
class _Open:
    """What a run has spent, and how many shards of this process are at it."""

    spending: Spending
    shards: int = 0


_OPEN: dict[str, _Open] = {}
_opening = threading.Lock()


@contextmanager
def spending_of(run: str | None, budget: Budget) -> Iterator[Spending]:
    """Yield what a run has spent: with a cap, one account for its shards, in all its processes and in all its tries.

    A retry of a run under the same id (`prefect flow-run retry`, `revive`) goes on with what is left: one that crashes
    time and again must not spend its budget each time. Its minutes count from the first request of the first try.
    """
    private = Spending(budget)
    if not run or not private.capped:
        yield private
        return
    with _opening:
        if run not in _OPEN:
            _OPEN[run] = _Open(Spending(budget, accounts=Shared(accounts_folder() / run)))
        opened = _OPEN[run]
        opened.shards += 1
    try:
        yield opened.spending
    finally:
        with _opening:
            opened.shards -= 1
            if not opened.shards:
                del _OPEN[run]
                opened.spending.close()


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
        if len(requests) > 1:
            return [answer for (answer,) in await asyncio.gather(*(self.complete([request]) for request in requests))]
        if not self._spending.capped:
            return self._counted(await self._engine.complete(requests))
        async with self._spending.room(requests[0], self._price):
            return self._counted(await self._engine.complete(requests))

    def _counted(self, answers: list[Answer]) -> list[Answer]:
        self.answers += 1
        self._spending.add(answers[0], self._price)
        return answers

    def tokens(self, request: Request) -> int | None:
        """Return how many tokens the prompt of a request has, if the engine can tell."""
        return self._engine.tokens(request)

    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()
