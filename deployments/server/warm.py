"""A worker whose runs start warm: `python -m deployments.server.warm COMMAND...` runs the worker and forks its runs.

A flow run of its own process imports Prefect, the flows and Great Expectations first: five seconds of a core, more than
many a run needs. Here one process, the worker's parent, has them imported and forks. Prefect's worker starts
`python -m deployments.server.start` for each run; that hands its environment, folder and output over a Unix socket, and
lives as long as the run does: who kills or signals one has killed or signalled the other. A run starts cold, as Prefect
would start it, where there is no such parent or the project's files have changed since it began.
"""

import contextlib
import gc
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from deployments.server.processes import die_with_parent
from deployments.server.stamp import sources
from deployments.server.start import ENGINE, LENGTH, SOCKET, end_as

_ASK_S = 10.0
_PASSED_ON = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Job:
    """What a forked process is to do: it has this environment, this folder, and these files as 0, 1 and 2."""

    environment: dict[str, str]
    folder: str
    files: tuple[int, ...]


@dataclass(slots=True)
class Parent:
    """The parent of a worker and of its runs: what it listens on, the worker, and the connection of each run."""

    listener: socket.socket
    worker: subprocess.Popen[bytes]
    stamp: list[list[object]]
    runs: dict[int, socket.socket] = field(default_factory=dict)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def serve(self, wake: int) -> Job | None:
        """Fork runs until the worker ends and return None; in a forked process, return its job."""
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(wake, selectors.EVENT_READ)
        while self.worker.poll() is None:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    if job := self._start():
                        return job
                elif key.fileobj == wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake, 4096)
                    self._reap()
                else:
                    self._heard(key.data)
        return None

    def _start(self) -> Job | None:
        """Take one request; return its job in the process that is forked for it."""
        asked, _ = self.listener.accept()
        asked.settimeout(_ASK_S)
        try:
            job = _received(asked)
        except (OSError, ValueError):
            asked.close()
            return None
        if sources() != self.stamp:
            asked.close()
            _close(job.files)
            return None
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            for each in (self.listener, asked, *self.runs.values()):
                each.close()
            self.selector.close()
            return job
        _close(job.files)
        self.runs[pid] = asked
        with contextlib.suppress(OSError):
            asked.sendall(b"warm\n")
        self.selector.register(asked, selectors.EVENT_READ, pid)
        return None

    def _heard(self, pid: int) -> None:
        """Pass a signal on to a run; end the run whose starter has ended."""
        if pid not in self.runs:  # it ended in the same moment
            return
        try:
            said = self.runs[pid].recv(1)
        except OSError:
            said = b""
        if not said:
            self.selector.unregister(self.runs[pid])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, said[0] if said else signal.SIGKILL)

    def _reap(self) -> None:
        """Tell the starter of each run that has ended how it ended. The worker's own end is left to `poll`."""
        for pid in list(self.runs):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                starter = self.runs.pop(pid)
                with contextlib.suppress(KeyError):
                    self.selector.unregister(starter)
                with contextlib.suppress(OSError):
                    starter.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
                starter.close()


def _received(asked: socket.socket) -> Job:
    """Return the job of a request: the length of its JSON in 8 bytes with three open files, then the JSON."""
    head, files, _, _ = socket.recv_fds(asked, LENGTH, 3)
    length, text = int(head), b""
    while len(text) < length and (part := asked.recv(length - len(text))):
        text += part
    try:
        value = json.loads(text)
        return Job(value["environment"], value["folder"], (files[0], files[1], files[2]))
    except (ValueError, KeyError, IndexError) as exc:
        _close(files)
        raise ValueError("not a request") from exc


def _close(files: Iterable[int]) -> None:
    for file in files:
        os.close(file)


def _become(job: Job) -> NoReturn:
    """Be the process that Prefect would have started: same environment, folder, output, module."""
    die_with_parent()
    signal.set_wakeup_fd(-1)
    for number in (*_PASSED_ON, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(job.files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(job.folder)
    os.environ.clear()
    os.environ.update(job.environment)
    if prefect := sys.modules.get("prefect.context"):  # its settings are those of the parent
        prefect.refresh_global_settings_context()
    sys.argv = [ENGINE]
    runpy.run_module(ENGINE, run_name="__main__", alter_sys=True)
    sys.exit(0)


def main(command: Sequence[str]) -> int:
    """Run a worker, and fork its runs; return its exit code."""
    stamp, folder = sources(), tempfile.mkdtemp(prefix="tilth-worker-")
    path = str(Path(folder) / "runs")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        # A group of its own: what is sent to ours must reach the worker once, and comes from here.
        worker = subprocess.Popen(  # noqa: S603  our own worker
            command,
            env={**os.environ, SOCKET: path},
            preexec_fn=die_with_parent,  # noqa: PLW1509  there is no other thread yet
            process_group=0,
        )
        for number in _PASSED_ON:
            signal.signal(number, lambda number, _frame: worker.send_signal(number))
        from flows.warm import import_all  # the worker starts at the same time

        import_all()
        job = Parent(listener, worker, stamp).serve(_wake())
    if job is None:
        shutil.rmtree(folder, ignore_errors=True)
        return end_as(worker.returncode)
    _become(job)


def _wake() -> int:
    """Return what can be read from once a child has ended."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return read


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
