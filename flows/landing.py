"""What the watcher does when it is woken: look at the sources, enter what landed, ask for runs."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flows.tell import confirm, tell
from flows.wake import submit, wake
from tasks.core.errors import TilthError
from tasks.landing.arrivals import Looked, look, take
from tasks.landing.ledger import Ledger
from tasks.landing.mapping import load_landing
from tasks.landing.sources import open_sources

Value = TypeVar("Value")


class Desk:
    """The sources, the ledger and the orchestrator of one landing file. Its methods may be called from any thread.

    What cannot be done now is said, and done at a later call: nothing is lost but time.
    """

    def __init__(self, config: Path, deployment: str, say: Callable[[str], None]) -> None:
        self.landing = load_landing(config)
        self._deployment, self._say, self._said = deployment, say, set[str]()
        self._ledger = Ledger()
        self._sources = open_sources(self.landing)
        specs = self.landing.sources.values()
        self.folders = self.landing.folders
        self.queues = [spec.queue for spec in specs if spec.queue]
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)

    def look(self, *, everywhere: bool) -> bool:
        """Look at the folders, or everywhere; return whether it should be looked again soon."""
        looked = self._trying(lambda: look(self.landing, self._ledger, buckets=everywhere), Looked())
        for problem in looked.problems:
            self._say_once(problem)
        if looked.new:
            self._say(f"{looked.new} new contents in {looked.landed} files that landed")
        asked = self._trying(lambda: wake(self.landing, self._ledger), 0)
        if asked:
            self._say(f"asked for {asked} runs")
        return looked.waiting > 0 or self._trying(self._ledger.pending, 1) > 0

    def reconcile(self) -> None:
        """Submit what is overdue, tell of what ended without a word, and again of what the server has lost."""
        submitted = self._trying(lambda: submit(self.landing, self._ledger, self._deployment), 0)
        if submitted:
            self._say(f"submitted {submitted} runs for what was overdue")
        self._trying(lambda: tell(self._ledger), 0)
        lost = self._trying(lambda: confirm(self._ledger), 0)
        if lost:
            self._say(f"told again of {lost} ends that the server has not kept")

    def receive(self, queue: str, wait_s: int) -> int:
        """Enter what a queue tells of, then take it off the queue; return how many objects that are."""
        from tasks.landing._s3 import receive

        notices = receive(queue, wait_s)
        mine = [uri for uri in notices.uris if any(source.holds(uri) for source in self._sources.values())]
        for problem in take(mine, self.landing, self._ledger).problems:
            self._say_once(problem)
        notices.done()
        return len(mine)

    def _trying(self, do: Callable[[], Value], otherwise: Value) -> Value:
        try:
            return do()
        except TilthError as exc:
            self._say_once(str(exc))
            return otherwise

    def _say_once(self, problem: str) -> None:
        """Say a problem the first time, and again once it has been long enough for others to come between."""
        if problem not in self._said:
            self._said = {problem} if len(self._said) > 100 else {*self._said, problem}
            self._say(problem)


def exit_code(run: Callable[[], None]) -> int:
    """Run to the end; an error of ours becomes one line and its exit code."""
    try:
        run()
    except TilthError as exc:
        sys.stderr.write(f"tilth: {exc}\n")
        return exc.exit_code
    return 0
