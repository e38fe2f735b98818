"""Seeds that land before a real server, worker and watcher, as they are deployed; then each of them dies."""

import json
import time

import pytest

from deployments.server.deploy import deployments
from tests.soak.cluster import cluster
from tests.soak.files import ROWS, Landed, good, land
from tests.soak.verdict import open_ledger, settled, verdict, write_landing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
_PATIENCE_S = 400
# What is due is asked for again after so long, by the schedule of `reconcile`; then a run of two contents takes its
# time: imports of five seconds where it starts cold, a release each, on two cores that five processes share.
RECONCILE_S = next(spec for spec in deployments() if spec["name"] == "reconcile")["schedules"][0]["interval"]
MARGIN_S = 30


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A server with the shipped deployments, a worker and a watcher; settings of this process as they were after it."""
    folder = tmp_path_factory.mktemp("landing")
    write_landing(folder, settle_s=1.0)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TILTH_HOME", "TILTH_DATABASE_URL"):
            patch.delenv(name, raising=False)
        with cluster(folder) as own:
            own.start_worker("worker")
            own.start_watcher("watcher")
            yield own


@pytest.fixture
def ledger(own):
    ledger = open_ledger(own.environment)
    yield ledger
    ledger.close()


def released(own, ledger, numbers):
    """Wait until the good files of these numbers are released; return their entries."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        found = [e for e in ledger.entries("released") if e.name in {f"{number}.jsonl" for number in numbers}]
        if len(found) == len(numbers):
            return found
        time.sleep(0.5)
    pytest.fail(f"not released in {_PATIENCE_S} s: {[(e.name, e.state, e.reason) for e in ledger.entries()]}")


def drop(own, *numbers):
    for number in numbers:
        (own.folder / "landing" / f"{number}.jsonl").write_bytes(good(number))


def test_file_that_lands_becomes_a_release(own, ledger):
    """Watcher, event, automation, worker, flow: nobody types anything."""
    drop(own, 1)
    (entry,) = released(own, ledger, [1])
    assert entry.rows == ROWS
    manifest = json.loads((own.folder / "releases" / "texts" / entry.id / "manifest.json").read_text())
    assert manifest["state"] == "done"


def test_event_over_http_starts_a_run_with_typed_parameters(own, ledger):
    """POST /api/events with one URI, no watcher: the deployed automation hands over a list, and the run reads it."""
    own.kill("watcher")
    drop(own, 2)
    uri = (own.folder / "landing" / "2.jsonl").as_uri()
    event = {"event": "tilth.seeds.landed", "occurred": "2026-11-01T00:00:00Z", "payload": {"uri": uri}}
    event |= {"id": "00000000-0000-4000-8000-000000000002", "resource": {"prefect.resource.id": "tilth.hook"}}
    own.post("/events", [event])
    try:
        assert released(own, ledger, [2])[0].uri == uri
    finally:
        own.start_watcher("watcher")
    runs = own.post("/flow_runs/filter", {"flows": {"name": {"any_": ["seeds"]}}, "limit": 50})
    assert any(run["parameters"].get("uris") == [uri] for run in runs)


def test_files_that_land_while_the_server_is_down_run_when_it_is_back(own, ledger):
    """The event cannot be sent; the watcher keeps it, the ledger knows: released within the reconcile interval."""
    own.kill("server")
    drop(own, 3, 4)
    deadline = time.monotonic() + _PATIENCE_S
    while len(entered := [e for e in ledger.entries() if e.name in {"3.jsonl", "4.jsonl"}]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert {entry.state for entry in entered} == {"landed"}
    own.start_server()
    own.wait_for_server()
    back = time.time()
    ended = max(entry.finished_at for entry in released(own, ledger, [3, 4]))
    assert ended - back <= RECONCILE_S + MARGIN_S


def test_worker_killed_with_its_flows_loses_nothing(own, ledger):
    """Its claims are free once their lease is over, and are submitted again by the sweep: one release each."""
    drop(own, *range(10, 40))
    deadline = time.monotonic() + _PATIENCE_S
    while not ledger.entries("claimed") and time.monotonic() < deadline:
        time.sleep(0.05)
    own.kill("worker", children=True)
    assert ledger.entries("claimed")
    own.start_worker("worker")
    assert len(released(own, ledger, range(10, 40))) == 30
    places = [path for path in (own.folder / "releases" / "texts").iterdir() if not path.name.startswith(".")]
    assert len(places) == len(ledger.entries("released"))


@pytest.mark.timeout(1200)
def test_small_soak_on_postgresql_and_redis(tmp_path):
    """30 files, two watchers, two workers, one ledger; a watcher and the server die half-way: everything holds."""
    from tests.soak.cluster import REDIS
    from tests.soak.postgres import BINARIES, MISSING

    if not BINARIES or not REDIS:
        pytest.skip(f"{MISSING} redis-server")
    landing = write_landing(tmp_path)
    with pytest.MonkeyPatch.context() as patch, cluster(tmp_path, production=True) as own:
        for name in ("TILTH_HOME", "TILTH_DATABASE_URL"):
            patch.setenv(name, own.environment[name])
        for number in (1, 2):
            own.start_worker(f"worker-{number}")
            own.start_watcher(f"watcher-{number}")
        landed = Landed(tmp_path / "landing")
        land(landed, total=30, seconds=10)
        own.kill("server")
        own.kill("watcher-1")
        own.start_server()
        own.start_watcher("watcher-1")
        own.wait_for_server()
        ledger = open_ledger(own.environment)
        try:
            assert settled(ledger, landed, _PATIENCE_S * 2, lambda _: None)
            with (tmp_path / "table.md").open("w") as out:
                held = verdict(own, ledger, landed, landing, out)
            assert held, (tmp_path / "table.md").read_text()
        finally:
            ledger.close()
