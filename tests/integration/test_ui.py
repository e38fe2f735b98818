"""What a person sees: a run, its artifacts, and the form of a deployment, in headless Chromium."""

import os
import re
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
    {
        "name": "dreamt",
        "method": "vae",
        "inputs": ["tickets"],
        "count": 10,
        "params": {"hidden": 32, "latent": 8, "max_steps": 120},
        "rules": [],
        "expect": [],
    },
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A machine, and the id of a run of a recipe that has finished on it, for the second time."""
    folder = tmp_path_factory.mktemp("ui")
    seeds = {"tickets": {"path": str(ROOT / "deployments/recipes/quickstart/seeds/tickets.jsonl")}}
    recipe = folder / "support-desk" / "recipe.yaml"
    recipe.parent.mkdir()
    recipe.write_text(yaml.safe_dump({"name": "support-desk", "seeds": seeds, "stages": STAGES}, sort_keys=False))
    with machine(folder) as own:
        for seed in (1, 2):
            run = own.run("pipeline/pipeline", recipe=str(recipe), seed=seed, out=str(folder / f"out-{seed}"))
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
    shows(page, "orders · shard 1: ")
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
    open_artifact(page, own, run, key)
    shows(page, *texts)
    keep(page, "artifacts" if key == "support-desk-orders" else key)
    # A table or a picture wider than its column would push the page sideways.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def open_artifact(page, own, run, key):
    """Open the page of what a run left under a key, and return it as the API has it: the latest of several."""
    wanted = {"artifacts": {"key": {"any_": [key]}, "flow_run_id": {"any_": [run]}}, "sort": "CREATED_DESC"}
    artifact = own.ask("POST", "/artifacts/filter", wanted)[0]
    page.goto(f"{own.ui}/v2/artifacts/artifact/{artifact['id']}")
    return artifact


def test_curves_of_a_training_are_a_picture_on_its_page(finished, page):
    """An image that the browser has decoded, not a broken one, inside the column of the text."""
    own, run = finished
    open_artifact(page, own, run, "support-desk-dreamt-model")
    shows(page, "Trained in")
    picture = page.locator("img[src^='data:image/png']")
    picture.wait_for()
    wide, shown = (picture.evaluate(f"image => image.{what}") for what in ("naturalWidth", "clientWidth"))
    assert wide > 300
    assert 0 < shown < page.viewport_size["width"]
    keep(page, "curves")


def test_release_page_says_where_data_and_report_are_and_links_to_the_reports_of_its_stages(finished, page):
    """Paths to copy, which exist; a click on a stage's report opens it: browsers open no file:// link of a server."""
    own, run = finished
    artifact = open_artifact(page, own, run, "support-desk-release")
    places = re.findall(r"- (data|card|report): `([^`]+)`", artifact["data"])
    assert [what for what, _ in places] == ["data", "card", "report"]
    assert all(Path(place).exists() for _, place in places)
    shows(page, *(place for _, place in places))
    keep(page, "release")
    page.locator("table a", has_text="report").nth(1).click()
    page.wait_for_url("**/artifacts/key/support-desk-orders-checkpoint")
    shows(page, "support-desk-orders-checkpoint", "pipeline · support-desk")
    page.go_back()
    page.locator("table a", has_text="orders").first.click()
    page.wait_for_url("**/artifacts/key/support-desk-orders")


def test_release_page_of_the_older_ui_has_the_same_links(finished, page):
    """Whoever stays with Prefect's first UI is not led out of it; there a link opens a page beside this one."""
    own, run = finished
    wanted = {"artifacts": {"key": {"any_": ["support-desk-release"]}, "flow_run_id": {"any_": [run]}}}
    (artifact,) = own.ask("POST", "/artifacts/filter", wanted)
    page.goto(f"{own.ui}/artifacts/artifact/{artifact['id']}")
    with page.expect_popup() as opened:
        page.locator("table a", has_text="report").nth(1).click()
    opened.value.wait_for_url(f"{own.ui}/artifacts/key/support-desk-orders-checkpoint")
    opened.value.close()


def test_progress_of_a_stage_is_a_page(finished, page):
    """The share of its shards, whole when it has ended."""
    own, run = finished
    artifact = open_artifact(page, own, run, "support-desk-orders-progress")
    assert (artifact["type"], artifact["data"]) == ("progress", 100)
    shows(page, "shards of stage orders")
    page.get_by_text("100%").or_(page.get_by_role("progressbar")).first.wait_for()


def test_history_of_an_artifact_over_two_runs_is_one_page(finished, page):
    """Both runs under the key of the stage's table, each of them a link to its run."""
    own, _run = finished
    page.goto(f"{own.ui}/v2/artifacts/key/support-desk-orders")
    shows(page, "support-desk-orders")
    runs = page.locator("a[href*='/runs/flow-run/']", has_text="pipeline · support-desk")
    runs.nth(1).wait_for()
    assert len({link.get_attribute("href") for link in runs.all()}) == 2
    keep(page, "history")


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
