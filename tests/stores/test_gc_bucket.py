"""What piles up in a bucket goes by its age, as in a folder."""

import time

import pytest

from tasks.gc import Policy, collect
from tasks.stores.factory import open_store

_DAY_S = 86_400


@pytest.fixture
def store(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_LOCAL_STORAGE_PATH", str(tmp_path / "results"))  # not those of other tests
    return open_store(f"s3://{bucket}/work")


@pytest.mark.parametrize(("days", "goes"), [(29, 0), (31, 1)], ids=["young", "old"])
def test_results_go_by_their_age(store, days, goes):
    """A shard that is there gives its result again; what lies beside the results is none."""
    store.write("results/tilth-shards-ab01", b"{}")
    store.write("results.txt", b"mine")
    lines = collect(store, Policy(days=30), dry_run=False, now=time.time() + days * _DAY_S)
    assert [(line.kind, line.there, line.goes) for line in lines] == [("results in the bucket", 1, goes)]
    assert list(store.list("")) == ["results.txt", "results/tilth-shards-ab01"][: 2 - goes]
