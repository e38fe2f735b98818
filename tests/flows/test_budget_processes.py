"""One budget for a run whose shards are made by several processes, through the command line and Prefect."""

import os
import signal
import time

import pytest

from tasks.answers import AnswerLog
from tasks.engines.fake_server import serving
from tests.flows.dask_cluster import dask_cluster
from tests.flows.test_llm_run import recipe_of
from tests.flows.test_runner import command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Every prompt has as many words, and every answer too: what one takes is known after the first.
CAP = 8_000
SHARDS = {"count": 390, "stage": {"shard_rows": 60}}


def capped(write_recipe, server, **top):
    return recipe_of(write_recipe, server, budget={"tokens": CAP}, **SHARDS, **top)


def spent(home):
    """Return the answers in the log, their tokens, and the tokens of one."""
    log = AnswerLog(home / "work" / "answers.sqlite")
    (total,) = log.totals()
    log.close()
    tokens = total.prompt_tokens + total.completion_tokens
    return total.answers, tokens, tokens / total.answers


def processes_of(home):
    """Return how many processes had an account of the run at the same time."""
    return len(list((home / "work" / "budgets").glob("*/*.lock")))


def test_two_processes_meet_one_cap(orchestrator, write_recipe, tmp_path):
    """To the last answer that has room, as threads do; exit code 3 and the line that names the cap."""
    home = tmp_path / "home"
    with serving(latency_ms=100) as server:
        recipe = capped(write_recipe, server, engine={"max_concurrency": 4})
        run = command(recipe, tmp_path / "out", orchestrator, home, TILTH_RUNNER="processes")
        output = run.communicate()[0]
        asked = server.counts.requests
    assert run.returncode == 3, output
    assert "raise budget.tokens" in output
    answers, tokens, each = spent(home)
    assert asked == answers
    assert CAP <= tokens < CAP + each
    assert processes_of(home) == 2


def test_worker_that_is_killed_takes_no_budget_with_it(orchestrator, write_recipe, tmp_path):
    """SIGKILL of one of two Dask workers in the midst of its requests: the run ends at its cap, not below it.

    What the dead one was asking for and had not counted may come on top; nothing that it had set aside is lost.
    """
    pytest.importorskip("prefect_dask")
    home, at_once, unsaid = tmp_path / "home", 4, 17
    with (
        serving(latency_ms=100) as server,
        dask_cluster(tmp_path, 2, {**os.environ, "TILTH_HOME": str(home)}) as address,
    ):
        recipe = capped(write_recipe, server, engine={"max_concurrency": at_once})
        more = {"TILTH_RUNNER": "dask", "TILTH_DASK_ADDRESS": address}
        run = command(recipe, tmp_path / "out", orchestrator, home, **more)
        while server.counts.answered < 50 or processes_of(home) < 2:
            time.sleep(0.02)
            assert run.poll() is None, run.stdout.read()
        os.kill(int((tmp_path / "dask-0.pid").read_text()), signal.SIGKILL)
        output = run.communicate()[0]
        asked = server.counts.requests
    assert run.returncode == 3, output
    assert "raise budget.tokens" in output
    _, tokens, each = spent(home)
    assert CAP - at_once * each <= tokens <= CAP + (1 + unsaid) * each
    assert asked * each <= CAP + (1 + unsaid + at_once) * each
