"""Verified programs: SQL answers and worked steps are found again by other means; params and determinism."""

import contextlib
import io
import json
import re
import sqlite3
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tasks.core.method import get_method
from tasks.methods.rules import _code_sql, _sandbox
from tasks.methods.rules._code_arithmetic import draw_problem
from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_python import draw_function
from tasks.methods.rules._code_sql_parts import Condition, Query
from tests.builders import make

ROOT = Path(__file__).resolve().parents[2]


REASONS = {
    "python": {None, "mutant_survives", "no_mutant"},
    "sql": {None, "empty_answer", "long_answer", "ambiguous_order", "ambiguous_limit", "clause_without_effect"},
    "arithmetic": {None},
}


def dice(seed: int = 0) -> Dice:
    return Dice(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[dict]]:
    """Rows of each task, made once."""
    counts = {"python": 160, "sql": 1000, "arithmetic": 1000}
    return {task: make("code", {"task": task}, count).records.to_pylist() for task, count in counts.items()}


def kept(rows: list[dict]) -> list[dict]:
    return [row | {"extra": json.loads(row["extra"])} for row in rows if row["reason"] is None]


@pytest.mark.parametrize("task", REASONS)
def test_rows_are_pairs_with_a_reason_or_none(drawn, task):
    """Each draw gives one row; rejects keep their text and say why."""
    rows = drawn[task]
    assert {row["kind"] for row in rows} == {"pair"}
    assert all(row["text"] and row["target"] for row in rows)
    assert {row["reason"] for row in rows} <= REASONS[task]
    assert {json.loads(row["extra"])["task"] for row in rows} == {task}
    assert len(kept(rows)) >= 0.5 * len(rows)


def fresh(row: dict) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("PRAGMA foreign_keys = ON")
    db.executescript(row["extra"]["ddl"] + row["extra"]["inserts"])
    return db


def test_sql_answers_are_found_again(drawn):
    """The DDL and the rows rebuild the database, keys hold, and the query gives the answer that is recorded."""
    for row in kept(drawn["sql"]):
        with contextlib.closing(fresh(row)) as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            assert [list(found) for found in db.execute(row["target"])] == row["extra"]["answer"] != []
        assert row["extra"]["ddl"] in row["text"]


def test_sql_answers_do_not_depend_on_the_order_of_rows(drawn):
    """With the rows put in the other way round the answer is the same: nothing rests on how SQLite walks a table."""
    for row in kept(drawn["sql"])[:250]:
        with contextlib.closing(fresh(row)) as db:
            db.execute("PRAGMA reverse_unordered_selects = ON")
            assert [list(found) for found in db.execute(row["target"])] == row["extra"]["answer"]


def test_every_sql_condition_changes_the_answer(drawn):
    """A kept answer is lost when a WHERE condition is left out: the question could not have done without it."""
    checked = 0
    for row in kept(drawn["sql"]):
        if (where := re.search(r"\nWHERE ([^()\n]+)$", row["target"].rstrip(";"), re.MULTILINE)) is None:
            continue
        parts = re.split(r" AND (?!\d)(?!')", where[1])
        for left_out in parts:
            rest = " AND ".join(part for part in parts if part is not left_out) or "1"
            with contextlib.closing(fresh(row)) as db:
                changed = db.execute(row["target"].replace(where[1], rest)).fetchall()
            assert [list(found) for found in changed] != row["extra"]["answer"], row["target"]
            checked += 1
    assert checked > 200


DEGENERATE = {
    "nothing found": (Query(["x"], "t", [Condition("x > 99", "")], order=["x"]), "empty_answer"),
    "only NULL": (Query(["MAX(x)"], "t", [Condition("x > 99", "")]), "empty_answer"),
    "only zero": (Query(["COUNT(*)"], "t", [Condition("x > 99", "")]), "empty_answer"),
    "tie at the limit": (Query(["y"], "t", order=["x"], limit=2), "ambiguous_limit"),
    "tie in the order": (Query(["y"], "t", order=["x"]), "ambiguous_order"),
    "limit that cuts nothing": (Query(["y"], "t", order=["y"], limit=9), "clause_without_effect"),
    "condition that keeps all": (Query(["y"], "t", [Condition("x > 0", "")], order=["y"]), "clause_without_effect"),
    "group of one size": (
        Query(["x", "COUNT(*)"], "t", group="x", having="COUNT(*) > 0", order=["x"]),
        "clause_without_effect",
    ),
    "distinct without doubles": (Query(["y"], "t", order=["y"], distinct=True), "clause_without_effect"),
    "no tie before the limit": (Query(["y"], "t", order=["x"], limit=1), None),
    "all well": (Query(["y"], "t", [Condition("x > 1", "")], order=["y"]), None),
}


