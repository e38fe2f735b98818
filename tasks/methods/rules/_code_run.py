"""Draws of the method `code`: pairs of each task, the programs among them verified together."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.core import record
from tasks.core.method import Draw, Made
from tasks.methods.rules._code_arithmetic import draw_problem
from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_python import draw_function
from tasks.methods.rules._code_sql import draw_pairs
from tasks.methods.rules._code_verify import Demand, Verified, verify
from tasks.methods.rules._sandbox import Level, Limits

if TYPE_CHECKING:
    from tasks.methods.rules.code import Params

_TASKS = ("python", "sql", "arithmetic")
# (text, target, extra as JSON, reason)
Row = tuple[str, str, str, str | None]


def drawn(params: "Params", draw: Draw, level: Callable[["Params"], Level]) -> Made:
    """Return `draw.count` pairs, rejects with their reason among them; text asks, target answers, extra proves."""
    dice = Dice(draw.rng)
    tasks = _drawn_tasks(params, draw)
    makers: dict[str, Iterator[Row]] = {"sql": _sql(dice, params), "arithmetic": _arithmetic(dice, params)}
    verified: list[Verified] = []
    if functions := tasks.count("python"):
        rows, verified = _python(dice, params, functions, level(params))
        makers["python"] = iter(rows)
    rows = [next(makers[task]) for task in tasks]
    text, target, extra, reason = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    columns = record.columns(
        kind=record.constant("pair", len(rows)),
        text=text,
        target=target,
        extra=extra,
        reason=pa.array(reason, pa.string()),
    )
    stats = {f"task_{task}": tasks.count(task) for task in _TASKS if task in tasks}
    return Made(columns, stats | {"mutants_killed": sum(len(one.mutants) for one in verified)})


def _drawn_tasks(params: "Params", draw: Draw) -> list[str]:
    names = [name for name in _TASKS if params.task.get(name)]
    total = sum(params.task[name] for name in names)
    return draw.rng.choice(names, size=draw.count, p=[params.task[name] / total for name in names]).tolist()


def _python(dice: Dice, params: "Params", count: int, level: Level) -> tuple[list[Row], list[Verified]]:
    functions = [draw_function(dice, params.steps, 2 * params.tests) for _ in range(count)]
    limits = Limits(cpu_s=params.cpu_s, wall_s=params.wall_s, memory_mb=params.memory_mb)
    verified = verify(functions, dice, Demand(params.tests, params.mutants, limits, level))
    rows = []
    for function, known in zip(functions, verified, strict=True):
        extra = record.dumps({"task": "python", "tests": known.tests, "mutants": len(known.mutants)})
        rows.append((function.text, function.source, extra, known.reason))
    return rows, verified


def _sql(dice: Dice, params: "Params") -> Iterator[Row]:
    for pair in draw_pairs(dice, params.steps):
        yield pair.text, pair.sql, record.dumps({"task": "sql", **pair.extra}), pair.reason


def _arithmetic(dice: Dice, params: "Params") -> Iterator[Row]:
    while True:
        made = draw_problem(dice, params.steps)
        extra = {"task": "arithmetic", "answer": made.answer, "structure": made.structure}
        yield made.text, made.solution, record.dumps(extra), None
