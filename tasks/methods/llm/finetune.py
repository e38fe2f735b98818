"""Fine-tune a causal language model on the seeds, or train a small one from scratch, and draw new texts from it.

Source: Howard & Ruder 2018, Universal Language Model Fine-tuning for Text Classification (https://arxiv.org/abs/1801.06146)

    model: ./models/smollm-135m     # directory or hub id; without it a small Llama from scratch
    adapt: lora                     # or full; Hu et al. 2022 (https://arxiv.org/abs/2106.09685)
    max_steps: 300
    temperature: 0.8

Seeds with `messages` are chats, seeds with a `target` are prompts with their completions, others are texts. Of chats
and pairs the assistant's turns are learned, by the model's chat template; a tokenizer without one gets a plain one.
Several documents share a row of `context` tokens, with attention inside each. Some seeds are held out: training stops
where their loss no longer falls, and keeps the weights of the best. A killed training goes on from its last checkpoint.

The model's folder, `models/<key>` in the work folder, is in Hugging Face format, adapters merged: vLLM serves it as it
is, and other stages of the recipe ask it through an engine with `model: stage:NAME`, this stage's name.

A draw starts from nothing, from `prefix`, or from a seed: its first words, or a pair's prompt, which is answered anew.
What runs into `max_tokens` is rejected as `truncated`, what the seeds hold already as `copied`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.errors import UserError
from tasks.core.method import Draw, Made, Method
from tasks.core.record import dumps
from tasks.core.training import Trained, Training
from tasks.engines._model_files import identity, is_directory
from tasks.methods.llm import _finetune_model as models
from tasks.methods.llm._finetune_draw import FACTS, KNOWN, OPENINGS, drawn
from tasks.methods.llm._finetune_loop import train
from tasks.methods.llm._finetune_pack import Documents, Rows, cut, pack
from tasks.methods.llm._finetune_params import DRAWING, Params
from tasks.methods.llm._finetune_state import State
from tasks.methods.llm._finetune_text import Corpus, grams, openings, read, tokenized, turn_ends

# Openings that are kept for drawing, and texts drawn to say how many are copies.
_MAX_OPENINGS = 100_000
_TRIED = 32


def fit(training: Training) -> Trained:
    """Train on the seeds into `training.folder`; UserError where they hold nothing to learn from."""
    params = training.params
    corpus = read(training.seeds)
    if not len(corpus):
        raise UserError("finetune found no seed with text, or a target, or messages of an assistant")
    training.progress(0.0, f"tokenizing {len(corpus)} seeds")
    with models.threads(params.threads):
        tokenizer = models.open_tokenizer(params, _all_texts(corpus))
        model = models.open_model(params, tokenizer, training.seed)
        rows, held, notes = _split(corpus, tokenizer, params, training.seed)
        state = train(
            model, rows, held, params, seed=training.seed, scratch=training.scratch, progress=training.progress
        )
        _write(model, tokenizer, corpus, training)
        copied = _share_copied(training)
    return _said(state, corpus, notes, copied)


def _all_texts(corpus: Corpus) -> list[str]:
    return corpus.texts or [turn["content"] for chat in corpus.chats for turn in chat]


def _split(corpus: Corpus, tokenizer: Any, params: Params, seed: int) -> tuple[Rows, Rows, list[str]]:
    """Return rows to train on, rows held out, and what there is to say of it."""
    docs, notes = tokenized(corpus, tokenizer, learn=params.learn), []
    if corpus.layout == "text":
        docs = cut(docs, params.context)
    else:
        docs, notes = _fitting(docs, params.context)
    order = models.permutation(seed, len(docs))
    held = round(params.held_out * len(docs))
    if params.held_out and len(docs) < 2 / params.held_out:
        notes.append(f"nothing is held out of {len(docs)} seeds: there is no held-out loss and no early stop")
        held = 0
    parts = (docs.take(np.sort(order[held:])), docs.take(np.sort(order[:held])))
    rows, kept = (pack(part, params.context, packing=params.packing) for part in parts)
    return rows, kept, notes


def _fitting(docs: Documents, context: int) -> tuple[Documents, list[str]]:
    fits = docs.lengths <= context
    if not fits.any():
        raise UserError(f"no seed fits into `context` {context}: the shortest has {docs.lengths.min()} tokens")
    if fits.all():
        return docs, []
    lost = int((~fits).sum())
    return docs.take(np.flatnonzero(fits)), [f"{lost} seeds are longer than `context` {context} and were left out"]


def _write(model: Any, tokenizer: Any, corpus: Corpus, training: Training) -> None:
    """Write the model's folder: Hugging Face files, and what drawing needs beside them."""
    import torch  # noqa: PLC0415 - heavy

    params, folder = training.params, training.folder
    head, middle, stops = ("", "", [tokenizer.eos_token_id]) if corpus.layout == "text" else turn_ends(tokenizer)
    dtype = torch.bfloat16 if params.model and models.half(params, models.device_of(params)) else torch.float32
    models.save(model, tokenizer, stops, folder, dtype)
    facts: dict[str, Any] = {
        "layout": corpus.layout,
        "learn": params.learn,
        "head": head,
        "middle": middle,
        "stops": stops,
    }
    facts["begins"] = tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    starts = openings(corpus)
    if len(starts) > _MAX_OPENINGS:
        starts = [starts[at] for at in np.sort(models.permutation(training.seed, len(starts))[:_MAX_OPENINGS])]
    (folder / OPENINGS).write_text("".join(dumps(start) + "\n" for start in starts), encoding="utf-8")
    np.save(folder / KNOWN, np.unique(grams(corpus.written())[0]))


