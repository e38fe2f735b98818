"""Translate texts into a pivot language and back, by Apertium, MarianMT or a language model, within a band of chrF.

Source: Sennrich et al. 2016, Improving Neural Machine Translation Models with Monolingual Data (https://doi.org/10.18653/v1/P16-1009)

    engine: apertium                # language: eng, pivots: [spa]; Debian package apertium-eng-spa
    ---
    engine: marian
    language: en
    pivots: [de, fr]
    models: {en-de: models/en-de, de-en: models/de-en}    # others come from the hub, as Helsinki-NLP/opus-mt-FROM-TO
    ---
    engine: llm                     # the engine of the stage: two requests a draw
    language: English               # languages by their names; these two are what is asked for without any
    pivots: [Spanish]

Spans, addresses and codes travel as words that no dictionary knows, and each must come back once, or the row is
rejected (`lost_span`). What comes back is kept where it differs from the seed (else `unchanged`) and its chrF (Popović
2015, https://doi.org/10.18653/v1/W15-3049) to the seed lies in the band (else `too_close`, `too_far`). chrF, the share
of words changed and the pivot go to `extra`. Further reasons: `no_text`, `bad_spans`, and of an engine's answers
`truncated`, `refusal`, `empty_answer`.

Draws of one seed take the pivots in turn. Apertium has one answer for a sentence and a pivot, but for `alternatives`:
words for which its dictionary has several translations take a random one. MarianMT samples with `decode: sample`, a
language model always. With `sentences` below 1, each draw sends other sentences of the text on the journey; a language
model is given the whole text. The embedded engine knows one language only: it shows how such a stage runs.
"""

import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tasks.core import record
from tasks.core.errors import RecordError
from tasks.core.method import Draw, Made, Method, MethodParams, ParamIs
from tasks.core.rollout import Context, Generate, RolloutDraw, Row
from tasks.methods.augment._seq2seq_llm import LLM, check_sampling, there_and_back
from tasks.methods.augment._seq2seq_place import ModelPlace
from tasks.methods.augment._seq2seq_trip import WRITTEN, Trip, arrive, check_engine, judge, packed, travel
from tasks.methods.llm._chat import Sampled, extra_of
from tasks.methods.llm._parse import rejected

# Params that not every engine has a use for.
_ENGINES = {
    "sentences": ("apertium", "marian"),
    "alternatives": ("apertium",),
    **dict.fromkeys(("models", "decode", "beams", "device"), ("marian",)),
    **dict.fromkeys(("temperature", "top_p"), ("marian", LLM)),
    "max_tokens": (LLM,),
}
# English, Brazilian Portuguese, Chinese (Traditional), zh-Hant.
_LANGUAGE = re.compile(r"(?=.{2,40}\Z)[^\W\d_]+(?:[ '’-]\w+)*(?: \(\w[\w ]*\))?")


