"""How fast verified programs are made; there is no peer that does the same."""

from itertools import islice

import numpy as np

from tasks.methods.rules._code_arithmetic import draw_problem
from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_python import draw_function
from tasks.methods.rules._code_sql import draw_pairs
from tasks.methods.rules._sandbox import LEVELS, Program, problem, run_programs
from tests.bench.measure import Row, rate
from tests.builders import make


def alone(what: str, ours: float) -> Row:
    """Return a line of the table without a peer."""
    return Row(what=what, ours=round(ours, 1), peer=None, ratio=None, asked="-")


def sandbox_rows(programs: int = 400) -> list[Row]:
    """Return programs judged a second at each level that works here, one a fork and eight a fork."""
    function = draw_function(Dice(np.random.default_rng(1)), (2, 4), 16)
    batch = [Program(function.source, function.calls, function.expected)] * programs
    rows = []
    for level in LEVELS:
        if problem(level):
            continue
        for together in (1, 8):
            speed = rate(lambda level=level, n=together: run_programs(batch, None, level, n), programs)
            rows.append(alone(f"sandbox {level}, {together} in a fork, 16 calls each (programs/s)", speed))
    return rows


def bench() -> list[Row]:
    """Return the lines of the table: drawing, judging, and whole shards."""
    dice = Dice(np.random.default_rng(0))
    found = [
        alone(
            "code python, drawn (functions/s)", rate(lambda: [draw_function(dice, (2, 4), 16) for _ in range(200)], 200)
        ),
        alone("code sql, drawn and run (pairs/s)", rate(lambda: list(islice(draw_pairs(dice, (2, 4)), 1000)), 1000)),
        alone(
            "code arithmetic, drawn (problems/s)", rate(lambda: [draw_problem(dice, (2, 4)) for _ in range(3000)], 3000)
        ),
        *sandbox_rows(),
    ]
    for task, count in (("python", 200), ("sql", 1000), ("arithmetic", 3000)):
        speed = rate(lambda task=task, count=count: make("code", {"task": task}, count), count)
        found.append(alone(f"code {task}, whole method (rows/s, rejects among them)", speed))
    return found
