"""Objects that mimic API responses, from a JSON Schema or an OpenAPI 3.1 operation.

Source: Wright et al. 2022, JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12/json-schema-core)

Every object is valid by jsonschema, formats checked; values are realistic by format and by property name. A keyword
that cannot be honoured, and a schema that allows no value, stop the run before it starts, with the place named.

    method: json_schema
    params:
      openapi: petstore.yaml
      operation: GET /pets/{id}
      locale: de_DE

A schema whose keywords do not depend on each other is drawn a property at a time, as a column (`_json_columns.py`);
any other is solved one object at a time (`_json_search.py`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from tasks.core import record
from tasks.core.errors import RecipeError
from tasks.core.method import Draw, Made, Method, MethodParams, TextOrFile
from tasks.methods.rules._json_capacity import capacity_of
from tasks.methods.rules._json_columns import Columns, Planner, Rows, Style
from tasks.methods.rules._json_compiled import Schema, ready
from tasks.methods.rules._json_facts import ImpossibleError
from tasks.methods.rules._json_make import Maker
from tasks.methods.rules._json_pools import POOL, Pools, check_locale
from tasks.methods.rules._json_source import parsed, response_schema

_CHECKED = 5  # objects drawn and validated before anything is spent
_TRIAL_POOL = 12  # atoms of each kind that those are made of
_TRIES = 8  # each of which tries dozens of values within

# The validators run from the last to the first: a path becomes its text, the text a document.
Document = Annotated[Any, BeforeValidator(parsed), *get_args(TextOrFile)[1:]]


class Params(MethodParams):
    """What to make objects of: `schema`, or `openapi` with `operation`."""

    schema_: Document = Field(
        None, alias="schema", description="JSON Schema 2020-12: a mapping, true or false, or a JSON or YAML file"
    )
    openapi: Document = Field(None, description="OpenAPI 3.1 document: a mapping, or a JSON or YAML file")
    operation: str | None = Field(None, description="operation of `openapi`: an operationId, or `GET /path`")
    status: str | None = Field(
        None,
        description="status code of the response, such as 200; the first 2xx where none is given",
        coerce_numbers_to_str=True,
    )
    locale: str = Field("en_US", description="Faker locale of names, addresses and words")
    optional_probability: float = Field(
        0.7, ge=0, le=1, description="chance that an optional property is there, 0 to 1"
    )
    max_depth: int = Field(
        4,
        ge=0,
        le=30,
        description="levels below the root that optional parts may reach; what is required may go deeper",
    )
    indent: int | None = Field(
        None, ge=0, le=8, description="spaces a level; one line without spaces where none is given"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Params":
        if (self.schema_ is None) is (self.openapi is None):
            given = "neither" if self.schema_ is None else "both"
            raise ValueError(f"give either schema or openapi, not {given}")
        if self.openapi is None and (self.operation is not None or self.status is not None):
            raise ValueError("operation and status belong to openapi, and a schema is given")
        return self


# The last trial, by its params: a stage's check is followed by its capacity.
_tried: dict[str, Columns] = {}


def _schema(params: Params) -> Schema:
    document = params.schema_
    if params.openapi is not None:
        document = response_schema(params.openapi, params.operation, params.status)
    return ready(document, params.optional_probability)


def _columns(params: Params, rng: np.random.Generator, pool: int = POOL) -> Columns:
    schema = _schema(params)
    return Columns(schema, Maker(schema.goals, Pools(rng, params.locale, pool)), Style(params.indent))


def _trial(params: Params) -> Columns:
    """Return what draws a few objects for a check: from small pools, as Faker is slow and a check is waited for."""
    asked = record.dumps(params.model_dump(by_alias=True))
    found = _tried.get(asked)
    if found is None:
        found = _columns(params, np.random.Generator(np.random.Philox(key=0)), _TRIAL_POOL)
        _tried.clear()
        _tried[asked] = found
    return found


def check(params: Params) -> None:
    """Raise RecipeError for a schema that cannot be honoured; draws and validates a few objects to find out."""
    check_locale(params.locale)
    columns = _trial(params)
    root, goals = columns.schema.root, columns.schema.goals
    try:
        if goals.height(root) is None:
            raise RecipeError(f"the schema allows no value: {goals.why(root)}")
        for _ in range(_CHECKED):
            _check_one(columns, params)
    except RecursionError as exc:
        raise RecipeError("the schema refers to itself without going deeper: see its $ref, allOf, anyOf") from exc


def _check_one(columns: Columns, params: Params) -> None:
    root, why = columns.schema.root, ""
    for _ in range(_TRIES):
        try:
            value = columns.maker.one(root, params.max_depth)
        except ImpossibleError as exc:
            why = str(exc)
            continue
        error = next(columns.schema.whole.iter_errors(value), None)
        if error is None:
            return
        place = "".join(f"/{step}" for step in error.absolute_schema_path)
        why = f"#{place}: {error.message[:200]}"
    raise RecipeError(f"no valid object was found in {_TRIES} tries: {why}")


def run(_seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return up to `draw.count` objects as JSON texts; `gave_up` counts those for which no valid one was found."""
    columns = _columns(params, draw.rng)
    root = columns.schema.root
    plan = Planner(columns.maker).plan(root, params.max_depth, "")
    rows = Rows(root, params.max_depth, "")
    if isinstance(plan, Rows):
        texts, bad = pa.nulls(draw.count, pa.string()), np.ones(draw.count, dtype=bool)
    else:
        texts, bad = columns.draw(plan, draw.count)
    return _mended(columns, rows, texts, bad)


def _mended(columns: Columns, rows: Rows, texts: pa.Array, bad: np.ndarray[Any, np.dtype[np.bool_]]) -> Made:
    """Return the texts with each bad one made anew, and left out where that fails."""
    kept = texts.to_pylist() if bad.any() else texts
    gave_up = 0
    for row in np.flatnonzero(bad).tolist():
        kept[row] = _valid_row(columns, rows)
        gave_up += kept[row] is None
    column = pa.array(kept, pa.string()).drop_null() if bad.any() else texts
    return Made(record.columns(text=column), {"gave_up": gave_up} if gave_up else {})


def _valid_row(columns: Columns, rows: Rows) -> str | None:
    for _ in range(_TRIES):
        text, valid = columns.row(rows)
        if valid:
            return text
    return None


def capacity(params: Params) -> int | None:
    """Return how many different objects there can be: known where all is listed or boolean, None otherwise."""
    columns = _trial(params)
    plan = Planner(columns.maker).plan(columns.schema.root, params.max_depth, "")
    return capacity_of(plan, params.optional_probability)


def notes(_params: Params, stats: Mapping[str, int]) -> list[str]:
    """Return a line on the objects that were given up, where there are any."""
    gave_up = stats.get("gave_up", 0)
    return [f"{gave_up} objects were given up: no valid one was found in {_TRIES} tries"] if gave_up else []


METHOD = Method(
    name="json_schema",
    version=1,
    family="rules",
    params=Params,
    run=run,
    gives=("text",),
    check=check,
    capacity=capacity,
    notes=notes,
    kind="structured",
)
