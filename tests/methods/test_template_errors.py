"""What `template` refuses, and that it does so before a row is made."""

import pytest
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tests.builders import make

X = {"a": ["x"]}


def doubling(step: str) -> str:
    """Return a template that doubles a text sixty times."""
    return "{% set ns = namespace(x=a) %}{% for i in range(60) %}" + step + "{% endfor %}{{ ns.x }}"


@pytest.mark.parametrize(
    ("slots", "error"),
    [
        ({"a": []}, "the list is empty"),
        ({"a": {"weighted": {}}}, "the mapping is empty"),
        ({"a": {"lines": " \n \n"}}, "no line that is not blank"),
        ({"a": {"rnage": [1, 2]}}, "unknown key 'rnage'; did you mean 'range'"),
        ({"a": {"range": [1, 2], "stp": 2}}, "unknown key 'stp' of a slot with 'range'; did you mean 'step'"),
        ({"a": {"foo": 1}}, "needs one of by, choices, .* here are: foo"),
        ({"a": {}}, "here are: none"),
        ({"a": 3}, "3 is not a slot"),
        ({"a": [True]}, "choice True: YAML reads yes"),
        ({"a": [None]}, "choice None"),
        ({"a": [[1]]}, "is not a text or a number"),
        ({"a": [float("nan")]}, "not a number that can be written"),
        ({"a": {"range": [2, 1]}}, r"\[2, 1\] does not go upwards"),
        ({"a": {"range": [1, 2], "step": 0}}, "greater than 0"),
        ({"a": {"range": [1, 2], "format": "zz"}}, "format 'zz' does not fit whole numbers"),
        ({"a": {"range": [1, 2], "format": "99999d"}}, "over 999 characters wide"),
        ({"a": {"weighted": {"x": 0}}}, "weight 0 of 'x' is not above 0"),
        ({"a": {"weighted": ["x"]}}, "is not a mapping"),
        ({"a": {"date": {"from": "2024-02-01", "to": "2024-01-01"}}}, "from 2024-02-01 is after to 2024-01-01"),
        ({"a": {"date": {"from": "2024-02-31", "to": "2024-03-01"}}}, "valid date"),
        ({"a": {"by": "b", "choices": {"x": {"faker": "name"}}}, "b": ["x"]}, "'faker' cannot stand inside `by`"),
        ({"a": {"by": "b", "choices": ["x"]}, "b": ["x"]}, "mapping from each value"),
        ({"a b": ["x"]}, "'a b' cannot name a slot"),
        ({"seed": ["x"]}, "'seed' cannot name a slot"),
        ({"_a": ["x"]}, "'_a' cannot name a slot"),
    ],
)
def test_params_refuse_a_wrong_slot(slots, error):
    with pytest.raises(ValidationError, match=error):
        make("template", {"template": "{{ a }}", "slots": slots}, 1)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"slots": X}, "give either `template` or `messages`"),
        ({"template": [], "slots": X}, "give either `template` or `messages`"),
        ({"template": "t", "messages": [{"role": "user", "content": "c"}]}, "not both"),
        ({"template": "t", "kind": "pair"}, "kind 'pair' needs a `target`"),
        ({"template": "t", "kind": "chat"}, "kind 'chat' does not go with template"),
        ({"messages": [{"role": "user", "content": "c"}], "kind": "text"}, "'text' does not go with messages"),
        ({"messages": [{"role": "bot", "content": "c"}]}, "'system', 'user', 'assistant' or 'tool'"),
        ({"template": [{"text": "t", "weight": 0}]}, "greater than 0"),
        ({"template": "prompts/none.txt"}, "no such file: 'prompts/none.txt'"),
        ({"template": "t", "slot": X}, "Extra inputs"),
    ],
)
def test_params_refuse_what_does_not_fit(params, error):
    with pytest.raises(ValidationError, match=error):
        make("template", params, 1)


