"""What a server must have before it is of use: work pools, automations, workers that look for runs."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from deployments.server.deploy import deployments
from tasks.core.errors import TilthError

POOLS = ("tilth-cpu", "tilth-gpu")
AUTOMATIONS = Path(__file__).resolve().parents[1] / "automations.yaml"
# What keeps the service itself going is always on.
_ALWAYS = ("reconcile", "revive")
_WORKERS_S = 120.0
_POLL_S = 0.3


def make_pools_and_automations(automations: Path = AUTOMATIONS) -> None:
    """Make what is not there yet, in one process: each of Prefect's own commands takes seconds to start.

    The automations are made anew, as one of an earlier version would stay beside its successor.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.events.schemas.automations import AutomationCore

    with get_client(sync_client=True) as client:
        for pool in POOLS:
            made = WorkPoolCreate(name=pool, type="process", base_job_template=job_template())
            client.create_work_pool(made, overwrite=True)
        for value in yaml.safe_load(automations.read_text(encoding="utf-8"))["automations"]:
            _replace(client, AutomationCore.model_validate(value))


def job_template() -> dict[str, Any]:
    """Return how a run is started: with a command of its own Prefect leaves out a process that would start another.

    That one only prepares a workspace, imports Prefect for it, and makes every run start two seconds later. Ours forks
    the run from the worker's parent, which has Prefect, the flows and Great Expectations imported.
    """
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["command"]["default"] = "python -m deployments.server.start"
    return template


def _replace(client: Any, automation: Any) -> None:
    for old in client.read_automations_by_name(automation.name):
        client.delete_automation(old.id)
    client.create_automation(automation)


def wait_for_workers(pools: Sequence[str] = POOLS) -> None:
    """Return once a worker of every pool looks for runs; TilthError names the pool that has none."""
    from prefect.client.orchestration import get_client

    end = time.monotonic() + _WORKERS_S
    with get_client(sync_client=True) as client:
        for pool in pools:
            while not _online(client, pool):
                if time.monotonic() > end:
                    raise TilthError(f"no worker of work pool '{pool}' is online after {_WORKERS_S:.0f} s")
                time.sleep(_POLL_S)


def _online(client: Any, pool: str) -> bool:
    listed = client.request("POST", "/work_pools/{name}/workers/filter", path_params={"name": pool}, json={})
    return any(worker["status"] == "ONLINE" for worker in listed.json())


def scheduled() -> list[str]:
    """Return the deployments whose schedules are off until they are switched on, as flow/name."""
    return [f"{spec['name']}/{spec['name']}" for spec in deployments() if _switchable(spec)]


def _switchable(spec: dict[str, Any]) -> bool:
    return bool(spec.get("schedules")) and spec["name"] not in _ALWAYS


def switch_schedules(*, on: bool) -> list[str]:
    """Switch the schedules that are off by default on or off; return the deployments whose they are."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for name in scheduled():
            deployment = client.read_deployment_by_name(name)
            for schedule in deployment.schedules:
                client.update_deployment_schedule(deployment.id, schedule.id, active=on)
    return scheduled()
