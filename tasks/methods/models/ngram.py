"""Draw texts from an n-gram model of the seeds with interpolated modified Kneser-Ney smoothing.

Source: Chen & Goodman 1999, An empirical study of smoothing techniques (https://doi.org/10.1006/csla.1999.0128)

    method: ngram
    params: {order: 5, temperature: 0.9, max_verbatim: 8}

A cheap source of bulk text that sounds like the seeds a few words at a time and means nothing beyond that: good as
noise, as a baseline, and to see what a larger model buys. Every text comes back as the seeds are written, case,
punctuation and line breaks included. Seeds that are long texts are better modelled by `unit: line` or `sentence`.

Texts shorter than 99 % of the seeds are drawn again (`min_tokens`). A text is rejected as `copied` (it is a seed
word for word, or has a run of more than `max_verbatim` tokens from one), `unfinished` (it did not end within
`max_tokens`) or `too_short` (twenty draws gave nothing as long as `min_tokens`).

`prompts` are beginnings, taken in turn; with `prompt_column` each seed's column is one, or its first `prompt_tokens`.
The stage's report says how many tokens each order gave: the higher the order, the closer to the seeds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, ValidationInfo, model_validator

from tasks.core import record
from tasks.core.errors import RecipeError
from tasks.core.method import Draw, Made, Method, MethodParams
from tasks.core.ngram.model import Model
from tasks.core.ngram.sampling import Sampled, Sampler, Sampling, State
from tasks.core.ngram.verbatim import Seen, run_hashes, text_hashes
from tasks.core.ngram.vocabulary import Ids, with_marks
from tasks.methods.models._ngram_prompts import Prompts, after, cut, interleaved
from tasks.methods.models._ngram_subword import cutter_in, need_tokenizers
from tasks.methods.models._ngram_train import ABOUT, RUNS, TEXTS, fit
from tasks.methods.perturb._corrupt_tokenizer import loaded, located

Ints = npt.NDArray[np.int64]

# How often texts that came out too short are drawn again.
_ROUNDS = 20
# What a trained model does not depend on.
_DRAWING = frozenset(
    {"temperature", "top_k", "top_p", "min_tokens", "max_tokens", "allow_copies", "tokenizer"}
    | {"prompts", "prompt_column", "prompt_tokens"}
)


class Params(MethodParams):
    """Params of `ngram`."""

    order: int = Field(5, ge=1, le=6, description="words of the longest n-gram: the context and one more, 1 to 6")
    smoothing: Literal["modified", "kneser_ney"] = Field(
        "modified", description="modified Kneser-Ney (three discounts an order) or plain (one)"
    )
    discount: float | None = Field(
        None, gt=0, lt=1, description="discount of plain Kneser-Ney, in counts; default: estimated for each order"
    )
    tokens: Literal["word", "subword"] = Field("word", description="what n-grams are made of")
    tokenizer: str | None = Field(
        None, description="tokenizers JSON file, directory or hub id for subwords; default: BPE trained on the seeds"
    )
    tokenizer_digest: str | None = Field(None, description="digest of the tokenizer's file; filled in when it is read")
    vocab_size: int = Field(8000, ge=300, le=1_000_000, description="tokens of the BPE that is trained on the seeds")
    min_count: int = Field(1, ge=1, description="occurrences that a token needs; rarer ones are never drawn")
    unit: Literal["text", "line", "sentence"] = Field(
        "text", description="what is one text to the model: a seed's whole text, each line, or each sentence"
    )
    held_out: float = Field(
        0.05, ge=0, le=0.5, description="share of the texts kept out of training for the perplexity"
    )
    temperature: float = Field(
        1.0, ge=0.05, le=20, description="above 1 more varied than the seeds, below 1 more usual"
    )
    top_k: int | None = Field(None, ge=1, description="draw from this many most likely tokens only")
    top_p: float | None = Field(
        None, gt=0, le=1, description="draw from the fewest tokens that hold this share of the probability"
    )
    min_tokens: int | None = Field(
        None, ge=1, description="tokens of a text at least; default: what 99 % of the training texts have"
    )
    max_tokens: int = Field(400, ge=1, le=100_000, description="tokens of a text at most, prompt not counted")
    prompts: tuple[str, ...] = Field((), description="beginnings of texts, taken in turn")
    prompt_column: str | None = Field(None, description="column of the seeds that holds the beginning of a text")
    prompt_tokens: int | None = Field(None, ge=1, description="use only so many tokens of each prompt")
    max_verbatim: int | None = Field(
        None, ge=1, le=1000, description="refuse a text with a longer run of tokens, in tokens, from one training text"
    )
    allow_copies: bool = Field(False, description="keep texts that are a training text word for word")
    arpa: bool = Field(False, description="write the model as ARPA text too (model.arpa), for KenLM or SRILM")

    @model_validator(mode="before")
    @classmethod
    def _tokenizer(cls, value: Any, info: ValidationInfo) -> Any:
        """Name the tokenizer by its absolute path and its digest: the cache key changes when the file does."""
        base = (info.context or {}).get("base", ".")
        if base is None or not isinstance(value, dict) or not isinstance(value.get("tokenizer"), str):
            return value
        place, digest = located(value["tokenizer"], base)
        return {"tokens": "subword", **value, "tokenizer": place, "tokenizer_digest": digest}

    @model_validator(mode="after")
    def _fits(self) -> "Params":
        if self.tokenizer and self.tokens == "word":
            raise ValueError("a `tokenizer` goes with tokens: subword, not with tokens: word")
        if self.discount is not None and self.smoothing == "modified":
            raise ValueError("`discount` goes with smoothing: kneser_ney; modified estimates its three")
        if self.prompts and self.prompt_column:
            raise ValueError("give either `prompts` or `prompt_column`, not both")
        if self.prompt_tokens and not (self.prompts or self.prompt_column):
            raise ValueError("`prompt_tokens` needs `prompts` or a `prompt_column`")
        if self.min_tokens and self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens {self.min_tokens} is more than max_tokens {self.max_tokens}")
        return self


def check(params: Params) -> None:
    """Raise RecipeError where subwords are asked for and their package or their file is missing."""
    if params.tokenizer:
        loaded(params.tokenizer, params.tokenizer_digest or "")
    elif params.tokens == "subword":
        need_tokenizers()


def trains_on(params: Params) -> dict[str, Any]:
    """Return what the trained model depends on; a tokenizer's file by its digest, wherever it lies."""
    values = params.model_dump(mode="json", exclude=set(_DRAWING))
    return values if params.tokenizer_digest else {**values, "tokenizer": params.tokenizer}


