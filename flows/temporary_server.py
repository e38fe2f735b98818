"""A Prefect server for one process: started before Prefect is imported, and ended with the process, however it ends.

Prefect starts one by itself, but imports all of the server into the process that only wants to talk to it (4 s of CPU),
starts it with the first call, and leaves it running where that process is killed.
"""

import atexit
import errno
import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.errors import TilthError

_CHILD = Path(__file__).with_name("_temporary_server_child.py")
_HOST = "127.0.0.1"
_START_S = 120.0
_STOP_S = 5.0
# As Prefect starts its own. Nobody has made automations in its database: there is no trigger to look for.
_SERVER = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}


class ServerError(TilthError):
    """The server did not come up: no run began."""


@dataclass(frozen=True, slots=True)
class TemporaryServer:
    """A server that was started; it answers after `wait`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def api(self) -> str:
        """The URL of its API."""
        return f"http://{_HOST}:{self.port}/api"

    def wait(self) -> None:
        """Return once it answers; ServerError with the end of what it said where it does not."""
        # The port listens since before the process was started: the connection waits there, or breaks with the process.
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=_START_S)
        try:
            connection.request("GET", "/api/health")
            status = connection.getresponse().status
        except TimeoutError:
            raise ServerError(f"Prefect's temporary server is silent for {_START_S:.0f} s; see {self.log}") from None
        except (OSError, http.client.HTTPException) as exc:
            if isinstance(exc, OSError) and exc.errno in {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH}:
                why = f"cannot reach Prefect's temporary server at {_HOST} ({exc.strerror}): is the loopback device up?"
                raise ServerError(why) from None
            raise ServerError(f"Prefect's temporary server ended: {self._last_words()}") from None
        finally:
            connection.close()
        if status != http.client.OK:
            raise ServerError(f"Prefect's temporary server answers {status}: {self._last_words()}")

    def stop(self) -> None:
        """End it, after it has written down what it has."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _last_words(self) -> str:
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raised = [line for line in said if re.match(r"[\w.]+: ", line)]
        return f"{(raised or said)[-1]}; see {self.log}" if said else "it said nothing"


def start(environment: Mapping[str, str], log: Path) -> TemporaryServer:
    """Start a server that ends after this process has told it all; what goes wrong in it is in `log`."""
    with socket.create_server((_HOST, 0)) as listening, log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603  our own interpreter, our own file
            [sys.executable, "-P", str(_CHILD), str(listening.fileno())],
            env={**environment, **_SERVER},
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,  # never written to: it ends with this process
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for us: the flow has to say how it ended
        )
        server = TemporaryServer(process, listening.getsockname()[1], log)
    owner = os.getpid()
    # What is registered first runs last, after Prefect has sent the last logs and events.
    atexit.register(lambda: os.getpid() == owner and server.stop())
    if process.stdin is not None:
        os.register_at_fork(after_in_child=process.stdin.close)
    return server
