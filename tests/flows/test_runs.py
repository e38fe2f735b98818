"""What `tilth runs`, `tilth gc`, the retention flow and the figures for Prometheus say of runs."""

import json
import os
import threading
import time
from dataclasses import replace

import httpx
import pytest

from flows.gc import show_gc
from flows.metrics import exposition, push, server
from flows.runs import show_runs
from tasks.core.errors import TransientError, UserError
from tasks.core.manifest import FileRef, ShardManifest, StageManifest
from tasks.core.settings import settings
from tasks.registry import Recorder, recorded, runs
from tasks.stores.factory import work_store
from tests.flows.receivers import receiving

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def alone(monkeypatch) -> None:
    """No server, no bucket, no gateway."""
    for name in ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH", "TILTH_STORE", "TILTH_PUSHGATEWAY"):
        monkeypatch.delenv(name, raising=False)


def a_stage() -> StageManifest:
    shards = [
        ShardManifest(
            f"key{number}",
            number,
            number * 10,
            seen=10,
            accepted=8,
            rejected={"too_short": 2},
            stats={"requests": 9, "prompt_tokens": 500, "completion_tokens": 70},
            data=FileRef(f"shards/ke/key{number}.parquet", 8, 100, "d"),
            draws=10,
            seconds=seconds,
        )
        for number, seconds in enumerate([4.0, 45.0])
    ]
    return StageManifest("texts", "prompt@1", 16, 1, 0, tuple(shards))


def made(tmp_path, name="tickets", run="r1") -> Recorder:
    """Record a run that ended with a release."""
    out = tmp_path / name
    out.mkdir(exist_ok=True)
    (out / "manifest.json").write_text("{}")
    with recorded(work_store(), run=run, name=name, out=out, identity="i") as recorder:
        recorder.stage(a_stage())
        recorder.end("done", 16, out)
    return recorder


def failed(why: str) -> None:
    with pytest.raises(UserError), recorded(work_store(), run="r2", name="broken", out="out", identity="i"):
        raise UserError(why)


