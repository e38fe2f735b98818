"""The flow that cleans up every night: shards, models, answers, results that nobody needs, and old runs in Prefect."""

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun
from prefect.exceptions import ObjectNotFound

from flows.gc import gc_markdown
from tasks.core.errors import UserError
from tasks.core.listing import FAMILIES
from tasks.gc import Policy, collect, total
from tasks.stores.factory import work_store

_PAGE = 200
_FLOWS = ["pipeline", "compare", "seeds", "reconcile", "revive", "retention", *FAMILIES]
# A server may be shared: runs of our deployments, and those of our flows that the command line started.
_OURS: tuple[dict[str, Any], ...] = (
    {"deployment_filter": DeploymentFilter(tags=DeploymentFilterTags(all_=["tilth"]))},
    {
        "flow_filter": FlowFilter(name=FlowFilterName(any_=_FLOWS)),
        "deployment_id": FlowRunFilterDeploymentId(is_null_=True),
    },
)


@flow(name="retention", flow_run_name="retention", validate_parameters=True)
def retention(
    days: int = 30, answers_days: int = 90, runs_days: int = 30, dry_run: bool = False
) -> dict[str, int | bool]:
    """Delete what no release and no recent run needs: shards, models, answers, results, and old runs.

    Args:
        days: Age, in days since the last use, at which shards, seeds, models, fetched files and results go.
        answers_days: Age, in days, at which answers go that no kept record names; they were paid for.
        runs_days: Age, in days since their end, at which runs go from this server, with their logs and artifacts.
        dry_run: Only say what would go.
    """
    if runs_days < 0:
        raise UserError(f"runs_days must be at least 0, not {runs_days}")
    lines = collect_things(Policy(days, answers_days), dry_run)
    ended = delete_runs(runs_days, dry_run)
    gone = total(lines)
    verb = "would go" if dry_run else "deleted"
    get_run_logger().info("%d things (%d bytes) and %d runs %s", gone.goes, gone.goes_bytes, ended, verb)
    words = f"{gc_markdown(lines)}\n\n{ended:,} runs of this server that ended over {runs_days} days ago {verb}.\n"
    create_markdown_artifact(words, key="retention", description=f"what was {verb}")
    return {"things": gone.goes, "bytes": gone.goes_bytes, "runs": ended, "dry_run": dry_run}


@task(name="collect", task_run_name="collect", cache_policy=NO_CACHE, persist_result=False)
def collect_things(policy: Policy, dry_run: bool) -> list[Any]:
    """Delete what nobody needs in the store and in the work folder."""
    return collect(work_store(), policy, dry_run=dry_run)


@task(name="delete runs", task_run_name="delete runs", cache_policy=NO_CACHE, persist_result=False)
def delete_runs(days: int, dry_run: bool) -> int:
    """Delete our runs that ended over so many days ago, subflows with them, and return how many."""
    before = datetime.now(UTC) - timedelta(days=days)
    with get_client(sync_client=True) as client:
        return sum(_delete_all(client, before, whose, dry_run=dry_run) for whose in _OURS)


def _delete_all(client: SyncPrefectClient, before: datetime, whose: dict[str, Any], *, dry_run: bool) -> int:
    done = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=sorted(TERMINAL_STATES))),
        end_time=FlowRunFilterEndTime(before_=before),
        deployment_id=whose.get("deployment_id"),
    )
    filters = {name: value for name, value in whose.items() if name != "deployment_id"}
    deleted = 0
    while True:
        offset = deleted if dry_run else 0
        found = client.read_flow_runs(flow_run_filter=done, limit=_PAGE, offset=offset, **filters)
        for run in () if dry_run else found:
            _delete(client, run)
        deleted += len(found)
        if len(found) < _PAGE:
            return deleted


def _delete(client: SyncPrefectClient, run: FlowRun) -> None:
    try:
        client.delete_flow_run(run.id)
    except ObjectNotFound:
        return  # somebody else deleted it
