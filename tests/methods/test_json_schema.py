"""json_schema: valid objects, realistic values, one stream one text, and errors before anything is spent."""

import hashlib
import json
import math
import os
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tasks.core.errors import RecipeError
from tasks.core.method import get_method
from tasks.core.random import stream
from tasks.methods.rules._json_columns import Rows
from tasks.methods.rules.json_schema import _columns, _mended
from tests.bench.bench_json_schema import SCHEMA
from tests.builders import make, texts

ORDER = {
    "$defs": {
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}, "zip": {"type": "string"}},
            "required": ["street", "city"],
        }
    },
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "customer": {
            "type": "object",
            "properties": {
                "firstName": {"type": "string"},
                "email": {"type": ["string", "null"], "format": "email"},
                "shipping": {"$ref": "#/$defs/address"},
                "billing": {"anyOf": [{"$ref": "#/$defs/address"}, {"type": "null"}]},
            },
            "required": ["firstName"],
        },
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"},
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 9},
                    "price": {"type": "number", "multipleOf": 0.01, "exclusiveMinimum": 0},
                },
                "required": ["sku", "quantity"],
                "additionalProperties": False,
            },
        },
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "note": {"type": "string", "maxLength": 40},
    },
    "required": ["id", "customer", "lines"],
}
PAYMENT = {
    "type": "object",
    "properties": {"method": {"enum": ["card", "iban"]}, "card": {"type": "string"}, "cvv": {"type": "string"}},
    "required": ["method"],
    "if": {"properties": {"method": {"const": "card"}}},
    "then": {"required": ["card"], "properties": {"card": {"pattern": "^\\d{16}$"}}},
    "else": {"properties": {"iban": {"type": "string"}}, "required": ["iban"], "not": {"required": ["card"]}},
    "dependentRequired": {"card": ["cvv"]},
    "unevaluatedProperties": False,
}
TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "required": ["value"],
            "properties": {
                "value": {"type": "integer"},
                "left": {"$ref": "#/$defs/node"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
        }
    },
    "$ref": "#/$defs/node",
}
SHAPES = {
    "oneOf": [
        {
            "type": "object",
            "required": ["kind", field],
            "properties": {"kind": {"const": kind}, field: {"type": "number"}},
        }
        for kind, field in (("circle", "radius"), ("square", "side"))
    ]
}
MAP = {
    "type": "object",
    "patternProperties": {"^x-[a-z]{2,9}$": {"type": "string"}},
    "additionalProperties": {"type": "integer", "not": {"multipleOf": 2}},
    "propertyNames": {"maxLength": 12},
    "minProperties": 2,
}
BAG = {
    "type": "array",
    "prefixItems": [{"const": "head"}],
    "items": {"type": ["integer", "string"]},
    "contains": {"type": "string", "format": "date"},
    "minContains": 2,
    "maxContains": 3,
    "minItems": 5,
    "uniqueItems": True,
}
PAIR = {"type": "object", "properties": {"a": {"enum": [1, 2]}, "b": {"type": "boolean"}}, "required": ["a"]}
KINDS = {"flat": SCHEMA, "order": ORDER, "payment": PAYMENT, "tree": TREE, "shapes": SHAPES, "map": MAP, "bag": BAG}


def objects(schema, count, **params):
    options = {key: params.pop(key) for key in ("run_seed", "shard") if key in params}
    return [json.loads(text) for text in texts(make("json_schema", {"schema": schema, **params}, count, **options))]


def refused(schema, values):
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [value for value in values if not validator.is_valid(value)]


@pytest.mark.parametrize("name", KINDS)
def test_a_thousand_objects_are_valid_whole(name):
    """Whatever the shortcuts on the way, jsonschema passes every whole object."""
    values = objects(KINDS[name], 1000)
    assert len(values) == 1000
    assert refused(KINDS[name], values) == []


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_optional_probability_is_the_share_of_optional_properties(probability):
    """None at 0, all at 1, about half at 0.5 (4 standard deviations of 800 draws are 0.071)."""
    values = objects(ORDER, 800, optional_probability=probability)
    assert sum("note" in value for value in values) / 800 == pytest.approx(probability, abs=0.071)
    assert refused(ORDER, values) == []


