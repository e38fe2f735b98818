"""A server that turns down every fifth call and breaks connections: nothing is lost, nothing partial is seen."""

import threading
import time

import pytest

from tasks.core.errors import TransientError
from tasks.stores import _s3_calls, _s3_transfer
from tasks.stores.factory import forget_stores, open_store
from tasks.stores.s3 import S3Store
from tests.stores.servers import FaultProxy


@pytest.fixture
def quick(monkeypatch):
    """Retries in milliseconds, parts of 5 MiB."""
    monkeypatch.setattr(_s3_calls, "_FIRST_WAIT_S", 0.002)
    monkeypatch.setattr(_s3_transfer, "PART_BYTES", 5 * 2**20)
    monkeypatch.setattr(_s3_transfer, "_WHOLE_BYTES", 5 * 2**20)


@pytest.fixture
def through(bucket, endpoint, quick, monkeypatch):
    """Open a store through a proxy with the faults given."""

    def open_through(proxy: FaultProxy, url: str) -> S3Store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        forget_stores()
        return open_store(f"s3://{bucket}/faulty")

    return open_through


def values(count: int) -> dict[str, bytes]:
    return {f"shards/{number:03d}": bytes([number % 251]) * (1000 + 37 * number) for number in range(count)}


def test_nothing_is_lost_when_calls_fail(bucket, endpoint, through, tmp_path):
    """A fifth of all calls is answered 503, a fifth of the bodies broken off: every value is there, and right."""
    proxy = FaultProxy(endpoint, slow_down=0.2, cut=0.2, seed=1)
    expected = values(60)
    with proxy.running() as url:
        store = through(proxy, url)
        for key, value in expected.items():
            with store.writing(key) as path:
                path.write_bytes(value)
        reader = S3Store(store.url, tmp_path / "other machine")
        assert {key: reader.local(key).read_bytes() for key in reader.list("shards")} == expected
        assert {key: reader.read(key) for key in expected} == expected
    for fault in ("503", "upload cut", "answer lost", "download cut"):
        assert proxy.did[fault] > 3


@pytest.mark.slow
def test_no_partial_object_is_ever_seen(bucket, endpoint, through):
    """One who looks all the time, past the faults, sees whole values of 12 MiB, or none."""
    import boto3

    proxy = FaultProxy(endpoint, slow_down=0.2, cut=0.3, seed=2)
    wrong, stop = [], threading.Event()
    plain = boto3.client("s3", endpoint_url=endpoint)
    value = b"0123456789abcdef" * (12 * 2**16)

    def sizes() -> list[tuple[str, int]]:
        listed = plain.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [(item["Key"], item["Size"]) for item in listed]

    def watch() -> None:
        while not stop.is_set():
            wrong.extend(item for item in sizes() if item[1] != len(value))
            time.sleep(0.02)

    with proxy.running() as url:
        store = through(proxy, url)
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            for number in range(6):
                store.write(f"big-{number}", value)
        finally:
            stop.set()
            watcher.join()
    assert wrong == []
    assert sizes() == [(f"faulty/big-{number}", len(value)) for number in range(6)]
    assert "Uploads" not in plain.list_multipart_uploads(Bucket=bucket)
    assert proxy.did["upload cut"] + proxy.did["answer lost"] > 3


def test_put_whose_answer_was_lost_still_counts_as_ours(bucket, endpoint, through):
    """The condition turns down our own second try: it is known by its mark, so the creator is told that it won."""
    won = 0
    proxy = FaultProxy(endpoint, cut=0.5, seed=3)
    with proxy.running() as url:
        store = through(proxy, url)
        for number in range(30):
            won += store.create(f"only-{number}", b"x" * 100)
            assert not store.create(f"only-{number}", b"y" * 100)
    assert won == 30
    assert proxy.did["answer lost"] > 3


def test_server_that_only_fails_is_an_error_that_may_pass(bucket, endpoint, through, monkeypatch):
    """After nine tries, with what S3 said; nothing is left of the upload."""
    proxy = FaultProxy(endpoint)
    with proxy.running() as url:
        store = through(proxy, url)
        proxy.slow_down = 1.0
        with pytest.raises(TransientError, match=r"faulty/x: Please reduce.*\(SlowDown\), 9 times in a row"):
            store.write("x", b"1")
        proxy.slow_down = 0.0
        assert list(store.list("")) == []
    assert proxy.did["503"] == 9


def test_server_that_closes_every_connection_is_an_error_that_may_pass(bucket, endpoint, through):
    """Nothing came back that could say why: the line says just that."""
    proxy = FaultProxy(endpoint)
    with proxy.running() as url:
        store = through(proxy, url)
        proxy.cut = 1.0
        with pytest.raises(TransientError, match=r"faulty/x: Connection was closed.*, 9 times in a row"):
            store.write("x", b"1")
