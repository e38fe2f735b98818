"""Texts said again in another style, for pretraining: easy, medium, hard, questions and answers.

Source: Maini et al. 2024, Rephrasing the Web (https://arxiv.org/abs/2401.16380)

    styles: [medium, qa]              # or {style: instruction} for styles of your own
    max_passage_tokens: 300           # a longer text is cut between sentences, and each passage is rephrased

The styles take even turns; `per_seed: 2` gives each text both. `extra` holds the style and where the passage stands in
the seed, in characters.

Rejects: `empty_seed`, `too_many_passages` (what is left of a long text), `copy`, `length_ratio`, `numbers_lost`,
`bad_form` (questions without answers), `empty_answer`, `refusal`, `bad_unicode`.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from tasks.core.errors import RecordError, choices
from tasks.core.method import Method
from tasks.core.rollout import Context, Generate, RolloutDraw, Row
from tasks.methods.llm import _parse
from tasks.methods.llm._attributes import dealt
from tasks.methods.llm._chat import GUARD, Messages, Sampled, ask_all, block, chat, request, words_of
from tasks.methods.llm._passages import Range, passages

STYLES = {
    "easy": "Rewrite the text for a young child. Use short sentences and plain, common words.",
    "medium": "Rewrite the text in clear, correct English, as an article of Wikipedia would put it.",
    "hard": "Rewrite the text in terse and learned language, as one scholar writes to another.",
    "qa": "Rewrite the text as questions and answers that hold all that it says.",
}
_FORM = "Answer with the new text only."
_QA_FORM = "Answer in this form, with as many questions as it takes:\nQuestion: ...\nAnswer: ..."

# A character of Chinese or Japanese counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# A run of so many words in both texts is a copied one.
_COPIED_RUN = 5


def _styles(value: Any) -> Any:
    """Return style → instruction of a name, of a list of names, of a mapping."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    for name in value:
        if name not in STYLES:
            raise ValueError(f"unknown style '{name}'{choices(str(name), STYLES)}; or give {{style: instruction}}")
    return {name: STYLES[name] for name in value}


class Params(Sampled):
    """Which styles, how long the passages, and what a good answer is."""

    styles: Annotated[dict[str, str], BeforeValidator(_styles)] = Field(
        {"medium": STYLES["medium"]},
        min_length=1,
        description="styles: easy, medium, hard, qa; or {style: instruction} of your own",
    )
    max_passage_tokens: int = Field(300, ge=20, le=100_000, description="tokens of a passage at most, estimated")
    max_passages: int = Field(64, ge=1, le=4096, description="passages of one text at most; the rest is a reject")
    min_ratio: float = Field(0.4, ge=0, description="words of the answer at least, as a share of the passage's")
    max_ratio: float = Field(2.5, gt=0, description="words of the answer at most, as a share of the passage's")
    max_copied: float = Field(
        0.7, ge=0, le=1, description=f"share of the answer's words in runs of {_COPIED_RUN} that the passage has too"
    )
    keep_numbers: bool = Field(False, description="reject an answer that lacks a number of the passage")

    @model_validator(mode="after")
    def _band(self) -> "Params":
        if self.min_ratio >= self.max_ratio:
            raise ValueError(f"min_ratio {self.min_ratio} must be below max_ratio {self.max_ratio}")
        return self


def messages(passage: str, instruction: str, *, qa: bool = False) -> Messages:
    """Return the messages that ask for a passage in a style."""
    return chat("\n\n".join([instruction, block("text", passage), GUARD, _QA_FORM if qa else _FORM]))


def prepare(context: Context, _params: Params) -> int:
    """Return the stage's key, by which the styles take turns."""
    return context.key


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return one record for each passage of the seed, or its reject."""
    text = words_of(draw.seed or {})
    style = dealt({"style": dict.fromkeys(params.styles, 1.0)}, draw.number, draw.prepared)["style"]
    found = passages(text, params.max_passage_tokens)
    taken, left = found[: params.max_passages], found[params.max_passages :]
    qa = params.styles[style] == STYLES["qa"]
    asked = [messages(text[low:high], params.styles[style], qa=qa) for low, high in taken]
    answers = await ask_all(generate, [request(each, params) for each in asked])
    rows = []
    for place, answer in zip(taken, answers, strict=True):
        try:
            if isinstance(answer, RecordError):
                raise answer
            rows.append(_row(answer.text, text, place, style, params))
        except RecordError as exc:
            rows.append(_parse.rejected(exc) | {"extra": _extra(style, place)})
    if left:
        rows.append(_parse.reject("too_many_passages", text[left[0][0] :]))
    return rows


def _extra(style: str, place: Range) -> dict[str, Any]:
    return {"style": style, "passage": list(place)}


def _row(raw: str, text: str, place: Range, style: str, params: Params) -> Row:
    said = _parse.body(raw)
    if params.styles[style] == STYLES["qa"]:
        _parse.blocks(said, ("Question", "Answer"))
    if reason := defect(text[place[0] : place[1]], said, params):
        raise RecordError(reason, raw=said)
    return {"text": said, "extra": _extra(style, place)}


def defect(passage: str, answer: str, params: Params) -> str | None:
    """Return why an answer is no rephrasing of a passage, or None."""
    source, words = (_WORD.findall(each.lower()) for each in (passage, answer))
    if not params.min_ratio <= len(words) / max(1, len(source)) <= params.max_ratio:
        return "length_ratio"
    if words == source or copied(source, words) > params.max_copied:
        return "copy"
    if params.keep_numbers and set(_NUMBER.findall(passage)) - set(_NUMBER.findall(answer)):
        return "numbers_lost"
    return None


def copied(source: list[str], words: list[str]) -> float:
    """Return the share of `words` in runs of _COPIED_RUN words that `source` has too, in [0, 1]."""
    size = _COPIED_RUN
    have = {tuple(source[low : low + size]) for low in range(len(source) - size + 1)}
    hit: set[int] = set()
    for low in range(len(words) - size + 1):
        if tuple(words[low : low + size]) in have:
            hit.update(range(low, low + size))
    return len(hit) / len(words) if words else 0.0


METHOD = Method(
    name="rephrase",
    version=1,
    family="llm",
    params=Params,
    rollout=rollout,
    gives=("text", "extra"),
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=("label",),
    shard_rows=1_000,
    prepare=prepare,
    calls=lambda params: params.max_passages,
    records=lambda params: params.max_passages + 1,  # and the rest of the text, as a reject
)
