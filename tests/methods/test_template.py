"""The method `template`: what its slots write, and how they depend on one another."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.method import get_method
from tests.builders import make, texts

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


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_any_text_comes_out_as_it_went_in(values):
    slots = {"a": values}
    assert set(written("<{{ a }}>", slots)) == {f"<{value}>" for value in values}
