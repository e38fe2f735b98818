"""Releases in the hands of the trainers that they are made for: TRL reads each layout, and takes a step on it."""

import pytest
import yaml

from tests.builders import write_jsonl
from tests.engines.models import llama
from tests.engines.scripted import scripted
from tests.flows.conftest import cli, home, orchestrator, write_recipe  # noqa: F401 - fixtures
from tests.methods.chat_answers import preference_answer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("orchestrator")]

PAIRS = {
    "name": "pairs",
    "method": "template",
    "params": {
        "template": "Where is order {{ number }}?",
        "target": "It is on its way, number {{ number }}.",
        "slots": {"number": {"range": [100, 999]}},
    },
    "count": 24,
}


@pytest.mark.parametrize("layout", ["instruction", "chat", "text"])
def test_sft_trainer_takes_a_step_on_each_layout(layout, cli, tmp_path):  # noqa: F811 - a fixture
    """`load_dataset` of the release, no mapping function; the loss is a number and the weights move."""
    trl = pytest.importorskip("trl", reason="trl is not installed")
    import torch
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"name": "r", "seed": 1, "stages": [PAIRS], "release": {"layout": layout}}))
    ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    data = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    folder = llama(tmp_path / "model")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    before = model.lm_head.weight.detach().clone()
    config = trl.SFTConfig(
        output_dir=str(tmp_path / "sft"),
        max_steps=1,
        per_device_train_batch_size=4,
        max_length=64,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
    )
    done = trl.SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer).train()
    assert done.global_step == 1
    assert 0 < done.training_loss < 20
    assert not torch.equal(before, model.lm_head.weight)


def test_dpo_trainer_takes_a_step_on_the_preference_layout(cli, tmp_path):  # noqa: F811 - a fixture
    """Pairs of a judged `preference` stage, with no mapping function: a loss near ln 2, and weights that move."""
    trl = pytest.importorskip("trl", reason="trl is not installed")
    import torch
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    write_jsonl(tmp_path / "asked.jsonl", [{"text": f"Where is order {number}?"} for number in range(12)])
    stage = {"name": "preferred", "method": "preference", "inputs": ["asked"], "params": {"answers": 2}, "count": 8}
    recipe = tmp_path / "recipe.yaml"
    with scripted(preference_answer) as server:
        engines = {"fake": {"type": "openai_http", "base_url": server.base_url, "model": "fake"}}
        value = {"name": "r", "seeds": {"asked": "asked.jsonl"}, "engines": engines, "stages": [stage]}
        recipe.write_text(yaml.safe_dump({**value, "release": {"layout": "preference"}}))
        ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    data = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert {"prompt", "chosen", "rejected"} <= set(data.column_names)
    folder = llama(tmp_path / "model")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    before = model.lm_head.weight.detach().clone()
    config = trl.DPOConfig(
        output_dir=str(tmp_path / "dpo"),
        max_steps=1,
        per_device_train_batch_size=4,
        max_length=96,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
    )
    done = trl.DPOTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer).train()
    assert done.global_step == 1
    assert done.training_loss == pytest.approx(0.693, abs=0.05)
    assert not torch.equal(before, model.lm_head.weight)