@pytest.mark.parametrize(
    ("template", "slots", "error"),
    [
        ("{{ a }} {{ colr }}", {**X, "colour": ["r"]}, "unknown slot 'colr'; did you mean 'colour'. have: a, colour"),
        (["x", "{{ b }}"], X, "template 2: unknown slot 'b'"),
        ("{{ a }}", {"a": "{{ b }}", "b": "{{ a }}"}, "in a circle: a <- b <- a"),
        ("{{ a }}", {"a": "{{ a }}"}, "in a circle: a <- a"),
        (
            "{{ a }}",
            {"a": {"by": "b", "choices": {"x": 1}}, "b": "{{ c }}", "c": {"by": "a", "choices": {"x": 1}}},
            "in a circle: a <- c <- b <- a|in a circle: (b <- a <- c <- b|c <- b <- a <- c)",
        ),
        ("{{ a }}", {"a": {"by": "c", "choices": {"x": 1}}}, "'a' depends on the unknown slot 'c'"),
        ("{{ a }}", {"a": {"by": "b", "choices": {"x": 1}}, "b": ["x", "y"]}, "'a' has no choices for b 'y'"),
        (
            "{{ a }}",
            {"a": {"by": "b", "choices": {"lamp": 1, "lmap": 2}, "default": 3}, "b": ["lamp"]},
            "choices for 'lmap', which 'b' never is; did you mean 'lamp'",
        ),
        ("{{ a }}", {"a": {"by": "b", "choices": {"x": {"range": [0.5, 1]}}}, "b": ["x"]}, "range of 'x' has no step"),
        ("{{ a }}", {"a": {"by": "b", "choices": {"x": {"range": [1, 9**9]}}}, "b": ["x"]}, "has 387,420,489 values"),
        ("{{ a }}", {**X, "b": ["y"]}, "slot 'b' is in no template"),
        ("{{ a }}", {"a": ["{{ b }}"], "b": ["y"]}, "choice '{{ b }}' names slot 'b'"),
        ("{{ a }}", {"a": {"range": [1, 10**30]}}, "reaches past"),
        ("{{ a }}", {"a": {"range": [0.004, 0.006], "format": ".2f"}}, "holds no number with the decimals"),
        ("{{ a }}", {"a": {"faker": "nmae"}}, "provider 'nmae' in en_US; did you mean 'name'"),
        ("{{ a }}", {"a": {"faker": "name", "locale": "de_ED"}}, "locale 'de_ED'; did you mean 'de_DE'"),
        ("{{ a }}", {"a": {"faker": "random_int", "args": {"mni": 3}}}, "'random_int' refuses {'mni': 3}"),
        ("{{ a }}", {"a": {"faker": "seed_instance"}}, "unknown Faker provider 'seed_instance'"),
        ("{{ a }}", {"a": {"faker": "date_this_year"}}, "reads today's date.*use a date slot"),
        ("{{ a }}", {"a": {"faker": "date_between"}}, "give start_date and end_date"),
        ("{{ a }}", {"a": {"faker": "ssn", "locale": "sv_SE"}}, "'ssn' reads today's date"),
        ("{{ a }}", {"a": {"faker": "passport_dates"}}, "reads today's date"),
        ("{{ a }}", {"a": {"faker": "pylist"}}, "gives a list"),
        ("{{ s9 }}", {"s0": ["x" * 10**5], **{f"s{i}": f"{{{{ s{i - 1} }}}}" * 2 for i in range(1, 10)}}, "1,600,000"),
        ("x" * 1_000_001, {}, "template can be 1,000,001 characters long"),
    ],
)
def test_check_refuses_slots_that_do_not_fit_together(template, slots, error):
    with pytest.raises(RecipeError, match=error):
        make("template", {"template": template, "slots": slots}, 1)


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{ a", "line 1: unexpected end of template"),
        ("x\n{% if a %}", "line 2: Unexpected end"),
        ("{{ a | plurl }}", "unknown filter 'plurl'; did you mean 'plural'. have: a, an, .* and Jinja's own"),
        ("{{ a is evn }}", "unknown test 'evn'; did you mean 'even'"),
        ("{{ a | random }}", "unknown filter 'random'"),
        ("{{ a }}{{ lipsum() }}", "unknown slot 'lipsum'"),
        ("{{ seed }}{{ a }}", "'seed' stands for a whole seed"),
        ("{{ seed[a] }}", "'seed' stands for a whole seed"),
        ("{% include 'x' %}{{ a }}", "'include' is closed"),
        ("{% import 'x' as y %}{{ a }}", "'import' is closed"),
        ("{% extends 'x' %}{{ a }}", "'extends' is closed"),
        ("{% for i in a recursive %}{{ loop(a) }}{% endfor %}", "recursive loops are closed"),
        ("{{ a.__class__ }}", "reaches for '__class__'"),
        ("{{ a['__class__'] }}", "reaches for '__class__'"),
        ("{{ a.upper.__self__ }}", "reaches for '__self__'"),
        ("{{ a | _joined }}", "reaches for '_joined'|unknown filter '_joined'"),
        ("{% set k = '__cla' %}{{ a[k ~ 'ss__'] }}", "'__class__' of 'str' object is unsafe"),
        ("{{ a | attr('__class__') }}", "'__class__' of 'str' object is unsafe"),
        ("{{ '{0.__class__}'.format(a) }}", "unsafe"),
        ("{{ a.wrong }}", "a template fails for a='x': 'str object' has no attribute 'wrong'"),
        ("{{ range }}{{ a }}", "a function cannot be written"),
        ("{{ 1 / (a | length - 1) }}", "ZeroDivisionError"),
        ("{{ " + "(" * 3000 + "a" + ")" * 3000 + " }}", "nested too deeply"),
    ],
)
def test_check_refuses_a_wrong_template(template, error):
    with pytest.raises(RecipeError, match=error):
        make("template", {"template": template, "slots": X}, 1)


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}" + "x" * 1000 + "{% endfor %}",
        "{% for i in [1,2,3,4,5,6,7,8,9] %}" * 9 + "{% endfor %}" * 9,
        "{{ a * 10**9 }}",
        "{{ 10**9 * [a] }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ a | center(10**9) }}",
        "{{ a | indent(10**9, true) }}",
        "{{ [a] | batch(10**9, a) | list }}",
        "{{ a.ljust(10**9) }}",
        "{{ [a] | map('center', 10**9) | list }}",
        "{{ '%999999999d' | format(3) }}",
        "{{ '%999999999d' % 3 }}",
        "{{ '%*d' % (10**9, 3) }}",
        "{{ '{:>999999999}'.format(3) }}",
        "{{ '{:{}}'.format(3, 10**9) }}",
        "{{ range(99999) | join('x' * 900000) | length }}",
        "{{ ('x' * 900000).replace('x', 'y' * 900000) | length }}",
        "{{ ('x' * 900000) | replace('x', 'y' * 900000) | length }}",
        doubling("{% set ns.x = ns.x ~ ns.x %}"),
        doubling("{% set ns.x = ns.x + ns.x %}"),
        doubling("{% set ns.x = [ns.x, ns.x] %}"),
        doubling("{% set ns.x = ns.x | replace('x', 'xx') %}"),
        doubling("{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}"),
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    ],
)
@pytest.mark.timeout(10)
def test_check_stops_a_template_without_bounds(template):
    with pytest.raises(RecipeError, match=r"over 1,000,000|wider than|width over|Range too big|RecursionError"):
        make("template", {"template": "{{ a }}" + template, "slots": X}, 1)
