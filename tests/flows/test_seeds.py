"""What runs when seeds land: each content one release, each bad one a reason, whoever dies on the way."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tasks.core.errors import RecipeError, TransientError
from tasks.landing.arrivals import look
from tasks.landing.ledger import Ledger, Outcome
from tasks.landing.mapping import load_landing
from tasks.landing.places import Place

pytestmark = pytest.mark.usefixtures("orchestrator")

STAGE = {"name": "shuffled", "method": "word_shuffle", "inputs": ["landed"], "per_seed": 1, "expect": [], "rules": []}
ROUTE = {"name": "texts", "match": "*.jsonl", "recipe": "recipe.yaml", "seeds": "landed"}


@pytest.fixture
def ledger(home, monkeypatch):
    monkeypatch.delenv("TILTH_DATABASE_URL", raising=False)
    ledger = Ledger()
    yield ledger
    ledger.close()


@pytest.fixture
def write_landing(tmp_path):
    """Write a landing file, its recipe and the recipe's own seeds; return its path."""

    def write(stage=STAGE, **changes):
        (tmp_path / "landing").mkdir(exist_ok=True)
        (tmp_path / "example.jsonl").write_text('{"text": "The kettle hums when it boils."}\n')
        recipe = {"name": "landed", "seeds": {"landed": {"path": "example.jsonl"}}, "stages": [stage]}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"release": {"docs": False}}))
        value = {"sources": {"folder": {"path": "landing"}}, "routes": [ROUTE], "releases": "releases", "settle_s": 0}
        (tmp_path / "landing.yaml").write_text(yaml.safe_dump(value | changes))
        return tmp_path / "landing.yaml"

    return write


@pytest.fixture
def land(tmp_path, ledger):
    """Let texts land under names, and enter them."""

    def land(config, **files):
        for name, text in files.items():
            (tmp_path / "landing" / f"{name}.jsonl").write_text(text)
        landing = load_landing(config)
        look(landing, ledger)
        look(landing, ledger)
        return landing

    return land


def lines(*texts):
    return "".join(json.dumps({"text": text, "label": "x"}) + "\n" for text in texts)


def states(ledger):
    return {entry.name: entry.state for entry in ledger.entries()}


def run(config, **arguments):
    from flows.seeds import seeds

    return seeds(config=str(config), **arguments)


def test_good_is_released_copy_is_not_and_malformed_has_its_reason(write_landing, land, ledger, tmp_path, orchestrator):
    """Four files, three contents, one run: two releases with their rows, one reason, an artifact to read it in."""
    from prefect.client.orchestration import get_client

    config = write_landing()
    land(config, a=lines("one two three", "four five six"), b=lines("seven eight nine"), bad='{"text": ')
    land(config, copy=lines("one two three", "four five six"))
    assert run(config) == {"rejected": 1, "released": 2}
    assert states(ledger) == {"a.jsonl": "released", "b.jsonl": "released", "bad.jsonl": "rejected"}
    places = sorted((tmp_path / "releases" / "texts").iterdir())
    assert sorted(json.loads((place / "manifest.json").read_text())["rows"] for place in places) == [1, 2]
    (bad,) = ledger.entries("rejected")
    assert "bad.jsonl line 1: not valid JSON" in bad.reason
    with get_client(sync_client=True) as client:
        shown = client.request("POST", "/artifacts/latest/filter", json={}).json()
    assert any(a["key"] == f"landed-{bad.id}" and "not valid JSON" in a["data"] for a in shown)
    assert not list((tmp_path / "home" / "work" / "landed").glob("*/*"))
    assert run(config) == {}


def test_release_names_no_folder_of_this_machine(write_landing, land, tmp_path):
    """The landed file stands in the recipe by a relative path; its bytes are kept apart from the landing folder."""
    config = write_landing()
    land(config, a=lines("one two three"))
    run(config)
    (manifest,) = (tmp_path / "releases").rglob("manifest.json")
    assert str(tmp_path) not in manifest.read_text()


def test_file_that_a_hook_names_is_released_without_a_look(write_landing, ledger, tmp_path):
    """The run enters it itself: a hook needs no watcher."""
    config = write_landing()
    (tmp_path / "landing" / "a.jsonl").write_text(lines("one two three"))
    assert run(config, uris=[(tmp_path / "landing" / "a.jsonl").as_uri()]) == {"released": 1}


