"""Verified programs: Python functions with tests, SQL with its answer, word problems with worked steps.

Source: Haluptzok, Bowers & Kalai 2022, Language Models Can Teach Themselves to Program Better (https://arxiv.org/abs/2207.14502)

Every pair is made by a grammar and then checked by running it. `python`: a function composed of typed steps is kept if
its tests pass and each of several mutants of it fails them; the expected values come from the meaning of the steps,
which is written apart from the code. `sql`: a query over a generated SQLite database is kept if its answer is not
empty, is the only one, and changes when any condition is left out. `arithmetic`: a word problem whose steps are carried
out exactly. Rejects keep their text and one of these reasons: tests_fail, mutant_survives, no_mutant, timeout (python);
empty_answer, long_answer, ambiguous_order, ambiguous_limit, clause_without_effect (sql).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from tasks.core.errors import RecipeError, choices
from tasks.core.method import Draw, Made, Method, MethodParams
from tasks.methods.rules._sandbox import Level, look_ahead, problem, working_level

TASKS = ("python", "sql", "arithmetic")


def _weights(value: Any) -> Any:
    weights = {value: 1.0} if isinstance(value, str) else value
    if not isinstance(weights, Mapping) or not weights:
        raise ValueError(f"task {value!r} is neither one of {', '.join(TASKS)} nor weights of them")
    for name, weight in weights.items():
        if name not in TASKS:
            raise ValueError(f"unknown task '{name}'{choices(str(name), TASKS)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of task '{name}' is {weight!r}, not a number from 0 up")
    if not sum(weights.values()):
        raise ValueError(f"all weights of task are 0: {dict(weights)}")
    return dict(weights)


class Params(MethodParams):
    """What is asked for, how difficult it is, and what a program may use while it is checked."""

    task: Annotated[dict[str, float], BeforeValidator(_weights)] = Field(
        default={"python": 1.0}, description="python, sql or arithmetic; or weights of them (no unit, any sum)"
    )
    min_steps: int = Field(2, ge=1, le=5, description="fewest steps: of a function, clauses of a query, calculations")
    max_steps: int = Field(4, ge=1, le=6, description="most steps: of a function, clauses of a query, calculations")
    tests: int = Field(8, ge=4, le=24, description="asserts kept for a function; more where its mutants need them")
    mutants: int = Field(4, ge=1, le=12, description="wrong versions of a function that its tests have to tell apart")
    cpu_s: float = Field(5.0, gt=0, le=60, description="CPU time of a program, in seconds; beyond it is a timeout")
    wall_s: float = Field(
        60.0, gt=0, le=600, description="wall time of a program, in seconds; beyond it the shard fails"
    )
    memory_mb: int = Field(256, ge=64, le=8192, description="memory of a program, in MiB")
    sandbox: Literal["auto", "bwrap", "namespaces"] = Field("auto", description="what keeps the programs in")

    @model_validator(mode="after")
    def _steps_in_order(self) -> "Params":
        if self.min_steps > self.max_steps:
            raise ValueError(f"min_steps {self.min_steps} is more than max_steps {self.max_steps}")
        return self

    @property
    def steps(self) -> tuple[int, int]:
        return self.min_steps, self.max_steps


def check(params: Params) -> None:
    """Raise RecipeError where programs are asked for and there is no sandbox to run them in."""
    if params.task.get("python"):
        _level(params)


def _level(params: Params) -> Level:
    if params.sandbox == "auto":
        return working_level()
    if why := problem(params.sandbox):
        raise RecipeError(f"sandbox '{params.sandbox}' does not work here: {why}")
    return params.sandbox


def run(_seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return `draw.count` pairs, rejects with their reason among them; text asks, target answers, extra proves."""
    from tasks.methods.rules._code_run import drawn  # noqa: PLC0415 - a check is waited for

    return drawn(params, draw, _level)


def _notes(_params: Params, stats: Mapping[str, int]) -> list[str]:
    parts = [f"{stats[f'task_{task}']} {task}" for task in TASKS if stats.get(f"task_{task}")]
    lines = [f"drawn: {', '.join(parts)}"] if parts else []
    if stats.get("task_python"):
        lines.append(f"{stats.get('mutants_killed', 0)} wrong versions of the functions failed their tests")
    return lines


METHOD = Method(
    name="code",
    version=1,
    family="rules",
    params=Params,
    run=run,
    gives=("kind", "text", "target", "extra"),
    check=check,
    ahead=look_ahead,
    notes=_notes,
    kind="pair",
    shard_rows=2000,
)
