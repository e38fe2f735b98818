"""An S3 prefix as a source: listed page by page, each object known by its ETag, read only if it is still that one."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tasks.core.errors import RecipeError, TransientError, UserError
from tasks.landing.sources import ChangedError, Item, counts

_PASSING = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "503", "500", "Throttling"}
_CURRENT = ("list_objects_v2", "Contents")
_GONE = {"404", "NoSuchKey", "412", "PreconditionFailed", "NoSuchVersion"}


@cache
def client(service: str) -> Any:
    """Return a boto3 client; region, keys and endpoint come from AWS's own variables and files."""
    try:
        import boto3  # noqa: PLC0415  heavy, and an extra
        from botocore.config import Config  # noqa: PLC0415  comes with boto3
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415  comes with boto3
    except ImportError as exc:
        raise RecipeError(
            "seeds in S3 need boto3, which is not installed: pip install -e '.[s3]'; or let them land in a folder"
        ) from exc
    config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60)
    try:
        return boto3.session.Session().client(service, config=config)
    except BotoCoreError as exc:
        raise UserError(f"cannot use {service}: {exc}; set AWS_REGION, or AWS_ENDPOINT_URL for another server") from exc


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what boto3 raises into one line that names `what`, of the kind that says whether to try again."""
    from boto3.exceptions import Boto3Error  # noqa: PLC0415  heavy, and an extra
    from botocore import exceptions as of  # noqa: PLC0415  comes with boto3

    try:
        yield
    except of.ClientError as exc:
        error = exc.response.get("Error", {})
        code, message = str(error.get("Code")), error.get("Message") or str(exc)
        if code in _GONE and what.count("/") > 2:  # s3://bucket/key: an object, not its bucket
            raise ChangedError(what) from exc
        kind = TransientError if code in _PASSING else UserError
        raise kind(f"{what}: {message} ({code})") from exc
    except (of.EndpointConnectionError, of.HTTPClientError) as exc:
        raise TransientError(f"{what}: {exc}") from exc
    except (of.BotoCoreError, Boto3Error) as exc:
        raise UserError(f"{what}: {exc}") from exc


class Bucket:
    """The objects below s3://bucket/prefix. A put is atomic: what is listed is whole.

    With `every_version` each version of an object that the bucket keeps is a file of its own, `KEY?versionId=ID`.
    """

    def __init__(self, name: str, uri: str, *, every_version: bool = False) -> None:
        parts = urlsplit(uri)
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.netloc):
            raise RecipeError(f"source '{name}': '{uri}' names no bucket; write s3://bucket/prefix")
        prefix = unquote(parts.path).strip("/")
        self.name, self._bucket, self._prefix = name, parts.netloc, f"{prefix}/" if prefix else ""
        self._every_version = every_version

    def list(self) -> Iterator[Item]:
        operation, listed = ("list_object_versions", "Versions") if self._every_version else _CURRENT
        with explained(f"s3://{self._bucket}"):
            pages = client("s3").get_paginator(operation).paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                yield from filter(None, (self._item(o["Key"], o["Size"], o) for o in page.get(listed, ())))

    def find(self, uri: str) -> Item | None:
        key = self._key(uri)
        if key is None:
            return None
        try:
            with explained(f"s3://{self._bucket}/{key}"):
                head = client("s3").head_object(Bucket=self._bucket, Key=key, **self._version(uri))
        except ChangedError:
            return None
        return self._item(key, head["ContentLength"], head)

    def holds(self, uri: str) -> bool:
        return self._key(uri) is not None

    @contextmanager
    def reading(self, item: Item) -> Iterator[BinaryIO]:
        key = f"{self._prefix}{item.path}"
        with explained(f"s3://{self._bucket}/{key}"):
            this = {"IfMatch": item.version, **self._version(item.uri)}
            answer = client("s3").get_object(Bucket=self._bucket, Key=key, **this)
            yield answer["Body"]

    def _version(self, uri: str) -> dict[str, str]:
        """Return what names the version of a URI; the current one where the bucket keeps no others, or none counts."""
        version = parse_qs(urlsplit(uri).query).get("versionId", [""])[0] if self._every_version else ""
        return {"VersionId": version} if version else {}

    def _key(self, uri: str) -> str | None:
        parts = urlsplit(uri)
        key = unquote(parts.path).removeprefix("/")
        mine = parts.scheme == "s3" and parts.netloc == self._bucket and key.startswith(self._prefix)
        return key if mine and key != self._prefix else None

    def _item(self, key: str, size: int, found: Mapping[str, Any]) -> Item | None:
        path = key.removeprefix(self._prefix)
        if key.endswith("/") or not counts(path):
            return None
        version = found.get("VersionId") if self._every_version else None
        return Item(self.name, _uri(self._bucket, key, version), path, found["ETag"], size, whole=True)


class Notices:
    """URIs that a queue told of; `done()` takes the messages off it, once what they tell is in the ledger."""

    def __init__(self, queue: str, messages: list[dict[str, Any]]) -> None:
        self._queue, self._messages = queue, messages
        self.uris = tuple(dict.fromkeys(uri for message in messages for uri in uris_of(message.get("Body", ""))))

    def done(self) -> None:
        with explained(self._queue):
            for message in self._messages:
                client("sqs").delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])


def receive(queue: str, wait_s: int) -> Notices:
    """Return what a queue has to say, waiting up to `wait_s` seconds for it."""
    with explained(queue):
        answer = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s)
    return Notices(queue, answer.get("Messages", []))


def uris_of(body: str) -> list[str]:
    """Return the objects that an S3 event notification tells of, sent directly or through SNS; [] for anything else."""
    try:
        told = json.loads(body)
        told = json.loads(told["Message"]) if isinstance(told, dict) and "Message" in told else told
        records = [r for r in told.get("Records", ()) if str(r.get("eventName", "")).startswith("ObjectCreated")]
        # Keys come URL-encoded, a space as a plus.
        found = [(record["s3"]["bucket"]["name"], record["s3"]["object"]) for record in records]
        return [_uri(bucket, unquote(o["key"].replace("+", " ")), o.get("versionId")) for bucket, o in found]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _uri(bucket: str, key: str, version: str | None) -> str:
    return f"s3://{bucket}/{quote(key)}{f'?versionId={quote(version)}' if version else ''}"