def test_hook_cannot_name_a_file_elsewhere(write_landing, ledger):
    """The run fails before it reads anything."""
    with pytest.raises(RecipeError, match="'/etc/passwd' is not below a source"):
        run(write_landing(), uris=["/etc/passwd"])
    assert ledger.entries() == []


def test_run_that_died_after_its_release_appeared_is_not_done_again(write_landing, land, ledger, tmp_path):
    """The folder is there, the ledger says claimed: the next run enters the release as it is."""
    config = write_landing()
    landing = land(config, a=lines("one two three"))
    run(config)
    (entry,) = ledger.entries()
    manifest = Place(landing.out, "texts", entry.id).path / "manifest.json"
    before = manifest.stat().st_mtime_ns
    land(config, b=lines("other text here"))
    (other,) = ledger.entries("landed")
    Place(landing.out, "texts", entry.id).path.rename(Place(landing.out, "texts", other.id).path)
    ledger.claim("killed", 1, 0.1)
    time.sleep(0.2)
    assert run(config) == {"released": 1}
    assert ledger.entries("released")[0].tries == 2
    assert (Place(landing.out, "texts", other.id).path / "manifest.json").stat().st_mtime_ns == before


def test_run_whose_claim_was_taken_over_spoils_nothing(write_landing, land, ledger, tmp_path):
    """It was thought dead and still builds: the release that is there stays, and its word does not count."""
    from flows.content import Maker
    from tasks.landing.claims import Claims

    config = write_landing(lease_s=3)
    landing = land(config, a=lines("one two three"))
    slow = Claims(ledger, 0.1)
    (entry,) = slow.take(1)
    time.sleep(0.2)
    assert run(config) == {"released": 1}
    (place,) = (tmp_path / "releases" / "texts").iterdir()
    building = Place(landing.out, "texts", entry.id).building("slow")
    building.mkdir()
    (building / "manifest.json").write_text('{"rows": 99}')
    Place(landing.out, "texts", entry.id).publish(building)
    assert not slow.finish(entry, Maker(landing, ledger, slow).outcome(entry))
    assert [path.name for path in (tmp_path / "releases" / "texts").iterdir()] == [place.name]
    assert json.loads((place / "manifest.json").read_text())["rows"] == 1


def test_gate_that_stops_rejects_and_keeps_what_was_made_apart(write_landing, land, ledger, tmp_path):
    """No release; the reason names the gate, and where the rest is."""
    expect = [{"type": "expect_column_values_to_be_between", "column": "n_chars", "max_value": 3}]
    config = write_landing({**STAGE, "expect": expect})
    land(config, a=lines("one two three"))
    assert run(config) == {"rejected": 1}
    (entry,) = ledger.entries()
    assert "its gate failed: expect_column_values_to_be_between(n_chars)" in entry.reason
    assert not (tmp_path / "releases" / "texts" / entry.id).exists()
    assert (tmp_path / "releases" / ".stopped" / "texts" / entry.id / "manifest.json").exists()


def test_recipe_that_is_wrong_by_itself_is_not_the_contents_fault(write_landing, land, ledger, tmp_path):
    """Failed, not rejected, with what is wrong with the recipe; mended and retried, it is released."""
    from flows.landed import retry_landed

    config = write_landing({**STAGE, "params": {"rate": "many"}})
    land(config, a=lines("one two three"))
    assert run(config) == {"failed": 1}
    (entry,) = ledger.entries()
    assert entry.reason.startswith("recipe of route 'texts': ")
    write_landing()
    retry_landed([entry.id[:6]])
    assert run(config) == {"released": 1}


def test_fault_of_the_machine_is_tried_again_until_it_is_enough(write_landing, land, ledger, tmp_path):
    """Something in the way of the releases: put off, and `failed` with its reason after as many tries as allowed."""
    config = write_landing(tries=1)
    (tmp_path / "releases").write_text("in the way")
    land(config, a=lines("one two three"))
    assert run(config) == {"failed": 1}
    assert "Not a directory" in ledger.entries()[0].reason
    config = write_landing(tries=2)
    ledger.retry(ledger.entries()[0])
    assert run(config) == {"postponed": 1}
    (entry,) = ledger.entries("landed")
    assert entry.due_at > ledger.now()


