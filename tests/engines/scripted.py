"""The fake server with answers that a function makes of the request, as the scripted engines of the methods' tests."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tasks.core.engine import Request, sampling
from tasks.engines.fake import Script
from tasks.engines.fake_server import Running, serving


class _Written(Script):
    """A script that a function writes; the request that it sees has the key in place of its sampling."""

    def __init__(self, answer: Callable[[Request], str]) -> None:
        super().__init__()
        self._answer = answer

    def text(self, key: str, said: str, schema: str | None) -> str:
        """Return what the function makes of the last thing that was said."""
        return self._answer(Request(messages=(("user", said),), sampling=sampling(key=key), schema=schema))


@contextlib.contextmanager
def scripted(answers: Sequence[str] | Callable[[Request], str], **setup: Any) -> Iterator[Running]:
    """Return a server inside the `with` block that answers from a list of texts or by a function of the request."""
    if not callable(answers):
        with serving(answers=answers, **setup) as server:
            yield server
        return
    with serving(**setup) as server:
        server.server.script = _Written(answers)
        yield server
