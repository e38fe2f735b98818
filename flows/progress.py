"""How far a stage is: a progress artifact in Prefect, a bar in a terminal."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from prefect.artifacts import create_progress_artifact, update_progress_artifact

Item = TypeVar("Item")

# An update of an artifact costs 20 ms of this process and as much of the server: every other second it is 2 %.
_ARTIFACT_S = 2.0
_TERMINAL_S = 0.25


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
    updated, shown, tty = _Pace(_ARTIFACT_S), _Pace(_TERMINAL_S), sys.stderr.isatty()

    def say(share: float, words: str) -> None:
        if updated.due(last=share >= 1):
            update_progress_artifact(artifact_id=artifact, progress=100.0 * min(share, 1.0))
        if tty and shown.due(last=share >= 1):
            sys.stderr.write(f"\r\033[K{stage}: training, {share:4.0%} · {words}")
            sys.stderr.flush()

    yield say
    update_progress_artifact(artifact_id=artifact, progress=100.0)
    if tty:
        sys.stderr.write("\r\033[K")


class _Pace:
    """Says whether it is time again."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s, self._at = interval_s, time.monotonic()

    def due(self, *, last: bool) -> bool:
        """Return whether the interval is over, or this is the last time."""
        now = time.monotonic()
        if not last and now - self._at < self._interval_s:
            return False
        self._at = now
        return True


class Bars:
    """The bars of one run, one a round of a stage."""

    def __init__(self, progress: "object") -> None:
        self._progress = progress

    def follow(self, items: Iterable[Item], total: int, stage: str, key: str) -> Iterator[Item]:
        """Yield the items of a round, keeping its bar and its artifact current."""
        bar = self._progress.add_task(stage, total=total)  # type: ignore[attr-defined]
        artifact = create_progress_artifact(progress=0.0, key=key, description=f"shards of stage {stage}")
        pace = _Pace(_ARTIFACT_S)
        for done, item in enumerate(items, start=1):
            self._progress.update(bar, completed=done)  # type: ignore[attr-defined]
            if pace.due(last=done == total):
                update_progress_artifact(artifact_id=artifact, progress=100.0 * done / total)
            yield item
