"""Evolve seed instructions into harder and rarer ones over generations, and answer them.

Source: Xu et al. 2023, WizardLM: Empowering Large Language Models to Follow Complex Instructions (https://arxiv.org/abs/2304.12244)

    method: evol_instruct
    inputs: [tasks]            # text: the instruction
    per_seed: 1
    params: {generations: 4}

Each generation rewrites the instruction by one of `operations`, drawn evenly: five make it harder (in-depth evolving),
one makes a rarer task of the same field (in-breadth). The engine is asked whether the new task asks for the same as the
one before, and for its answer. An evolution has failed by the paper's four rules: it gains no information; its answer
is a short "sorry"; its answer is only stop words and punctuation; it copies words of the prompt. A failed one is a
reject, and the next generation tries again from the same parent. Every evolution that stood is a record (with
`keep: last`, only a seed's last one): `text` the task, `target` the answer, `extra.lineage` the way there from the
seed, as a list of {operation, instruction}.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args

from pydantic import Field

from tasks.core.engine import Answer
from tasks.core.errors import RecordError
from tasks.core.method import Method
from tasks.core.rollout import Generate, RolloutDraw, Row
from tasks.methods.llm._chat import GUARD, Messages, Sampled, ask_all, block, chat, plain, request, words_of
from tasks.methods.llm._evol_eliminate import answer_defect, task_defect
from tasks.methods.llm._parse import body, sound
from tasks.methods.llm._verdict import verdict_of

Operation = Literal["add_constraint", "deepen", "concretise", "add_reasoning", "complicate_input", "in_breadth"]
Ask = Callable[..., Awaitable[Answer | RecordError]]  # messages, and changes to the sampling
Lineage = list[dict[str, str]]

IN_DEPTH: dict[str, str] = {
    "add_constraint": "Add one more condition that the answer must meet.",
    "deepen": "Ask for more depth, or for more sides of the same matter.",
    "concretise": "Put something more specific in the place of something general.",
    "add_reasoning": "Ask for something that takes several steps of reasoning instead of one.",
    "complicate_input": "Add data that the answer must work with, written out in full, as {form}.",
}
# What `complicate_input` adds: the forms of data that instructions of practice come with.
FORMS = ("a table", "JSON", "a list of numbers", "a short text", "a piece of code", "XML")
_VERDICT_TOKENS = 8
_LABEL = re.compile(r"\A(?:\*\*)?(?:the )?(?:new|harder|rewritten)? ?task:(?:\*\*)?\s*", re.IGNORECASE)
_TAGGED = re.compile(r"\A<(task|new_task)>(.*)</\1>\Z", re.DOTALL)


class Params(Sampled):
    """Params of `evol_instruct`; `temperature` and `top_p` are those of new tasks and of answers."""

    generations: int = Field(4, ge=1, le=20, description="times that an instruction is evolved")
    operations: tuple[Operation, ...] = Field(
        get_args(Operation),
        min_length=1,
        description="ways to evolve, each generation draws one; named twice, twice as likely",
    )
    keep: Literal["all", "last"] = Field("all", description="evolutions that become records: all, or a seed's last one")
    max_words: int = Field(400, ge=10, description="words of an evolved task at most")
    temperature: float | None = Field(1.0, ge=0, le=2, description="sampling temperature; null: the engine's own")
    top_p: float | None = Field(
        0.9, gt=0, le=1, description="share of the probability that tokens are drawn from; null: the engine's own"
    )
    max_tokens: int = Field(2048, ge=1, le=131_072, description="tokens of a new task or of an answer at most")


def depth_messages(task: str, operation: str, form: str = FORMS[0]) -> Messages:
    """Return the prompt that makes a task harder in one way; `form` is that of the data that complicate_input adds."""
    return chat(
        "Make the task harder, but keep it clear and possible to do.\n"
        f"How: {IN_DEPTH[operation].format(form=form)}\n"
        f"Add 10 to 20 words, and the data if there is any. Write only the new task. Do not do it.\n{GUARD}\n\n"
        f"{block('task', task)}"
    )


def breadth_messages(task: str) -> Messages:
    """Return the prompt for a rarer task of the same field."""
    return chat(
        "Write a new task, inspired by the task below: of the same field, about as long and as hard, but rarer.\n"
        f"Write only the new task. Do not do it.\n{GUARD}\n\n"
        f"{block('task', task)}"
    )


def gain_messages(before: str, after: str) -> Messages:
    """Return the prompt that asks whether two tasks ask for the same."""
    return chat(
        "Do the two tasks ask for the same, under the same conditions and to the same depth? Say Yes or No.\n"
        f"{GUARD}\n\n"
        f"{block('first', before)}\n{block('second', after)}"
    )


def answer_messages(task: str) -> Messages:
    """Return the prompt for the answer: the task itself."""
    return chat(plain(task))


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return each evolution of the seed, in order; those that have failed are rejects."""

    async def ask(messages: Messages, **how: Any) -> Answer | RecordError:
        return (await ask_all(generate, [request(messages, params, **how)]))[0]

    lineage: Lineage = [{"operation": "seed", "instruction": words_of(draw.seed or {})}]
    rows: list[Row] = []
    for _ in range(params.generations):
        operation, form = str(draw.rng.choice(params.operations)), str(draw.rng.choice(FORMS))
        rows.append(await _evolved(lineage, operation, form, ask, params.max_words))
        if "reason" not in rows[-1]:
            lineage = rows[-1]["extra"]["lineage"]
        elif rows[-1]["reason"] == "prompt_too_long":  # as it would be the next time
            break
    stood = [at for at, row in enumerate(rows) if "reason" not in row]
    left_out = set(stood[:-1]) if params.keep == "last" else set()
    return [row for at, row in enumerate(rows) if at not in left_out]


