"""From where a store is said to be to the store."""

import os
from functools import cache
from pathlib import Path

from tasks.core.errors import UserError
from tasks.core.manifest import digest
from tasks.core.settings import settings
from tasks.core.store import Store
from tasks.stores.local import LocalStore


def is_s3(place: str | Path) -> bool:
    """Return whether a place is a bucket, not a folder."""
    return str(place).startswith("s3:/")


def open_store(place: str | Path) -> Store:
    """Return the store of a folder, or of s3://bucket/prefix; a bucket is looked into once, so that errors come early.

    Errors: UserError for a bucket that is not there or may not be used, or an address of another kind.
    """
    if isinstance(place, Path):
        return LocalStore(place)
    if place.startswith("s3://"):
        return _bucket(place.rstrip("/"), settings().work / "cache" / "s3", os.getpid())
    if "://" in place:
        raise UserError(f"unknown store '{place}'; have: s3://bucket/prefix, or the path of a folder")
    return LocalStore(Path(place))


@cache
def _bucket(url: str, cache: Path, _process: int) -> Store:
    from tasks.stores._s3_calls import endpoint  # noqa: PLC0415  a folder needs none of it
    from tasks.stores.s3 import S3Store  # noqa: PLC0415  a folder needs none of it

    store = S3Store(url, cache / digest([endpoint(), url])[:16])
    store.check()
    return store


def work_store() -> Store:
    """Return where shards, their manifests and the list of runs lie: TILTH_STORE, else the work folder."""
    return open_store(settings().store or settings().work)


def forget_stores() -> None:
    """Look into every bucket anew: where AWS's variables were changed."""
    from tasks.stores._s3_calls import forget_client  # noqa: PLC0415  a folder needs none of it

    forget_client()
    _bucket.cache_clear()
