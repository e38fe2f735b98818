"""vLLM in its own process and environment (`.venv-vllm`), on a small Llama of random weights."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tasks.core.engine import VllmOffline
from tasks.core.errors import RecipeError
from tests.engines.asking import SCHEMA, chats, once
from tests.engines.models import llama

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
needs_vllm = pytest.mark.skipif(not PYTHON.is_file(), reason="vLLM is not installed: there is no .venv-vllm")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return what one session with vLLM gave; it takes a minute to start."""
    model = llama(tmp_path_factory.mktemp("vllm"), hidden_size=128, intermediate_size=256)
    more = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "PYTHONPATH": str(ROOT)}
    line = [str(PYTHON), "-m", "tests.engines.vllm_session", str(model), SCHEMA]
    done = subprocess.run(line, cwd=ROOT, env=os.environ | more, capture_output=True, text=True, check=False)
    said = [row for row in done.stdout.splitlines() if row.startswith("SESSION ")]
    if not said:
        pytest.fail(f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    return json.loads(said[0].removeprefix("SESSION "))


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_chats_of_many_callers_are_answered(found):
    """Each gets its own length, with exact counts."""
    for number, answer in enumerate(found["chats"]):
        assert answer["finish_reason"] in {"stop", "length"}
        assert answer["completion_tokens"] <= 5 + number
        assert (answer["finish_reason"] == "length") == (answer["completion_tokens"] == 5 + number)
    assert found["chats"][0]["prompt_tokens"] == found["tokens"]


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_seed_gives_the_same_answer_again(found):
    """In another batch, the same text."""
    assert [answer["text"] for answer in found["again"]] == [answer["text"] for answer in found["chats"][:6]]


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_schema_steers_the_decoding(found):
    """Even random weights cannot leave it; the engine has validated the answer, or it was cut off."""
    answer = found["schema"]
    assert answer["finish_reason"] == "length" or json.loads(answer["text"])["stars"] in range(1, 6)
    assert answer["text"].lstrip().startswith("{")


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_logprobs_have_the_layout_of_all_engines(found):
    """One token, one number, one mapping of alternatives each."""
    logprobs = found["plain"]["extra"]["logprobs"]
    assert len(logprobs["tokens"]) == len(logprobs["token_logprobs"]) == found["plain"]["completion_tokens"]
    for chosen, best in zip(logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True):
        assert chosen == pytest.approx(max(best.values()))


@needs_vllm
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_faults_of_a_request_are_named(found):
    """Too long a prompt costs a record; a misspelt or wrong parameter is the user's."""
    long, misspelt, negative = found["errors"]
    assert long.startswith("RecordError: prompt_too_long")
    assert "did you mean 'temperature'" in misspelt
    assert negative.startswith("UserError")
    assert "temperature" in negative


def test_missing_vllm_says_what_installs_it(tmp_path):
    """Where vLLM is not, the engine names its requirements and the server instead."""
    import importlib.util

    from tasks.engines.vllm_offline import VllmEngine

    if importlib.util.find_spec("vllm"):
        pytest.skip("vLLM is installed in this environment")
    with pytest.raises(RecipeError, match=r"needs the package vllm.*openai_http"):
        once(VllmEngine(VllmOffline(type="vllm_offline", model=str(tmp_path))), chats(1))
