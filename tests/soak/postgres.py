"""A PostgreSQL of one's own, from Debian's package: its own data folder, its own port, stopped at the end."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
MISSING = "PostgreSQL is not installed: apt-get install postgresql"


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def postgres(port: int) -> Iterator[str]:
    """Start PostgreSQL with an empty database `tilth`; hand out its URL."""
    folder = Path(tempfile.mkdtemp(prefix="tilth-postgres-"))
    # PostgreSQL refuses to run as root: then Debian's own user `postgres` runs it.
    runs_as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if runs_as:
        shutil.chown(folder, "postgres")
    bin_folder, data = BINARIES[-1].parent, folder / "data"
    control = [*runs_as, str(bin_folder / "pg_ctl"), "-D", str(data), "-w"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=200"
    try:
        initdb = [*runs_as, str(bin_folder / "initdb"), "-D", str(data), "-A", "trust", "-U", "tilth", "--no-sync"]
        _run([*initdb, "-E", "UTF8", "--locale=C.UTF-8"])
        _run([*control, "-l", str(folder / "log"), "-o", options, "start"])
        try:
            _run([str(bin_folder / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "tilth", "tilth"])
            yield f"postgresql://tilth@127.0.0.1:{port}/tilth"
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/", timeout=60)
