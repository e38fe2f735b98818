"""Rates of ours and of a peer, measured alike: the best of a few runs, one thread, in one process."""

import time
from collections.abc import Callable
from typing import TypedDict


class Row(TypedDict):
    """One line of the bench table; `ours` and `peer` in items a second unless `what` says otherwise."""

    what: str
    ours: float
    peer: float | None
    ratio: float | None
    asked: str


def rate(run: Callable[[], object], items: int, repeat: int = 3) -> float:
    """Return items a second of the fastest of `repeat` calls of `run`, each of which handles `items`."""
    best = float("inf")
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return items / best


def row(what: str, ours: float, peer: float, asked: str) -> Row:
    """Return a line of the table with the ratio of ours to the peer."""
    return Row(what=what, ours=round(ours, 1), peer=round(peer, 1), ratio=round(ours / peer, 2), asked=asked)
