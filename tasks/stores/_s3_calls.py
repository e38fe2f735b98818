"""Calls to S3: one client a process, tried again while it may pass, every error one line that says what to set."""

import os
import random
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from tasks.core.errors import RecipeError, TilthError, TransientError, UserError

T = TypeVar("T")
CONNECTIONS = 32
# Waits of 0.1, 0.2, ... 6.4, 8 s, less up to half of each: a throttled bucket gets over 10 s to recover. With every
# fifth call turned down, one in two million fails nine times.
ATTEMPTS = 9
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 8.0

_PASSING = frozenset(("429", "500", "502", "503", "504")) | {
    "BadDigest",
    "BandwidthLimitExceeded",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
}
MISSING = frozenset(("404", "NoSuchKey"))
CHANGED = frozenset(("412", "PreconditionFailed"))
_ELSEWHERE = frozenset(("301", "307", "PermanentRedirect", "TemporaryRedirect")) | {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}
_NEEDS = "s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload"


class RefusedError(Exception):
    """S3 said no with a code that the caller may expect: the value is missing, or changed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def client() -> Any:
    """Return the S3 client of this process; region, keys and endpoint come from AWS's own variables and files."""
    return _client(os.getpid())


def forget_client() -> None:
    """Read AWS's variables anew at the next call."""
    _client.cache_clear()


@cache
def _client(_process: int) -> Any:
    try:
        import boto3  # noqa: PLC0415  heavy, and an extra
        from botocore.config import Config  # noqa: PLC0415  comes with boto3
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415  comes with boto3
    except ImportError as exc:
        raise RecipeError(
            "s3:// needs boto3, which is not installed: pip install 'tilth[s3]'; or name a folder instead"
        ) from exc
    config = Config(
        retries={"total_max_attempts": 1},  # `tried` does it, bodies that break off included
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=CONNECTIONS,
        # Bodies go with Content-MD5, which servers other than Amazon's know as well as the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint() else "auto"},
    )
    try:
        return boto3.session.Session(region_name=os.environ.get("AWS_REGION")).client("s3", config=config)
    except (BotoCoreError, ValueError) as exc:
        raise UserError(f"cannot use S3: {exc}; see AWS_ENDPOINT_URL, AWS_REGION and AWS_PROFILE") from exc


def endpoint() -> str:
    """Return the S3 server that AWS's variables name; empty for Amazon's own."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def tried(what: str, action: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """Return what an action gives, tried again at growing intervals while its error may pass.

    `what` is the s3:// address that errors name. Errors: RefusedError where the value is missing or changed;
    TransientError after the last attempt; UserError for what no repetition mends.
    """
    from boto3.exceptions import Boto3Error  # noqa: PLC0415  heavy, and an extra
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  comes with boto3

    for attempt in range(1, attempts + 1):
        try:
            return action()
        except (BotoCoreError, Boto3Error, ClientError) as exc:
            if not _may_pass(exc):
                raise _explained(what, exc) from exc
            if attempt == attempts:
                raise TransientError(f"{what}: {_said(exc)}, {attempts} times in a row") from exc
        longest = min(_FIRST_WAIT_S * 2 ** (attempt - 1), _LONGEST_WAIT_S)
        time.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311  so that those turned down do not come back at once
    raise AssertionError(f"{attempts} attempts")


def _may_pass(exc: Exception) -> bool:
    from botocore import exceptions as of  # noqa: PLC0415  comes with boto3

    if isinstance(exc, of.ClientError):
        return _code(exc) in _PASSING
    # IncompleteRead, and ResponseStreaming among the first: a body that broke off.
    return isinstance(exc, of.HTTPClientError | of.ConnectionError | of.IncompleteReadError)


def _code(exc: Any) -> str:
    return str(exc.response.get("Error", {}).get("Code", ""))


def _said(exc: Any) -> str:
    # A connection that was closed has a response too: None.
    error = (getattr(exc, "response", None) or {}).get("Error", {})
    return f"{error.get('Message') or 'S3 said'} ({error['Code']})" if "Code" in error else str(exc)


def _explained(what: str, exc: Any) -> Exception:
    from botocore import exceptions as of  # noqa: PLC0415  comes with boto3

    if isinstance(exc, of.ClientError):
        code = _code(exc)
        if code in MISSING | CHANGED or code == "NoSuchUpload":
            return RefusedError(code)
        return _told(what, code, exc)
    if isinstance(exc, of.NoCredentialsError | of.PartialCredentialsError):
        return UserError(f"{what}: {exc}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
    return UserError(f"{what}: {exc}")


def _told(what: str, code: str, exc: Any) -> TilthError:
    """Return the line for a code of S3: what is wrong, the value, what to set."""
    bucket, at = what.removeprefix("s3://").partition("/")[0], client().meta.endpoint_url
    if code in _ELSEWHERE:
        return UserError(f"{what}: {_region(bucket, exc)}")
    expired = f"the session token of '{_key_id()}' has expired or is wrong; set AWS_SESSION_TOKEN"
    forbidden = f"the access key '{_key_id()}' may not do {exc.operation_name} here; Tilth needs {_NEEDS}"
    lines = {
        "NoSuchBucket": f"there is no bucket '{bucket}' at {at}; make it, or name another",
        "InvalidAccessKeyId": f"{at} does not know the access key '{_key_id()}'; set AWS_ACCESS_KEY_ID",
        "SignatureDoesNotMatch": (
            f"wrong secret for the access key '{_key_id()}'; set AWS_SECRET_ACCESS_KEY, or AWS_ACCESS_KEY_ID: "
            "some servers say the same of a key that they do not know"
        ),
        **dict.fromkeys(("ExpiredToken", "InvalidToken", "TokenRefreshRequired"), expired),
        **dict.fromkeys(("403", "AccessDenied", "AllAccessDisabled"), forbidden),
    }
    return UserError(f"{what}: {lines.get(code) or _said(exc)}")


def _region(bucket: str, exc: Any) -> str:
    headers = exc.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    ours = client().meta.region_name
    theirs = headers.get("x-amz-bucket-region") or exc.response.get("Error", {}).get("Region")
    if theirs:
        return f"the bucket '{bucket}' is in region {theirs}, not in {ours}; set AWS_REGION={theirs}"
    return f"the bucket '{bucket}' is not in region {ours}; set AWS_REGION to its own"


def _key_id() -> str:
    # No public way leads from a client to its credentials; boto3 itself documents this one.
    credentials = client()._request_signer._credentials  # noqa: SLF001
    return credentials.access_key if credentials else "none"
