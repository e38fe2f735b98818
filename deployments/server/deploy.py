"""The deployments of a Prefect file, made in this process: `prefect deploy --all` takes several times as long.

Both read the same file; a test holds what they make against each other.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tasks.core.errors import TilthError

PREFECT_FILE = Path(__file__).resolve().parents[1] / "prefect.yaml"


def deployments(prefect_file: Path = PREFECT_FILE) -> list[dict[str, Any]]:
    """Return the deployments of a Prefect file, as they are written."""
    found: list[dict[str, Any]] = yaml.safe_load(prefect_file.read_text(encoding="utf-8"))["deployments"]
    return found


def load(prefect_file: Path = PREFECT_FILE) -> dict[str, Any]:
    """Return the flow of each deployment, by its name; TilthError names the entrypoint that cannot be imported."""
    from prefect.flows import load_flow_from_entrypoint

    found = {}
    for spec in deployments(prefect_file):
        try:
            found[spec["name"]] = load_flow_from_entrypoint(spec["entrypoint"])
        except ImportError as exc:
            raise TilthError(f"deployment '{spec['name']}' of {prefect_file}: {exc}") from exc
    return found


def deploy(prefect_file: Path = PREFECT_FILE) -> list[str]:
    """Make or renew every deployment of a Prefect file, with its schedules and triggers; return their names.

    A schedule that someone switched on or off since stays as they left it.
    """
    from prefect.client.orchestration import get_client
    from prefect.utilities.templating import apply_values

    from flows.slots import make_limit

    flows, pull = load(prefect_file), yaml.safe_load(prefect_file.read_text(encoding="utf-8")).get("pull")
    steps = apply_values(pull, {}, remove_notset=False)
    with get_client(sync_client=True) as client:
        make_limit(client)
        return [_deploy(client, spec, flows[spec["name"]], steps) for spec in deployments(prefect_file)]


def _deploy(client: Any, spec: Mapping[str, Any], flow: Any, steps: list[dict[str, Any]]) -> str:
    from prefect.client.schemas.objects import ConcurrencyOptions
    from prefect.utilities.callables import parameter_schema

    name, limit = f"{flow.name}/{spec['name']}", spec.get("concurrency_limit")
    made = client.create_deployment(
        flow_id=client.create_flow(flow),
        name=spec["name"],
        entrypoint=spec["entrypoint"],
        description=spec.get("description") or flow.description,
        tags=spec.get("tags"),
        work_pool_name=spec["work_pool"]["name"],
        job_variables=spec["work_pool"].get("job_variables"),
        parameters=spec.get("parameters"),
        parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
        enforce_parameter_schema=True,
        schedules=_schedules(spec, _switched(client, name)),
        concurrency_limit=limit and limit["limit"],
        concurrency_options=limit and ConcurrencyOptions(collision_strategy=limit["collision_strategy"]),
        pull_steps=steps,
        path=".",
    )
    _set_triggers(client, made, spec.get("triggers", []))
    return name


def _switched(client: Any, name: str) -> dict[str | None, bool]:
    """Return which schedules of a deployment are on, by slug; nothing where it is new."""
    from prefect.exceptions import ObjectNotFound

    try:
        return {schedule.slug: schedule.active for schedule in client.read_deployment_by_name(name).schedules}
    except ObjectNotFound:
        return {}


def _schedules(spec: Mapping[str, Any], switched: Mapping[str | None, bool]) -> list[Any]:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    return [
        DeploymentScheduleCreate(
            schedule={key: given[key] for key in ("cron", "interval", "timezone") if key in given},
            active=switched.get(given["slug"], given["active"]),
            slug=given["slug"],
        )
        for given in spec.get("schedules", [])
    ]


def _set_triggers(client: Any, deployment: Any, triggers: list[dict[str, Any]]) -> None:
    """Give a deployment these triggers and no others: one of an earlier version would stay beside its successor."""
    from prefect.events import DeploymentTriggerTypes
    from pydantic import TypeAdapter

    client.delete_resource_owned_automations(f"prefect.deployment.{deployment}")
    for given in triggers:
        trigger = TypeAdapter(DeploymentTriggerTypes).validate_python(given)
        trigger.set_deployment_id(deployment)
        client.create_automation(trigger.as_automation())
