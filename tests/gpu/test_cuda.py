"""What needs a CUDA device: the local engine decodes as transformers does there, and fine-tuning trains and draws.

No other test needs one. `python -m pytest tests/gpu` on a machine that has it; elsewhere they skip, and say so.
"""

import math

import pytest

from tasks.core.engine import Request, TransformersLocal, sampling
from tasks.core.method import Draw, get_method
from tasks.core.random import stream
from tasks.engines.transformers_local import LocalEngine
from tests.builders import fit, seeds_of
from tests.engines.asking import once
from tests.engines.models import LINES, llama

pytestmark = pytest.mark.timeout(300)

DEVICE = "cuda"
SEEDS = seeds_of(
    [{"text": f"How do I clean lamp {n}?", "target": f"Wipe lamp {n} with a dry cloth."} for n in range(24)]
)
SMALL = {"context": 64, "batch_rows": 4, "max_steps": 3, "evaluations": 1, "max_tokens": 12, "device": DEVICE}
FRESH = {"width": 64, "layers": 2, "heads": 2, "feed_forward": 128, "vocabulary": 400}


@pytest.fixture(autouse=True)
def device():
    """Skip where there is no CUDA; else hand out torch, and see to it that the test has used the device."""
    torch = pytest.importorskip("torch", reason="the extra llm (torch, transformers) is not installed")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here: torch.cuda.is_available() is false")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    yield torch
    assert torch.cuda.max_memory_allocated() > before


def prompts(number):
    """Return requests with prompts and answers of many lengths, greedy."""
    return [
        Request(prompt=LINES[i % 4][: 5 + 3 * i], sampling=sampling(temperature=0.0, max_tokens=5 + 4 * (i % 7)))
        for i in range(number)
    ]


@pytest.fixture
def folder(tmp_path):
    """A Llama of random weights."""
    return llama(tmp_path / "llama")


def test_greedy_decoding_is_that_of_transformers_on_the_same_device(folder, device):
    """In batches that rows leave and join, each row gets what `generate` gives it alone."""
    from transformers import AutoModelForCausalLM

    spec = TransformersLocal(type="transformers_local", model=str(folder), device=DEVICE, batch_size=4)
    engine, requests = LocalEngine(spec), prompts(12)
    answers = once(engine, requests)
    model = AutoModelForCausalLM.from_pretrained(folder).to(DEVICE)
    for request, answer in zip(requests, answers, strict=True):
        ids = device.tensor([engine.tokenizer.encode(request)], device=DEVICE)
        limit = dict(request.sampling)["max_tokens"]
        made = model.generate(ids, attention_mask=device.ones_like(ids), do_sample=False, max_new_tokens=limit)
        new = made[0, ids.shape[1] :].tolist()
        assert (answer.completion_tokens, answer.prompt_tokens) == (len(new), ids.shape[1])
        assert answer.text == engine.tokenizer.decode(new, ids[0].tolist())


def test_seed_decides_not_the_batch(folder):
    """Sampled answers are the same alone and in a batch of eight."""
    given = [sampling(temperature=0.9, top_p=0.95, max_tokens=16, seed=seed) for seed in range(16)]
    asked = [Request(prompt="a lamp", sampling=one) for one in given]
    alone, eight = (
        once(LocalEngine(TransformersLocal(type="transformers_local", model=str(folder), batch_size=size)), asked)
        for size in (1, 8)
    )
    assert alone == eight


@pytest.mark.parametrize("adapt", ["scratch", "full", "lora"])
def test_three_steps_of_fine_tuning_and_a_draw(adapt, folder, tmp_path):
    """A finite loss, a folder in Hugging Face format that the local engine opens there, records from it."""
    method = get_method("finetune")
    params = SMALL | ({"fresh": FRESH} if adapt == "scratch" else {"model": str(folder), "adapt": adapt})
    loaded = method.params.model_validate(params)
    said = fit(method, loaded, SEEDS, tmp_path)
    assert said.figures["steps"] == 3
    assert math.isfinite(said.figures["train_loss"])
    made = method.run(None, loaded, Draw(stream(0, "stage", 0), 6, 0, 1, tmp_path / "model"))
    rows = made.records.to_pylist()
    assert len(rows) == 6
    assert {row["kind"] for row in rows} == {"pair"}
    spec = TransformersLocal(type="transformers_local", model=str(tmp_path / "model"), device=DEVICE)
    (answer,) = once(LocalEngine(spec), [Request(messages=(("user", "Hi"),), sampling=sampling(max_tokens=8))])
    assert 1 <= answer.completion_tokens <= 8
