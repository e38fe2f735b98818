"""Grow new tasks and their instances from seed tasks, round by round, each unlike all before it.

Source: Wang et al. 2022, Self-Instruct: Aligning Language Models with Self-Generated Instructions (https://arxiv.org/abs/2212.10560)

    method: self_instruct
    inputs: [tasks]            # text: the instruction; extra.instances: [{input, output}], or target (and extra.input)
    count: 5000
    params: {max_rouge_l: 0.7}

A draw shows the engine `human_examples` seed tasks and `machine_examples` tasks of earlier rounds (seed tasks in their
place in the first round), and asks for `new_instructions` more. Each is checked by the paper's heuristics and against
the whole pool; the engine is asked whether it is a classification task, and then for instances: the input first, or for
a classification task the label first, so that the labels come out even. A record is one instance: `text` is the
instruction with its input, `target` the output, `seed_ids` the examples in the prompt; `extra` has instruction,
input and is_classification. An instruction whose ROUGE-L with any other of the stage, or with a seed, reaches
`max_rouge_l` is turned down as `similar_to_pool`; where it was found before instances were asked for, `extra` has the
nearest one.

Seeds that are short, each part on one line, also serve as demonstrations in the prompts (`demonstrations`): those with
`extra.is_classification` for the question, those with instances for the instances.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from tasks.core.engine import Answer, Request
from tasks.core.errors import RecordError, UserError
from tasks.core.method import Method
from tasks.core.rollout import Context, Generate, RolloutDraw, Row
from tasks.methods.llm import _self_instruct_read as read
from tasks.methods.llm._chat import Messages, Sampled, ask_all, chat, request
from tasks.methods.llm._parse import reject, sound
from tasks.methods.llm._self_instruct_tasks import (
    Demo,
    Demos,
    NewInstructions,
    TaskPool,
    demos_of,
    one_line,
    pool_of,
    tasks_of,
)
from tasks.methods.llm._verdict import verdict_of

# Words of the paper's code: what they ask for is not text.
_BLOCKED = (
    *("image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps"),
    *("draw", "plot", "go to"),
)
_VERDICT_TOKENS = 8

OWN_DEMOS = Demos(
    questions=(
        ("Say whether the review is positive or negative.", True),
        ("Write a short poem about rain.", False),
        ("Which of the three animals is a bird?", True),
        ("Explain how a kettle works.", False),
        ("Is the sentence a question, a request or a statement?", True),
        ("Put the words into the order of the alphabet.", False),
    ),
    input_first=(
        ("Sort the numbers from small to large.", (("9, 2, 5", "2, 5, 9"), ("30, 4, 12", "4, 12, 30"))),
        ("Rewrite the sentence in the past tense.", (("She walks to work.", "She walked to work."),)),
        ("Name three things to pack for a day at the sea.", (("", "A towel, sun cream and water."),)),
    ),
    output_first=(
        (
            "Say whether the review is positive or negative.",
            (("The soup was hot and the staff were kind.", "positive"), ("It broke on the second day.", "negative")),
        ),
        ("Is the number even or odd?", (("14", "even"), ("7", "odd"))),
    ),
)


class Params(Sampled):
    """Params of `self_instruct`; `temperature`, `top_p` and `max_tokens` are those of new instructions."""

    human_examples: int = Field(6, ge=1, le=50, description="seed tasks in a prompt for new instructions")
    machine_examples: int = Field(2, ge=0, le=50, description="tasks of earlier rounds in that prompt")
    new_instructions: int = Field(8, ge=1, le=50, description="new instructions that a prompt asks for")
    max_instances: int = Field(3, ge=1, le=20, description="instances of an instruction that are asked for, at most")
    round_draws: int = Field(200, ge=1, le=100_000, description="draws of a round; the next one reads what it gave")
    max_rouge_l: float = Field(
        0.7, gt=0, le=1, description="ROUGE-L F-measure with any instruction of the pool that turns a new one down"
    )
    min_words: int = Field(4, ge=1, description="words of an instruction at least")
    max_words: int = Field(150, ge=1, description="words of an instruction at most")
    blocked_words: tuple[str, ...] = Field(_BLOCKED, description="words that no instruction may have, in any case")
    demonstrations: Literal["seeds", "own"] = Field(
        "seeds", description="what shows the form of answers: seeds that are short enough, or the method's own"
    )
    temperature: float | None = Field(
        0.7, ge=0, le=2, description="sampling temperature of instructions; null: the engine's own"
    )
    instance_temperature: float | None = Field(
        0.0, ge=0, le=2, description="sampling temperature of instances; null: the engine's own"
    )
    max_tokens: int = Field(1024, ge=1, le=131_072, description="tokens of a list of new instructions at most")
    instance_max_tokens: int = Field(512, ge=1, le=131_072, description="tokens of the instances of a task at most")

    @model_validator(mode="after")
    def _in_order(self) -> "Params":
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} is above max_words {self.max_words}")
        return self


def task_messages(examples: Sequence[str], count: int) -> Messages:
    """Return the prompt for `count` new tasks after the examples, each on one line."""
    have = len(examples)
    listed = "\n".join(f"{number}. {one_line(example)}" for number, example in enumerate(examples, 1))
    return chat(
        f"Here is a list of {have} tasks. Write {count} new tasks, numbered {have + 1} to {have + count}, one a line.\n"
        "Make them unlike each other and unlike the list. Do not do the tasks.\n\n"
        f"{listed}"
    )


def question_messages(instruction: str, demos: Sequence[tuple[str, bool]] = OWN_DEMOS.questions) -> Messages:
    """Return the prompt that asks whether a task is a classification task."""
    shown = "".join(f"Task: {task}\nAnswer: {'Yes' if verdict else 'No'}\n\n" for task, verdict in demos)
    return chat(
        "Is the answer to the task one of a few fixed labels? Say Yes or No. Do not do the task.\n\n"
        f"{shown}Task: {one_line(instruction)}\nAnswer:"
    )


def input_first_messages(instruction: str, count: int, demos: Sequence[Demo] = OWN_DEMOS.input_first) -> Messages:
    """Return the prompt for instances of a task, each its input and then its output."""
    shown = "".join(_shown(task, [("Input", a or "none", "Output", b) for a, b in pairs]) for task, pairs in demos)
    return chat(
        f"Write up to {count} examples of the task: first an input, then the right output.\n"
        'If the task needs no input, write one example with "Input: none".\n\n'
        f"{shown}Task: {one_line(instruction)}"
    )


def output_first_messages(instruction: str, count: int, demos: Sequence[Demo] = OWN_DEMOS.output_first) -> Messages:
    """Return the prompt for instances of a classification task, each its label and then an input that has it."""
    shown = "".join(_shown(task, [("Label", b, "Input", a) for a, b in pairs]) for task, pairs in demos)
    return chat(
        f"Write up to {count} examples of the task: first a label, then an input that has it.\n"
        "Let each example have another label.\n\n"
        f"{shown}Task: {one_line(instruction)}"
    )


def _shown(task: str, parts: Iterable[tuple[str, str, str, str]]) -> str:
    return f"Task: {task}\n" + "".join(f"{a}: {b}\n{c}: {d}\n" for a, b, c, d in parts) + "\n"


def prepare(context: Context, params: Params) -> TaskPool:
    """Return the task pool; UserError where no seed has an instruction."""
    tasks = tasks_of(context.seeds)
    if not tasks:
        raise UserError(
            "self_instruct found no seed with a text; say where the instructions are: `columns: {text: ...}`"
        )
    # The stage's own stream: the same demonstrations in every prompt, so that a server's prefix cache holds them.
    rng = np.random.Generator(np.random.Philox(key=context.key))
    demos = demos_of(tasks, OWN_DEMOS, rng) if params.demonstrations == "seeds" else OWN_DEMOS
    return pool_of(tasks, context.pool, params.max_rouge_l, demos)


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return the instances of new tasks, and what was turned down on the way, in the order of the instructions."""
    tasks: TaskPool = draw.prepared
    examples = tasks.examples(draw.rng, params.human_examples, params.machine_examples)
    found, rows = await _instructions(draw, generate, params, [text for _, text in examples])
    left = {at: text for at, text in enumerate(found) if at not in rows}
    verdicts = await _verdicts(draw, generate, params, left)
    asked = {
        at: _instances_request(left[at], verdict, tasks.demos, params)
        for at, verdict in verdicts.items()
        if isinstance(verdict, bool)
    }
    answers: dict[int, Answer | RecordError] = await _ask(generate, asked)
    for at, verdict in verdicts.items():
        about = {"instruction": left[at], "is_classification": verdict, "task": f"{draw.number}.{at}"}
        if isinstance(verdict, RecordError):
            rows[at] = [reject(verdict.reason, left[at], extra={"answer": sound(verdict.raw)})]
        else:
            rows[at] = _rows(answers[at], about, params)
    seed_ids = [name for name, _ in examples]
    return [{**row, "seed_ids": seed_ids} for at in sorted(rows) for row in rows[at]]


