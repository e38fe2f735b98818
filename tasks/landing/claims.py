"""What one run holds: contents claimed from the ledger, kept alive by a thread, given back when the run ends."""

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tasks.core.errors import TilthError
from tasks.landing.ledger import Entry, Ledger, Outcome


class Claims:
    """The claims of one run. A context: inside it a thread renews them, at its end what is left is given back."""

    def __init__(self, ledger: Ledger, lease_s: float) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._ledger, self._lease_s = ledger, lease_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="claims", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._ledger.put_back(self.owner)

    def take(self, batch: int) -> Iterator[Entry]:
        """Yield contents that are this run's alone, `batch` claimed at a time, until there is none left."""
        while found := self._ledger.claim(self.owner, batch, self._lease_s):
            yield from found

    def finish(self, entry: Entry, outcome: Outcome) -> bool:
        """Write how a content ended; False where another run has taken it over since."""
        return self._ledger.finish(entry, self.owner, outcome)

    def postpone(self, entry: Entry, wait_s: float, reason: str) -> bool:
        """Give a content back for a later try."""
        return self._ledger.postpone(entry, self.owner, wait_s, reason)

    def _renew(self) -> None:
        while not self._over.wait(self._lease_s / 4):
            with _survived():
                self._ledger.renew(self.owner, self._lease_s)


@contextmanager
def _survived() -> Iterator[None]:
    """A ledger that cannot be reached for a moment costs one renewal of four, not the run."""
    try:
        yield
    except TilthError:
        return
