"""Rewrite texts with a seq2seq or a language model, and keep the candidate that says the same in other words.

Source: Prakash et al. 2016, Neural Paraphrase Generation with Stacked Residual LSTM Networks (https://aclanthology.org/C16-1275/)

    model: models/t5-paraphrase      # or a hub id; T5, BART, Pegasus, any that transformers loads
    prefix: "paraphrase: "
    similarity: models/sentences     # default: ngrams, the cosine of character n-grams
    ---
    model: llm                       # the engine of the stage: a request for each candidate
    candidates: 4

A candidate passes where it has the numbers of its seed and no others, the words of each span as often as the seed, a
similarity to the seed of at least `min_similarity`, and a difference to it (1 - chrF / 100) within the band. The most
similar that passes is taken. A row without one is rejected as `no_paraphrase`, and so is, by default, a text with a
word that the model's tokenizer does not have. Other reasons: `no_text`, `bad_spans`, `too_long`, `unchanged` where the
model repeats the text, and `truncated`, `refusal`, `empty_answer` where an engine gives no candidate at all.

`model: embedded` needs no network: a small T5 of the support desk, trained once on this machine (in a minute or two) on
sentence pairs of a synchronous grammar. Spans, names, numbers, codes and addresses are slots to it, whatever they say.
On texts that it has not seen, 8 of 10 of those it takes mean the same; `exact` parses the candidates and drops the
others. What the grammar does not say is `no_paraphrase`. With `model: llm` on the embedded engine, that is everything:
it has not learnt to rewrite.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from tasks.core import record
from tasks.core.engine import Answer
from tasks.core.errors import RecipeError, RecordError
from tasks.core.method import Draw, Made, Method, MethodParams, ParamIs
from tasks.core.rollout import Context, Generate, RolloutDraw, Row
from tasks.methods.augment._seq2seq import Decoding, Seq2Seq, load
from tasks.methods.augment._seq2seq_choose import Candidate, Limits, Source, best, measure, read_candidates
from tasks.methods.augment._seq2seq_llm import LLM, bare, check_sampling, rewriting
from tasks.methods.augment._seq2seq_masks import Span, mask, spans_fit
from tasks.methods.augment._seq2seq_place import ModelPlace, check_model, check_packages
from tasks.methods.augment._seq2seq_similarity import Similarity, ngram_cosine, sentence_model
from tasks.methods.augment._seq2seq_train import OPENER, Training, embedded
from tasks.methods.augment._synchronous_desk import desk
from tasks.methods.llm._chat import Sampled, ask_all, extra_of, request
from tasks.methods.llm._parse import rejected

_MAX_TOKEN_CHARS = 100
_EMBEDDED, _NGRAMS = "embedded", "ngrams"
# Params that say how a model is run here: an engine knows that itself.
_RUN_HERE = ("prefix", "decode", "beams", "outside", "exact", "max_input_tokens", "batch_tokens", "train_steps")
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
# What the embedded model takes for a slot: addresses, codes and numbers, dates, names within a sentence.
_SLOTS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]*[\w/]|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]+)+"
    rf"|[£$€+]?(?<![\w-])[\w-]{{0,64}}\d[\w-]*(?:[.,:/]\d[\w-]*)*(?: (?:{_MONTHS})\b)?"
    r"|(?<=[a-z] )[A-Z][A-Za-z][\w’'-]*(?: [A-Z][A-Za-z][\w’'-]*)*"
)


def _named(*names: str) -> WrapValidator:
    """Return a validator that leaves some words as they are: they are our own, not a directory or a hub id."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler, _info: ValidationInfo) -> Any:
        return value if value in names else handler(value)

    return WrapValidator(validate)


