"""A run as others see it: its figures in a Pushgateway, its spans in a collector, however it ends."""

import json
import os
import subprocess
import sys

import pytest

from tests.flows.receivers import receiving
from tests.flows.test_pipeline import CFG, MANY, manifest

pytestmark = [pytest.mark.usefixtures("orchestrator"), pytest.mark.timeout(300)]
NOWHERE = "http://127.0.0.1:9"
SHORT = {"type": "expect_column_values_to_be_between", "column": "n_chars", "max_value": 3}


def broken_seeds(tmp_path):
    """A stage on seeds whose last line is cut off, which is found when they are read whole."""
    lines = [json.dumps({"text": f"seed number {n}"}) for n in range(20_000)]
    (tmp_path / "s.jsonl").write_text("\n".join([*lines, '{"text": ']))
    return {"name": "edited", "method": "word_shuffle", "inputs": ["s"], "per_seed": 1}


@pytest.mark.parametrize(
    ("stage", "code", "said"),
    [
        ({**CFG, "count": 50}, 0, ["success{of} 1", "records{of_stage} 50"]),
        ({**CFG, "count": 50, "expect": [SHORT]}, 3, ["success{of} 1", "records{of_stage} 50"]),
        ("broken", 2, ["success{of} 0"]),
    ],
    ids=["done", "stopped", "failed"],
)
def test_figures_are_pushed_however_a_run_ends(cli, write_recipe, tmp_path, monkeypatch, stage, code, said):  # noqa: PLR0917  fixtures and a case
    """One PUT to the group of the recipe, after the last count is known."""
    stage = broken_seeds(tmp_path) if stage == "broken" else stage
    seeds = {"seeds": {"s": {"path": "s.jsonl"}}} if "inputs" in stage else {}
    with receiving() as gateway:
        monkeypatch.setenv("TILTH_PUSHGATEWAY", gateway.url)
        ran = cli("run", write_recipe(stage, **seeds), "--out", tmp_path / "out")
    assert ran.code == code, ran.err
    ((method, path, body),) = gateway.received
    assert (method, path) == ("PUT", "/metrics/job/tilth/recipe/test")
    of = {"of": '{recipe="test"}', "of_stage": '{recipe="test",stage="said",method="cfg@1"}'}
    for line in ["end_timestamp_seconds{of} ", *said]:
        assert f"tilth_run_{line.format_map(of)}" in body.decode()


@pytest.mark.parametrize("status", [None, 400], ids=["away", "refuses"])
def test_gateway_that_takes_nothing_is_a_line_and_no_failed_run(cli, write_recipe, tmp_path, monkeypatch, status):
    """The dataset is there, the exit code 0, and standard error says why there are no figures."""
    with receiving() as gateway:
        gateway.status = status or 200
        monkeypatch.setenv("TILTH_PUSHGATEWAY", gateway.url if status else NOWHERE)
        ran = cli("run", write_recipe({**CFG, "count": 20}), "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert manifest(tmp_path / "out")["rows"] == 20
    said = "turned the figures down: HTTP Error 400" if status else f"at {NOWHERE} does not answer"
    assert ran.err.count(said) == 1


def start(api, home, *words, **environment):
    """Run the command line in a process of its own, against the server, and return it with what it printed."""
    own = {"TILTH_HOME": str(home), "PREFECT_API_URL": api, "PREFECT_HOME": str(home / "prefect"), **environment}
    command = [sys.executable, "-c", "from flows.cli import main; main()", *map(str, words)]
    return subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, timeout=250, check=False)


def spans_of(received):
    """Return the spans that a collector was sent, as (attributes, span) by name, and the names of the services."""
    trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    spans, services = {}, set()
    for _method, path, body in received:
        assert path == "/v1/traces"
        for resource in trace_service.ExportTraceServiceRequest.FromString(body).resource_spans:
            services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                values = {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}
                spans[span.name] = (values, span)
    return spans, services


