"""The first hour with the service: `up`, seeds dropped into the landing folder, releases with all that they leave."""

import json
import re
import shutil
import time

import pytest

from tests.flows.receivers import receiving
from tests.flows.test_observe import spans_of
from tests.integration.machine import ROOT, machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SHIPPED = ("landing.yaml", "recipes/landed.yaml", "recipes/quickstart/seeds")
SEEDS = sorted((ROOT / "deployments/recipes/quickstart/seeds").glob("*.jsonl"))
PATIENCE_S = 400
LEFT = {f"landed-{stage}{what}" for stage in ("edited", "reworded") for what in ("", "-progress", "-checkpoint")}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A machine on the shipped landing file, in a folder of its own: the project's `landing/` stays as it is."""
    folder = tmp_path_factory.mktemp("up")
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / "deployments" / name).is_dir() else shutil.copy
        (folder / "deployments" / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / "deployments" / name, folder / "deployments" / name)
    before = folders_of_the_project()
    with receiving() as receiver:
        settings = {"TILTH_LANDING": str(folder / "deployments" / "landing.yaml"), "TILTH_PUSHGATEWAY": receiver.url}
        with machine(folder, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **settings) as own:
            yield own, folder, receiver.received
    assert folders_of_the_project() == before


def folders_of_the_project():
    """Return what lies in the project's own folders of seeds and releases."""
    return {path for name in ("landing", "releases") for path in (ROOT / name).rglob("*")}


def landed(own):
    """Return the ledger as `tilth landed --json` prints it, by the name of the file."""
    code = "from flows.cli import main; main()"
    out = own.python("-c", code, "landed", "--json").stdout
    return {entry["uri"].rpartition("/")[2]: entry for entry in json.loads(out)}


def released(own):
    """Wait until every file of the quickstart's seeds is released; return the entries by the name of the file."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        entries = landed(own)
        states = {entry["state"] for entry in entries.values()}
        if states == {"released"} and set(entries) == {path.name for path in SEEDS}:
            return entries
        assert not states & {"rejected", "failed"}, entries
        assert time.monotonic() < deadline, entries
        time.sleep(1)


def test_up_says_where_to_look_and_three_things_to_try(own):
    """The address of the UI, and commands that name what is there: folder, program, deployment."""
    own, folder, _received = own
    head, tried = own.said.strip().split("\nTry:\n")
    assert re.fullmatch(rf"Tilth is up after \d+ s: {own.ui}", head.strip())
    copy, ledger, run = (line.strip() for line in tried.splitlines())
    assert copy.startswith(f"cp deployments/recipes/quickstart/seeds/tickets.jsonl {folder}/landing/ ")
    assert copy.endswith(f"{folder}/releases/")
    assert ledger.startswith(".venv/bin/tilth landed ")
    assert run == f"PREFECT_API_URL={own.ui}/api .venv/bin/prefect deployment run pipeline/pipeline"
    assert (folder / "landing").is_dir()


def test_seeds_of_the_quickstart_become_releases_with_their_artifacts(own):
    """Copied into the folder and left alone: each is released, and the UI's API has every artifact by its key."""
    own, folder, _received = own
    for path in SEEDS:
        shutil.copy(path, folder / "landing")
    entries = released(own)
    releases = {entry["release"]: entry["rows"] for entry in entries.values()}
    assert all(json.loads((folder / place / "manifest.json").read_text())["rows"] == n for place, n in releases.items())
    assert all(place.startswith(f"{folder}/releases/texts/") for place in releases)
    found = own.ask("POST", "/artifacts/filter", {"limit": 200})
    of_runs = {artifact["key"] for artifact in found}
    assert LEFT | {"landed-release", "seeds"} <= of_runs
    said = [artifact["data"] for artifact in found if artifact["key"] == "landed-release"]
    assert {place for place in releases if any(f"`{place}/docs/index.html`" in words for words in said)} == set(
        releases
    )
    assert all((folder / place / "docs" / "index.html").is_file() for place in releases)


def test_each_release_is_told_as_an_event(own):
    """What comes after a release can be hung on it: one event each, with its folder and rows."""
    own, _folder, _received = own
    wanted = {(entry["release"], entry["rows"]) for entry in landed(own).values()}
    deadline = time.monotonic() + 60
    while True:
        asked = {"filter": {"event": {"name": ["tilth.dataset.released"]}}, "limit": 50}
        told = [event["payload"] for event in own.ask("POST", "/events/filter", asked)["events"]]
        if {(payload["release"], payload["rows"]) for payload in told} >= wanted or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert sorted((payload["release"], payload["rows"]) for payload in told) == sorted(wanted)


def test_runs_of_the_worker_send_figures_and_spans(own):
    """Forked from the worker's parent, and ended a moment after their last span: nothing is lost on the way."""
    own, _folder, received = own
    releases = len(landed(own))
    deadline = time.monotonic() + 60
    while True:
        pushed = [path for method, path, _ in received if method == "PUT"]
        spans, services = spans_of([sent for sent in received if sent[0] == "POST"])
        if (len(pushed) >= releases and "recipe landed" in spans) or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert pushed == ["/metrics/job/tilth/recipe/landed"] * releases
    assert services == {"tilth"}
    assert {"seeds", "recipe landed", "stage edited", "stage reworded", "shard edited 0", "landed · release"} <= set(
        spans
    )
