"""A thread that answers the requests of all callers together, step by step, beside the event loop."""

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tasks.core.engine import Answer, Request
from tasks.core.errors import RecordError, TilthError, TransientError, UserError
from tasks.engines._structured import checked, validator

_GATHER_S = 0.003  # quiet time after which the first step is made
_AT_ONCE = 4096  # requests that are taken in between two steps
_POLL_S = 0.02


@dataclass(slots=True)
class Job:
    """One request, and who waits for its answer."""

    number: int
    request: Request
    future: "asyncio.Future[Answer]"
    loop: asyncio.AbstractEventLoop
    settled: bool = field(default=False)

    @property
    def given_up(self) -> bool:
        """Whether nobody waits any more."""
        return self.future.cancelled()

    def settle(self, outcome: Answer | TilthError) -> None:
        """Hand the answer, or what went wrong, to who waits; from any thread."""
        self.settled = True
        try:
            self.loop.call_soon_threadsafe(_settle, self.future, outcome)
        except RuntimeError:
            return  # the loop is closed


def _settle(future: "asyncio.Future[Answer]", outcome: Answer | TilthError) -> None:
    if future.done():
        return
    if isinstance(outcome, Answer):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)


class Model(Protocol):
    """A model that answers many requests at once. Only the worker's thread calls it."""

    @property
    def busy(self) -> bool:
        """Whether any request is not answered yet."""
        ...

    def take(self, job: Job) -> None:
        """Put a request in line; raises RecordError or UserError where only that request is at fault."""
        ...

    def step(self) -> None:
        """Go on a little, and settle the jobs that are done with it."""
        ...

    def reset(self) -> None:
        """Forget everything that is under way."""
        ...


class Worker:
    """The thread, started with the first request; the model is loaded in it."""

    def __init__(self, name: str, load: Callable[[], Model], explain: Callable[[Exception], TilthError]) -> None:
        self._name = name
        self._load = load
        self._explain = explain
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._open: dict[int, Job] = {}
        self._model: Model | None = None

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request, in order; the first error is raised when all are done."""
        loop = asyncio.get_running_loop()
        for request in requests:
            if request.schema is not None:
                validator(request.schema)
        jobs = [Job(next(self._numbers), request, loop.create_future(), loop) for request in requests]
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
            for job in jobs:
                self._inbox.put(job)
        await asyncio.gather(*(job.future for job in jobs), return_exceptions=True)
        return [checked(job.request, job.future.result()) for job in jobs]

    async def close(self) -> None:
        """Stop after the step that is being made, and free the model."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread:
                self._inbox.put(None)
        # Not to_thread: engines are closed at the end of the process, when it takes no more work.
        while thread and thread.is_alive():  # noqa: ASYNC110 - a thread sets no event of a loop that may be closing
            await asyncio.sleep(_POLL_S)

    def _serve(self) -> None:
        while (jobs := self._receive()) is not None:
            try:
                self._round(jobs)
            except Exception as exc:  # noqa: BLE001 - the thread's outermost line: the callers get it
                self._fail(self._explain(exc))
        self._fail(TransientError("the engine was closed while requests were under way"))
        self._model = None

    def _round(self, jobs: Sequence[Job]) -> None:
        if self._model is None:
            self._model = self._load()
        for job in jobs:
            try:
                self._model.take(job)
            except (RecordError, UserError) as exc:
                job.settle(exc)
        if self._model.busy:
            self._model.step()
        for number in [number for number, job in self._open.items() if job.settled]:
            del self._open[number]

    def _receive(self) -> list[Job] | None:
        """Return what has come; where nothing is under way the first is waited for, and what follows it at once."""
        idle = self._model is None or not self._model.busy
        jobs: list[Job] = []
        while len(jobs) < _AT_ONCE:
            pause_s = (_GATHER_S if jobs else None) if idle else 0
            try:
                job = self._inbox.get(timeout=pause_s)
            except queue.Empty:
                break
            if job is None:
                for waiting in jobs:
                    self._open[waiting.number] = waiting
                return None
            jobs.append(job)
        self._open.update((job.number, job) for job in jobs)
        return jobs

    def _fail(self, error: TilthError) -> None:
        """Tell everyone who waits what went wrong."""
        for job in self._open.values():
            if not job.settled:
                job.settle(error)
        self._open.clear()
        if self._model:
            self._model.reset()
