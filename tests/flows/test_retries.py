"""Shards that fail: tried again where that may help, and otherwise the run stops with its table."""

import sys

import pytest

from tasks.core.method import forget_methods
from tests.flows.test_pipeline import data, manifest, read_artifacts

pytestmark = pytest.mark.usefixtures("orchestrator")

PACKAGE = '''
"""Counts, and stumbles on the way.

Source: nowhere (https://example.org)
"""
from pathlib import Path
from pydantic import Field
from tasks.core import record
from tasks.core.errors import {error}
from tasks.core.method import Draw, Made, Method, MethodParams

class Params(MethodParams):
    tries: str = Field(..., description="folder that counts the tries")
    stumbles: int = Field(..., description="tries of shard 1 that fail")

def run(seeds, params: Params, draw: Draw) -> Made:
    if draw.start == 100:
        done = len(list(Path(params.tries).iterdir()))
        (Path(params.tries) / str(done)).touch()
        if done < params.stumbles:
            raise {error}("the line was busy")
    return Made(record.columns(text=[f"number {{draw.start + i}}" for i in range(draw.count)]))

METHOD = Method(name="{name}", version=1, family="rules", params=Params, run=run, gives=("text",))
'''


@pytest.fixture
def stumbling(tmp_path, monkeypatch):
    """Install a package with a method of its own, under the entry-point group `tilth.methods`."""

    def install(error: str, name: str):
        package = tmp_path / "site"
        (package / f"{name}-1.0.dist-info").mkdir(parents=True)
        (package / f"{name}-1.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        (package / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(
            f"[tilth.methods]\n{name} = {name}:METHOD\n"
        )
        (package / f"{name}.py").write_text(PACKAGE.format(error=error, name=name))
        monkeypatch.syspath_prepend(str(package))
        forget_methods()
        (tmp_path / "tries").mkdir()
        return tmp_path / "tries"

    yield install
    forget_methods()
    for name in ("stumbling", "falling"):
        sys.modules.pop(name, None)


def stage(name, tries, stumbles):
    params = {"tries": str(tries), "stumbles": stumbles}
    return {"name": "counted", "method": name, "params": params, "count": 300, "shard_rows": 100}


def test_method_of_another_package_is_retried_until_it_works(cli, write_recipe, tmp_path, stumbling):
    """A TransientError costs a retry, not the run; the entry point is a door for other people's methods."""
    tries = stumbling("TransientError", "stumbling")
    ran = cli("run", write_recipe(stage("stumbling", tries, 1)), "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert len(list(tries.iterdir())) == 2
    assert [row["text"] for row in data(tmp_path / "out")] == [f"number {i}" for i in range(300)]


def test_shard_that_keeps_failing_stops_the_run_and_is_pending_in_its_table(cli, write_recipe, tmp_path, stumbling):
    """One line; what the failed shard and those after it would have drawn is pending; a second run has it all."""
    from prefect.client.orchestration import get_client

    tries = stumbling("ShardError", "falling")
    recipe = write_recipe(stage("falling", tries, 3), name="falls")
    ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 1
    assert ran.err.strip().endswith("tilth: the line was busy")
    assert "Traceback" not in ran.err
    assert len(list(tries.iterdir())) == 3
    with get_client(sync_client=True) as client:
        table = next(artifact for artifact in read_artifacts(client) if artifact.key == "falls-counted").data
    assert "| 300 | 100 | 0 | 0 | 200 |" in table
    assert cli("run", recipe, "--out", tmp_path / "out").code == 0
    assert manifest(tmp_path / "out")["stages"][0]["pending"] == 0
