"""A store in a bucket: values below s3://bucket/prefix, and a folder of this machine where the fetched ones lie."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.core.errors import TransientError
from tasks.core.manifest import digest
from tasks.stores._s3_calls import CONNECTIONS, MISSING, RefusedError, client, tried
from tasks.stores._s3_transfer import Found, Place, create, digest_of, fetch, get, head, put
from tasks.stores.keys import checked, is_safe, s3_place, safe_name
from tasks.stores.local import explained
from tasks.stores.sweep import Stored

_REPLACED_WHILE_READ = 3


class S3Store:
    """Values as objects; each appears by one put, or by the last request of an upload in parts.

    A value that was fetched or put is kept in `cache`, by its ETag; one look a process says whether it is still that
    one. Keys are made of digests, so what was looked at once is taken as it is from then on.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self.url, self.cache = url, cache.absolute()
        self.bucket, self.prefix = s3_place(url)
        self._known: dict[str, Path] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as what it was made of: connections stay here."""
        return S3Store, (self.url, self.cache)

    def check(self) -> None:
        """Raise UserError where the bucket cannot be listed; TransientError where that may pass."""
        wanted = {"Bucket": self.bucket, "Prefix": self._full(""), "MaxKeys": 1}
        tried(self.url, lambda: client().list_objects_v2(**wanted), attempts=5)

    def exists(self, key: str) -> bool:
        return head(self._place(key)) is not None

    def read(self, key: str) -> bytes:
        return get(self._place(key))

    def write(self, key: str, value: bytes) -> None:
        put(self._place(key), value)
        self._known.pop(key, None)

    def create(self, key: str, value: bytes) -> bool:
        """Put a value where there is none yet; return whether this call did: of several at once one does."""
        return create(self._place(key), value)

    def put(self, key: str, path: Path) -> None:
        """Put a file as it is, without a copy in the cache."""
        put(self._place(key), path)
        self._known.pop(key, None)

    def holds(self, key: str, path: Path) -> bool:
        """Return whether the bytes of a file are there already."""
        found = head(self._place(key))
        return found is not None and found.bytes == path.stat().st_size and found.digest == digest_of(path)

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        place = self._place(key)
        with self._part(key) as part:
            with explained(part):
                yield part
            etag = put(place, part)
            part.chmod(0o644)
            self._keep(key, etag, part)

    def local(self, key: str) -> Path:
        known = self._known.get(key)
        if known is not None and known.is_file():
            return known
        place = self._place(key)
        for _ in range(_REPLACED_WHILE_READ):
            found = head(place)
            if found is None:
                raise FileNotFoundError(str(place))
            path = self._cached(key, found.etag)
            if path.is_file() and path.stat().st_size == found.bytes:
                os.utime(path)  # when it was last asked for is what `tilth gc` goes by
                self._known[key] = path
                return path
            if fetched := self._fetched(key, place, found):
                return fetched
        raise TransientError(f"{place}: replaced again and again while it was read")

    def list(self, prefix: str) -> Iterator[str]:
        return (item.key for item in self.stored(prefix))

    def stored(self, prefix: str) -> Iterator[Stored]:
        """Return what is below a prefix, sorted by key, page by page; keys that no store may have are left out."""
        base = self._full(f"{checked(prefix.rstrip('/'))}/" if prefix.strip("/") else "")
        for page in _pages("list_objects_v2", self.url, ("ContinuationToken",), Bucket=self.bucket, Prefix=base):
            for item in page.get("Contents", ()):
                key = item["Key"].removeprefix(self._full(""))
                if is_safe(key):
                    yield Stored(key, item["Size"], item["LastModified"].timestamp(), item["ETag"])

    def found(self, key: str) -> Stored | None:
        """Return one value as a listing would; None where there is none."""
        there = head(self._place(key))
        return Stored(key, there.bytes, 0.0, there.etag) if there else None

    def version(self, item: Stored) -> Path:
        """Return a local file with this version of a value; TransientError where there is another one by now."""
        path = self._cached(item.key, item.version)
        if not path.is_file():
            place = self._place(item.key)
            there = head(place)
            fetched = self._fetched(item.key, place, there) if there and there.etag == item.version else None
            if fetched is None:
                raise TransientError(f"{place}: replaced while it was read; run the same command again")
            return fetched
        os.utime(path)
        return path

    def delete(self, keys: Sequence[str]) -> None:
        """Delete values; one that is not there is fine."""
        # One by one: servers differ in which checksum they want of the request that deletes many.
        with ThreadPoolExecutor(CONNECTIONS // 2, thread_name_prefix="tilth-s3") as pool:
            list(pool.map(self._delete, keys))

    def uploads(self) -> Iterator[tuple[str, str, float]]:
        """Return (key, id, start in seconds since 1970) of uploads in parts that have not ended."""
        marks = ("KeyMarker", "UploadIdMarker")
        named = {"Bucket": self.bucket, "Prefix": self._full("")}
        for page in _pages("list_multipart_uploads", self.url, marks, **named):
            for item in page.get("Uploads", ()):
                yield item["Key"].removeprefix(self._full("")), item["UploadId"], item["Initiated"].timestamp()

    def abort(self, key: str, upload: str) -> None:
        """Take back the parts of an upload that will not end."""
        named = {"Bucket": self.bucket, "Key": self._full(key), "UploadId": upload}
        try:
            tried(self.url, lambda: client().abort_multipart_upload(**named))
        except RefusedError:
            return  # it has ended meanwhile

    def _delete(self, key: str) -> None:
        place = self._place(key)
        try:
            tried(str(place), lambda: client().delete_object(**place.named))
        except RefusedError as exc:
            if exc.code not in MISSING:
                raise
        self._known.pop(key, None)

    def _fetched(self, key: str, place: Place, found: Found) -> Path | None:
        with self._part(key) as part:
            with explained(part):
                whole = fetch(place, found, part)
            return self._keep(key, found.etag, part) if whole else None

    @contextmanager
    def _part(self, key: str) -> Iterator[Path]:
        """Hand out an empty file beside those that are kept, gone at the end."""
        home = self.cache / "parts"
        with explained(home / "part"):
            home.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=home, suffix=f"-{safe_name(key)}")
            os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _keep(self, key: str, etag: str, part: Path) -> Path:
        """Move a whole file to where `local` finds it."""
        path = self._cached(key, etag)
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.replace(path)
        self._known[key] = path
        return path

    def _cached(self, key: str, etag: str) -> Path:
        """Return where a version is kept: the file's name ends as the key does, so that its kind shows."""
        return self.cache / "objects" / digest(key)[:2] / f"{digest([key, etag])}-{safe_name(key)}"

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _place(self, key: str) -> Place:
        return Place(self.bucket, self._full(checked(key)))


def _pages(operation: str, url: str, marks: tuple[str, ...], **named: Any) -> Iterator[dict[str, Any]]:
    """Return the pages of a listing, each tried again alone."""
    after: dict[str, Any] = {}
    while True:
        page = tried(url, lambda after=after: getattr(client(), operation)(**named, **after))  # type: ignore[misc]
        yield page
        if not page.get("IsTruncated"):
            return
        after = {mark: page[f"Next{mark}"] for mark in marks}
