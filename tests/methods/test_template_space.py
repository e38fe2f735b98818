"""How many texts `template` can make, and that it makes each of them before it repeats one."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import RecipeError
from tasks.core.method import get_method
from tasks.methods.rules._template_turns import deal, phases, whole_weights
from tests.builders import make, seeds_of, texts

METHOD = get_method("template")


def capacity(template, slots, **more):
    """Return what the method says of these params."""
    return METHOD.capacity(METHOD.params.model_validate({"template": template, "slots": slots, **more}))


def drawn(params, count, shards):
    """Return the texts of so many shards of `count` draws each."""
    return [text for k in range(shards) for text in texts(make("template", params, count, shard=k, start=k * count))]


@pytest.mark.parametrize(
    ("template", "slots", "expected"),
    [
        ("{{ a }} {{ b }}", {"a": ["x", "y"], "b": ["1", "2", "3"]}, 6),
        ("{{ a }}{{ a }}", {"a": ["x", "y"]}, 2),
        ("{{ a }}", {"a": ["x", "y", "x"]}, 2),
        ("{{ a }}", {"a": [1, "1"]}, 1),
        ("{{ a | upper }}", {"a": ["x", "X", "y"]}, 2),
        ("{{ a }}{{ b }}", {"a": ["x", "xy"], "b": ["yz", "z"]}, 3),
        ("{{ f }}", {"p": ["l", "u"], "f": {"by": "p", "choices": {"l": ["x", "y"], "u": ["y", "z"]}}}, 3),
        ("{{ p }}{{ f }}", {"p": ["l", "u"], "f": {"by": "p", "choices": {"l": ["x", "y"], "u": ["y"]}}}, 3),
        ("{{ w }}", {"w": {"weighted": {"x": 9, "y": 1}}}, 2),
        ("{% if a == 'x' %}{{ b }}{% endif %}", {"a": ["x", "y"], "b": [1, 2, 3]}, 4),
        (["{{ a }}", "{{ a }}!", "x"], {"a": ["x", "y"]}, 4),
        ("no slot", {}, 1),
        ("{{ a }}", {"a": {"range": [1, 10**12]}}, 10**12),
        ("{{ a }}{{ b }}", {"a": {"range": [1, 10**15]}, "b": {"range": [1, 10**15]}}, 10**30),
        ("{{ a }}", {"a": {"range": [0, 1], "step": 0.001}}, 1001),
        ("{{ a }}", {"a": {"range": [0.0, 1.0], "format": ".3f"}}, 1001),
        ("{{ a }}", {"a": {"range": [0.0, 1.0]}}, None),
        ("{{ a }}", {"a": {"date": {"from": "2024-01-01", "to": "2024-12-31"}}}, 366),
        ("{{ a }} {{ b }}", {"a": {"faker": "name"}, "b": ["x"]}, None),
        ("{{ seed.text }}", {}, None),
        ("{{ a }}", {"a": {"seed": "text"}}, None),
        ("{{ a }}", {"a": "{{ seed.text }}"}, None),
        (["{{ a }}", "{{ b }}"], {"a": ["x"], "b": {"faker": "name"}}, None),
    ],
)
def test_capacity_counts_different_texts(template, slots, expected):
    assert capacity(template, slots) == expected


def test_capacity_counts_records_and_not_texts_alone():
    slots = {"a": ["x"], "b": ["p", "q"]}
    assert capacity("{{ a }}", slots, target="{{ b }}") == 2
    assert capacity("{{ a }}", slots, label="{{ b }}") == 2
    assert capacity((), slots, messages=[{"role": "user", "content": "{{ a }}{{ b }}"}]) == 2


WORDS = st.lists(st.sampled_from(["", "x", "y", "xx", "xy", "X", "Ax"]), min_size=1, max_size=4)
PIECES = st.sampled_from(
    ["{{ a }}", "{{ b }}", "{{ c }}", "{{ d }}", "{{ t }}", "{{ a | upper }}", "{{ c | a }}", "{{ b | plural }}", "x"]
)


@st.composite
def specs(draw):
    """Return templates, the slots they use, and the slots' values in every combination."""
    template = draw(st.lists(st.lists(PIECES, min_size=1, max_size=5).map("".join), min_size=1, max_size=3))
    a, b = draw(WORDS), draw(WORDS)
    by_a = {value: draw(WORDS) for value in sorted(set(a))}
    by_c = {value: draw(WORDS) for value in sorted({c for cs in by_a.values() for c in cs})}
    if draw(st.booleans()):
        template.append("{% if a == 'x' %}{{ d }}{% endif %}{{ b }}")
    slots = {
        "a": a,
        "b": {"weighted": {value: 1 + k for k, value in enumerate(sorted(set(b)))}} if draw(st.booleans()) else b,
        "c": {"by": "a", "choices": by_a},
        "d": {"by": "c", "choices": by_c},
        "t": "{{ c }}-{{ b }}",
    }
    combos = [
        {"a": va, "b": vb, "c": vc, "d": vd, "t": f"{vc}-{vb}"}
        for va, vb in itertools.product(a, b)
        for vc in by_a[va]
        for vd in by_c[vc]
    ]
    return template, slots, combos


