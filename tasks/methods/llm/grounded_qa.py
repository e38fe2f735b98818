"""Question-answer pairs from documents, with the supporting passage checked to be in the document.

Source: Lewis et al. 2021, PAQ: 65 Million Probably-Asked Questions (https://arxiv.org/abs/2102.07033)

    pairs: 3                          # a document; spread over its passages where it is long
    evidence: sentence                # or quote, for servers that know no schemas
    with_document: true               # `text` is the document and the question, not the question alone

Each pair names the words of the document that its answer rests on. They have to be there verbatim, white space aside;
`extra` holds them as they stand in the document (`evidence`), with `start` and `end` in characters of the seed's text.
A `sentence` is chosen among those of the document by a JSON Schema: an engine that holds itself to schemas cannot
miss, whatever the model. A `quote` is any words, which the model has to copy itself.

Rejects: `not_grounded` (the evidence is not in the document), `evidence_too_short`, `evidence_too_long` (most of the
passage, which supports anything), `copies_document` (the answer is), `number_not_in_document`, `not_a_question`,
`tells_answer` (the question holds the answer), `duplicate_question`, `no_room` (the document is too short),
`empty_seed`, `bad_form`, `empty_answer`, `refusal`, `bad_unicode`. Pairs that nobody asked for are left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from tasks.core.engine import Answer, Request
from tasks.core.errors import RecordError
from tasks.core.method import Method
from tasks.core.record import dumps
from tasks.core.rollout import Generate, RolloutDraw, Row
from tasks.methods.llm import _parse
from tasks.methods.llm._chat import GUARD, Messages, Sampled, ask_all, block, chat, request, words_of
from tasks.methods.llm._passages import Range, passages, sentences

NAMES = ("Question", "Answer", "Evidence")
_FORM = "\n".join(f"{name}: ..." for name in NAMES)
_JSON_FORM = "[{" + ", ".join(f'"{name.lower()}": "..."' for name in NAMES) + "}]"
# A character of Chinese or Japanese counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LETTER = re.compile("[A-Za-z0-9]")
_QUESTION_MARKS = ("?", "\uff1f", "\u061f", "\u037e")
# A question may repeat an answer of a word or two: "Is it red or blue?"
_TOLD_WORDS = 3
_MIN_CHARS = 40


class Params(Sampled):
    """How many pairs, and what a good one is."""

    pairs: int = Field(1, ge=1, le=32, description="pairs of question and answer a document")
    evidence: Literal["quote", "sentence"] = Field(
        "sentence", description="what supports an answer: a sentence that the model chooses, or words that it copies"
    )
    max_passage_tokens: int = Field(1500, ge=50, le=100_000, description="tokens of a passage at most, estimated")
    min_evidence: int = Field(3, ge=1, description="words of the evidence at least; a Chinese character is one")
    max_evidence: float = Field(
        0.8, gt=0, le=1, description="characters of the evidence at most, as a share of a passage of several sentences"
    )
    max_answer: float = Field(
        0.6, gt=0, le=1, description="characters of the answer at most, as a share of the passage"
    )
    check_numbers: bool = Field(True, description="reject an answer with a number that the passage does not have")
    with_document: bool = Field(False, description="`text` is the passage, a blank line and the question")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: a passage of the document, and how many pairs are wanted of it."""

    place: Range
    pairs: int


def messages(passage: str, pairs: int, evidence: str = "sentence") -> Messages:
    """Return the messages that ask for so many pairs about a passage."""
    many = "1 question" if pairs == 1 else f"{pairs} different questions"
    what = "words of the text that show" if evidence == "quote" else "one sentence of the text that shows"
    task = f"Write {many} that the text answers. Give a short answer. As evidence, copy the {what} it, exactly as "
    task += "they are." if evidence == "quote" else "it is."
    form = f"Answer in this form{'' if pairs == 1 else f', {pairs} times'}:\n{_FORM}"
    if evidence == "sentence":
        form = f"Answer with JSON, {many.partition(' ')[0]} of this form in a list:\n{_JSON_FORM}"
    return chat("\n\n".join([task, block("text", passage), GUARD, form]))


def schema_of(passage: str, pairs: int, params: Params) -> dict[str, Any] | None:
    """Return the JSON Schema of an answer whose evidence is one of the passage's sentences; None where none will do."""
    found = [passage[low:high] for low, high in sentences(passage)]
    least, most = params.min_evidence, params.max_evidence * len(passage)
    good = [said for said in found if len(_words(said)) >= least and (len(found) == 1 or len(said) <= most)]
    if not good:
        return None
    kinds: list[dict[str, Any]] = [{"type": "string"}, {"type": "string"}, {"enum": list(dict.fromkeys(good))}]
    properties = dict(zip((name.lower() for name in NAMES), kinds, strict=True))
    item = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "array", "items": item, "minItems": pairs, "maxItems": pairs}


