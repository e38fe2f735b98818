from datetime import date
from unittest.mock import patch

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import document
from tasks.core.document import parse_yaml
from tasks.core.errors import RecipeError
from tasks.core.recipe import build_recipe, load_recipe

STAGE = {"name": "a", "method": "cfg", "count": 5}


def recipe(**changes):
    return {"name": "r", "stages": [STAGE], **changes}


def stages(*links):
    """Stages named by the first letter, reading those named by the rest."""
    return [{"name": link[0], "method": "cfg", "count": 1, "inputs": list(link[1:])} for link in links]


@pytest.mark.parametrize(
    ("links", "expected"),
    [(("ab", "bc", "c"), "cba"), (("a", "b", "ca"), "abc"), (("db", "b", "cb", "adc"), "bdca")],
    ids=["chain", "order written", "diamond"],
)
def test_stages_run_after_their_inputs(links, expected):
    """Topological, and otherwise as written."""
    built = build_recipe(recipe(stages=stages(*links)), "r")
    assert "".join(stage.name for stage in built.ordered) == expected


def tuned(stage, **changes):
    """An engine whose model a stage trains."""
    return {"tuned": {"type": "transformers_local", "model": f"stage:{stage}", **changes}}


def test_stage_runs_after_the_one_that_trains_its_engine():
    """Whatever the order written; a stage that asks another engine keeps its place."""
    asks, other, trains = stages("a", "b", "c")
    built = build_recipe(recipe(stages=[{**asks, "engine": "tuned"}, other, trains], engines=tuned("c")), "r")
    assert "".join(stage.name for stage in built.ordered) == "bca"


BAD = {
    "cycle": (recipe(stages=stages("ab", "bc", "ca")), "the stages form a cycle: a → b → c → a"),
    "cycle of one": (recipe(stages=stages("aa")), "cycle: a → a"),
    "cycle behind a stage": (recipe(stages=stages("ab", "bb")), "cycle: b → b"),
    "cycle by an engine": (
        recipe(stages=[{**STAGE, "engine": "tuned"}, *stages("ba")], engines=tuned("b")),
        "the stages form a cycle: a → b → a",
    ),
    "model of its own": (recipe(stages=[{**STAGE, "engine": "tuned"}], engines=tuned("a")), "cycle: a → a"),
    "model of no stage": (
        recipe(engines=tuned("b")),
        "engine 'tuned' asks the model of stage 'b', which is not there; have: a",
    ),
    "no stages": (recipe(stages=[]), "stages"),
    "name twice": (recipe(stages=stages("a", "a")), "the name 'a' is used twice"),
    "stage named as seeds": (recipe(seeds={"a": "x.jsonl"}), "the name 'a' is used twice"),
    "unknown input": (recipe(stages=stages("ax")), "stage 'a' reads 'x', which is not there; have: a"),
    "misspelt key": (recipe(stages=[{**STAGE, "cuont": 1}]), r"unknown key 'stages\[0\].cuont'; did you mean 'count'"),
    "misspelt top key": (recipe(sead=3), "unknown key 'sead'; did you mean 'seed'"),
    "misspelt seed key": (recipe(seeds={"s": {"pth": "x"}}), "unknown key 'seeds.s.pth'; did you mean 'path'"),
    "count 0": (recipe(stages=[{**STAGE, "count": 0}]), r"stages\[0\].count: .*greater than or equal to 1, not 0"),
    "count -1": (recipe(stages=[{**STAGE, "count": -1}]), "not -1"),
    "count and per_seed": (recipe(stages=[{**STAGE, "per_seed": 1}]), "give one of count and per_seed"),
    "neither": (recipe(stages=[{"name": "a", "method": "cfg"}]), "give one of count and per_seed"),
    "per_seed alone": (recipe(stages=[{"name": "a", "method": "cfg", "per_seed": 2}]), "per_seed needs inputs"),
    "bad name": (recipe(name="A b"), "name: .*pattern"),
    "no name": ({"stages": [STAGE]}, "'name' is missing"),
    "unknown release stage": (recipe(release={"stages": ["b"]}), "release names stage 'b'"),
    "unknown layout": (recipe(release={"layout": "alpaca"}), "release.layout: .*'preference', not 'alpaca'"),
}