def used(template, slots):
    """Return the slots that a template needs, and those that they need."""
    found = {name for name in slots for t in template if re.search(rf"(?:{{{{|if) ?{name}\b", t)}
    needs = {"t": {"b", "c", "a"}, "d": {"c", "a"}, "c": {"a"}}
    return {name: slots[name] for name in slots if name in found.union(*(needs.get(f, set()) for f in found))}


@settings(max_examples=40, deadline=None)
@given(specs())
def test_capacity_and_draws_equal_brute_force(spec):
    """Every combination rendered by our sandbox one at a time against the counted and dealt columns."""
    from tasks.methods.rules._template_sandbox import Sandbox

    template, slots, combos = spec
    slots = used(template, slots)
    sandbox = Sandbox()
    wanted = {sandbox.from_string(t).render(combo) for t in template for combo in combos}
    assert capacity(template, slots) == len(wanted)
    params = {"template": template, "slots": slots}
    weighted = "b" in slots and isinstance(slots["b"], dict)
    got = drawn(params, len(wanted) // 3 + 1, 7)
    assert set(got) == wanted
    assert weighted or sorted(got) == sorted(wanted)


@pytest.mark.parametrize("size", [3, 1000])
def test_shards_never_repeat_until_all_is_drawn(size):
    """Below and above what is counted by writing it out."""
    params = {"template": "{{ a }}-{{ b }}", "slots": {"a": {"range": [1, size]}, "b": {"range": [1, 70]}}}
    total = size * 70
    got = drawn(params, total // 9 + 1, 10)
    assert len(got) == total
    assert len(set(got)) == total


def test_large_uneven_trees_never_repeat_and_reach_everything():
    parents = [f"p{i}" for i in range(300)]
    children = {p: [f"{p}c{j}" for j in range(i % 7 + 1)] for i, p in enumerate(parents)}
    slots = {
        "p": parents,
        "c": {"by": "p", "choices": children},
        "d": {"by": "c", "choices": {"p0c0": ["!", "?"]}, "default": ["."]},
        "n": {"range": [1, 60]},
    }
    total = (sum(map(len, children.values())) + 1) * 60
    assert capacity("{{ p }} {{ c }} {{ d }} {{ n }}", slots) == total
    got = drawn({"template": "{{ p }} {{ c }} {{ d }} {{ n }}", "slots": slots}, 20_000, total // 20_000 + 1)
    assert len(got) == len(set(got)) == total
    assert all(text.split()[1].startswith(text.split()[0] + "c") for text in got)


def test_exhausted_template_gives_nothing_more():
    params = {"template": "{{ a }}", "slots": {"a": ["x", "y"]}}
    made = make("template", params, 5, start=2)
    assert made.records.num_rows == 0
    assert made.records.schema == make("template", params, 2).records.schema


@pytest.mark.parametrize("size", [60, 1100])
def test_weighted_template_reaches_every_text(size):
    """Twice as many draws as there are texts are enough, however small a weight is."""
    weights = {"x": 1000, "y": 1, "z": 0.001}
    params = {
        "template": "{{ w }} {{ v }} {{ n }}",
        "slots": {"w": {"weighted": weights}, "v": {"weighted": weights}, "n": {"range": [1, size]}},
    }
    total = 9 * size
    got = drawn(params, total // 4, 8)
    assert len(got) == 2 * total
    assert len(set(got)) == total
    assert sorted(got[total:]) == sorted(set(got))
    assert make("template", params, 5, start=2 * total).records.num_rows == 0


def test_weights_beside_a_free_slot_do_not_repeat_before_it_does():
    params = {"template": "{{ w }} {{ n }}", "slots": {"w": {"weighted": {"x": 9, "y": 1}}, "n": {"range": [1, 5000]}}}
    got = drawn(params, 1000, 5)
    assert len(set(got)) == 5000
    assert 4300 < sum(text.startswith("x") for text in got) < 4700


def test_permuted_draws_do_not_come_in_order():
    got = [int(text) for text in drawn({"template": "{{ n }}", "slots": {"n": {"range": [1, 100_000]}}}, 1000, 1)]
    assert abs(np.corrcoef(got, np.arange(1000))[0, 1]) < 0.15
    assert 45_000 < np.mean(got) < 55_000


def test_templates_take_turns_evenly_until_one_is_used_up():
    slots = {"a": {"range": [1, 10]}, "b": {"range": [1, 10_000]}}
    params = {"template": ["one {{ a }}", "two {{ b }}", "three {{ b }}"], "slots": slots}
    got = drawn(params, 100, 3)
    assert [sum(t.startswith(word) for t in got) for word in ("one", "two", "three")] == [10, 145, 145]
    assert len(set(drawn(params, 5000, 5))) == 20_010


def test_weighted_templates_keep_their_shares():
    params = {
        "template": [{"text": "x{{ b }}", "weight": 0.75}, {"text": "y{{ b }}", "weight": 0.25}],
        "slots": {"b": {"range": [1, 10**6]}},
    }
    got = drawn(params, 4001, 2)
    assert abs(sum(t.startswith("x") for t in got) - 6001.5) < 2


def test_order_of_turns_differs_from_block_to_block():
    params = {"template": ["x{{ b }}", "y{{ b }}"], "slots": {"b": {"range": [1, 10**6]}}}
    turns = "".join(text[0] for text in drawn(params, 1000, 1))
    assert 150 < sum(turns[i : i + 2] == "xy" for i in range(0, 1000, 2)) < 350


TOTALS = st.lists(st.one_of(st.none(), st.integers(0, 30)), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(TOTALS, st.data())
def test_deal_gives_each_draw_once_and_nothing_twice(totals, data):
    """However the draws are cut into shards, each template's draws are 0, 1, 2, … without a gap."""
    weights = data.draw(st.lists(st.integers(1, 5), min_size=len(totals), max_size=len(totals)))
    step = data.draw(st.integers(1, 40))
    found = phases(totals, weights)
    pairs = []
    for first in range(0, 200, step):
        owner, ordinal = deal(found, first, min(step, 200 - first), key=5)
        pairs += zip(owner.tolist(), ordinal.tolist(), strict=True)
    assert len(pairs) == len(set(pairs))
    known = sum(total for total in totals if total is not None)
    assert len(pairs) == (200 if None in totals else min(200, known))
    for k, total in enumerate(totals):
        mine = sorted(ordinal for owner, ordinal in pairs if owner == k)
        # A block may be cut at draw 200, so the last few of a template may be missing in the middle of it.
        assert all(ordinal < total for ordinal in mine) if total is not None else True
        assert mine[: len(mine) - weights[k]] == list(range(len(mine) - weights[k])) or len(mine) <= weights[k]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([1.0, 1.0], [1, 1]), ([3, 1], [3, 1]), ([0.7, 0.3], [7, 3]), ([1e9, 1], [1000, 1]), ([0.2] * 5, [1] * 5)],
)
def test_weights_become_small_whole_numbers(weights, expected):
    assert whole_weights(weights) == expected


def test_memory_does_not_grow_with_what_was_drawn_before():
    """A shard far into a space of 10**18 draws as a shard at its start does."""
    params = {"template": "{{ a }}-{{ b }}", "slots": {"a": {"range": [1, 10**9]}, "b": {"range": [1, 10**9]}}}
    far = texts(make("template", params, 100, start=10**17))
    assert len(set(far)) == 100
    assert all(1 <= int(part) <= 10**9 for text in far for part in text.split("-"))


def test_spaces_past_the_permutation_are_drawn_at_random():
    params = {"template": "{{ a }}-{{ b }}", "slots": {"a": {"range": [1, 10**15]}, "b": {"range": [1, 10**15]}}}
    assert len(set(drawn(params, 1000, 2))) == 2000


JOINT = {
    "size": {"weighted": {"big": 3, "small": 1}},
    "colour": ["red", "blue"],
    "both": "{{ size }} {{ colour }}",
    "item": {
        "by": "both",
        "choices": {"big red": ["bus", "barn"], "small red": ["car"]},
        "default": ["sky", "sea", "eye"],
    },
    "end": {"by": "item", "choices": {"bus": ["!", "?"]}, "default": "."},
}


def test_slot_that_depends_on_two_has_a_capacity_and_does_not_repeat():
    even = {**JOINT, "size": ["big", "small"]}
    template = "{{ both }} {{ item }}{{ end }}"
    assert capacity(template, JOINT) == capacity(template, even) == 10
    got = drawn({"template": template, "slots": even}, 3, 4)
    assert len(got) == len(set(got)) == 10
    assert {"big red bus!", "big red bus?", "small red car.", "small blue eye."} <= set(got)
    assert set(drawn({"template": template, "slots": JOINT}, 7, 3)) == set(got)


def test_slot_that_depends_on_two_keeps_their_weights():
    params = {"template": "{{ both }} {{ item }} {{ n }}", "slots": {**JOINT, "n": {"range": [1, 10**9]}}}
    params["slots"] = {name: spec for name, spec in params["slots"].items() if name != "end"}
    got = drawn(params, 20_000, 1)
    assert 14_600 < sum(text.startswith("big") for text in got) < 15_400
    assert 3_500 < sum(text.startswith("big red bus") for text in got) < 4_000


def test_missing_choice_for_a_text_of_two_slots_is_an_error():
    slots = {"a": ["x", "y"], "ab": "{{ a }}!", "c": {"by": "ab", "choices": {"x!": 1}}}
    with pytest.raises(RecipeError, match="slot 'c' has no choices for ab 'y!'; have: x!; or give a `default`"):
        capacity("{{ c }}", slots)


def test_texts_of_too_many_combinations_are_looked_up_row_by_row():
    numbers = {"range": [1, 100_000]}
    slots = {
        "a": numbers,
        "b": numbers,
        "ab": "{{ a }}{{ b }}",
        "c": {"by": "ab", "choices": {"11": "x"}, "default": "y"},
    }
    assert capacity("{{ ab }}{{ c }}", slots) is None
    assert all(text.endswith("y") for text in drawn({"template": "{{ ab }}{{ c }}", "slots": slots}, 50, 1))


def test_seed_in_a_text_that_decides_makes_the_capacity_unknown():
    slots = {"a": ["x"], "ab": "{{ a }}{{ seed.text }}", "c": {"by": "ab", "choices": {"xp": "1"}, "default": "2"}}
    assert capacity("{{ c }}", slots) is None
    made = make("template", {"template": "{{ c }}", "slots": slots}, 2, seeds=seeds_of([{"text": "p"}, {"text": "q"}]))
    assert texts(made) == ["1", "2"]
