"""The verdict of several rules on a batch."""

import pyarrow as pa

from quality.checkpoint import judge, split_rules
from quality.rule import Rule, RuleParams, configured, default_rules
from tasks.core import record


def batch_of(*texts):
    return record.complete(record.columns(text=list(texts)), method="x@1", stage="s", shard=0, row=0)


def test_judge_names_the_first_rule_that_finds_its_defect():
    """The order of the rules decides, not their names."""
    batch = batch_of("fine text", "", "bad\x00", "a b c d", "{{ x }}\x00")
    rules = [configured("too_short"), configured("too_long", {"max_words": 3}), configured("bad_unicode")]
    assert judge(batch, rules).to_pylist() == [None, "too_short", "bad_unicode", "too_long", "bad_unicode"]
    first = [configured("leftover_markup"), *rules]
    assert judge(batch, first).to_pylist()[-1] == "leftover_markup"


def test_judge_of_clean_rows_is_null_and_text():
    reasons = judge(batch_of("one", "two"), default_rules())
    assert reasons.equals(pa.nulls(2, pa.string()))


def test_judge_takes_no_rows_and_no_rules():
    assert judge(batch_of(), default_rules()).equals(pa.nulls(0, pa.string()))
    assert judge(batch_of("a"), []).to_pylist() == [None]


def test_judge_leaves_duplicates_to_the_stage():
    assert judge(batch_of("same", "same"), default_rules()).to_pylist() == [None, None]


def test_judge_takes_a_rule_of_other_people():
    """A rule is a value, not a name in a list; a null in its mask is no defect."""
    rule = Rule("odd", 1, RuleParams, lambda batch, _params: pa.array([True, None, False][: batch.num_rows]))
    assert judge(batch_of("a", "b", "c"), [(rule, RuleParams())]).to_pylist() == ["odd", None, None]


def test_split_rules_parts_rows_from_stage():
    alone, across = split_rules(default_rules())
    assert [rule.name for rule, _ in alone] == ["too_short", "too_long", "bad_unicode"]
    assert [rule.name for rule, _ in across] == ["duplicate"]
