"""Two machines and one bucket: the second one goes on with the run of the first, on a server that fails at times."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.core.settings import settings
from tasks.registry import runs
from tasks.stores.factory import forget_stores, open_store
from tests.flows.conftest import orchestrator, write_recipe  # noqa: F401  fixtures
from tests.flows.dask_cluster import dask_cluster
from tests.flows.test_pipeline import MANY, data_bytes
from tests.stores.conftest import bucket, endpoint, s3_server  # noqa: F401  fixtures
from tests.stores.servers import FaultProxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_PATIENCE_S = 300


@pytest.fixture
def machine(orchestrator, bucket, tmp_path, monkeypatch):  # noqa: F811  fixtures
    """Start `tilth` as one of several machines: a home of its own, the store shared."""
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "test"))
    settings.cache_clear()

    def start(name: str, *arguments: object, **environment: str) -> subprocess.Popen:
        home = tmp_path / name
        own = {
            "TILTH_HOME": str(home),
            "TILTH_STORE": f"s3://{bucket}/work",
            "TILTH_WORKERS": "2",
            "PREFECT_API_URL": orchestrator,
            "PREFECT_HOME": str(home / "prefect"),
        }
        command = [sys.executable, "-c", "from flows.cli import main; main()", *map(str, arguments)]
        return subprocess.Popen(
            command,
            env={**os.environ, **own, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    yield start
    settings.cache_clear()


def ended(process: subprocess.Popen) -> str:
    """Wait for a machine to be done and return what it printed."""
    out, _ = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0, out
    return out


def put_marks(bucket: str) -> dict[str, str]:  # noqa: F811  a bucket's name
    """Return, for each manifest of a shard, the mark of the put that it came with."""
    from boto3.session import Session

    # A session of its own: that of `boto3.client` keeps the keys of another test's server.
    client, store = Session().client("s3"), open_store(f"s3://{bucket}/work")
    keys = [key for key in store.list("shards") if key.endswith(".json")]
    return {key: client.head_object(Bucket=bucket, Key=f"work/{key}")["Metadata"]["tilth-put"] for key in keys}


def task_states(run: str, tasks: int) -> dict[str, str]:
    """Return the states of a run's tasks by their names, once the server has taken in that so many have ended."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    wanted, deadline = FlowRunFilter(id=FlowRunFilterId(any_=[run])), time.monotonic() + _PATIENCE_S
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            found = {task.name: task.state for task in client.read_task_runs(flow_run_filter=wanted) if task.state}
            if len(found) >= tasks and all(state.is_final() for state in found.values()):
                return {name: state.name for name, state in found.items()}
            time.sleep(0.2)
    raise TimeoutError(f"run {run}: {len(found)} of {tasks} tasks")


def download(url: str, folder: Path) -> Path:
    store = open_store(url)
    for key in store.list(""):
        place = folder / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(store.read(key))
    return folder


def test_second_machine_goes_on_with_the_run_of_the_first(machine, bucket, endpoint, write_recipe, tmp_path):  # noqa: F811
    """Killed in the middle; another machine finds its shards in the bucket, makes the rest, and releases the bytes of
    an uninterrupted run on one disk, although a fifth of its calls to S3 is turned down and bodies break off."""
    import boto3

    seeds = "".join(json.dumps({"text": f"seed {i}"}) + "\n" for i in range(500)).encode()
    boto3.client("s3").put_object(Bucket=bucket, Key="in/seeds.jsonl", Body=seeds)
    copies = {"name": "copies", "method": "template", "inputs": ["s"], "per_seed": 2}
    copies["params"] = {"template": "{{ t }}?", "slots": {"t": {"seed": "text"}}}
    stages = [{**MANY, "count": 60_000, "shard_rows": 1_500, "max_draws": 200_000}, copies]
    recipe = write_recipe(*stages, seeds={"s": f"s3://{bucket}/in/seeds.jsonl"})
    release = f"s3://{bucket}/sets/test"

    first = machine("first", "run", recipe, "--out", release)
    deadline = time.monotonic() + _PATIENCE_S
    while len(put_marks(bucket)) < 5:
        assert first.poll() is None, first.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    made = put_marks(bucket)
    assert "manifest.json" not in list(open_store(release).list(""))

    proxy = FaultProxy(endpoint, slow_down=0.2, cut=0.1, seed=4)
    with proxy.running() as url:
        said = ended(machine("second", "run", recipe, "--out", release, AWS_ENDPOINT_URL=url))
    assert release in said
    assert proxy.did["503"] > 10
    after = put_marks(bucket)
    assert {key: after.get(key) for key in made} == made
    assert len(after) > len(made)

    (tmp_path / "seeds.jsonl").write_bytes(seeds)
    local = write_recipe(*stages, seeds={"s": "seeds.jsonl"})
    ended(machine("third", "run", local, "--out", tmp_path / "whole", TILTH_STORE=""))
    assert data_bytes(download(release, tmp_path / "downloaded")) == data_bytes(tmp_path / "whole")

    died, done = sorted(runs(open_store(f"s3://{bucket}/work")), key=lambda run: run.started)
    assert (died.shown_state, done.state, done.out, done.rows) == ("died", "done", release, 60_500)
    listed = json.loads(ended(machine("second", "runs", "--json")))
    assert [run["state"] for run in listed if run["out"] == release] == ["done", "died"]
    swept = json.loads(ended(machine("second", "gc", "--dry-run", "--days", "0", "--json")))["kinds"]
    assert {kind["kind"]: kind["goes"] for kind in swept}["shards"] == 0


