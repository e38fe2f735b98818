"""Events of contents: emitted to the Prefect server, and looked up there."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from prefect.client.orchestration import get_client

from tasks.core.errors import TransientError
from tasks.landing.ledger import Entry

LANDED, REJECTED, RELEASED = "tilth.seeds.landed", "tilth.seeds.rejected", "tilth.dataset.released"
# The server hands out no longer a page of events.
PAGE = 50


def event_id(name: str, entry: Entry) -> str:
    """Return the id of an event of a content: the same wake-up or end told twice is the same event."""
    told = f"{name}/{entry.digest}/{entry.route}/{entry.tries}/{entry.finished_at or entry.woken_at}"
    return str(uuid5(NAMESPACE_URL, told))


def event(name: str, entry: Entry, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event of a content, as the server's API takes it."""
    return {
        "id": event_id(name, entry),
        "event": name,
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": f"tilth.content.{entry.digest}", "prefect.resource.name": entry.name},
        "payload": dict(payload),
    }


def send(events: Sequence[Mapping[str, Any]]) -> None:
    """Post events. Prefect's own `emit_event` would drop them without a word while the server is down."""
    if events:
        with get_client(sync_client=True) as client, reachable():
            client.request("POST", "/events", json=list(events))


def kept(ids: Sequence[str]) -> set[str]:
    """Return those of at most PAGE ids under which the server has written an event down."""
    # Without an end the server lists what occurred until now, by its own clock: ours may be ahead.
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    query = {"filter": {"id": {"id": list(ids)}, "occurred": {"until": until}}, "limit": PAGE}
    with get_client(sync_client=True) as client, reachable():
        found: Iterable[Mapping[str, Any]] = client.request("POST", "/events/filter", json=query).json()["events"]
    return {str(one["id"]) for one in found}


class reachable:  # noqa: N801  a context manager, read as a word
    """Turn what a server that is down or busy raises into TransientError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _at: object) -> None:
        if isinstance(value, httpx.HTTPError):
            raise TransientError(f"the Prefect server does not answer: {value or type(value).__name__}") from value
