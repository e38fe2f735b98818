"""Chosen and rejected answers for preference training: sampled, compared in both orders, laid out for DPO.

Source: Rafailov et al. 2023, Direct Preference Optimization (https://arxiv.org/abs/2305.18290)

    answers: 4                        # to each prompt, at temperatures from 0.5 to 1.1
    temperature: 0.8
    temperature_spread: 0.3
    judge: pairwise                   # or `score`: each answer rated by itself

The seed's text is the prompt, as it is; of a chat it is the messages up to the last of the user. Pairwise, every two
answers are compared twice, in both orders (Zheng et al. 2023, https://arxiv.org/abs/2306.05685, find that judges favour
a place); a verdict that follows the place is worth half a point to each. The answer with the most points is `target`,
the one with the fewest is `rejected` in `extra`, with the `margin` of points and the `temperatures` of both.

Rejects: `tie` (a margin below `min_margin`), `same_answers`, `empty_seed`, and the reason of the first answer or
verdict that cannot be read where none is left to go by: `truncated`, `bad_json`, `schema_violation` and so on.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from tasks.core import record
from tasks.core.engine import Answer, Request
from tasks.core.errors import RecordError
from tasks.core.method import Method
from tasks.core.rollout import Generate, RolloutDraw, Row
from tasks.methods.llm import _parse
from tasks.methods.llm._chat import (
    GUARD,
    Messages,
    Sampled,
    ask_all,
    block,
    chat,
    plain,
    request,
    transcript,
    words_of,
)

_VERDICT = {
    "type": "object",
    "properties": {"better": {"enum": ["A", "B", "tie"]}},
    "required": ["better"],
    "additionalProperties": False,
}
_SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 10}},
    "required": ["score"],
    "additionalProperties": False,
}
_VERDICT_TOKENS = 64


class Params(Sampled):
    """How many answers, and what the better one is."""

    answers: int = Field(2, ge=2, le=16, description="answers to each prompt")
    temperature: float = Field(0.9, ge=0, le=2, description="sampling temperature in the middle of the answers'")
    temperature_spread: float = Field(
        0.3, ge=0, le=1, description="how far the lowest and the highest temperature lie from the middle"
    )
    system: str | None = Field(None, description="system message of the answers")
    judge: Literal["pairwise", "score"] = Field(
        "pairwise", description="every two answers compared in both orders, or each rated from 1 to 10"
    )
    criterion: str = Field(
        "is more correct, helpful and clear", min_length=1, description="what the better answer does"
    )
    min_margin: float = Field(1.0, gt=0, description="points between chosen and rejected at least; less is a tie")

    @model_validator(mode="after")
    def _varied(self) -> "Params":
        if self.temperature + self.temperature_spread == 0:
            raise ValueError("at temperature 0 every answer is the same; raise temperature or temperature_spread")
        return self

    @property
    def heats(self) -> list[float]:
        """The temperature of each answer, from low to high."""
        low, high = self.temperature - self.temperature_spread, self.temperature + self.temperature_spread
        return np.linspace(max(0.0, low), min(2.0, high), self.answers).round(4).tolist()


def messages(seed: Row, system: str | None = None) -> Messages:
    """Return the messages that ask for an answer: the seed itself; RecordError `empty_seed` without a prompt."""
    if seed.get("text"):
        return chat(plain(words_of(seed)), system)
    turns = [(turn["role"], plain(turn["content"] or "")) for turn in seed.get("messages") or ()]
    while turns and turns[-1][0] != "user":
        turns.pop()
    if not turns or not turns[-1][1].strip():
        raise RecordError("empty_seed")
    own = ("system", system)
    return tuple([own, *turns] if system and turns[0][0] != "system" else turns)


def verdict_messages(prompt: str, first: str, second: str, criterion: str) -> Messages:
    """Return the messages that ask which of two answers is better."""
    task = f"Which answer to the prompt {criterion}, A or B?"
    data = "\n".join([block("prompt", prompt), block("a", first), block("b", second)])
    form = 'Answer with JSON in this form, with A, B or tie:\n{"better": "..."}'
    return chat(f"{task}\n\n{data}\n\n{GUARD}\n\n{form}")


def score_messages(prompt: str, answer: str, criterion: str) -> Messages:
    """Return the messages that ask how good one answer is."""
    task = f"Rate the answer to the prompt from 1 (worst) to 10 (best). A better answer {criterion}."
    data = "\n".join([block("prompt", prompt), block("answer", answer)])
    form = 'Answer with JSON in this form:\n{"score": ...}'
    return chat(f"{task}\n\n{data}\n\n{GUARD}\n\n{form}")


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return the pair of chosen and rejected answer to one prompt, or its reject."""
    asked = messages(draw.seed or {}, params.system)
    prompt = _as_text(asked, params.system)
    given = await ask_all(generate, [request(asked, params, temperature=heat) for heat in params.heats])
    texts, heats = _different(given, params)
    points = await (_compared if params.judge == "pairwise" else _rated)(generate, prompt, texts, params)
    best, worst = int(np.nanargmax(points)), int(np.nanargmin(points))
    margin = points[best] - points[worst]
    if margin < params.min_margin:
        return [_parse.reject("tie", texts[best], extra={"prompt": prompt, "answers": texts, "points": points})]
    extra = {"rejected": texts[worst], "margin": margin, "temperatures": [heats[best], heats[worst]]}
    row = {"text": prompt, "target": texts[best], "extra": extra}
    if len(asked) > 1:
        row["messages"] = [{"role": role, "content": said} for role, said in asked]
    return [row]