def test_content_that_kills_its_runs_is_given_up(write_landing, land, ledger):
    """Each run that dies over it counts as a try."""
    config = write_landing(tries=2)
    land(config, a=lines("one two three"))
    for _ in range(2):
        ledger.claim("killed", 1, 0.1)
        time.sleep(0.2)
    assert run(config) == {"failed": 1}
    assert ledger.entries()[0].reason == "2 runs died over it; last: killed"


def test_runs_at_once_share_what_landed(write_landing, land, ledger, tmp_path):
    """Three runs in threads: each content ends once, none twice."""
    config = write_landing(batch=2)
    land(config, **{f"f{n}": lines(f"number {n} is here") for n in range(9)})
    with ThreadPoolExecutor(3) as pool:
        counts = [future.result() for future in [pool.submit(run, config) for _ in range(3)]]
    assert sum(count.get("released", 0) for count in counts) == 9
    assert len(list((tmp_path / "releases" / "texts").iterdir())) == 9


def test_limit_ends_the_run_and_gives_the_rest_back(write_landing, land, ledger):
    """Five contents, a limit of two: three wait, untried."""
    config = write_landing()
    land(config, **{f"f{n}": lines(f"number {n} is here") for n in range(5)})
    assert run(config, limit=2) == {"released": 2}
    assert [entry.tries for entry in ledger.entries("landed")] == [0, 0, 0]


@pytest.fixture
def deployed(orchestrator):
    """A deployment of `seeds` without a worker: its runs stay scheduled."""
    from flows.seeds import seeds

    name = f"d{time.monotonic_ns()}"
    seeds.to_deployment(name=name).apply()
    return f"seeds/{name}"


def test_overdue_contents_are_submitted_once_however_many_do(write_landing, land, ledger, deployed):
    """Eight reconcilers at the same moment: one run for the batch, by its idempotency key."""
    from prefect.client.orchestration import get_client

    from flows.wake import submit

    landing = land(write_landing(batch=10), **{f"f{n}": lines(f"number {n} is here") for n in range(3)})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: submit(landing, ledger, deployed, 0), range(8)))
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(deployed)
        runs = client.request("POST", "/flow_runs/filter", json={"deployments": {"id": {"any_": [str(deployment.id)]}}})
    (only,) = runs.json()
    assert len(only["parameters"]["uris"]) == 3
    assert submit(landing, ledger, deployed, 3600) == 0


def test_runs_that_wait_for_a_worker_are_not_added_to(write_landing, land, ledger, deployed):
    """No worker for an hour: as many runs wait as the landing file allows at once, not one for each minute."""
    from flows.wake import submit

    files = {f"f{n}": lines(f"number {n} is here") for n in range(6)}
    landing = land(write_landing(batch=1, runs=2), **files)
    assert submit(landing, ledger, deployed, 0) == 2
    assert submit(landing, ledger, deployed, 0) == 0


def test_key_of_a_batch_changes_with_its_tries_and_with_time(write_landing, land, ledger):
    """Prefect keeps a key as long as its run: a run that died must not be the last for its contents."""
    from flows.wake import key

    land(write_landing(), a=lines("one two three"), b=lines("four five six"))
    batch, now = ledger.entries(), ledger.now()
    assert key(batch, now) == key(list(reversed(batch)), now)
    assert key(batch, now) != key(batch[:1], now)
    assert key(batch, now) != key(batch, now + 90)
    ledger.claim("killed", 2, 0.0)
    assert key(ledger.entries(), now) != key(batch, now)


def test_wake_up_reaches_the_server_as_an_event_with_its_files(write_landing, land, ledger, orchestrator):
    """One event a batch, its payload the URIs; asked once, nothing more is sent."""
    from flows.wake import wake

    landing = land(write_landing(batch=2, runs=5), **{f"f{n}": lines(f"event {n} is here") for n in range(3)})
    assert (wake(landing, ledger), wake(landing, ledger)) == (2, 0)
    uris = {entry.uri for entry in ledger.entries()}
    asked, end = set(), time.monotonic() + 30
    while not asked >= uris and time.monotonic() < end:  # the server stores in batches, and may have others' already
        asked = set().union(*(event["payload"]["uris"] for event in events("tilth.seeds.landed")))
    assert asked >= uris