def _share_copied(training: Training) -> float:
    """Return the share of a few draws that are copies of seeds."""
    made = run(None, training.params, Draw(training.rng, _TRIED, 0, training.seed, training.folder))
    reasons = made.records.column("reason").to_pylist()
    return reasons.count("copied") / max(1, len(reasons))


def _said(state: State, corpus: Corpus, notes: list[str], copied: float) -> Trained:
    losses = state.curves.get("loss/train", [])
    figures = {
        "seeds": len(corpus),
        "steps": state.step,
        "tokens": state.tokens,
        "train_loss": round(float(np.mean([loss for _, loss in losses[-20:]])), 4) if losses else math.nan,
        "share_copied": round(copied, 4),
    }
    if math.isfinite(state.best):
        figures |= {"held_out_loss": round(state.best, 4), "perplexity": round(math.exp(min(state.best, 50.0)), 3)}
    empty = [f"{corpus.empty} seeds have nothing to learn and were left out"] if corpus.empty else []
    stopped = [state.stopped] if state.stopped else []
    many = [f"{copied:.0%} of {_TRIED} texts drawn are copies of seeds: train less or draw hotter"]
    return Trained([*notes, *empty, *stopped, *(many if copied > 0.2 else [])], figures, _thinned(state.curves))


def _thinned(curves: Mapping[str, Sequence[tuple[float, float]]], points: int = 500) -> dict[str, Any]:
    return {name: curve[:: -(-len(curve) // points)] for name, curve in curves.items() if curve}


def run(seeds: pa.RecordBatch | None, params: Params, draw: Draw) -> Made:  # noqa: ARG001 - a batch method's arguments
    """Return `draw.count` records of the seeds' kind; a row is rejected as `truncated`, `copied` or `empty`."""
    if draw.model is None:
        raise UserError("finetune draws from a trained model, and there is none")
    return drawn(draw.model, params, draw)


def trains_on(params: Params) -> dict[str, Any]:
    """Return what the training depends on: of a model directory its content, not only its name."""
    values = params.model_dump(mode="json", exclude=set(DRAWING))
    if params.model and is_directory(params.model):
        values["model"] = identity(params.model, params.revision)
    return values


METHOD = Method(
    name="finetune",
    version=1,
    family="llm",
    params=Params,
    run=run,
    gives=("kind", "text", "messages", "target"),
    seeds=lambda _params: "all",
    check=models.check,
    shard_rows=2_000,
    fit=fit,
    trains_on=trains_on,
    serves=True,
)
