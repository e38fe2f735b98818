"""The method `template`: what its slots write, how they depend on one another, what kinds of record come out."""

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import ShardError
from tasks.core.method import get_method
from tests.builders import make, seeds_of, texts

METHOD = get_method("template")
FEATURES = {"lamp": ["a dimmer", "a switch"], "unit": ["a plug"], "hourglass": ["sand", "a frame", "a base"]}
DETAILS = {"a dimmer": ["old"], "a switch": ["red", "green"], "a plug": ["flat"], "sand": ["fine"]}


def written(template, slots, count=200, **more):
    """Return the texts of one shard."""
    return texts(make("template", {"template": template, "slots": slots, **more}, count))


def test_list_slot_gives_each_choice():
    assert set(written("{{ a }}", {"a": ["x", 2, 0.5, ""]})) == {"x", "2", "0.5", ""}


def test_lines_slot_reads_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("lamp\n\n  unit \nlamp\n", encoding="utf-8")
    made = make("template", {"template": "{{ a }}", "slots": {"a": {"lines": "words.txt"}}}, 9, base=tmp_path)
    assert sorted(texts(made)) == ["lamp", "unit"]


def test_template_reads_a_file_and_drops_its_last_newline(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear {{ a }},\nhello.\n", encoding="utf-8")
    made = make("template", {"template": "letter.txt", "slots": {"a": ["x"]}}, 1, base=tmp_path)
    assert texts(made) == ["Dear x,\nhello."]


def test_template_with_slashes_is_not_taken_for_a_file():
    assert written("{{ a }}/{{ a }}.txt", {"a": ["x"]}) == ["x/x.txt"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"range": [1, 4]}, ["1", "2", "3", "4"]),
        ({"range": [1, 10], "step": 4}, ["1", "5", "9"]),
        ({"range": [-2, 0]}, ["-2", "-1", "0"]),
        ({"range": [8, 10], "format": "03d"}, ["008", "009", "010"]),
        ({"range": [1000, 2000], "step": 1000, "format": ",d"}, ["1,000", "2,000"]),
        ({"range": [0, 0.3], "step": 0.1}, ["0.0", "0.1", "0.2", "0.3"]),
        ({"range": [1, 2], "step": 0.5, "format": ".2f"}, ["1.00", "1.50", "2.00"]),
        ({"range": [0.5, 0.8], "format": ".1f"}, ["0.5", "0.6", "0.7", "0.8"]),
        ({"range": [0.25, 0.49], "format": ".1f"}, ["0.3", "0.4"]),
        ({"range": [1, 3], "step": 0.5, "format": ".0f"}, ["1", "2", "3"]),
        ({"range": [5, 5]}, ["5"]),
    ],
)
def test_range_slot_gives_every_value_once(spec, expected):
    assert sorted(written("{{ a }}", {"a": spec})) == sorted(expected)


def test_range_too_long_to_list_stays_inside_its_ends():
    values = [int(text) for text in written("{{ a }}", {"a": {"range": [-(10**15), 10**15], "step": 7}}, 2000)]
    assert len(set(values)) == 2000
    assert all(-(10**15) <= v <= 10**15 and (v + 10**15) % 7 == 0 for v in values)


def test_long_range_with_a_format_is_written_in_that_format():
    assert all(
        len(t) == 12 and t[9] == "." for t in written("{{ a }}", {"a": {"range": [0, 10**9], "format": "012.2f"}})
    )


def test_continuous_range_has_no_capacity_and_stays_inside():
    values = [float(text) for text in written("{{ a }}", {"a": {"range": [0.0, 2.0]}}, 1000)]
    assert min(values) >= 0
    assert max(values) <= 2
    assert 0.9 < sum(values) / 1000 < 1.1


def test_date_slot_gives_every_day_in_the_format():
    spec = {"date": {"from": "2024-02-27", "to": "2024-03-01", "format": "%d %B %Y"}}
    got = written("{{ a }}", {"a": spec})
    assert sorted(got) == ["01 March 2024", "27 February 2024", "28 February 2024", "29 February 2024"]


def test_date_slot_takes_the_dates_of_yaml_and_iso_by_default():
    spec = {"date": {"from": dt.date(2024, 1, 31), "to": dt.date(2024, 2, 1)}}
    assert sorted(written("{{ a }}", {"a": spec})) == ["2024-01-31", "2024-02-01"]


def test_dates_that_read_the_same_are_one():
    assert sorted(written("{{ a }}", {"a": {"date": {"from": "2023-12-01", "to": "2024-12-31", "format": "%Y"}}})) == [
        "2023",
        "2024",
    ]