class Params(MethodParams):
    """Which languages and engine, and how far a text may come back changed."""

    engine: Literal["llm", "apertium", "marian"] = Field(
        "apertium",
        description="apertium (rules, installed programs), marian (transformers) or llm (the engine of the stage)",
    )
    language: str = Field(
        "eng", description="language of the seeds, by the engine's code: eng; en; for llm by name: English"
    )
    pivots: tuple[str, ...] = Field(
        ("spa",), min_length=1, description="languages to go through: [spa]; [de, fr]; [Spanish, Brazilian Portuguese]"
    )
    min_chrf: float = Field(30.0, ge=0, le=100, description="chrF to the seed, at least (0-100)")
    max_chrf: float = Field(95.0, ge=0, le=100, description="chrF to the seed, at most (0-100)")
    unchanged: Literal["reject", "keep"] = Field("reject", description="what to do with a text that comes back equal")
    keep_pivot: bool = Field(default=False, description="keep the text in the pivot language in extra, as pivot_text")
    sentences: float = Field(
        1.0,
        gt=0,
        le=1,
        description="apertium, marian: share of a text's sentences that travel, at least one; the others stay",
    )
    alternatives: float = Field(
        0.25, ge=0, le=1, description="apertium: share of ambiguous words that take a random translation; 0: none"
    )
    models: dict[str, ModelPlace] = Field(
        default_factory=dict, description="marian: FROM-TO -> directory or hub id (id@revision) of that direction"
    )
    decode: Literal["beam", "sample"] = Field("beam", description="marian: beam search, or sampling for variety")
    beams: int = Field(4, ge=1, le=64, description="marian: width of the beam")
    temperature: float | None = Field(
        1.0, ge=0, le=10, description="marian, llm: temperature of the sampling; null: that of the llm's engine"
    )
    top_p: float | None = Field(
        0.95,
        gt=0,
        le=1,
        description="marian, llm: share of the probability that is sampled from; null: that of the llm's engine",
    )
    max_tokens: int = Field(
        1024, ge=1, le=131_072, description="llm: tokens of a translation at most; a longer one is a reject"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="marian: where models run; auto: cuda if any")

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        """Give an llm the default languages by their names."""
        if isinstance(value, Mapping) and value.get("engine") == LLM:
            return {"language": "English", "pivots": ["Spanish"], **value}
        return value

    @field_validator("pivots")
    @classmethod
    def _different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pivot, times in Counter(value).items():
            if times > 1:
                raise ValueError(f"pivot '{pivot}' is there twice")
        return value

    @field_validator("models")
    @classmethod
    def _directions(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            source, dash, target = name.partition("-")
            if not (source and dash and target):
                raise ValueError(f"'{name}' names no direction; write it as FROM-TO, such as en-de")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min_chrf >= self.max_chrf:
            raise ValueError(f"min_chrf {self.min_chrf} is not below max_chrf {self.max_chrf}")
        self._languages()
        for name, engines in _ENGINES.items():
            if self.engine not in engines and name in self.model_fields_set and getattr(self, name):
                self._refuse(name, engines)
        if self.engine != "apertium":
            check_sampling(self.temperature, self.top_p, asks=self.engine == LLM)
        if self.models:
            self._used()
        return self

    def _languages(self) -> None:
        for what, name in (("language", self.language), *(("pivot", pivot) for pivot in self.pivots)):
            if self.engine == LLM and not _LANGUAGE.fullmatch(name):
                raise ValueError(f"{what} {name!r} names no language; write it as English or Brazilian Portuguese")
            if self.engine != LLM and not name.isidentifier():
                raise ValueError(f"{what} {name!r} is no language code; engine '{self.engine}' takes one: eng or en")
        if self.language.casefold() in (pivot.casefold() for pivot in self.pivots):
            raise ValueError(f"pivot '{self.language}' is the language of the seeds")

    def _refuse(self, name: str, engines: Sequence[str]) -> None:
        if getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True):
            known = " or ".join(f"'{engine}'" for engine in engines)
            raise ValueError(f"`{name}` is for engine {known}, not '{self.engine}'")

    def _used(self) -> None:
        have = [f"{a}-{b}" for pivot in self.pivots for a, b in ((self.language, pivot), (pivot, self.language))]
        for name in self.models:
            if name not in have:
                raise ValueError(f"models has '{name}', but the directions are {', '.join(have)}")


def check(params: Params) -> None:
    """Raise RecipeError where an engine, a direction of it, or the package that measures chrF is missing."""
    check_engine(params)


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return one row for each seed: its text from a journey through a pivot, or the reason why there is none."""
    if seeds is None:
        return Made(record.columns(text=[], spans=[], extra=[]))
    texts, spans = seeds.column("text").to_pylist(), seeds.column("spans").to_pylist()
    pivots = _pivots(seeds.column("id").to_pylist(), len(params.pivots), draw.rng)
    trips = travel(texts, spans, [params.pivots[number] for number in pivots], params, draw.rng)
    extra = [_extra(old, trip, params) for old, trip in zip(seeds.column("extra").to_pylist(), trips, strict=True)]
    stats = Counter(_verdict(trip.pivot, trip.reason) for trip in trips)
    return Made(
        record.columns(
            text=pa.array([trip.text for trip in trips], pa.string()),
            spans=pa.array([trip.spans for trip in trips], record.SPANS),
            extra=pa.array(extra, pa.string()),
            reason=pa.array([trip.reason for trip in trips], pa.string()),
        ),
        dict(sorted(stats.items())),
    )


def _pivots(ids: Sequence[str], pivots: int, rng: np.random.Generator) -> list[int]:
    """Return the number of each draw's pivot: a seed's draws begin at a random one and take them in turn.

    The number of the draw alone would not do: eight seeds drawn in turn through two pivots would each meet one only.
    """
    turn: dict[str, int] = {}
    numbers = []
    for identity, start in zip(ids, rng.integers(pivots, size=len(ids)).tolist(), strict=True):
        turn[identity] = (turn[identity] + 1) % pivots if identity in turn else start
        numbers.append(turn[identity])
    return numbers


def _extra(old: str | None, trip: Trip, params: Params) -> str | None:
    """Return the seed's `extra` with the figures of the journey."""
    figures = _figures(trip, params)
    return record.dumps((json.loads(old) if old else {}) | figures) if figures else old


