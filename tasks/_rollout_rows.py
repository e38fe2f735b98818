"""What the draws of a shard gave, as record columns."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.core import record
from tasks.core.errors import ShardError
from tasks.core.method import Method
from tasks.core.rollout import Row

_OF_EVERY_METHOD = {"extra", "reason", "seed_ids"}
# As record.dumps writes it, made once.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Drawn(NamedTuple):
    """What one draw gave: its rows, the digests of its requests, what they used, and why there is no row."""

    rows: list[Row]
    requests: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    failure: str | None = None


def _extra(extra: Mapping[str, Any] | None, requests: Sequence[str]) -> str:
    """Return `extra` as JSON, the digests of the requests at its end; they are hexadecimal and need no escapes."""
    digests = ",".join([f'"{request}"' for request in requests])
    head = f"{_JSON.encode(extra)[:-1]}," if extra else "{"
    return f'{head}"requests":[{digests}]}}'


def batch_of(method: Method, drawn: Sequence[Drawn | None]) -> pa.RecordBatch:
    """Return the rows of all draws that are done, in order; ShardError names a column that the method must not give.

    `seed_row` is the draw's place in the shard, which is that of its seed. The whole usage of a draw is on its first
    row, so that a sum over rows is exact.
    """
    rows: list[Row] = []
    places: list[int] = []
    extras: list[str] = []
    firsts: list[int] = []
    for place, one in enumerate(drawn):
        if one is not None and one.rows:
            firsts.append(len(rows))
            rows += one.rows
            places += [place] * len(one.rows)
            extras += [_extra(row.get("extra"), one.requests) for row in one.rows]
    given = _given(method, rows)
    names = [name for name in record.SCHEMA.names if name in given | {"text"} and name != "extra"]
    columns = {name: _column(method, name, rows) for name in names}
    columns |= {"extra": pa.array(extras, pa.string()), "usage": _usage(drawn, firsts, len(rows))}
    columns["reason"] = pa.array([row.get("reason") for row in rows], pa.string())
    return record.columns(**columns, seed_row=pa.array(places, pa.int64()))


def _given(method: Method, rows: Sequence[Row]) -> set[str]:
    """Return the columns that the rows have; ShardError for one that the method does not name."""
    given: set[str] = set().union(*rows)
    allowed = _OF_EVERY_METHOD | set(method.gives)
    if unknown := sorted(given - allowed):
        raise ShardError(f"{method.id} gave column '{unknown[0]}', which is not among {sorted(allowed)}")
    return given


def _usage(drawn: Sequence[Drawn | None], firsts: Sequence[int], rows: int) -> pa.Array:
    """Return the column of tokens: of each draw with rows on the first of them, none on the others."""
    spent = [one for one in drawn if one is not None and one.rows]
    kind = record.SCHEMA.field("usage").type
    counts = np.zeros((kind.num_fields, rows), np.int64)
    for at, name in zip(counts, kind.names, strict=True):
        at[firsts] = [getattr(one, name) for one in spent]
    fields = [pa.array(at).cast(field.type) for at, field in zip(counts, kind.fields, strict=True)]
    return pa.StructArray.from_arrays(fields, fields=kind.fields)


def _column(method: Method, name: str, rows: Sequence[Row]) -> pa.Array:
    missing: Any = method.kind if name == "kind" else None
    try:
        return pa.array([row.get(name, missing) for row in rows], record.SCHEMA.field(name).type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as exc:
        raise ShardError(f"{method.id} gave a wrong value in column '{name}': {exc}") from exc