@pytest.mark.parametrize("weights", [{"x": 3, "y": 1}, {"x": 0.7, "y": 0.2, "z": 0.1}])
def test_weights_are_kept_over_a_hundred_thousand_draws(weights):
    """Pearson's chi-square against the weights, at the 0.1 % level of up to 2 degrees of freedom (13.8)."""
    got = written("{{ a }} {{ n }}", {"a": {"weighted": weights}, "n": {"range": [1, 10**9]}}, 100_000)
    seen = [text.split()[0] for text in got]
    total = sum(weights.values())
    expected = {key: 100_000 * weight / total for key, weight in weights.items()}
    assert sum((seen.count(key) - want) ** 2 / want for key, want in expected.items()) < 13.8


def test_weights_inside_by_are_kept():
    by = {"by": "a", "choices": {"x": {"weighted": {"p": 9, "q": 1}}, "y": ["p", "q"]}}
    got = written("{{ a }} {{ b }} {{ n }}", {"a": ["x", "y"], "b": by, "n": {"range": [1, 10**9]}}, 40_000)
    pairs = [tuple(text.split()[:2]) for text in got]
    assert 17_500 < pairs.count(("x", "p")) < 18_500
    assert 9_500 < pairs.count(("y", "p")) < 10_500


def test_features_are_those_of_that_product():
    slots = {"item": list(FEATURES), "feature": {"by": "item", "choices": FEATURES}}
    got = written("{{ item }}: {{ feature }}", slots)
    assert sorted(got) == sorted(f"{item}: {feature}" for item, features in FEATURES.items() for feature in features)


def test_chain_of_dependences_follows_each_link():
    slots = {
        "item": list(FEATURES),
        "feature": {"by": "item", "choices": FEATURES},
        "detail": {"by": "feature", "choices": DETAILS, "default": ["plain"]},
    }
    got = {tuple(text.split(": ")) for text in written("{{ item }}: {{ feature }}: {{ detail }}", slots)}
    wanted = {(i, f, d) for i, fs in FEATURES.items() for f in fs for d in DETAILS.get(f, ["plain"])}
    assert got == wanted


def test_two_slots_may_depend_on_one():
    slots = {
        "item": ["a", "b"],
        "x": {"by": "item", "choices": {"a": ["1", "2"], "b": ["3"]}},
        "y": {"by": "item", "choices": {"a": ["4"], "b": ["5", "6", "7"]}},
        "z": {"by": "y", "choices": {"4": ["!", "?"], "5": "."}, "default": ","},
    }
    got = written("{{ item }}{{ x }}{{ y }}{{ z }}", slots)
    assert sorted(got) == ["a14!", "a14?", "a24!", "a24?", "b35.", "b36,", "b37,"]


def test_one_choice_may_stand_without_a_list():
    slots = {"item": ["lamp", "unit"], "price": {"by": "item", "choices": {"lamp": 12, "unit": "free"}}}
    assert sorted(written("{{ item }} {{ price }}", slots)) == ["lamp 12", "unit free"]


def test_slot_may_depend_on_a_text_of_two_slots():
    slots = {
        "a": ["x", "y"],
        "b": [1, 2],
        "ab": "{{ a }}{{ b }}",
        "c": {"by": "ab", "choices": {"x1": "!"}, "default": "?"},
    }
    assert set(written("{{ ab }}{{ c }}", slots)) == {"x1!", "x2?", "y1?", "y2?"}


def test_composed_slots_follow_their_parts():
    slots = {"item": ["lamp", "hour"], "line": "{{ item | a }} ({{ twice }})", "twice": "{{ item }}{{ item }}"}
    assert sorted(written("{{ line | sentence }}", slots)) == ["A lamp (lamplamp)", "An hour (hourhour)"]


def test_chain_of_two_thousand_slots_is_no_deeper_than_one():
    slots = {f"s{i}": f"{{{{ s{i - 1} }}}}" for i in range(1, 2000)} | {"s0": ["x", "y"]}
    assert sorted(written("{{ s1999 }}", slots)) == ["x", "y"]


def test_chain_of_three_hundred_dependences():
    slots = {f"s{i}": {"by": f"s{i - 1}", "choices": {"x": ["x"], "y": ["y"]}} for i in range(1, 300)} | {
        "s0": ["x", "y"]
    }
    assert sorted(written("{{ s299 }}", slots)) == ["x", "y"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ w | upper }}", "ÉLAN VITAL"),
        ("{{ w | title }}", "Élan Vital"),
        ("{{ w | capitalize }}", "Élan vital"),
        ("{{ w | sentence }}", "Élan vital"),
        ("{{ w | upper | lower }}", "élan vital"),
        ("{{ w | a | sentence }}", "An élan vital"),
        ("{{ w | an }}", "an élan vital"),
        ("{{ w | plural }}", "élan vitals"),
        ("{{ w|trim|plural|upper }}", "ÉLAN VITALS"),
        ("{{ one }} {{ w | plural(one) }}, {{ two }} {{ w | plural(two) | upper }}", "1 élan vital, 2 ÉLAN VITALS"),
        ("{{ w | plural(1) }} {{ w | plural(2) }}", "élan vital élan vitals"),
        ("{% if two > 1 %}{{ w | plural(two) | a }}{% endif %}", "an élan vitals"),
    ],
)
def test_filters_read_the_same_with_and_without_logic(template, expected):
    slots = {"w": ["élan vital"], "one": [1], "two": {"range": [2, 2]}}
    used = {name: spec for name, spec in slots.items() if name in template}
    assert written(template, used) == [expected]
    assert written(template + "{% if true %}{% endif %}", used) == [expected]


