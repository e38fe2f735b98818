"""Prefect made ready in this process: before it is imported, its home, its database, its limits.

Nothing here is needed against a running server: then PREFECT_API_URL says where it is, and the rest is left alone.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from flows import temporary_server
from tasks.core.errors import TilthError
from tasks.core.settings import settings

# A fresh database takes 13-20 s to migrate and Prefect gives its ephemeral server 20; a migrated one takes 6-8 s.
_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "GX_ANALYTICS_ENABLED": "false",
    # Threads of torch that spin while they wait take the cores from each other.
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
# What an ephemeral server can do without: nobody schedules, deploys or looks at it.
_EPHEMERAL = {
    "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_UI_ENABLED": "false",
    "PREFECT_API_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_API_SERVICES_LATE_RUNS_ENABLED": "false",
}
# By default a server takes in 33 task runs a second: these make it keep up with several hundred.
BATCHES = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
    # What is not written yet is what a crash loses, and what nobody sees: by default up to five seconds.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
}
# What may name a server, or forbid one, beside PREFECT_API_URL: then Prefect does what it does by itself.
_ELSEWHERE = (
    "PREFECT_PROFILE",
    "PREFECT_PROFILES_PATH",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE",
    "PREFECT_SERVER_EPHEMERAL_ENABLED",
)
_FILES = {"prefect.toml": "", "pyproject.toml": "[tool.prefect", ".env": "prefect_"}
_MIGRATE = """
import asyncio
from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""


def prepare() -> None:
    """Set Prefect's environment; with no server named, give it a migrated database of the project's own."""
    os.environ.setdefault("PREFECT_HOME", str(settings().home.absolute() / "prefect"))
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if os.environ.get("PREFECT_API_URL"):
        return
    for name, value in _EPHEMERAL.items():
        os.environ.setdefault(name, value)
    ensure_database(Path(os.environ["PREFECT_HOME"]))


def start_server() -> temporary_server.TemporaryServer | None:
    """Prepare, and start a server for this process; None where Prefect knows of one, or starts its own."""
    prepare()
    if os.environ.get("PREFECT_API_URL") or "prefect" in sys.modules or _set_up_elsewhere():
        return None
    server = temporary_server.start({**BATCHES, **os.environ}, Path(os.environ["PREFECT_HOME"]) / "server.log")
    os.environ["PREFECT_API_URL"] = server.api
    return server


def _set_up_elsewhere() -> bool:
    """Return whether Prefect may be told by a file where its server is: it takes a second of imports to ask it."""
    if any(os.environ.get(name) for name in _ELSEWHERE):
        return True
    files = {Path(name): words for name, words in _FILES.items()}
    files[Path(os.environ["PREFECT_HOME"]) / "profiles.toml"] = ""
    return any(path.is_file() and words in path.read_text(errors="replace").lower() for path, words in files.items())


def template_database() -> Path:
    """Return where the migrated, empty database of this environment's Prefect is kept."""
    return Path(sys.prefix) / "share" / "tilth" / f"prefect-{version('prefect')}.db"


def ensure_database(home: Path) -> None:
    """Make `home`/prefect.db from the template where it is missing or of another version of Prefect."""
    database, stamp = home / "prefect.db", home / "prefect.version"
    if database.exists() and stamp.exists() and stamp.read_text() == version("prefect"):
        return
    template = template_database()
    if not template.exists():
        template = _migrated(template if os.access(sys.prefix, os.W_OK) else home / "template.db")
    home.mkdir(parents=True, exist_ok=True)
    part = home / f".prefect.db.{os.getpid()}"
    shutil.copyfile(template, part)
    for leftover in ("prefect.db-wal", "prefect.db-shm"):
        (home / leftover).unlink(missing_ok=True)
    part.replace(database)
    stamp.write_text(version("prefect"))


def _migrated(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    environment = {**os.environ, "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{part}"}
    environment["PREFECT_API_DATABASE_MIGRATE_ON_START"] = "true"
    done = subprocess.run(  # noqa: S603  our own interpreter, our own text
        [sys.executable, "-c", _MIGRATE], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TilthError(f"Prefect could not make its database: {done.stderr.strip().splitlines()[-1:]}")
    with sqlite3.connect(part) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    part.replace(path)
    return path


if __name__ == "__main__":
    prepare()
