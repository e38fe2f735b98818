"""Where Prefect keeps the results of a run whose shards lie in a bucket: beside them, so that every machine finds them.

Prefect takes a block for its results from a decorator or a setting only where a server has it saved. A saved block has
another id on each server, and a record that names it is of no use to the others; so ours is saved nowhere: it is handed
to the flow run itself, is made of the store's address alone, and travels to other processes as that.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.filesystems import WritableFileSystem
from prefect.results import get_result_store
from prefect.utilities.asyncutils import run_sync_in_worker_thread
from pydantic import Field

from tasks.core.store import Store
from tasks.stores.factory import open_store
from tasks.stores.keys import RESULTS
from tasks.stores.s3 import S3Store

# Prefect reads a record by the serializer that the record names: pickle, or a JSON whose objects name what to import.
# Whoever may write to the bucket would run what he likes on every machine that reads it.
_PLAIN = {"type": "json", "object_encoder": None, "object_decoder": None}


class BucketResults(WritableFileSystem):
    """Results as values below `results/` of a store; who may open it is known to AWS's own variables alone."""

    _block_type_name = "Tilth bucket"
    _block_type_slug = "tilth-bucket"

    url: str = Field(description="s3://bucket/prefix of the store")

    def read_path(self, path: str, **_how: Any) -> bytes:
        """Return a record that is read as JSON and no more, whatever it says of itself."""
        record = json.loads(open_store(self.url).read(self._key(path)))
        record["metadata"]["serializer"] = _PLAIN
        return json.dumps(record).encode()

    def write_path(self, path: str, content: bytes, **_how: Any) -> None:
        """Put a record."""
        open_store(self.url).write(self._key(path), content)

    async def aread_path(self, path: str) -> bytes:
        """Return a record, as `read_path`."""
        return await run_sync_in_worker_thread(self.read_path, path)

    async def awrite_path(self, path: str, content: bytes) -> None:
        """Put a record, as `write_path`."""
        await run_sync_in_worker_thread(self.write_path, path, content)

    def _resolve_path(self, path: str) -> str:
        """Return the address of a result, which is what Prefect notes of it."""
        return f"{self.url}/{self._key(path)}"

    def _key(self, path: str) -> str:
        return f"{RESULTS}/{path.removeprefix(f'{self.url}/{RESULTS}/')}"


@contextmanager
def results_beside(store: Store) -> Iterator[None]:
    """Let the tasks of this flow run keep their results in the store, where it is a bucket."""
    if not isinstance(store, S3Store):
        yield
        return
    results = get_result_store()
    before, results.result_storage = results.result_storage, BucketResults(url=store.url)
    try:
        yield
    finally:
        results.result_storage = before