@dataclass(frozen=True, slots=True)
class _Trained:
    """A trained model, ready to be drawn from."""

    folder: Path
    sampler: Sampler
    about: Mapping[str, Any]


@lru_cache(maxsize=2)
def _ready(folder: Path, how: Sampling) -> _Trained:
    """Return the model in a folder; a worker draws many shards from the same."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return _Trained(folder, Sampler(Model.load(folder, cutter_in(folder)), how), about)


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return `draw.count` texts; those that are refused carry their reason."""
    if draw.model is None:
        raise RecipeError("ngram draws from a model that was trained on seeds: give it seeds")
    how = Sampling(params.temperature, params.top_k, params.top_p, params.max_tokens)
    trained = _ready(draw.model, how)
    prompts = _prompts(trained.sampler, params, seeds, draw)
    least = _least(trained.about, params)
    sampled, redrawn = _long_enough(trained.sampler, prompts, least, draw.rng)
    texts = _written(trained.sampler, prompts, sampled)
    reasons = _reasons(trained, params, prompts, sampled, least)
    columns = {"text": texts, "reason": pa.array(reasons, pa.string())}
    if params.prompts or params.prompt_column:
        columns["extra"] = _extra(trained.sampler, prompts)
    stats = {f"order_{n}": int(count) for n, count in enumerate(sampled.matched, 1)}
    return Made(record.columns(**columns), {**stats, "drawn_again": redrawn})


def _prompts(sampler: Sampler, params: Params, seeds: pa.RecordBatch | None, draw: Draw) -> Prompts:
    """Return a prompt for each draw, without a token where none is asked for."""
    if params.prompt_column and seeds is not None:
        return cut(sampler, _column(seeds, params.prompt_column), params.prompt_tokens)
    prompts = cut(sampler, params.prompts or ("",), params.prompt_tokens)
    if not params.prompts:
        prompts = Prompts(pa.array([], pa.string()), np.empty(0, np.int32), np.zeros(1, np.int64))
    return prompts.take((draw.start + np.arange(draw.count)) % len(prompts.lengths))


def _column(seeds: pa.RecordBatch, name: str) -> list[str]:
    values = seeds.column(name) if name in seeds.schema.names else record.extra_columns(seeds, [name])[name]
    return [value or "" for value in values.to_pylist()]


