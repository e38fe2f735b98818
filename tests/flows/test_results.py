"""Results of a run whose shards lie in a bucket lie there too: another machine finds them, and takes no harm."""

import base64
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core.store import Store
from tasks.stores.factory import forget_stores, open_store
from tests.stores.conftest import bucket, endpoint, s3_server  # noqa: F401  fixtures
from tests.stores.servers import FaultProxy


@pytest.fixture
def run(orchestrator, tmp_path) -> Callable[..., tuple[str, Any]]:
    """Run a flow of one cached task on a machine of a name; return the state of the task, and what it gave."""
    from prefect import flow, task
    from prefect.cache_policies import CacheKeyFnPolicy
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    from flows.results import results_beside

    policy = CacheKeyFnPolicy(cache_key_fn=lambda _context, _arguments: "tilth-made")

    @task(cache_policy=policy, persist_result=True, result_serializer="json")
    def make(machine: str) -> dict[str, Any]:
        return {"made on": machine, "rows": [1, 2]}

    @flow
    def work(machine: str, store: Store) -> tuple[str, Any]:
        with results_beside(store):
            made = make.submit(machine)
            value = made.result()
            return made.state.name, value

    def run_on(machine: str, store: Store) -> tuple[str, Any]:
        with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / machine}):
            return work(machine, store)

    return run_on


@pytest.fixture
def store(bucket, tmp_path, monkeypatch):  # noqa: F811  a fixture
    """A store in a bucket, opened with a secret that is easy to find again."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-well-known-secret")
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "home"))
    forget_stores()
    return open_store(f"s3://{bucket}/work")


def test_result_of_one_machine_is_found_on_another(run, store, tmp_path):
    """The second one makes nothing; no machine keeps a result on its own disk, and nobody learns the secret."""
    made = {"made on": "first", "rows": [1, 2]}
    assert run("first", store) == ("Completed", made)
    assert run("second", store) == ("Cached", made)
    assert list(store.list("")) == ["results/tilth-made"]
    assert not [path for name in ("first", "second") for path in (tmp_path / name).glob("*")]
    record = store.read("results/tilth-made")
    assert json.loads(record)["metadata"]["storage_key"] == f"{store.url}/results/tilth-made"
    assert b"secret" not in record


def test_block_is_an_address_and_no_more(store):
    """What travels to other processes, and what a server would be told, holds no credentials."""
    from flows.results import BucketResults

    said = BucketResults(url=store.url).model_dump(context={"include_secrets": True})
    assert said == {"url": store.url, "block_type_slug": "tilth-bucket"}


def test_results_beside_a_folder_stay_where_prefect_keeps_them(run, tmp_path):
    """Nothing changes where the store is no bucket."""
    folder = open_store(tmp_path / "store")
    assert run("first", folder)[0] == "Completed"
    assert run("first", folder)[0] == "Cached"
    assert run("second", folder)[0] == "Completed"
    assert [path.name for path in (tmp_path / "first").iterdir()] == ["tilth-made"]
    assert list(folder.list("")) == []


class _Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_record_cannot_name_what_reads_it(run, store, tmp_path):
    """Prefect by itself unpickles a record that says so: whoever may write to the bucket would run what he likes."""
    from prefect.results import ResultRecord

    trap = tmp_path / "trap"
    pickled = base64.b64encode(pickle.dumps(_Trap(trap))).decode()
    record = json.dumps({"metadata": {"serializer": {"type": "pickle"}}, "result": pickled}).encode()
    ResultRecord.deserialize(record)
    assert trap.exists()
    trap.unlink()
    store.write("results/tilth-made", record)
    assert run("first", store)[0] == "Completed"
    assert not trap.exists()


def test_record_that_is_none_is_made_again(run, store):
    """What cannot be read counts as not there, and is replaced."""
    store.write("results/tilth-made", b"[half a rec")
    assert run("first", store)[0] == "Completed"
    assert run("second", store)[0] == "Cached"


def test_result_that_cannot_be_kept_fails_no_run(run, store, endpoint, monkeypatch):  # noqa: F811  a fixture
    """The shard is in the store by then; the next run asks again."""
    proxy = FaultProxy(endpoint)
    with proxy.running() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        forget_stores()
        proxy.answers["PUT"] = (403, {}, b"<Error><Code>AccessDenied</Code></Error>")
        assert run("first", store)[0] == "Completed"
        proxy.answers.clear()
        assert run("second", store)[0] == "Completed"
        assert run("third", store)[0] == "Cached"


def test_failure_is_kept_beside_the_results(orchestrator, store, tmp_path):
    """Prefect keeps what a task raised by another way than what it returned; no disk of a machine holds that either."""
    from prefect import flow, task
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    from flows.results import results_beside

    @task(persist_result=True, result_serializer="json")
    def fail() -> None:
        raise ValueError("on purpose")

    @flow
    def work() -> str:
        with results_beside(store):
            return str(fail(return_state=True).result(raise_on_failure=False))

    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "disk"}):
        assert work() == "on purpose"
    (key,) = store.list("results")
    assert b"on purpose" in store.read(key)
    assert not (tmp_path / "disk").exists()
