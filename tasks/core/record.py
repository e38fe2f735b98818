"""The one record schema of every family, and the identity of a record.

A record batch is an Arrow batch with the columns of SCHEMA, in that order. A method returns only the columns that it
gives; `complete` fills the rest.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

KINDS: Final = ("text", "chat", "pair", "preference", "structured")

MESSAGES: Final = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SPANS: Final = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("type", pa.string())]))
USAGE: Final = pa.struct([("prompt_tokens", pa.int64()), ("completion_tokens", pa.int64())])

SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("messages", MESSAGES),
        pa.field("target", pa.string()),
        pa.field("label", pa.string()),
        pa.field("spans", SPANS),
        pa.field("seed_ids", pa.list_(pa.string())),
        pa.field("method", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("shard", pa.int32(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("engine", pa.string()),
        pa.field("usage", USAGE),
        pa.field("extra", pa.string()),
    ]
)
REASON: Final = pa.field("reason", pa.string(), nullable=False)
REJECT_SCHEMA: Final = SCHEMA.append(REASON)

# What a model would train on: equal content, equal id, wherever and however it was made.
CONTENT: Final = ("kind", "text", "messages", "target", "label", "spans")


def constant(value: str | None, rows: int, kind: pa.DataType | None = None) -> pa.Array:
    """Return an array of `rows` times `value`; nulls of type `kind` where it is None."""
    if value is None:
        return pa.nulls(rows, kind or pa.string())
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def columns(**values: pa.Array | pa.ChunkedArray | Sequence[Any]) -> pa.RecordBatch:
    """Return a batch of record columns, each cast to its type in SCHEMA; other names keep the type they have."""
    arrays = []
    for name, value in values.items():
        wanted = SCHEMA.field(name).type if name in SCHEMA.names else None
        array = value.combine_chunks() if isinstance(value, pa.ChunkedArray) else value
        arrays.append(pa.array(array, wanted) if not isinstance(array, pa.Array) else array)
        if wanted is not None and arrays[-1].type != wanted:
            arrays[-1] = arrays[-1].cast(wanted)
    return pa.RecordBatch.from_arrays(arrays, names=list(values))


def complete(part: pa.RecordBatch, **constants: str | int | None) -> pa.RecordBatch:
    """Return `part` with every column of SCHEMA, in order: from `part`, else from `constants`, else null; ids made new.

    `kind` is `text` where nothing says otherwise. Columns that are not in SCHEMA are dropped.
    """
    rows = part.num_rows
    have = dict(zip(part.schema.names, part.columns, strict=True))
    if "kind" not in have:
        have["kind"] = constant(str(constants.get("kind") or "text"), rows)
    arrays: list[pa.Array] = []
    for field in SCHEMA:
        if field.name == "id":
            arrays.append(ids(have, rows))
        elif field.name in have:
            arrays.append(have[field.name])
        elif constants.get(field.name) is not None:
            arrays.append(pa.repeat(pa.scalar(constants[field.name], field.type), rows))
        else:
            arrays.append(pa.nulls(rows, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def ids(have: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """Return the id of each row: xxh3-128, in 32 hex digits, of its canonical content.

    The canonical content is each column of CONTENT that is not null, as `name US value RS`; nested values as JSON.
    """
    digest = xxhash.xxh3_128_hexdigest
    return pa.array([digest(value) for value in _canonical(have, rows).cast(pa.binary()).to_pylist()], pa.string())


def _canonical(have: Mapping[str, pa.Array], rows: int) -> pa.Array:
    parts: list[Any] = []
    for name in CONTENT:
        array = have.get(name)
        if array is None or array.null_count == rows:
            continue
        if pa.types.is_nested(array.type):
            array = pa.array([None if v is None else dumps(v) for v in array.to_pylist()], pa.string())
        field = pc.binary_join_element_wise(f"{name}\x1f", array, "\x1e", "")
        parts.append(pc.coalesce(field, pa.scalar("")))
    return pc.binary_join_element_wise(*parts, "") if parts else constant("", rows)


def dumps(value: Any) -> str:
    """Return canonical JSON: no spaces, UTF-8 as it is, keys in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def extra_columns(batch: pa.RecordBatch, names: Iterable[str]) -> dict[str, pa.Array]:
    """Return the named fields of `extra` as string arrays, null where a row has none; one JSON parse a row."""
    wanted = list(names)
    rows = [json.loads(value) if value else {} for value in batch.column("extra").to_pylist()]
    return {name: pa.array([_as_text(row.get(name)) for row in rows], pa.string()) for name in wanted}


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else dumps(value)


def words_of(batch: pa.RecordBatch) -> pa.Array:
    """Return what the row rules read: `text`, with the messages of a chat and the target of a pair after it."""
    text = batch.column("text")
    messages = batch.column("messages")
    if messages.null_count < len(messages):
        spoken = pa.array(
            [None if m is None else "\n".join(turn["content"] or "" for turn in m) for m in messages.to_pylist()],
            pa.string(),
        )
        text = pc.coalesce(text, spoken)
    target = batch.column("target")
    if target.null_count == len(target):
        return pc.coalesce(text, pa.scalar(""))
    both = pc.binary_join_element_wise(text, target, "\n")
    return pc.coalesce(both, text, target, pa.scalar(""))


def fingerprints(id_column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return the first 64 bits of each id (uint64): what deduplication keeps of a record.

    At ten million records two different ids share them with probability 3e-6; the price is one record drawn again.
    """
    head = pc.utf8_slice_codeunits(id_column, 0, 16)
    joined = "".join(head.to_pylist())
    return np.frombuffer(bytes.fromhex(joined), dtype=">u8").astype(np.uint64)
