"""Ten objects of every schema of the JSON-Schema-Test-Suite that is at hand, each valid by jsonschema."""

import json
import re
import unicodedata

import pytest
from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY

from tasks.core.errors import RecipeError
from tests.builders import SHARED_DATA, make, needs_shared_data, texts

SUITE = SHARED_DATA / "json_schema"
FILES = sorted(path.stem for path in SUITE.glob("*.json")) if SUITE.is_dir() else []

# Each group of refRemote.json refers to a document on http://localhost:1234 that is not part of the suite's file.
REMOTE = r"cannot resolve '.*'; it is not in this document, and none is fetched"
UNREACHED = {"refRemote": REMOTE}

# Groups with a valid instance, by file; the suite's own validator test is what calls an instance valid.
COUNTS = {
    "additionalProperties": 7, "anchor": 4, "const": 17, "content": 4, "defs": 1, "dependentSchemas": 4, "enum": 14,
    "exclusiveMinimum": 1, "if-then-else": 12, "items": 10, "maxItems": 2, "maxProperties": 3, "minContains": 7,
    "minLength": 2, "minimum": 2, "not": 7, "pattern": 3, "prefixItems": 4, "propertyNames": 6, "refRemote": 0,
    "type": 11, "unevaluatedProperties": 38, "vocabulary": 2,
}  # fmt: skip
UNREACHED_COUNTS = {"refRemote": 15}


def groups(name):
    found = json.loads((SUITE / f"{name}.json").read_text(encoding="utf-8"))
    return [group for group in found if any(case["valid"] for case in group["tests"])]


def is_valid(schema, value):
    if "\\p{Letter}" in json.dumps(schema).replace("\\\\", "\\"):
        # Python's `re`, and so jsonschema, cannot read this one pattern of the suite: ^\p{Letter}+$
        return bool(value) and all(unicodedata.category(char)[0] == "L" for char in value)
    validator = Draft202012Validator(schema, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return validator.is_valid(value)


@needs_shared_data
def test_no_file_of_the_suite_is_left_out():
    """The table names every file, so a new one is a failure and not a silence."""
    assert sorted(COUNTS) == FILES


@needs_shared_data
@pytest.mark.parametrize("name", FILES)
def test_ten_valid_objects_of_every_schema(name):
    """Each schema of the file with a valid instance gives ten valid ones; what cannot be made says why."""
    made, unreached = [], []
    for group in groups(name):
        schema, title = group["schema"], group["description"]
        try:
            values = [json.loads(text) for text in texts(make("json_schema", {"schema": schema, "max_depth": 1}, 10))]
        except RecipeError as exc:
            unreached.append((title, str(exc)))
            continue
        assert len(values) == 10, title
        assert [value for value in values if not is_valid(schema, value)] == [], title
        made.append(title)
    assert len(made) == COUNTS[name]
    assert len(unreached) == UNREACHED_COUNTS.get(name, 0), unreached
    assert all(re.search(UNREACHED[name], message) for _title, message in unreached)


@needs_shared_data
def test_schemas_that_nothing_meets_are_refused_or_met():
    """Where the suite lists no valid instance, a schema is refused only if jsonschema finds no common value valid."""
    common = [None, True, 0, 1.5, "", "a", [], [1], {}, {"foo": "a"}]
    for name in FILES:
        for group in json.loads((SUITE / f"{name}.json").read_text(encoding="utf-8")):
            if any(case["valid"] for case in group["tests"]):
                continue
            try:
                values = [json.loads(text) for text in texts(make("json_schema", {"schema": group["schema"]}, 10))]
                assert all(is_valid(group["schema"], value) for value in values), group["description"]
            except RecipeError:
                assert not any(is_valid(group["schema"], value) for value in common), group["description"]
