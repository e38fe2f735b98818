"""The fake engine as a small HTTP server that speaks the OpenAI protocol: chat, completions, models, health.

    python -m tasks.engines.fake_server --port 8001 --latency-ms 20 --fail 500=0.3 --fail 429=0.1

For tests and for measuring what a client costs: it counts connections, requests, and how many of those it had answered
before (`GET /stats`), and knows what was said in which order. Errors have the form and the wording of vLLM's server.
`capacity` turns away, with 429 and Retry-After, what is over that many requests at a time.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.core.errors import UserError
from tasks.engines._http11 import Call, Connection, Reply
from tasks.engines.fake import KEPT, MODES, Script, cut, unit


@dataclass
class Counts:
    """What was asked of the server, and what it answered."""

    connections: int = 0
    requests: int = 0
    answered: int = 0
    repeated: int = 0
    in_flight: int = 0
    peak: int = 0
    by_status: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Setup:
    """How a server behaves: what it serves, how long it takes, what it refuses and how it fails."""

    answers: Sequence[str] = ()
    failures: Mapping[str, float] = field(default_factory=dict)
    latency_ms: float = 0.0
    models: Sequence[str] = ("fake",)
    max_model_len: int | None = None
    key: str | None = None
    capacity: int | None = None
    retry_after_s: float = 0.05
    hang_s: float = 3600.0


class Server:
    """The OpenAI protocol over a script; `counts` may be read at any time.

    `history` holds the last thing that each of the last 10,000 requests said, in the order in which they came.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.script = Script(setup.answers, setup.failures)
        self.counts = Counts()
        self.history: deque[str] = deque(maxlen=KEPT)
        self._answered: set[bytes] = set()
        self.connections: set[Connection] = set()

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Return the listening server; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._accepted, host, port, backlog=4096)

    def _accepted(self) -> Connection:
        self.counts.connections += 1
        return Connection(self.answer, self.connections)

    def answer(self, call: Call) -> Reply:
        """Return the reply to a request."""
        if call.path == "/stats":
            return _json(200, {**vars(self.counts), "by_status": dict(self.counts.by_status)})
        if call.path == "/health":
            return _json(200, {})
        if self.setup.key and call.headers.get("authorization") != f"Bearer {self.setup.key}":
            return self._counted(_error(401, "Unauthorized"))
        if call.path == "/v1/models":
            return _json(200, {"object": "list", "data": [self._model(name) for name in self.setup.models]})
        if call.path in {"/v1/chat/completions", "/v1/completions"} and call.method == "POST":
            return self._completion(call)
        return self._counted(_error(404, f"Not Found: {call.method} {call.path}"))

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "owned_by": "tilth", "max_model_len": self.setup.max_model_len}

    def _completion(self, call: Call) -> Reply:
        self.counts.requests += 1
        try:
            body = json.loads(call.body)
            said = _said(call.path, body)
            self.history.append(said[-1])
        except (ValueError, KeyError, TypeError, IndexError) as exc:
            return self._counted(_error(400, f"the request cannot be read: {exc!r}"))
        if body.get("model") not in self.setup.models:
            return self._counted(_error(404, f"The model `{body.get('model')}` does not exist."))
        too_long = self._too_long(said, body)
        if too_long:
            return self._counted(too_long)
        if self.setup.capacity is not None and self.counts.in_flight >= self.setup.capacity:
            return self._counted(self._busy())
        key = hashlib.blake2b(call.path.encode() + call.body, digest_size=16)
        return self._in_flight(self._reply(key.hexdigest(), call.path, body, said), key.digest())

    def _too_long(self, said: list[str], body: Mapping[str, Any]) -> Reply | None:
        limit, words, room = self.setup.max_model_len, sum(len(s.split()) for s in said), body.get("max_tokens") or 0
        if limit is None or words + room <= limit:
            return None
        return _error(
            400,
            f"This model's maximum context length is {limit} tokens. However, you requested {room} output tokens and "
            f"your prompt contains at least {words} input tokens, for a total of at least {words + room} tokens.",
        )

    def _busy(self) -> Reply:
        reply = _error(429, "Too many requests")
        return Reply(429, reply.body, headers=(("Retry-After", f"{self.setup.retry_after_s:g}"),))

    def _reply(self, key: str, path: str, body: Mapping[str, Any], said: list[str]) -> Reply:
        delay_s, mode = self.setup.latency_ms / 1000, self.script.fate(key)
        if mode == "429":
            return self._busy()
        if mode == "500":
            return Reply(500, _error(500, "Internal Server Error").body, delay_s)
        document = json.dumps(self._document(key, path, body, said, half=mode == "truncate")).encode()
        if mode == "hang":
            return Reply(200, document, delay_s + self.setup.hang_s)
        if mode == "garbage":
            return Reply(200, document[: len(document) // 2], delay_s)
        return Reply(200, document, delay_s, cut=len(document) // 2 if mode == "disconnect" else None)

    def _document(self, key: str, path: str, body: Mapping[str, Any], said: list[str], *, half: bool) -> dict[str, Any]:
        form = body.get("response_format") or {}
        schema = json.dumps(form["json_schema"]["schema"]) if form.get("type") == "json_schema" else None
        whole = self.script.text(key, said[-1], schema)
        text, shorter = cut(whole, len(whole.split()) // 2 if half else body.get("max_tokens"))
        words, chat = text.split(), path == "/v1/chat/completions"
        choice = {"index": 0, "finish_reason": "length" if shorter or half else "stop", "logprobs": None}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        if _wants_logprobs(body.get("logprobs")):
            choice["logprobs"] = _logprobs(words, key, chat=chat)
        asked = sum(len(s.split()) for s in said)
        usage = {"prompt_tokens": asked, "completion_tokens": len(words), "total_tokens": asked + len(words)}
        kind = "chat.completion" if chat else "text_completion"
        return {"id": f"cmpl-{key}", "object": kind, "model": body["model"], "choices": [choice], "usage": usage}

    def _counted(self, reply: Reply) -> Reply:
        self.counts.by_status[reply.status] += 1
        return reply

    def _in_flight(self, reply: Reply, key: bytes) -> Reply:
        counts = self.counts
        counts.in_flight += 1
        counts.peak = max(counts.peak, counts.in_flight)
        counts.by_status[reply.status] += 1
        if reply.status == 200 and reply.cut is None and _is_json(reply.body) and reply.delay_s < self.setup.hang_s:
            counts.answered += 1
            counts.repeated += key in self._answered
            self._answered.add(key)
        return Reply(reply.status, reply.body, reply.delay_s, reply.headers, reply.cut, done=self._done)

    def _done(self) -> None:
        self.counts.in_flight -= 1


def _said(path: str, body: Mapping[str, Any]) -> list[str]:
    if path == "/v1/completions":
        if not isinstance(body["prompt"], str):
            raise TypeError("prompt must be a string")
        return [body["prompt"]]
    return [str(message["content"]) for message in body["messages"]]


def _wants_logprobs(value: Any) -> bool:
    """Return whether logprobs are asked for: true in a chat; in a completion a number, which may be 0."""
    return value is not None and value is not False


def _logprobs(words: Sequence[str], key: str, *, chat: bool) -> dict[str, Any]:
    found = [-3 * unit(f"{key}\x1f{word}") for word in words]
    if chat:
        pairs = zip(words, found, strict=True)
        return {"content": [{"token": word, "logprob": p, "bytes": None, "top_logprobs": []} for word, p in pairs]}
    return {"tokens": list(words), "token_logprobs": found, "top_logprobs": None, "text_offset": []}


def _is_json(body: bytes) -> bool:
    return body.endswith(b"}")


def _json(status: int, value: Any) -> Reply:
    return Reply(status, json.dumps(value).encode())


def _error(status: int, message: str) -> Reply:
    return _json(status, {"error": {"message": message, "type": "Error", "param": None, "code": status}})


_CLOSING_TURNS = 8


@dataclass
class Running:
    """A server in a thread of its own: where it listens, and how to stop it and start it again on the same port."""

    server: Server
    port: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def counts(self) -> Counts:
        return self.server.counts

    def start(self) -> None:
        """Listen; raises OSError where the port is taken."""
        loop = self._loop = asyncio.new_event_loop()
        listening = loop.run_until_complete(self.server.listen("127.0.0.1", self.port))
        self.port = listening.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(loop, listening), daemon=True)
        self._thread.start()

    def _serve(self, loop: asyncio.AbstractEventLoop, listening: asyncio.Server) -> None:
        loop.run_forever()
        loop.run_until_complete(self._closed(listening))
        loop.close()

    async def _closed(self, listening: asyncio.Server) -> None:
        """Close all that is open, and what was accepted a moment ago and takes some turns of the loop to be made."""
        listening.close()
        for _ in range(_CLOSING_TURNS):
            for connection in list(self.server.connections):
                connection.abort()
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Close the port and every connection, as a server that dies does."""
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop = self._thread = None


@contextlib.contextmanager
def serving(**setup: Any) -> Iterator[Running]:
    """Return a server in this process that runs inside the `with` block."""
    running = Running(Server(Setup(**setup)))
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _shares(values: Sequence[str]) -> dict[str, float]:
    shares = {}
    for value in values:
        mode, _, share = value.partition("=")
        try:
            shares[mode] = float(share)
        except ValueError:
            raise UserError(f"--fail {value}: want MODE=SHARE, such as 500=0.3; modes: {', '.join(MODES)}") from None
    return shares


def _setup(words: Sequence[str]) -> tuple[str, int, Setup]:
    parser = argparse.ArgumentParser(prog="python -m tasks.engines.fake_server", description="A fake OpenAI server.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, default=8001, help="port to listen at; 0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="time to each reply")
    parser.add_argument("--fail", action="append", default=[], help=f"MODE=SHARE; modes: {', '.join(MODES)}")
    parser.add_argument("--answer", action="append", default=[], help="a text to answer with; none: echo")
    parser.add_argument("--model", action="append", default=[], help="name of a model; none: fake")
    parser.add_argument("--max-model-len", type=int, help="context, in words")
    parser.add_argument("--key", help="the key that requests must carry")
    parser.add_argument("--capacity", type=int, help="requests at a time; more get 429")
    parser.add_argument("--retry-after-s", type=float, default=1.0, help="Retry-After of a 429")
    given = parser.parse_args(words)
    setup = Setup(
        answers=given.answer,
        failures=_shares(given.fail),
        latency_ms=given.latency_ms,
        models=given.model or ("fake",),
        max_model_len=given.max_model_len,
        key=given.key,
        capacity=given.capacity,
        retry_after_s=given.retry_after_s,
    )
    return given.host, given.port, setup


async def _serve(host: str, port: int, setup: Setup) -> None:
    listening = await Server(setup).listen(host, port)
    sys.stdout.write(f"listening at http://{host}:{listening.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    listening.close()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    try:
        asyncio.run(_serve(*_setup(sys.argv[1:])))
    except UserError as exc:
        sys.exit(str(exc))
    except OSError as exc:
        sys.exit(f"cannot listen: {exc.strerror or exc}")


if __name__ == "__main__":
    main()
