"""The watcher as it is started, on a sweep of an hour: what it enters before that, something has woken it for."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tasks.landing.ledger import Ledger
from tests.landing.conftest import write_landing  # noqa: F401  a fixture
from tests.landing.test_s3 import endpoint, s3  # noqa: F401  fixtures

# Here and not beside the other deployments' tests: a second orchestrator in one process makes its exit hang.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
GOOD = b'{"text": "The kettle hums."}\n'
HOUR = {"sweep_s": 3600, "settle_s": 1.0}
# A file that is still for a second, a look each second, on a machine that others use too.
SOON_S = 8.0
PATIENCE_S = 90.0


@pytest.fixture
def ledger(home, monkeypatch):
    monkeypatch.delenv("TILTH_DATABASE_URL", raising=False)
    ledger = Ledger()
    yield ledger
    ledger.close()


@contextmanager
def watching(config, api):
    """Run the watcher on a landing file; hand out its pid."""
    command = [sys.executable, "-m", "deployments.watcher", "--config", str(config)]
    process = subprocess.Popen(command, env={**os.environ, "PREFECT_API_URL": api}, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    except BaseException:
        process.kill()
        raise
    process.terminate()
    assert process.wait(timeout=30) == 0


def until(holds, seconds):
    """Wait until something holds; return the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not after {seconds:g} s"
        time.sleep(0.05)
    return time.monotonic() - began


def listens_to_folders(pid):
    """Return whether a process has told the kernel of a folder whose changes it wants to hear of."""
    found = []
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found.append(path.read_text())
    return any("inotify wd:" in text for text in found)


def entered(ledger):
    return {entry.name for entry in ledger.entries()}


def test_file_that_lands_is_entered_in_seconds_without_a_sweep(write_landing, ledger, orchestrator, tmp_path):  # noqa: F811
    """The kernel's word wakes it: once idle, and once more after it has gone back to waiting."""
    with watching(write_landing(**HOUR), orchestrator) as pid:
        until(lambda: listens_to_folders(pid), PATIENCE_S)
        for name in ("first", "second"):
            time.sleep(3)  # the look before is over, and nothing that it saw wants another
            (tmp_path / "landing" / f"{name}.jsonl").write_bytes(GOOD.replace(b"kettle", name.encode()))
            until(lambda name=name: f"{name}.jsonl" in entered(ledger), SOON_S)
            until(lambda: ledger.pending() == 0, PATIENCE_S)


def test_file_below_a_folder_that_is_new_is_entered_too(write_landing, ledger, orchestrator, tmp_path):  # noqa: F811
    """Watched with all that is below it, folders made later among them."""
    with watching(write_landing(**HOUR), orchestrator) as pid:
        until(lambda: listens_to_folders(pid), PATIENCE_S)
        time.sleep(3)
        (tmp_path / "landing" / "deep").mkdir()
        (tmp_path / "landing" / "deep" / "a.jsonl").write_bytes(GOOD)
        until(lambda: "a.jsonl" in entered(ledger), SOON_S)


def test_object_that_a_queue_tells_of_is_entered_and_the_queue_emptied(write_landing, ledger, orchestrator, s3):  # noqa: F811
    """The first object is listed at the start; of the second only the bucket's notification can tell."""
    from tasks.landing import _s3

    sqs = _s3.client("sqs")
    queue = sqs.create_queue(QueueName="seeds")["QueueUrl"]
    s3.put_object(Bucket="seeds", Key="in/listed.jsonl", Body=GOOD)
    told = {"QueueArn": "arn:aws:sqs:eu-central-1:123456789012:seeds", "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket="seeds", NotificationConfiguration={"QueueConfigurations": [told]})
    source = {"bucket": {"path": "s3://seeds/in", "queue": queue}}
    with watching(write_landing(sources=source, **HOUR), orchestrator):
        until(lambda: entered(ledger) == {"listed.jsonl"}, PATIENCE_S)
        time.sleep(3)
        s3.put_object(Bucket="seeds", Key="in/told of+ü.jsonl", Body=GOOD * 2)
        until(lambda: "s3://seeds/in/told%20of%2B%C3%BC.jsonl" in {e.uri for e in ledger.entries()}, SOON_S)

        def left():
            said = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
            return said["ApproximateNumberOfMessages"], said["ApproximateNumberOfMessagesNotVisible"]

        until(lambda: left() == ("0", "0"), SOON_S)