async def _instructions(
    draw: RolloutDraw, generate: Generate, params: Params, examples: Sequence[str]
) -> tuple[list[str], dict[int, list[Row]]]:
    """Return the new instructions, and by place the reject rows of those that are turned down."""
    asked = request(task_messages(examples, params.new_instructions), params)
    (answer,) = await ask_all(generate, [asked])
    cut = isinstance(answer, RecordError)
    if isinstance(answer, RecordError) and answer.reason != "truncated":
        raise answer
    text = answer.raw if isinstance(answer, RecordError) else answer.text
    found = read.instructions(text)
    rows = _turned_down(found[: len(found) - cut], draw.prepared, params)
    if cut:  # as in the paper, what stands before the cut is whole
        rows[len(found) - 1] = [reject("truncated", found[-1])]
    return found[: params.new_instructions], {at: row for at, row in rows.items() if at < params.new_instructions}


def _turned_down(found: Sequence[str], tasks: TaskPool, params: Params) -> dict[int, list[Row]]:
    own = tasks.fresh()  # the pool itself is shared with other draws
    blocked = read.blocked_pattern(params.blocked_words)
    rows = {}
    for at, text in enumerate(found):
        if reason := read.instruction_defect(text, (params.min_words, params.max_words), blocked):
            rows[at] = [reject(reason, text)]
        elif near := tasks.pool.nearest(text) or own.nearest(text):
            rows[at] = [reject("similar_to_pool", text, extra={"nearest": near.text, "rouge_l": round(near.score, 4)})]
        else:
            own.add(text)
    return rows


