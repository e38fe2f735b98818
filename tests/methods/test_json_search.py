"""json_schema: every keyword met, and every keyword broken on purpose."""

import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from tasks.methods.rules._json_compiled import meta_validator
from tasks.methods.rules._json_facts import Facts, ImpossibleError, contains, same
from tasks.methods.rules._json_kinds import KINDS, of_format, of_name
from tasks.methods.rules._json_patterns import python_schema
from tasks.methods.rules._json_pools import Pools
from tasks.methods.rules._json_strings import Strings
from tests.builders import make, texts

# One schema for each assertion and applicator of draft 2020-12, with a value of its own kind that must be avoidable.
KEYWORDS = {
    "type": {"type": ["integer", "string"]},
    "const": {"const": 7},
    "enum": {"enum": [1, "a", [1], None]},
    "minimum": {"minimum": 4},
    "maximum": {"maximum": 4},
    "exclusiveMinimum": {"exclusiveMinimum": 4},
    "exclusiveMaximum": {"exclusiveMaximum": 4},
    "multipleOf": {"multipleOf": 3},
    "minLength": {"minLength": 4},
    "maxLength": {"maxLength": 4},
    "pattern": {"pattern": "^[a-m]"},
    "format": {"format": "date"},
    "minItems": {"minItems": 2},
    "maxItems": {"maxItems": 2},
    "prefixItems": {"prefixItems": [{"type": "string"}, {"type": "null"}]},
    "items": {"prefixItems": [True], "items": {"type": "boolean"}},
    "contains": {"contains": {"type": "boolean"}, "minContains": 2, "maxContains": 3},
    "uniqueItems": {"uniqueItems": True},
    "unevaluatedItems": {"prefixItems": [{"type": "string"}], "unevaluatedItems": False},
    "required": {"required": ["a", "b"]},
    "properties": {"properties": {"a": {"type": "string"}, "b": {"minimum": 3}}},
    "patternProperties": {"patternProperties": {"^x": {"type": "string"}}},
    "additionalProperties": {"properties": {"a": True}, "additionalProperties": {"type": "integer"}},
    "unevaluatedProperties": {"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False},
    "propertyNames": {"propertyNames": {"maxLength": 3}},
    "minProperties": {"minProperties": 2},
    "maxProperties": {"maxProperties": 2},
    "dependentRequired": {"dependentRequired": {"a": ["b"]}},
    "dependentSchemas": {"dependentSchemas": {"a": {"required": ["b"], "properties": {"b": {"type": "null"}}}}},
    "allOf": {"allOf": [{"type": "string"}, {"minLength": 3}]},
    "anyOf": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    "oneOf": {"oneOf": [{"minimum": 3}, {"maximum": 5}]},
    "not": {"not": {"type": ["string", "object"]}},
    "if": {"if": {"type": "string"}, "then": {"minLength": 3}, "else": {"type": "boolean"}},
    "$ref": {"$defs": {"x": {"type": "array", "items": {"type": "null"}}}, "$ref": "#/$defs/x"},
    "$dynamicRef": {"$dynamicAnchor": "n", "type": "object", "properties": {"kid": {"$dynamicRef": "#n"}}},
}


def drawn(schema, count=60):
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    values = [json.loads(text) for text in texts(make("json_schema", {"schema": schema}, count))]
    assert [value for value in values if not validator.is_valid(value)] == []
    assert len(values) == count
    return values


@pytest.mark.parametrize("name", KEYWORDS)
def test_a_keyword_is_met(name):
    """Each keyword alone."""
    drawn(KEYWORDS[name])


@pytest.mark.parametrize("name", [name for name in KEYWORDS if name != "$dynamicRef"])
def test_a_keyword_is_broken_where_it_must_not_hold(name):
    """`not` of each keyword, and its return through a second `not`."""
    schema = KEYWORDS[name]
    rest = {key: schema[key] for key in schema if key == "$defs"}
    drawn({**rest, "not": schema})
    drawn({**rest, "not": {"not": schema}})


@pytest.mark.parametrize("name", ["type", "contains", "properties", "required", "oneOf", "propertyNames", "if"])
def test_a_keyword_is_broken_inside_a_property(name):
    """A negation within an object that has more to do."""
    schema = {
        "type": "object",
        "required": ["p"],
        "properties": {"p": {"not": KEYWORDS[name]}, "name": {"type": "string"}},
    }
    drawn(schema)


def test_contains_is_placed_between_prefix_and_bounds():
    """Two dates somewhere among five items, never four, after a fixed head."""
    date = {"type": "string", "format": "date"}
    schema = {
        "type": "array",
        "prefixItems": [{"const": 1}],
        "contains": date,
        "minContains": 2,
        "maxContains": 3,
        "minItems": 6,
    }
    assert all(value[0] == 1 for value in drawn(schema))


def test_unevaluated_items_are_those_that_contains_did_not_meet():
    """An item may follow the prefix only where `contains` has evaluated it."""
    schema = {
        "type": "array",
        "prefixItems": [{"type": "string"}],
        "contains": {"type": "boolean"},
        "unevaluatedItems": False,
    }
    assert {tuple(type(item) for item in value) for value in drawn(schema)} >= {(str, bool)}


def test_a_discriminated_union_shows_all_of_its_kinds():
    """oneOf over constants: each branch about as often, and no stray property of another branch."""
    branches = [
        {"type": "object", "required": ["kind"], "properties": {"kind": {"const": kind}, kind: {"type": "integer"}}}
        for kind in "abcd"
    ]
    kinds = [value["kind"] for value in drawn({"oneOf": branches}, 400)]
    assert all(60 < kinds.count(kind) < 140 for kind in "abcd")


def test_many_choices_are_sampled():
    """4,096 combinations are more than can be listed, and most of them are possible."""
    schema = {"type": "integer", "allOf": [{"anyOf": [{"multipleOf": 2}, {"minimum": n}]} for n in range(12)]}
    assert len(set(drawn(schema, 200))) > 50


def test_an_exclusive_choice_among_properties():
    """Exactly one of eight may be there, though all are optional."""
    names = [f"k{n}" for n in range(8)]
    properties = {name: {"type": "integer"} for name in names}
    schema = {"type": "object", "properties": properties, "oneOf": [{"required": [name]} for name in names]}
    assert all(len(set(value) & set(names)) == 1 for value in drawn(schema))


def test_dynamic_reference_takes_the_outermost_anchor():
    """The extension of draft 2020-12's own example: children are of the extending type."""
    schema = {
        "$id": "https://example.com/strict-tree",
        "$dynamicAnchor": "node",
        "$ref": "tree",
        "unevaluatedProperties": False,
        "$defs": {
            "tree": {
                "$id": "https://example.com/tree",
                "$dynamicAnchor": "node",
                "type": "object",
                "required": ["data"],
                "properties": {
                    "data": {"type": "integer"},
                    "children": {"type": "array", "items": {"$dynamicRef": "#node"}},
                },
            }
        },
    }
    assert any(value.get("children") for value in drawn(schema))


@pytest.mark.parametrize(
    ("one", "two", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1, [True]], [1.0, [True]], True),
        ([1], [1, 2], False),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ("1", 1, False),
        (None, False, False),
    ],
)
def test_json_equality(one, two, equal):
    """Numbers by value, booleans apart from numbers, at any depth."""
    assert same(one, two) is equal
    assert contains(["x", two], one) is equal


