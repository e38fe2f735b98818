"""What every rule must hold to, and how a recipe finds and sets one."""

import inspect

import pyarrow as pa
import pytest
from pydantic import ValidationError

from quality.rule import configured, default_rules, get_rule, rules
from tasks.core import record
from tasks.core.errors import RecipeError

NAMES = list(rules())


def one_of_each() -> pa.RecordBatch:
    """Return a row of each kind, rows of nulls, and texts that some rule or other refuses."""
    turns = [{"role": "user", "content": "Hello there"}, {"role": "assistant", "content": None}]
    said = ["A plain sentence.", None, "", "{{ slot }} \x00", '{"a": [1, 2]}', "(", "a\nb\na\nb\na", "ünïcödé ✓"]
    rows = [{"kind": kind, "text": text} for kind in record.KINDS for text in said]
    rows += [{"kind": "chat", "messages": turns}, {"kind": "pair", "text": "q", "target": "a"}]
    names = ("kind", "text", "messages", "target")
    part = record.columns(**{name: [row.get(name) for row in rows] for name in names})
    return record.complete(part, method="x@1", stage="s", shard=0, row=0)


@pytest.fixture(scope="module")
def batch():
    return one_of_each()


@pytest.mark.parametrize("name", NAMES)
def test_defect_is_a_mask_of_the_batch(name, batch):
    rule, params = configured(name)
    mask = rule.defect(batch, params)
    assert (mask.type, len(mask), mask.null_count) == (pa.bool_(), batch.num_rows, 0)


@pytest.mark.parametrize("name", NAMES)
def test_defect_is_pure(name, batch):
    """The same batch gives the same mask, and is left as it was."""
    rule, params = configured(name)
    before = batch.to_pylist()
    assert rule.defect(batch, params).equals(rule.defect(one_of_each(), params))
    assert batch.to_pylist() == before


@pytest.mark.parametrize("name", NAMES)
def test_defect_takes_an_empty_batch(name, batch):
    rule, params = configured(name)
    assert rule.defect(batch.slice(0, 0), params).to_pylist() == []


@pytest.mark.parametrize("name", [name for name in NAMES if not rules()[name].across])
def test_defect_of_a_slice_is_the_slice_of_defects(name, batch):
    """A row rule looks at one row alone, and offsets into a batch do not mislead it."""
    rule, params = configured(name)
    assert rule.defect(batch.slice(3, 9), params).equals(rule.defect(batch, params).slice(3, 9))


@pytest.mark.parametrize("name", NAMES)
def test_rule_says_what_it_is(name):
    rule = get_rule(name)
    assert rule.name == name == get_rule(rule.id).name
    assert 10 < len(rule.summary) <= 120
    doc = inspect.getdoc(inspect.getmodule(rule.defect))
    assert "https://" in doc[doc.index("Source:") :]
    assert rule.source
    assert all(field.description for field in rule.params.model_fields.values())


@pytest.mark.parametrize("name", NAMES)
def test_params_are_frozen_and_closed(name):
    rule = get_rule(name)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(rule.params(), next(iter(rule.params.model_fields)), 1)
    with pytest.raises(ValidationError, match="extra_forbidden"):
        rule.params(no_such_key=1)


def test_rules_hold_what_a_gate_asks_for():
    wanted = {
        "bad_json", "bad_unicode", "duplicate", "few_letters", "leftover_markup", "missing_target",
        "repeats_lines", "repeats_ngrams", "too_long", "too_short", "unbalanced",
    }  # fmt: skip
    assert wanted <= set(NAMES)
    assert [name for name in NAMES if rules()[name].across] == ["duplicate"]
    assert [rule.name for rule, _ in default_rules()] == ["too_short", "too_long", "bad_unicode", "duplicate"]


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        pytest.param("to_short", {}, "unknown rule 'to_short'; did you mean 'too_short'.*have: bad_json", id="rule"),
        pytest.param("too_short@9", {}, "unknown version 'too_short@9'; have: too_short@1", id="version"),
        pytest.param(
            "too_short", {"min_word": 2}, "'too_short': unknown key 'min_word'; did you mean 'min_words'", id="key"
        ),
        pytest.param("too_short", {"min_words": -1}, "'too_short': min_words = -1: .*greater than", id="range"),
        pytest.param("too_short", {"min_words": "x"}, "min_words = 'x': .*integer", id="type"),
        pytest.param("duplicate", {"by": "id"}, "by = 'id': .*'content', 'text' or 'normalized'", id="choice"),
        pytest.param("repeats_ngrams", {"top": {1: 0.5}}, r"n = 1 is outside 2\.\.50", id="n"),
        pytest.param("repeats_ngrams", {"top": {2: 1.5}}, r"share 1\.5 of 2-grams", id="share"),
        pytest.param("leftover_markup", {"parts": ["slots"]}, "unknown part 'slots'; did you mean 'slot'", id="part"),
        pytest.param("missing_target", {"kinds": ["pears"]}, "unknown kind 'pears'; did you mean 'pair'", id="kind"),
        pytest.param("unbalanced", {"brackets": ["<>"]}, "unknown pair '<>'", id="pair"),
    ],
)
def test_configured_names_what_is_wrong(name, params, message):
    with pytest.raises(RecipeError, match=message) as caught:
        configured(name, params)
    assert "\n" not in str(caught.value)
