"""What runs when seeds land in a bucket: the object named by a notification becomes a release, told of as such."""

import json

import pytest

from tasks.landing.ledger import Ledger
from tests.flows.test_seeds import ROUTE, lines, run, write_landing  # noqa: F401  fixtures
from tests.landing.test_s3 import BUCKET, endpoint, s3  # noqa: F401  fixtures

pytestmark = pytest.mark.usefixtures("orchestrator")


@pytest.fixture
def ledger(home, monkeypatch):
    monkeypatch.delenv("TILTH_DATABASE_URL", raising=False)
    ledger = Ledger()
    yield ledger
    ledger.close()


def artifacts(key):
    """Return the texts of the latest artifact of a key."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        asked = {"artifacts": {"key": {"any_": [key]}}}
        return [found["data"] for found in client.request("POST", "/artifacts/latest/filter", json=asked).json()]


def test_object_that_a_notification_names_is_released(write_landing, s3, ledger, tmp_path):  # noqa: F811
    """One run, no watcher: read from the bucket, released with its rows; the artifact names the folder it is in."""
    config = write_landing(sources=BUCKET)
    s3.put_object(Bucket="seeds", Key="in/a b.jsonl", Body=lines("one two three", "four five six").encode())
    assert run(config, uris=["s3://seeds/in/a%20b.jsonl"]) == {"released": 1}
    (entry,) = ledger.entries()
    assert (entry.uri, entry.rows) == ("s3://seeds/in/a%20b.jsonl", 2)
    place = tmp_path / "releases" / "texts" / entry.id
    assert json.loads((place / "manifest.json").read_text())["rows"] == 2
    (said,) = artifacts("landed-release")
    assert f"`{place}/data/`" in said


def test_gate_that_stops_leaves_an_artifact_that_names_where_it_is_kept(write_landing, s3, ledger, tmp_path):  # noqa: F811
    """Apart from the releases, and marked as incomplete."""
    expect = [{"type": "expect_column_values_to_be_between", "column": "n_chars", "max_value": 3}]
    stage = {"name": "shuffled", "method": "word_shuffle", "inputs": ["landed"], "per_seed": 1, "expect": expect}
    config = write_landing(stage, sources=BUCKET, routes=[ROUTE])
    s3.put_object(Bucket="seeds", Key="in/c.jsonl", Body=lines("seven eight nine").encode())
    assert run(config, uris=["s3://seeds/in/c.jsonl"]) == {"rejected": 1}
    (entry,) = ledger.entries()
    kept = tmp_path / "releases" / ".stopped" / "texts" / entry.id
    assert (kept / "data").is_dir()
    (said,) = artifacts("landed-release")
    assert f"`{kept}/data/`" in said
    assert "**Incomplete:**" in said
