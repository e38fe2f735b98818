"""The kinds of things that pile up, where they lie, and how each is deleted."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

from tasks._cost_accounts import accounts_folder
from tasks._gc_marks import Marks
from tasks.core.settings import settings
from tasks.core.store import Store
from tasks.registry import PREFIX, key_of
from tasks.stores.keys import RESULTS
from tasks.stores.local import LocalStore
from tasks.stores.s3 import S3Store
from tasks.stores.sweep import last_used, share, sweepable


@dataclass(frozen=True, slots=True)
class Thing:
    """What is kept or deleted as one: a shard with its files, a folder. `used` in seconds since 1970."""

    kind: str
    name: str
    bytes: int
    used: float
    needed: bool = False
    is_leftover: bool = False
    parts: tuple[str, ...] = ()


class Area(Protocol):
    """One kind of things."""

    @property
    def kind(self) -> str:
        """What they are called."""
        ...

    def things(self, marks: Marks) -> Iterator[Thing]:
        """Return all there are."""
        ...

    def is_needed(self, thing: Thing, marks: Marks) -> bool:
        """Return whether one must stay."""
        ...

    def remove(self, things: Sequence[Thing]) -> None:
        """Delete some; what is gone already is fine."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Shards:
    """Shards in the store: records, rejects and manifest of one key."""

    store: Store
    kind: str = "shards"

    def things(self, marks: Marks) -> Iterator[Thing]:
        for key, group in groupby(sweepable(self.store).stored("shards"), lambda item: key_of(item.key)):
            files = list(group)
            # The manifest goes first: what has one is whole.
            names = tuple(sorted((file.key for file in files), key=lambda name: not name.endswith(".json")))
            size, used = sum(file.bytes for file in files), max(file.used for file in files)
            yield Thing(self.kind, key, size, used, key in marks.shards, parts=names)

    def is_needed(self, thing: Thing, marks: Marks) -> bool:
        return thing.name in marks.shards

    def remove(self, things: Sequence[Thing]) -> None:
        for is_manifest in (True, False):
            sweepable(self.store).delete(
                [name for thing in things for name in thing.parts if name.endswith(".json") == is_manifest]
            )


@dataclass(frozen=True, eq=False, slots=True)
class Entries:
    """Runs in the list of runs that need nothing any more."""

    store: Store
    kind: str = "runs"

    def things(self, marks: Marks) -> Iterator[Thing]:
        for run in marks.kept:
            yield Thing(self.kind, run.key, 0, run.updated, needed=True)
        for run in marks.forgotten:
            yield Thing(self.kind, run.key, 0, run.updated)

    def is_needed(self, thing: Thing, marks: Marks) -> bool:
        return any(run.key == thing.name for run in marks.kept)

    def remove(self, things: Sequence[Thing]) -> None:
        sweepable(self.store).delete([thing.name for thing in things if thing.name.startswith(f"{PREFIX}/")])


@dataclass(frozen=True, eq=False, slots=True)
class Folders:
    """Folders of this machine, each one thing; `needed` says by its name which must stay."""

    kind: str
    home: Path
    pattern: str = "*"
    needed: Callable[[str, Marks], bool] = lambda _name, _marks: False
    locks: bool = False

    def things(self, marks: Marks) -> Iterator[Thing]:
        for path in sorted(self.home.glob(self.pattern)):
            if path.suffix == ".lock" or path.is_symlink():
                continue
            size, used = _weighed(path)
            leftover = path.name.startswith((".part-", ".scratch")) or path.suffix == ".part"
            yield Thing(self.kind, str(path), size, used, self.needed(path.name, marks), leftover)

    def is_needed(self, thing: Thing, marks: Marks) -> bool:
        return self.needed(Path(thing.name).name, marks)

    def remove(self, things: Sequence[Thing]) -> None:
        for thing in things:
            path = Path(thing.name)
            if self.locks and _is_locked(path.with_name(f"{path.name.partition('.')[0]}.lock")):
                continue
            # By a rename first: whoever looks meanwhile finds a whole folder or none.
            gone = path.with_name(f".part-{path.name}")
            try:
                path.rename(gone)
            except OSError:
                continue
            shutil.rmtree(gone, ignore_errors=True) if gone.is_dir() else gone.unlink(missing_ok=True)


