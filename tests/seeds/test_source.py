"""The `seeds` part of a recipe refuses what cannot be meant, before any file is opened."""

import pytest
from pydantic import ValidationError

from tasks.core.source import SeedSource


def test_a_plain_string_is_short_for_the_path():
    assert SeedSource.model_validate("seeds.jsonl") == SeedSource(path="seeds.jsonl")


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        pytest.param({"path": "x", "collumns": {}}, "Extra inputs are not permitted", id="misspelt key"),
        pytest.param({"path": ""}, "at least 1 character", id="no path"),
        pytest.param({"path": "x", "format": "xml"}, "'auto', 'jsonl', 'json', 'csv'", id="unknown format"),
        pytest.param({"path": "x", "columns": {"id": "a"}}, "cannot map to 'id'.*text, messages", id="own column"),
        pytest.param({"path": "x", "columns": {"": "a"}}, "cannot map to ''", id="empty name"),
        pytest.param(
            {"path": "x", "columns": {"text": "a", "target": "a"}},
            "'a' is mapped twice: to 'text' and 'target'",
            id="one column twice",
        ),
        pytest.param({"path": "x", "limit": 0}, "greater than or equal to 1", id="limit of nothing"),
        pytest.param({"path": "x", "delimiter": ";;"}, "delimiter ';;' is not one character", id="long delimiter"),
        pytest.param({"path": "x", "format": "jsonl", "delimiter": ";"}, "for csv, not for format 'jsonl'", id="stray"),
        pytest.param(
            {"path": "x", "format": "csv", "split": "train"}, "split and revision are for", id="split of a csv"
        ),
        pytest.param({"path": "hf://a/b", "format": "csv"}, "is a Hugging Face dataset", id="hub id as csv"),
    ],
)
def test_a_wrong_source_says_what_is_wrong(spec, error):
    with pytest.raises(ValidationError, match=error):
        SeedSource.model_validate(spec)


@pytest.mark.parametrize("spelling", ["\t", "\\t", "tab"])
def test_a_tab_can_be_spelt(spelling):
    assert SeedSource(path="x", delimiter=spelling).delimiter == "\t"


def test_a_source_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        SeedSource(path="x").path = "y"


def test_every_field_is_described():
    assert all(field.description for field in SeedSource.model_fields.values())
