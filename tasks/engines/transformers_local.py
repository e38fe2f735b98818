"""Completions from a causal language model that transformers runs in this process, on CPU or CUDA.

Requests of all callers meet in one worker thread. It decodes `batch_size` of them together, those of like length side
by side, and when some are done others take their places, so that one long answer keeps nobody waiting (Yu et al. 2022,
Orca, https://www.usenix.org/conference/osdi22/presentation/yu).

Sampling knows temperature, top_p, top_k, min_p, max_tokens (256 where it is not given), seed, stop, logprobs and
ignore_eos. A JSON Schema steers the model, and the answer is validated.
"""

import inspect
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tasks.core.engine import Answer, Request, TransformersLocal
from tasks.core.errors import RecipeError, RecordError, TilthError, UserError
from tasks.engines import _model_files
from tasks.engines._tokenizer import Tokenizer
from tasks.engines._worker import Job, Worker

if TYPE_CHECKING:
    from tasks.engines._decode import Decoder, Row

_PATIENCE = 8  # steps after which even a few that wait are let in
_NO_LIMIT = 1 << 20


class LocalEngine:
    """One model of a directory or hub id; it is loaded when the first request comes."""

    def __init__(self, spec: TransformersLocal) -> None:
        self.spec = spec
        self.tokenizer = Tokenizer(spec.model, spec.revision)
        self._worker = Worker("transformers_local", self._load, self._explain)

    @cached_property
    def identity(self) -> str:
        """The digest of the model's files, or id@commit of a hub id."""
        return f"transformers_local:{_model_files.identity(self.spec.model, self.spec.revision)}"

    def tokens(self, request: Request) -> int | None:
        """Return how many tokens the prompt has."""
        return self.tokenizer.count(request)

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request, in order; the first error is raised when all are done."""
        return await self._worker.complete(requests)

    async def close(self) -> None:
        """Stop the worker after the step it is in, and free the model."""
        await self._worker.close()

    def _load(self) -> "Batches":
        return Batches(load_decoder(self.spec, self.tokenizer), self.spec.batch_size)

    def _explain(self, exc: Exception) -> TilthError:
        if isinstance(exc, TilthError):
            return exc
        if type(exc).__name__ == "OutOfMemoryError" or isinstance(exc, MemoryError):
            size = self.spec.batch_size
            return UserError(f"out of memory with {size} sequences at a time; lower batch_size of the engine")
        why = (str(exc).splitlines() or [""])[0][:300]
        wrapped = UserError(f"the model '{self.spec.model}' failed: {type(exc).__name__}: {why}")
        wrapped.__cause__ = exc
        return wrapped


class Batches:
    """What the worker thread has in hand: the rows that wait, and those in the decoder."""

    def __init__(self, decoder: "Decoder", batch_size: int) -> None:
        self._decoder = decoder
        self._size = batch_size
        self._waiting: deque[Row] = deque()
        self._steps = 0
        config = decoder.model.config
        longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        self._longest = longest if isinstance(longest, int) and longest > 0 else _NO_LIMIT

    @property
    def busy(self) -> bool:
        return bool(self._waiting) or self._decoder.alive > 0

    def take(self, job: Job) -> None:
        """Put a request in line; RecordError for a prompt that is empty or too long."""
        from tasks.engines._decode import Row  # noqa: PLC0415 - loads torch
        from tasks.engines._sampling import options  # noqa: PLC0415

        wanted, ids = options(job.request), self._decoder.tokenizer.encode(job.request)
        if not ids:
            raise RecordError("empty_prompt", "the prompt has no tokens")
        if len(ids) >= self._longest:
            raise RecordError("prompt_too_long", f"{len(ids)} tokens; the model's context is {self._longest}")
        limit, guide = min(wanted.max_tokens, self._longest - len(ids)), self._decoder.guides.guide(job.request.schema)
        self._waiting.append(Row(job, ids, wanted, limit, guide))

    def step(self) -> None:
        """Let in who may come in, and draw the next token of every row."""
        self._drop_given_up()
        free = self._size - self._decoder.alive
        if self._waiting and self._may_enter(free):
            self._steps = 0
            self._settle(self._decoder.admit(self._next(min(free, len(self._waiting)))))
        if self._decoder.alive:
            self._steps += 1
            self._settle(self._decoder.step())
        else:
            self._decoder.clear()

    def reset(self) -> None:
        """Forget everything that is under way."""
        self._waiting.clear()
        self._decoder.clear()

    def _drop_given_up(self) -> None:
        for row in self._decoder.rows:
            if row.ticket.given_up:
                row.finish = row.finish or "stop"
        if any(row.ticket.given_up for row in self._waiting):
            self._waiting = deque(row for row in self._waiting if not row.ticket.given_up)

    def _may_enter(self, free: int) -> bool:
        """Return whether now is the time: each entry costs about two steps, so a few are let in together."""
        if not self._decoder.alive:
            return True
        enough = len(self._waiting) >= min(free, max(1, self._size // 8))
        return free >= max(1, self._size // 4) and (enough or self._steps >= _PATIENCE)

    def _next(self, count: int) -> list["Row"]:
        """Return the rows that enter: the one that waits longest, and those nearest to it in length."""
        waiting = list(self._waiting)
        first = len(waiting[0].prompt)
        order = sorted(range(len(waiting)), key=lambda i: (abs(len(waiting[i].prompt) - first), i))
        chosen = set(order[:count])
        self._waiting = deque(row for i, row in enumerate(waiting) if i not in chosen)
        return [waiting[i] for i in sorted(chosen)]

    def _settle(self, rows: Sequence["Row"]) -> None:
        for row in rows:
            if not row.ticket.given_up:
                row.ticket.settle(self._decoder.answer(row))


def load_decoder(spec: TransformersLocal, tokenizer: Tokenizer) -> "Decoder":
    """Return a decoder for the model of a spec; RecipeError where it cannot be loaded."""
    if "torch" not in sys.modules:
        # Threads of OpenMP that wait by spinning slow each other down where cores are shared: with a load of five on
        # two cores, 260 tokens/s instead of 810.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch  # noqa: PLC0415 - seconds
        from safetensors import SafetensorError  # noqa: PLC0415 - comes with transformers
        from transformers import AutoModelForCausalLM  # noqa: PLC0415 - seconds
        from transformers.utils import logging  # noqa: PLC0415
    except ImportError as exc:
        raise RecipeError(f"the engine 'transformers_local' needs torch and transformers: tilth[llm] ({exc})") from exc
    from tasks.engines._decode import Decoder  # noqa: PLC0415 - loads torch

    logging.disable_progress_bar()
    device = spec.device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        model = AutoModelForCausalLM.from_pretrained(spec.model, revision=spec.revision, dtype="auto")
        model = model.to(device).eval()
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        raise RecipeError(f"cannot load the model '{spec.model}': {str(exc).splitlines()[0][:300]}") from exc
    _check_cache(model, spec.model)
    return Decoder(model, tokenizer)


def _check_cache(model: Any, name: str) -> None:
    forward: Callable[..., Any] = model.forward
    if getattr(model, "_is_stateful", False) or "past_key_values" not in inspect.signature(forward).parameters:
        raise RecipeError(f"'{name}' ({model.config.model_type}) keeps no keys and values; let vLLM serve it")