async def _verdicts(
    draw: RolloutDraw, generate: Generate, params: Params, left: Mapping[int, str]
) -> dict[int, bool | RecordError]:
    """Return whether each instruction is a classification task, or why that is not clear."""
    demos = draw.prepared.demos.questions
    asked = {
        at: request(question_messages(text, demos), params, temperature=0.0, top_p=None, max_tokens=_VERDICT_TOKENS)
        for at, text in left.items()
    }
    answers = await _ask(generate, asked)
    return {at: verdict_of(answer) for at, answer in answers.items()}


def _instances_request(instruction: str, is_classification: bool, demos: Demos, params: Params) -> Request:
    if is_classification:
        messages = output_first_messages(instruction, params.max_instances, demos.output_first)
    else:
        messages = input_first_messages(instruction, params.max_instances, demos.input_first)
    return request(
        messages,
        params,
        temperature=params.instance_temperature,
        max_tokens=params.instance_max_tokens,
        stop=(*params.stop, "\nTask:"),
    )


def _rows(answer: Answer | RecordError, about: dict[str, Any], params: Params) -> list[Row]:
    """Return the record of each instance of a task, or its reject; one reject where there is no instance at all."""
    instruction = about["instruction"]
    cut = isinstance(answer, RecordError) and answer.reason == "truncated"
    text = answer.raw if isinstance(answer, RecordError) else answer.text
    try:
        if isinstance(answer, RecordError) and not cut:
            raise answer
        found = read.instances(text, "output_first" if about["is_classification"] else "input_first", cut=cut)
    except RecordError as exc:
        return [reject(exc.reason, instruction, extra={**about, "answer": sound(text)})]
    rows = []
    for number, ((given, output), defect) in enumerate(zip(found, read.instance_defects(found), strict=True)):
        reason = defect or ("too_many_instances" if number >= params.max_instances else None)
        row = {"text": f"{instruction}\n\n{given}" if given else instruction, "target": output}
        rows.append({**row, "extra": {**about, "input": given}} | ({"reason": reason} if reason else {}))
    return rows


async def _ask(generate: Generate, asked: Mapping[int, Request]) -> dict[int, Answer | RecordError]:
    return dict(zip(asked, await ask_all(generate, list(asked.values())), strict=True))


METHOD = Method(
    name="self_instruct",
    version=1,
    family="llm",
    params=Params,
    rollout=rollout,
    gives=("text", "target", "seed_ids", "extra"),
    kind="pair",
    seeds=lambda _params: "all",
    needs=lambda _params: frozenset({"text"}),
    prepare=prepare,
    pool=lambda params: params.round_draws,
    novelty=lambda params, seeds: NewInstructions(params.max_rouge_l, seeds),
    calls=lambda params: 1 + 2 * params.new_instructions,
    records=lambda params: params.new_instructions * params.max_instances,
    shard_rows=200,
)
