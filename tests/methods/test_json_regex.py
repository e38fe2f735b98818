"""json_schema: strings by pattern, and what jsonschema says of a column."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tasks.core.random import stream
from tasks.methods.rules._json_check import bad_scalars
from tasks.methods.rules._json_compiled import ready
from tasks.methods.rules._json_patterns import python_pattern
from tasks.methods.rules._json_regex import matcher
from tests.builders import make, texts

PATTERNS = {
    "literal": r"abc",
    "anchored": r"^[a-z]+$",
    "counted": r"^[A-Z]{2}\d{2}( ?[0-9]{4}){4}$",
    "alternatives": r"^(red|green|blue)(-dark)?$",
    "nested": r"^((a|bc){2,3}x)*$",
    "unanchored": r"\d\d:\d\d",
    "negated": r"^[^@\s]+@[^@\s]+$",
    "classes": r"^\w+\s\D\S\W$",
    "non-greedy": r"^a+?b*?c$",
    "back reference": r"^(['\"])x+\1$",
    "named group": r"^(?<year>\d{4})-\k<year>$",
    "look-ahead": r"^(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,20}$",
    "word boundary": r"\bcat\b",
    "unicode": r"^[à-ÿ]{3}$",
    "unicode escape": r"^\u00e9\u{1F600}$",
    "case": r"(?i)^AbC$",
    "empty": r"^$",
    "dot": r"^.{5}$",
    "letters of any script": r"^\p{Lu}\p{L}*[\p{Nd}_]$",
}


PARTS = ["a", "[b-d]", "(e|fg)", "(h?i){1,3}", "\\d{2}", "j*", "(k|l+)?"]


@pytest.mark.parametrize("name", PATTERNS)
def test_strings_match_their_pattern(name):
    """Every construct that API schemas use, as jsonschema would search for it."""
    pattern = PATTERNS[name]
    values = [
        json.loads(text) for text in texts(make("json_schema", {"schema": {"type": "string", "pattern": pattern}}, 50))
    ]
    assert len(values) == 50
    assert all(re.search(python_pattern(pattern), value) for value in values)


@pytest.mark.parametrize(
    ("pattern", "low", "high"),
    [
        (r"^[a-z]+$", 40, 42),
        (r"^(ab|cde)*$", 17, 17),
        (r"a+", 9, 9),
        (r"^x(yy)*z$", 100, 101),
        (r"^(\d{3},?)+$", 250, 255),
    ],
)
def test_a_pattern_meets_its_length(pattern, low, high):
    """Lengths are solved, not hoped for: each draw has one that fits."""
    rng = stream(0, "length", 0)
    for _ in range(30):
        text = matcher(pattern).draw(rng, low, high)
        assert low <= len(text) <= high
        assert re.search(pattern, text)


def test_no_length_fits_is_none():
    """An even word has no odd length, and no padding is possible between anchors."""
    assert matcher("^(ab)+$").draw(stream(0, "length", 0), 7, 7) is None


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.sampled_from(PARTS), min_size=1, max_size=6),
    seed=st.integers(0, 2**32),
)
def test_what_is_drawn_is_a_full_match(parts, seed):
    """Sequences of all kinds of nodes, at every length that they are asked for."""
    pattern = "^" + "".join(parts) + "$"
    drawn = matcher(pattern).draw(stream(seed, "regex", 0), 0, 60)
    assert drawn is not None
    assert re.fullmatch("".join(parts), drawn)


def test_nesting_is_bounded():
    """A pattern is walked by recursion, so its depth is limited and named."""
    with pytest.raises(ValueError, match="nests deeper than 60"):
        matcher("(" * 70 + "a" + ")" * 70)


def column(schema, values):
    made = ready(schema, 0.5)
    return bad_scalars(made, made.root.subs, values).tolist()


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"type": "integer", "minimum": 3, "maximum": 8}, [1, 3, 5, 8, 9]),
        ({"type": "number", "exclusiveMinimum": 0}, [0.0, 0.5, -1.0]),
        ({"type": "integer"}, [1.0, 1.5, 2.0]),
        ({"multipleOf": 0.1}, [0.1, 0.3, 0.7, 0.25]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["a", "ab", "abc", "abcd"]),
        ({"format": "email"}, ["a@b.c", "nothing", "x@y"]),
        ({"format": "date-time", "pattern": "^2"}, ["2024-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "2024-1"]),
        ({"format": "iri"}, ["https://example.com/é", "https://example.com", "no iri at all"]),
        ({"enum": ["a", 1]}, ["a", "b", "a"]),
        ({"not": {"const": 3}}, [1, 2, 3]),
        ({"$defs": {"x": {"$ref": "#/$defs/y"}, "y": {"maximum": 2}}, "$ref": "#/$defs/x"}, [1, 2, 3]),
        ({"$defs": {"y": {"maximum": 2}}, "$ref": "#/$defs/y", "minimum": 2}, [1, 2, 3]),
        ({"type": "null"}, [True, False]),
        ({"type": ["string", "boolean"]}, [True, False]),
        ({"type": "null"}, [None, None]),
    ],
)  # fmt: skip
def test_a_column_gets_the_verdict_that_each_value_gets(schema, values):
    """The shortcut over a column finds exactly the values that jsonschema refuses one by one."""
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert column(schema, values) == [not validator.is_valid(value) for value in values]


@settings(max_examples=40, deadline=None)
@given(
    low=st.integers(-5, 5), high=st.integers(-5, 5), step=st.sampled_from([None, 2, 0.5]),
    values=st.lists(st.integers(-9, 9), min_size=1) | st.lists(st.floats(-9, 9), min_size=1),
)  # fmt: skip
def test_bounds_hold_for_a_column_as_for_each(low, high, step, values):
    """Whatever the bounds: the ends of a column stand for it only where they may."""
    schema = {"minimum": low, "exclusiveMaximum": high, **({"multipleOf": step} if step else {})}
    validator = Draft202012Validator(schema)
    assert column(schema, values) == [not validator.is_valid(value) for value in values]


def test_positions_are_drawn_evenly():
    """A pattern of one shape is drawn as a grid: each of the ten digits about as often (chi-square, 9 degrees)."""
    drawn = texts(make("json_schema", {"schema": {"type": "string", "pattern": "^[A-Z]{3}-\\d$"}}, 5000))
    counts = np.unique([text[-2] for text in drawn], return_counts=True)[1]
    assert len(counts) == 10
    assert ((counts - 500) ** 2 / 500).sum() < 27.9  # the 0.1 % point
