"""Start one flow run: `python -m deployments.server.start`, which a worker runs for it.

Where the worker's parent is a warm one (`deployments.server.warm`), the run is a fork of that, and this process stands
for it until it ends: same exit code, signals passed on. Elsewhere this process becomes the run, as Prefect starts one.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

SOCKET = "TILTH_WORKER_SOCKET"
ENGINE = "prefect.engine"
LENGTH = 8  # digits that say how long a request is


def main() -> int:
    """Return the exit code of the flow run that the environment names."""
    path = os.environ.get(SOCKET)
    if not path:
        return _become()
    with socket.socket(socket.AF_UNIX) as parent:
        answers = parent.makefile("rb")
        if not _is_warm(parent, answers.readline, path):
            return _become()
        return _stand_for(parent, answers.readline)


def _is_warm(parent: socket.socket, next_line: Callable[[], bytes], path: str) -> bool:
    """Ask a parent to fork the run; return whether it has."""
    text = json.dumps({"environment": dict(os.environ), "folder": str(Path.cwd())}).encode()
    try:
        parent.connect(path)
        socket.send_fds(parent, [f"{len(text):0{LENGTH}}".encode()], [0, 1, 2])
        parent.sendall(text)
        return next_line() == b"warm\n"
    except OSError:
        return False


def _stand_for(parent: socket.socket, next_line: Callable[[], bytes]) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: parent.send(bytes([number])))
    try:
        code = int(next_line())
    except (OSError, ValueError):
        return 1  # the parent is gone, and the run with it
    return end_as(code)


def end_as(code: int) -> int:
    """Return an exit code; for that of a child that died of a signal (-9 for SIGKILL), die of the same."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _become() -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-m", ENGINE])  # noqa: S606  our own program


if __name__ == "__main__":
    sys.exit(main())
