"""The environment of the Prefect server, its workers and its clients, from the settings of this machine."""

import importlib.util
import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.orchestrator import BATCHES
from tasks.core.errors import UserError
from tasks.core.settings import settings

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PORT = 4200

# SQLite has one writer at a time: under load ten seconds of waiting for it were not enough for a worker's heartbeat.
_PATIENT = {"PREFECT_SERVER_DATABASE_TIMEOUT": "60", "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "60"}
_QUIET = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "GX_ANALYTICS_ENABLED": "false"}
_QUIET_UI = {"PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false"}
# The memory broker loses what it holds when the server dies; the parts of the Redis one belong together.
_REDIS = {
    "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
    "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
    "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server listens."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT

    @property
    def ui(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  compared only
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.ui}/api"


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """Return where the settings of this machine put the server: TILTH_HOST and TILTH_PORT, else loopback and 4200."""
    port = environment.get("TILTH_PORT") or str(DEFAULT_PORT)
    if not port.isdecimal():
        raise UserError(f"TILTH_PORT '{port}' is not a port")
    return Place(environment.get("TILTH_HOST") or "127.0.0.1", int(port))


def check_place(place: Place, environment: Mapping[str, str] = os.environ) -> None:
    """Raise UserError where others could reach the server and no API key is set."""
    if not 0 < place.port < 65536:
        raise UserError(f"port {place.port} is outside 1..65535")
    if _is_loopback(place.host) or environment.get("TILTH_API_KEY"):
        return
    raise UserError(
        f"host '{place.host}' can be reached from other machines: set TILTH_API_KEY=user:password, or bind 127.0.0.1"
    )


def check_services(environment: Mapping[str, str] = os.environ) -> None:
    """Raise UserError where a database or a broker is named whose driver is not installed."""
    needs = {"TILTH_DATABASE_URL": ("asyncpg", "psycopg"), "TILTH_REDIS_URL": ("prefect_redis",)}
    for name, packages in needs.items():
        missing = [package for package in packages if importlib.util.find_spec(package) is None]
        if environment.get(name) and missing:
            raise UserError(
                f"{name} is set and {', '.join(missing)} is not installed: pip install -e '.[postgres]', or unset it"
            )
    database_url(environment.get("TILTH_DATABASE_URL", ""))


def check_port(place: Place) -> None:
    """Raise UserError where something listens already on the server's port."""
    with socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.host, place.port))
        except OSError as exc:
            raise UserError(
                f"cannot listen on {place.host}:{place.port} ({exc.strerror or exc}): stop what does, or give --port"
            ) from exc


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError as exc:
        raise UserError(f"host '{host}' is neither an IP address nor localhost") from exc


def home() -> Path:
    """Return the folder of the server's database, logs and pid files."""
    return settings().home.absolute() / "server"


def remember(place: Place) -> None:
    """Write down where the server of this home listens."""
    _address().write_text(f"{place.host} {place.port}", encoding="utf-8")


def remembered() -> Place | None:
    """Return where the server of this home listens, or listened last; None where there was none."""
    try:
        host, port = _address().read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return Place(host, int(port))


def _address() -> Path:
    return home() / "address"


def client(place: Place, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what a client, a worker or a flow run needs to reach the server."""
    found = {
        **_QUIET,
        "PREFECT_API_URL": place.api,
        "PREFECT_HOME": str(home()),
        "TILTH_HOME": str(settings().home.absolute()),
        "TILTH_ROOT": str(ROOT),
    }
    if key := environment.get("TILTH_API_KEY"):
        found["PREFECT_API_AUTH_STRING"] = key
    return found


def server(place: Place, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of the server: its database, its broker, its batch sizes."""
    found = {
        **client(place, environment),
        **BATCHES,
        **_PATIENT,
        **_QUIET_UI,
        "PREFECT_SERVER_API_HOST": place.host,
        "PREFECT_SERVER_API_PORT": str(place.port),
        "PREFECT_API_DATABASE_CONNECTION_URL": database_url(environment.get("TILTH_DATABASE_URL", "")),
        # A browser elsewhere reaches the server under a name that only it knows.
        "PREFECT_UI_API_URL": place.api if _is_loopback(place.host) else "/api",
    }
    if key := environment.get("TILTH_API_KEY"):
        found["PREFECT_SERVER_API_AUTH_STRING"] = key
    if url := environment.get("TILTH_REDIS_URL"):
        found |= {**_REDIS, "PREFECT_REDIS_MESSAGING_URL": url}
    return found


def worker(place: Place, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a worker: it looks for runs every second, and its runs beat every 30 s."""
    return {
        **client(place, environment),
        # A run is started as `python`: that of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


def database_url(url: str) -> str:
    """Return the URL of Prefect's database, with Prefect's driver: PostgreSQL's, or SQLite under our home."""
    if not url:
        return f"sqlite+aiosqlite:///{home() / 'prefect.db'}"
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise UserError(
            f"TILTH_DATABASE_URL '{scheme}://…' is not PostgreSQL: write postgresql://user:password@host/name"
        )
    return f"postgresql+asyncpg://{rest}"
