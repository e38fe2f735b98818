"""The Prefect file: every deployment can be imported, run with its defaults, read in a form, and loses no run."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import yaml

from deployments.server.deploy import PREFECT_FILE, deployments, load
from deployments.server.ready import AUTOMATIONS, POOLS, scheduled
from tasks.core.errors import TilthError

SPECS = {spec["name"]: spec for spec in deployments()}
FLOWS = {"pipeline", "compare", "rules", "augment", "models", "llm", "perturb", "seeds"}
ALWAYS_ON = {"reconcile", "revive"}
EACH = pytest.mark.parametrize("name", SPECS)


@pytest.fixture(scope="module")
def flows():
    return load()


@pytest.fixture(scope="module")
def schemas(flows):
    from prefect.utilities.callables import parameter_schema

    return {name: parameter_schema(flow).model_dump_for_openapi() for name, flow in flows.items()}


def test_every_flow_is_deployed():
    """A family, the pipeline, compare, seeds, and what keeps them going: each once."""
    assert set(SPECS) == FLOWS | ALWAYS_ON | {"retention"}
    assert len(SPECS) == len(deployments())


@EACH
def test_deployment_is_named_as_its_flow_and_says_what_it_does(name, flows):
    """flow/name reads twice the same; a tag to filter by, a work pool that `up` makes, a description in Markdown."""
    spec = SPECS[name]
    assert flows[name].name == name
    assert spec["entrypoint"] == f"flows.{name}.{name}"
    assert "tilth" in spec["tags"]
    assert spec["work_pool"]["name"] in POOLS
    assert len(spec["description"].split()) > 5


@EACH
def test_parameters_of_a_deployment_are_valid(name, flows):
    """What the file sets, beside the flow's own defaults, passes the flow's validation."""
    given = SPECS[name].get("parameters", {})
    assert set(flows[name].validate_parameters(given)) >= set(given)


@EACH
def test_every_parameter_has_a_description_a_type_and_a_default(name, schemas):
    """The form shows a sentence for each field, asks for nothing without which it could run, and no `$ref` group."""
    properties = schemas[name]["properties"]
    assert properties, f"{name} has no parameters"
    for field, schema in properties.items():
        assert len(schema.get("description", "").split()) >= 2, f"{name}.{field} has no line in Args:"
        assert "type" in schema or "anyOf" in schema, f"{name}.{field} has no type"
        assert "$ref" not in json.dumps(schema), f"{name}.{field} is nested"
    assert schemas[name].get("required", []) == []
    assert [schema["position"] for schema in properties.values()] == list(range(len(properties)))


def test_one_parameter_has_one_type_wherever_it_appears(schemas):
    """`seed`, `out`, `resume`, `engine`, … mean and look the same in every form."""
    seen = {}
    for name in FLOWS - {"seeds", "pipeline", "compare"}:
        for field, schema in schemas[name]["properties"].items():
            if field not in {"method", "out"}:
                shape = {key: schema[key] for key in schema if key not in {"position", "title"}}
                assert seen.setdefault(field, shape) == shape, f"{name}.{field}"
    for name in ("pipeline", "compare"):
        for field in ("resume", "overwrite"):
            assert schemas[name]["properties"][field]["type"] == seen[field]["type"] == "boolean"


@EACH
def test_schedules_are_off_but_for_what_keeps_the_service_going(name):
    """A fresh machine makes no dataset by itself; each schedule has a slug, by which a switch finds it again."""
    for schedule in SPECS[name].get("schedules", []):
        assert schedule["active"] is (name in ALWAYS_ON)
        assert schedule["slug"]
    assert (f"{name}/{name}" in scheduled()) is (name in {"pipeline", "compare", "retention"})


@EACH
def test_no_collision_strategy_drops_a_run(name):
    limit = SPECS[name].get("concurrency_limit")
    assert limit is None or (limit["limit"] >= 1 and limit["collision_strategy"] == "ENQUEUE")


def rendered(template, event):
    """Return a parameter as the server makes it of an event: Jinja, then JSON."""
    from prefect.server.utilities.user_templates import render_user_template_sync

    value = template["value"]
    assert (template["__prefect_kind"], value["__prefect_kind"]) == ("json", "jinja")
    return json.loads(render_user_template_sync(value["template"], {"event": event}))


@pytest.mark.parametrize(
    ("payload", "uris"),
    [
        ({"uris": ["file:///landing/a b.jsonl", 's3://b/it"s.csv']}, ["file:///landing/a b.jsonl", 's3://b/it"s.csv']),
        ({"uri": "file:///landing/one.jsonl"}, ["file:///landing/one.jsonl"]),
    ],
    ids=["uris", "one-uri"],
)
def test_trigger_hands_over_what_the_flow_accepts(flows, payload, uris):
    """The parameters of the trigger, made of an event as it arrives, are a list and pass the flow's validation."""
    from prefect.events import DeploymentEventTrigger
    from prefect.server.events.schemas.events import ReceivedEvent

    (given,) = SPECS["seeds"]["triggers"]
    trigger = DeploymentEventTrigger.model_validate(given)
    assert (trigger.expect, trigger.threshold) == ({"tilth.seeds.landed"}, 1)
    event = ReceivedEvent(
        occurred=datetime.now(UTC),
        event="tilth.seeds.landed",
        resource={"prefect.resource.id": "tilth.hook"},
        payload=payload,
        id=uuid4(),
    )
    found = {name: rendered(template, event) for name, template in trigger.parameters.items()}
    assert found == {"uris": uris}
    assert flows["seeds"].validate_parameters(found)["uris"] == uris


def test_zombies_are_crashed_after_three_missed_heartbeats():
    """The automation is valid, waits three heartbeats, and is closed by every state that ends a run."""
    from prefect.events.schemas.automations import AutomationCore, Posture

    from deployments.server.environment import Place, worker

    (given,) = [value for value in yaml.safe_load(AUTOMATIONS.read_text())["automations"] if value["name"] == "zombies"]
    trigger = AutomationCore.model_validate(given).trigger
    beat = float(worker(Place())["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert (trigger.posture, trigger.within.total_seconds()) == (Posture.Proactive, 3 * beat)
    ends = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    assert trigger.expect == ends | {"prefect.flow-run.heartbeat"}


def test_entrypoint_that_cannot_be_imported_is_one_line(tmp_path):
    file = tmp_path / "prefect.yaml"
    file.write_text(yaml.safe_dump({"deployments": [{"name": "x", "entrypoint": "flows.nowhere.nowhere"}]}))
    with pytest.raises(TilthError, match=r"deployment 'x'.*flows\.nowhere"):
        load(file)


def test_prefect_file_pulls_from_the_root_of_the_project():
    """Workers change into TILTH_ROOT before they import a flow."""
    (step,) = yaml.safe_load(PREFECT_FILE.read_text())["pull"]
    assert step == {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $TILTH_ROOT }}"}}
