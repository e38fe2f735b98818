"""Where bytes live. A store maps keys (`shards/ab/abcd.parquet`) to bytes; what appears, appears whole."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class Store(Protocol):
    """A local directory, or a prefix of a bucket.

    Keys are relative POSIX paths without `..`. Nothing under a key is ever half-written: a value is put by atomic
    rename or by one conditional upload. Errors: UserError where the store cannot be reached or written, TransientError
    where it may pass.
    """

    def exists(self, key: str) -> bool:
        """Return whether a value is there."""
        ...

    def read(self, key: str) -> bytes:
        """Return the value; FileNotFoundError where there is none."""
        ...

    def write(self, key: str, value: bytes) -> None:
        """Put a value; it replaces one that is there."""
        ...

    def writing(self, key: str) -> AbstractContextManager[Path]:
        """Hand out a local file to write to, and put it under `key` when the block ends without an error."""
        ...

    def local(self, key: str) -> Path:
        """Return a local file with the value, fetched where it is not local; FileNotFoundError where there is none."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Return the keys below `prefix`, sorted."""
        ...