def test_nothing_has_run_yet(capsys):
    """What to type, not an empty table."""
    show_runs()
    assert "nothing has run yet; `tilth run RECIPE`" in capsys.readouterr().out
    show_runs(as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_runs_are_listed_with_their_counts(tmp_path, capsys, monkeypatch):
    """The latest first; why one ended without a release."""
    monkeypatch.setenv("COLUMNS", "200")
    made(tmp_path)
    failed("no such file: 'seeds.jsonl'")
    show_runs()
    head, broken, tickets = (line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert " ".join(head.split()) == "name state started took records rejects USD where, or why not"
    assert broken.split()[:2] == ["broken", "failed"]
    assert broken.endswith("no such file: 'seeds.jsonl'")
    assert tickets.split()[:2] == ["tickets", "done"]
    assert tickets.split()[-4:] == ["16", "4", "-", str(tmp_path / "tickets")]
    show_runs(1, as_json=True)
    (only,) = json.loads(capsys.readouterr().out)
    assert (only["name"], only["state"], only["records"], only["id"]) == ("broken", "failed", 0, "r2")


def test_narrow_terminal_has_where_on_a_line_of_its_own(tmp_path, capsys, monkeypatch):
    """Nothing is cut, and no column is squeezed to a letter."""
    monkeypatch.setenv("COLUMNS", "80")
    made(tmp_path)
    show_runs()
    _, _, line, where = capsys.readouterr().out.splitlines()
    assert line.split()[0] == "tickets"
    assert len(line) <= 80
    assert where == f"    {tmp_path / 'tickets'}"


def test_server_that_does_not_answer_is_said_and_done_without(tmp_path, capsys, monkeypatch):
    """The runs of the list are shown all the same."""
    made(tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}):
        show_runs()
    out, err = capsys.readouterr()
    assert "tickets" in out
    assert err.startswith("tilth: the server at http://127.0.0.1:9/api does not answer: ")
    assert err.count("\n") == 1


def test_runs_of_the_server_are_listed_too(orchestrator, tmp_path, capsys, monkeypatch):
    """One that both know is shown once, with its counts."""
    from prefect import flow
    from prefect.runtime import flow_run

    ids = []

    @flow(name="pipeline", flow_run_name="pipeline · both")
    def both() -> None:
        ids.append(str(flow_run.id))

    @flow(name="other", flow_run_name="only the server knows")
    def other() -> None:
        raise ValueError("it broke\nwith details")

    both()
    with pytest.raises(ValueError, match="it broke"):
        other()
    made(tmp_path, run=ids[0])
    monkeypatch.setenv("PREFECT_API_URL", orchestrator)
    show_runs(as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert [run["records"] for run in shown if run["id"] == ids[0]] == [16]
    (served,) = [run for run in shown if run["name"] == "only the server knows"]
    assert (served["state"], served["records"]) == ("failed", None)
    assert "it broke" in served["why"]
    assert "\n" not in served["why"]


def _old_shard() -> None:
    path = settings().work / "shards" / "ab" / "ab01.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 2500)
    os.utime(path, (time.time() - 40 * 86_400,) * 2)


def test_gc_says_what_goes_and_then_deletes_it(capsys):
    """First with --dry-run, which leaves everything."""
    show_gc(dry_run=True)
    assert "nothing to delete yet" in capsys.readouterr().out
    _old_shard()
    show_gc(dry_run=True)
    out = capsys.readouterr().out
    assert "would go" in out
    assert out.splitlines()[1].split() == ["shards", "1", "2.5", "kB", "0", "1", "2.5", "kB"]
    assert out.splitlines()[2] == "2.5 kB of 2.5 kB would be freed; nothing was deleted"
    show_gc(as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["dry_run"] is False
    assert said["kinds"][0] | {"goes": 1, "goes_bytes": 2500} == said["kinds"][0]
    show_gc()
    assert "nothing to delete yet" in capsys.readouterr().out


def test_gc_refuses_negative_ages():
    """With the value."""
    with pytest.raises(UserError, match="days must be at least 0, not -1"):
        show_gc(days=-1)


def test_retention_deletes_old_runs_of_ours_alone(orchestrator):
    """Those of our flows that ended long enough ago; the table of what went is an artifact."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.runtime import flow_run

    from flows.retention import retention

    ids = {}

    def note(name: str) -> None:
        ids[name] = flow_run.id

    for name in ("rules", "somebody else's"):
        flow(note, name=name)(name)
    _old_shard()
    assert retention(runs_days=0, dry_run=True)["runs"] >= 1
    kept = retention(runs_days=1)
    assert (kept["things"], kept["bytes"], kept["runs"]) == (1, 2500, 0)
    assert retention(runs_days=0)["runs"] >= 1
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(ids["somebody else's"])
        with pytest.raises(ObjectNotFound):
            client.read_flow_run(ids["rules"])


def test_form_of_retention_has_words_for_each_field():
    """From the docstring, with units."""
    from prefect.utilities.callables import parameter_schema

    from flows.retention import retention

    schema = parameter_schema(retention)
    assert list(schema.properties) == ["days", "answers_days", "runs_days", "dry_run"]
    for name in ("days", "answers_days", "runs_days"):
        assert "in days" in schema.properties[name]["description"]


def test_figures_are_in_the_format_of_prometheus(tmp_path):
    """Every line is a comment or a sample; a histogram adds up."""
    made(tmp_path)
    text = exposition(runs(work_store()))
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}
    of = 'recipe="tickets",stage="texts",method="prompt@1"'
    assert values[f"tilth_run_records{{{of}}}"] == 16
    assert values[f'tilth_run_rejects{{{of},reason="too_short"}}'] == 4
    assert values[f'tilth_run_tokens{{{of},kind="prompt"}}'] == 1000
    assert values['tilth_run_success{recipe="tickets"}'] == 1
    bucket = [values[f'tilth_run_shard_seconds_bucket{{{of},le="{le}"}}'] for le in ("2.5", "5", "30", "60", "+Inf")]
    assert bucket == [0, 1, 1, 2, 2]
    assert values[f"tilth_run_shard_seconds_sum{{{of}}}"] == 49
    assert text.count("# TYPE tilth_run_shard_seconds histogram") == 1


def test_names_that_prometheus_would_misread_are_escaped(tmp_path):
    """Quotes, backslashes and line ends of a label."""
    recorder = made(tmp_path)
    text = exposition([replace(recorder.entry, name='a"b\\c\nd')])
    assert r'recipe="a\"b\\c\nd"' in text


def test_latest_run_of_a_recipe_counts(tmp_path):
    """One series a recipe, however often it ran."""
    made(tmp_path, run="1")
    made(tmp_path, run="2")
    assert exposition(runs(work_store())).count("tilth_run_success{") == 1


def test_metrics_are_served(tmp_path):
    """On /metrics alone."""
    made(tmp_path)
    serving = server(0)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{serving.server_address[1]}"
    try:
        answer = httpx.get(f"{url}/metrics", timeout=10)
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert 'tilth_run_success{recipe="tickets"} 1' in answer.text
        assert httpx.get(f"{url}/", timeout=10).status_code == 404
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()


def test_run_is_pushed(tmp_path, monkeypatch):
    """To the group of its recipe; a gateway that refuses or is away is said, none is fine."""
    entry = made(tmp_path).entry
    assert push(entry) is False
    with pytest.raises(UserError, match="TILTH_PUSHGATEWAY 'ftp://x' is no address"):
        push(entry, "ftp://x")
    with receiving() as gateway:
        monkeypatch.setenv("TILTH_PUSHGATEWAY", gateway.url)
        assert push(entry) is True
        ((method, path, body),) = gateway.received
        assert (method, path) == ("PUT", "/metrics/job/tilth/recipe/tickets")
        assert body.decode() == exposition([entry])
        gateway.status = 400
        with pytest.raises(UserError, match="turned the figures down: HTTP Error 400"):
            push(entry)
    with pytest.raises(TransientError, match="does not answer"):
        push(entry)
