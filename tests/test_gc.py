"""What nobody needs goes; what a release, a run or the last day needs stays."""

import asyncio
import fcntl
import json
import os
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.answers import AnswerLog, log_path
from tasks.core import record
from tasks.core.engine import Fake, Request
from tasks.core.errors import UserError
from tasks.core.manifest import ShardManifest, StageManifest
from tasks.core.settings import settings
from tasks.engines.fake import FakeEngine
from tasks.gc import Line, Policy, collect, total
from tasks.generate import write
from tasks.registry import Run, _write, recorded, runs
from tasks.stores.local import LocalStore

DAY = 86_400
POLICY = Policy(days=30, answers_days=90)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> LocalStore:
    for name in ("PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH", "TILTH_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TILTH_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield LocalStore(settings().work)
    settings.cache_clear()


def aged(path: Path, days: float) -> Path:
    """Let a file or a folder have been used so many days ago."""
    then = time.time() - days * DAY
    for below in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(below, (then, then))
    return path


def put(place: str, days: float, size: int = 10) -> Path:
    """Write a file below the home folder, last used so many days ago."""
    path = settings().home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return aged(path, days)


def shard(key: str, days: float, size: int = 10) -> list[Path]:
    """Write the files of a shard."""
    return [put(f"work/shards/{key[:2]}/{key}{end}", days, size) for end in (".json", ".parquet", ".rejects.parquet")]


@contextmanager
def run_of(store, out: Path, *shards: str, seeds=(), models=()):
    with recorded(store, run="r", name="n", out=out, identity="i") as recorder:
        recorder.uses(shards=shards, seeds=seeds, models=models)
        yield recorder


def grown_old(store, days: float = 100) -> None:
    """Let every run that is listed have ended so many days ago."""
    for run in runs(store):
        _write(store, replace(run, updated=run.updated - days * DAY))


def released(store, out: Path, *shards: str, **uses) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").write_text(json.dumps(shards))
    with run_of(store, out, *shards, **uses) as recorder:
        recorder.end("done", 1, out)
    grown_old(store)


def line(lines: list[Line], kind: str) -> Line:
    return next(line for line in lines if line.kind == kind)


def there(paths) -> bool:
    found = {path.exists() for path in paths}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(("days", "stays"), [(0.5, True), (29, True), (31, False), (400, False)])
def test_shard_goes_by_its_age(store, days, stays):
    """All files of one or none; the empty work folder has nothing to say."""
    assert collect(store, POLICY, dry_run=False) == []
    files = shard("ab01", days)
    found = line(collect(store, POLICY, dry_run=False), "shards")
    assert (found.there, found.bytes, found.goes) == (1, 30, 0 if stays else 1)
    assert there(files) == stays


def test_dry_run_deletes_nothing_and_says_the_same(store):
    """The lines are those of the run that follows."""
    files = [*shard("ab01", 40), *shard("cd02", 2), put("work/artifacts/thesaurus/ff/x", 99)]
    aged(settings().work / "artifacts" / "thesaurus" / "ff", 99)
    said = collect(store, POLICY, dry_run=True)
    assert all(path.exists() for path in files)
    assert collect(store, POLICY, dry_run=False) == said
    assert [path.exists() for path in files] == [False] * 3 + [True] * 3 + [False]
    assert total(said).goes_bytes == 40


def test_release_pins_what_it_needs_for_as_long_as_it_is_there(store, tmp_path):
    """Its shards, seeds and models, however old; once its folder is gone, or holds another run, they go."""
    files = shard("ab01", 100)
    seeds = aged(put("work/seeds/feed-tickets/seeds-00000.parquet", 100).parent, 100)
    model = aged(put("work/models/beef/weights.bin", 100).parent, 100)
    released(store, tmp_path / "out", "ab01", seeds=["feed"], models=["beef"])
    lines = collect(store, POLICY, dry_run=False)
    assert [line(lines, kind).needed for kind in ("shards", "seeds", "models", "runs")] == [1, 1, 1, 1]
    assert there([*files, seeds, model])
    (tmp_path / "out" / "manifest.json").write_text("another run's")
    assert line(collect(store, POLICY, dry_run=False), "runs").goes == 1
    assert not there([*files, seeds, model])
    assert runs(store) == []


def test_run_that_goes_on_keeps_what_it_uses(store, tmp_path):
    """However long it takes; when it has ended without a release, for so many days."""
    files = shard("ab01", 100)
    with run_of(store, tmp_path / "out", "ab01"):
        grown_old(store)
        collect(store, POLICY, dry_run=False)
        assert there(files)
    collect(store, POLICY, dry_run=False)
    assert there(files)
    grown_old(store)
    collect(store, POLICY, dry_run=False)
    assert not there(files)


@pytest.mark.parametrize(
    ("host", "out", "stays"),
    [("elsewhere", "/no/such/folder", True), ("here", "/no/such/folder", False), ("elsewhere", "s3://x", True)],
    ids=["of another machine", "of this machine", "in a bucket that cannot be asked"],
)
def test_release_that_cannot_be_looked_at_counts_as_there(store, monkeypatch, host, out, stays):
    """Better kept than lost."""
    monkeypatch.setattr("platform.node", lambda: "here")
    files = shard("ab01", 100)
    then = time.time() - 100 * DAY
    _write(store, Run("runs/x.json", "r", "n", out, "i", host, 1, then, then, state="done", shards=("ab01",)))
    collect(store, POLICY, dry_run=False)
    assert there(files) == stays


def test_nothing_of_the_last_day_goes(store):
    """Days of 0 and a size of 0 still leave what somebody may be using."""
    young, old = shard("ab01", 0.9), shard("cd02", 1.1)
    collect(store, Policy(days=0, answers_days=0, max_bytes=0), dry_run=False)
    assert there(young)
    assert not there(old)


def test_file_that_was_read_is_as_young_as_that(store):
    """Written long ago, read yesterday: a cached shard that runs still use."""
    files = shard("ab01", 100)
    os.utime(files[1], (time.time() - 2 * DAY, time.time() - 100 * DAY))
    collect(store, POLICY, dry_run=False)
    assert there(files)


def test_size_takes_the_oldest_first(store, tmp_path):
    """Until the rest fits; what is needed stays even where it does not fit."""
    ages = {"ab01": 20, "cd02": 10, "ef03": 5, "aa04": 25}
    files = {key: shard(key, days, 1000) for key, days in ages.items()}
    released(store, tmp_path / "out", "aa04")
    lines = collect(store, Policy(max_bytes=9_000), dry_run=False)
    assert {key for key, paths in files.items() if there(paths)} == {"cd02", "ef03", "aa04"}
    assert line(lines, "shards").goes_bytes == 3000
    collect(store, Policy(max_bytes=0), dry_run=False)
    assert {key for key, paths in files.items() if there(paths)} == {"aa04"}


def test_model_that_is_being_trained_stays(store):
    """Known by its lock, whatever its age; so does what the training left for its next try."""
    scratch = aged(put("work/models/beef.scratch/step.pt", 100).parent, 100)
    part = aged(put("work/models/beef.part/weights", 100).parent, 100)
    lock = put("work/models/beef.lock", 100)
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        collect(store, POLICY, dry_run=False)
        assert there([scratch, part])
    collect(store, POLICY, dry_run=False)
    assert not there([scratch, part])
    assert lock.exists()


@pytest.mark.parametrize(
    ("place", "days", "stays"),
    [
        ("work/shards/ab/.ab01.parquet.x7.part", 2, False),
        ("work/shards/ab/.ab01.parquet.x7.part", 0.5, True),
        ("prefect/storage/tilth-shard-ab01", 31, False),
        ("prefect/storage/tilth-shard-ab01", 29, True),
        ("work/cache/s3/ff/objects/ab/x.parquet", 31, False),
        ("work/cache/s3/ff/objects/ab/x.parquet", 29, True),
    ],
)
def test_files_that_are_made_again_go_by_their_age(store, place, days, stays):
    """What a killed writer left after a day; results and fetched files after their days."""
    path = put(place, days)
    collect(store, POLICY, dry_run=False)
    assert path.exists() == stays


def test_what_is_not_tilths_is_never_touched(store, tmp_path):
    """A link out of the work folder is left alone, and so is all that has no kind."""
    outside = aged(put("../outside/data.bin", 400).parent, 400)
    (settings().work / "seeds").mkdir(parents=True)
    (settings().work / "seeds" / "link").symlink_to(outside)
    other = put("work/notes.txt", 400)
    collect(store, Policy(days=0, max_bytes=0), dry_run=False)
    assert other.exists()
    assert (outside / "data.bin").exists()


def _ask(*texts: str) -> list[str]:
    """Ask the work folder's log and return the digests."""
    log, engine = AnswerLog(log_path()), FakeEngine(Fake(type="fake"))
    asked = [Request(prompt=text) for text in texts]

    async def all_of() -> None:
        for request in asked:
            await log.ask(engine, request)

    asyncio.run(all_of())
    log.close()
    return [request.digest(engine.identity) for request in asked]


def test_answers_that_a_release_names_stay(store, tmp_path):
    """The others go when they are old; before that none does."""
    kept, gone = _ask("named", "not named")
    batch = record.complete(
        record.columns(text=["a"], extra=[record.dumps({"requests": [kept]})]),
        method="prompt@1",
        stage="s",
        shard=0,
        row=0,
    )
    data = write(batch, "shards/ab/ab01.parquet", store)
    made = ShardManifest("ab01", 0, 0, 1, 1, data=data, stats={"requests": 1}, draws=1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    with run_of(store, tmp_path / "out") as recorder:
        recorder.stage(StageManifest("s", "prompt@1", 1, 1, 0, (made,)))
        recorder.end("done", 1, tmp_path / "out")
    grown_old(store)
    assert line(collect(store, POLICY, dry_run=False), "answers").goes == 0
    later = time.time() + 91 * DAY
    said = line(collect(store, POLICY, dry_run=True, now=later), "answers")
    assert (said.there, said.needed, said.goes) == (2, 1, 1)
    collect(store, POLICY, dry_run=False, now=later)
    log = AnswerLog(log_path())
    assert log.find(kept) is not None
    assert log.find(gone) is None
    log.close()


def test_budgets_of_old_runs_go(store, tmp_path):
    """What a run has spent is kept while it goes on, however long it asks nothing, and then for so many days."""
    old = aged(put("work/budgets/r/accounts", 40).parent, 40)
    young = aged(put("work/budgets/s/accounts", 2).parent, 2)
    with run_of(store, tmp_path / "out"):
        assert line(collect(store, POLICY, dry_run=False), "budgets").needed == 1
        assert there([old, young])
    assert line(collect(store, POLICY, dry_run=False), "budgets").goes == 1
    assert (old.exists(), young.exists()) == (False, True)


def test_linked_files_count_their_share(store, tmp_path):
    """A shard that a release links takes half of its bytes: deleting it frees none of the release's."""
    files = shard("ab01", 40, 100)
    os.link(files[1], tmp_path / "data.parquet")
    assert line(collect(store, POLICY, dry_run=True), "shards").bytes == 250


@pytest.mark.parametrize("wrong", [{"days": -1}, {"answers_days": -0.5}, {"max_bytes": -1}])
def test_negative_limits_are_refused(wrong):
    """With the value."""
    with pytest.raises(UserError, match="must be at least 0, not -"):
        Policy(**wrong)
