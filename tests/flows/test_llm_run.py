"""A recipe that asks a language model, through the command line and Prefect: exact counts, answers paid for once."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tasks.answers import AnswerLog
from tasks.engines.fake_server import serving
from tests.flows.test_pipeline import data, manifest

pytestmark = [pytest.mark.usefixtures("orchestrator"), pytest.mark.timeout(300)]


def recipe_of(write_recipe, server, *, count=40, **top):
    """One stage that asks for tickets about a topic."""
    stage = {
        "name": "tickets",
        "method": "prompt",
        "params": {
            "instruction": "Write one support ticket about {{ topic }}, please, in two plain sentences and no more.",
            "attributes": {"topic": [f"topic{n}" for n in range(400)]},
            "max_tokens": 40,
        },
        "count": count,
        "rules": [],
        "expect": [],
        **top.pop("stage", {}),
    }
    engines = {"fake": {"type": "openai_http", "base_url": server.base_url, "model": "fake", **top.pop("engine", {})}}
    return write_recipe(stage, engines=engines, **top)


def test_count_is_exact_and_every_row_names_its_requests(cli, write_recipe, tmp_path, home):
    """40 records of 40 answers; each row's prompt is found in the log; usage adds up to what the server counted."""
    with serving(failures={"500": 0.1}) as server:
        ran = cli("run", recipe_of(write_recipe, server), "--out", tmp_path / "out")
        assert ran.code == 0, ran.err
        assert server.counts.repeated == 0
        answered = server.counts.answered
    rows = data(tmp_path / "out")
    assert len(rows) == len({row["text"] for row in rows}) == 40
    assert {row["engine"] for row in rows} == {"openai_http:fake"}
    log = AnswerLog(home / "work" / "answers.sqlite")
    (total,) = log.totals()
    assert total.answers == answered
    shown = log.show(json.loads(rows[7]["extra"])["requests"][0])
    assert shown["request"]["messages"][-1][1] in rows[7]["text"]
    assert shown["run"] == "test/tickets"
    table = manifest(tmp_path / "out")["stages"][0]
    assert table["seen"] == table["accepted"] + table["rejected"] + table["failed"] + table["pending"]


def test_changed_gate_asks_nothing(cli, write_recipe, tmp_path):
    """Another row rule is another shard, drawn from the answers that are there."""
    with serving() as server:
        assert cli("run", recipe_of(write_recipe, server), "--out", tmp_path / "one").code == 0
        asked = server.counts.requests
        rules = {"rules": [{"too_long": {"max_words": 1_000}}]}
        ran = cli("run", recipe_of(write_recipe, server, stage=rules), "--out", tmp_path / "two")
        assert ran.code == 0, ran.err
        assert server.counts.requests == asked
    assert [row["text"] for row in data(tmp_path / "one")] == [row["text"] for row in data(tmp_path / "two")]


def test_changed_later_stage_asks_only_for_what_is_missing(cli, write_recipe, tmp_path):
    """Of two stages that ask, the second on what the first made: its new instruction sends its own requests alone."""

    def recipe(server, ending):
        asked = {
            "name": "asked",
            "method": "prompt",
            "params": {
                "instruction": "Ask about {{ part }}.",
                "attributes": {"part": [f"part {n}" for n in range(90)]},
            },
            "count": 30,
        }
        answered = {
            "name": "answered",
            "method": "prompt",
            "inputs": ["asked"],
            "params": {"instruction": f"Answer this: {{{{ text }}}} {ending}", "output": "answer"},
            "per_seed": 1,
        }
        engine = {"type": "openai_http", "base_url": server.base_url, "model": "fake"}
        bare = {"rules": [], "expect": []}
        return write_recipe({**asked, **bare}, {**answered, **bare}, engines={"fake": engine})

    with serving() as server:
        first = cli("run", recipe(server, "Be short."), "--out", tmp_path / "one")
        assert (first.code, server.counts.requests) == (0, 60), first.err
        again = cli("run", recipe(server, "Be kind."), "--out", tmp_path / "two")
        assert (again.code, server.counts.requests) == (0, 90), again.err
        assert server.counts.repeated == 0
        later = list(server.server.history)[60:]
    assert all("Answer this:" in said and "Be kind." in said for said in later)
    assert len(data(tmp_path / "two")) == 30


