"""Completions from vLLM in this process, for a GPU worker where vLLM is installed.

Kwon et al. 2023, PagedAttention (https://arxiv.org/abs/2309.06180). Requests of all callers meet in one worker thread,
which hands each to `vllm.LLM`'s engine as it comes: vLLM's own scheduler fills the batches, so nobody waits for the end
of a round, as they would with `LLM.generate`. A JSON Schema steers the decoding (`structured_outputs`).

`options` of the spec are arguments of `vllm.LLM`: tensor_parallel_size, gpu_memory_utilization, max_model_len, ...
"""

import inspect
from collections.abc import Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

from tasks.core.engine import Answer, Request, VllmOffline
from tasks.core.errors import RecipeError, RecordError, TilthError, UserError, choices
from tasks.core.manifest import digest
from tasks.engines import _model_files
from tasks.engines._tokenizer import Tokenizer
from tasks.engines._worker import Job, Worker

DEFAULT_MAX_TOKENS = 256
_SEEDS = 2**63


class VllmEngine:
    """One model that vLLM runs here; it is loaded when the first request comes."""

    def __init__(self, spec: VllmOffline) -> None:
        self.spec = spec
        self._tokenizer = Tokenizer(spec.options.get("tokenizer") or spec.model, spec.options.get("revision"))
        self._worker = Worker("vllm_offline", self._load, self._explain)

    @cached_property
    def identity(self) -> str:
        """The digest of the model's files, or id@commit of a hub id, and a digest of the options."""
        model = _model_files.identity(self.spec.model, self.spec.options.get("revision"))
        return (
            f"vllm_offline:{model}:{digest(self.spec.options)[:16]}" if self.spec.options else f"vllm_offline:{model}"
        )

    def tokens(self, request: Request) -> int | None:
        """Return how many tokens the prompt has."""
        return self._tokenizer.count(request)

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request, in order; the first error is raised when all are done."""
        return await self._worker.complete(requests)

    async def close(self) -> None:
        """Stop the worker and free the model."""
        await self._worker.close()

    def _load(self) -> "Scheduled":
        try:
            from vllm import LLM  # noqa: PLC0415 - half a minute
        except ImportError as exc:
            raise RecipeError(
                "the engine 'vllm_offline' needs the package vllm (deployments/vllm/ has its requirements); "
                "or let `make vllm` serve the model and use 'openai_http'"
            ) from exc
        try:
            llm = LLM(model=self.spec.model, **self.spec.options)
        except (OSError, ValueError, TypeError, RuntimeError) as exc:
            raise RecipeError(f"vLLM cannot load '{self.spec.model}': {_first_line(exc)}") from exc
        return Scheduled(llm, self._tokenizer)

    def _explain(self, exc: Exception) -> TilthError:
        if isinstance(exc, TilthError):
            return exc
        wrapped = UserError(f"vLLM failed on '{self.spec.model}': {type(exc).__name__}: {_first_line(exc)}")
        wrapped.__cause__ = exc
        return wrapped


def _first_line(exc: Exception) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]


class Scheduled:
    """The requests that vLLM's scheduler has in hand."""

    def __init__(self, llm: Any, tokenizer: Tokenizer) -> None:
        self._engine = llm.llm_engine
        self._llm = llm
        self._tokenizer = tokenizer
        self._longest = int(self._engine.model_config.max_model_len)
        self._jobs: dict[str, Job] = {}

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def take(self, job: Job) -> None:
        """Hand a request to the scheduler; RecordError for a prompt that the context cannot hold."""
        ids = self._tokenizer.encode(job.request)
        limit = int(dict(job.request.sampling).get("max_tokens", DEFAULT_MAX_TOKENS))
        if not ids:
            raise RecordError("empty_prompt", "the prompt has no tokens")
        if len(ids) >= self._longest:
            raise RecordError("prompt_too_long", f"{len(ids)} tokens; the model's context is {self._longest}")
        params = sampling_params(job.request, min(limit, self._longest - len(ids)))
        key = str(job.number)
        try:
            self._engine.add_request(key, {"prompt_token_ids": ids}, params)
        except _client_errors() as exc:
            raise RecordError("bad_request", _first_line(exc)) from exc
        self._jobs[key] = job

    def step(self) -> None:
        """Go on by one iteration of the scheduler."""
        for found in self._engine.step():
            if found.finished:
                job = self._jobs.pop(found.request_id, None)
                if job:
                    job.settle(self._answer(found))
        given_up = [key for key, job in self._jobs.items() if job.given_up]
        if given_up:
            self._engine.abort_request(given_up)
            for key in given_up:
                del self._jobs[key]

    def reset(self) -> None:
        """Take back everything that is under way."""
        keys = list(self._jobs)
        self._jobs.clear()
        if keys:
            self._engine.abort_request(keys)

    def _answer(self, found: Any) -> Answer | RecordError:
        out = found.outputs[0]
        if out.finish_reason not in {"stop", "length"}:
            return RecordError("bad_request", f"vLLM ended the request: {out.finish_reason}", raw=out.text)
        extra = {"logprobs": self._logprobs(out)} if out.logprobs is not None else {}
        return Answer(out.text, out.finish_reason, len(found.prompt_token_ids), len(out.token_ids), extra)

    def _logprobs(self, out: Any) -> Mapping[str, Any]:
        places = list(zip(out.token_ids, out.logprobs, strict=True))
        # Half characters read alike: in ascending order the most probable one of those stays.
        best = [
            dict(sorted(((self._word(token, one), one.logprob) for token, one in place.items()), key=itemgetter(1)))
            for _, place in places
        ]
        return {
            "tokens": [self._word(token, place[token]) for token, place in places],
            "token_logprobs": [place[token].logprob for token, place in places],
            "top_logprobs": best if any(len(place) > 1 for _, place in places) else None,
        }

    def _word(self, token: int, place: Any) -> str:
        return place.decoded_token if place.decoded_token is not None else self._tokenizer.words([token])[0]


def sampling_params(request: Request, max_tokens: int) -> Any:
    """Return vLLM's form of a request's sampling; UserError for a name or a value that vLLM does not take."""
    from vllm import SamplingParams  # noqa: PLC0415 - half a minute
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams  # noqa: PLC0415

    given = dict(request.sampling) | {"max_tokens": max_tokens, "output_kind": RequestOutputKind.FINAL_ONLY}
    logprobs = given.pop("logprobs", None)
    if logprobs is not None and logprobs is not False:
        given["logprobs"] = 0 if logprobs is True else int(logprobs)
    if given.get("seed") is not None:
        given["seed"] = int(given["seed"]) % _SEEDS
    if "stop" in given and not isinstance(given["stop"], str):
        given["stop"] = list(given["stop"])
    if request.schema is not None:
        given["structured_outputs"] = StructuredOutputsParams(json=request.schema)
    known = [name for name in inspect.signature(SamplingParams).parameters if not name.startswith("_")]
    for name in given:
        if name not in known:
            raise UserError(f"vLLM does not sample by '{name}'{choices(name, known)}")
    try:
        return SamplingParams(**given)
    except _client_errors() as exc:
        raise UserError(f"a sampling parameter cannot be used: {_first_line(exc)}") from exc


def _client_errors() -> tuple[type[Exception], ...]:
    """Return what vLLM raises for a request that it will not take; newer releases have a class of their own for it."""
    from vllm import exceptions  # noqa: PLC0415 - half a minute

    newer = getattr(exceptions, "VLLMClientError", None)
    return (TypeError, ValueError, newer) if newer else (TypeError, ValueError)
