"""Objects a second of `json_schema`, each validated, against jsf, which does not validate; single-threaded."""

import json

from tasks.core.method import Draw, get_method
from tasks.core.random import stream, stream_key
from tests.bench.measure import Row, rate, row

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "name": {"type": "string", "minLength": 1, "maxLength": 80},
        "email": {"type": "string", "format": "email"},
        "price": {"type": "number", "minimum": 0, "maximum": 1000},
        "status": {"enum": ["active", "pending", "closed"]},
        "created_at": {"type": "string", "format": "date-time"},
        "active": {"type": "boolean"},
        "url": {"type": "string", "format": "uri"},
    },
    "required": ["id", "name", "email", "price", "status", "created_at", "active", "url"],
    "additionalProperties": False,
}
NESTED = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "customer": SCHEMA, "lines": {"type": "array", "items": SCHEMA}},
    "required": ["id", "customer", "lines"],
}
ROWS = 50_000
PEER_ROWS = 1000


def ours(schema: dict, rows: int) -> None:
    """Make objects, and check that none is missing."""
    method = get_method("json_schema")
    params = method.params(schema=schema)
    draw = Draw(stream(0, "bench", 0), rows, 0, stream_key(0, "bench"))
    if method.run(None, params, draw).records.num_rows != rows:
        raise RuntimeError("json_schema made too few records")


def peer(schema: dict, rows: int) -> None:
    """Make objects with jsf and write them as JSON, as ours are."""
    from jsf import JSF

    fake = JSF(schema)
    for _ in range(rows):
        json.dumps(fake.generate(), default=str)


def bench() -> list[Row]:
    """Return two rows, objects a second: a flat object of eight properties, and one with objects and a list in it."""
    return [
        row("json_schema, flat object of 8", rate(lambda: ours(SCHEMA, ROWS), ROWS), _jsf(SCHEMA), "5x"),
        row("json_schema, nested object", rate(lambda: ours(NESTED, ROWS // 5), ROWS // 5), _jsf(NESTED), "none"),
    ]


def _jsf(schema: dict) -> float:
    return rate(lambda: peer(schema, PEER_ROWS), PEER_ROWS)


if __name__ == "__main__":
    print(json.dumps(bench(), indent=1))