def test_budget_stops_the_run_cleanly_and_the_next_goes_on(cli, write_recipe, tmp_path):
    """Exit code 3 and one line that names the cap; with more budget only the rest is asked."""
    with serving() as server:
        capped = recipe_of(write_recipe, server, budget={"tokens": 400})
        ran = cli("run", capped, "--out", tmp_path / "out")
        assert ran.code == 3, ran.err
        assert "tokens in" in ran.err
        assert "raise budget.tokens" in ran.err
        first = server.counts.requests
        assert 5 <= first <= 20
        ran = cli("run", recipe_of(write_recipe, server), "--out", tmp_path / "out", "--resume")
        assert ran.code == 0, ran.err
        assert server.counts.repeated == 0
        assert server.counts.requests < 60
    assert len(data(tmp_path / "out")) == 40


def test_wrong_key_is_one_line_before_anything_is_asked(cli, write_recipe, tmp_path, home, monkeypatch):
    """Exit code 2; the key is in no message and in no file."""
    monkeypatch.setenv("TILTH_TEST_KEY", "sk-secret-4711")
    with serving(key="sk-right") as server:
        recipe = recipe_of(write_recipe, server, engine={"api_key_env": "TILTH_TEST_KEY"})
        ran = cli("run", recipe, "--out", tmp_path / "out")
        assert server.counts.requests == 0
    assert ran.code == 2
    assert "TILTH_TEST_KEY" in ran.err
    assert ran.err.count("\n") == 1
    assert "sk-secret" not in ran.out + ran.err


def test_key_is_in_no_file_of_a_run(cli, write_recipe, tmp_path, home, monkeypatch):
    """Neither the work folder nor the dataset holds it."""
    monkeypatch.setenv("TILTH_TEST_KEY", "sk-secret-4711")
    with serving(key="sk-secret-4711") as server:
        recipe = recipe_of(write_recipe, server, count=10, engine={"api_key_env": "TILTH_TEST_KEY"})
        ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    files = [path for top in (home, tmp_path / "out") for path in top.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if b"sk-secret" in path.read_bytes()]
    assert "sk-secret" not in ran.out + ran.err


def test_server_that_is_not_there_is_said_before_the_run(cli, write_recipe, tmp_path):
    """Exit code 2 and where it should be."""
    with serving() as server:
        recipe = recipe_of(write_recipe, server)
    ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "cannot reach http://127.0.0.1" in ran.err


def test_answers_command_counts_shows_and_prunes(cli, write_recipe, tmp_path, home):
    """What was paid for, by engine; one whole; and none after pruning."""
    assert "no answers yet" in cli("answers").out
    with serving() as server:
        engine = {"price": {"input": 1, "output": 3}}
        assert cli("run", recipe_of(write_recipe, server, count=10, engine=engine), "--out", tmp_path / "out").code == 0
    (total,) = json.loads(cli("answers", "--json").out)
    assert total["engine"] == "openai_http:fake"
    assert total["answers"] == 10
    assert total["cost_usd"] == pytest.approx((total["prompt_tokens"] + 3 * total["completion_tokens"]) / 1e6)
    assert "openai_http:fake" in cli("answers").out
    digest = json.loads(data(tmp_path / "out")[0]["extra"])["requests"][0]
    assert json.loads(cli("answers", digest[:12]).out)["digest"] == digest
    missing = cli("answers", "ffffffff")
    assert (missing.code, "has no answer 'ffffffff'" in missing.err) == (2, True)
    assert "10 answers older than 0 days deleted" in cli("answers", "--prune-days", 0).err
    assert json.loads(cli("answers", "--json").out) == []