@pytest.mark.parametrize(("query", "reason"), DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_answers_are_rejects(query, reason):
    """x is 1, 2, 2, 3 and y tells the rows apart."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript("CREATE TABLE t (x INT, y INT); INSERT INTO t VALUES (1, 10), (2, 20), (2, 30), (3, 40);")
        answer = [list(row) for row in db.execute(query.sql())]
        assert _code_sql.reason_of(db, query, answer) == reason


EQUATION = re.compile(r"([\d.]+) ([-+*/]) ([\d.]+) = <<([^=>]+)=([^>]+)>>([\d.]*\d)")


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: Fraction(a) / b,
}


def equations(solution: str) -> list[tuple[Fraction, str, Fraction, Fraction]]:
    """Return the steps of a solution, each read twice: from the sentence and from the annotation."""
    found = []
    for left, sign, right, inner, result, shown in EQUATION.findall(solution):
        assert inner == f"{left}{sign}{right}"
        assert shown == result
        found.append((Fraction(left), sign, Fraction(right), Fraction(result)))
    return found


def test_steps_are_right_and_lead_to_the_answer(drawn):
    """Every step is exact, and the result of the last one is the answer."""
    for row in drawn["arithmetic"]:
        *steps, last = row["target"].splitlines()
        read = equations("\n".join(steps))
        assert len(read) == len(steps)
        for left, sign, right, result in read:
            assert OPERATIONS[sign](left, right) == result
        assert Fraction(last.removeprefix("#### ")) == read[-1][3] == Fraction(json.loads(row["extra"])["answer"])


def test_answers_are_positive_and_whole_where_things_are_counted(drawn):
    """Nothing is negative; only money has decimals, and at most two."""
    for row in drawn["arithmetic"]:
        for *_, result in equations(row["target"]):
            assert 0 < result <= 50_000
            assert result.denominator == 1 or (100 % result.denominator == 0 and "dollars" in row["target"])


def test_problems_use_numbers_that_they_tell(drawn):
    """The operands of a step are in the text, are results of earlier steps, or belong to a unit or a part."""
    units = {Fraction(number) for number in (2, 3, 4, 5, 6, 8, 10, 60, 100, 1000)}
    for row in drawn["arithmetic"]:
        known = units | {Fraction(token) for token in re.findall(r"\d+(?:\.\d+)?", row["text"])}
        loose = 0
        for left, _, right, result in equations(row["target"]):
            loose += (left not in known) + (right not in known)
            known.add(result)
        assert loose <= 1, row["text"] + row["target"]


def test_a_pronoun_means_one_person():
    """Once someone else has been named, the main character is spoken of by name."""
    source = dice(3)
    names = {"Amara", "Boris", "Clara", "Dev", "Elif", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Keiko", "Liam"}
    for _ in range(300):
        sentences = re.split(r"(?<=[.?]) ", draw_problem(source, (2, 5)).text)
        seen: set[str] = set()
        for sentence in sentences:
            if len(seen) > 1:
                assert not re.match(r"(She|He)\b", sentence), sentences
            seen |= names & set(re.findall(r"[A-Z][a-z]+", sentence))


@pytest.mark.parametrize("task", REASONS)
def test_nearly_all_draws_differ(task):
    """At least 90 % of 1,000 draws are different (functions without the sandbox, which changes no text)."""
    if task == "python":
        source = dice(17)
        texts = {(f.text, f.source) for f in (draw_function(source, (2, 4), 16) for _ in range(1000))}
    else:
        texts = {
            (row["text"], row["target"]) for row in make("code", {"task": task}, 1000, shard=3).records.to_pylist()
        }
    assert len(texts) >= 900


PRINT_DIGEST = """
import hashlib, sys
from tests.builders import make
task = {"python": 1, "sql": 2, "arithmetic": 1}
made = make("code", {"task": task, "sandbox": sys.argv[1]}, 60, run_seed=4, shard=2)
print(hashlib.sha256(repr(made.records.to_pylist()).encode()).hexdigest(), sorted(made.stats.items()))
"""


def test_a_shard_has_the_same_bytes_in_any_process():
    """Neither the hash seed of the process nor the level of the sandbox shows in what is made."""
    levels = [level for level in _sandbox.LEVELS if not _sandbox.problem(level)]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST, level],
            capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        ).stdout
        for seed, level in (("1", levels[0]), ("77", levels[-1]))
    }  # fmt: skip
    assert len(outputs) == 1


def test_shards_differ():
    """Another shard and another run seed draw other pairs."""
    made = [
        make("code", {"task": "arithmetic"}, 50, run_seed=seed, shard=shard) for seed, shard in ((0, 0), (0, 1), (1, 0))
    ]
    texts = [set(one.records.column("text").to_pylist()) for one in made]
    assert not texts[0] & texts[1]
    assert not texts[0] & texts[2]


def test_weights_mix_the_tasks():
    """Weights are shares of the draws; a task of weight 0 is never drawn."""
    made = make("code", {"task": {"sql": 3, "arithmetic": 1, "python": 0}}, 800)
    assert set(made.stats) == {"task_sql", "task_arithmetic", "mutants_killed"}
    assert made.stats["task_sql"] + made.stats["task_arithmetic"] == made.records.num_rows == 800
    assert 520 < made.stats["task_sql"] < 680


def test_steps_bound_the_difficulty():
    """The number of calculations is within what is asked."""
    rows = make("code", {"task": "arithmetic", "min_steps": 3, "max_steps": 3}, 100).records.to_pylist()
    assert {row["target"].count("<<") for row in rows} == {3}


@pytest.mark.parametrize("steps", [(1, 1), (5, 5), (5, 6)])
@pytest.mark.parametrize("task", REASONS)
def test_every_difficulty_can_be_drawn(task, steps):
    """The ends of the allowed range give pairs too, within the time of a test."""
    params = {"task": task, "min_steps": steps[0], "max_steps": steps[1]}
    assert make("code", params, 12).records.num_rows == 12


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 40), st.sampled_from(["sql", "arithmetic"]))
def test_any_count_can_be_drawn(count, task):
    """No draw at all is an empty batch of the same columns."""
    records = make("code", {"task": task}, count).records
    assert records.num_rows == count
    assert records.schema.names == ["kind", "text", "target", "extra", "reason"]
    assert records.schema.field("reason").type == pa.string()


BAD = {
    "unknown task": (
        {"task": "pyhton"},
        r"unknown task 'pyhton'; did you mean 'python'\? have: arithmetic, python, sql",
    ),
    "unknown weight": ({"task": {"sql": 1, "bash": 1}}, "unknown task 'bash'"),
    "negative weight": ({"task": {"sql": -1}}, "the weight of task 'sql' is -1"),
    "weight that is no number": ({"task": {"sql": "much"}}, "the weight of task 'sql' is 'much'"),
    "no weights": ({"task": {}}, "neither one of python, sql, arithmetic nor weights"),
    "a list": ({"task": ["sql"]}, "neither one of python, sql, arithmetic nor weights"),
    "all zero": ({"task": {"sql": 0}}, "all weights of task are 0"),
    "steps the wrong way round": ({"min_steps": 4, "max_steps": 2}, "min_steps 4 is more than max_steps 2"),
    "too many steps": ({"max_steps": 60}, "less than or equal to 6"),
    "no tests": ({"tests": 0}, "greater than or equal to 4"),
    "no time": ({"cpu_s": 0}, "greater than 0"),
    "misspelt": ({"taks": "sql"}, "Extra inputs"),
    "unknown sandbox": ({"sandbox": "docker"}, "'auto', 'bwrap' or 'namespaces'"),
}


@pytest.mark.parametrize(("params", "message"), BAD.values(), ids=BAD)
def test_wrong_params_are_named(params, message):
    """A wrong param is one clear line before anything is drawn."""
    with pytest.raises(ValidationError, match=message):
        get_method("code").params.model_validate(params)


@pytest.fixture
def no_sandbox(monkeypatch, tmp_path):
    """A machine on which neither level works."""
    broken = tmp_path / "child.py"
    broken.write_text("raise SystemExit('unshare: Operation not permitted')\n")
    caches = (_sandbox.working_level, _sandbox._problem)  # noqa: SLF001 (its cache)
    for probe in caches:
        probe.cache_clear()
    monkeypatch.setattr(_sandbox, "_CHILD", broken)
    monkeypatch.setenv("PATH", str(tmp_path))
    yield
    for probe in caches:
        probe.cache_clear()


@pytest.mark.parametrize("sandbox", ["auto", "bwrap", "namespaces"])
def test_python_without_a_sandbox_is_refused_when_the_recipe_is_checked(no_sandbox, sandbox):
    """No program runs unprotected; SQL and arithmetic need no sandbox."""
    with pytest.raises(RecipeError, match=r"bubblewrap|not installed|did not start"):
        make("code", {"task": "python", "sandbox": sandbox}, 1)
    assert make("code", {"task": {"sql": 1, "arithmetic": 1}, "sandbox": sandbox}, 4).records.num_rows == 4


def test_the_method_says_what_it_is():
    """Its summary, source, columns and notes are there."""
    method = get_method("code@1")
    assert method.summary.startswith("Verified programs")
    assert "https://arxiv.org/abs/2207.14502" in method.source
    assert method.gives == ("kind", "text", "target", "extra")
    params = method.params.model_validate({"task": "sql"})
    assert method.notes(params, {"task_sql": 5, "mutants_killed": 0}) == ["drawn: 5 sql"]


def test_nothing_is_printed_while_programs_run():
    """Generated code and the sandbox leave stdout and stderr alone."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        make("code", {"task": "python"}, 5)
    assert out.getvalue() + err.getvalue() == ""
