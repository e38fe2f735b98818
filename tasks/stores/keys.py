"""Keys: what may name a value, in every store, and a safe name for what came out of data."""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

from tasks.core.errors import UserError

# S3's own limit, in bytes of UTF-8.
_MAX_BYTES = 1024
_NAME_CHARS = 100
# Below it the orchestrator keeps what tasks have returned, where the store is a bucket.
RESULTS = "results"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def checked(key: str) -> str:
    """Return a key as it is; UserError where it could name something outside of the store, or nothing sensible."""
    parts = key.split("/")
    if key.startswith("/") or ".." in parts:
        raise UserError(f"a store key must be relative and without '..': '{key}'")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in key) or "\\" in key:
        raise UserError(f"a store key must be without control characters and backslashes: {key!r}")
    if "" in parts or "." in parts:
        raise UserError(f"a store key must have no empty part and no '.': '{key}'")
    if len(key.encode()) > _MAX_BYTES:
        raise UserError(f"a store key has at most {_MAX_BYTES} bytes, not {len(key.encode())}: '{key[:60]}…'")
    return key


def is_safe(key: str) -> bool:
    """Return whether a key may be used as it is."""
    try:
        checked(key)
    except UserError:
        return False
    return True


def safe_name(key: str) -> str:
    """Return a file name made of the last part of any key: nothing in it leads elsewhere or upsets a terminal."""
    name = re.sub(r"[^\w.\-+@ ]", "_", key.rstrip("/").rpartition("/")[2])[-_NAME_CHARS:]
    return name.lstrip(". ") or "file"


def s3_place(url: str) -> tuple[str, str]:
    """Return bucket and prefix of s3://bucket/prefix, the prefix without slashes at its ends."""
    parts = urlsplit(url.replace("#", "%23").replace("?", "%3F"))
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc):
        raise UserError(f"'{url}' names no bucket; write s3://bucket/prefix, the bucket in lower case")
    prefix = unquote(parts.path).strip("/")
    return parts.netloc, checked(prefix) if prefix else ""
