"""Engines that ask the model which a stage of the recipe trains: trained first, found by its content, and served."""

import json

import pytest

from flows.trained import with_model
from tasks.answers import AnswerLog
from tasks.core.recipe import build_recipe
from tasks.engines import _model_files
from tasks.engines.fake_server import serving
from tasks.train import Model, model_folder
from tests.builders import write_jsonl
from tests.flows.test_pipeline import data, manifest

pytestmark = [pytest.mark.usefixtures("orchestrator"), pytest.mark.timeout(300)]

THINGS = ["kettle", "oven", "mixer", "router", "toaster", "grinder"]
SEEDS = [{"text": f"How to clean the {thing}?", "target": f"Rinse the {thing} with warm water."} for thing in THINGS]
# Enough to learn six pairs by heart.
TRAINING = {
    "fresh": {"width": 64, "layers": 2, "heads": 1, "feed_forward": 64, "vocabulary": 400},
    "context": 64,
    "batch_rows": 4,
    "threads": 1,
    "epochs": 200,
    "held_out": 0,
    "optimizer": "muon",
    "matrix_rate": 0.02,
    "max_tokens": 24,
}
BARE = {"rules": [], "expect": [], "inputs": ["howto"]}
LEARNT = {"name": "learnt", "method": "finetune", "params": TRAINING, "per_seed": 1, **BARE}
ASKED = {
    "name": "asked",
    "method": "prompt",
    "engine": "tuned",
    "params": {"instruction": "{{ text | trusted }}", "output": "answer", "max_tokens": 24, "temperature": 0},
    "per_seed": 2,
    **BARE,
}
LOCAL = {"type": "transformers_local", "model": "stage:learnt", "device": "cpu"}


@pytest.fixture
def recipe(write_recipe, tmp_path):
    """Write a recipe that trains and then asks; changes are those of its engine, and of its stages by name."""
    write_jsonl(tmp_path / "howto.jsonl", SEEDS)

    def write(engine=LOCAL, learnt=None, asked=None):
        stages = [{**ASKED, **(asked or {})}, {**LEARNT, **(learnt or {})}]
        top = {"seeds": {"howto": "howto.jsonl"}, "engines": {"tuned": engine}}
        return write_recipe(*stages, **top, release={"docs": False, "stages": ["asked"]})

    return write


def test_finetuned_model_answers_the_prompts_of_another_stage(cli, recipe, tmp_path, home):
    """Trained first, whatever the order written; its content is in the engine's identity; a second run asks nothing."""
    first = cli("run", recipe(), "--out", tmp_path / "one")
    assert first.code == 0, first.err
    folder = home / "work" / "models" / manifest(tmp_path / "one")["models"]["learnt"]["key"]
    engine = f"transformers_local:{_model_files.identity(str(folder), None)}"
    rows = data(tmp_path / "one")
    assert {row["engine"] for row in rows} == {engine}
    assert [row["target"] for row in rows] == [seed["target"] for seed in SEEDS for _ in range(2)]
    log = AnswerLog(home / "work" / "answers.sqlite")
    assert [(total.engine, total.answers) for total in log.totals()] == [(engine, 12)]
    assert cli("run", recipe(), "--out", tmp_path / "two").code == 0
    assert log.totals()[0].answers == 12
    assert f"make vllm MODEL={folder}" in first.out


def test_model_that_is_trained_otherwise_is_another_engine(cli, recipe, tmp_path, home):
    """Nothing of the first model's answers is taken for the second's."""
    assert cli("run", recipe(), "--out", tmp_path / "one").code == 0
    other = recipe(learnt={"params": {**TRAINING, "max_steps": 80}})
    assert cli("run", other, "--out", tmp_path / "two").code == 0
    engines = [{row["engine"] for row in data(tmp_path / name)} for name in ("one", "two")]
    assert len(engines[0] | engines[1]) == 2
    assert len(AnswerLog(home / "work" / "answers.sqlite").totals()) == 2