def test_estimate_asks_nothing_and_agrees_with_the_run(cli, write_recipe, tmp_path, home, capfd):
    """Requests and tokens of the prompts are those that the run then has; money by the recipe's prices."""
    from flows.estimate import show_estimate

    with serving() as server:
        recipe = recipe_of(
            write_recipe, server, count=20, engine={"price": {"input": 1000, "output": 3000}}, budget={"usd": 9}
        )
        capfd.readouterr()
        show_estimate(recipe, None, (), as_json=True)
        said = json.loads(capfd.readouterr().out)
        show_estimate(recipe, None, ())
        table = capfd.readouterr().out
        assert server.counts.requests == 0
        assert cli("run", recipe, "--out", tmp_path / "out").code == 0
    (stage,) = said["stages"]
    (total,) = json.loads(cli("answers", "--json").out)
    assert stage["requests"] == total["answers"] == 20
    assert stage["output_tokens_max"] == 20 * 40
    assert 0.5 < stage["input_tokens"] / total["prompt_tokens"] < 2
    assert total["cost_usd"] < stage["usd_max"]
    assert stage["notes"] == ["tokens of prompts by characters / 4: the engine's tokenizer is not at hand"]
    assert "tickets" in table
    assert "budget: usd 9" in table


def test_estimate_of_stages_that_read_stages(write_recipe, tmp_path, home, capfd):
    """Records of a grammar are made for it, as they will be; those of a model are stood in for, and that is said."""
    from flows.estimate import show_estimate

    said = {"name": "said", "method": "cfg", "params": {"grammar": "S -> 'a' N \nN -> 'cat' | 'dog'"}, "count": 2}
    answered = {
        "name": "answered",
        "method": "prompt",
        "inputs": ["said"],
        "params": {"instruction": "Answer: {{ text }}", "output": "answer", "max_tokens": 10},
        "per_seed": 3,
    }
    again = {**answered, "name": "again", "inputs": ["answered"]}
    recipe = write_recipe(said, answered, again, engines={"fake": {"type": "fake"}})
    show_estimate(recipe, None, (), as_json=True)
    first, second = json.loads(capfd.readouterr().out)["stages"]
    assert (first["stage"], first["requests"], second["requests"]) == ("answered", 6, 18)
    assert first["exact"] is True
    assert first["notes"] == []
    assert second["notes"] == ["records of answered are not there yet: stand-ins were read"]


def start(recipe, out, home, api):
    environment = {**os.environ, "TILTH_HOME": str(home), "PREFECT_API_URL": api}
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run", str(recipe), "--out", str(out)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_run_asks_only_for_what_is_missing(orchestrator, write_recipe, tmp_path):
    """SIGKILL twice in mid-run, the same command again: by the server's counters nothing in the log is asked again."""
    with serving(latency_ms=40) as server:
        recipe = recipe_of(write_recipe, server, count=390, engine={"max_concurrency": 4}, stage={"shard_rows": 60})
        for answers in (60, 180):
            run = start(recipe, tmp_path / "out", tmp_path / "home", orchestrator)
            while server.counts.answered < answers:
                time.sleep(0.02)
                assert run.poll() is None, run.stdout.read()
            run.send_signal(signal.SIGKILL)
            run.communicate()
        time.sleep(0.2)
        log = AnswerLog(tmp_path / "home" / "work" / "answers.sqlite")
        kept, asked = log.totals()[0].answers, server.counts.requests
        assert kept > 100
        last = start(recipe, tmp_path / "out", tmp_path / "home", orchestrator)
        output = last.communicate()[0]
        assert last.returncode == 0, output
        assert log.totals()[0].answers - kept == server.counts.requests - asked
    rows = data(tmp_path / "out")
    assert len(rows) == len({row["id"] for row in rows}) == 390
