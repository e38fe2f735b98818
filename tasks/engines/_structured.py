"""Answers that must be instances of a JSON Schema."""

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tasks.core.engine import Answer, Request
from tasks.core.errors import RecordError, UserError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


@lru_cache(maxsize=64)
def validator(schema: str) -> "Validator":
    """Return the validator of a schema given as JSON text; UserError where it is no JSON Schema."""
    from jsonschema import SchemaError, validators  # noqa: PLC0415 - a tenth of a second, only where a schema is given

    document = json.loads(schema)
    kind = validators.validator_for(document, default=validators.Draft202012Validator)
    try:
        kind.check_schema(document)
    except SchemaError as exc:
        raise UserError(f"not a JSON Schema, at {exc.json_path}: {exc.message[:200]}") from exc
    return kind(document)


def checked(request: Request, answer: Answer) -> Answer:
    """Return the answer; RecordError `schema_violation` where it is whole and no instance of the request's schema."""
    if request.schema is None or answer.finish_reason == "length":
        return answer
    try:
        value = json.loads(answer.text)
    except ValueError as exc:
        raise RecordError("schema_violation", f"not JSON: {exc}", raw=answer.text) from exc
    error = next(validator(request.schema).iter_errors(value), None)
    if error is not None:
        raise RecordError("schema_violation", f"at {error.json_path}: {error.message[:200]}", raw=answer.text)
    return answer


def is_strict(schema: Any) -> bool:
    """Return whether every object in a schema lists all its properties as required and allows no others.

    Only such a schema may be asked for with `strict` from a server that follows OpenAI's rules to the letter.
    """
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict):
        closed = schema.get("additionalProperties") is False
        return (
            closed and set(properties) == set(schema.get("required", ())) and all(map(is_strict, properties.values()))
        )
    return schema.get("type") != "object" and all(is_strict(value) for value in schema.values())
