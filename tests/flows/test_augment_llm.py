"""Augmentation that asks an engine, through the command line and Prefect."""

import json

import pytest

from tests.builders import write_jsonl
from tests.flows.test_pipeline import data, manifest

ANSWERS = [
    "I was charged two times for order QX0Z, so please do help me.",
    "My card was charged twice: it is about order QX0Z. Please help.",
]


def recipe_of(write_recipe, tmp_path, **stage):
    text = "I have been charged twice for order HW-{}, please help."
    write_jsonl(tmp_path / "seeds.jsonl", [{"text": text.format(n), "label": "billing"} for n in range(9)])
    stage = {"name": "reworded", "inputs": ["tickets"], "rules": [], "expect": [], "per_seed": 2, **stage}
    engines = {"scripted": {"type": "fake", "answers": ANSWERS}}
    return write_recipe(stage, seeds={"tickets": {"path": "seeds.jsonl"}}, engines=engines)


@pytest.mark.usefixtures("orchestrator")
@pytest.mark.timeout(300)
def test_back_translation_by_an_engine_from_seeds_to_release(cli, write_recipe, tmp_path):
    """Two draws a seed, one through each pivot; codes in place, labels kept, usage and requests on each row."""
    params = {"engine": "llm", "pivots": ["Spanish", "German"]}
    recipe = recipe_of(write_recipe, tmp_path, method="back_translation", params=params, engine="scripted")
    ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    rows = data(tmp_path / "out")
    assert len(rows) == 18
    for row, again in zip(rows[::2], rows[1::2], strict=True):
        extra = [json.loads(each["extra"]) for each in (row, again)]
        assert row["seed_ids"] == again["seed_ids"]
        assert {one["pivot"] for one in extra} == {"Spanish", "German"}
        assert all(len(one["requests"]) == 2 and 30 <= one["chrf"] <= 95 for one in extra)
    assert sorted({row["text"].partition("HW-")[2][0] for row in rows}) == list("012345678")
    assert {(row["label"], row["engine"].partition(":")[0]) for row in rows} == {("billing", "fake")}
    assert all(row["usage"]["prompt_tokens"] > 20 for row in rows)
    (stage,) = manifest(tmp_path / "out")["stages"]
    assert (stage["seen"], stage["accepted"]) == (18, 18)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"method": "back_translation"}, "back_translation asks an engine only with `engine: llm` among its params"),
        ({"method": "paraphrase"}, "paraphrase asks an engine only with `model: llm` among its params; add that, or"),
        ({"method": "eda"}, "eda asks no engine; remove `engine: scripted`"),
        ({"method": "paraphrase", "params": {"model": "llm"}}, None),
    ],
    ids=["back-translation", "paraphrase", "eda", "asks"],
)
def test_engine_that_a_stage_would_not_ask_is_refused(cli, write_recipe, tmp_path, stage, message):
    """By the check, with what would make it ask."""
    ran = cli("check", recipe_of(write_recipe, tmp_path, engine="scripted", **stage))
    assert ran.code == (2 if message else 0)
    assert (message or "") in ran.err


def test_engine_of_the_command_line_is_called_by_its_option(cli, tmp_path):
    """`--engine` without the param that asks it: nobody wrote `engine: given`."""
    seeds = write_jsonl(tmp_path / "seeds.jsonl", [{"text": "My kettle leaks."}])
    command = ("generate", "paraphrase", "--seeds", seeds, "--per-seed", 1, "--engine", "embedded")
    ran = cli(*command, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "only with `model: llm` among its params; add that, or remove `--engine`" in ran.err


def test_estimate_says_what_the_engine_will_be_asked(write_recipe, tmp_path, home, capfd):
    """Two requests a draw of a translation, k of a paraphrase; nothing for a stage that asks none."""
    from flows.estimate import show_estimate

    for method, params, requests in [
        ("back_translation", {"engine": "llm"}, 36),
        ("paraphrase", {"model": "llm", "candidates": 3}, 54),
    ]:
        recipe = recipe_of(write_recipe, tmp_path, method=method, params=params)
        capfd.readouterr()
        show_estimate(recipe, None, (), as_json=True)
        (stage,) = json.loads(capfd.readouterr().out)["stages"]
        assert (stage["draws"], stage["requests"]) == (18, requests)
    show_estimate(recipe_of(write_recipe, tmp_path, method="eda"), None, ())
    assert "no stage asks an engine" in capfd.readouterr().out
