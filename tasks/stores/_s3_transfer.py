"""Bytes to S3 and back: in parts where there are many, several at once, each tried again alone, all of it checked."""

import base64
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import xxhash

from tasks.core.errors import TilthError, TransientError
from tasks.stores._s3_calls import CHANGED, MISSING, RefusedError, client, tried

PART_BYTES = 16 * 2**20
# Below this one request is faster than the three or more of an upload in parts.
_WHOLE_BYTES = 2 * PART_BYTES
# OpenStack Swift takes a thousand, Amazon ten times as many: from 16 GiB on, parts grow.
_MAX_PARTS = 1_000
_AT_ONCE = 4
# Ours, in the metadata of every object: the xxh3-128 of its bytes, and which put it came with.
DIGEST, _PUT = "tilth-digest", "tilth-put"
_NO_CONDITIONS = frozenset(("501", "NotImplemented"))


@dataclass(frozen=True, slots=True)
class Place:
    """An object: its bucket and its whole key there."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def named(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key}


@dataclass(frozen=True, slots=True)
class Found:
    """What S3 says of an object; `digest` and `put` are empty where somebody else put it."""

    etag: str
    bytes: int
    digest: str
    put: str


def head(place: Place) -> Found | None:
    """Return what there is at a place; None where there is nothing."""
    try:
        said = tried(str(place), lambda: client().head_object(**place.named))
    except RefusedError as exc:
        if exc.code in MISSING:
            return None
        raise
    notes = {name.lower(): value for name, value in said.get("Metadata", {}).items()}
    return Found(said["ETag"], said["ContentLength"], notes.get(DIGEST, ""), notes.get(_PUT, ""))


def get(place: Place) -> bytes:
    """Return the bytes of an object; FileNotFoundError where there is none."""
    try:
        return tried(str(place), lambda: _body(client().get_object(**place.named)))
    except RefusedError as exc:
        raise FileNotFoundError(str(place)) from exc


def _body(answer: Any) -> bytes:
    """Return a whole body; botocore raises where it is shorter than it was said to be."""
    with closing(answer["Body"]) as body:
        return bytes(body.read())


def fetch(place: Place, found: Found, path: Path) -> bool:
    """Write exactly this version of an object to a file; False where it is no longer that version.

    TransientError where the bytes are not those that were put.
    """
    with path.open("wb") as file:
        file.truncate(found.bytes)
        whole = found.bytes <= _WHOLE_BYTES
        size = max(found.bytes, 1) if whole else PART_BYTES
        spans = [(start, min(start + size, found.bytes)) for start in range(0, max(found.bytes, 1), size)]
        try:
            _all_of(spans, lambda span: _fetch_span(place, found.etag, span, file, whole=whole))
        except RefusedError as exc:
            if exc.code in CHANGED | MISSING:
                return False
            raise
    if found.digest and digest_of(path) != found.digest:
        raise TransientError(f"{place}: the bytes that came are not those that were put")
    return True


def _fetch_span(place: Place, etag: str, span: tuple[int, int], file: BinaryIO, *, whole: bool) -> None:
    start, end = span
    wanted = {} if whole else {"Range": f"bytes={start}-{end - 1}"}

    def span_once() -> bytes:
        return _body(client().get_object(**place.named, IfMatch=etag, **wanted))

    value = tried(str(place), span_once)
    if len(value) != end - start:
        raise TransientError(f"{place}: {len(value)} bytes came instead of {end - start}")
    os.pwrite(file.fileno(), value, start)


def put(place: Place, source: Path | bytes) -> str:
    """Put a file or bytes in one visible step, in place of what is there, and return the ETag."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    notes = _notes(source)
    try:
        if size <= _WHOLE_BYTES:
            return _put_whole(place, _slice(source, 0, size), notes, {})
        return _put_parts(place, source, size, notes)
    except RefusedError as exc:
        # The upload has ended by an earlier try of our own whose answer was lost.
        if there := _ours(place, notes):
            return there.etag
        raise TransientError(f"{place}: the upload broke off ({exc.code})") from exc


