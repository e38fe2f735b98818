"""The secret key of pseudonyms and hashes: read where it is used, never kept in params, records or caches."""

import hashlib
import hmac
import os
from pathlib import Path

from tasks.core.errors import RecipeError

OPERATORS = ("placeholder", "numbered", "redact", "surrogate", "pseudonym", "hash", "format")
# These need the secret key; `surrogate` and `format` draw a key of their own for each record.
KEYED = frozenset({"pseudonym", "hash"})

ENV = "TILTH_PSEUDONYM_KEY"
MIN_BYTES = 16


def read_key(key_file: str | None) -> bytes:
    """Return the key: of the file where one is named, else of the environment; RecipeError where it is not fit."""
    if key_file is not None:
        source, key = f"key_file '{key_file}'", _from_file(key_file)
    else:
        source, key = f"environment variable {ENV}", os.environb.get(ENV.encode(), b"")
        if not key:
            raise RecipeError(f"pseudonym and hash need a secret key: set {ENV}, or name a file in key_file")
    if len(key) < MIN_BYTES:
        raise RecipeError(f"the key of {source} has {len(key)} bytes; it needs {MIN_BYTES} or more")
    return key


def _from_file(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes().strip()
    except OSError as exc:
        raise RecipeError(f"cannot read key_file '{path}': {exc.strerror}") from exc


def check_value(key: bytes) -> str:
    """Return 8 hex digits that tell keys apart and give none away: a cached record is of one key."""
    return hmac.new(key, b"tilth pii_mask key check value", hashlib.sha256).hexdigest()[:8]


def keyed(key: bytes, kind: str, value: str) -> bytes:
    """Return 32 bytes that follow from the key, the type and the normalised value, and lead back to none of them."""
    return hmac.digest(key, f"{kind}\x1f{value}".encode(), "sha256")
