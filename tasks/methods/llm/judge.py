"""Rubric scores by a language model, with their agreement over repeated votes; a gate with min_score.

Source: Zheng et al. 2023, Judging LLM-as-a-Judge (https://arxiv.org/abs/2306.05685)

    rubric:                           # criterion -> what it asks
      correct: what it says is true
      clear: a newcomer understands it at once
    scale: [1, 5]
    repeats: 3                        # votes a record, each its own draw
    min_score: 3.5                    # below it the record is a reject, `low_score`

Each seed is passed on as it is (kind, text, messages, target, label, spans, its own extra) with, in `extra`, `score`
(the mean over criteria), `scores` (of each, the mean of its votes), `votes`, `spread` (the standard deviation of the
votes' means) and `agreement` (the share of equal pairs of votes). Krippendorff's alpha is in the stage's report.

Rejects: `low_score`, `empty_seed`; where fewer than `min_votes` votes can be read, the reason of the first that
cannot: `bad_json`, `schema_violation`, `truncated` and so on.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator, model_validator

from tasks.core import record
from tasks.core.errors import RecordError
from tasks.core.method import Method
from tasks.core.rollout import Generate, RolloutDraw, Row
from tasks.methods.llm import _agreement, _parse
from tasks.methods.llm._chat import (
    GUARD,
    Messages,
    Sampled,
    ask_all,
    block,
    chat,
    extra_of,
    quoted,
    request,
    transcript,
    words_of,
)

_PASSED = ("kind", "text", "messages", "target", "label", "spans")
_VARIED = 0.7


class Params(Sampled):
    """What is rated, how often, and from which score on a record stays."""

    rubric: dict[str, str] = Field(
        {"quality": "it is clear, correct and useful"}, min_length=1, description="criterion -> what it asks"
    )
    scale: tuple[int, int] = Field((1, 5), description="worst and best score, whole numbers")
    repeats: int = Field(1, ge=1, le=25, description="votes a record")
    min_votes: int | None = Field(None, ge=1, description="votes that must be readable; null: more than half")
    min_score: float | None = Field(None, description="mean score from which on a record stays; null: all stay")
    temperature: float | None = Field(
        None, ge=0, le=2, description=f"sampling temperature; null: 0 for one vote, else {_VARIED}"
    )
    explain: bool = Field(False, description="ask for a sentence of reasons before the scores; kept in `reasons`")

    @field_validator("rubric")
    @classmethod
    def _named(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not name.isidentifier() or name == "reason":
                raise ValueError(f"'{name}' cannot name a criterion: use letters, digits and _, and not 'reason'")
        return value

    @model_validator(mode="after")
    def _fits(self) -> "Params":
        low, high = self.scale
        if low >= high:
            raise ValueError(f"scale {list(self.scale)} needs a worst score below the best")
        if self.min_score is not None and not low <= self.min_score <= high:
            raise ValueError(f"min_score {self.min_score} is not on the scale {low} to {high}")
        if self.repeats > 1 and self.temperature == 0:
            raise ValueError("at temperature 0 every vote is the same: leave repeats at 1, or temperature out")
        if (self.min_votes or 1) > self.repeats:
            raise ValueError(f"min_votes {self.min_votes} is more than the {self.repeats} votes a record")
        return self

    @property
    def heat(self) -> float:
        """The sampling temperature."""
        if self.temperature is not None:
            return self.temperature
        return 0.0 if self.repeats == 1 else _VARIED


def schema_of(params: Params) -> dict[str, Any]:
    """Return the JSON Schema of one vote."""
    low, high = params.scale
    score = {"type": "integer", "minimum": low, "maximum": high}
    reason = {"reason": {"type": "string"}} if params.explain else {}
    properties = {**reason, **dict.fromkeys(params.rubric, score)}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def messages(seed: Row, params: Params) -> Messages:
    """Return the messages that ask for one vote on a record."""
    low, high = params.scale
    rubric = "\n".join(f"{name}: {asked}" for name, asked in params.rubric.items())
    names = [*(["reason"] if params.explain else []), *params.rubric]
    form = "{" + ", ".join(f'"{name}": ...' for name in names) + "}"
    task = f"Rate the record below. Criteria, each a whole number from {low} (worst) to {high} (best):\n{rubric}"
    return chat(f"{task}\n\n{shown(seed)}\n\n{GUARD}\n\nAnswer with JSON in this form:\n{form}")


def shown(seed: Row) -> str:
    """Return a record as the material of a prompt: a text, input and output, or a conversation; its label below."""
    target, label = seed.get("target"), seed.get("label")
    if seed.get("messages") and not seed.get("text"):
        parts = [block("conversation", transcript(seed["messages"]))]
    else:
        parts = [block("input" if target else "text", words_of(seed))]
    parts += [block("output", target)] if target else []
    return "\n".join(parts + ([f"Label: {quoted(label)}"] if label else []))


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return the seed with its scores, or as a reject."""
    seed = draw.seed or {}
    words_of(seed)
    schema = record.dumps(schema_of(params))
    asked = request(messages(seed, params), params, schema=schema, temperature=params.heat)
    answers = await ask_all(generate, [asked] * params.repeats)
    votes, errors = [], []
    for answer in answers:
        try:
            if isinstance(answer, RecordError):
                raise answer
            votes.append(_parse.json_of(answer.text, schema))
        except RecordError as exc:
            errors.append(exc)
    if len(votes) < (params.min_votes or params.repeats // 2 + 1):
        return [_parse.rejected(errors[0])]
    return [_judged(seed, votes, params)]


def _judged(seed: Row, votes: Sequence[Mapping[str, Any]], params: Params) -> Row:
    by_name = {name: [int(vote[name]) for vote in votes] for name in params.rubric}
    means = [statistics.fmean(vote[name] for name in params.rubric) for vote in votes]
    score = statistics.fmean(means)
    found = {
        "score": round(score, 4),
        "scores": {name: round(statistics.fmean(of), 4) for name, of in by_name.items()},
        "votes": by_name,
        "spread": round(statistics.pstdev(means), 4),
    }
    if (agreement := _agreement.pairwise(by_name.values())) is not None:
        found["agreement"] = round(agreement, 4)
    if params.explain:
        found["reasons"] = [vote["reason"] for vote in votes]
    row = {name: seed[name] for name in _PASSED if seed.get(name) is not None}
    low = params.min_score is not None and score < params.min_score and not math.isclose(score, params.min_score)
    counters = {key: value for name, of in by_name.items() for key, value in _agreement.sums(name, of).items()}
    return row | {"extra": extra_of(seed) | found, "stats": counters} | ({"reason": "low_score"} if low else {})


def notes(_params: Params, stats: Mapping[str, int]) -> list[str]:
    """Return how far the votes agree, a line a criterion."""
    return [
        f"{name}: Krippendorff's alpha {_agreement.alpha(stats, name):.2f} over {stats[f'{name}/values']:,} votes"
        for name in _agreement.names(stats)
    ]


METHOD = Method(
    name="judge",
    version=1,
    family="llm",
    params=Params,
    rollout=rollout,
    gives=(*_PASSED, "extra"),
    seeds=lambda _params: "each",
    shard_rows=1_000,
    notes=notes,
    calls=lambda params: params.repeats,
)
