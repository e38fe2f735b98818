"""json_schema: what is refused before anything is made, each with one message that says where and why."""

import math

import pytest
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tests.builders import make


def required(schema):
    return {"type": "object", "required": ["a"], "properties": {"a": schema}}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (False, r"#: the schema `false` allows no value"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, r"#: no number lies between 5 and 3"),
        ({"enum": []}, r"none of its 0 listed values"),
        (required(False), r"#: property 'a' is required and must not be there"),
        (required({"type": "string", "minLength": 5, "maxLength": 2}), r"#/properties/a: minLength 5 is over m.* 2"),
        (required({"$ref": "#"}), r"#/properties/a: every value would nest without end"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, r"#/allOf/0/type: no type is left.*integer"),
        ({"type": "string", "not": {"type": "string"}}, r"#/not/type: no type is left.*string"),
        ({"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 6}, r"no multiple of 7 lies between 1 and 6"),
        ({"type": "string", "pattern": "^a", "allOf": [{"pattern": "^b"}]}, r"no string was found with pattern '\^"),
        ({"type": "array", "items": False, "minItems": 1}, r"#: 1 items are needed and there must be no item 0"),
        ({"type": "array", "items": {"enum": [1]}, "uniqueItems": True, "minItems": 2}, r"no further different item"),
        ({"type": "object", "additionalProperties": False, "minProperties": 1}, r"no name was found for a further"),
        ({"type": "object", "required": ["a", "b"], "maxProperties": 1}, r"2 properties are needed and maxProp.* 1"),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, r"#/oneOf/0/type: no type is left"),
        ({"type": "array", "contains": {}, "minContains": 3, "maxContains": 1}, r"minContains: 3 is over maxContains"),
        ({"$ref": "#"}, r"refers to itself without going deeper"),
        ({"$ref": "#/$defs/nope"}, r"#/\$ref: cannot resolve '#/\$defs/nope'"),
        ({"items": {"$ref": "https://a.org/a.json"}}, r"#/items/\$ref: cannot resolve 'https://a.org/a.json'"),
        ({"type": "strin"}, r"not a JSON Schema: #/type: 'strin'"),
        (required({"format": "emial"}), r"#/properties/a/format: unknown format 'emial'; did you mean 'email'"),
        ({"pattern": "(a"}, r"#: pattern '\(a' is not supported"),
        ({"pattern": r"\p{Script=Greek}"}, r"property '\\p\{Script=Greek\}' is not supported"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, r"#/\$schema: .*draft-07.* is not supported"),
        ({"dependencies": {"a": ["b"]}}, r"#/dependencies: not a keyword of draft 2020-12; use dependentRequired"),
        ({"contentMediaType": "image/png"}, r"#/contentMediaType: cannot make 'image/png'; have: application/json"),
        ({"contentEncoding": "base46"}, r"unknown encoding 'base46'; did you mean 'base64'"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_honoured_is_named(schema, message):
    """Unsatisfiable, unknown or unsupported: one line with the place, before anything is made."""
    with pytest.raises(RecipeError, match=message):
        make("json_schema", {"schema": schema}, 1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "give either schema or openapi, not neither"),
        ({"schema": {}, "openapi": {}}, "give either schema or openapi, not both"),
        ({"schema": {}, "operation": "getPet"}, "operation and status belong to openapi"),
        ({"schema": "nope.json"}, "'nope.json' is neither a file nor a schema"),
        ({"schema": "schemas/nope.json"}, "no such file: 'schemas/nope.json'"),
        ({"schema": '{\n"type": }'}, "the text is not JSON: Expecting value: line 2 column 9"),
        ({"schema": "type: [object,\n"}, "the text is neither JSON nor YAML"),
        ({"schema": {"const": math.nan}}, "#/const is nan, which JSON cannot hold"),
        ({"schema": {}, "optional_probability": 1.5}, "optional_probability"),
        ({"schema": {}, "indnt": 2}, "indnt"),
    ],
)
def test_wrong_params_are_named(params, message):
    """The params model says what is wrong with the value that it was given."""
    with pytest.raises(ValidationError, match=message):
        make("json_schema", params, 1)


def test_unknown_locale_lists_the_choices():
    """Faker's own message would name a missing module."""
    with pytest.raises(RecipeError, match=r"unknown locale 'en_UX'; did you mean 'en_U[SX]?"):
        make("json_schema", {"schema": {}, "locale": "en_UX"}, 1)