def planned(text: str, params: Params, rng: np.random.Generator) -> list[Asked]:
    """Return what is asked of a document: its pairs spread over passages, in their order."""
    found = [(low, high) for low, high in passages(text, params.max_passage_tokens) if high - low >= _MIN_CHARS]
    if not found:
        raise RecordError("no_room", raw=text)
    number = min(len(found), params.pairs)
    chosen = np.sort(rng.choice(len(found), number, replace=False)).tolist()
    share, more = divmod(params.pairs, number)
    return [Asked(found[at], share + (place < more)) for place, at in enumerate(chosen)]


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return the pairs of one document, and the rejects."""
    text = words_of(draw.seed or {})
    plan = planned(text, params, draw.rng)
    answers = await ask_all(generate, [_request(text[slice(*each.place)], each.pairs, params) for each in plan])
    rows: list[Row] = []
    questions: set[str] = set()
    for each, answer in zip(plan, answers, strict=True):
        rows += _rows(answer, text, each, questions, params)
    return rows


def _request(passage: str, pairs: int, params: Params) -> Request:
    if params.evidence == "quote":
        return request(messages(passage, pairs, "quote"), params)
    schema = schema_of(passage, pairs, params)
    if schema is None:
        raise RecordError("no_room", "no sentence is short enough, or long enough, to be evidence", raw=passage)
    return request(messages(passage, pairs), params, schema=dumps(schema))


def _pairs(said: str, passage: str, asked: Asked, params: Params) -> list[dict[str, str]]:
    """Return the pairs of an answer by NAMES."""
    if params.evidence == "quote":
        return _parse.blocks(said, NAMES)
    found = _parse.json_of(said, dumps(schema_of(passage, asked.pairs, params)))
    by_name = [{name: str(pair[name.lower()]).strip() for name in NAMES} for pair in found]
    if not all(all(pair.values()) for pair in by_name):
        raise RecordError("empty_answer", raw=said)
    return by_name


def _rows(answer: Answer | RecordError, text: str, asked: Asked, questions: set[str], params: Params) -> list[Row]:
    if isinstance(answer, RecordError):
        return [_parse.rejected(answer)]
    try:
        found = _pairs(answer.text, text[slice(*asked.place)], asked, params)
    except RecordError as exc:
        return [_parse.rejected(exc, answer.text)]
    rows = []
    for pair in found[: asked.pairs]:
        raw = "\n".join(f"{name}: {said}" for name, said in pair.items())
        reason = defect(pair, text[slice(*asked.place)], params)
        key = " ".join(pair["Question"].lower().split())
        if reason is None and key in questions:
            reason = "duplicate_question"
        questions.add(key)
        rows.append(_parse.reject(reason, raw) if reason else _record(pair, text, asked.place, params))
    return rows


def _record(pair: dict[str, str], text: str, place: Range, params: Params) -> Row:
    passage = text[slice(*place)]
    low, high = (place[0] + offset for offset in located(pair["Evidence"], passage) or (0, 0))
    said = f"{passage}\n\n{pair['Question']}" if params.with_document else pair["Question"]
    extra = {"evidence": text[low:high], "start": low, "end": high}
    return {"text": said, "target": pair["Answer"], "extra": extra}


def located(evidence: str, text: str) -> Range | None:
    """Return where the words of the evidence stand in the text, spaces and quotes around it aside; None: nowhere."""
    for said in (evidence, evidence.strip("\"'\u201c\u201d\u2018\u2019 ")):
        words = said.split()
        if words and (found := re.search(_verbatim(words), text)):
            return found.span()
    return None


def _verbatim(words: Sequence[str]) -> str:
    """Return the pattern of words with any space between them; "art" is not found in "start"."""
    left = r"(?<![A-Za-z0-9])" if _LETTER.match(words[0][0]) else ""
    right = r"(?![A-Za-z0-9])" if _LETTER.match(words[-1][-1]) else ""
    return left + r"\s+".join(map(re.escape, words)) + right


def defect(pair: dict[str, str], passage: str, params: Params) -> str | None:
    """Return why a pair does not hold of a passage, or None."""
    question, answer, evidence = (pair[name] for name in NAMES)
    numbers = set(_NUMBER.findall(answer)) - set(_NUMBER.findall(passage))
    found = {
        "not_a_question": not question.endswith(_QUESTION_MARKS),
        "not_grounded": located(evidence, passage) is None,
        "evidence_too_short": len(_words(evidence)) < params.min_evidence,
        "evidence_too_long": len(sentences(passage)) > 1 and len(evidence) > params.max_evidence * len(passage),
        "copies_document": len(answer) > params.max_answer * len(passage),
        "number_not_in_document": params.check_numbers and bool(numbers),
        "tells_answer": _tells(question, answer),
    }
    return next((reason for reason, is_so in found.items() if is_so), None)


def _tells(question: str, answer: str) -> bool:
    words = _words(answer)
    return len(words) >= _TOLD_WORDS and f" {' '.join(words)} " in f" {' '.join(_words(question))} "


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


METHOD = Method(
    name="grounded_qa",
    version=1,
    family="llm",
    params=Params,
    rollout=rollout,
    gives=("kind", "text", "target", "extra"),
    kind="pair",
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    shard_rows=1_000,
    calls=lambda params: params.pairs,
    records=lambda params: params.pairs,
)
