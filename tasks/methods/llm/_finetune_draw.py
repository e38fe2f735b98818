"""Drawing from a model that `finetune` trained: what a draw starts from, and what of it is turned down."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.errors import RecipeError
from tasks.core.method import Draw, Made
from tasks.core.random import permuted
from tasks.core.record import columns, constant
from tasks.methods.llm._finetune_model import device_of, threads
from tasks.methods.llm._finetune_params import Params
from tasks.methods.llm._finetune_sample import Sampling, sample
from tasks.methods.llm._finetune_text import Message, grams, prompt

FACTS, OPENINGS, KNOWN = "tilth.json", "openings.jsonl", "known.npy"


class _Opened:
    """A trained model, ready to draw from."""

    def __init__(self, folder: Path, params: Params) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy

        self.facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        self.openings = [json.loads(line) for line in (folder / OPENINGS).read_text(encoding="utf-8").splitlines()]
        self.known = np.load(folder / KNOWN)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval().to(device_of(params))

    @property
    def texts(self) -> bool:
        """Whether it writes texts; else it answers chats."""
        return self.facts["layout"] == "text"

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a rendered prompt."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


@lru_cache(maxsize=1)
def _opened(folder: Path, device: str | None) -> _Opened:
    return _Opened(folder, Params(device=device))


def drawn(folder: Path, params: Params, draw: Draw) -> Made:
    """Return `draw.count` records of the model in `folder`."""
    opened = _opened(folder, params.device)
    # Shards are drawn side by side: one thread each.
    with threads(1):
        if opened.texts:
            starts = _text_starts(opened, params, draw)
            texts, ended = _texts(opened, starts, params, draw.rng)
            rows: dict[str, Any] = {"kind": constant("text", draw.count), "text": texts}
            written, content = texts, texts
        else:
            chats, begun = _chats(opened, params, draw)
            written, ended = _answers(opened, chats, params, draw.rng)
            ended = [both and done for both, done in zip(begun, ended, strict=True)]
            rows = _chat_rows(opened.facts["layout"], chats, written)
            content = [
                f"{chat[-1]['content']}\n{text}" if text.strip() else ""
                for chat, text in zip(chats, written, strict=True)
            ]
    reasons = _reasons(opened, written, content, ended, params)
    return Made(columns(**rows, reason=pa.array(reasons, pa.string())))


def _text_starts(opened: _Opened, params: Params, draw: Draw) -> list[str]:
    if params.prefix is not None:
        return [params.prefix] * draw.count
    if params.prompts != "seeds":
        return [""] * draw.count
    return [" ".join(start.split()[: params.prefix_words]) for start in _dealt(opened, draw)]


def _dealt(opened: _Opened, draw: Draw) -> list[Any]:
    """Return an opening a draw: each once before any comes twice, in an order of the stage's own."""
    count = len(opened.openings)
    numbers = np.arange(draw.start, draw.start + draw.count, dtype=np.uint64) % np.uint64(count)
    return [opened.openings[place] for place in permuted(numbers, count, draw.key).tolist()]


def _texts(
    opened: _Opened, starts: Sequence[str], params: Params, rng: np.random.Generator
) -> tuple[list[str], list[bool]]:
    tokenizer = opened.tokenizer
    begin = tokenizer.bos_token_id if opened.facts["begins"] else tokenizer.eos_token_id
    prompts = [[begin, *opened.ids(start)] for start in starts]
    tokens, ended = _sampled(opened, prompts, params, rng)
    whole = [[*ids[1:], *more] for ids, more in zip(prompts, tokens, strict=True)]
    return _text_of(opened, whole), ended


def _chats(opened: _Opened, params: Params, draw: Draw) -> tuple[list[list[Message]], list[bool]]:
    """Return the chat that each draw answers, and whether it is whole: the model may write its prompt itself."""
    if params.prefix is not None:
        return [[{"role": "user", "content": params.prefix}]] * draw.count, [True] * draw.count
    if params.prompts != "none":
        return _dealt(opened, draw), [True] * draw.count
    if opened.facts["learn"] != "all":
        raise RecipeError("prompts 'none' needs a model that has learned prompts too: set learn: all")
    head = opened.ids(opened.facts["head"])
    tokens, ended = _sampled(opened, [head] * draw.count, params, draw.rng)
    return [[{"role": "user", "content": text}] for text in _text_of(opened, tokens)], ended


def _answers(
    opened: _Opened, chats: Sequence[Sequence[Message]], params: Params, rng: np.random.Generator
) -> tuple[list[str], list[bool]]:
    tokens, ended = _sampled(opened, [opened.ids(prompt(chat, opened.tokenizer)) for chat in chats], params, rng)
    return _text_of(opened, tokens), ended


def _text_of(opened: _Opened, tokens: Sequence[Sequence[int]]) -> list[str]:
    return [text.strip() for text in opened.tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def _sampled(
    opened: _Opened, prompts: Sequence[Sequence[int]], params: Params, rng: np.random.Generator
) -> tuple[list[list[int]], list[bool]]:
    sampling = Sampling(params.temperature, params.top_p, params.top_k, params.max_tokens, params.draw_rows)
    return sample(opened.model, prompts, opened.facts["stops"], sampling, rng)


def _chat_rows(layout: str, chats: Sequence[list[Message]], answers: Sequence[str]) -> dict[str, Any]:
    if layout == "pair":
        asked = [chat[-1]["content"] for chat in chats]
        return {"kind": constant("pair", len(chats)), "text": asked, "target": answers}
    whole = [[*chat, {"role": "assistant", "content": text}] for chat, text in zip(chats, answers, strict=True)]
    return {"kind": constant("chat", len(chats)), "messages": whole}


def _reasons(
    opened: _Opened, written: Sequence[str], content: Sequence[str], ended: Sequence[bool], params: Params
) -> list[str | None]:
    """Return why each is turned down: empty, truncated, or mostly found in the seeds."""
    runs, row = grams(written)
    found = np.bincount(row, np.isin(runs, opened.known), len(written))
    copied = found >= params.max_copied * np.maximum(1, np.bincount(row, minlength=len(written)))
    return [
        "empty" if not text.strip() else "truncated" if not whole else "copied" if copy else None
        for text, whole, copy in zip(content, ended, copied.tolist(), strict=True)
    ]
