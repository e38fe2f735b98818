"""What an engine that fails for good leaves of a run: what there is, how to go on in one line, nothing paid twice."""

import threading
import time

import pytest

from tasks.answers import AnswerLog
from tasks.engines.fake_server import serving
from tests.flows.test_llm_run import recipe_of
from tests.flows.test_pipeline import data, manifest

pytestmark = [pytest.mark.usefixtures("orchestrator"), pytest.mark.timeout(300)]


def dies_after(server, answers):
    """Stop a server for good once it has given so many answers; return the thread that does."""

    def die():
        while server.counts.answered < answers:
            time.sleep(0.005)
        server.stop()

    thread = threading.Thread(target=die)
    thread.start()
    return thread


def adds_up(stage):
    """Return whether the conservation table of a stage holds."""
    return stage["seen"] == stage["accepted"] + stage["rejected"] + stage["failed"] + stage["pending"]


def test_server_that_dies_for_good_stops_the_run_and_the_same_command_goes_on(cli, write_recipe, tmp_path, home):
    """Exit code 3, one line on how to go on, a release that says it is incomplete; then only the rest is asked."""
    with serving(latency_ms=20) as server:
        recipe = recipe_of(write_recipe, server, count=200, engine={"max_concurrency": 4, "patience_s": 1.5})
        thread = dies_after(server, 60)
        ran = cli("run", recipe, "--out", tmp_path / "out")
        thread.join()
        log = AnswerLog(home / "work" / "answers.sqlite")
        kept, asked = log.totals()[0].answers, server.counts.requests
        assert ran.code == 3, ran.err
        (said,) = [line for line in ran.err.splitlines() if "goes on where this stopped" in line]
        assert "cannot reach http://127.0.0.1" in said
        assert "all answers so far are in the answer log: the same command goes on" in said
        assert "Traceback" not in ran.err
        stopped, (stage,) = manifest(tmp_path / "out"), manifest(tmp_path / "out")["stages"]
        assert (stopped["state"], stopped["stopped"]) == ("stopped", said.removeprefix("tilth: "))
        assert "incomplete" in (tmp_path / "out" / "README.md").read_text().lower()
        assert stage["seen"] == 200
        assert adds_up(stage)
        assert 56 <= stage["accepted"] == len(data(tmp_path / "out")) <= kept < 200
        server.start()
        ran = cli("run", recipe, "--out", tmp_path / "out")
        assert ran.code == 0, ran.err
        assert server.counts.requests - asked == log.totals()[0].answers - kept
        assert log.totals()[0].answers == 200
    assert manifest(tmp_path / "out")["state"] == "done"
    assert len(data(tmp_path / "out")) == 200