def _figures(trip: Trip, params: Params) -> dict[str, Any]:
    """Return what `extra` says of a journey; nothing where there was none."""
    if trip.chrf is None:
        return {}
    figures = {"pivot": trip.pivot, "chrf": round(trip.chrf, 2), "changed": round(trip.changed, 3)}
    return figures | ({"pivot_text": trip.pivot_text} if params.keep_pivot else {})


def prepare(context: Context, params: Params) -> int:
    """Return how many seeds the stage has, by which the pivots take turns; one pivot needs no count."""
    return sum(batch.num_rows for batch in context.seeds) if len(params.pivots) > 1 else 1


def pivot_of(draw: RolloutDraw, params: Params) -> str:
    """Return the pivot of a draw: a seed's draws begin at one that follows from its id, and take them in turn.

    The draws of a seed follow each other (`per_seed`) or lie as far apart as there are seeds: either is one turn, but
    for a step over a multiple of the number of seeds.
    """
    seeds = max(draw.prepared, 1)
    first = zlib.crc32(str((draw.seed or {}).get("id")).encode())
    return params.pivots[(first + draw.number // seeds + draw.number % seeds) % len(params.pivots)]


async def rollout(draw: RolloutDraw, generate: Generate, params: Params) -> list[Row]:
    """Return the text of the seed from a journey through a pivot, or the reject that came of it."""
    seed = draw.seed or {}
    text, spans = seed.get("text"), seed.get("spans")
    trip = packed(text, spans, pivot_of(draw, params), WRITTEN)
    try:
        if trip.masked is not None:
            how = Sampled(temperature=params.temperature, top_p=params.top_p, max_tokens=params.max_tokens)
            languages = (params.language, trip.pivot)
            arrive(trip, text, spans, *await there_and_back(trip.masked, languages, generate, how))
            judge(trip, text, params)
        row: Row = {"text": trip.text, "spans": trip.spans, "reason": trip.reason, "extra": _figures(trip, params)}
    except RecordError as exc:
        row = {"extra": {}, **rejected(exc)}
        row["extra"]["pivot"] = trip.pivot
    return [row | {"extra": extra_of(seed) | row["extra"], "stats": {_verdict(trip.pivot, row["reason"]): 1}}]


def _verdict(pivot: str, reason: str | None) -> str:
    """Return the name of the counter of what became of a text."""
    return f"{pivot}:{reason or 'accepted'}"


def notes(params: Params, stats: Mapping[str, int]) -> list[str]:
    """Return, for each pivot, how many texts came back within the band, and why others did not."""
    lines = []
    for pivot in params.pivots:
        own = {key.partition(":")[2]: count for key, count in stats.items() if key.partition(":")[0] == pivot}
        if own:
            why = ", ".join(f"{name} {count}" for name, count in own.items() if name != "accepted")
            lines.append(
                f"{pivot}: {own.get('accepted', 0)} of {sum(own.values())} kept" + (f" ({why})" if why else "")
            )
    return lines


METHOD = Method(
    name="back_translation",
    version=1,
    family="augment",
    params=Params,
    run=run,
    rollout=rollout,
    asks=ParamIs("engine", LLM),
    gives=("text", "spans", "extra"),
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=("kind", "label", "target"),
    check=check,
    notes=notes,
    # A shard is a unit of retry: at 500 to 1,000 sentences a second, both ways, it takes some ten seconds.
    shard_rows=5_000,
    prepare=prepare,
    calls=lambda _params: 2,
)
