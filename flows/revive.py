"""Runs whose process died are run again: Prefect marks them CRASHED and leaves them there."""

from datetime import UTC, datetime, timedelta

from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import AwaitingRetry

_TAG = "tilth"


@flow(name="revive", flow_run_name="revive", validate_parameters=True)
def revive(tries: int = 3, hours: int = 24) -> list[str]:
    """Schedule crashed runs of our deployments once more; finished shards are kept, so nothing is made twice.

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
    get_run_logger().info("%d crashed runs are run again", len(revived))
    return revived


def _crashed(client: "object", hours: int) -> list[FlowRun]:
    since = datetime.now(UTC) - timedelta(hours=hours)
    return client.read_flow_runs(  # type: ignore[attr-defined]
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED])),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=since),
        ),
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[_TAG])),
    )