def _least(about: Mapping[str, Any], params: Params) -> int:
    """Return how many tokens a text must have; RecipeError where the seeds are too long for `max_tokens`."""
    if params.min_tokens is not None:
        return params.min_tokens
    if about["shortest"] > params.max_tokens:
        raise RecipeError(
            f"nearly all training texts have more than max_tokens ({params.max_tokens}) tokens, {about['median']:,} in "
            "the middle: take unit: line or unit: sentence, raise max_tokens, or set min_tokens"
        )
    return int(about["shortest"])


def _long_enough(sampler: Sampler, prompts: Prompts, least: int, rng: np.random.Generator) -> tuple[Sampled, int]:
    """Return a continuation of each prompt, and how many draws were thrown away as too short.

    Drawn whole again, so that what stays is distributed as the model has it among texts of that length.
    """
    start = after(sampler, prompts)
    kept = sampler.sample(rng, start)
    redrawn = 0
    for _ in range(_ROUNDS):
        short = np.flatnonzero(prompts.lengths + kept.lengths < least)
        if not len(short):
            break
        redrawn += len(short)
        kept = _replaced(kept, short, sampler.sample(rng, State(start.depth[short], start.node[short])))
    return kept, redrawn


def _replaced(kept: Sampled, rows: Ints, fresh: Sampled) -> Sampled:
    """Return the texts with those at `rows` replaced."""
    lengths, ended = kept.lengths.copy(), kept.ended.copy()
    stays = np.ones(len(lengths), bool)
    stays[rows] = False
    words = kept.ids[np.repeat(stays, lengths)]
    lengths[rows] = 0
    ended[rows] = fresh.ended
    added = np.zeros_like(lengths)
    added[rows] = fresh.lengths
    ids = interleaved(words, lengths, fresh.ids, added)
    return Sampled(ids.astype(np.int32), lengths + added, ended, kept.matched + fresh.matched)


def _written(sampler: Sampler, prompts: Prompts, sampled: Sampled) -> pa.Array:
    """Return prompts and what follows as text; a prompt's unknown words read as they were given."""
    vocabulary = sampler.model.vocabulary
    surfaces = pa.concat_arrays([vocabulary.words, prompts.tokens])
    own = len(vocabulary) + np.arange(len(prompts.tokens))
    both = interleaved(own, prompts.lengths, sampled.ids, sampled.lengths)
    return vocabulary.joined(surfaces.take(pa.array(both)), prompts.lengths + sampled.lengths)


def _extra(sampler: Sampler, prompts: Prompts) -> pa.Array:
    texts = sampler.model.vocabulary.joined(prompts.tokens, prompts.lengths).to_pylist()
    return pa.array([record.dumps({"prompt": text}) for text in texts], pa.string())


def _reasons(trained: _Trained, params: Params, prompts: Prompts, sampled: Sampled, least: int) -> np.ndarray:
    """Return why each text is refused, None for those that stay."""
    ids: Ids = interleaved(prompts.ids, prompts.lengths, sampled.ids, sampled.lengths).astype(np.int32)
    lengths = prompts.lengths + sampled.lengths
    reasons = np.full(len(lengths), None, object)
    if not params.allow_copies:
        reasons[Seen(trained.folder / TEXTS).contains(text_hashes(ids, lengths))] = "copied"
    if params.max_verbatim is not None:
        hashes, starts = run_hashes(with_marks(ids, lengths), params.max_verbatim + 1)
        seen = starts[Seen(trained.folder / RUNS).contains(hashes)]
        reasons[np.searchsorted(np.cumsum(lengths + 2), seen, "right")] = "copied"
    reasons[lengths < least] = "too_short"
    reasons[~sampled.ended] = "unfinished"
    return reasons


def notes(params: Params, stats: Mapping[str, int]) -> list[str]:
    """Return how much each order gave, and how many draws were too short."""
    orders = {n: stats.get(f"order_{n}", 0) for n in range(params.order, 0, -1)}
    total = max(1, sum(orders.values()))
    shares = ", ".join(f"{n}: {count / total:.0%}" for n, count in orders.items())
    lines = [f"share of tokens by the longest n-gram of the seeds that they complete: {shares}"]
    if stats.get("drawn_again"):
        lines.append(f"{stats['drawn_again']:,} texts came out too short and were drawn again")
    return lines


METHOD = Method(
    name="ngram",
    version=1,
    family="models",
    params=Params,
    run=run,
    gives=("text", "extra"),
    seeds=lambda params: "each" if params.prompt_column else "all",
    needs=lambda params: frozenset({"text", *([params.prompt_column] if params.prompt_column else [])}),
    check=check,
    notes=notes,
    fit=fit,
    trains_on=trains_on,
)
