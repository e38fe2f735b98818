"""What writes task runs and events down, in a process beside the server.

`python -m deployments.server.recorder SERVER…` becomes the server, and leaves a process behind that runs Prefect's task
run recorder and event persister, starts them again where they end, and ends with the server. A server by itself reads
and writes all of that on its one core: 120 task runs a second on PostgreSQL, and 190 so split on two cores. It takes a
broker that hands its events to several processes, as Redis does.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from deployments.server.processes import die_with_parent

_AGAIN_S = 1.0
_PARENT = "TILTH_SERVER_PID"
_RECORDS = ("PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED", "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED")
# What stays with the server.
_OTHERS = (
    "PREFECT_API_EVENTS_STREAM_OUT_ENABLED",
    *(
        f"PREFECT_SERVER_SERVICES_{name}_ENABLED"
        for name in (
            "CANCELLATION_CLEANUP",
            "CLEANUP_RECONCILER",
            "FOREMAN",
            "LATE_RUNS",
            "PAUSE_EXPIRATIONS",
            "REPOSSESSOR",
            "SCHEDULER",
            "TRIGGERS",
        )
    ),
)
_SERVICES = (sys.executable, "-m", "prefect", "server", "services", "start")


def beside(server: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command of a server: with the recorder beside it where the broker is Redis."""
    split = [sys.executable, "-m", "deployments.server.recorder"] if environment.get("TILTH_REDIS_URL") else []
    return [*split, *server]


def main(words: list[str]) -> int:
    """Become the server that the words start; or, without words, be what runs beside it."""
    if words:
        left = {**os.environ, _PARENT: str(os.getpid())}
        subprocess.Popen([sys.executable, "-m", "deployments.server.recorder"], env=left)
        os.execve(words[0], words, {**os.environ, **dict.fromkeys(_RECORDS, "false")})  # noqa: S606  our own program
    return _Recorder(int(os.environ[_PARENT])).run()


class _Recorder:
    """Runs Prefect's services for as long as the server lives."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._running: subprocess.Popen[bytes] | None = None
        self._ended = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        die_with_parent(signal.SIGTERM)

    def run(self) -> int:
        environment = {**os.environ, **dict.fromkeys(_OTHERS, "false")}
        while not self._over():
            if _listens(os.environ["PREFECT_API_URL"]):  # and has brought the database up to date
                self._running = subprocess.Popen(  # noqa: S603  Prefect's own
                    _SERVICES,
                    env=environment,
                    preexec_fn=die_with_parent,  # noqa: PLW1509  this process has one thread
                )
                while self._running.poll() is None and not self._over():
                    time.sleep(_AGAIN_S / 2)
            time.sleep(0 if self._ended else _AGAIN_S)
        if self._running and self._running.poll() is None:
            self._running.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._running.wait(10)
        return 0

    def _over(self) -> bool:
        return self._ended or os.getppid() != self._server

    def _end(self, _number: int, _frame: object) -> None:
        self._ended = True


def _listens(url: str) -> bool:
    place = urlsplit(url)
    try:
        with socket.create_connection((place.hostname or "127.0.0.1", place.port or 80), timeout=5):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