async def _evolved(lineage: Lineage, operation: str, form: str, ask: Ask, max_words: int) -> Row:
    """Return the record of one evolution, or its reject; `extra.answer` then is what the engine said last."""
    extra: dict[str, Any] = {"operation": operation, "lineage": lineage}
    task = ""
    try:
        task = await _new_task(lineage[-1]["instruction"], operation, form, ask)
        extra["lineage"] = [*lineage, {"operation": operation, "instruction": task}]
        answer = await _answer(lineage[-1]["instruction"], task, ask, max_words)
    except RecordError as exc:
        raw = sound(exc.raw)
        return {"text": task or raw, "reason": exc.reason, "extra": {**extra, "answer": raw} if task else extra}
    return {"text": task, "target": answer, "extra": extra}


async def _new_task(parent: str, operation: str, form: str, ask: Ask) -> str:
    """Return the rewritten task, the label or the tags around it left out."""
    breadth = operation == "in_breadth"
    text = body(_said(await ask(breadth_messages(parent) if breadth else depth_messages(parent, operation, form))))
    task = _LABEL.sub("", text)
    if tagged := _TAGGED.match(task):
        task = tagged[2]
    if not task.strip():
        raise RecordError("empty_answer", raw=text)
    return task.strip()


async def _answer(parent: str, task: str, ask: Ask, max_words: int) -> str:
    """Return the answer to a rewritten task that has passed all rules; RecordError names the first that it broke."""
    if defect := task_defect(task, parent, max_words):
        raise RecordError(defect)
    same = verdict_of(await ask(gain_messages(parent, task), temperature=0.0, top_p=None, max_tokens=_VERDICT_TOKENS))
    if isinstance(same, RecordError):
        raise same
    if same:
        raise RecordError("no_information_gain")
    answer = sound(_said(await ask(answer_messages(task))).strip())
    if defect := answer_defect(answer):
        raise RecordError(defect, raw=answer)
    return answer


def _said(answer: Answer | RecordError) -> str:
    if isinstance(answer, RecordError):
        raise answer
    return answer.text


METHOD = Method(
    name="evol_instruct",
    version=1,
    family="llm",
    params=Params,
    rollout=rollout,
    gives=("text", "target", "extra"),
    kind="pair",
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    calls=lambda params: 3 * params.generations,
    records=lambda params: params.generations if params.keep == "all" else 1,
    shard_rows=200,
)
