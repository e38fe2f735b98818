"""Requests and answers as the OpenAI protocol writes them, and what its errors mean."""

import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson

from tasks.core.engine import Answer, Request
from tasks.core.errors import RecordError
from tasks.core.record import dumps
from tasks.engines._structured import is_strict

CHAT: Final = "/chat/completions"
COMPLETION: Final = "/completions"
# Words of the errors of vLLM, OpenAI, llama.cpp and TGI for a prompt that the context cannot hold.
_TOO_LONG: Final = (
    "maximum context length",
    "context_length_exceeded",
    "max_model_len",
    "longer than the maximum model length",
    "exceeds the available context size",
    "exceed_context_size",
    "inputs tokens",
)
_FILTERED: Final = ("content_filter", "content_policy", "content management policy")


class MalformedError(Exception):
    """A reply that is not what the protocol says."""


def payload(request: Request, model: str) -> tuple[str, bytes]:
    """Return the path and the body of a request."""
    body: dict[str, Any] = {"model": model}
    given = dict(request.sampling)
    logprobs = given.pop("logprobs", None)
    chat = bool(request.messages)
    if chat:
        body["messages"] = [{"role": role, "content": content} for role, content in request.messages]
    else:
        body["prompt"] = request.prompt or ""
    body.update(given)
    if logprobs is not None and logprobs is not False:
        body.update(_logprobs_asked(int(logprobs), given=logprobs is True, chat=chat))
    if request.schema is not None:
        body["response_format"] = _response_format(request.schema)
    return (CHAT if chat else COMPLETION), _bytes(body)


def _bytes(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # a whole number of over 64 bits
        return dumps(body).encode()


def _logprobs_asked(number: int, *, given: bool, chat: bool) -> dict[str, Any]:
    top = 0 if given else number
    return {"logprobs": True, "top_logprobs": top} if chat else {"logprobs": top}


def _response_format(schema: str) -> dict[str, Any]:
    document = json.loads(schema)
    wanted = {"name": "answer", "schema": document, "strict": is_strict(document)}
    return {"type": "json_schema", "json_schema": wanted}


def answer(raw: bytes) -> Answer:
    """Return the answer that a body holds.

    MalformedError for a body that is no answer; RecordError `refused` or `content_filter` where the model or the server
    would not say it.
    """
    try:
        body = _value(raw)
        choice = body["choices"][0]
        message = choice.get("message")
        text = choice["text"] if message is None else message.get("content")
        usage = body.get("usage") or {}
        reason = choice.get("finish_reason")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as exc:
        raise MalformedError(f"no answer in the reply: {raw[:80]!r}") from exc
    text = text or ""
    if not isinstance(text, str):
        raise MalformedError(f"the answer is no text: {raw[:80]!r}")
    if reason == "content_filter":
        raise RecordError("content_filter", "the server held the answer back", raw=text)
    if message is not None and message.get("refusal"):
        raise RecordError("refused", str(message["refusal"])[:200], raw=text)
    extra = _logprobs(choice.get("logprobs"))
    finish = "length" if reason == "length" else "stop"
    return Answer(text, finish, usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0, extra)


def _value(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except ValueError:  # NaN and infinities, as some servers write log-probabilities
        return json.loads(raw)


def _logprobs(found: Any) -> Mapping[str, Any]:
    """Return log-probabilities in the layout of completions, whichever of the two the server wrote."""
    if not isinstance(found, dict):
        return {}
    if found.get("content") is None:
        tokens, chosen, top = found.get("tokens"), found.get("token_logprobs"), found.get("top_logprobs")
        return {"logprobs": {"tokens": tokens, "token_logprobs": chosen, "top_logprobs": top}} if tokens else {}
    parts = found["content"]
    # Servers list the most probable first; of half characters, which read alike, that one is to stay.
    top = [{o["token"]: o["logprob"] for o in reversed(part.get("top_logprobs") or [])} for part in parts]
    return {
        "logprobs": {
            "tokens": [part["token"] for part in parts],
            "token_logprobs": [part["logprob"] for part in parts],
            "top_logprobs": top if any(top) else None,
        }
    }


def refusal(message: str) -> RecordError:
    """Return why a server would not take a request (HTTP 400, 413, 422)."""
    lower = message.lower()
    if any(words in lower for words in _TOO_LONG):
        return RecordError("prompt_too_long", message)
    if any(words in lower for words in _FILTERED):
        return RecordError("content_filter", message)
    return RecordError("bad_request", message)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long a server asks to wait, in seconds; None where it does not say."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if not value:
            continue
        try:
            return max(0.0, float(value) * unit_s)
        except ValueError:
            pass
        try:
            return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
        except ValueError:
            continue
    return None
