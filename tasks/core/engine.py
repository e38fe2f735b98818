"""What completes prompts: a vLLM server, an OpenAI-compatible endpoint, a local model, a scripted fake."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tasks.core.manifest import digest

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to complete: `messages`, (role, content) turns, for a chat; else `prompt`.

    `sampling` holds temperature, top_p, max_tokens, seed, stop, logprobs, as (name, value) pairs, sorted by name.
    `schema` is a JSON Schema, as canonical JSON text, that the answer must be an instance of.
    """

    prompt: str | None = None
    messages: tuple[tuple[str, str], ...] = ()
    sampling: tuple[tuple[str, Any], ...] = ()
    schema: str | None = None

    def digest(self, identity: str) -> str:
        """Return the key of the answer: a digest of the whole request and of the engine's identity."""
        return digest([identity, asdict(self)])


def sampling(**values: Any) -> tuple[tuple[str, Any], ...]:
    """Return sampling parameters as a Request holds them; those that are None are left to the engine."""
    return tuple(sorted((name, value) for name, value in values.items() if value is not None))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. An answer with finish reason `length` was cut off and is never taken for a whole one."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    extra: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Engine(Protocol):
    """Completes requests.

    Raises TransientError where another try may pass (its own retries are spent by then), UserError where it will not
    (a wrong key, no such model), RecordError where only this request is at fault (`prompt_too_long`).
    """

    @property
    def identity(self) -> str:
        """Model, revision and everything else that changes the answers, never an address: part of cache keys."""
        ...

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request, in order. May be called from many coroutines of one loop at once."""
        ...

    def tokens(self, request: Request) -> int | None:
        """Return how many tokens the prompt of a request has; None where the tokenizer is not at hand."""
        ...

    async def close(self) -> None:
        """Release connections and memory."""
        ...


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Spec):
    """What tokens cost."""

    input: float = Field(0.0, ge=0, description="US dollars per million tokens of prompts")
    output: float = Field(0.0, ge=0, description="US dollars per million tokens of answers")


class Embedded(_Spec):
    """A small Llama that is trained on first use, for machines with no network and no GPU."""

    type: Literal["embedded"] = Field("embedded", description="the embedded model")
    price: Price = Field(Price(), description="what tokens cost")


class OpenAIHttp(_Spec):
    """Any server that speaks the OpenAI protocol, vLLM's own first; of several base URLs the least loaded is asked."""

    type: Literal["openai_http"] = Field(description="a server that speaks the OpenAI protocol")
    base_url: str | tuple[str, ...] = Field(description="address up to /v1, or several of the same model")
    model: str | None = Field(
        None, description="model name; empty where the server has just one; stage:NAME for what a stage trains"
    )
    api_key_env: str = Field("OPENAI_API_KEY", description="environment variable that holds the key, if there is one")
    timeout_s: float = Field(120.0, gt=0, description="time limit of one request, in seconds")
    patience_s: float = Field(
        180.0, gt=0, description="time without an answer from any server after which the run stops, in seconds"
    )
    max_concurrency: int = Field(256, ge=1, le=4096, description="requests in flight at most, to each server")
    tokenizer: str | None = Field(None, description="directory or hub id of the tokenizer, for exact estimates")
    price: Price = Field(Price(), description="what tokens cost")


class TransformersLocal(_Spec):
    """A causal language model that transformers runs in this process."""

    type: Literal["transformers_local"] = Field(description="a model that transformers runs in this process")
    model: str = Field(description="directory or hub id of the model, or stage:NAME for what a stage trains")
    revision: str | None = Field(None, description="revision of a hub id")
    device: str | None = Field(None, description="cpu, cuda or cuda:N; empty for CUDA where there is one")
    batch_size: int = Field(64, ge=1, le=4096, description="sequences that are decoded together")
    price: Price = Field(Price(), description="what tokens cost")


class VllmOffline(_Spec):
    """vllm.LLM in this process, for a GPU worker where vLLM is installed."""

    type: Literal["vllm_offline"] = Field(description="vllm.LLM in this process")
    model: str = Field(description="directory or hub id of the model, or stage:NAME for what a stage trains")
    options: dict[str, Any] = Field(default_factory=dict, description="further arguments of vllm.LLM")
    price: Price = Field(Price(), description="what tokens cost")


class Fake(_Spec):
    """A scripted engine: answers, latency and failures on purpose, for tests and dry runs."""

    type: Literal["fake"] = Field(description="a scripted engine")
    answers: tuple[str, ...] = Field((), description="texts to answer with, chosen by the request; empty: echo")
    latency_ms: float = Field(0.0, ge=0, description="time to each answer, in milliseconds")
    failures: dict[str, float] = Field(
        default_factory=dict,
        description="share of requests, in [0, 1], that fail in a way: 429, 500, hang, garbage, truncate, disconnect",
    )
    price: Price = Field(Price(), description="what tokens cost")


# `model: stage:NAME` is the model that a stage of the same recipe trains.
_STAGE = "stage:"

EngineSpec = Annotated[Embedded | OpenAIHttp | TransformersLocal | VllmOffline | Fake, Field(discriminator="type")]
EMBEDDED = "embedded"


def trainer(spec: EngineSpec) -> str | None:
    """Return the name of the stage that trains the model of an engine; None where the model is there already."""
    model = str(getattr(spec, "model", None) or "")
    return model.removeprefix(_STAGE) if model.startswith(_STAGE) else None


def load_spec(value: Any) -> EngineSpec:
    """Return the spec that `model_dump` gave as JSON."""
    spec: EngineSpec = TypeAdapter(EngineSpec).validate_python(value)
    return spec
