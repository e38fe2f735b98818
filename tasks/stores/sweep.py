"""What housekeeping asks of a store beyond what a run does: sizes, ages, deletion."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from tasks.core.errors import UserError
from tasks.core.store import Store
from tasks.stores.local import LocalStore


@dataclass(frozen=True, slots=True)
class Stored:
    """A value: its key, its bytes, and when it was last written, or read where that is known (seconds since 1970)."""

    key: str
    bytes: int
    used: float
    version: str = ""


@runtime_checkable
class Sweepable(Protocol):
    """A store that can be cleaned."""

    def stored(self, prefix: str) -> Iterator[Stored]:
        """Return what is below a prefix, sorted by key."""
        ...

    def delete(self, keys: list[str]) -> None:
        """Delete values; one that is not there is fine."""
        ...


@dataclass(frozen=True, slots=True)
class _Folder:
    root: Path

    def stored(self, prefix: str) -> Iterator[Stored]:
        for key in LocalStore(self.root).list(prefix):
            found = _status(self.root / key)
            if found:
                yield Stored(key, share(found), last_used(found))

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            (self.root / key).unlink(missing_ok=True)


def sweepable(store: Store) -> Sweepable:
    """Return what cleans a store."""
    if isinstance(store, LocalStore):
        return _Folder(store.root)
    if isinstance(store, Sweepable):
        return store
    raise UserError(f"a {type(store).__name__} cannot be cleaned")


def last_used(status: os.stat_result) -> float:
    """Return when a file was last written or read.

    Linux notes a reading at most once a day (`relatime`), which is enough for ages in days; on a disk mounted
    `noatime` it is the time of writing.
    """
    return max(status.st_mtime, status.st_atime)


def share(status: os.stat_result) -> int:
    """Return the bytes of a file; one that a release has by another name too is only half its own."""
    return status.st_size // max(status.st_nlink, 1)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
