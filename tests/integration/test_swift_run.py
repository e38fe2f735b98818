"""Seeds, shards, results and releases of two machines in a bucket of OpenStack Swift, another server than moto's."""

import json

import pytest

from tasks.registry import runs
from tasks.stores._s3_calls import client
from tasks.stores.factory import open_store
from tests.flows.conftest import orchestrator, write_recipe  # noqa: F401  fixtures
from tests.flows.test_pipeline import MANY, data_bytes
from tests.integration.test_s3_run import download, ended, machine, put_marks, task_states  # noqa: F401  a fixture
from tests.stores.conftest import swift_bucket  # noqa: F401  a fixture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def bucket(swift_bucket) -> str:  # noqa: F811  a fixture
    """The bucket that `machine` keeps its shards in."""
    return swift_bucket


def test_release_made_on_swift_has_the_bytes_of_one_made_on_a_disk(machine, bucket, write_recipe, tmp_path):  # noqa: F811
    """The second machine makes nothing again, and puts the same release."""
    seeds = "".join(json.dumps({"text": f"seed {i}"}) + "\n" for i in range(500)).encode()
    client().put_object(Bucket=bucket, Key="in/seeds.jsonl", Body=seeds)
    copies = {"name": "copies", "method": "template", "inputs": ["s"], "per_seed": 1}
    copies["params"] = {"template": "{{ t }}?", "slots": {"t": {"seed": "text"}}}
    stages = [{**MANY, "count": 20_000, "shard_rows": 2_000}, copies]
    recipe = write_recipe(*stages, seeds={"s": f"s3://{bucket}/in/seeds.jsonl"})

    ended(machine("first", "run", recipe, "--out", f"s3://{bucket}/sets/first"))
    made = put_marks(bucket)
    assert "s3://" in ended(machine("second", "run", recipe, "--out", f"s3://{bucket}/sets/second"))
    assert len(made) > 10
    assert put_marks(bucket) == made

    (tmp_path / "seeds.jsonl").write_bytes(seeds)
    local = write_recipe(*stages, seeds={"s": "seeds.jsonl"})
    ended(machine("third", "run", local, "--out", tmp_path / "whole", TILTH_STORE=""))
    released = [data_bytes(download(f"s3://{bucket}/sets/{name}", tmp_path / name)) for name in ("first", "second")]
    assert released == [data_bytes(tmp_path / "whole")] * 2

    second, first = runs(open_store(f"s3://{bucket}/work"))
    assert [(run.state, run.rows) for run in (first, second)] == [("done", 20_500)] * 2
    assert task_states(second.run, 5)["test · copies · shard 1/1"] == "Cached"