@pytest.fixture(params=["threads", "processes", "dask"])
def runner(request, tmp_path) -> Iterator[dict[str, str]]:
    """What makes a run of the second machine keep its shards to threads, or hand them to other processes."""
    if request.param != "dask":
        yield {"TILTH_RUNNER": request.param}
        return
    pytest.importorskip("prefect_dask")
    with dask_cluster(tmp_path, 1, {**os.environ, "TILTH_HOME": str(tmp_path / "second")}) as address:
        yield {"TILTH_RUNNER": "dask", "TILTH_DASK_ADDRESS": address}


def test_second_machine_finds_the_results_of_the_first(machine, bucket, write_recipe, tmp_path, runner):  # noqa: F811
    """Prefect takes them from the bucket, in whichever process it looks; no machine's own disk holds any."""
    recipe = write_recipe({**MANY, "count": 500, "rules": [], "expect": []})
    ended(machine("first", "run", recipe, "--out", tmp_path / "out-first"))
    ended(machine("second", "run", recipe, "--out", tmp_path / "out-second", **runner))
    second, first = runs(open_store(f"s3://{bucket}/work"))
    shards = [task_states(run.run, 3)["test · many · shard 1/1"] for run in (first, second)]
    assert shards == ["Completed", "Cached"]
    assert len(list(open_store(f"s3://{bucket}/work").list("results"))) == 1
    assert not [path for name in ("first", "second") for path in (tmp_path / name / "prefect" / "storage").glob("*")]
    assert data_bytes(tmp_path / "out-first") == data_bytes(tmp_path / "out-second")


def test_answers_of_one_machine_are_not_paid_for_on_the_other(machine, bucket, write_recipe, tmp_path):  # noqa: F811
    """Another gate makes other shards; their answers come from the copy of the first machine's log."""
    stage = {
        "name": "tickets",
        "method": "prompt",
        "params": {
            "instruction": "Write one support ticket about {{ topic }}, please, in two plain sentences and no more.",
            "attributes": {"topic": [f"topic{n}" for n in range(100)]},
        },
        "count": 20,
        "rules": [],
        "expect": [],
    }
    engines = {"fake": {"type": "fake"}}
    ended(machine("first", "run", write_recipe(stage, engines=engines), "--out", tmp_path / "one"))
    other = {**stage, "rules": [{"too_long": {"max_words": 1_000}}]}
    ended(machine("second", "run", write_recipe(other, engines=engines), "--out", tmp_path / "two"))
    forget_stores()
    second, first = runs(open_store(f"s3://{bucket}/work"))
    (asked,), (asked_first,) = second.asks, first.asks
    assert asked["stats"]["requests"] == asked_first["stats"]["requests"] > 0
    assert (asked["stats"]["fresh"], asked_first["stats"]["fresh"] > 0) == (0, True)
    texts = [pq.read_table(tmp_path / name / "data").column("text").to_pylist() for name in ("one", "two")]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TILTH_STORE": "s3://nobody-has-this/x"}, "there is no bucket 'nobody-has-this'"),
        ({"TILTH_STORE": "s3://UPPER"}, "names no bucket; write s3://bucket/prefix"),
        ({"TILTH_STORE": "gs://bucket"}, "unknown store 'gs://bucket'"),
    ],
    ids=["bucket", "address", "kind"],
)
def test_store_that_cannot_be_used_is_one_line(machine, write_recipe, tmp_path, environment, said):  # noqa: F811
    """Exit 2, before anything is made."""
    process = machine("one", "run", write_recipe({**MANY, "count": 10}), "--out", tmp_path / "out", **environment)
    out, _ = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 2, out
    assert f"tilth: {environment['TILTH_STORE']}" in out or said in out
    assert said in out.strip().splitlines()[-1]
    assert not (tmp_path / "out" / "data").exists()
