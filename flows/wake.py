"""Telling the orchestrator that seeds landed and that a run is due. The ledger keeps count."""

from collections.abc import Sequence
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from flows.events import LANDED, event, reachable, send
from tasks.core.errors import TransientError, UserError
from tasks.core.manifest import digest
from tasks.landing.ledger import Entry, Ledger
from tasks.landing.mapping import Landing

# Event to flow body takes 3-14 s with a process worker; after this long a run that was asked for is not counted on.
START_S = 45.0
_WINDOW_S = 60.0


def wake(landing: Landing, ledger: Ledger) -> int:
    """Emit an event for each group of contents that wants a run now; return how many. TransientError: tell it later."""
    groups = ledger.wake(landing.batch, landing.runs, START_S)
    try:
        send([event(LANDED, group[0], {"uris": [entry.uri for entry in group]}) for group in groups])
    except TransientError:
        for group in groups:
            ledger.unwake(group)
        raise
    return len(groups)


def submit(landing: Landing, ledger: Ledger, deployment: str, grace_s: float = START_S) -> int:
    """Submit a run for each batch of contents that nobody works on `grace_s` after it was due; return how many.

    The key of a run is made of the digests, so that of several who submit the same batch at once one does.
    """
    due = ledger.overdue(grace_s)
    if not due:
        return 0
    with get_client(sync_client=True) as client, reachable():
        found = _deployment(client, deployment)
        room = landing.runs - ledger.at_work() - _scheduled(client, found)
        batches = [due[start : start + landing.batch] for start in range(0, len(due), landing.batch)]
        for batch in batches[: max(room, 0)]:
            uris = {"uris": [entry.uri for entry in batch]}
            client.create_flow_run_from_deployment(found, parameters=uris, idempotency_key=key(batch, ledger.now()))
    return min(max(room, 0), len(batches))


def key(batch: Sequence[Entry], now: float) -> str:
    """Return the idempotency key of a batch: its digests, how often they were tried, and the minute it has waited.

    Prefect keeps a key as long as its run: without the tries and the minute a run that died would be the last.
    """
    since = max(max(entry.due_at, entry.lease_until or 0.0) for entry in batch)
    parts = sorted((entry.digest, entry.route, entry.tries) for entry in batch)
    return f"seeds-{digest([parts, int(max(now - since, 0.0) // _WINDOW_S)])}"


def _deployment(client: SyncPrefectClient, name: str) -> Any:
    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound as exc:
        raise UserError(f"there is no deployment '{name}'; `prefect deploy` makes those of deployments/") from exc


def _scheduled(client: SyncPrefectClient, deployment: Any) -> int:
    """Return how many runs of a deployment wait for a worker: they will take what is due, more need not wait."""
    waiting = FlowRunFilter.model_validate({"state": {"type": {"any_": [StateType.SCHEDULED]}}})
    mine = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    return len(client.read_flow_runs(flow_run_filter=waiting, deployment_filter=mine, limit=100))