def run_with_collector(api, tmp_path, recipe, **environment):
    """Run a recipe to its end and return the spans that its processes sent."""
    with receiving() as collector:
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        done = start(api, tmp_path / "home", "run", recipe, "--out", tmp_path / "out", **environment)
    assert done.returncode == 0, done.stderr
    spans, services = spans_of(collector.received)
    assert services == {"tilth"}
    return spans


@pytest.mark.slow
def test_run_sends_spans_with_counts_to_a_collector(orchestrator, write_recipe, tmp_path):
    """Recipe, stages and shards inside Prefect's spans of the flow run and its tasks: one trace, counts on each."""
    recipe = write_recipe({**CFG, "count": 50}, {**MANY, "count": 3000, "shard_rows": 1500})
    spans = run_with_collector(orchestrator, tmp_path, recipe)
    flow, whole, said = (spans[name] for name in (f"pipeline · {tmp_path.name}", "recipe test", "stage said"))
    assert {"shard said 0", "shard many 0", "shard many 1", "test · release"} <= set(spans)
    assert len({span.trace_id for _, span in spans.values()}) == 1
    assert (said[1].parent_span_id, whole[1].parent_span_id) == (whole[1].span_id, flow[1].span_id)
    assert (whole[0]["tilth.state"], whole[0]["tilth.rows"]) == ("done", 3050)
    for stage in manifest(tmp_path / "out")["stages"]:
        values, _ = spans[f"stage {stage['stage']}"]
        counted = {name: stage[name] for name in ("seen", "accepted", "rejected", "failed")}
        assert {name: values[f"tilth.{name}"] for name in counted} == counted
    assert sum(spans[f"shard many {number}"][0]["tilth.accepted"] for number in (0, 1)) >= 3000


@pytest.mark.slow
def test_shards_of_other_processes_send_their_spans_too(orchestrator, write_recipe, tmp_path):
    """A process of a pool ends without a word: what it has not sent yet is sent first."""
    recipe = write_recipe({**MANY, "count": 3000, "shard_rows": 1500})
    spans = run_with_collector(orchestrator, tmp_path, recipe, TILTH_RUNNER="processes")
    assert {values["tilth.stage"] for name, (values, _) in spans.items() if name.startswith("shard many ")} == {"many"}
    assert {"shard many 0", "shard many 1", "recipe test"} <= set(spans)


@pytest.mark.slow
def test_failed_run_is_a_span_that_failed(orchestrator, write_recipe, tmp_path):
    """With the error that ended it, and the state that `tilth runs` shows."""
    recipe = write_recipe(broken_seeds(tmp_path), seeds={"s": {"path": "s.jsonl"}})
    with receiving() as collector:
        environment = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces"}
        done = start(orchestrator, tmp_path / "home", "run", recipe, "--out", tmp_path / "out", **environment)
    assert done.returncode == 2, done.stderr
    values, span = spans_of(collector.received)[0]["recipe test"]
    assert values["tilth.state"] == "failed"
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert "not valid JSON" in span.status.message


@pytest.mark.slow
def test_collector_that_is_away_is_no_failed_run(orchestrator, write_recipe, tmp_path):
    """The SDK gives its sending up by itself; the dataset is there."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE, "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    recipe = write_recipe({**CFG, "count": 20})
    done = start(orchestrator, tmp_path / "home", "run", recipe, "--out", tmp_path / "out", **environment)
    assert done.returncode == 0, done.stderr
    assert manifest(tmp_path / "out")["rows"] == 20


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE, "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE, "OTEL_TRACES_EXPORTER": "none"},
    ],
    ids=["nothing-set", "empty", "disabled", "no-exporter"],
)
def test_without_a_collector_nothing_is_imported(environment):
    """Neither the SDK nor an exporter, in a process that has the flows and makes a span."""
    code = "import sys, flows.pipeline, flows.tracing as t\nwith t.span('x', a=1) as note: note(b=2)\n"
    code += "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    own = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | environment
    done = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
