"""Where seeds land, listed: folders here, S3 in `_s3.py`. The listing is the truth; events only say when to look."""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from tasks.core.errors import RecipeError, UserError
from tasks.landing.mapping import Landing, SourceSpec

MARKER = ".done"
# What browsers, rsync and editors call a file that they have not finished; hidden files are left alone as well.
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", ".swp", "~")


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a source: `path` is below the source, `version` changes whenever its bytes may have."""

    source: str
    uri: str
    path: str
    version: str
    size: int
    whole: bool | None
    """True: sure to be whole. False: sure not to be. None: whole once it has been still for a while."""


class ChangedError(Exception):
    """A file was changed or removed while it was read."""


class Source(Protocol):
    """A listing of files, and their bytes."""

    name: str

    def list(self) -> Iterator[Item]:
        """Return every file there is now."""
        ...

    def find(self, uri: str) -> Item | None:
        """Return one file by its URI; None where it is not there or does not count."""
        ...

    def holds(self, uri: str) -> bool:
        """Return whether a URI is below this source."""
        ...

    def reading(self, item: Item) -> AbstractContextManager[BinaryIO]:
        """Hand out the bytes of exactly this version; ChangedError where it is no longer that."""
        ...


def counts(path: str) -> bool:
    """Return whether a path below a source names seeds: not hidden, no marker, not unfinished by its name."""
    parts = path.split("/")
    return not any(part.startswith(".") for part in parts) and not path.endswith((MARKER, *_UNFINISHED))


class Folder:
    """A folder and all below it. Links out of it are not followed: what lands is a file."""

    def __init__(self, name: str, root: Path, whole: str) -> None:
        self.name, self.root, self._needs_marker = name, root.resolve(), whole == "marker"

    def list(self) -> Iterator[Item]:
        if not self.root.is_dir():
            raise UserError(f"source '{self.name}': there is no folder '{self.root}'; make it, or change its path")
        for folder, below, names in os.walk(self.root):
            below[:] = sorted(name for name in below if not name.startswith("."))
            marked = set(names)
            for name in sorted(names):
                path = Path(folder, name)
                if counts(name) and (item := self._item(path, f"{name}{MARKER}" in marked)):
                    yield item

    def find(self, uri: str) -> Item | None:
        path = self._path(uri)
        if path is None or not counts(path.relative_to(self.root).as_posix()):
            return None
        return self._item(path, path.with_name(f"{path.name}{MARKER}").exists())

    def holds(self, uri: str) -> bool:
        return self._path(uri) is not None

    def reading(self, item: Item) -> "_Checked":
        return _Checked(self.root / item.path, item.version)

    def _path(self, uri: str) -> Path | None:
        """Return the path of a file:// URI or of a plain path that is below the root, `..` and links resolved."""
        parts = urlsplit(uri)
        if parts.scheme not in ("", "file"):
            return None
        try:
            path = Path(unquote(parts.path) if parts.scheme else uri).resolve()
        except (OSError, ValueError):
            return None
        return path if path.is_relative_to(self.root) and path != self.root else None

    def _item(self, path: Path, marked: bool) -> Item | None:
        try:
            status = path.lstat()
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        whole = True if marked else False if self._needs_marker else None
        below = path.relative_to(self.root).as_posix()
        return Item(self.name, path.as_uri(), below, _version(status), status.st_size, whole)


class _Checked:
    """A file open for reading that must end as the version it began as."""

    def __init__(self, path: Path, version: str) -> None:
        self._path, self._expected = path, version

    def __enter__(self) -> BinaryIO:
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError as exc:
            raise ChangedError(str(self._path)) from exc
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            try:
                now = _version(self._path.lstat())
            except FileNotFoundError as exc:
                raise ChangedError(str(self._path)) from exc
            if now != self._expected:
                raise ChangedError(str(self._path))


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def open_source(name: str, spec: SourceSpec, base: Path) -> Source:
    """Return the source of an entry in the landing file; nothing is read yet."""
    if spec.is_s3:
        from tasks.landing._s3 import Bucket  # noqa: PLC0415  it imports this module

        return Bucket(name, spec.path, every_version=spec.versions == "all")
    return Folder(name, base / spec.path, spec.whole)


def open_sources(landing: Landing) -> dict[str, Source]:
    """Return every source by name."""
    return {name: open_source(name, spec, landing.base) for name, spec in landing.sources.items()}


def source_of(uri: str, sources: dict[str, Source]) -> Source:
    """Return the source that a URI is below; RecipeError where there is none: nothing else is ever read."""
    for source in sources.values():
        if source.holds(uri):
            return source
    raise RecipeError(f"'{uri}' is not below a source of the landing file; have: {', '.join(sources)}")
