"""What a person at a terminal sees: bars while it runs, one line on Ctrl-C, a traceback only for a bug of ours."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.flows.test_pipeline import MANY, data_bytes

pytestmark = pytest.mark.timeout(180)

BUG = '''
"""Divides by nothing.

Source: nowhere (https://example.org)
"""
from tasks.core import record
from tasks.core.method import Draw, Made, Method, MethodParams

class Params(MethodParams):
    """None."""

def check(params):
    return 1 / 0

def run(seeds, params, draw: Draw) -> Made:
    return Made(record.columns(text=["a"] * draw.count))

METHOD = Method(name="dividing", version=1, family="rules", params=Params, run=run, gives=("text",), check=check)
'''


def command(recipe, out):
    return [sys.executable, "-c", "from flows.cli import main; main()", "run", str(recipe), "--out", str(out)]


def environment(home, api, **more):
    return {**os.environ, "TILTH_HOME": str(home), "PREFECT_API_URL": api, "TILTH_WORKERS": "2", **more}


def read_until_end(master: int, run: subprocess.Popen) -> str:
    """Return all that a process writes to its terminal."""
    said = b""
    while True:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                block = os.read(master, 65_536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not block:
                break
            said += block
        elif run.poll() is not None:
            break
    return said.decode("utf-8", "replace")


def test_terminal_shows_a_bar_for_each_stage(orchestrator, write_recipe, tmp_path):
    """Stage, shards done of all, time; on standard error, and gone from what is piped."""
    recipe = write_recipe({**MANY, "count": 3_000, "shard_rows": 300})
    master, slave = pty.openpty()
    line = command(recipe, tmp_path / "out")
    wide = environment(tmp_path / "home", orchestrator, COLUMNS="120", TERM="xterm-256color")
    with subprocess.Popen(line, env=wide, stdout=subprocess.PIPE, stderr=slave) as run:
        os.close(slave)
        said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", read_until_end(master, run))
        out = run.stdout.read().decode()
    os.close(master)
    assert run.returncode == 0, said
    assert re.search(rf"{MANY['name']}\s.*10/10 shards", said), said
    assert "shards" not in out


def test_interrupt_is_one_line_and_the_same_command_goes_on(orchestrator, write_recipe, tmp_path):
    """Exit 130, no traceback; what was finished is kept."""
    recipe = write_recipe({**MANY, "count": 60_000, "shard_rows": 1_500, "max_draws": 200_000})
    home = tmp_path / "home"
    line = command(recipe, tmp_path / "out")
    run = subprocess.Popen(
        line, env=environment(home, orchestrator), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(home.rglob("shards/*/*.json")):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert err.strip() == "tilth: stopped; the same command goes on where it was"
    before = len(list(home.rglob("shards/*/*.json")))
    assert before > 0
    subprocess.run(line, env=environment(home, orchestrator), check=True, capture_output=True)
    other = command(recipe, tmp_path / "whole")
    subprocess.run(other, env=environment(tmp_path / "home2", orchestrator), check=True, capture_output=True)
    assert data_bytes(tmp_path / "out") == data_bytes(tmp_path / "whole")


def test_bug_is_a_traceback_and_exit_1(orchestrator, write_recipe, tmp_path):
    """Not one of our errors: who reports it needs the place."""
    site = tmp_path / "site"
    (site / "dividing-1.0.dist-info").mkdir(parents=True)
    (site / "dividing-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: dividing\nVersion: 1.0\n")
    (site / "dividing-1.0.dist-info" / "entry_points.txt").write_text("[tilth.methods]\ndividing = dividing:METHOD\n")
    (site / "dividing.py").write_text(BUG)
    recipe = write_recipe({"name": "d", "method": "dividing", "params": {}, "count": 3})
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    more = environment(tmp_path / "home", orchestrator, PYTHONPATH=path)
    done = subprocess.run(
        command(recipe, tmp_path / "out"), env=more, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert not (tmp_path / "out").exists()
