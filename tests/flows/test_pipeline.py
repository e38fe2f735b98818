"""The pipeline, end to end, through the command line and Prefect."""

import json
import re
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.builders import write_jsonl

pytestmark = pytest.mark.usefixtures("orchestrator")

# 4 x 3 x 5 = 60 different sentences.
GRAMMAR = """
S -> N V A '.'
N -> 'router' | 'kettle' | 'oven' | 'lamp'
V -> 'beeps' | 'blinks' | 'hums'
A -> 'now' | 'daily' | 'loudly' | 'rarely' | 'again'
"""
CFG = {"name": "said", "method": "cfg", "params": {"grammar": GRAMMAR}}
MANY = {
    "name": "many",
    "method": "template",
    "params": {
        "template": "{{ thing }} number {{ n }} is {{ state }}",
        "slots": {"thing": ["Router", "Kettle", "Oven"], "n": {"range": [1, 100_000]}, "state": ["on", "off"]},
    },
}


def data(out: Path) -> list[dict]:
    return [row for path in sorted((out / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def data_bytes(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for part in ("data", "rejects") for path in sorted((out / part).glob("*"))}


def manifest(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text())


def test_count_is_met_exactly_although_duplicates_are_drawn(cli, write_recipe, tmp_path):
    """50 of 60 possible sentences: duplicates are rejected, further rounds draw what is missing, the table adds up."""
    ran = cli("run", write_recipe({**CFG, "count": 50}), "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    rows, table = data(tmp_path / "out"), manifest(tmp_path / "out")["stages"][0]
    assert len(rows) == len({row["text"] for row in rows}) == 50
    assert table["seen"] == table["accepted"] + table["rejected"] + table["failed"] + table["pending"]
    assert table["rejected_by_reason"]["duplicate"] == sum(
        row["reason"] == "duplicate"
        for path in (tmp_path / "out" / "rejects").glob("*")
        for row in pq.read_table(path).to_pylist()
    )
    assert table["rounds"] > 1


def test_budget_that_runs_out_stops_with_the_reject_table(cli, write_recipe, tmp_path):
    """max_draws before the count: exit 3, why, the reasons, and what was made stays."""
    recipe = write_recipe({**CFG, "count": 55, "max_draws": 60})
    ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 3
    assert re.search(r"stage 'said': \d+ of 55 records after 60 draws, which is max_draws", ran.err)
    assert re.search(r"\d+  duplicate", ran.err)
    assert "Traceback" not in ran.err
    assert manifest(tmp_path / "out")["state"] == "stopped"
    assert 0 < len(data(tmp_path / "out")) < 55
    assert "**Incomplete.**" in (tmp_path / "out" / "README.md").read_text()


def test_more_than_can_exist_is_refused_before_anything_is_spent(cli, write_recipe, tmp_path, home):
    """The grammar has 60 sentences; 61 are refused by the check, and nothing is written."""
    ran = cli("run", write_recipe({**CFG, "count": 61}), "--out", tmp_path / "out")
    assert ran.code == 2
    assert "cfg can make 60 different records from these params; 61 are asked for" in ran.err
    assert not (tmp_path / "out").exists()
    assert not (home / "work").exists()


def test_gate_of_severity_stop_ends_the_run_and_leaves_what_was_made(cli, write_recipe, tmp_path):
    """A failed expectation: exit 3, its name, the stages before it released; later stages are not run."""
    expect = [{"type": "expect_column_values_to_be_between", "column": "n_chars", "max_value": 10}]
    stages = [{**CFG, "count": 20, "expect": expect}, {**CFG, "name": "later", "count": 5}]
    ran = cli("run", write_recipe(*stages), "--out", tmp_path / "out")
    assert ran.code == 3
    assert "stage 'said': its gate failed: expect_column_values_to_be_between(n_chars)" in ran.err
    assert [stage["stage"] for stage in manifest(tmp_path / "out")["stages"]] == ["said"]
    assert len(data(tmp_path / "out")) == 20


def test_gate_of_severity_warn_goes_to_the_report_alone(cli, write_recipe, tmp_path):
    """The same failed expectation as a warning does not stop the run."""
    expect = [{"type": "expect_column_values_to_be_between", "column": "n_chars", "max_value": 10, "severity": "warn"}]
    ran = cli("run", write_recipe({**CFG, "count": 20, "expect": expect}), "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert manifest(tmp_path / "out")["gates"][0]["outcomes"][0]["success"] is False


def test_row_rules_reject_with_their_reason(cli, write_recipe, tmp_path):
    """A rule's slug is the reason; the raw text is kept; the count is met from further draws."""
    stage = {**MANY, "count": 300, "rules": [{"too_long": {"max_chars": 25}}, "duplicate"]}
    ran = cli("run", write_recipe(stage), "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    rejects = [row for path in (tmp_path / "out" / "rejects").glob("*") for row in pq.read_table(path).to_pylist()]
    assert {row["reason"] for row in rejects} <= {"too_long", "surplus"}
    assert all(len(row["text"]) > 25 for row in rejects if row["reason"] == "too_long")
    assert len(data(tmp_path / "out")) == 300
    assert all(len(row["text"]) <= 25 for row in data(tmp_path / "out"))


def test_stage_reads_the_records_of_another(cli, write_recipe, tmp_path):
    """A chain: the second stage's records name their seeds, which are the first stage's records."""
    second = {
        "name": "asked",
        "method": "template",
        "inputs": ["said"],
        "params": {"template": "Did you hear: {{ text }}", "slots": {"text": {"seed": "text"}}},
        "per_seed": 1,
    }
    ran = cli("run", write_recipe(second, {**CFG, "count": 30}), "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    rows = data(tmp_path / "out")
    assert [stage["stage"] for stage in manifest(tmp_path / "out")["stages"]] == ["said", "asked"]
    assert len(rows) == 30
    assert all(row["text"].startswith("Did you hear: ") and len(row["seed_ids"]) == 1 for row in rows)


def test_per_seed_keeps_the_order_of_the_seeds(cli, tmp_path):
    """Two draws a seed, one after the other, in the order of the file."""
    seeds = write_jsonl(tmp_path / "seeds.jsonl", [{"text": f"t{i}", "product": f"p{i}"} for i in range(40)])
    params = {"template": "{{ p }} {{ x }}", "slots": {"p": {"seed": "product"}, "x": {"range": [1, 10**6]}}}
    how = ["--seeds", seeds, "--params", json.dumps(params), "--per-seed", 2]
    ran = cli("generate", "template", *how, "--out", tmp_path / "o")
    assert ran.code == 0, ran.err
    assert [row["text"].split()[0] for row in data(tmp_path / "o")] == [f"p{i // 2}" for i in range(80)]


def test_bytes_do_not_depend_on_the_number_of_workers(cli, write_recipe, tmp_path, monkeypatch):
    """One worker and four, each with an empty cache: the same files, byte for byte."""
    from prefect.task_runners import ThreadPoolTaskRunner

    from flows.pipeline import pipeline
    from tasks.core.settings import settings

    recipe = write_recipe({**MANY, "count": 3000, "shard_rows": 200}, {**CFG, "count": 55, "shard_rows": 10})
    made = []
    for workers in (1, 4):
        monkeypatch.setenv("TILTH_HOME", str(tmp_path / f"home{workers}"))
        settings.cache_clear()
        flow = pipeline.with_options(task_runner=ThreadPoolTaskRunner(max_workers=workers))
        flow(recipe=str(recipe), out=str(tmp_path / f"out{workers}"))
        made.append(data_bytes(tmp_path / f"out{workers}"))
    assert made[0] == made[1]
    assert len(made[0]) > 15


def test_same_work_is_not_done_twice(cli, write_recipe, tmp_path, home):
    """A second run into another folder writes no shard; a changed param makes new ones."""
    recipe = write_recipe({**CFG, "count": 30})
    assert cli("run", recipe, "--out", tmp_path / "a").code == 0
    shards = {path: path.stat().st_mtime_ns for path in (home / "work" / "shards").rglob("*.*")}
    assert cli("run", recipe, "--out", tmp_path / "b").code == 0
    assert {path: path.stat().st_mtime_ns for path in (home / "work" / "shards").rglob("*.*")} == shards
    assert data_bytes(tmp_path / "a") == data_bytes(tmp_path / "b")
    assert cli("run", recipe, "--seed", 1, "--out", tmp_path / "c").code == 0
    assert data(tmp_path / "c") != data(tmp_path / "a")


def test_shard_whose_file_is_gone_is_made_again(cli, write_recipe, tmp_path, home):
    """Prefect still holds the cached manifest; the missing file is noticed and made again, the same."""
    recipe = write_recipe({**CFG, "count": 30})
    assert cli("run", recipe, "--out", tmp_path / "a").code == 0
    for path in (home / "work" / "shards").rglob("*.parquet"):
        path.unlink()
    assert cli("run", recipe, "--out", tmp_path / "b").code == 0
    assert data_bytes(tmp_path / "a") == data_bytes(tmp_path / "b")


def test_release_loads_as_a_hugging_face_dataset(cli, write_recipe, tmp_path):
    """The card's header names the data files, and nothing else is taken for data."""
    import datasets

    recipe = write_recipe({**CFG, "count": 40}, release={"jsonl": True, "docs": False})
    assert cli("run", recipe, "--out", tmp_path / "out").code == 0
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == 40
    assert loaded["text"][:] == [row["text"] for row in data(tmp_path / "out")]
    lines = [json.loads(line) for path in sorted((tmp_path / "out" / "jsonl").glob("*")) for line in path.open()]
    assert [line["text"] for line in lines] == loaded["text"][:]


def test_stage_leaves_its_artifacts_and_readable_names_in_the_orchestrator(cli, write_recipe, tmp_path):
    """The conservation table, the checkpoint, the progress, under stable keys; names that a person reads."""
    from prefect.client.orchestration import get_client

    assert cli("run", write_recipe({**CFG, "count": 30}, name="shown"), "--out", tmp_path / "out").code == 0
    with get_client(sync_client=True) as client:
        kept = {artifact.key: artifact for artifact in read_artifacts(client)}
        names = task_run_names(client, "shown · release")
    assert "| seen | = accepted | + rejected | + failed | + pending |" in kept["shown-said"].data
    assert "expect_column_values_to_be_unique" in kept["shown-said-checkpoint"].data
    assert kept["shown-said-progress"].type == "progress"
    assert {"shown · said · shard 1/1", "shown · said · checkpoint", "shown · release"} <= names


def task_run_names(client, last):
    """The names of the task runs; the server takes them in a moment after the flow ends."""
    names: set[str] = set()
    for _ in range(100):
        names = {run["name"] for run in client.request("POST", "/task_runs/filter", json={}).json()}
        if last in names:
            break
        time.sleep(0.1)
    return names


def read_artifacts(client):
    from prefect.client.schemas.objects import Artifact

    newest = {"limit": 200, "sort": "CREATED_DESC"}
    found = client.request("POST", "/artifacts/filter", json=newest).json()
    return [Artifact.model_validate(value) for value in reversed(found)]
