"""What completes prompts: a vLLM server, an OpenAI-compatible endpoint, a local model, a scripted fake."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

FinishReason = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to complete: `messages` for a chat, else `prompt`; `sampling` holds temperature, max_tokens, seed."""

    prompt: str | None = None
    messages: tuple[tuple[str, str], ...] = ()
    sampling: tuple[tuple[str, Any], ...] = ()
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. An answer with finish reason `length` was cut off and is never taken for a whole one."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    extra: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Engine(Protocol):
    """Completes requests; raises TransientError where another try may pass, UserError where it will not."""

    @property
    def identity(self) -> str:
        """Model, revision and everything else that changes the answers: part of a shard's cache key."""
        ...

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request, in order."""
        ...