@dataclass(frozen=True, eq=False, slots=True)
class Files:
    """Files of this machine that are made again, or fetched again, when they are asked for."""

    kind: str
    home: Path
    pattern: str = "**/*"
    is_leftover: bool = False

    def things(self, _marks: Marks) -> Iterator[Thing]:
        for path in sorted(self.home.glob(self.pattern)):
            if path.is_file() and not path.is_symlink():
                size, used = _weighed(path)
                yield Thing(self.kind, str(path), size, used, is_leftover=self.is_leftover)

    def is_needed(self, _thing: Thing, _marks: Marks) -> bool:
        return False

    def remove(self, things: Sequence[Thing]) -> None:
        for thing in things:
            Path(thing.name).unlink(missing_ok=True)


@dataclass(frozen=True, eq=False, slots=True)
class Results:
    """What the orchestrator keeps in a bucket: a shard that is there is its result again, without being made again."""

    store: S3Store
    kind: str = "results in the bucket"

    def things(self, _marks: Marks) -> Iterator[Thing]:
        for item in self.store.stored(RESULTS):
            yield Thing(self.kind, item.key, item.bytes, item.used)

    def is_needed(self, _thing: Thing, _marks: Marks) -> bool:
        return False

    def remove(self, things: Sequence[Thing]) -> None:
        self.store.delete([thing.name for thing in things])


@dataclass(frozen=True, eq=False, slots=True)
class Uploads:
    """Uploads in parts to a bucket whose process has died: invisible, but paid for."""

    store: S3Store
    kind: str = "broken uploads"

    def things(self, _marks: Marks) -> Iterator[Thing]:
        for key, upload, started in self.store.uploads():
            yield Thing(self.kind, f"{key} {upload}", 0, started, is_leftover=True, parts=(key, upload))

    def is_needed(self, _thing: Thing, _marks: Marks) -> bool:
        return False

    def remove(self, things: Sequence[Thing]) -> None:
        for thing in things:
            self.store.abort(*thing.parts)


def areas(store: Store) -> list[Area]:
    """Return every area of this work folder and of the store."""
    work = settings().work
    found: list[Area] = [
        Shards(store),
        Folders("seeds", work / "seeds", needed=lambda name, marks: name.partition("-")[0] in marks.seeds),
        Folders("models", work / "models", needed=_of_model, locks=True),
        Folders("artifacts", work / "artifacts", "*/*"),
        Files("fetched files", work / "cache"),
        Folders("outbox", work / "outbox"),
        Folders("budgets", accounts_folder(), needed=_of_run),
        Files("results", results_folder()),
        Entries(store),
    ]
    if isinstance(store, LocalStore):
        found.append(Files("leftovers", store.root / "shards", "**/.*.part", is_leftover=True))
    if isinstance(store, S3Store):
        found += [Results(store), Uploads(store)]
    return found


def results_folder() -> Path:
    """Return where Prefect keeps the results of this machine: by its own variables, else below the home folder."""
    if set_path := os.environ.get("PREFECT_LOCAL_STORAGE_PATH"):
        return Path(set_path)
    return Path(os.environ.get("PREFECT_HOME") or settings().home.absolute() / "prefect") / "storage"


def _of_model(name: str, marks: Marks) -> bool:
    return name.partition(".")[0] in marks.models


def _of_run(name: str, marks: Marks) -> bool:
    return any(run.run == name and run.is_alive for run in marks.kept)


def _weighed(path: Path) -> tuple[int, float]:
    """Return the bytes of a file or a folder, and when anything of it was last used."""
    if not path.is_dir():
        status = _status(path)
        return (share(status), last_used(status)) if status else (0, 0.0)
    files = [status for below in path.rglob("*") if not below.is_dir() and (status := _status(below))]
    # Not the folder's own time of access: to look for its files is to read it.
    return sum(map(share, files)), max([path.stat().st_mtime, *map(last_used, files)])


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _is_locked(path: Path) -> bool:
    """Return whether a process holds a lock, which it does while it trains."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
