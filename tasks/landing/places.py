"""Where a release goes: built beside its place, synced, then renamed into it. What is there is whole, and stays."""

import errno
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tasks.publish import MANIFEST

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)


@dataclass(frozen=True, slots=True)
class Place:
    """The folder `out`/route/id of one content's release."""

    out: Path
    route: str
    id: str

    @property
    def path(self) -> Path:
        return self.out / self.route / self.id

    @property
    def stopped(self) -> Path:
        """Where what a gate stopped is kept, to be looked at: it is no release."""
        return self.out / ".stopped" / self.route / self.id

    def rows(self) -> int | None:
        """Return the rows of the release that is there; None where there is none."""
        try:
            return int(json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))["rows"])
        except FileNotFoundError:
            return None

    def building(self, owner: str) -> Path:
        """Return an empty place for this owner alone: one that was thought dead cannot spoil what another builds."""
        self._clear()
        return self.path.with_name(f".{self.id}-{re.sub(r'[^A-Za-z0-9.-]', '-', owner)}")

    def publish(self, building: Path) -> None:
        """Move what was built into its place; where another was first, that stays and this goes."""
        _sync(building)
        try:
            building.rename(self.path)
        except OSError as exc:
            if exc.errno not in _TAKEN:
                raise
        _sync_folder(self.path.parent)
        self._clear()

    def stop(self, building: Path) -> Path:
        """Keep what a gate stopped, in place of what was kept of an earlier try; return where."""
        shutil.rmtree(self.stopped, ignore_errors=True)
        self.stopped.parent.mkdir(parents=True, exist_ok=True)
        building.rename(self.stopped)
        return self.stopped

    def _clear(self) -> None:
        """Delete what runs that died have left half-built."""
        for left in self.path.parent.glob(f".{self.id}-*"):
            shutil.rmtree(left, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Have every file on the disk before the folder appears: the ledger must not outlive what it names."""
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            with Path(root, name).open("rb") as file:
                os.fsync(file.fileno())
        _sync_folder(Path(root))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
