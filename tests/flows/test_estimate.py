"""`tilth run RECIPE --estimate`: what a run will ask, cost and take; it asks nothing, but for the few of a probe."""

import json

import pytest

from tasks.answers import AnswerLog
from tasks.engines.fake_server import serving
from tests.flows.test_llm_run import recipe_of

pytestmark = pytest.mark.timeout(300)
PRICED = {"price": {"input": 1000, "output": 3000}}


def test_plain_estimate_asks_nothing_and_leaves_nothing(cli, write_recipe, tmp_path, home):
    """A table on standard output; no request, no answer log, no OUT; how time is measured is said."""
    with serving(latency_ms=5) as server:
        ran = cli("run", recipe_of(write_recipe, server, engine=PRICED), "--estimate", "--out", tmp_path / "out")
        assert server.counts.requests == 0
    assert (ran.code, ran.err) == (0, "")
    assert "not measured" in ran.out
    assert "--probe measures time: 5 real requests a stage, whose answers the log keeps for the run" in ran.out
    assert "budget: none" in ran.out
    assert not (home / "work" / "answers.sqlite").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("orchestrator")
def test_probe_measures_time_and_the_run_uses_its_answers(cli, write_recipe, tmp_path, home):
    """Five requests, said and logged; the run then asks for the other 35."""
    with serving(latency_ms=5) as server:
        recipe = recipe_of(write_recipe, server, engine=PRICED)
        ran = cli("run", recipe, "--estimate", "--probe")
        assert (ran.code, ran.err) == (0, "")
        assert server.counts.requests == 5
        assert AnswerLog(home / "work" / "answers.sqlite").totals()[0].answers == 5
        assert "tickets: time and answers by a probe of 5 requests at a time: 5 new, 0 from" in ran.out
        assert "not measured" not in ran.out
        ran = cli("run", recipe, "--out", tmp_path / "out")
        assert ran.code == 0, ran.err
        assert (server.counts.requests, server.counts.repeated) == (40, 0)


def test_estimate_as_json_has_what_the_table_shows(cli, write_recipe, home):
    """Numbers for a script: bounds without a probe, what to expect with one; a second probe pays for nothing."""
    with serving(latency_ms=5) as server:
        recipe = recipe_of(write_recipe, server, engine=PRICED, budget={"usd": 9})
        plain, probed, again = (
            json.loads(cli("run", recipe, "--estimate", "--json", *more).out) for more in ([], ["--probe"], ["--probe"])
        )
        assert server.counts.requests == 5
    assert plain["budget"]["usd"] == 9
    (before,), (after,), (last,) = plain["stages"], probed["stages"], again["stages"]
    assert (before["requests"], before["minutes"], before["usd"], before["probed"]) == (40, None, None, 0)
    assert 0 < after["minutes"] < 1
    assert 0 < after["usd"] <= after["usd_max"] == before["usd_max"]
    assert (after["probed"], last["probed"]) == (5, 0)


def test_estimate_follows_the_options_of_the_run(cli, write_recipe):
    """`--set` changes what is estimated, as it changes what is run."""
    with serving() as server:
        recipe = recipe_of(write_recipe, server)
        ran = cli("run", recipe, "--estimate", "--json", "--set", "stages.tickets.count=300")
    assert json.loads(ran.out)["stages"][0]["draws"] == 300


def test_recipe_that_asks_nobody_says_so(cli, write_recipe):
    """Nothing is spent."""
    grammar = {"name": "a", "method": "cfg", "params": {"grammar": "S -> 'a' | 'b'"}, "count": 2}
    assert "no stage asks an engine; nothing is spent" in cli("run", write_recipe(grammar), "--estimate").out


@pytest.mark.parametrize("option", ["--probe", "--json"])
def test_option_of_the_estimate_alone_is_refused(cli, write_recipe, tmp_path, option):
    """A run that was meant as an estimate would cost money."""
    with serving() as server:
        ran = cli("run", recipe_of(write_recipe, server), option, "--out", tmp_path / "out")
        assert server.counts.requests == 0
    assert (ran.code, ran.err) == (2, f"tilth: {option} goes with --estimate\n")
