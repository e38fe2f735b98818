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

from collections.abc import Mapping
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, ValidationInfo, model_validator

from tasks.core.method import Draw, Made, Method, MethodParams
from tasks.core.training import Trained, Training
from tasks.methods.perturb._corrupt_tokenizer import loaded, located

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
        from tasks.methods.models._ngram_subword import need_tokenizers  # noqa: PLC0415 - few ask for them

        need_tokenizers()


def trains_on(params: Params) -> dict[str, Any]:
    """Return what the trained model depends on; a tokenizer's file by its digest, wherever it lies."""
    values = params.model_dump(mode="json", exclude=set(_DRAWING))
    return values if params.tokenizer_digest else {**values, "tokenizer": params.tokenizer}


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return `draw.count` texts; those that are refused carry their reason."""
    from tasks.methods.models._ngram_draw import drawn  # noqa: PLC0415 - a check is waited for

    return drawn(seeds, params, draw)


def fit(training: Training) -> Trained:
    """Count the seeds and smooth the counts."""
    from tasks.methods.models._ngram_train import fit as fitted  # noqa: PLC0415 - as above

    return fitted(training)


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
