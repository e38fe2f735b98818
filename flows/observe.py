"""A run as others see it: in the list of runs while it goes on, as a span, as figures in a Pushgateway at its end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import get_run_logger
from prefect.runtime import deployment

from flows.metrics import push
from flows.tracing import span
from tasks.core.errors import TilthError
from tasks.core.store import Store
from tasks.registry import Recorder, Run, recorded


@contextmanager
def observed(store: Store, *, run: str, name: str, out: str | Path, identity: str) -> Iterator[Recorder]:
    """Hand out the recorder of a run that starts now, and tell of it once it has ended, however it has."""
    recorder = None
    with span(f"recipe {name}", recipe=name, run=run) as note:
        try:
            with recorded(store, run=run, name=name, out=out, identity=identity) as recorder:
                yield recorder
        finally:
            if recorder is not None:
                made = recorder.entry
                note(state=made.state, rows=made.rows, rejected=made.rejected, usd=made.usd)
                _pushed(made)


def _pushed(run: Run) -> None:
    """Send the figures of a run to the Pushgateway, if one is named; where it does not take them, only say so."""
    try:
        push(run)
    except TilthError as exc:
        get_run_logger().warning("%s", exc)
        if deployment.id is None:  # of a run of the command line nobody reads the log
            sys.stderr.write(f"tilth: {exc}\n")
