"""The writing side of the answer log: one thread that commits whatever has come in, as one transaction."""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tasks.core.errors import UserError

# Small columns first: SQLite reads a row from its start, so totals never touch the pages of long prompts.
_TABLE = """
create table if not exists answers (
  digest text primary key not null,
  created_at real not null,          -- seconds since 1970
  engine text not null,              -- identity
  model text not null,
  method text not null,
  run text not null,
  prompt_tokens integer not null,
  completion_tokens integer not null,
  cost_usd real not null,            -- of one asking
  asked integer not null default 1,  -- over 1: processes that asked the same at the same time
  request text not null,             -- JSON, without keys and addresses
  answer text not null               -- JSON
)
"""
_INDEX = "create index if not exists answers_by_engine on answers (engine, created_at)"
_COLUMNS = "digest, created_at, engine, model, method, run, prompt_tokens, completion_tokens, cost_usd, request, answer"
# Rows of one statement, so that the interpreter's lock changes hands once a group and not once a row.
_AT_ONCE = (64, 16, 4, 1)
VERSION = 1
_GROUP = 512
# What comes within so many seconds of the first is written with it. A commit costs a sync, and a page for each row that
# lies elsewhere: an answer that took a second waits for a fiftieth more.
_GATHER_S = 0.02
_BUSY_S = 60.0

# A row in the order of _COLUMNS: digest first, answer last.
AnswerRow = tuple[Any, ...]


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection to the log, made where it is not there yet; UserError where the file is no answer log."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        _prepare(connection)
    except (sqlite3.Error, OSError) as exc:
        raise UserError(f"cannot open the answer log '{path}': {exc}; move it away to start a new one") from exc
    (version,) = connection.execute("pragma user_version").fetchone()
    if version > VERSION:
        connection.close()
        raise UserError(f"the answer log '{path}' has format {version}; this version reads formats up to {VERSION}")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("pragma user_version").fetchone()
    if version == 0:
        _create(connection)
    # FULL: an answer survives the machine, not only the process. One sync serves a whole group of answers.
    connection.execute("pragma synchronous = full")
    # Digests are random: every answer touches another page of their index, and a page is copied back once a checkpoint.
    connection.execute("pragma wal_autocheckpoint = 10000")


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("pragma auto_vacuum = incremental")
    _write_ahead(connection)
    connection.execute("begin immediate")
    connection.execute(_TABLE)
    connection.execute(_INDEX)
    connection.execute(f"pragma user_version = {VERSION}")
    connection.execute("commit")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. SQLite does not wait for this lock, whatever its timeout, so we do."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


class _Entry(NamedTuple):
    row: AnswerRow
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[str]"


class Writer:
    """Commits answers in groups: what comes in while one group is on its way to the disk is the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[list[_Entry] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # What came in within one turn of a loop; the thread is woken once for all of it.
        self._turns: dict[asyncio.AbstractEventLoop, list[_Entry]] = {}

    def put(self, row: AnswerRow, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[str]":
        """Return a future of the running loop, `loop`: the answer that the log holds once it is on the disk.

        The row is written even where nobody waits for the future any more.
        """
        done: asyncio.Future[str] = loop.create_future()
        if self._thread is None:
            self._start()
        if (turn := self._turns.get(loop)) is None:
            turn = self._turns[loop] = []
            loop.call_soon(self._turn_ends, loop)
        turn.append(_Entry(row, loop, done))
        return done

    def _turn_ends(self, loop: asyncio.AbstractEventLoop) -> None:
        if turn := self._turns.pop(loop, None):
            self._queue.put(turn)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tilth-answers", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Write what is left and end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread:
            for loop in list(self._turns):
                self._turn_ends(loop)
            self._queue.put(None)
            thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while group := self._group():
                try:
                    connection = connection or connect(self._path)
                    _resolve(group, commit(connection, [entry.row for entry in group]))
                except (sqlite3.Error, UserError) as exc:
                    _fail(group, UserError(f"cannot write the answer log '{self._path}': {exc}"))
        finally:
            if connection:
                connection.close()

    def _group(self) -> list[_Entry]:
        """Return what waits to be written, at least one; nothing at the end."""
        group = self._queue.get() or []
        if group:
            time.sleep(_GATHER_S)
        while group and len(group) < _GROUP:
            try:
                entries = self._queue.get(block=False)
            except queue.Empty:
                break
            if entries is None:
                self._queue.put(None)
                break
            group += entries
        return group


def commit(connection: sqlite3.Connection, rows: Sequence[AnswerRow]) -> list[str]:
    """Write rows as one transaction and return the answer that the log holds for each: the first that came."""
    connection.execute("begin immediate")
    try:
        before = connection.total_changes
        _insert(connection, rows)
        written = connection.total_changes - before
        held = [row[-1] for row in rows] if written == len(rows) else [_held(connection, row) for row in rows]
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return held


def _insert(connection: sqlite3.Connection, rows: Sequence[AnswerRow]) -> None:
    start = 0
    while start < len(rows):
        size = next(size for size in _AT_ONCE if size <= len(rows) - start)
        connection.execute(_statement(size), [value for row in rows[start : start + size] for value in row])
        start += size


@cache
def _statement(rows: int) -> str:
    places = f"({', '.join('?' * (_COLUMNS.count(',') + 1))})"
    return f"insert or ignore into answers ({_COLUMNS}) values {', '.join([places] * rows)}"  # noqa: S608 - our own names


def _held(connection: sqlite3.Connection, row: AnswerRow) -> str:
    """Return the answer under a row's digest; where it is another one, count that the same was asked once more."""
    created_at, answer = connection.execute(
        "select created_at, answer from answers where digest = ?", row[:1]
    ).fetchone()
    if created_at != row[1] or answer != row[-1]:
        connection.execute("update answers set asked = asked + 1 where digest = ?", row[:1])
    return str(answer)


def _resolve(group: Sequence[_Entry], answers: Sequence[str]) -> None:
    for loop, entries in _by_loop(group, answers).items():
        _call(loop, _set_results, entries)


def _set_results(entries: Sequence[tuple[_Entry, str]]) -> None:
    for entry, answer in entries:
        if not entry.done.done():
            entry.done.set_result(answer)


def _fail(group: Sequence[_Entry], error: UserError) -> None:
    for loop, entries in _by_loop(group, [""] * len(group)).items():
        _call(loop, lambda entries=entries: _set_errors(entries, error))


def _set_errors(entries: Sequence[tuple[_Entry, str]], error: UserError) -> None:
    for entry, _answer in entries:
        if not entry.done.done():
            entry.done.set_exception(error)


def _by_loop(
    group: Sequence[_Entry], answers: Sequence[str]
) -> dict[asyncio.AbstractEventLoop, list[tuple[_Entry, str]]]:
    """One wake-up a loop and group, not one an answer."""
    pairs = list(zip(group, answers, strict=True))
    loops = {entry.loop for entry in group}
    return {loop: [pair for pair in pairs if pair[0].loop is loop] if len(loops) > 1 else pairs for loop in loops}


def _call(loop: asyncio.AbstractEventLoop, function: Any, *arguments: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        # The loop is closed: whoever waited is gone, the answer is on the disk.
        return


def query(connection: sqlite3.Connection, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with closing(connection.execute(sql, values)) as cursor:
        return cursor.fetchall()
