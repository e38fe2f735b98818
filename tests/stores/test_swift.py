"""Where OpenStack Swift's S3 API differs from Amazon's, the store is right against both."""

import concurrent.futures
from pathlib import Path

import pytest

from tasks.core.errors import UserError
from tasks.stores import _s3_calls, _s3_transfer
from tasks.stores.factory import forget_stores, open_store
from tasks.stores.s3 import S3Store
from tests.stores.servers import FaultProxy
from tests.stores.swift import PAGE, missing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def store(swift_bucket) -> S3Store:
    return open_store(f"s3://{swift_bucket}/runs")


def refused(store: S3Store, operation: str, **more) -> str:
    """Return the code with which the server refuses what is asked of it without the store."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        getattr(_s3_calls.client(), operation)(Bucket=store.bucket, **more)
    return caught.value.response["Error"]["Code"]


def test_server_has_no_conditional_puts_and_is_used_without(store):
    """It says NotImplemented to If-None-Match, before it has the body: one who comes later is refused all the same."""
    assert refused(store, "put_object", Key="x", Body=b"1", IfNoneMatch="*") == "NotImplemented"
    value = b"0123456789abcdef" * (16 * 2**16)
    assert store.create("only", value)
    assert not store.create("only", b"later")
    assert store.read("only") == value


def test_of_several_creators_at_once_one_value_stands_whole(store):
    """No more can be had of a server without conditions: whose value it is was told so."""
    values = [bytes([number]) * 3000 for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda value: store.create("only", value), values))
    assert won[values.index(store.read("only"))]


def test_creator_whose_answer_was_lost_is_told_that_it_won(store, swift_server, monkeypatch):
    """Without a condition to turn it down, the second try replaces the first: it is the same put."""
    monkeypatch.setattr(_s3_calls, "_FIRST_WAIT_S", 0.002)
    proxy = FaultProxy(swift_server, cut=0.3, seed=3)
    with proxy.running() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        forget_stores()
        through = open_store(f"s3://{store.bucket}/faulty")
        for number in range(12):
            assert through.create(f"only-{number}", b"x" * 100)
            assert not through.create(f"only-{number}", b"y" * 100)
    assert proxy.did["answer lost"] > 1


def test_large_file_goes_and_comes_in_parts(store, monkeypatch, tmp_path):
    """The ETag of three parts is the same in the answer, in a look and in the listing; no part is left behind."""
    monkeypatch.setattr(_s3_transfer, "PART_BYTES", 5 * 2**20)
    monkeypatch.setattr(_s3_transfer, "_WHOLE_BYTES", 5 * 2**20)
    value = bytes(range(256)) * (12 * 2**12)
    with store.writing("big.bin") as path:
        path.write_bytes(value)
    (listed,) = store.stored("")
    assert listed.version == store.found("big.bin").version
    assert listed.version.strip('"').endswith("-3")
    other = S3Store(store.url, tmp_path / "other machine")
    assert other.local("big.bin").read_bytes() == other.version(listed).read_bytes() == value
    assert list(store.uploads()) == []


def test_upload_has_at_most_a_thousand_parts(store):
    """Amazon takes ten thousand; an object of 5 TB, the most there may be, still fits."""
    client, named = _s3_calls.client(), {"Key": "runs/parts"}
    upload = client.create_multipart_upload(Bucket=store.bucket, **named)["UploadId"]
    client.upload_part(Bucket=store.bucket, **named, UploadId=upload, PartNumber=1_000, Body=b"x")
    more = {**named, "UploadId": upload, "PartNumber": 1_001, "Body": b"x"}
    assert refused(store, "upload_part", **more) == "InvalidArgument"
    store.abort("parts", upload)
    for size in (33 * 2**20, 16 * 2**30, 16 * 2**30 + 1, 5 * 10**12):
        assert _s3_transfer.part_bytes(size) * 1_000 >= size
    assert _s3_transfer.part_bytes(16 * 2**30) < 17.2 * 10**6


def test_listing_goes_on_over_pages(store):
    """The server hands out few keys at a time."""
    keys = [f"{number:02d}" for number in range(3 * PAGE)]
    for key in keys:
        store.write(key, b"1")
    assert _s3_calls.client().list_objects_v2(Bucket=store.bucket)["KeyCount"] == PAGE
    assert list(store.list("")) == keys


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_key_and_wrong_secret_are_one_line(store, monkeypatch, variable):
    """The server says the same of both, so the line names both variables."""
    monkeypatch.setenv(variable, "wrong")
    forget_stores()
    said = r"wrong secret for the access key '.*'; set AWS_SECRET_ACCESS_KEY, or AWS_ACCESS_KEY_ID"
    with pytest.raises(UserError, match=said):
        open_store(store.url)


def test_missing_bucket_is_one_line(store):
    """Its name, and where it was looked for."""
    with pytest.raises(UserError, match=r"there is no bucket 'nobody-has-this' at http://127"):
        open_store("s3://nobody-has-this/x")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_REGION", "eu-central-1"), ("AWS_ENDPOINT_URL", "http://localhost:{port}")],
    ids=["region", "name"],
)
def test_region_and_name_of_the_server_do_not_matter(store, swift_server, monkeypatch, variable, value):
    """The region is learnt from the server's first refusal; the bucket is part of the path, not of a host's name."""
    store.write("x", b"1")
    monkeypatch.setenv(variable, value.format(port=swift_server.rpartition(":")[2]))
    forget_stores()
    assert open_store(store.url).read("x") == b"1"


def test_swift_that_is_not_installed_is_said(monkeypatch, tmp_path):
    """With what installs it: the other tests here skip with that line."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing(tmp_path).startswith("Swift is not installed (swift-ring-builder, swift-account-server,")
    assert missing(tmp_path).endswith("apt-get install swift swift-account swift-container swift-object swift-proxy")


def test_file_system_without_extended_attributes_is_said(swift_server):
    """Swift keeps what it knows of an object in them."""
    assert missing(Path("/proc/self")).startswith("Swift needs extended attributes, which the file system")
