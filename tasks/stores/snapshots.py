"""The answer log in a store: each machine puts a copy of its own, and takes from the others what it lacks.

What one machine has paid for, another one that goes on with its run does not ask again.
"""

import json
import platform
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pyarrow as pa

from tasks._answers_writer import connect
from tasks.answers import log_path
from tasks.core.errors import TilthError, UserError
from tasks.core.manifest import digest
from tasks.core.store import Store
from tasks.stores.sweep import sweepable

_PREFIX = "answers"
_MERGED = "answers.merged.json"
_COLUMNS = (
    "digest, created_at, engine, model, method, run, prompt_tokens, completion_tokens, cost_usd, asked, request, answer"
)
_PAGES = 4096
EVERY_S = 60.0
_SHARE = 20


@contextmanager
def snapshots(store: Store, log: Path | None = None, every_s: float = EVERY_S) -> Iterator[None]:
    """Put a copy of the answer log into a store every so often while answers come in, and one at the end.

    So that of a machine that dies no more than the answers of its last minute are lost to the others. Copies take a
    twentieth of the time at most: of a large log there are fewer. One that fails is made up for by the next; the last
    raises.
    """
    over = threading.Event()
    copying = threading.Thread(target=_copy_on, args=(store, log, every_s, over), name="tilth-snapshots", daemon=True)
    copying.start()
    try:
        yield
    finally:
        over.set()
        copying.join()
        snapshot_answers(store, log)


def _copy_on(store: Store, log: Path | None, every_s: float, over: threading.Event) -> None:
    wait_s = every_s
    while not over.wait(wait_s):
        began = time.monotonic()
        with suppress(TilthError, OSError, sqlite3.Error):
            snapshot_answers(store, log)
        wait_s = max(every_s, _SHARE * (time.monotonic() - began))


def snapshot_answers(store: Store, log: Path | None = None) -> int:
    """Put a copy of this machine's answer log into a store, compressed; return its bytes, 0 where there is no log.

    The copy is of one moment, while answers come in (SQLite's backup, https://www.sqlite.org/backup.html).
    """
    log = log or log_path()
    if not log.is_file():
        return 0
    with tempfile.TemporaryDirectory(prefix="tilth-answers-") as folder:
        copy = Path(folder) / "answers.sqlite"
        with closing(sqlite3.connect(log, timeout=60)) as ours, closing(sqlite3.connect(copy)) as theirs:
            ours.backup(theirs, pages=_PAGES)
        with store.writing(own_key(log)) as part:
            _compress(copy, part)
            return part.stat().st_size


def merge_answers(store: Store, log: Path | None = None) -> int:
    """Take the answers of other machines' copies that this log lacks; return how many. Copies seen before are left."""
    log = log or log_path()
    others = {
        item.key: item.version or f"{item.bytes}-{item.used}"
        for item in sweepable(store).stored(_PREFIX)
        if item.key != own_key(log)
    }
    notes = log.with_name(_MERGED)
    known = _known(notes)
    new = {key: version for key, version in others.items() if known.get(key) != version}
    taken = sum(_merged(store.read(key), log, key) for key in new)
    if new:
        notes.write_text(json.dumps(others, indent=1), encoding="utf-8")
    return taken


def own_key(log: Path) -> str:
    """Return where this machine's copy of a log lies."""
    return f"{_PREFIX}/{digest([platform.node(), str(log.absolute())])[:16]}.sqlite.zst"


def _known(notes: Path) -> dict[str, str]:
    try:
        return dict(json.loads(notes.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _compress(source: Path, target: Path) -> None:
    with source.open("rb") as plain, pa.CompressedOutputStream(str(target), "zstd") as packed:
        while piece := plain.read(2**20):
            packed.write(piece)


def _merged(packed: bytes, log: Path, key: str) -> int:
    with tempfile.TemporaryDirectory(prefix="tilth-answers-") as folder:
        copy = Path(folder) / "answers.sqlite"
        try:
            with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
                copy.write_bytes(stream.read())
            with closing(connect(log)) as connection:
                connection.execute("attach database ? as other", (str(copy),))
                before = connection.total_changes
                connection.execute(
                    f"insert or ignore into answers ({_COLUMNS}) select {_COLUMNS} from other.answers"  # noqa: S608 - our own names
                )
                return connection.total_changes - before
        except (sqlite3.Error, OSError, pa.ArrowInvalid) as exc:
            raise UserError(f"'{key}' in the store is no copy of an answer log: {exc}; delete it to go on") from exc
