"""What is needed: reached from releases that are where they were put, from runs that go on, and from young ones."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.core.errors import TransientError, UserError
from tasks.core.store import Store
from tasks.publish import MANIFEST
from tasks.registry import Run, digest_of_manifest, runs
from tasks.stores.factory import open_store


@dataclass(frozen=True, slots=True)
class Marks:
    """The digests and keys that must stay, the runs that name them, and those that need nothing any more."""

    kept: tuple[Run, ...]
    forgotten: tuple[Run, ...]
    seeds: frozenset[str]
    models: frozenset[str]
    shards: frozenset[str]

    def answers(self) -> Iterator[tuple[Run, dict[str, object]]]:
        """Return the stages, with their runs, whose records name answers."""
        return ((run, stage) for run in self.kept for stage in run.asks)


def mark(store: Store, young_since: float) -> Marks:
    """Return what must stay; runs that came further since `young_since` are young (seconds since 1970)."""
    kept: list[Run] = []
    forgotten: list[Run] = []
    for run in runs(store):
        (kept if run.is_alive or run.updated >= young_since or is_released(run) else forgotten).append(run)
    return Marks(
        tuple(kept),
        tuple(forgotten),
        frozenset(key for run in kept for key in run.seeds),
        frozenset(key for run in kept for key in run.models),
        frozenset(key for run in kept for key in run.shards),
    )


def is_released(run: Run) -> bool:
    """Return whether the release of a run is still at its place; what cannot be looked at counts as there."""
    if run.state not in ("done", "stopped"):
        return False
    try:
        if run.out.startswith("s3:/"):
            found = open_store(run.out).read(MANIFEST)
        elif run.host != platform.node():
            return True
        else:
            found = (Path(run.out) / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, UserError, TransientError):
        return True
    return digest_of_manifest(found) == run.manifest
