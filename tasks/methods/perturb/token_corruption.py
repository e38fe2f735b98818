"""Corrupt texts for denoising: BERT masks, T5 spans, BART infilling, UL2 prefixes, and typing or reading errors.

`text` becomes the corrupted source, `target` the answer, the kind `pair`. Tokens are words, signs and emoji, or those
of a Hugging Face tokenizer; either way they are places in the text, and what is not corrupted stays letter for letter.

Source: Raffel et al. 2020, Exploring the Limits of Transfer Learning with T5 (https://arxiv.org/abs/1910.10683)

    mode      what of `rate`                                                                        target
    bert      tokens: 80 % mask, 10 % another, 10 % same (https://arxiv.org/abs/1810.04805)         the text
    t5        spans of `mean_span` tokens, each one sentinel                                         sentinels and spans
    bart      spans of Poisson(`mean_span`) tokens, each one mask (https://arxiv.org/abs/1910.13461) the text
    prefix    the end of the text, up to twice `rate` long                                          that end
    ul2       `mixture` of t5 (R: 15 %; X: half of the text or spans of 64) and prefix (S)           as theirs
              (https://arxiv.org/abs/2205.05131); `extra.denoiser` is R, S or X
    keyboard  letters, for a key beside theirs                                                      the text
    ocr       letters and digits, for what a reader takes them for (rn for m, 0 for O)              the text
    case      letters, in the other case                                                            the text
    dropped   letters, left out or struck twice                                                     the text

How many of a text are corrupted is `rate` of it, rounded at random so that the rate holds over many texts, and at least
one. In mode bert `extra.masked` says where in the target the chosen tokens are, those that stay the same too. In mode
t5 the text comes back when what stands between ` <extra_id_0> ` and ` <extra_id_1> ` in the target takes the place of
`<extra_id_0>` in the source, and so on; in mode prefix source and target are the text, end to end.

Spans: letters are never changed inside a span of the seed (see `protect_spans`); modes that take tokens away drop a
span that they hit, and keep every other exactly on its words.

Rejects: `unchanged` (one word, nothing that can change, or masks that all stayed the same), `bad_spans` (they overlap
or leave the text), `marker_in_text` (the text already holds the mask or a sentinel), `too_many_spans`, `no_text`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, ValidationInfo, model_validator

from tasks.core import record
from tasks.core.errors import ShardError
from tasks.core.method import Draw, Made, Method, MethodParams
from tasks.methods.perturb._corrupt_chars import Noise
from tasks.methods.perturb._corrupt_pairs import (
    Pairs,
    Sentinels,
    bart_pairs,
    bert_pairs,
    inserted,
    prefix_pairs,
    t5_pairs,
)
from tasks.methods.perturb._corrupt_tokenizer import loaded, located, tokenizer_tokens, vocabulary
from tasks.methods.perturb._corrupt_words import Tokens, word_tokens
from tasks.methods.perturb._value_spans import Spans, spans_of
from tasks.methods.perturb._value_text import Docs, applied, blocks, docs_of, merged

Mode = Literal["bert", "t5", "bart", "prefix", "ul2", "keyboard", "ocr", "case", "dropped"]
LETTERS: Final = ("keyboard", "ocr", "case", "dropped")
_RATES: Final = {"bert": 0.15, "t5": 0.15, "bart": 0.3, "prefix": 0.25}
_LETTER_RATE: Final = 0.05
# The seven denoisers of UL2 (table 1 of the paper): name, rate, mean length of a span.
_DENOISERS: Final = (
    ("R", 0.15, 3.0),
    ("R", 0.15, 8.0),
    ("S", 0.25, 0.0),
    ("X", 0.5, 3.0),
    ("X", 0.5, 8.0),
    ("X", 0.15, 64.0),
    ("X", 0.5, 64.0),
)
_MAX_CHARS = 2**31 - 1
# Which params belong to some modes alone.
_ONLY: Final = {
    "mean_span": ("t5", "bart"),
    "mask": ("bert", "bart"),
    "whole_word": ("bert",),
    "sentinel": ("t5", "ul2"),
    "max_sentinels": ("t5", "ul2"),
    "mixture": ("ul2",),
    "mode_tokens": ("ul2",),
    "layout": ("keyboard",),
    "protect_spans": LETTERS,
    "tokenizer": ("bert", "t5", "bart", "prefix", "ul2"),
}


class Params(MethodParams):
    """What to corrupt, and how much."""

    mode: Mode = Field(..., description="bert, t5, bart, prefix, ul2; keyboard, ocr, case or dropped")
    rate: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of the tokens (letters) that is corrupted; default 0.15, bart 0.3, prefix 0.25, "
        "letters 0.05; ul2 has its own",
    )
    mean_span: float = Field(3.0, ge=1, le=1000, description="mean length of a span in tokens (t5, bart)")
    tokenizer: str | None = Field(
        None,
        min_length=1,
        description="tokenizers JSON file, directory or hub id whose tokens are used; default: words and signs",
    )
    tokenizer_digest: str | None = Field(None, description="digest of the tokenizer's file; filled in when it is read")
    whole_word: bool = Field(False, description="choose whole words of the tokenizer (bert)")
    mask: str | None = Field(
        None, min_length=1, description="what stands for what is gone: [MASK] (bert), <mask> (bart)"
    )
    sentinel: str = Field("<extra_id_{}>", description="what stands for a span, {} for its number (t5, ul2)")
    max_sentinels: int | None = Field(
        None, ge=2, description="sentinels that the model knows (T5: 100); a text that needs more is rejected"
    )
    mixture: dict[Literal["R", "S", "X"], float] = Field(
        {"R": 2, "S": 1, "X": 4}, description="weights of regular, sequential and extreme denoising (ul2)"
    )
    mode_tokens: bool = Field(True, description="begin each source with [R], [S] or [X] and a space (ul2)")
    layout: Literal["qwerty", "qwertz", "azerty"] = Field(
        "qwerty", description="keyboard of Latin letters; Cyrillic, Greek, Hebrew and Arabic have their own (keyboard)"
    )
    protect_spans: bool = Field(True, description="change no letter inside a span of the seed (letter modes)")
    keep_unchanged: bool = Field(False, description="accept a text that came out as it was")

    @model_validator(mode="before")
    @classmethod
    def _tokenizer(cls, value: Any, info: ValidationInfo) -> Any:
        """Name the tokenizer by its absolute path and its digest: the cache key changes when the file does."""
        base = (info.context or {}).get("base", ".")
        if base is None or not isinstance(value, dict) or not isinstance(value.get("tokenizer"), str):
            return value
        if not value["tokenizer"]:
            return value
        place, digest = located(value["tokenizer"], base)
        return {**value, "tokenizer": place, "tokenizer_digest": digest}

    @model_validator(mode="after")
    def _that_apply(self) -> "Params":
        for name, modes in _ONLY.items():
            if name in self.model_fields_set and getattr(self, name) is not None and self.mode not in modes:
                raise ValueError(f"{name} is for {' and '.join(modes)}, not for mode '{self.mode}'")
        if self.mode == "ul2" and self.rate is not None:
            raise ValueError("rate is not for mode 'ul2': its denoisers have their own; set `mixture`")
        if self.sentinel.count("{}") != 1 or not self.sentinel.partition("{}")[0].strip():
            raise ValueError(f"sentinel '{self.sentinel}' needs one {{}} for its number, with text before it")
        if any(weight < 0 for weight in self.mixture.values()) or not sum(self.mixture.values()) > 0:
            raise ValueError(f"mixture {self.mixture} needs weights of 0 and more, not all 0")
        if self.whole_word and not self.tokenizer:
            raise ValueError("whole_word needs a `tokenizer`: without one, every token is a whole word")
        return self

    @property
    def share(self) -> float:
        """The rate of the mode."""
        return self.rate or _RATES.get(self.mode, _LETTER_RATE)

    @property
    def marker(self) -> str | None:
        """What a seed may not hold: the mask, or what its sentinels begin with."""
        if self.mode in {"bert", "bart"}:
            return self.mask_text
        return self.sentinel.partition("{}")[0] if self.mode in {"t5", "ul2"} else None

    @property
    def mask_text(self) -> str:
        return self.mask or ("<mask>" if self.mode == "bart" else "[MASK]")


def check(params: Params) -> None:
    """Load the tokenizer; RecipeError says what is missing."""
    if params.tokenizer:
        loaded(params.tokenizer, params.tokenizer_digest or "")


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:
    """Return a pair for each seed; the module's text lists the reasons of rejects."""
    if seeds is None:
        raise ShardError("token_corruption needs seeds")
    texts = seeds.column("text").to_pylist()
    spans, bad = spans_of(seeds, np.array([len(text or "") for text in texts], np.int64))
    reasons = _refused(texts, bad.tolist(), params.marker)
    made: dict[str, list[Any]] = {name: [] for name in ("text", "target", "extra", "spans")}
    for part in blocks(texts):
        usable = ["" if reason else text for text, reason in zip(texts[part], reasons[part], strict=True)]
        found = _corrupt(usable, spans.block(part.start, part.stop), params, draw.rng, made)
        reasons[part] = [known or new for known, new in zip(reasons[part], found, strict=True)]
    for row, reason in enumerate(reasons):
        if reason:
            made["text"][row], made["target"][row], made["extra"][row] = texts[row], None, None
    if max(sum(len(text or "") for text in made[name]) for name in ("text", "target")) > _MAX_CHARS:
        raise ShardError(f"the texts of {draw.count} rows are over 2 GiB; set a smaller shard_rows")
    columns = {
        "kind": record.constant("pair", len(texts)),
        "text": pa.array(made["text"], pa.string()),
        "target": pa.array(made["target"], pa.string()),
        "spans": pa.chunked_array(made["spans"], record.SPANS),
        "extra": pa.array(made["extra"], pa.string()),
    }
    if any(reasons):
        columns["reason"] = pa.array(reasons, pa.string())
    return Made(record.columns(**columns))


