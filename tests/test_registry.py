"""The list of runs: what is noted, while a run goes on and however it ends."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.answers import AnswerLog, log_path
from tasks.core.engine import Fake, Price, Request
from tasks.core.errors import UserError
from tasks.core.manifest import FileRef, ShardManifest, StageManifest
from tasks.core.settings import settings
from tasks.engines.fake import FakeEngine
from tasks.registry import Run, _write, moved, recorded, runs
from tasks.stores.local import LocalStore


@pytest.fixture
def store(tmp_path) -> LocalStore:
    return LocalStore(tmp_path / "work")


def record(store, out="out", run="run-1", name="tickets"):
    return recorded(store, run=run, name=name, out=out, identity="0" * 32)


def a_stage(key="ab12", accepted=3) -> StageManifest:
    data = FileRef(f"shards/ab/{key}.parquet", accepted, 100, "d")
    rejects = (FileRef("shards/cd/cd34.rejects.parquet", 1, 10, "r"),)
    shard = ShardManifest(
        key, 0, 0, accepted + 1, accepted, {"too_short": 1}, data=data, rejects=rejects, draws=accepted + 1, seconds=2.5
    )
    return StageManifest("texts", "cfg@1", accepted, 1, 0, (shard,))


def test_run_is_listed_while_it_goes_on(store):
    """With what it uses, before it uses it; then with what its stages counted."""
    with record(store) as recorder:
        recorder.uses(seeds=["s1"], models=["m1"], shards=["job1", "job2"])
        recorder.uses(shards=["job1", "job3"])
        (run,) = runs(store)
        assert (run.state, run.shown_state, run.is_alive) == ("running", "running", True)
        assert (run.seeds, run.models, run.shards) == (("s1",), ("m1",), ("job1", "job2", "job3"))
        recorder.stage(a_stage())
        (run,) = runs(store)
    assert set(run.shards) == {"job1", "job2", "job3", "ab12", "cd34"}
    assert (run.stages[0]["accepted"], run.rejected, run.stages[0]["shard_s"]) == (3, 1, [2.5])
    assert Path(run.out).is_absolute()


def test_release_is_known_by_its_manifest(store, tmp_path):
    """And by where it was put, also after it was moved there."""
    (tmp_path / "manifest.json").write_text("{}")
    with record(store, tmp_path) as recorder:
        recorder.end("done", 3, tmp_path)
    moved(store, recorder.key, tmp_path / "elsewhere")
    (run,) = runs(store)
    assert (run.state, run.rows, run.out) == ("done", 3, str(tmp_path / "elsewhere"))
    assert len(run.manifest) == 32


@pytest.mark.parametrize(
    ("error", "why"),
    [(UserError("no such file\nmore"), "no such file"), (KeyboardInterrupt(), "KeyboardInterrupt")],
)
def test_run_that_ends_by_an_error_is_failed(store, error, why):
    """With the first line of what ended it; the error goes on its way."""
    with pytest.raises(type(error)), record(store):
        raise error
    (run,) = runs(store)
    assert (run.state, run.why) == ("failed", why)


def test_run_without_an_end_is_failed(store):
    """A gate that raises nothing and releases nothing."""
    with record(store):
        pass
    assert runs(store)[0].state == "failed"


def test_run_whose_process_is_gone_has_died(store):
    """Killed without a word: known by its process."""
    script = (
        "import os, sys; from tasks.registry import recorded; from tasks.stores.local import LocalStore;"
        "from pathlib import Path; s = LocalStore(Path(sys.argv[1]));"
        "c = recorded(s, run='r', name='n', out='o', identity='i'); c.__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(store.root)], check=False, timeout=60)
    (run,) = runs(store)
    assert (run.state, run.is_alive, run.shown_state) == ("running", False, "died")


def test_run_of_another_machine_is_alive_while_it_speaks(store):
    """Nobody can look at its process: a day of silence counts as its end."""
    with record(store) as recorder:
        there = replace(recorder.entry, host="elsewhere", pid=os.getpid())
        assert there.is_alive
        assert not replace(there, updated=there.updated - 100_000).is_alive


def test_latest_runs_come_first(store):
    """The last so many."""
    for name in ("a", "b", "c"):
        with record(store, name=name):
            pass
    assert [run.name for run in runs(store, 2)] == ["c", "b"]


def test_run_is_told_what_its_answers_cost(store, tmp_path, monkeypatch):
    """Those of its own stages, since it started; answers that were there already cost it nothing."""
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    log, engine = AnswerLog(log_path()), FakeEngine(Fake(type="fake"))

    def ask(text: str, run: str) -> None:
        asyncio.run(log.ask(engine, Request(prompt=text), price=Price(input=1e6), run=run))

    ask("before", "tickets/texts")
    with record(store) as recorder:
        ask("one", "tickets/texts")
        ask("another", "tickets-2/texts")
        recorder.end("done", 1, tmp_path)
    log.close()
    settings.cache_clear()
    tokens = asyncio.run(engine.complete([Request(prompt="one")]))[0].prompt_tokens
    assert runs(store)[0].usd == tokens > 0


def test_entry_that_is_none_is_named(store):
    """One line, with what to do."""
    store.write("runs/x.json", b"{}")
    with pytest.raises(UserError, match=r"'runs/x\.json' in the store is no entry of a run: .*delete it"):
        runs(store)


def test_entry_comes_back_as_it_was(store):
    """From JSON, every field."""
    run = Run("runs/k.json", "r", "n", "s3://b/x", "i", "h", 1, 1.5, 2.5, stages=({"stats": {"requests": 1}},))
    _write(store, run)
    assert runs(store) == [run]
    assert run.asks == run.stages
