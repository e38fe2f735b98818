"""The method `template`: seeds, kinds of record, determinism, and what it tells the pipeline."""

import hashlib
import inspect
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tasks.core.errors import ShardError
from tasks.core.method import get_method
from tests.builders import make, seeds_of, texts

METHOD = get_method("template")
FEATURES = {"lamp": ["a dimmer", "a switch"], "unit": ["a plug"], "hourglass": ["sand"]}


def test_example_of_the_docstring_runs():
    example = re.search(
        r"^    template:.*?(?=^\S)", inspect.getdoc(inspect.getmodule(METHOD.run)), re.DOTALL | re.MULTILINE
    ).group()
    params = yaml.safe_load(re.sub(r"^    ", "", example, flags=re.MULTILINE))
    params["template"] += "".join(f" {{{{ {name} }}}}" for name in params["slots"])
    made = make("template", params, 50, seeds=seeds_of([{"topic": "light"}]))
    assert len(set(texts(made))) == 50


SEEDS = [
    {"text": "alpha", "product": "lamp", "count": 3},
    {"text": "beta", "product": "unit", "count": 1},
    {"text": "gamma", "product": "sofa"},
]


def test_seed_columns_are_read_row_by_row():
    params = {"template": "{{ p | a }}: {{ seed.text }} {{ seed['count'] }}", "slots": {"p": {"seed": "product"}}}
    made = make("template", params, 6, seeds=seeds_of(SEEDS)).records.to_pylist()
    assert [row["text"] for row in made[:2]] == ["a lamp: alpha 3", "a unit: beta 1"]
    assert [row["reason"] for row in made] == [None, None, "no_seed_value"] * 2
    assert made[2]["text"] == "a sofa: gamma "


def test_seed_use_is_told_to_the_pipeline():
    params = METHOD.params(
        template="{{ p }} {{ seed.text }} {{ x }}", slots={"p": {"seed": "product"}, "x": "{{ seed.y }}"}
    )
    assert METHOD.seeds(params) == "each"
    assert METHOD.needs(params) == {"product", "text", "y"}
    plain = METHOD.params(template="{{ a }}", slots={"a": ["x"]})
    assert METHOD.seeds(plain) == "none"
    assert METHOD.needs(plain) == frozenset()


def test_choices_that_depend_on_a_seed():
    params = {
        "template": "{{ p }} with {{ f }}",
        "slots": {"p": {"seed": "product"}, "f": {"by": "p", "choices": FEATURES}},
    }
    made = make("template", params, 300, seeds=seeds_of(SEEDS)).records.to_pylist()
    assert {row["reason"] for row in made if row["text"].startswith("sofa")} == {"no_choices"}
    good = {row["text"] for row in made if row["reason"] is None}
    assert good == {f"{p} with {f}" for p in ("lamp", "unit") for f in FEATURES[p]}


def test_every_seed_meets_every_choice():
    """With as many seeds as choices, turns in step would give each seed one and the same choice."""
    params = {"template": "{{ seed.text }} {{ a }}", "slots": {"a": ["x", "y", "z"]}}
    assert len(set(texts(make("template", params, 300, seeds=seeds_of(SEEDS))))) == 9


def test_logic_that_fails_on_one_seed_rejects_that_row():
    params = {"template": "{{ 6 // (seed.n | int) }}", "slots": {}}
    made = make("template", params, 3, seeds=seeds_of([{"n": 2}, {"n": 0}, {"n": "3"}])).records.to_pylist()
    assert [(row["text"], row["reason"]) for row in made] == [("3", None), ("", "template_error"), ("2", None)]


def test_logic_that_grows_with_a_seed_is_cut_off():
    params = {"template": "{% for i in range(seed.n | int) %}{{ seed.n }}, {% endfor %}", "slots": {}}
    made = make("template", params, 2, seeds=seeds_of([{"n": 2}, {"n": 99_999}])).records.to_pylist()
    assert [row["reason"] for row in made] == [None, "too_long"]


def test_target_and_label_see_the_same_slots():
    params = {
        "template": "Is {{ a }} big?",
        "target": "{{ a | upper }}.",
        "label": "{{ b }}",
        "slots": {"a": ["x", "y"], "b": {"by": "a", "choices": {"x": "yes", "y": "no"}}},
    }
    rows = make("template", params, 10).records.to_pylist()
    assert sorted((r["kind"], r["text"], r["target"], r["label"]) for r in rows) == [
        ("pair", "Is x big?", "X.", "yes"),
        ("pair", "Is y big?", "Y.", "no"),
    ]


def test_messages_make_a_chat():
    params = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is {{ a | a }}?"},
            {"role": "assistant", "content": "{{ a | sentence }}."},
        ],
        "label": "{{ a }}",
        "slots": {"a": ["hour", "unit"]},
    }
    rows = sorted(make("template", params, 10).records.to_pylist(), key=lambda row: row["label"])
    assert rows[0] == {
        "kind": "chat",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is an hour?"},
            {"role": "assistant", "content": "Hour."},
        ],
        "label": "hour",
    }
    assert rows[1]["messages"][1]["content"] == "What is a unit?"