def test_server_of_the_trained_model_is_found_by_its_digest(cli, recipe, tmp_path, home):
    """Until one has it the run stops with the command that starts one; then the same command goes on."""
    with serving(models=("another",)) as server:
        asks = recipe({"type": "openai_http", "base_url": server.base_url, "model": "stage:learnt"})
        ran = cli("run", asks, "--out", tmp_path / "out")
        assert server.counts.requests == 0
    (folder,) = [path.parent for path in (home / "work" / "models").glob("*/report.json")]
    digest = json.loads((folder / "report.json").read_text())["digest"]
    assert ran.code == 2
    wanted = (
        f"no server has the model of stage 'learnt' yet (there is another): start one with `make vllm MODEL={folder}`"
    )
    assert wanted in ran.err
    assert ran.err.strip().count("\n") == 0
    with serving(models=(f"tuned:{digest}",)) as server:
        asks = recipe({"type": "openai_http", "base_url": server.base_url, "model": "stage:learnt"})
        ran = cli("run", asks, "--out", tmp_path / "out")
        assert ran.code == 0, ran.err
        assert server.counts.requests == 12
    assert {row["engine"] for row in data(tmp_path / "out")} == {f"openai_http:tuned:{digest}"}


def test_server_that_is_away_is_said_with_the_command_that_starts_it(cli, recipe, tmp_path):
    """It cannot be there before the model is: only then is it looked for."""
    with serving() as server:
        asks = recipe({"type": "openai_http", "base_url": server.base_url, "model": "stage:learnt"})
    assert cli("check", asks).code == 0
    ran = cli("run", asks, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "yet (cannot reach http://127.0.0.1" in ran.err
    assert "make vllm MODEL=" in ran.err


@pytest.mark.parametrize("kind", ["transformers_local", "vllm_offline"])
def test_engine_in_process_opens_the_folder_of_the_model(kind):
    """What else the recipe says of it stays; the recipe of a stage that asks another engine is as it was."""
    engines = {"tuned": {"type": kind, "model": "stage:learnt", "price": {"input": 1}}, "other": {"type": "fake"}}
    stages = [LEARNT, ASKED, {**ASKED, "name": "asked-another", "engine": "other"}]
    value = {"name": "r", "seeds": {"howto": "howto.jsonl"}, "engines": engines, "stages": stages}
    built, model = build_recipe(value, "r"), Model("0123", "4567", 1.0)
    learnt, asked, another = built.ordered
    found = with_model(built, asked, {"learnt": model}).engines["tuned"]
    assert found == built.engines["tuned"].model_copy(update={"model": str(model_folder("0123"))})
    assert with_model(built, another, {"learnt": model}) is built
    assert with_model(built, learnt, {}) is built


WRONG = {
    "unknown stage": (
        {"model": "stage:leant"},
        {},
        "asks the model of stage 'leant', which is not there; did you mean 'learnt'? have: asked, learnt",
    ),
    "method that serves none": (
        {},
        {"learnt": {"method": "ngram", "params": {"order": 2}}},
        "asks the model of stage 'learnt'; ngram trains none that an engine can ask, have: finetune",
    ),
    "trained on its own answers": ({}, {"learnt": {"inputs": ["asked"]}}, "form a cycle: asked → learnt → asked"),
    "not named": (
        {},
        {"asked": {"engine": None}},
        "stage 'asked' must name its `engine`: tuned, whose model stage 'learnt' trains, or embedded",
    ),
    "device": ({"device": "tpu"}, {}, "unknown device 'tpu'; have: cpu, cuda, cuda:N"),
    "package": ({"type": "vllm_offline", "device": None}, {}, "the engine 'vllm_offline' needs the package vllm"),
}


@pytest.mark.parametrize(("engine", "stages", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_use_of_a_trained_model_is_one_line_before_anything_is_made(cli, recipe, engine, stages, message):
    """Which engine, which stage, and the choices."""
    spec = {name: value for name, value in {**LOCAL, **engine}.items() if value is not None}
    ran = cli("check", recipe(spec, **stages))
    assert (ran.code, ran.err.strip().count("\n")) == (2, 0)
    assert message in ran.err


def test_estimate_counts_what_a_model_that_is_not_trained_yet_will_be_asked(cli, recipe):
    """Its tokenizer is not there: tokens by characters, and that is said."""
    ran = cli("run", recipe(), "--estimate", "--json")
    (stage,) = json.loads(ran.out)["stages"]
    assert (stage["stage"], stage["requests"], stage["exact"], stage["minutes"]) == ("asked", 12, False, None)
