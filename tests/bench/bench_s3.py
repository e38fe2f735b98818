"""The S3 store against Arrow's own S3 file system and boto3's transfers, on one server: moto's, on loopback.

The server is one Python process, which bounds every rate here; the figures compare clients, not buckets.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

from tests.bench.measure import Row, rate, row

_MB = 2**20


def bench() -> Iterable[Row]:
    """Yield small values a second and megabytes a second, each way."""
    from tests.stores.servers import ENVIRONMENT, moto

    with moto() as url, mock.patch.dict(os.environ, ENVIRONMENT | {"AWS_ENDPOINT_URL": url}):
        folder = Path(tempfile.mkdtemp(prefix="tilth-bench-"))
        try:
            yield from _against(url, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _against(url: str, folder: Path) -> Iterable[Row]:
    import boto3
    from pyarrow import fs

    from tasks.stores.s3 import S3Store

    boto = boto3.client("s3")
    boto.create_bucket(Bucket="bench", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    store = S3Store("s3://bench/ours", folder / "cache")
    arrow = fs.S3FileSystem(endpoint_override=url, region="eu-central-1", access_key="test", secret_key="test")  # noqa: S106  moto takes any
    small = b"x" * 2_000

    def write_arrow(key: str, value: bytes) -> None:
        with arrow.open_output_stream(f"bench/arrow/{key}") as out:
            out.write(value)

    def read_arrow(key: str) -> bytes:
        with arrow.open_input_stream(f"bench/arrow/{key}") as stream:
            return stream.read()

    keys = [f"shards/{number:03d}.json" for number in range(60)]
    put = rate(lambda: [store.write(key, small) for key in keys], len(keys))
    theirs = rate(lambda: [write_arrow(key, small) for key in keys], len(keys))
    yield row("s3 manifests put/s, peer pyarrow.fs", put, theirs, "")
    got = rate(lambda: [store.read(key) for key in keys], len(keys))
    theirs = rate(lambda: [read_arrow(key) for key in keys], len(keys))
    yield row("s3 manifests read/s, peer pyarrow.fs", got, theirs, "")

    big = folder / "big.bin"
    big.write_bytes(os.urandom(_MB) * 96)
    ours = rate(lambda: store.put("big.bin", big), 96)
    theirs = rate(lambda: boto.upload_file(str(big), "bench", "boto/big.bin"), 96)
    yield row("s3 upload MiB/s, 96 MiB, peer boto3 upload_file", ours, theirs, "checked by MD5")

    def fetch() -> None:
        S3Store(store.url, Path(tempfile.mkdtemp(dir=folder))).local("big.bin")

    ours = rate(fetch, 96)
    theirs = rate(lambda: boto.download_file("bench", "boto/big.bin", str(folder / "boto.bin")), 96)
    yield row("s3 download MiB/s, 96 MiB, peer boto3 download_file", ours, theirs, "checked by xxh3")
