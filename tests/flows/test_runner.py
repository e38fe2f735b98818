"""Where shards are made changes no byte of them, and a choice that cannot work is one line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.core.errors import UserError
from tasks.core.settings import settings
from tests.flows.dask_cluster import dask_cluster
from tests.flows.test_pipeline import data_bytes

ORDER = {"type": "object", "properties": {"id": {"type": "integer"}, "note": {"type": "string"}}, "required": ["id"]}
STAGE = {"name": "orders", "method": "json_schema", "params": {"schema": ORDER}}


@pytest.mark.parametrize(
    ("name", "address", "said"),
    [
        ("dask", "", "TILTH_DASK_ADDRESS"),
        ("dask", "tcp://127.0.0.1:1", r"no Dask scheduler answers at TILTH_DASK_ADDRESS 'tcp://127.0.0.1:1'"),
        ("dask", "nonsense", "no Dask scheduler answers"),
        ("ray", "", "runner 'ray' needs prefect-ray"),
    ],
    ids=["no-address", "nobody-there", "no-url", "ray"],
)
def test_runner_that_cannot_work_is_one_line(name, address, said, monkeypatch):
    """Said when the first shard is handed over, not by a traceback of Dask's half a minute later."""
    pytest.importorskip("prefect_dask")
    from flows import cluster

    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    with pytest.raises(UserError, match=said) as raised:
        cluster.check_runner(name, address)
    assert "\n" not in str(raised.value)


def test_importing_a_flow_asks_for_no_cluster(monkeypatch):
    """A deployment imports the flow on a machine that sees no scheduler."""
    monkeypatch.setenv("TILTH_RUNNER", "dask")
    settings.cache_clear()
    try:
        from flows.runner import Shards

        with Shards().duplicate():
            pass
    finally:
        settings.cache_clear()


def command(recipe, out, api, home, **more):
    environment = {**os.environ, "TILTH_HOME": str(home), "PREFECT_API_URL": api, "TILTH_WORKERS": "2", **more}
    words = [sys.executable, "-c", "from flows.cli import main; main()", "run", str(recipe), "--out", str(out)]
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ran(process):
    output = process.communicate()[0]
    assert process.returncode == 0, output


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_threads_processes_and_dask_give_the_same_bytes(orchestrator, write_recipe, tmp_path):
    pytest.importorskip("prefect_dask")
    recipe = write_recipe({**STAGE, "count": 4000, "shard_rows": 700})
    for runner in ("threads", "processes"):
        ran(command(recipe, tmp_path / runner, orchestrator, tmp_path / f"{runner}-home", TILTH_RUNNER=runner))
    home = tmp_path / "dask-home"
    with dask_cluster(tmp_path, 1, {**os.environ, "TILTH_HOME": str(home)}) as address:
        more = {"TILTH_RUNNER": "dask", "TILTH_DASK_ADDRESS": address}
        ran(command(recipe, tmp_path / "dask", orchestrator, home, **more))
    made = [data_bytes(tmp_path / runner) for runner in ("threads", "processes", "dask")]
    assert made[0] == made[1] == made[2]
    assert len(made[0]) == 6


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_run_survives_a_dask_worker_that_is_killed(orchestrator, write_recipe, tmp_path):
    """SIGKILL of one of two workers after the third shard: the other one makes the rest, the bytes are the same."""
    pytest.importorskip("prefect_dask")
    recipe = write_recipe({**STAGE, "count": 400_000, "shard_rows": 10_000})
    ran(command(recipe, tmp_path / "whole", orchestrator, tmp_path / "whole-home"))
    home = tmp_path / "cut-home"
    with dask_cluster(tmp_path, 2, {**os.environ, "TILTH_HOME": str(home)}) as address:
        more = {"TILTH_RUNNER": "dask", "TILTH_DASK_ADDRESS": address}
        run = command(recipe, tmp_path / "cut", orchestrator, home, **more)
        while run.poll() is None and len(list((home / "work").rglob("*.parquet"))) < 3:
            time.sleep(0.05)
        os.kill(int((tmp_path / "dask-0.pid").read_text()), signal.SIGKILL)
        assert run.poll() is None, "the run was over before the worker died"
        ran(run)
    assert data_bytes(tmp_path / "cut") == data_bytes(tmp_path / "whole")
    assert len(data_bytes(tmp_path / "whole")) >= 40


def test_worker_of_another_home_is_refused(tmp_path, monkeypatch):
    """Its shards would be where the release does not look."""
    pytest.importorskip("prefect_dask")
    from flows.cluster import check_cluster

    elsewhere = {**os.environ, "TILTH_HOME": str(tmp_path / "there"), "PYTHONPATH": str(Path.cwd())}
    with dask_cluster(tmp_path, 1, elsewhere) as address:
        monkeypatch.setenv("TILTH_HOME", str(tmp_path / "here"))
        settings.cache_clear()
        try:
            with pytest.raises(UserError, match=r"keeps shards in .*there.*start it with TILTH_HOME=.*here"):
                check_cluster(address)
        finally:
            settings.cache_clear()