def create(place: Place, value: bytes) -> bool:
    """Put bytes where there are none yet and return whether this call did (`If-None-Match: *`).

    By one request: servers came to know the condition there first, and only there can one that does not be told. One
    that says that it has none (OpenStack Swift) gets a put without it: then, of several at once, the last one's value
    stands whole, and others may have been told that theirs does. Reads and writes alone cannot do better: Herlihy 1991,
    Wait-free synchronization, https://doi.org/10.1145/114005.102808.
    """
    # A server that ignores the condition does so in silence: one look before narrows what it can do to a race.
    if head(place):
        return False
    notes = _notes(value)
    try:
        _put_whole(place, value, notes, {"IfNoneMatch": "*"})
    except RefusedError as exc:
        if exc.code in _NO_CONDITIONS:
            _put_whole(place, value, notes, {})
        # What stands there may be an earlier try of our own whose answer was lost.
        return _ours(place, notes) is not None
    return True


def _notes(source: Path | bytes) -> dict[str, str]:
    return {DIGEST: digest_of(source), _PUT: secrets.token_hex(8)}


def _ours(place: Place, notes: dict[str, str]) -> Found | None:
    there = head(place)
    return there if there and there.put == notes[_PUT] else None


def _put_whole(place: Place, body: bytes, notes: dict[str, str], condition: dict[str, str]) -> str:
    """Put by one request and return the ETag; RefusedError also where the server says that it has no conditions."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  heavy, and an extra

    sent = {**place.named, "Body": body, "ContentMD5": _md5(body), "Metadata": notes, **condition}

    def once() -> Any:
        try:
            return client().put_object(**sent)
        except ClientError as exc:
            code = exc.response.get("Error", {}).get("Code")
            if condition and code in _NO_CONDITIONS:
                raise RefusedError(code) from exc
            raise

    # Swift says none of a put that another one, later by its clock, was ahead of.
    return str(tried(str(place), once).get("ETag") or f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')


def _put_parts(place: Place, source: Path | bytes, size: int, notes: dict[str, str]) -> str:
    """Upload in parts: what came before the last request is invisible, and taken back where that is not reached."""
    part = part_bytes(size)
    upload = tried(str(place), lambda: client().create_multipart_upload(**place.named, Metadata=notes))["UploadId"]
    named = {**place.named, "UploadId": upload}

    def one(number: int) -> dict[str, Any]:
        body = _slice(source, (number - 1) * part, part)
        sent = {"PartNumber": number, "Body": body, "ContentMD5": _md5(body)}
        said = tried(str(place), lambda: client().upload_part(**named, **sent))
        return {"ETag": said["ETag"], "PartNumber": number}

    try:
        parts = {"Parts": _all_of(range(1, -(-size // part) + 1), one)}
        return str(
            tried(str(place), lambda: client().complete_multipart_upload(**named, MultipartUpload=parts))["ETag"]
        )
    except BaseException:
        with suppress(RefusedError, TilthError):  # what cannot be taken back now, `tilth gc` takes back
            tried(str(place), lambda: client().abort_multipart_upload(**named), attempts=4)
        raise


def part_bytes(size: int) -> int:
    """Return the bytes of each part of an upload, the last one apart."""
    return max(PART_BYTES, -(-size // _MAX_PARTS))


def _slice(source: Path | bytes, start: int, size: int) -> bytes:
    if isinstance(source, bytes):
        return source[start : start + size]
    with source.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _all_of(items: Iterable[Any], action: Callable[[Any], Any]) -> list[Any]:
    """Return the results of an action on each item, in order, a few at once; at the first error the rest is left."""
    items = list(items)
    if len(items) == 1:
        return [action(items[0])]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="tilth-s3") as pool:
        futures = [pool.submit(action, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            wait(futures)
            raise


def digest_of(source: Path | bytes) -> str:
    """Return the xxh3-128 of a file or of bytes."""
    state = xxhash.xxh3_128()
    for piece in _pieces(source):
        state.update(piece)
    return state.hexdigest()


def _pieces(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while piece := file.read(2**20):
            yield piece


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
