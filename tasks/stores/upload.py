"""A finished release in a bucket: its files first, its manifest last, so that what has a manifest is whole."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.core.errors import UserError
from tasks.core.manifest import digest
from tasks.core.settings import settings
from tasks.publish import MANIFEST, PARTS, claim
from tasks.stores.factory import is_s3, open_store
from tasks.stores.s3 import S3Store

_AT_ONCE = 4


def url_of(out: str | Path) -> str | None:
    """Return the s3:// address that an OUT is, also where a path has lost its second slash; None for a folder."""
    text = str(out)
    return f"s3://{text.removeprefix('s3:').strip('/')}" if is_s3(text) else None


def outbox(url: str) -> Path:
    """Return the folder of this machine where the release for a bucket is built, and stays as a copy."""
    return settings().work / "outbox" / digest(url.rstrip("/"))[:16]


def claim_place(out: str | Path, identity: str, *, resume: bool, overwrite: bool) -> tuple[Path, Path]:
    """Mark OUT, a folder or an s3:// address, as this run's; return the release's folder and an empty one to build in.

    Errors: as `claim`; UserError where a bucket cannot be used, or holds another run's release and neither was asked
    for.
    """
    url = url_of(out)
    if url is None:
        return Path(out), claim(Path(out), identity, resume=resume, overwrite=overwrite)
    there = _release_at(_bucket(url))
    if there is not None and not (resume or overwrite or there == identity):
        raise UserError(f"'{url}' holds a finished run; add --resume or --overwrite, or name another --out")
    return outbox(url), claim(outbox(url), identity, resume=True, overwrite=True)


def upload_release(folder: Path, url: str, identity: str) -> str:
    """Put a finished release below s3://bucket/prefix and return that.

    An earlier release loses its manifest first: at no moment does a manifest stand beside files that are not its own.
    Files that are there already, byte for byte, are not sent again. Of several uploads of the same release at once
    each is whole; the manifest is put once.
    """
    store = _bucket(url)
    if not (folder / MANIFEST).is_file():
        raise UserError(f"'{folder}' holds no finished release")
    files = sorted(path.relative_to(folder).as_posix() for name in PARTS for path in _files(folder / name))
    if _release_at(store) != identity or store.read(MANIFEST) != (folder / MANIFEST).read_bytes():
        store.delete([MANIFEST])
    _send(store, folder, files)
    store.delete(_stale(store, files))
    store.write(".tilth/run.json", json.dumps({"identity": identity, "state": "done"}).encode())
    store.create(MANIFEST, (folder / MANIFEST).read_bytes())
    return url


def _bucket(url: str) -> S3Store:
    store = open_store(url)
    if not isinstance(store, S3Store):
        raise UserError(f"'{url}' names no bucket; write s3://bucket/prefix")
    if not store.prefix:
        raise UserError(f"'{url}' is a whole bucket; write s3://bucket/prefix, the release has that to itself")
    return store


def _release_at(store: S3Store) -> str | None:
    """Return the identity of the release that is there; None where there is none."""
    if not store.exists(MANIFEST):
        return None
    try:
        return str(json.loads(store.read(".tilth/run.json"))["identity"])
    except (FileNotFoundError, ValueError, KeyError):
        return ""


def _files(part: Path) -> list[Path]:
    return [path for path in part.rglob("*") if path.is_file()] if part.is_dir() else [part] * part.is_file()


def _send(store: S3Store, folder: Path, files: Sequence[str]) -> None:
    def one(key: str) -> None:
        if not store.holds(key, folder / key):
            store.put(key, folder / key)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="tilth-release") as pool:
        list(pool.map(one, files))


def _stale(store: S3Store, files: Sequence[str]) -> list[str]:
    """Return what an earlier release has left: only what a release may hold."""
    kept = set(files)
    below = (key for name in PARTS if "." not in name for key in store.list(name))
    return sorted(key for key in below if key not in kept)
