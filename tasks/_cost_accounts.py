"""What the processes of one run have spent and set aside, so that they keep to one budget.

A folder a run. Its file `accounts` has a record a process; whoever reads or writes holds the lock of that file, for
some microseconds. Beside it every process keeps a `<number>.lock` locked for as long as it lives. The kernel frees that
lock however the process ends: what a killed one had set aside is free at once, what it spent stays spent, and a process
that joins later, a retry of the run among them, goes on with its record.

Not a database: SQLite's write-ahead log is for one machine (https://www.sqlite.org/wal.html), these locks hold between
machines that share the folder (NFS in flock(2)); its other journals take milliseconds a request, and leases that save
those would have to run out before what a killed process set aside is free.
"""

import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from tasks.core.errors import UserError
from tasks.core.settings import settings

# 64 bytes, so that no record lies across two pages and a killed process leaves a whole one.
_RECORD = struct.Struct("<qqdqddd8x")


@dataclass(slots=True)
class Account:
    """Answers that came, with their tokens and US dollars; requests that are out, with what is set aside for them.

    `started` is the time of the first request in seconds since 1970, 0 where there was none.
    """

    answers: int = 0
    tokens: int = 0
    usd: float = 0.0
    pending: int = 0
    pending_tokens: float = 0.0
    pending_usd: float = 0.0
    started: float = 0.0

    def settle(self) -> None:
        """Set nothing aside any more."""
        self.pending, self.pending_tokens, self.pending_usd = 0, 0.0, 0.0


class Accounts(Protocol):
    """The account of this process and the sum of the others', as of the last turn; one thread at a time.

    `with accounts:` is a turn: no other process has one at the same time, and at its end all can read `own`. A turn may
    be for `ahead` requests more than the one that is made.
    """

    own: Account
    others: Account
    ahead: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def free_dead(self) -> bool:
        """Return whether processes that have died had something set aside, which is free now. Only in a turn."""
        ...

    def close(self) -> None:
        """Leave the run; what was spent stays."""
        ...


class Private:
    """The account of a run that has one process, in its memory."""

    ahead = 0

    def __init__(self) -> None:
        self.own, self.others = Account(), Account()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """There is no one to tell."""

    def free_dead(self) -> bool:
        return False

    def close(self) -> None:
        """There is nothing to leave."""


class Shared:
    """The accounts of a run in a folder; UserError where that cannot be written."""

    # A turn takes 8 µs, and lets go of the interpreter's lock: one for so many requests is hardly seen. Answers that a
    # killed process has counted and not yet written are as few.
    ahead = 16

    def __init__(self, folder: Path) -> None:
        self.own, self.others = Account(), Account()
        self._folder, self._rest = folder, b""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _opened(folder / "accounts")
            with _locked(self._file):
                self._number, self._alive = self._join()
                self.own = _sum(self._records()[self._number :][:1])
                self.own.settle()
                self._write(self._number, self.own)
        except OSError as exc:
            raise UserError(f"cannot keep the budget of the run in '{folder}': {exc.strerror or exc}") from exc

    def __enter__(self) -> Self:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._look()
        except BaseException:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        try:
            self._write(self._number, self.own)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def free_dead(self) -> bool:
        freed = False
        for number, record in enumerate(self._records()):
            if number == self._number or not record.pending or (lock := self._taken(number)) is None:
                continue
            record.settle()
            self._write(number, record)
            os.close(lock)
            freed = True
        self._look()
        return freed

    def close(self) -> None:
        with self:
            self.own.settle()
        os.close(self._file)
        os.close(self._alive)

    def _join(self) -> tuple[int, int]:
        """Return the number of the first record that no living process has, and the lock that keeps it ours."""
        number = 0
        while (lock := self._taken(number)) is None:
            number += 1
        return number, lock

    def _taken(self, number: int) -> int | None:
        """Return the lock of a record, taken; None where its process lives."""
        lock = _opened(self._folder / f"{number}.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _look(self) -> None:
        """Read what the others have; added up only where that has changed."""
        data, at = self._data(), self._number * _RECORD.size
        rest = data[:at] + data[at + _RECORD.size :]
        if rest != self._rest:
            self._rest, self.others = rest, _sum(_unpacked(rest))

    def _records(self) -> list[Account]:
        return _unpacked(self._data())

    def _data(self) -> bytes:
        return os.pread(self._file, os.lseek(self._file, 0, os.SEEK_END), 0)

    def _write(self, number: int, of: Account) -> None:
        pending = (of.pending, of.pending_tokens, of.pending_usd)
        packed = _RECORD.pack(of.answers, of.tokens, of.usd, *pending, of.started)
        os.pwrite(self._file, packed, number * _RECORD.size)


def accounts_folder() -> Path:
    """Return where each run with a budget has its folder; housekeeping deletes those of old runs."""
    return settings().work / "budgets"


@contextmanager
def _locked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _unpacked(data: bytes) -> list[Account]:
    return [Account(*values) for values in _RECORD.iter_unpack(data)]


def _sum(accounts: Sequence[Account]) -> Account:
    """Return all accounts as one, which started with the first."""
    total = Account(started=min((one.started for one in accounts if one.started), default=0.0))
    for one in accounts:
        total.answers += one.answers
        total.tokens += one.tokens
        total.usd += one.usd
        total.pending += one.pending
        total.pending_tokens += one.pending_tokens
        total.pending_usd += one.pending_usd
    return total
