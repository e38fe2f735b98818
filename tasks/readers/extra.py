"""The columns that no record column takes, as one JSON object a row: keys sorted, nulls left out."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from json.encoder import encode_basestring
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.readers.block import Row, Values, is_text, listed
from tasks.readers.values import as_strings

_NEEDS_ESCAPE: Final = r'["\\\x00-\x1f]'
# What json.dumps builds anew on every call.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def extra_of(columns: Mapping[str, Values], rows: int) -> pa.Array:
    """Return the JSON text of each row's values, null where it has none; NaN counts as none.

    Keys are sorted, so that the same row gives the same text whatever the order of its source. UnicodeEncodeError where
    a list holds text that UTF-8 cannot.
    """
    parts = [_with_key(name, fragments(columns[name])) for name in sorted(columns)]
    parts = [part for part in parts if part.null_count < rows]
    if not parts:
        return pa.nulls(rows, pa.string())
    empty = pc.is_null(parts[0])
    for part in parts[1:]:
        empty = pc.and_(empty, pc.is_null(part))
    # With skip, a row that is null in every column vanishes and the result is shorter (pyarrow 26.0).
    parts[0] = pc.if_else(empty, "", parts[0])
    body = pc.binary_join_element_wise(*parts, ",", null_handling="skip")
    whole = pc.binary_join_element_wise("{", body, "}", "")
    return pc.if_else(empty, pa.scalar(None, pa.string()), whole)


def extra_of_rows(rows: Sequence[Row], names: Mapping[str, str]) -> pa.Array:
    """Return what `extra_of` does, row by row: for rows with many different keys, where columns would be mostly empty.

    `names` gives the keys to keep, each with the name that it goes by.
    """
    return pa.array([_row_text(row, names) for row in rows], pa.string())


def _row_text(row: Row, names: Mapping[str, str]) -> str | None:
    found = sorted((names[key], text) for key in row if key in names and (text := json_text(row[key])) is not None)
    return "{" + ",".join(f"{encode_basestring(name)}:{text}" for name, text in found) + "}" if found else None


def _with_key(name: str, values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(encode_basestring(name) + ":", values, "")


def fragments(values: Values) -> pa.Array:
    """Return the JSON text of each value, null for null."""
    if isinstance(values, pa.Array):
        plain = as_strings(values)
        if plain is None:
            return _each(listed(values))
        is_string = is_text(values.type) or (pa.types.is_dictionary(values.type) and is_text(values.type.value_type))
        return _quoted(plain) if is_string else plain
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {str}:
        return _quoted(pa.array(values, pa.string()))
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64()).cast(pa.string())
        except (OverflowError, pa.ArrowInvalid):
            return _each(values)
    return _each(values)


def _quoted(values: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise('"', values, '"', "")
    escaped = pc.fill_null(pc.match_substring_regex(values, _NEEDS_ESCAPE), False)
    if not pc.any(escaped).as_py():
        return quoted
    texts = [encode_basestring(text) for text in values.filter(escaped).to_pylist()]
    return pc.replace_with_mask(quoted, escaped, pa.array(texts, pa.string()))


def _each(values: Sequence[Any]) -> pa.Array:
    if set(map(type, values)) <= {float, type(None)}:
        texts = [None if value is None or not math.isfinite(value) else repr(value) for value in values]
    else:
        texts = [json_text(value) for value in values]
    return pa.array(texts, pa.string())


def json_text(value: Any) -> str | None:
    """Return the JSON text of any value that a source can hold; None for null, and for a number that is not finite."""
    if value is None:
        return None
    try:
        return _encode(value)
    except (ValueError, TypeError):
        plain = plainly(value)
        return None if plain is None else _encode(plain)


def plainly(value: Any) -> Any:
    """Return a value in JSON's own types: dates as ISO 8601, durations in seconds, bytes as text, else as base64."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plainly(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plainly(item) for item in value]
    return _bytes_text(value) if isinstance(value, bytes) else _other_text(value)


def _other_text(value: Any) -> str | float:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else str(value)


def _bytes_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
