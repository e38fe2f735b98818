"""Programs that run on their own: started once, found again by their pid, stopped with all that they started."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_STOP_S = 15.0
_POLL_S = 0.1
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """A program by name: its command, and what it needs in its environment beyond ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def start(program: Program, folder: Path) -> int:
    """Return the pid of a program, started now unless it runs; its output goes to FOLDER/<name>.log.

    It gets a session of its own, so that closing the terminal does not end it.
    """
    if (found := running(program.name, folder)) is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    with log_of(program.name, folder).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  our own programs
            list(program.command),
            env={**os.environ, **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _pid_file(program.name, folder).write_text(f"{process.pid} {_started(process.pid)}")
    return process.pid


def running(name: str, folder: Path) -> int | None:
    """Return the pid of a program that runs; None where it does not, or where its pid is another program's by now."""
    try:
        pid, _, started = _pid_file(name, folder).read_text().partition(" ")
        return int(pid) if _started(int(pid)) == started else None
    except (OSError, ValueError):
        return None


def stop(name: str, folder: Path) -> bool:
    """Stop a program and all of its session; return whether it ran. It gets some seconds to end by itself."""
    pid = running(name, folder)
    if pid is None:
        return False
    end = time.monotonic() + _STOP_S
    _signal(pid, signal.SIGTERM)
    while running(name, folder) is not None and time.monotonic() < end:
        _reap(pid)
        time.sleep(_POLL_S)
    _signal(pid, signal.SIGKILL)
    _reap(pid)
    _pid_file(name, folder).unlink(missing_ok=True)
    return True


def log_of(name: str, folder: Path) -> Path:
    """Return where the output of a program goes."""
    return folder / f"{name}.log"


def last_line(name: str, folder: Path) -> str:
    """Return the last line of a program's log: what it said before it ended."""
    try:
        lines = log_of(name, folder).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def _pid_file(name: str, folder: Path) -> Path:
    return folder / f"{name}.pid"


def _started(pid: int) -> str:
    """Return when a process started, in ticks since boot; OSError where there is none, or only what is left of it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    if fields[0] == "Z":
        raise ProcessLookupError(pid)
    return fields[19]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    """Take the exit status of a child of ours; others have their own parent."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
