"""What a person sees: a run, its artifacts, and the form of a deployment, in headless Chromium."""

import os
from pathlib import Path

import pytest
import yaml

from tests.integration.machine import ROOT, machine

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed: apt-get install chromium"),
]
QUIET = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
PATIENCE_MS = 90_000
STAGES = [
    {
        "name": "grown",
        "method": "ngram",
        "inputs": ["tickets"],
        "count": 200,
    },
    {
        "name": "orders",
        "method": "template",
        "count": 1000,
        "params": {
            "template": "Order {{ number }} was sent {{ days }} days ago{{ more }}.",
            "slots": {
                "number": {"range": [1000, 9999]},
                "days": {"range": [2, 9]},
                "more": ["", " and has not arrived"],
            },
        },
        "rules": ["duplicate", {"too_short": {"min_words": 9}}],
    },
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A machine, and the id of a run of a recipe that has finished on it."""
    folder = tmp_path_factory.mktemp("ui")
    seeds = {"tickets": {"path": str(ROOT / "deployments/recipes/quickstart/seeds/tickets.jsonl")}}
    recipe = folder / "support-desk" / "recipe.yaml"
    recipe.parent.mkdir()
    recipe.write_text(yaml.safe_dump({"name": "support-desk", "seeds": seeds, "stages": STAGES}, sort_keys=False))
    with machine(folder) as own:
        run = own.run("pipeline/pipeline", recipe=str(recipe), out=str(folder / "out"))
        assert own.wait(run) == "COMPLETED"
        yield own, run


@pytest.fixture(scope="module")
def page():
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=QUIET.split())
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(PATIENCE_MS)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        yield page
        browser.close()


def shows(page, *texts):
    """Wait until each of these texts is on the page."""
    for text in texts:
        page.get_by_text(text).first.wait_for()


def keep(page, name):
    """Keep a picture of the page where TILTH_PICTURES says; the README shows two of them."""
    if folder := os.environ.get("TILTH_PICTURES"):
        page.wait_for_timeout(5000)  # the graph of a run is drawn in steps
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_run_page_names_the_run_and_its_steps(finished, page):
    """A readable name, its state, its tasks, and one useful line a shard in the log."""
    own, run = finished
    page.goto(f"{own.ui}/v2/runs/flow-run/{run}?tab=Logs")
    shows(page, "pipeline · support-desk", "Completed")
    shows(page, "orders · shard 1/1:")
    keep(page, "run")
    page.goto(f"{own.ui}/v2/runs/flow-run/{run}?tab=TaskRuns")
    shows(page, "support-desk · grown · train", "support-desk · orders · shard 1/1")
    assert page.errors == []


@pytest.mark.parametrize(
    ("key", "texts"),
    [
        ("support-desk-orders", ["= accepted", "+ rejected", "+ pending", "too_short", "has not arrived"]),
        ("support-desk-orders-checkpoint", ["expectation", "severity"]),
        ("support-desk-grown-model", ["Trained in", "held-out perplexity"]),
    ],
    ids=["conservation-table-and-sample", "checkpoint", "model"],
)
def test_artifact_page_says_what_happened(finished, page, key, texts):
    """Each artifact has a page, reached by its key: the key's history, and what this run left."""
    own, run = finished
    page.goto(f"{own.ui}/v2/artifacts/key/{key}")
    shows(page, key, "pipeline · support-desk")
    wanted = {"artifacts": {"key": {"any_": [key]}, "flow_run_id": {"any_": [run]}}}
    (artifact,) = own.ask("POST", "/artifacts/filter", wanted)
    page.goto(f"{own.ui}/v2/artifacts/artifact/{artifact['id']}")
    shows(page, *texts)
    keep(page, "artifacts" if key == "support-desk-orders" else key)
    # A table or a picture wider than its column would push the page sideways.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_form_of_a_deployment_shows_fields_with_their_descriptions(finished, page):
    """Every parameter with what it means; the methods of the family to choose from."""
    own, _run = finished
    found = own.ask("GET", "/deployments/name/rules/rules")
    page.goto(f"{own.ui}/v2/deployments/deployment/{found['id']}/run")
    fields = found["parameter_openapi_schema"]["properties"]
    assert len(fields) > 8
    for name, field in fields.items():
        shows(page, f"{name} (Optional)", field["description"])
    keep(page, "form")
    page.locator("button", has_text="cfg").first.click()
    shows(page, "json_schema")


def test_form_refuses_a_wrong_value_with_a_line(finished, page):
    """A count that is no number, in a link to the form: said beside its field, and no run is made."""
    own, _run = finished
    found = own.ask("GET", "/deployments/name/rules/rules")
    before = own.ask("POST", "/flow_runs/count", {"flows": {"name": {"any_": ["rules"]}}})
    page.goto(f'{own.ui}/v2/deployments/deployment/{found["id"]}/run?parameters={{"count":"many","method":"template"}}')
    shows(page, "Accepted records to make")
    page.get_by_role("button", name="Submit").click()
    shows(page, "'many' is not valid")
    page.wait_for_timeout(2000)
    assert own.ask("POST", "/flow_runs/count", {"flows": {"name": {"any_": ["rules"]}}}) == before
