"""The openai_http engine and the llm methods against a real vLLM server on the CPU, with the embedded model.

`make test-vllm` runs this. `TILTH_TEST_VLLM=http://127.0.0.1:8000/v1` uses a server that runs already.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.core.engine import OpenAIHttp, Price, Request, sampling
from tasks.core.errors import RecipeError, RecordError, TilthError
from tasks.core.method import get_method
from tasks.core.rollout import Context
from tests.bench.bench_embedded import OTHERS, quickstart, quickstart_seeds

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


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return the address of the server, started for this module and stopped after it."""
    if RUNNING:
        yield RUNNING.rstrip("/")
        return
    from tasks.engines.embedded import model_folder

    log = tmp_path_factory.mktemp("vllm") / "vllm.log"
    line = [sys.executable, str(SERVE), str(model_folder()), "--port", "0", "--log", str(log), "--timeout-s", "600"]
    more = ["--", "--max-num-seqs", "64", "--enforce-eager"]
    server = subprocess.Popen([*line, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = server.stdout.readline()
    found = re.match(r"(http://\S+/v1) serves", said)
    if not found:
        pytest.fail(f"{said}{server.stderr.read()}\n{log.read_text()[-3000:]}")
    yield found[1]
    server.terminate()
    assert server.wait(60) == 0


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
    from tasks.answers import AnswerLog
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