def test_facts_refuse_with_the_reason():
    """The reason names the facts that exclude each other."""
    facts = Facts(types=("array",), min_items=4, max_items=2)
    with pytest.raises(ImpossibleError, match="#/x: 4 items are needed and maxItems allows 2"):
        facts.prune("#/x")


@pytest.mark.parametrize("what", ["formats", "matches"])
def test_what_must_hold_and_must_not_is_refused_at_once(what):
    """Sixty rounds of draws would find nothing; the branches of a `oneOf` ask this often."""
    facts = Facts(types=("string",), **{what: ("uuid",), f"off_{what}": ("uuid",)})
    asked = []
    with pytest.raises(ImpossibleError, match="no string was found"):
        Strings(facts, "", lambda *each: asked.append(each) is None).draw(Pools(np.random.default_rng(0), "en_US"), 2)
    assert not asked


@pytest.mark.parametrize("place", ["items", "properties", "allOf", "type", "minLength", "$ref", "required", "enum"])
@pytest.mark.parametrize("value", [None, -1, "x", [], {}, True, 1.5, ["a", "a"], [{}], {"a": 1}, {"a": {"type": 3}}])
def test_schemas_are_judged_as_by_the_published_meta_schema(place, value):
    """One schema made of the seven vocabularies says what they say."""
    schema = {"$defs": {"inner": {"type": "object", place: value}}, "items": {place: value}}
    published = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    assert meta_validator().is_valid(schema) is published.is_valid(schema)
    assert not meta_validator().is_valid({"prefixItems": 1})
    assert not meta_validator().is_valid([])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("createdAt", "date_time"),
        ("created_at", "date_time"),
        ("customerEmail", "email"),
        ("homepage_url", "url"),
        ("productID", "uuid"),
        ("billing-city", "city"),
        ("tags", "word"),
        ("last_name", "last_name"),
        ("blorp", None),
        ("", None),
    ],
)
def test_a_name_says_what_it_holds(name, kind):
    """Whatever the case of the API."""
    assert of_name(name) == kind


def test_every_format_of_the_draft_is_known():
    """Section 7.3 of the validation specification, in full."""
    from jsonschema import Draft202012Validator

    formats = set(Draft202012Validator.FORMAT_CHECKER.checkers)
    assert {name for name in formats if of_format(name) not in KINDS} == set()
    fields = sorted(formats)
    schema = {"type": "object", "required": fields, "properties": {f: {"type": "string", "format": f} for f in fields}}
    drawn(schema, 20)


@pytest.mark.parametrize(
    "schema",
    [
        {"format": "email", "maxLength": 12},
        {"format": "uri", "minLength": 90, "maxLength": 95},
        {"format": "email", "pattern": "@example\\.com$"},
        {"format": "date", "pattern": "^2024-"},
        {"format": "hostname", "minLength": 80},
    ],
)
def test_a_format_keeps_to_its_length_and_pattern(schema):
    """A format is not the only thing asked of a string."""
    drawn({"type": "string", **schema})


def test_only_patterns_that_python_cannot_read_are_rewritten():
    """What both dialects say is left as it is, and values are never touched."""
    schema = {
        "properties": {"enum": {"pattern": "\\p{Zs}"}},
        "pattern": "^a$",
        "patternProperties": {"\\p{Lt}": {"pattern": "(?<n>a)\\k<n>"}},
        "const": {"pattern": "\\p{L}"},
    }
    out = python_schema(schema)
    assert out["pattern"] == "^a$"
    assert out["properties"]["enum"]["pattern"].startswith("[\\U00000020-")
    assert out["const"] == {"pattern": "\\p{L}"}
    assert next(iter(out["patternProperties"])).startswith("[\\U000001c5-")
    assert next(iter(out["patternProperties"].values())) == {"pattern": "(?P<n>a)(?P=n)"}
