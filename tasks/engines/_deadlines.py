"""A time limit for each of many requests, kept by one timer: they all have the same, so the first sent is due first.

A timer of its own for every request, as HTTP clients keep, costs a twentieth of a request to a server that is near.
"""

import asyncio


class Deadlines:
    """Cancels a task whose request takes longer than `seconds`; whoever is cancelled asks `is_over` why."""

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._seconds, self._loop = seconds, loop
        self._due: dict[asyncio.Task[object], float] = {}
        self._over: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, now: float) -> "asyncio.Task[object]":
        """Start the clock of the running task, which makes one request at a time; return it, for `end`."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("requests are made by tasks")
        self._due[task] = now + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._seconds, self._look)
        return task

    def end(self, task: "asyncio.Task[object]") -> None:
        """Stop the clock."""
        self._due.pop(task, None)
        if self._over:
            self.is_over(task)

    def is_over(self, task: "asyncio.Task[object]") -> bool:
        """Return whether a cancelled task was cancelled for its time alone; it is then cancelled no more."""
        if task not in self._over:
            return False
        self._over.discard(task)
        return not task.uncancel()

    def close(self) -> None:
        """Forget all clocks."""
        if self._timer:
            self._timer.cancel()
        self._timer = None
        self._due.clear()

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for task, due in list(self._due.items()):
            if due > now:
                self._timer = self._loop.call_at(due, self._look)
                return
            del self._due[task]
            self._over.add(task)
            task.cancel()
