"""A store in a local directory: a temporary file beside its place, synced, then renamed."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.errors import UserError


class LocalStore:
    """Values as files under `root`, which is made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def read(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    def write(self, key: str, value: bytes) -> None:
        with self.writing(key) as path:
            path.write_bytes(value)

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        target = self._path(key)
        with explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
            os.close(handle)
        part = Path(name)
        try:
            with explained(target):
                yield part
                with part.open("rb") as written:
                    os.fsync(written.fileno())
                part.chmod(0o644)
                part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def local(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise FileNotFoundError(path)
        return path

    def list(self, prefix: str) -> Iterator[str]:
        base = self._path(prefix)
        found = (path for path in base.rglob("*") if path.is_file() and not path.name.startswith("."))
        yield from sorted(path.relative_to(self.root).as_posix() for path in found)

    def _path(self, key: str) -> Path:
        path = self.root / key
        if Path(key).is_absolute() or ".." in Path(key).parts:
            raise UserError(f"a store key must be relative and without '..': '{key}'")
        return path


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn what an operating system says of a full or forbidden disk into one line for the user."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"no space left on the disk of '{target.parent}'; free some and run the same command again: "
                "finished shards are kept"
            ) from exc
        if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT):
            raise UserError(f"cannot write to '{target.parent}': {exc.strerror}") from exc
        raise