def told(name: str, digest: str) -> dict[str, dict]:
    """Return the payloads of an event by digest, once one of them is stored: the server stores in batches."""
    end = time.monotonic() + 30
    while True:
        found = {event["payload"]["digest"]: event["payload"] for event in events(name)}
        if digest in found or time.monotonic() > end:
            return found
        time.sleep(0.5)


def test_end_of_each_content_is_told_as_an_event(write_landing, land, ledger, orchestrator):
    """`released` with folder and rows, `rejected` with its reason; told once."""
    from flows.tell import tell

    config = write_landing()
    land(config, good=lines("a text that ends well"), bad="no JSON of ours")
    run(config)
    (good,), (bad,) = ledger.entries("released"), ledger.entries("rejected")
    released = told("tilth.dataset.released", good.digest)
    rejected = told("tilth.seeds.rejected", bad.digest)
    assert (released[good.digest]["release"], released[good.digest]["rows"]) == (good.release, 1)
    assert rejected[bad.digest]["reason"] == bad.reason
    assert tell(ledger) == 0


def test_server_that_is_down_keeps_the_wake_up_for_later(write_landing, land, ledger):
    """Nobody listens: TransientError, and the contents are still to be asked for."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.wake import wake

    landing = land(write_landing(), a=lines("one two three"))
    nowhere = temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"})
    with nowhere, pytest.raises(TransientError, match="the Prefect server does not answer"):
        wake(landing, ledger)
    assert ledger.pending() == 1


def test_reconcile_enters_and_submits_what_no_event_told_of(write_landing, ledger, tmp_path, deployed):
    """Two runs of it, a file in between seen and then still: entered, and a run submitted."""
    from flows.reconcile import reconcile

    config = write_landing()
    (tmp_path / "landing" / "a.jsonl").write_text(lines("one two three"))
    reconcile(config=str(config), deployment=deployed, grace_s=0)
    second = reconcile(config=str(config), deployment=deployed, grace_s=0)
    assert second == {"listed": 1, "new": 1, "submitted": 1, "told": 0, "told_again": 0}


def test_ledger_is_listed_for_people_and_for_programs(write_landing, land, capfd, monkeypatch, tmp_path):
    """A line each with path and reason; as JSON with URIs and times."""
    from flows.landed import show_landed

    config = write_landing()
    land(config, good=lines("one two three"), bad="no JSON")
    run(config)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    show_landed()
    out = capfd.readouterr().out
    assert "landing/good.jsonl → 1 records in releases/texts/" in out
    assert "landing/bad.jsonl → bad.jsonl line 1: not valid JSON" in out
    show_landed("rejected", as_json=True)
    (entry,) = json.loads(capfd.readouterr().out)
    assert (entry["state"], entry["uris"]) == ("rejected", [(tmp_path / "landing" / "bad.jsonl").as_uri()])
    assert entry["finished_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("given", "said"),
    [("zz", "no content 'zz'; have: "), ("", "no content ''"), (None, "is released, in .*; only what is rejected or")],
    ids=["unknown", "empty", "released"],
)
def test_retry_of_what_cannot_be_retried_is_one_line(write_landing, land, ledger, given, said):
    """Named with its state, or with the ids there are."""
    from flows.landed import retry_landed
    from tasks.core.errors import UserError

    land(write_landing(), a=lines("one two three"))
    (entry,) = ledger.claim("me", 1, 60)
    ledger.finish(entry, "me", Outcome("released", "/somewhere", 1))
    with pytest.raises(UserError, match=said):
        retry_landed([entry.id if given is None else given])


def events(name):
    """Return what the server has of an event, once it has had time to write it down."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for _ in range(40):
            page = client.request("POST", "/events/filter", json={"filter": {"event": {"name": [name]}}, "limit": 50})
            if page.json()["events"]:
                time.sleep(0.5)
                return client.request(
                    "POST", "/events/filter", json={"filter": {"event": {"name": [name]}}, "limit": 50}
                ).json()["events"]
            time.sleep(0.25)
    return []
