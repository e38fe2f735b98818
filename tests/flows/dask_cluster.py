"""A Dask scheduler and its workers, one process each, stopped at the end."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.soak.postgres import free_port

_READY_S = 120.0


@contextmanager
def dask_cluster(folder: Path, workers: int, environment: Mapping[str, str]) -> Iterator[str]:
    """Start a scheduler and workers of one thread, without nannies; hand out the scheduler's address."""
    from distributed import Client

    address = f"tcp://127.0.0.1:{free_port()}"
    module = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard"]
    port = ["--port", address.rpartition(":")[2]]
    running = [subprocess.Popen([*module, *port], env=environment, stderr=subprocess.DEVNULL)]
    try:
        for number in range(workers):
            command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1"]
            place = ["--no-dashboard", "--local-directory", str(folder / f"dask-{number}"), "--name", str(number)]
            running.append(subprocess.Popen([*command, *place], env=environment, stderr=subprocess.DEVNULL))
            (folder / f"dask-{number}.pid").write_text(str(running[-1].pid))
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            try:
                with Client(address, timeout=5, set_as_default=False) as client:
                    client.wait_for_workers(workers, timeout=_READY_S)
                    break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()
