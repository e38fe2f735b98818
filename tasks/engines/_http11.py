"""As much of an HTTP/1.1 server as a fast fake needs: one request at a time on each kept connection.

One core serves 6,000 completions a second and more, several times what any client here can ask for: a benchmark on the
fake server measures the client.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

_MAX_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came: the method and path, header names in lower case, the body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back after `delay_s`; with `cut` the connection closes after that many bytes of the body."""

    status: int
    body: bytes
    delay_s: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    done: Callable[[], None] = field(default=lambda: None)

    def head(self) -> bytes:
        """Return the status line and the headers."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(self.body)}", *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Connection(asyncio.Protocol):
    """One client's connection. `answer` decides on the reply; `open_connections` lists those that are open."""

    def __init__(self, answer: Callable[[Call], Reply], open_connections: set["Connection"]) -> None:
        self._answer = answer
        self._open = open_connections
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reply: Reply | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the reply that nobody waits for."""
        del exc
        self._open.discard(self)
        self._transport = None
        if self._timer:
            self._timer.cancel()
        self._finish()

    def abort(self) -> None:
        """Close at once, in the middle of whatever goes on."""
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer the next request when all of it is here."""
        self._buffer += data
        if self._reply is None:
            self._next()

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                self.abort()
            return
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        size = headers.get("content-length", "0")
        verb, _, target = lines[0].partition(" ")
        if not size.isdigit() or "transfer-encoding" in headers:
            self._send(Reply(411, b'{"error": {"message": "Content-Length is needed"}}'))
            return
        if len(self._buffer) < end + 4 + int(size):
            if headers.get("expect", "").lower() == "100-continue" and self._transport:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        body = bytes(self._buffer[end + 4 : end + 4 + int(size)])
        del self._buffer[: end + 4 + int(size)]
        self._reply = self._answer(Call(verb, target.partition(" ")[0], headers, body))
        if self._reply.delay_s > 0:
            self._timer = asyncio.get_running_loop().call_later(self._reply.delay_s, self._send, self._reply)
        else:
            self._send(self._reply)

    def _send(self, reply: Reply) -> None:
        self._timer = None
        if self._transport is None:
            return
        self._transport.write(reply.head() + reply.body[: reply.cut])
        if reply.cut is not None:
            self._transport.close()
        self._finish()
        if self._buffer and reply.cut is None:
            self._next()

    def _finish(self) -> None:
        reply, self._reply = self._reply, None
        if reply:
            reply.done()