@pytest.mark.parametrize(("value", "message"), BAD.values(), ids=BAD.keys())
def test_wrong_recipe_is_one_clear_line(value, message):
    """Each mistake names its place, its value and the choices."""
    with pytest.raises(RecipeError, match=message) as caught:
        build_recipe(value, "r.yaml")
    assert "\n" not in str(caught.value)


UNSAFE = {
    "python tag": ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
    "bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
        "expands to .* values",
    ),
    "self reference": ("a: &a [*a]", "contains itself|nested too deeply"),
    "deep nesting": ("[" * 5000, "nested too deeply"),
    "brackets that libyaml dies of": ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
    "braces that libyaml dies of": ("{a: " * 50_000 + "1" + "}" * 50_000, "nested too deeply"),
    "dashes that libyaml dies of": ("- " * 50_000 + "1", "nested too deeply"),
    "keys that libyaml dies of": ("? " * 50_000 + "1", "nested too deeply"),
    "key twice": ("a: 1\na: 2", "line 2.*key 'a' twice"),
    "not yaml": ("a: [1,", "line 1"),
    "tab": ("a:\n\t- b", "line 2"),
}


@pytest.mark.parametrize(("text", "message"), UNSAFE.values(), ids=UNSAFE.keys())
def test_unsafe_yaml_is_refused(text, message):
    """Tags, bombs and malformed text stop with the line, and quickly."""
    with pytest.raises(RecipeError, match=message):
        parse_yaml(text, "r.yaml")


def test_aliases_and_merges_work_within_reason():
    """Anchors are fine as long as they do not explode."""
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]", "r") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": 2},
        "c": [{"x": 1}, {"x": 1}],
    }


def test_dates_are_texts_where_they_are_asked_to_be():
    """JSON has no dates: a schema's unquoted 2026-01-31 is that text."""
    assert parse_yaml("[2026-01-31, a: 1]", "r", dates=False) == ["2026-01-31", {"a": 1}]
    assert parse_yaml("2026-01-31", "r") == date(2026, 1, 31)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_both_readers_of_yaml_agree(value):
    """libyaml, and the slow reader whose words an error has, read the same."""
    for raw in (False, True):
        text = yaml.safe_dump(value, allow_unicode=raw)
        with patch.object(document, "_MAX_BRACKETS", -1):
            slow = parse_yaml(text, "r")
        assert parse_yaml(text, "r") == slow
        assert raw or slow == value  # PyYAML writes a raw U+0085 so that it is read as a line break


def written(tmp_path, text):
    path = tmp_path / "r.yaml"
    path.write_text(text)
    return path


RECIPE = "name: r\nstages:\n  - {name: a, method: cfg, count: 5}\nseeds: {s: x.jsonl}\n"


def test_overrides_reach_a_stage_by_name_or_number(tmp_path):
    """`--set` changes one value, typed as YAML types it; a missing mapping is made."""
    path = written(tmp_path, RECIPE)
    loaded = load_recipe(
        path, ("stages.a.count=7", "stages.0.params.x=[1, 2]", "release.layout=text", "seeds.s.limit=3")
    )
    assert loaded.stages[0].count == 7
    assert loaded.stages[0].params == {"x": [1, 2]}
    assert loaded.release.layout == "text"
    assert loaded.seeds["s"].limit == 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("stages.a", "write path=value"),
        ("stages.b.count=1", "no 'b'; have: a"),
        ("stages.a.cuont=1", "did you mean 'count'"),
        ("name.x.y=1", "nothing has a 'x' there"),
        ("seed=x", "seed: input should be a valid integer.*not 'x'"),
    ],
)
def test_wrong_override_names_itself(tmp_path, setting, message):
    """A setting that fits nowhere is an error, never a silent new key."""
    with pytest.raises(RecipeError, match=message):
        load_recipe(written(tmp_path, RECIPE), (setting,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: \xff\xfe", "not UTF-8: byte 6 is 0xff"),
        (b"", "must be a mapping; it is NoneType"),
        (b"- a", "must be a mapping; it is list"),
    ],
)
def test_file_that_is_no_recipe(tmp_path, content, message):
    """Bytes and shapes that are no recipe are said to be so."""
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_missing_file(tmp_path):
    """The path and the system's reason."""
    with pytest.raises(RecipeError, match=r"cannot read recipe '.*nothing.yaml': No such file"):
        load_recipe(tmp_path / "nothing.yaml")