def depth(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((depth(each) for each in children), default=-1)


@pytest.mark.parametrize("levels", [0, 1, 3])
def test_recursion_ends_at_max_depth(levels):
    """Optional parts stop at max_depth; what is required stands one level below the root even at 0."""
    values = objects(TREE, 200, max_depth=levels, optional_probability=1)
    assert max(depth(value) for value in values) == max(1, levels)
    assert all(isinstance(value["value"], int) for value in values)


def test_required_recursion_goes_as_deep_as_it_must():
    """A schema that forces three levels gets them at max_depth 0."""
    schema = {"properties": {"a": {"properties": {"b": {"required": ["c"]}}, "required": ["b"]}}, "required": ["a"]}
    typed = {"type": "object", **schema}
    typed["properties"]["a"]["type"] = typed["properties"]["a"]["properties"]["b"]["type"] = "object"
    assert {depth(value) for value in objects(typed, 20, max_depth=0)} == {3}


def test_values_are_what_names_and_formats_say():
    """An API's reader sees names, places, money and dates, not noise."""
    fields = ["first_name", "email", "city", "createdAt", "website", "phone_number", "productId", "unit_price", "age"]
    kinds = {"unit_price": {"type": "number"}, "age": {"type": "integer"}}
    schema = {"type": "object", "required": fields, "properties": {f: kinds.get(f, {"type": "string"}) for f in fields}}
    for value in objects(schema, 200):
        assert value["first_name"].isalpha() or " " in value["first_name"] or "-" in value["first_name"]
        assert re.fullmatch(r"[a-z0-9.]+@[a-z0-9.-]+\.[a-z]+", value["email"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value["createdAt"])
        assert value["website"].startswith("https://")
        assert sum(char.isdigit() for char in value["phone_number"]) >= 7
        assert len(value["productId"]) == 36
        assert 1 <= value["unit_price"] <= 500
        assert 18 <= value["age"] <= 90


def test_values_differ():
    """Pools of atoms are combined: 5,000 objects are 5,000 texts, and most of their emails differ."""
    values = objects(SCHEMA, 5000)
    assert len({json.dumps(value) for value in values}) == 5000
    assert len({value["email"] for value in values}) > 4500


@pytest.mark.parametrize("locale", ["de_DE", "ja_JP", "ru_RU"])
def test_locale_reaches_names_and_cities(locale):
    """Names come from Faker's locale, and an email stays one of ASCII."""
    fields = {"city": {"type": "string"}, "email": {"type": "string", "format": "email"}}
    schema = {"type": "object", "required": ["city", "email"], "properties": fields}
    values = objects(schema, 50, locale=locale)
    assert {value["city"] for value in values} != {value["city"] for value in objects(schema, 50)}
    assert all(value["email"].isascii() for value in values)
    if locale != "de_DE":
        assert not any(value["city"].isascii() for value in values)


@pytest.mark.parametrize("name", ["order", "payment", "map"])
@pytest.mark.parametrize("indent", [None, 2])
def test_text_is_laid_out_as_python_lays_it_out(name, indent):
    """Columns joined by Arrow read as json.dumps would write them."""
    separators = (",", ":") if indent is None else None
    for text in texts(make("json_schema", {"schema": KINDS[name], "indent": indent}, 60)):
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=indent, separators=separators)


@pytest.mark.parametrize("name", ["order", "payment"])
def test_a_shard_does_not_depend_on_the_one_before(name):
    """The same shard gives the same bytes, whatever this process made first."""
    first, other, again = (make("json_schema", {"schema": KINDS[name]}, 80, shard=n).records for n in (1, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)


def test_another_process_makes_the_same_bytes():
    """Neither hash seed nor the state of Faker reaches the text."""
    code = "import sys, hashlib, json; from tests.methods.test_json_schema import digest; print(digest())"
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest()


def digest():
    made = [texts(make("json_schema", {"schema": schema}, 40, shard=3)) for schema in KINDS.values()]
    return hashlib.sha256(json.dumps(made).encode()).hexdigest()


def test_kind_is_structured_and_nothing_else_is_given():
    """The object is the record's text."""
    method = get_method("json_schema")
    assert (method.kind, method.gives) == ("structured", ("text",))
    assert make("json_schema", {"schema": SCHEMA}, 3).records.schema.names == ["text"]


def test_what_jsonschema_refuses_is_made_anew():
    """A refused row of a column is replaced by a valid one; a row that cannot be made is left out and counted."""
    method = get_method("json_schema")
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "maximum": 5}}}
    columns = _columns(method.params(schema=schema), stream(0, "mend", 0))
    texts_, bad = pa.array(['{"a":1}', '{"a":9}']), np.array([False, True])
    mended = _mended(columns, Rows(columns.schema.root, 3, ""), texts_, bad)
    assert mended.records.column("text")[0].as_py() == '{"a":1}'
    assert json.loads(mended.records.column("text")[1].as_py())["a"] <= 5
    (root,) = columns.schema.root.subs
    hopeless = Rows(columns.schema.goals.goal((root, root.negated())), 3, "")
    left = _mended(columns, hopeless, texts_, bad)
    assert (left.records.num_rows, left.stats) == (1, {"gave_up": 1})
    assert method.notes(None, left.stats) == ["1 objects were given up: no valid one was found in 8 tries"]