class Params(MethodParams):
    """Which model, how it decodes, and what its candidates must keep to."""

    model: Annotated[ModelPlace, _named(_EMBEDDED, LLM)] = Field(
        _EMBEDDED,
        description="model: embedded, a directory, a hub id (id@revision), or llm (the engine of the stage)",
    )
    prefix: str = Field("", description="text before each seed, which tells a model its task; none for embedded")
    decode: Literal["beam", "sample"] = Field("sample", description="sample (draws differ) or beam (the most likely)")
    candidates: int = Field(4, ge=1, le=32, description="candidates of a seed; of llm, each is a request")
    beams: int = Field(4, ge=1, le=64, description="beam: width, at least the number of candidates")
    temperature: float | None = Field(
        0.7, ge=0, le=10, description="sample, llm: temperature; null: that of the llm's engine"
    )
    top_p: float | None = Field(
        0.95,
        gt=0,
        le=1,
        description="sample, llm: share of the probability that is sampled from; null: that of the llm's engine",
    )
    max_tokens: int = Field(
        512, ge=1, le=131_072, description="llm: tokens of a candidate at most; a longer one is none"
    )
    similarity: Annotated[ModelPlace, _named(_NGRAMS)] = Field(
        _NGRAMS, description="measure of likeness: ngrams, or a sentence model's directory or hub id"
    )
    min_similarity: float = Field(0.4, ge=-1, le=1, description="cosine to the seed, at least")
    min_difference: float = Field(0.1, ge=0, le=1, description="1 - chrF / 100 to the seed, at least")
    max_difference: float = Field(0.85, ge=0, le=1, description="1 - chrF / 100 to the seed, at most")
    same_numbers: bool = Field(default=True, description="a candidate has exactly the seed's numbers in digits")
    outside: Literal["reject", "try"] = Field(
        "reject",
        description="a seed with words that the model does not have, or outside its grammar: reject it, or try",
    )
    exact: bool = Field(
        default=True, description="embedded: a candidate must mean its seed, by the grammar that the model learnt"
    )
    max_input_tokens: int = Field(256, ge=8, le=16_384, description="tokens of a seed, at most; else too_long")
    batch_tokens: int = Field(8192, ge=64, le=1_000_000, description="input tokens of a batch, all candidates counted")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where models run; auto: cuda if any")
    train_steps: int = Field(
        Training().steps, ge=1, le=100_000, description="embedded: steps of its training, of 64 sentence pairs each"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min_difference >= self.max_difference:
            raise ValueError(f"min_difference {self.min_difference} is not below max_difference {self.max_difference}")
        check_sampling(self.temperature, self.top_p, asks=self.model == LLM)
        for name in _RUN_HERE if self.model == LLM else ("max_tokens",):
            if getattr(self, name) != type(self).model_fields[name].default:
                users = "a model that runs here" if self.model == LLM else f"model '{LLM}'"
                raise ValueError(f"`{name}` is for {users}, not '{self.model}'")
        if self.model == _EMBEDDED and self.prefix:
            raise ValueError("`prefix` is for a model of yours: the embedded one knows one task only")
        if self.model != _EMBEDDED and self.train_steps != Training().steps:
            raise ValueError(f"`train_steps` is for model 'embedded', not '{self.model}'")
        return self


def check(params: Params) -> None:
    """Raise RecipeError where a package or a model is missing."""
    if find_spec("sacrebleu") is None:
        raise RecipeError("paraphrase needs sacrebleu for chrF, not installed: pip install sacrebleu")
    if params.model != LLM:
        check_packages("paraphrase", instead=f"set model: {LLM}")
        if params.model != _EMBEDDED:
            check_model(params.model)
    if params.similarity != _NGRAMS:
        check_packages("similarity by a sentence model", instead=f"leave `similarity` at {_NGRAMS}")
        check_model(params.similarity, translates=False)


@dataclass(slots=True)
class _Row:
    """A seed and what became of it."""

    source: Source
    ids: list[int]
    reason: str | None = None
    choice: Candidate | None = None


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return one row for each seed: its paraphrase, or the reason why there is none."""
    if seeds is None:
        return Made(record.columns(text=[], spans=[], extra=[]))
    model = _model(params)
    rows = _rows(model, seeds.column("text").to_pylist(), seeds.column("spans").to_pylist(), params)
    stats = _decide(model, [row for row in rows if row.reason is None], params, draw.rng)
    made = [row.choice or Candidate(row.source.text, None) for row in rows]
    extra = [_extra(old, row.choice) for old, row in zip(seeds.column("extra").to_pylist(), rows, strict=True)]
    return Made(
        record.columns(
            text=pa.array([one.text for one in made], pa.string()),
            spans=pa.array([one.spans for one in made], record.SPANS),
            extra=pa.array(extra, pa.string()),
            reason=pa.array([row.reason for row in rows], pa.string()),
        ),
        stats,
    )


def _model(params: Params) -> Seq2Seq:
    if params.model != _EMBEDDED:
        return load(params.model, params.device)
    return load(str(embedded(Training(steps=params.train_steps))), params.device)


def _rows(
    model: Seq2Seq, texts: Sequence[str | None], spans: Sequence[Sequence[Span] | None], params: Params
) -> list[_Row]:
    """Return the seeds as the model reads them; those that it cannot read have a reason."""
    rows = [_row(text, own, params) for text, own in zip(texts, spans, strict=True)]
    open_rows = [row for row in rows if row.reason is None]
    inputs = [params.prefix + (row.source.masked.text if row.source.masked else row.source.text) for row in open_rows]
    for row, ids in zip(open_rows, model.encoded(inputs), strict=True):
        row.ids = ids
        if len(ids) > params.max_input_tokens:
            row.reason = "too_long"
        elif params.outside == "reject" and not (model.knows(ids) and _inside(row.source)):
            row.reason = "no_paraphrase"
    return rows


def _row(text: str | None, spans: Sequence[Span] | None, params: Params) -> _Row:
    source = Source(text or "", spans)
    if not text:
        return _Row(source, [], "no_text")
    if not spans_fit(text, spans):
        return _Row(source, [], "bad_spans")
    # No tokenizer packs more into a token than this: what is longer need not be read to be refused.
    if params.model != LLM and len(text) > params.max_input_tokens * _MAX_TOKEN_CHARS:
        return _Row(source, [], "too_long")
    if params.model != _EMBEDDED:
        return _Row(source, [])
    masked = mask(text, spans, _SLOTS, OPENER)
    if masked is None:
        return _Row(source, [], "no_paraphrase")
    return _Row(Source(text, spans, masked, _meaning_test(masked.text) if params.exact else None), [])


def _meaning_test(text: str) -> Callable[[str], bool]:
    """Return a test of a candidate: whether it has a meaning that the text has, too."""
    return lambda candidate: not set(desk().meanings(text)).isdisjoint(desk().meanings(candidate))


def _inside(source: Source) -> bool:
    """Return whether the grammar, where it is asked at all, has a meaning for the seed itself."""
    return source.same_meaning is None or source.masked is None or source.same_meaning(source.masked.text)


def _decide(model: Seq2Seq, rows: Sequence[_Row], params: Params, rng: np.random.Generator) -> dict[str, int]:
    """Give each row its candidate and perhaps a reason; return how often each verdict was given to a candidate."""
    how = Decoding(
        params.decode,
        params.candidates,
        params.beams,
        params.temperature,
        params.top_p,
        params.max_input_tokens,
        params.batch_tokens,
    )
    texts = model.candidates([row.ids for row in rows], how, rng)
    return dict(sorted(_choose(rows, texts, params, _similarity(params)).items()))


def _choose(
    rows: Sequence[_Row], texts: Sequence[Sequence[str]], params: Params, similarity: Similarity
) -> Counter[str]:
    """Give each row one of its texts and perhaps a reason; return how often each verdict was given to a candidate."""
    limits = Limits(params.min_similarity, params.min_difference, params.max_difference, params.same_numbers)
    found = [read_candidates(row.source, made, limits) for row, made in zip(rows, texts, strict=True)]
    measure([row.source for row in rows], found, similarity, limits)
    for row, candidates in zip(rows, found, strict=True):
        row.choice = best(candidates)
        if row.choice.fault:
            row.reason = "unchanged" if {one.fault for one in candidates} == {"unchanged"} else "no_paraphrase"
    return Counter(_verdict(one.fault) for candidates in found for one in candidates)


def _verdict(fault: str | None) -> str:
    """Return the name of the counter of what became of a candidate."""
    return f"candidate:{fault or 'passed'}"


def _similarity(params: Params) -> Similarity:
    return ngram_cosine if params.similarity == _NGRAMS else sentence_model(params.similarity, params.device)


def _extra(old: str | None, choice: Candidate | None) -> str | None:
    figures = _figures(choice)
    return record.dumps((json.loads(old) if old else {}) | figures) if figures else old


def _figures(choice: Candidate | None) -> dict[str, Any]:
    if choice is None or choice.fault:
        return {}
    return {"similarity": round(choice.similarity, 3), "difference": round(choice.difference, 3)}


def prepare(_context: Context, params: Params) -> Similarity:
    """Return the measure of likeness, its model loaded once for all draws."""
    return _similarity(params)


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return the paraphrase of the seed that is taken from the engine's candidates, or the reject."""
    seed = draw.seed or {}
    row = _row(seed.get("text"), seed.get("spans"), params)
    extra = extra_of(seed)
    if row.reason is not None:
        return [{"text": seed.get("text"), "reason": row.reason, "extra": extra}]
    text = row.source.text
    kept = [text[span["start"] : span["end"]] for span in row.source.spans or ()]
    how = Sampled(temperature=params.temperature, top_p=params.top_p, max_tokens=params.max_tokens)
    answers = await ask_all(generate, [request(rewriting(text, kept), how)] * params.candidates)
    texts, errors = _read(answers)
    stats = Counter(_verdict(error.reason) for error in errors)
    if not texts:
        turned_down = {"extra": {}, **rejected(errors[0])}
        return [turned_down | {"extra": extra | turned_down["extra"], "stats": stats}]
    # A sentence model takes its time, and the loop is for all draws.
    stats += await asyncio.to_thread(_choose, [row], [texts], params, draw.prepared)
    made = row.choice or Candidate(text, None)
    figures = {"extra": extra | _figures(row.choice), "stats": stats}
    return [{"text": made.text, "spans": made.spans, "reason": row.reason, **figures}]


def _read(answers: Sequence[Answer | RecordError]) -> tuple[list[str], list[RecordError]]:
    """Return the texts of the answers, and why the others are none."""
    texts, errors = [], []
    for answer in answers:
        try:
            if isinstance(answer, RecordError):
                raise answer
            texts.append(bare(answer.text))
        except RecordError as exc:
            errors.append(exc)
    return texts, errors


def notes(_params: Params, stats: Mapping[str, int]) -> list[str]:
    """Return how many of the different candidates passed, and what was wrong with the others."""
    verdicts = {key.partition(":")[2]: count for key, count in stats.items() if key.startswith("candidate:")}
    if not verdicts:
        return []
    passed = verdicts.pop("passed", 0)
    why = ", ".join(f"{name} {count}" for name, count in sorted(verdicts.items(), key=lambda item: (-item[1], item[0])))
    return [f"{passed} of {passed + sum(verdicts.values())} candidates passed" + (f" ({why})" if why else "")]


METHOD = Method(
    name="paraphrase",
    version=1,
    family="augment",
    params=Params,
    run=run,
    rollout=rollout,
    asks=ParamIs("model", LLM),
    gives=("text", "spans", "extra"),
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=("kind", "label", "target"),
    check=check,
    notes=notes,
    # At some 100 texts a second on two cores, ten seconds or more.
    shard_rows=2_000,
    prepare=prepare,
    calls=lambda params: params.candidates,
)
