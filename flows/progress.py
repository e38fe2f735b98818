"""How far a stage is: a progress artifact in Prefect, a bar in a terminal."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from prefect.artifacts import create_progress_artifact, update_progress_artifact

Item = TypeVar("Item")

# An artifact costs about 20 ms; four updates a second are as many as anyone can see.
_INTERVAL_S = 0.25


@contextmanager
def terminal() -> Iterator["Bars"]:
    """Hand out progress bars on standard error; they show only where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TextColumn("shards"))
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), disable=not sys.stderr.isatty()
    ) as progress:
        yield Bars(progress)


@contextmanager
def training_progress(key: str, stage: str) -> Iterator[Callable[[float, str], None]]:
    """Hand out what a training calls with its share done: an artifact in Prefect, a line in a terminal."""
    artifact = create_progress_artifact(progress=0.0, key=key, description=f"training of stage {stage}")
    last, tty = time.monotonic(), sys.stderr.isatty()

    def say(share: float, words: str) -> None:
        nonlocal last
        if share < 1 and time.monotonic() - last < _INTERVAL_S:
            return
        last = time.monotonic()
        update_progress_artifact(artifact_id=artifact, progress=100.0 * min(share, 1.0))
        if tty:
            sys.stderr.write(f"\r\033[K{stage}: training, {share:4.0%} · {words}")
            sys.stderr.flush()

    yield say
    update_progress_artifact(artifact_id=artifact, progress=100.0)
    if tty:
        sys.stderr.write("\r\033[K")


class Bars:
    """The bars of one run, one a round of a stage."""

    def __init__(self, progress: "object") -> None:
        self._progress = progress

    def follow(self, items: Iterable[Item], total: int, stage: str, key: str) -> Iterator[Item]:
        """Yield the items of a round, keeping its bar and its artifact current."""
        bar = self._progress.add_task(stage, total=total)  # type: ignore[attr-defined]
        artifact = create_progress_artifact(progress=0.0, key=key, description=f"shards of stage {stage}")
        last = time.monotonic()
        for done, item in enumerate(items, start=1):
            self._progress.update(bar, completed=done)  # type: ignore[attr-defined]
            if done == total or time.monotonic() - last > _INTERVAL_S:
                update_progress_artifact(artifact_id=artifact, progress=100.0 * done / total)
                last = time.monotonic()
            yield item
