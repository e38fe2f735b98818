"""The task pool of Self-Instruct: what seeds and earlier records say as tasks, and which of them a prompt shows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.errors import UserError
from tasks.core.rollout import Row
from tasks.methods.llm._chat import extra_of, plain
from tasks.methods.llm._rouge import RougePool

# A demonstration stands in every prompt of the stage: it has to be short, and each part of it one line.
_SHORT = 160
_QUESTIONS_EACH = 3
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}

Instances = tuple[tuple[str, str], ...]  # (input, output); an empty input: the task needs none
Demo = tuple[str, Instances]


@dataclass(frozen=True, slots=True)
class Task:
    """One task of the pool; `is_classification` is None where nobody has said."""

    id: str
    instruction: str
    instances: Instances
    is_classification: bool | None


@dataclass(frozen=True, slots=True)
class Demos:
    """What the prompts show how to do it: classification or not, input first, output first."""

    questions: tuple[tuple[str, bool], ...]
    input_first: tuple[Demo, ...]
    output_first: tuple[Demo, ...]


@dataclass(frozen=True, slots=True)
class TaskPool:
    """The tasks of people and of earlier rounds, the demonstrations, and the index that finds similar instructions."""

    human: tuple[tuple[str, str], ...]  # (id, instruction on one line)
    machine: tuple[tuple[str, str], ...]
    demos: Demos
    pool: RougePool

    def fresh(self) -> RougePool:
        """Return an empty index with the same threshold."""
        return RougePool(self.pool.threshold)

    def examples(self, rng: np.random.Generator, human: int, machine: int) -> list[tuple[str, str]]:
        """Return examples of both in mixed order; tasks of people stand in for those that no round has made yet."""
        made = _some(self.machine, machine, rng)
        chosen = _some(self.human, human + machine - len(made), rng) + made
        return [chosen[at] for at in rng.permutation(len(chosen))]


def one_line(text: str) -> str:
    """Return the text as a prompt shows it: on one line, control tokens of chat templates spaced out."""
    return " ".join(plain(text).split())


def task_of(seed: Row) -> Task | None:
    """Return a record as a task, None where it has no instruction.

    `extra.instruction` goes before `text`. Instances are `extra.instances`, a list of {input, output}; without it
    `target`, with `extra.input`, is the only one.
    """
    extra = extra_of(seed)
    instruction = extra.get("instruction") or seed.get("text")
    if not isinstance(instruction, str) or not instruction.strip():
        return None
    said = extra.get("is_classification")
    return Task(
        seed.get("id") or "",
        instruction.strip(),
        _instances(seed, extra),
        said if isinstance(said, bool) else _TRUTH.get(str(said).lower()),
    )


def _instances(seed: Row, extra: Mapping[str, Any]) -> Instances:
    given = extra.get("instances")
    if given is None:
        return ((str(extra.get("input") or ""), seed["target"]),) if seed.get("target") else ()
    try:
        return tuple((str(one.get("input") or ""), str(one["output"])) for one in given)
    except (TypeError, AttributeError, KeyError) as exc:
        shown = json.dumps(given, ensure_ascii=False)[:80]
        raise UserError(
            f"seed {seed.get('id')}: `instances` is {shown}; it must be a list of mappings with `output` (and `input`)"
        ) from exc


def tasks_of(seeds: Iterable[pa.RecordBatch]) -> list[Task]:
    """Return the seeds that are tasks."""
    names = ["id", "text", "target", "extra"]
    rows = (row for batch in seeds for row in batch.select(names).to_pylist())
    return [task for row in rows if (task := task_of(row)) is not None]


def pool_of(tasks: Sequence[Task], earlier: Sequence[Row], threshold: float, demos: Demos) -> TaskPool:
    """Return the pool of the seeds and of the records of earlier rounds, each instruction once."""
    human = _listed(tasks)
    made = [task for row in earlier if (task := task_of(row)) is not None]
    machine = _listed(made)
    pool = RougePool(threshold)
    pool.extend(instruction for _, instruction in (*human, *machine))
    return TaskPool(human, machine, demos, pool)


def _listed(tasks: Iterable[Task]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for task in tasks:
        found.setdefault(one_line(task.instruction), task.id)
    return tuple((name, instruction) for instruction, name in found.items())


def _some(have: Sequence[Any], count: int, rng: np.random.Generator) -> list[Any]:
    return [have[at] for at in rng.choice(len(have), min(count, len(have)), replace=False)] if have else []


def demos_of(tasks: Sequence[Task], own: Demos, rng: np.random.Generator) -> Demos:
    """Return demonstrations from the seeds that are short enough, and `own` ones where there are too few."""
    some = [task for at in rng.permutation(len(tasks)) if _is_short(task := tasks[at])]
    plain_tasks = [_demo(task) for task in some if task.instances and task.is_classification is not True]
    return Demos(
        _questions(some) or own.questions,
        (*_pick(plain_tasks, own.input_first, True, 2), *_pick(plain_tasks, own.input_first, False, 1)),
        _by_label(some) or own.output_first,
    )


def _questions(tasks: Sequence[Task]) -> tuple[tuple[str, bool], ...]:
    """Return as many classification tasks as others, in turn; nothing where the seeds have too few of either."""
    sides = [[one_line(t.instruction) for t in tasks if t.is_classification is side] for side in (True, False)]
    if min(map(len, sides)) < _QUESTIONS_EACH:
        return ()
    pairs = list(zip(*sides, strict=False))[:_QUESTIONS_EACH]
    return tuple(question for yes, no in pairs for question in ((yes, True), (no, False)))


def _pick(have: Sequence[Demo], own: Sequence[Demo], has_input: bool, count: int) -> list[Demo]:
    found = [demo for demo in have if all(bool(given) is has_input for given, _ in demo[1])][:count]
    spare = [demo for demo in own if all(bool(given) is has_input for given, _ in demo[1])]
    return found if len(found) == count else spare[:count]


def _by_label(tasks: Sequence[Task]) -> tuple[Demo, ...]:
    """Return two classification tasks that show an input for each of two labels or more."""
    found = [
        _demo(task)
        for task in tasks
        if task.is_classification
        and len({output for _, output in task.instances}) > 1
        and all(given for given, _ in task.instances)
    ]
    return tuple(found[:2]) if len(found) > 1 else ()


def _demo(task: Task) -> Demo:
    return one_line(task.instruction), tuple((plain(given), plain(output)) for given, output in task.instances)


def _is_short(task: Task) -> bool:
    parts = [task.instruction, *(part for instance in task.instances for part in instance)]
    return (
        all(len(part) <= _SHORT and "\n" not in part.strip() for part in parts)
        and len(task.instances) <= _QUESTIONS_EACH
        and all(output.strip() for _, output in task.instances)
    )


class NewInstructions:
    """Turns down records whose instruction is too similar to a seed's or to that of a record before it.

    The records of one instruction, one for each of its instances, follow each other and stand or fall together.
    """

    def __init__(self, threshold: float, seeds: Iterable[pa.RecordBatch]) -> None:
        self._pool = RougePool(threshold)
        self._pool.extend(one_line(task.instruction) for task in tasks_of(seeds))
        self._last: tuple[str, str | None] | None = None

    def add(self, batch: pa.RecordBatch) -> pa.Array:
        """Return `similar_to_pool` for each record that is turned down, null for those that stay."""
        made = [json.loads(value) for value in batch.column("extra").to_pylist()]
        return pa.array([self._reason(one["task"], one["instruction"]) for one in made], pa.string())

    def _reason(self, task: str, instruction: str) -> str | None:
        if self._last is None or self._last[0] != task:
            near = self._pool.nearest(instruction)
            if near is None:
                self._pool.add(instruction)
            self._last = (task, "similar_to_pool" if near else None)
        return self._last[1]