def test_each_template_may_have_its_own_target_and_label():
    params = {
        "template": [{"text": "one {{ a }}", "target": "1{{ a }}", "label": "first"}, {"text": "two {{ a }}"}],
        "target": "{{ a }}",
        "slots": {"a": ["x"]},
    }
    rows = make("template", params, 5).records.to_pylist()
    assert sorted((r["text"], r["target"], r["label"] or "") for r in rows) == [
        ("one x", "1x", "first"),
        ("two x", "x", ""),
    ]


def test_keep_slots_writes_what_was_drawn():
    slots = {"a": ['say "hi"\n', "ü"], "b": "{{ a }}!", "c": {"faker": "city", "locale": "de_DE"}}
    for row in make(
        "template", {"template": "{{ b }} {{ c }}", "slots": slots, "keep_slots": True}, 20
    ).records.to_pylist():
        kept = json.loads(row["extra"])["slots"]
        assert list(kept) == ["a", "b", "c"]
        assert f"{kept['b']} {kept['c']}" == row["text"]
    assert "extra" not in make("template", {"template": "x"}, 1).records.schema.names


ALL_KINDS = {
    "template": ["{{ a | a }} {{ n }} {{ line }}", "{% if n > 3 %}{{ who }}{% endif %}{{ w }} {{ day }}"],
    "slots": {
        "a": ["hour", "unit"],
        "n": {"range": [1, 9]},
        "w": {"weighted": {"p": 1, "q": 2}},
        "who": {"faker": "name", "locale": "fr_FR"},
        "day": {"date": {"from": "2024-01-01", "to": "2024-12-31"}},
        "line": "{{ f }}, {{ f | upper }}",
        "f": {"by": "a", "choices": {"hour": ["long", "short"], "unit": {"range": [1, 3]}}},
    },
    "keep_slots": True,
}
DUMP = """
import json, sys, hashlib
from tests.builders import make
made = make("template", json.loads(sys.argv[1]), 300, shard=3, start=900)
print(hashlib.sha256(json.dumps(made.records.to_pylist()).encode()).hexdigest())
"""


def test_same_shard_has_the_same_bytes_in_any_process():
    env = {**os.environ, "PYTHONHASHSEED": "1"}
    run = [sys.executable, "-c", DUMP, json.dumps(ALL_KINDS)]
    out = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
    here = make("template", ALL_KINDS, 300, shard=3, start=900)
    assert out.stdout.strip() == hashlib.sha256(json.dumps(here.records.to_pylist()).encode()).hexdigest()


def test_shards_made_in_threads_are_those_made_in_turn():
    """Faker and Jinja's budget are shared by the threads of a process."""

    params = {
        "template": "{% if true %}{{ a }}{% endif %} {{ b }}",
        "slots": {"a": {"faker": "name"}, "b": {"faker": "city"}},
    }

    def shard(k):
        return make("template", params, 300, shard=k, start=300 * k).records

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(shard, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert all(records.equals(shard(k)) for k, records in enumerate(together))


def test_another_shard_or_seed_has_other_bytes():
    first = make("template", ALL_KINDS, 50).records
    assert not first.equals(make("template", ALL_KINDS, 50, run_seed=1).records)
    assert not first.equals(make("template", ALL_KINDS, 50, shard=1, start=50).records)
    assert first.equals(make("template", ALL_KINDS, 50).records)


def test_order_of_slots_and_weights_in_the_recipe_does_not_matter():
    def turned(value):
        if not isinstance(value, dict):
            return value
        return {key: turned(inner) for key, inner in reversed(value.items())}

    assert make("template", ALL_KINDS, 50).records.equals(make("template", turned(ALL_KINDS), 50).records)


def test_params_survive_json():
    params = METHOD.params.model_validate(ALL_KINDS)
    assert METHOD.params.model_validate_json(params.model_dump_json()) == params


def test_no_columns_but_those_it_gives():
    made = make("template", {**ALL_KINDS, "label": "{{ a }}", "target": "x"}, 20)
    assert set(made.records.schema.names) <= {*METHOD.gives, "reason"}


@pytest.mark.slow
def test_texts_past_two_gibibytes_ask_for_smaller_shards():
    with pytest.raises(ShardError, match="smaller shards"):
        make(
            "template",
            {"template": "{{ a }}{{ b }}", "slots": {"a": ["x" * 30_000], "b": {"range": [1, 10**6]}}},
            80_000,
        )


def test_listing_the_method_loads_neither_jinja_nor_faker():
    code = (
        "import sys, tasks.methods.rules.template; print(sorted({'jinja2', 'faker', 'jsonschema'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
