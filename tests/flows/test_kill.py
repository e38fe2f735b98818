"""Resume: kill -9 at any moment, run again, and the data is that of an uninterrupted run, byte for byte."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.flows.test_pipeline import CFG, MANY, data_bytes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def start(recipe, out, home, api):
    environment = {**os.environ, "TILTH_HOME": str(home), "PREFECT_API_URL": api, "TILTH_WORKERS": "2"}
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run", str(recipe), "--out", str(out)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_killed_at_five_random_moments_gives_the_same_bytes(orchestrator, write_recipe, tmp_path):
    """Five SIGKILLs spread over the run, the same command each time; then it completes, without a flag."""
    seeds = tmp_path / "s.jsonl"
    seeds.write_text("".join(json.dumps({"text": f"seed {i}"}) + "\n" for i in range(500)))
    copies = {"template": "{{ t }}?", "slots": {"t": {"seed": "text"}}}
    recipe = write_recipe(
        {**MANY, "count": 60_000, "shard_rows": 1_500, "max_draws": 200_000},
        {**CFG, "count": 55, "shard_rows": 10},
        {"name": "copies", "method": "template", "inputs": ["s"], "params": copies, "per_seed": 1},
        seeds={"s": "s.jsonl"},
    )
    began = time.monotonic()
    whole = start(recipe, tmp_path / "whole", tmp_path / "home1", orchestrator)
    assert whole.wait() == 0, whole.stdout.read()
    length = time.monotonic() - began
    moments = random.Random()
    kills = 0
    for number in range(5):
        run = start(recipe, tmp_path / "cut", tmp_path / "home2", orchestrator)
        delay = length * moments.uniform(number / 6, (number + 1) / 6)
        try:
            run.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            kills += 1
    assert kills >= 3
    last = start(recipe, tmp_path / "cut", tmp_path / "home2", orchestrator)
    output = last.communicate()[0]
    assert last.returncode == 0 or "holds a finished run" in output, output
    assert data_bytes(tmp_path / "cut") == data_bytes(tmp_path / "whole")
    assert len(data_bytes(tmp_path / "whole")) > 40