def test_content_is_encoded_json_of_its_own_schema():
    """contentEncoding, contentMediaType and contentSchema only annotate, and are honoured all the same."""
    import base64

    inner = {"type": "object", "required": ["foo"], "properties": {"foo": {"type": "string"}}}
    media = {"contentMediaType": "application/json", "contentSchema": inner}
    schema = {"type": "string", "contentEncoding": "base64", **media}
    decoded = [json.loads(base64.b64decode(value)) for value in objects(schema, 50)]
    assert refused(inner, decoded) == []


@pytest.mark.parametrize(
    ("schema", "probability", "expected"),
    [
        ({"enum": [1, 2, "a", 1]}, 0.5, 3),
        ({"const": None}, 0.5, 1),
        ({"type": ["boolean", "null"]}, 0.5, 3),
        (
            {"type": "object", "properties": {"a": {"enum": [1, 2]}, "b": {"type": "boolean"}}, "required": ["a"]},
            0.5,
            6,
        ),
        (PAIR, 1, 4),
        (PAIR, 0, 2),
        ({"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 2}, 0.5, 7),
        ({"type": "string"}, 0.5, None),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, 0.5, None),
    ],
    ids=["enum", "const", "types", "object", "all-present", "none-present", "array", "string", "choice"],
)
def test_capacity_is_the_number_of_different_objects(schema, probability, expected):
    """Exact by enumeration: a thousand draws show as many different objects as were promised."""
    method = get_method("json_schema")
    params = method.params.model_validate({"schema": schema, "optional_probability": probability})
    assert method.capacity(params) == expected
    if expected:
        drawn = texts(make("json_schema", {"schema": schema, "optional_probability": probability}, 1000))
        assert len(set(drawn)) == expected


bounds = st.integers(-1000, 1000)
rooms = st.integers(0, 50)
names_ = st.sampled_from(["a", "b", "name", "é", 'q"', "x/y~"])
literals = st.none() | st.booleans() | bounds | st.text(max_size=5)
scalars = st.one_of(
    st.builds(lambda low, room: {"type": "integer", "minimum": low, "maximum": low + room}, bounds, rooms),
    st.builds(
        lambda low, room: {"type": "number", "minimum": low, "exclusiveMaximum": low + room + 0.01}, bounds, rooms
    ),
    st.builds(lambda least, room: {"type": "string", "minLength": least, "maxLength": least + room}, rooms, rooms),
    st.builds(lambda values: {"enum": values}, st.lists(literals, min_size=1)),
    st.sampled_from(["date", "email", "uuid", "ipv6", "uri"]).map(lambda name: {"type": "string", "format": name}),
    st.sampled_from([{"type": "boolean"}, {"type": ["null", "integer"]}, True, {"type": "number", "multipleOf": 0.25}]),
)


def containers(inner):
    objects_ = st.builds(
        lambda properties, required, closed: {
            "type": "object",
            "properties": properties,
            "required": [name for name in required if name in properties or not closed],
            **({"additionalProperties": False} if closed else {}),
        },
        st.dictionaries(names_, inner, max_size=4), st.lists(names_, unique=True, max_size=3), st.booleans(),
    )  # fmt: skip
    arrays = st.builds(
        lambda items, least, room: {"type": "array", "items": items, "minItems": least, "maxItems": least + room},
        inner, st.integers(0, 3), st.integers(0, 3),
    )  # fmt: skip
    choices = st.lists(inner, min_size=1, max_size=3).map(lambda each: {"anyOf": each})
    refused_too = inner.map(lambda each: {"not": each, "type": ["string", "integer", "array", "null"]})
    return objects_ | arrays | choices | refused_too


@settings(max_examples=120, deadline=None)
@given(schema=st.recursive(scalars, containers, max_leaves=8), seed=st.integers(0, 2**32))
def test_every_object_of_a_random_schema_is_valid(schema, seed):
    """Types, bounds, enums, nesting, optional parts, choices and negations, put together at random."""
    try:
        values = objects(schema, 15, run_seed=seed)
    except RecipeError as exc:
        # Only a negation of everything that its types allow leaves nothing: `not: true` and its like.
        assert "not" in json.dumps(schema), exc  # noqa: PT017 - the message belongs to the claim
        return
    assert len(values) == 15
    assert refused(schema, values) == []


def test_numbers_are_finite_and_exact():
    """Wide, narrow and enormous bounds, steps in floats, whole numbers out of float bounds."""
    table = [
        {"type": "number", "minimum": -1e308, "maximum": 1e308},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
        {"type": "number", "multipleOf": 0.1, "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "integer", "minimum": 10**30},
        {"type": "integer", "minimum": 0.5, "maximum": 1.5},
        {"type": "integer", "multipleOf": 0.123456789},
        {"type": "number", "multipleOf": 1e308},
        {"type": "number", "not": {"type": "integer"}, "minimum": 3, "maximum": 4},
        {"type": "integer", "allOf": [{"multipleOf": 4}, {"multipleOf": 6}, {"not": {"multipleOf": 24}}]},
        {"format": "int32", "type": "integer", "minimum": 2**31 - 3},
    ]
    for schema in table:
        values = objects(schema, 100)
        assert refused(schema, values) == []
        assert all(math.isfinite(value) for value in values)
        assert schema.get("format") != "int32" or max(values) < 2**31


def test_a_lone_surrogate_is_escaped():
    """JSON can say it and UTF-8 cannot."""
    (text,) = texts(make("json_schema", {"schema": {"const": {"\ud800": "é\udfff"}}}, 1))
    assert json.loads(text) == {"\ud800": "é\udfff"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pet.json", '{"type": "object", "required": ["at"], "properties": {"at": {"const": "2024-01-01"}}}'),
        ("pet.yaml", "type: object\nrequired: [at]\nproperties:\n  at: {const: 2024-01-01}\n"),
    ],
)
def test_a_schema_is_read_from_a_file_beside_the_recipe(tmp_path, name, text):
    """JSON or YAML; a date in YAML stays the text that it is in JSON."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert texts(make("json_schema", {"schema": name}, 1, base=tmp_path)) == ['{"at":"2024-01-01"}']
