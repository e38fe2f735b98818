"""Draws of the method `ngram`: texts from a trained model, with the reasons of those that are refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core import record
from tasks.core.errors import RecipeError
from tasks.core.method import Draw, Made
from tasks.core.ngram.model import Model
from tasks.core.ngram.sampling import Sampled, Sampler, Sampling, State
from tasks.core.ngram.verbatim import Seen, run_hashes, text_hashes
from tasks.core.ngram.vocabulary import Ids, with_marks
from tasks.methods.models._ngram_prompts import Prompts, after, cut, interleaved
from tasks.methods.models._ngram_subword import cutter_in
from tasks.methods.models._ngram_train import ABOUT, RUNS, TEXTS

if TYPE_CHECKING:
    from tasks.methods.models.ngram import Params

Ints = npt.NDArray[np.int64]

# How often texts that came out too short are drawn again.
_ROUNDS = 20


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


def drawn(seeds: pa.RecordBatch | None, params: "Params", draw: Draw) -> Made:
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


def _prompts(sampler: Sampler, params: "Params", seeds: pa.RecordBatch | None, draw: Draw) -> Prompts:
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


def _least(about: Mapping[str, Any], params: "Params") -> int:
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


def _reasons(trained: _Trained, params: "Params", prompts: Prompts, sampled: Sampled, least: int) -> np.ndarray:
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
