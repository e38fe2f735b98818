"""Decoding of many prompts together by one causal language model; rows that are done make room for others."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from tasks.core.engine import Answer, FinishReason
from tasks.engines import _kv
from tasks.engines._guide import Guide, Guides, steered
from tasks.engines._sampling import Options, Sampler
from tasks.engines._stops import Stops
from tasks.engines._tokenizer import Tokenizer


@dataclass(slots=True)
class Row:
    """One prompt under way. `ticket` is whatever the caller wants back with the answer."""

    ticket: Any
    prompt: list[int]
    options: Options
    limit: int
    guide: Guide | None = None
    ids: list[int] = field(default_factory=list)
    chosen: list[float] = field(default_factory=list)
    best: list[dict[int, float]] = field(default_factory=list)
    finish: FinishReason | None = None
    stopped: bool = False


class Decoder:
    """A model, its tokenizer, and the batch that is decoded."""

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.device = next(model.parameters()).device
        self.ends = _ends(model, tokenizer)
        self.stops = Stops(tokenizer)
        self.guides = Guides(tokenizer, int(model.get_output_embeddings().weight.shape[0]), sorted(self.ends))
        taken = inspect.signature(model.forward).parameters
        self._takes = {name: name in taken for name in ("position_ids", "logits_to_keep")}
        self.rows: list[Row] = []
        self._cache: Any = None
        self._mask = torch.zeros(0, 0, dtype=torch.long)
        self._positions = torch.zeros(0, dtype=torch.long)
        self._last = torch.zeros(0, dtype=torch.long)
        self._sampler: Sampler | None = None
        self._length = 0

    @property
    def alive(self) -> int:
        """Rows that are not done."""
        return sum(row.finish is None for row in self.rows)

    @torch.inference_mode()
    def admit(self, rows: Sequence[Row]) -> list[Row]:
        """Read the prompts of rows, draw the first token of each, and decode them with the others from now on.

        Return those that are done with their first token.
        """
        width = max(len(row.prompt) for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, width - len(row.prompt) :] = torch.tensor(row.prompt)
            mask[number, width - len(row.prompt) :] = 1
        ids, mask = ids.to(self.device), mask.to(self.device)
        cache = _kv.empty_cache()
        logits = self._forward(ids, mask, (mask.cumsum(-1) - 1).clamp_(min=0), cache)
        last = self._draw(logits, rows, Sampler([row.options for row in rows], self.device))
        self._join(list(rows), cache, mask, last)
        return [row for row in rows if row.finish]

    @torch.inference_mode()
    def step(self) -> list[Row]:
        """Draw the next token of every row; return the rows that are done with it."""
        if self._sampler is None:
            self._sampler = Sampler([row.options for row in self.rows], self.device)
        self._grow_mask()
        self._mask[:, self._length] = 1
        self._length += 1
        mask = self._mask[:, : self._length]
        logits = self._forward(self._last[:, None], mask, self._positions[:, None], self._cache)
        self._positions += 1
        under_way = [row for row in self.rows if row.finish is None]
        self._last = self._draw(logits, self.rows, self._sampler)
        done = [row for row in under_way if row.finish]
        if 4 * self.alive <= 3 * len(self.rows):
            self.compact()
        return done

    def compact(self) -> None:
        """Drop the rows that are done, and the slots on the left that no row uses."""
        kept = [number for number, row in enumerate(self.rows) if row.finish is None]
        if len(kept) == len(self.rows):
            return
        if not kept:
            self.clear()
            return
        at = torch.tensor(kept, device=self.device)
        first = self._first_used(at)
        _kv.keep(self._cache, at, first)
        self._mask = self._mask[at, first : self._length].contiguous()
        self._length -= first
        self._keep_rows(kept, at)

    def clear(self) -> None:
        """Drop all rows."""
        self.rows, self._cache, self._sampler, self._length = [], None, None, 0
        self._mask = torch.zeros(0, 0, dtype=torch.long, device=self.device)

    def _keep_rows(self, kept: list[int], at: torch.Tensor) -> None:
        self._positions, self._last = self._positions[at], self._last[at]
        self.rows = [self.rows[number] for number in kept]
        self._sampler = None

    def _first_used(self, at: torch.Tensor) -> int:
        return int(self._mask[at, : self._length].argmax(-1).min())

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any) -> torch.Tensor:
        """Return the logits of each row's last token, (rows, vocabulary), in float32."""
        named: dict[str, Any] = {"position_ids": positions, "logits_to_keep": 1}
        taken = {name: value for name, value in named.items() if self._takes[name]}
        found = self.model(
            input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, return_dict=True, **taken
        )
        return found.logits[:, -1].float()

    def _grow_mask(self) -> None:
        rows, slots = self._mask.shape
        if self._length == slots:
            self._mask = torch.cat([self._mask, self._mask.new_zeros(rows, max(64, slots // 2))], 1)

    def _join(self, rows: list[Row], cache: Any, mask: torch.Tensor, last: torch.Tensor) -> None:
        lengths = torch.tensor([len(row.prompt) for row in rows], device=self.device)
        kept = [number for number, row in enumerate(self.rows) if row.finish is None]
        if not kept:
            self.rows, self._cache, self._mask, self._length = rows, cache, mask, mask.shape[1]
            self._positions, self._last, self._sampler = lengths, last, None
            return
        at = torch.tensor(kept, device=self.device)
        first = self._first_used(at)
        self._cache = _kv.joined(self._cache, at, first, cache)
        length = max(self._length - first, mask.shape[1])
        both = mask.new_zeros(len(kept) + len(rows), length)
        both[: len(kept), length - (self._length - first) :] = self._mask[at, first : self._length]
        both[len(kept) :, length - mask.shape[1] :] = mask
        self._mask, self._length = both, length
        self._keep_rows(kept, at)
        self._positions, self._last = torch.cat([self._positions, lengths]), torch.cat([self._last, last])
        self.rows += rows

    def _draw(self, logits: torch.Tensor, rows: Sequence[Row], sampler: Sampler) -> torch.Tensor:
        """Return the next token of each row, and write it down for those that are under way."""
        allowed = steered(logits, [row.guide if row.finish is None else None for row in rows])
        drawn = sampler.draw(allowed, np.array([len(row.ids) for row in rows], np.uint64))
        if any(row.options.logprobs is not None and row.finish is None for row in rows):
            _note_logprobs(logits, drawn, rows)
        for row, token in zip(rows, drawn.tolist(), strict=True):
            if row.finish is None:
                row.ids.append(token)
                self._judge(row, token)
        return drawn

    def _judge(self, row: Row, token: int) -> None:
        if row.guide:
            row.guide.take(token)
        if (token in self.ends and not row.options.ignore_eos) or (row.guide and row.guide.whole):
            row.finish = "stop"
        elif row.options.stop and self.stops.ended(row.options.stop, token, row.ids, row.prompt):
            row.finish, row.stopped = "stop", True
        elif len(row.ids) >= row.limit:
            row.finish = "length"

    def answer(self, row: Row) -> Answer:
        """Return the answer of a row that is done. Its tokens count the one that ended it."""
        text = self.tokenizer.decode(row.ids, row.prompt)
        if row.stopped:
            text = text[: min((at for at in map(text.find, row.options.stop) if at >= 0), default=None)]
        extra = {"logprobs": self._logprobs(row)} if row.options.logprobs is not None else {}
        return Answer(text, row.finish or "stop", len(row.prompt), len(row.ids), extra)

    def _logprobs(self, row: Row) -> dict[str, Any]:
        words = self.tokenizer.words(row.ids)
        # Half characters read alike: the most probable one of those stays.
        best = [
            dict(zip(self.tokenizer.words(list(top)[::-1]), [*top.values()][::-1], strict=True)) for top in row.best
        ]
        return {"tokens": words, "token_logprobs": row.chosen, "top_logprobs": best if any(best) else None}


def _note_logprobs(logits: torch.Tensor, drawn: torch.Tensor, rows: Sequence[Row]) -> None:
    """Write down log-probabilities before temperature and filters, as vLLM reports them."""
    logs = torch.log_softmax(logits, -1)
    chosen = logs.gather(-1, drawn[:, None])[:, 0].tolist()
    most = max(row.options.logprobs or 0 for row in rows)
    best = logs.topk(min(most, logits.shape[-1]), -1) if most else None  # (values, tokens), each (rows, most)
    for number, row in enumerate(rows):
        if row.options.logprobs is None or row.finish is not None:
            continue
        row.chosen.append(chosen[number])
        wanted = row.options.logprobs
        values, tokens = (part[number, :wanted].tolist() for part in best) if best else ([], [])
        row.best.append(dict(zip(tokens, values, strict=True)))


def _ends(model: Any, tokenizer: Tokenizer) -> frozenset[int]:
    """Return the tokens that end an answer."""
    found = getattr(model.generation_config, "eos_token_id", None)
    listed = found if isinstance(found, list) else [found]
    return frozenset(token for token in [*listed, tokenizer.inner.eos_token_id] if token is not None)
