"""The flow's process is killed in one stage after the other, and the run is retried from the UI."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.integration.machine import ROOT, children, machine
from tests.integration.test_server import engine_of, pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STAGES = ("drawn", "edited", "again")
# Names of Faker are drawn one by one: a shard of these rows takes a third of a second, so that there is an after.
SHARDS, ROWS = 16, 1_500
SLOTS = {"a": {"faker": "name"}, "b": {"faker": "address"}, "c": ["hums", "blinks", "beeps"]}
TEXT = "The kettle of {{ a }}, {{ b }}, {{ c }} and {{ c }} whenever the old lamp in the kitchen is switched on again."
# What the button `Retry` of the UI sends (Prefect 3.8, ui-v2, the dialog of a flow run).
RETRY = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}, "force": True}
# Prefect's worker reports a crash twice, half a second apart: the second report would end a retry asked for between.
PRESSED_S = 3
PATIENCE_S = 150


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A machine on which nothing but a person retries a run that crashed."""
    with machine(tmp_path_factory.mktemp("killed")) as own:
        found = own.ask("GET", "/deployments/name/revive/revive")
        for schedule in found["schedules"]:
            own.ask("PATCH", f"/deployments/{found['id']}/schedules/{schedule['id']}", {"active": False})
        yield own


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Three stages, each of sixteen shards, the second and the third made of the one before."""
    each = {"rules": [], "expect": [], "shard_rows": ROWS}
    drawn = {
        "name": "drawn",
        "method": "template",
        "count": SHARDS * ROWS,
        "params": {"template": TEXT, "slots": SLOTS},
    }
    edited = {"name": "edited", "method": "eda", "inputs": ["drawn"], "per_seed": 1}
    again = {"name": "again", "method": "eda", "inputs": ["edited"], "per_seed": 1}
    path = tmp_path_factory.mktemp("recipe") / "killed.yaml"
    stages = [stage | each for stage in (drawn, edited, again)]
    path.write_text(yaml.safe_dump({"name": "killed", "stages": stages, "release": {"docs": False}}))
    return path


def entry_of(work, run):
    """Return the entry of a run in the list of runs, None before there is one."""
    entries = [json.loads(path.read_text()) for path in sorted((work / "runs").glob("*.json"))]
    return next((entry for entry in reversed(entries) if entry["run"] == run), None)


def finished(work, keys):
    return [key for key in keys if (work / "shards" / key[:2] / f"{key}.json").exists()]


def wait_for_shards_of(own, work, run, stage):
    """Return once a stage has a few finished shards, and not all."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        entry = entry_of(work, run)
        if entry and len(entry["stages"]) == STAGES.index(stage):
            before = sum(len(said["shard_s"]) for said in entry["stages"])
            if len(finished(work, entry["shards"])) >= before + 3:
                return
        time.sleep(0.01)
    pytest.fail(f"stage '{stage}' has no shards after {PATIENCE_S} s; the run is {own.state(run)}")


def kill(own, run):
    """SIGKILL the process of a flow run, with all that it has started."""
    doomed = [pid for first in engine_of(own, run) for pid in (first, *children(first))]
    doomed += [pid for pid in children(pids(own)["worker-cpu"]) if is_flow(pid)]
    assert doomed
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def is_flow(pid):
    """Return whether a process is a run that was forked from the worker's warm parent: it has its parent's command."""
    parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    own, its = (Path(f"/proc/{number}/cmdline").read_bytes() for number in (pid, parent))
    return own == its


def marks(work):
    """Return inode and time of every file of every finished shard."""
    files = [path for path in (work / "shards").rglob("*") if path.suffix in {".json", ".parquet"}]
    whole = {path.stem for path in files if path.suffix == ".json"}
    stats = {path: path.stat() for path in files if path.name.partition(".")[0] in whole}
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in stats.items()}


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def uninterrupted(recipe, tmp_path_factory):
    """Return what a recipe gives with a seed on another machine, which has none of the shards of this one."""

    def made(seed):
        folder = tmp_path_factory.mktemp(f"whole-{seed}")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "TILTH_"))}
        words = ["run", str(recipe), "--seed", str(seed), "--out", str(folder / "out")]
        subprocess.run(
            [sys.executable, "-c", "from flows.cli import main; main()", *words],
            cwd=ROOT,
            env={**environment, "TILTH_HOME": str(folder / "home")},
            check=True,
            capture_output=True,
            timeout=300,
        )
        return content(folder / "out")

    return made


@pytest.mark.parametrize("stage", STAGES)
def test_run_killed_in_a_stage_and_retried_from_the_ui_redoes_nothing(own, recipe, uninterrupted, tmp_path, stage):
    """Every shard that was finished is the same file afterwards; the release has the bytes of a run left alone."""
    work, seed = Path(own.environment["TILTH_HOME"], "work"), STAGES.index(stage)
    run = own.run("pipeline/pipeline", recipe=str(recipe), out=str(tmp_path / "out"), seed=seed)
    wait_for_shards_of(own, work, run, stage)
    kill(own, run)
    assert own.wait(run, "CRASHED", "COMPLETED", seconds=PATIENCE_S) == "CRASHED"
    time.sleep(PRESSED_S)
    entry, before = entry_of(work, run), marks(work)
    assert [said["stage"] for said in entry["stages"]] == list(STAGES[:seed])
    done = len(finished(work, entry["shards"]))
    assert seed * SHARDS < done < (seed + 1) * SHARDS
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert own.ask("POST", f"/flow_runs/{run}/set_state", RETRY)["status"] == "ACCEPT"
    assert own.wait(run, "COMPLETED", "FAILED", seconds=PATIENCE_S) == "COMPLETED"
    after = marks(work)
    assert {path: after.get(path) for path in before} == before
    assert len(after) > len(before)
    assert own.ask("GET", f"/flow_runs/{run}")["run_count"] == 2
    assert content(tmp_path / "out") == uninterrupted(seed)
