"""What the draws of a shard gave, as record columns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.core import record
from tasks.core.errors import ShardError
from tasks.core.method import Method
from tasks.core.rollout import Row

_OF_EVERY_METHOD = {"extra", "reason", "seed_ids"}
# As record.dumps writes it, made once.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0}


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one draw gave: its rows, the digests of its requests, what they used, and why there is no row."""

    rows: list[Row]
    requests: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    failure: str | None = None

    def complete(self) -> Iterator[Row]:
        """Yield the rows; the whole usage is on the first, so that a sum over rows is exact."""
        usage = {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}
        for row in self.rows:
            yield {**row, "usage": usage, "extra": _extra(row.get("extra"), self.requests)}
            usage = _NO_USAGE


def _extra(extra: Mapping[str, Any] | None, requests: Sequence[str]) -> str:
    """Return `extra` as JSON, the digests of the requests at its end; they are hexadecimal and need no escapes."""
    digests = ",".join([f'"{request}"' for request in requests])
    head = f"{_JSON.encode(extra)[:-1]}," if extra else "{"
    return f'{head}"requests":[{digests}]}}'


def batch_of(method: Method, drawn: Sequence[Drawn | None]) -> pa.RecordBatch:
    """Return the rows of all draws that are done, in order; ShardError names a column that the method must not give.

    `seed_row` is the draw's place in the shard, which is that of its seed.
    """
    rows: list[Row] = []
    places: list[int] = []
    for place, one in enumerate(drawn):
        if one is not None:
            rows.extend(one.complete())
            places.extend([place] * len(one.rows))
    _check(method, drawn)
    given = {name for row in rows for name in row}
    names = [name for name in record.SCHEMA.names if name in given | {"text", "usage", "extra"}]
    columns = {name: _column(method, name, rows) for name in names}
    columns["reason"] = pa.array([row.get("reason") for row in rows], pa.string())
    return record.columns(**columns, seed_row=pa.array(places, pa.int64()))


def _check(method: Method, drawn: Sequence[Drawn | None]) -> None:
    allowed = _OF_EVERY_METHOD | set(method.gives)
    for one in drawn:
        for row in one.rows if one else ():
            if unknown := sorted(set(row) - allowed):
                raise ShardError(f"{method.id} gave column '{unknown[0]}', which is not among {sorted(allowed)}")


def _column(method: Method, name: str, rows: Sequence[Row]) -> pa.Array:
    missing: Any = method.kind if name == "kind" else None
    try:
        return pa.array([row.get(name, missing) for row in rows], record.SCHEMA.field(name).type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as exc:
        raise ShardError(f"{method.id} gave a wrong value in column '{name}': {exc}") from exc