def _refused(texts: Sequence[str | None], bad: Sequence[bool], marker: str | None) -> list[str | None]:
    return [
        "no_text" if text is None else "bad_spans" if wrong else "marker_in_text" if marker and marker in text else None
        for text, wrong in zip(texts, bad, strict=True)
    ]


def _corrupt(
    texts: list[str], spans: Spans, params: Params, rng: np.random.Generator, made: dict[str, list[Any]]
) -> list[str | None]:
    """Append what becomes of a block of texts to `made`; return the reason of each that cannot be had."""
    docs = docs_of(texts)
    pairs = _letters(docs, spans, params, rng) if params.mode in LETTERS else _tokens(docs, texts, params, rng)
    new_docs, new = applied(docs, pairs.edits)
    starts, ends = spans.within(docs)
    left = spans if params.mode in LETTERS else spans.where(~pairs.edits.touched(starts, ends))
    made["text"] += new
    made["target"] += texts if pairs.targets is None else pairs.targets
    made["extra"] += [None] * len(texts) if pairs.extra is None else pairs.extra
    made["spans"].append(left.moved(docs, pairs.edits, new_docs).column())
    reasons = pairs.reasons or [None] * len(texts)
    return [
        reason or ("unchanged" if old == text and not params.keep_unchanged else None)
        for reason, old, text in zip(reasons, texts, new, strict=True)
    ]


