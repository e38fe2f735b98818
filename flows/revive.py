"""Runs whose process died are run again: Prefect marks them CRASHED and leaves them there."""

from datetime import UTC, datetime, timedelta

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import AwaitingRetry

# Landed seeds have their own reconciler, and housekeeping comes round again by itself.
_TAGS = ["pipeline", "compare", "family"]
_MINUTELY = ["reconcile", "revive"]
_LATE = timedelta(minutes=10)


@flow(name="revive", flow_run_name="revive", validate_parameters=True)
def revive(tries: int = 3, hours: int = 24) -> list[str]:
    """Run crashed runs of our deployments once more; finished shards are kept, so nothing is made twice.

    Args:
        tries: Runs of a flow run at most, the first included; after that it stays crashed.
        hours: Age, in hours, beyond which a crashed run is left alone.
    """
    revived = []
    with get_client(sync_client=True) as client:
        for run in _crashed(client, hours):
            if run.run_count >= tries:
                get_run_logger().warning("%s has crashed %d times and is left alone", run.name, run.run_count)
                continue
            client.set_flow_run_state(run.id, AwaitingRetry(scheduled_time=datetime.now(UTC)), force=True)
            revived.append(run.name)
        missed = _drop_missed(client)
    get_run_logger().info("%d crashed runs are run again, %d missed minutes are let go", len(revived), missed)
    return revived


def _crashed(client: SyncPrefectClient, hours: int) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED])),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=datetime.now(UTC) - timedelta(hours=hours)),
        ),
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(any_=_TAGS)),
    )


def _drop_missed(client: SyncPrefectClient) -> int:
    """Delete what the minutely schedules were to run while no worker was there; return how many.

    One run looks at everything; after a night without a worker hundreds of others would stand before the real work.
    """
    missed = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC) - _LATE),
        ),
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=_MINUTELY)),
    )
    for run in missed:
        client.delete_flow_run(run.id)
    return len(missed)
