"""S3 and SQS as sources, against moto's server on loopback: the protocol is real, the machine ours."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tasks.core.errors import RecipeError, TransientError, UserError
from tasks.landing import _s3
from tasks.landing.arrivals import look, take
from tasks.landing.keeping import content, keep
from tasks.landing.ledger import Ledger
from tasks.landing.mapping import load_landing
from tasks.landing.sources import ChangedError
from tests.soak.postgres import free_port

pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")
GOOD = b'{"text": "The kettle hums."}\n'
BUCKET = {"bucket": {"path": "s3://seeds/in"}}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()  # noqa: S310  our own server
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def s3(endpoint, monkeypatch):
    """A client of an empty bucket `seeds`; the product's own clients find the same server by AWS's variables."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    request = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")  # noqa: S310  our own server
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    _s3.client.cache_clear()
    client = _s3.client("s3")
    client.create_bucket(Bucket="seeds", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield client
    _s3.client.cache_clear()


@pytest.fixture
def ledger(home):
    ledger = Ledger()
    yield ledger
    ledger.close()


@pytest.fixture
def landing(write_landing):
    return load_landing(write_landing(sources=BUCKET, settle_s=60))


def put(s3, key, body=GOOD):
    s3.put_object(Bucket="seeds", Key=key, Body=body)


def test_objects_below_the_prefix_are_entered_at_the_first_look(s3, landing, ledger):
    """A put is atomic: nothing is waited for. Other prefixes and folder marks do not count."""
    for key in ("in/a.jsonl", "in/deep/b c+ü.jsonl", "in/", "inside/x.jsonl", "in/.hidden.jsonl"):
        put(s3, key, key.encode())
    assert look(landing, ledger).new == 2
    assert look(landing, ledger).landed == 0
    entries = {entry.uri: entry for entry in ledger.entries()}
    assert sorted(entries) == ["s3://seeds/in/a.jsonl", "s3://seeds/in/deep/b%20c%2B%C3%BC.jsonl"]
    for entry in entries.values():
        assert content(entry, landing, ledger).read_bytes().startswith(b"in/")


@pytest.mark.slow
def test_listing_goes_through_every_page(s3, landing, ledger):
    """1,100 objects are two pages of S3's listing."""
    for number in range(1100):
        put(s3, f"in/{number}.jsonl", b"x%d" % (number % 3))
    looked = look(landing, ledger)
    assert (looked.listed, looked.new) == (1100, 3)


def test_object_put_anew_is_a_new_content(s3, landing, ledger):
    """Known by its ETag: the same bytes again are nothing new, other bytes are."""
    put(s3, "in/a.jsonl")
    look(landing, ledger)
    put(s3, "in/a.jsonl")
    assert look(landing, ledger).landed == 0
    put(s3, "in/a.jsonl", GOOD * 2)
    assert look(landing, ledger).new == 1


def versioned(s3):
    s3.put_bucket_versioning(Bucket="seeds", VersioningConfiguration={"Status": "Enabled"})


def test_versions_overwritten_between_two_looks_all_land(s3, ledger, write_landing):
    """With `versions: all` each of them is a content of its own, read once, whatever was put after it or removed."""
    landing = load_landing(write_landing(sources={"bucket": BUCKET["bucket"] | {"versions": "all"}}))
    versioned(s3)
    for number in range(3):
        put(s3, "in/a.jsonl", GOOD * (number + 1))
    s3.delete_object(Bucket="seeds", Key="in/a.jsonl")
    assert look(landing, ledger).new == 3
    assert look(landing, ledger).landed == 0
    put(s3, "in/a.jsonl", GOOD * 4)
    assert look(landing, ledger).new == 1
    kept = sorted(content(entry, landing, ledger).read_bytes().count(b"\n") for entry in ledger.entries())
    assert kept == [1, 2, 3, 4]
    assert all("in/a.jsonl?versionId=" in entry.uri for entry in ledger.entries())


def test_notice_of_a_version_that_is_overwritten_by_now_enters_that_version(s3, ledger, write_landing):
    """S3 names the version in its notices; a source of current versions takes the object as it is."""
    versioned(s3)
    first = s3.put_object(Bucket="seeds", Key="in/a.jsonl", Body=GOOD)["VersionId"]
    put(s3, "in/a.jsonl", GOOD * 2)
    (uri,) = _s3.uris_of(json.dumps(_event("in/a.jsonl", version=first)).replace('"b"', '"seeds"'))
    for versions, lines in (("all", 1), ("current", 2)):
        landing = load_landing(write_landing(sources={"bucket": BUCKET["bucket"] | {"versions": versions}}))
        assert take([uri], landing, ledger).new == 1
        newest = ledger.entries()[0]
        assert content(newest, landing, ledger).read_bytes() == GOOD * lines


def test_versions_are_for_buckets(write_landing):
    """A folder keeps none."""
    with pytest.raises(RecipeError, match="versions: all is for S3 sources; path is 'here'"):
        load_landing(write_landing(sources={"folder": {"path": "here", "versions": "all"}}))


def test_object_replaced_between_listing_and_reading_is_not_mixed_up(s3, landing):
    """Read on the condition that it is still the object that was listed."""
    source = _s3.Bucket("bucket", "s3://seeds/in")
    put(s3, "in/a.jsonl")
    (item,) = source.list()
    put(s3, "in/a.jsonl", GOOD * 2)
    with pytest.raises(ChangedError):
        keep(source, item, "a.jsonl")
    s3.delete_object(Bucket="seeds", Key="in/a.jsonl")
    with pytest.raises(ChangedError):
        keep(source, item, "a.jsonl")


def test_queue_of_notifications_is_entered_and_then_emptied(s3, landing, ledger):
    """Sent by the bucket itself; a message goes once what it tells is in the ledger; a duplicate is nothing new."""
    sqs = _s3.client("sqs")
    queue = sqs.create_queue(QueueName="seeds")["QueueUrl"]
    told = {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:eu-central-1:123456789012:seeds"}]}
    told["QueueConfigurations"][0]["Events"] = ["s3:ObjectCreated:*"]
    s3.put_bucket_notification_configuration(Bucket="seeds", NotificationConfiguration=told)
    put(s3, "in/a b+ü.jsonl")
    put(s3, "in/a b+ü.jsonl")
    found = []
    for _ in range(10):
        notices = _s3.receive(queue, 0)
        if not notices.uris:
            notices.done()
            continue
        found += notices.uris
        assert take(notices.uris, landing, ledger).problems == []
        notices.done()
    assert set(found) == {"s3://seeds/in/a%20b%2B%C3%BC.jsonl"}
    assert len(ledger.entries()) == 1
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == left["ApproximateNumberOfMessagesNotVisible"] == "0"


def _event(key, name="ObjectCreated:Put", version=None):
    one = {"key": key} | ({"versionId": version} if version else {})
    return {"Records": [{"eventName": name, "s3": {"bucket": {"name": "b"}, "object": one}}]}


@pytest.mark.parametrize(
    ("body", "uris"),
    [
        (json.dumps(_event("in/a+b%2Bc.jsonl")), ["s3://b/in/a%20b%2Bc.jsonl"]),
        (json.dumps({"Message": json.dumps(_event("x"))}), ["s3://b/x"]),
        (json.dumps(_event("x", "ObjectRemoved:Delete")), []),
        ('{"Event": "s3:TestEvent"}', []),
        ("no JSON", []),
        ("[1]", []),
        ('{"Records": [{"eventName": "ObjectCreated:Put", "s3": null}]}', []),
    ],
    ids=["keys are URL-encoded", "through SNS", "removed", "test event", "no JSON", "a list", "no object"],
)
def test_only_what_was_created_is_read_from_a_message(body, uris):
    """Whatever else a queue holds is nothing that landed."""
    assert _s3.uris_of(body) == uris


def test_bucket_that_is_not_there_is_one_line(s3, ledger, write_landing):
    """The source's place and S3's own word, among the problems of the look."""
    landing = load_landing(write_landing(sources={"bucket": {"path": "s3://nothing-here/in"}}))
    (problem,) = look(landing, ledger).problems
    assert problem.startswith("s3://nothing-here: ")
    assert "NoSuchBucket" in problem


def test_server_that_does_not_answer_is_to_be_tried_again(s3, monkeypatch):
    """Nobody listens: TransientError with the endpoint."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    _s3.client.cache_clear()
    with pytest.raises(TransientError, match=r"s3://seeds: .*127\.0\.0\.1"):
        list(_s3.Bucket("bucket", "s3://seeds/in").list())


def test_missing_credentials_are_one_line(endpoint, monkeypatch):
    """What boto3 says, in one line of ours."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    _s3.client.cache_clear()
    with pytest.raises(UserError, match="s3://seeds: Unable to locate credentials"):
        list(_s3.Bucket("bucket", "s3://seeds").list())
    _s3.client.cache_clear()


@pytest.mark.parametrize("uri", ["s3://", "s3:///key", "s3://UPPER/x"])
def test_path_without_a_bucket_is_refused(uri):
    """Said when the landing file is opened."""
    with pytest.raises(RecipeError, match="names no bucket; write s3://bucket/prefix"):
        _s3.Bucket("bucket", uri)