def _letters(docs: Docs, spans: Spans, params: Params, rng: np.random.Generator) -> Pairs:
    free = np.ones(docs.codes.size, bool)
    if params.protect_spans and spans.rows.size:
        starts, ends = spans.within(docs)
        depth = np.bincount(starts, minlength=free.size + 1) - np.bincount(ends, minlength=free.size + 1)
        free = np.cumsum(depth)[:-1] == 0
    return Pairs(Noise(params.mode, params.share, params.layout).edits(rng, docs, free))


def _tokens(docs: Docs, texts: list[str], params: Params, rng: np.random.Generator) -> Pairs:
    place = (params.tokenizer or "", params.tokenizer_digest or "")
    tokens = tokenizer_tokens(docs, texts, loaded(*place)) if params.tokenizer else word_tokens(docs)
    rates = np.full(len(texts), params.share)
    sentinels = Sentinels(params.sentinel, params.max_sentinels)
    if params.mode == "bert":
        words = vocabulary(*place) if params.tokenizer else None
        tokens = tokens if params.whole_word else replace(tokens, words=None)
        return bert_pairs(rng, docs, tokens, params.mask_text, rate=params.share, vocabulary=words)
    if params.mode == "bart":
        return bart_pairs(rng, tokens, params.mask_text, rate=params.share, mean=params.mean_span)
    if params.mode == "prefix":
        return prefix_pairs(rng, docs, tokens, rates)
    if params.mode == "t5":
        means = np.full(len(texts), params.mean_span)
        return t5_pairs(rng, docs, tokens, sentinels, rates=rates, means=means)
    return _ul2(rng, docs, tokens, sentinels, params)


def _ul2(rng: np.random.Generator, docs: Docs, tokens: Tokens, sentinels: Sentinels, params: Params) -> Pairs:
    """Return the pairs of a mixture of denoisers, one for each row."""
    names = np.array([name for name, _, _ in _DENOISERS])
    weights = np.array([params.mixture.get(name, 0.0) / (names == name).sum() for name in names.tolist()])
    kind = rng.choice(len(_DENOISERS), docs.starts.size, p=weights / weights.sum())
    rates, means = (np.array([one[column] for one in _DENOISERS])[kind] for column in (1, 2))
    last = names[kind] == "S"
    spans = t5_pairs(rng, docs, tokens, sentinels, rates=np.where(last, 0.0, rates), means=np.maximum(means, 1.0))
    ends = prefix_pairs(rng, docs, tokens, np.where(last, rates, 0.0))
    edits = merged(spans.edits, ends.edits)
    if params.mode_tokens:
        edited = np.zeros(docs.starts.size, bool)
        edited[docs.rows(edits.starts)] = True
        edits = merged(inserted(docs, edited, [f"[{name}] " for name in names[kind].tolist()]), edits)
    targets = [
        end if sequential else span
        for end, span, sequential in zip(ends.targets or (), spans.targets or (), last.tolist(), strict=True)
    ]
    extra = [record.dumps({"denoiser": name}) for name in names[kind].tolist()]
    return Pairs(edits, targets, spans.reasons, extra)


METHOD = Method(
    name="token_corruption",
    version=1,
    family="perturb",
    params=Params,
    run=run,
    gives=("kind", "text", "target", "spans", "extra"),
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=("label",),
    check=check,
    kind="pair",
)
