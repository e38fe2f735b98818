"""The process of a temporary server: Prefect's API, as Prefect's own ephemeral one serves it, on an open socket.

Run as a file with the socket's descriptor. Its standard input is a pipe that nobody writes to, and that ends with its
parent, however that ends.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from threading import Thread
from typing import Any

_WRITE_DOWN_S = 3.0
_END_S = 8.0


def main(descriptor: int) -> None:
    """Serve until the parent has ended, or ends this."""
    Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # of what is imported nothing goes; looking through it takes 0.4 s of 2.7
    import uvicorn

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await _written_down(self)
            await super().shutdown(sockets)

    config = uvicorn.Config("prefect.server.api.server:create_app", factory=True, log_level="error", lifespan="on")
    config.load()
    gc.freeze()
    gc.enable()
    Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _end_with_parent() -> None:
    """End this process as SIGTERM does once standard input has ended, and by force where that takes too long."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_END_S)
    os._exit(1)


async def _written_down(server: Any) -> None:
    """Wait until what was received is written down: Prefect's services drop what is still in their queues."""
    from prefect.server.utilities.messaging.memory import Topic

    until = time.monotonic() + _WRITE_DOWN_S
    while time.monotonic() < until:
        queues = [held._queue for topic in Topic._topics.values() for held in topic._subscriptions]  # noqa: SLF001
        if not server.server_state.tasks and all(queue.empty() for queue in queues):
            return
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    main(int(sys.argv[1]))
