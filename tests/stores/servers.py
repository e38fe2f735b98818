"""An S3 server on loopback, and a proxy before it that fails on purpose: what the tests of S3 run against."""

import http.client
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.soak.postgres import free_port

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
}
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@contextmanager
def moto() -> Iterator[str]:
    """Start moto's server in a process of its own and hand out its URL."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with suppress(OSError):
                tell(url, "reset")
                break
            time.sleep(0.1)
        yield url
    finally:
        server.kill()
        server.wait()


def tell(endpoint: str, what: str, body: str = "") -> None:
    """Post to moto's own interface: `reset`, `reset-auth`."""
    host = urlsplit(endpoint)
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=10)
    connection.request("POST", f"/moto-api/{what}", body=body, headers={"Content-Type": "text/plain"})
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"moto: {answer.status} {answer.read()[:200]!r}")
    connection.close()


class FaultProxy:
    """Passes requests on to an S3 server, less those that it fails.

    slow_down: share of requests answered 503 SlowDown. cut: share of bodies broken off, going up before the server has
    seen the request or after it has acted on it, coming down halfway. `answers` maps an operation's method to a whole
    answer (status, headers, body) that the server is not asked for. `faults` counts what was done.
    """

    def __init__(self, upstream: str, *, slow_down: float = 0.0, cut: float = 0.0, seed: int = 0) -> None:
        self.upstream, self.slow_down, self.cut = urlsplit(upstream), slow_down, cut
        self.did: Counter[str] = Counter()
        self.answers: dict[str, tuple[int, Mapping[str, str], bytes]] = {}
        self._random, self._lock = random.Random(seed), threading.Lock()

    def draw(self) -> float:
        """Return a number in [0, 1) of the proxy's own seed."""
        with self._lock:
            return self._random.random()

    def count(self, what: str) -> None:
        with self._lock:
            self.did[what] += 1

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve on a free port of loopback; hand out the URL."""
        proxy = self

        class Handler(_Handler):
            faulty = proxy

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faulty: FaultProxy

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        proxy = self.faulty
        proxy.count(self.command)
        length = int(self.headers.get("Content-Length") or 0)
        if self.command in proxy.answers:
            self.rfile.read(length)
            self._answer(*proxy.answers[self.command])
            return
        if proxy.draw() < proxy.slow_down:
            self.rfile.read(length)
            proxy.count("503")
            self._answer(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
            return
        cut = proxy.draw() if proxy.draw() < proxy.cut else None
        if cut is not None and length and cut < 0.5:
            self.rfile.read(length // 2)
            self._drop("upload cut")
            return
        status, headers, body = self._upstream(self.rfile.read(length))
        if cut is not None and length:
            self._drop("answer lost")
        elif cut is not None and self.command == "GET" and len(body) > 1:
            self._head(status, headers, len(body))
            self.wfile.write(body[: len(body) // 2])
            self._drop("download cut")
        else:
            self._answer(status, headers, body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815  http.server's names

    def _upstream(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        proxy = self.faulty
        connection = http.client.HTTPConnection(proxy.upstream.hostname, proxy.upstream.port, timeout=60)
        sent = {k: v for k, v in self.headers.items() if k.lower() not in ("expect", "connection")}
        connection.request(self.command, self.path, body=body or None, headers=sent)
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), read

    def _head(self, status: int, headers: Mapping[str, str], length: int) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        given = {name.lower(): value for name, value in headers.items()}
        self.send_header("Content-Length", given.get("content-length", "0") if self.command == "HEAD" else str(length))
        self.end_headers()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._head(status, headers, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drop(self, what: str) -> None:
        """Break the connection, as a cable that is pulled."""
        self.faulty.count(what)
        self.close_connection = True
        self.wfile.flush()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
