"""Params, checks and records that the neural generators have in common."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tasks.core import record
from tasks.core.errors import RecipeError
from tasks.core.method import Made, MethodParams

# What trains the models, and what draws the curves of their training.
_NEEDED = ("torch", "matplotlib")
# What changes the samples but not the weights: the same model serves them all.
SAMPLING = frozenset({"temperature", "top_k", "top_p", "reject_copied"})


class ModelParams(MethodParams):
    """How a recurrent generator reads its seeds, how it is trained, and how its words are drawn."""

    hidden: int = Field(256, ge=8, le=4096, description="width of the embeddings and of each recurrent layer")
    layers: int = Field(1, ge=1, le=8, description="recurrent layers")
    cell: Literal["lstm", "gru"] = Field("lstm", description="kind of recurrent cell")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of features that are dropped while training")
    lowercase: bool = Field(default=False, description="read the seeds in lower case, and write so")
    min_count: int = Field(2, ge=1, description="occurrences of a word below which it is unknown")
    max_vocabulary: int = Field(20_000, ge=8, le=1_000_000, description="words, at most; the most frequent are kept")
    max_words: int = Field(64, ge=2, le=4096, description="words and punctuation marks of a text, at most")
    held_out: float = Field(0.05, ge=0, le=0.5, description="share of the seeds that only measures the training")
    rate: float = Field(2e-3, gt=0, le=1, description="learning rate at its height")
    batch: int = Field(64, ge=1, le=65_536, description="texts of a training step")
    max_steps: int = Field(2500, ge=1, description="steps of likelihood training, at most")
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="minutes of the whole training, at most; which weights it ends with depends on the machine",
    )
    threads: int = Field(1, ge=1, le=256, description="CPU threads of the training; the weights depend on them")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the model is trained; auto: cuda if any")
    temperature: float | None = Field(
        None, gt=0, le=10, description="sharpness of each word's draw; by default as diverse as the seeds themselves"
    )
    top_k: int = Field(0, ge=0, description="draw from this many most likely words only; 0: from all")
    top_p: float = Field(1.0, gt=0, le=1, description="draw from the most likely words of this much probability only")
    reject_copied: bool = Field(default=True, description="reject a text that repeats a seed word for word")


def trains_on(params: ModelParams, also_free: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return what the weights depend on: every param that is not about sampling."""
    return params.model_dump(mode="json", by_alias=True, exclude=set(SAMPLING | also_free))


def check(name: str, params: ModelParams) -> None:
    """Raise RecipeError where what the model runs on is not there."""
    if missing := [package for package in _NEEDED if find_spec(package) is None]:
        raise RecipeError(
            f"{name} needs {', '.join(missing)}, not installed: pip install 'tilth[models]'; 'ngram' does without"
        )
    if params.device == "cuda":
        import torch  # noqa: PLC0415 - heavy

        if not torch.cuda.is_available():
            raise RecipeError(f"{name}: device 'cuda' is not there; use 'cpu', or 'auto' for whichever there is")


def made(texts: Sequence[str], copied: np.ndarray | None, extra: Sequence[Mapping[str, Any]], **columns: Any) -> Made:
    """Return texts as records: `empty` ones and, where `copied` says so, those that repeat a seed are rejects."""
    column = pa.array(texts, pa.string())
    reason = pc.if_else(pc.equal(column, ""), pa.scalar("empty"), pa.scalar(None, pa.string()))
    if copied is not None:
        reason = pc.if_else(pa.array(copied), pc.coalesce(reason, pa.scalar("copied")), reason)
    more = [record.dumps(one) for one in extra]
    return Made(record.columns(text=column, extra=more, reason=reason, **columns))
