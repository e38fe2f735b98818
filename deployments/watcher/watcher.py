"""Folders watched, queues listened to, everything listed every minute: whatever wakes it, the listing decides."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchfiles import watch

from flows.landing import Desk

_SOON_S = 1.0
_QUEUE_WAIT_S = 10
_AFTER_ERROR_S = 5.0
_log = logging.getLogger("tilth.watcher")


class Watcher:
    """One thread looks; others only say that there is something to see."""

    def __init__(self, config: Path, deployment: str) -> None:
        self._desk = Desk(config, deployment, _log.info)
        self._stirred, self._over = threading.Event(), threading.Event()

    def run(self) -> None:
        """Watch until `stop` is called."""
        self._listen()
        sweep_s = self._desk.landing.sweep_s
        _log.info("watching; every source is listed each %g s", sweep_s)
        next_sweep = 0.0
        while not self._over.is_set():
            self._stirred.clear()
            sweeps = time.monotonic() >= next_sweep
            if sweeps:
                next_sweep = time.monotonic() + sweep_s
            soon = self._desk.look(everywhere=sweeps)
            if sweeps:
                self._desk.reconcile()
            # Between two looks a second passes, so that a burst of files is one look and not a thousand.
            self._over.wait(_SOON_S)
            if not soon:
                self._stirred.wait(max(next_sweep - time.monotonic(), 0.0))

    def stop(self) -> None:
        """Let `run` return within about a second."""
        self._over.set()
        self._stirred.set()

    def _listen(self) -> None:
        jobs: list[Callable[[], None]] = [lambda folder=folder: self._watch(folder) for folder in self._desk.folders]
        jobs += [lambda queue=queue: self._receive(queue) for queue in self._desk.queues]
        for job in jobs:
            threading.Thread(target=self._again, args=(job,), daemon=True).start()

    def _again(self, job: Callable[[], None]) -> None:
        """Do a job for ever: a folder that went away and a queue that does not answer come back."""
        while not self._over.is_set():
            try:
                job()
            except Exception as exc:  # noqa: BLE001  the outermost line of a thread; the sweep goes on meanwhile
                _log.warning("%s; the sources are still listed every minute", exc)
                self._over.wait(_AFTER_ERROR_S)

    def _watch(self, folder: Path) -> None:
        for _ in watch(folder, stop_event=self._over, debounce=200, step=50, raise_interrupt=False):
            self._stirred.set()

    def _receive(self, queue: str) -> None:
        if self._desk.receive(queue, _QUEUE_WAIT_S):
            self._stirred.set()