def _as_text(asked: Messages, system: str | None) -> str:
    """Return the prompt as one text: its only message, or a transcript."""
    turns = [(role, said) for role, said in asked if (role, said) != ("system", system)]
    if len(turns) == 1:
        return turns[0][1]
    return transcript([{"role": role, "content": said} for role, said in turns])


def _different(given: Sequence[Answer | RecordError], params: Params) -> tuple[list[str], list[float]]:
    """Return the answers that can be read, equal ones once, and their temperatures; RecordError if under two."""
    texts: dict[str, float] = {}
    errors = []
    for answer, heat in zip(given, params.heats, strict=True):
        try:
            if isinstance(answer, RecordError):
                raise answer
            texts.setdefault(_parse.whole(answer.text, refusals=True), heat)
        except RecordError as exc:
            errors.append(exc)
    if len(texts) < 2:
        raise errors[0] if errors else RecordError("same_answers", raw=next(iter(texts)))
    return list(texts), list(texts.values())


async def _compared(generate: Generate, prompt: str, texts: Sequence[str], params: Params) -> list[float]:
    """Return the points of each answer from comparing every two of them in both orders."""
    pairs = [pair for low, high in combinations(range(len(texts)), 2) for pair in ((low, high), (high, low))]
    asked = [verdict_messages(prompt, texts[a], texts[b], params.criterion) for a, b in pairs]
    verdicts = await _judged(generate, asked, _VERDICT, params)
    points = np.zeros(len(texts))
    for (a, b), verdict in zip(pairs, verdicts, strict=True):
        won = {"A": 1.0, "B": 0.0}.get((verdict or {}).get("better"), 0.5)
        points[[a, b]] += np.array([won, 1 - won]) / 2
    return points.tolist()


async def _rated(generate: Generate, prompt: str, texts: Sequence[str], params: Params) -> list[float]:
    """Return the score of each answer, rated by itself; NaN where that cannot be read."""
    asked = [score_messages(prompt, text, params.criterion) for text in texts]
    scores = await _judged(generate, asked, _SCORE, params)
    return [float(score["score"]) if score else float("nan") for score in scores]


async def _judged(
    generate: Generate, asked: Sequence[Messages], schema: dict[str, object], params: Params
) -> list[dict[str, object] | None]:
    """Return what the judge says to each, None where that cannot be read; RecordError where nothing can."""
    text = record.dumps(schema)
    requests: list[Request] = [
        request(each, params, schema=text, temperature=0.0, top_p=None, stop=(), max_tokens=_VERDICT_TOKENS)
        for each in asked
    ]
    found, errors = [], []
    for answer in await ask_all(generate, requests):
        try:
            if isinstance(answer, RecordError):
                raise answer
            found.append(_parse.json_of(answer.text, text))
        except RecordError as exc:
            found.append(None)
            errors.append(exc)
    if len(errors) == len(found):
        raise errors[0]
    return found


METHOD = Method(
    name="preference",
    version=1,
    family="llm",
    params=Params,
    rollout=rollout,
    gives=("kind", "text", "messages", "target", "extra"),
    kind="preference",
    seeds=lambda _params: "each",
    shard_rows=500,
    calls=lambda params: params.answers * (params.answers if params.judge == "pairwise" else 2),
)