@pytest.mark.parametrize(
    "template",
    [
        'int main() { return "{{ a }}"; } // {x} }} %} #}',
        '{"a": {"b": "{{ a }}"}}',
        "line one\n\tline {{ a }}\r\nend",
        "{% raw %}{{ kept }}{% endraw %}{{ a }}",
        "日本語 {{ a }} 🙂\u200d \N{COMBINING ACUTE ACCENT}",
        "{{ a }}",
        "{{ '{{' }}{{ a }}",
    ],
)
def test_what_is_around_a_slot_stays_as_jinja_leaves_it(template):
    from jinja2 import Template

    values = ["ü", "{{ b }}", "\\n", "{% x %}", "a\nb", "\N{ZERO WIDTH SPACE}"]
    assert sorted(written(template, {"a": values})) == sorted(Template(template).render(a=v) for v in values)


def test_text_without_a_slot_is_made_once():
    assert written("nothing to fill", {}, 5) == ["nothing to fill"]


def test_logic_sees_numbers_as_numbers_and_formats_as_texts():
    slots = {"n": {"range": [1, 3]}, "f": {"range": [1, 1], "format": "02d"}}
    template = "{% if n > 1 %}many{% else %}one{% endif %} {{ n + 1 }} {{ f }} {{ n }}"
    assert sorted(written(template, slots)) == ["many 3 01 2", "many 4 01 3", "one 2 01 1"]


def test_logic_works_over_long_ranges_faker_and_continua():
    slots = {"n": {"range": [1, 10**9]}, "x": {"range": [0.0, 1.0]}, "who": {"faker": "name"}}
    got = written("{% if n > 5 and x <= 1 %}{{ who | upper }}{% endif %}", slots, 20)
    assert len(got) == 20
    assert all(text and text == text.upper() for text in got)


def test_loops_and_macros_work_in_the_sandbox():
    template = "{% macro m(x) %}<{{ x }}>{% endmacro %}{% for i in range(n) %}{{ m(a ~ loop.index) }}{% endfor %}"
    assert sorted(written(template, {"a": ["x"], "n": {"range": [0, 2]}})) == ["", "<x1>", "<x1><x2>"]


@pytest.mark.parametrize(
    ("locale", "provider", "args"),
    [
        ("de_DE", "city", {}),
        ("ja_JP", "name", {}),
        ("en_US", "random_int", {"min": 5, "max": 7}),
        ("fr_FR", "numerify", ["##-##"]),
        ("en_US", "date_between", {"start_date": "2020-01-01", "end_date": "2020-12-31"}),
        ("en_GB", "date", {"pattern": "%Y", "end_datetime": "2020-12-31"}),
    ],
)
def test_faker_slot_gives_what_faker_gives(locale, provider, args):
    import numpy as np
    from faker import Faker

    from tasks.core.random import stream

    got = written("{{ a }}!", {"a": {"faker": provider, "locale": locale, "args": args}}, 20)
    rng = stream(0, "stage", 0)
    assert isinstance(rng, np.random.Generator)
    faker = Faker(locale)
    faker.seed_instance(int(rng.integers(2**63)))
    if "start_date" in args:
        args = {key: dt.datetime.fromisoformat(value) for key, value in args.items()}
    elif "end_datetime" in args:
        args = {**args, "end_datetime": dt.datetime.fromisoformat(args["end_datetime"])}
    call = getattr(faker, provider)
    assert got == [f"{call(*args) if isinstance(args, list) else call(**args)}!" for _ in range(20)]


def test_faker_slots_of_one_locale_differ():
    got = written("{{ a }}|{{ b }}", {"a": {"faker": "name"}, "b": {"faker": "name"}}, 50)
    assert sum(text.split("|")[0] != text.split("|")[1] for text in got) > 45


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

    def shard(k):
        return make("template", ALL_KINDS, 200, shard=k, start=200 * k).records

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(shard, range(8)))
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


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_any_text_comes_out_as_it_went_in(values):
    slots = {"a": values}
    assert set(written("<{{ a }}>", slots)) == {f"<{value}>" for value in values}
