"""Completions from any server that speaks the OpenAI protocol, vLLM's own first.

Requests in flight follow what each server bears (`_servers.py`). A try that failed in a way that may pass (5xx, a
time-out, a broken connection, half an answer) is made again, with growing waits; 429 and 503 are waited out as the
server asks. What cannot pass ends the run in one line: a wrong key, no such model.

The client is aiohttp. On the fake server (0 ms, 64 at a time, the better of two runs) it did 3,050 requests/s, niquests
3.21 1,180 and httpx 0.28 310; CPU time a request 0.19, 0.76 and 3.0 ms.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.engine import Answer, OpenAIHttp, Request
from tasks.core.errors import RecipeError, RecordError, TilthError, TransientError, UserError, choices
from tasks.engines import _openai_wire as wire
from tasks.engines._deadlines import Deadlines
from tasks.engines._openai_access import access, any_served, message_of, model_name, shown
from tasks.engines._servers import Patience, Pool, Server
from tasks.engines._structured import checked, validator
from tasks.engines._tokenizer import Tokenizer

if TYPE_CHECKING:
    import aiohttp

_CONNECT_S = 10.0
# vLLM closes a connection after 5 s without a request; one that we drop first cannot break under a request.
_KEEP_S = 4.0
_TIMEOUT_TRIES = 3
_REFUSALS = 8  # as many requests in a row, from the first, that the server cannot read: they are all alike
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class HttpEngine:
    """One model behind one or several base URLs."""

    def __init__(self, spec: OpenAIHttp, patience: Patience | None = None) -> None:
        self.spec = spec
        self._way = access(spec)
        self.model = spec.model or model_name(spec, any_served(self._way))
        self._patience = patience or Patience()
        self._tokenizer = _tokenizer(spec)
        self._context: int | None = None
        self._session: aiohttp.ClientSession | None = None
        self._pool: Pool | None = None
        self._deadlines: Deadlines | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Future[None] | None = None
        self._refused = 0
        self._under_way = 0
        self._fatal: UserError | None = None

    def __repr__(self) -> str:
        return f"HttpEngine({self.model!r}, {', '.join(map(shown, self._way.urls))})"

    @property
    def identity(self) -> str:
        return f"openai_http:{self.model}"

    @property
    def pool(self) -> Pool | None:
        """The servers and their windows; None before the first request."""
        return self._pool

    def tokens(self, request: Request) -> int | None:
        """Return how many tokens the prompt has, where `tokenizer` is given or the model is a directory here."""
        return self._tokenizer.count(request) if self._tokenizer else None

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request, in order.

        Several are sent in the order of their texts, so that those with the same beginning follow each other in the
        server's prefix cache. The first error is raised when all are done.
        """
        if self._fatal and not self._under_way:
            await self._forget()
        self._under_way += 1
        try:
            if self._loop is not asyncio.get_running_loop() or self._opens():
                await self._open()
            return [await self._one(requests[0])] if len(requests) == 1 else await self._all(requests)
        finally:
            self._under_way -= 1

    async def _forget(self) -> None:
        """Start over after an error that ended a run: the key may be another one by now."""
        await self.close()
        self._fatal, self._refused, self._way = None, 0, access(self.spec)

    async def _all(self, requests: Sequence[Request]) -> list[Answer]:
        order = sorted(range(len(requests)), key=lambda i: (requests[i].messages, requests[i].prompt or ""))
        found = await asyncio.gather(*(self._one(requests[i]) for i in order), return_exceptions=True)
        answers = dict(zip(order, found, strict=True))
        return [_answer_or_raise(answers[i]) for i in range(len(requests))]

    async def close(self) -> None:
        """Close the connections."""
        session, self._session, self._pool, self._loop = self._session, None, None, None
        if self._deadlines:
            self._deadlines.close()
        if session:
            await session.close()

    def _opens(self) -> bool:
        return self._opening is not None and not self._opening.done()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            if self._opening and self._opens():
                await asyncio.shield(self._opening)
            return
        self._loop, self._opening = loop, loop.create_future()
        self._session = _session(self.spec, self._way.headers())
        self._deadlines = Deadlines(self.spec.timeout_s, loop)
        self._pool = Pool(self._way.urls, self.spec.max_concurrency, self._patience)
        try:
            if self._tokenizer and self._context is None:
                self._context = await asyncio.to_thread(self._ask_context)
        finally:
            self._opening.set_result(None)

    def _ask_context(self) -> int | None:
        try:
            return (any_served(self._way) or {}).get(self.model)
        except RecipeError:
            return None  # the requests themselves will say what is wrong

    async def _one(self, request: Request) -> Answer:
        if request.schema is not None:
            validator(request.schema)
        self._check_length(request)
        path, body = wire.payload(request, self.model)
        tries, answer = 0, None
        while answer is None:
            if self._fatal:
                raise self._fatal
            spent, why, answer = await self._try(path, body)
            tries += spent
            if answer is None:
                await self._before_next_try(tries, spent, why)
        if not answer.prompt_tokens and self._tokenizer:
            answer = self._counted(request, answer)
        return checked(request, answer)

    def _counted(self, request: Request, answer: Answer) -> Answer:
        count = self._tokenizer.count if self._tokenizer else lambda _: 0
        said = count(Request(prompt=answer.text))
        return Answer(answer.text, answer.finish_reason, count(request), said, answer.extra)

    def _check_length(self, request: Request) -> None:
        """Raise RecordError for a prompt that cannot fit, before it is sent.

        A token is at least one byte: what has fewer bytes than half of the context is not counted.
        """
        if self._context is None or self._tokenizer is None:
            return
        room = self._context - (dict(request.sampling).get("max_tokens") or 1)
        said = len((request.prompt or "").encode()) + sum(len(text.encode()) for _, text in request.messages)
        if 2 * said < room:
            return
        count = self._tokenizer.count(request)
        if count > room:
            raise RecordError("prompt_too_long", f"{count} tokens; {self.model} has room for {max(room, 0)}")

    async def _before_next_try(self, tries: int, spent: int, why: str) -> None:
        """Wait after a try that counted; TransientError where there were enough of them."""
        if tries >= self._patience.tries:
            raise TransientError(f"no answer after {tries} tries: {why}")
        if spent:
            await asyncio.sleep(self._patience.backoff_s(tries - 1))

    async def _try(self, path: str, body: bytes) -> tuple[int, str, Answer | None]:
        """Return (tries that this one counts for, what failed, the answer)."""
        import aiohttp  # noqa: PLC0415 - a third of a second

        pool, session, deadlines = self._pool, self._session, self._deadlines
        if pool is None or session is None or deadlines is None:
            raise UserError("the engine was closed while requests were under way")
        server = await pool.take()
        sent_at = pool.now()
        task = deadlines.begin(sent_at)
        try:
            async with session.post(server.url + path, data=body, allow_redirects=False) as reply:
                raw = await reply.read()
            if reply.status == 200:
                answer = wire.answer(raw)
                pool.answered(server)
                self._refused = -1
                return 0, "", answer
            return self._judge(server, sent_at, reply.status, reply.headers, raw)
        except wire.MalformedError as exc:
            return self._failed(server, sent_at, f"{shown(server.url)}: {exc}")
        except RecordError:
            pool.answered(server)
            raise
        except (TimeoutError, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError) and not deadlines.is_over(task):
                raise
            why = f"{shown(server.url)} gave no answer within {self.spec.timeout_s:g} s"
            return self._failed(server, sent_at, why, tries=_TIMEOUT_TRIES)
        except aiohttp.ClientConnectorError as exc:
            why = f"cannot reach {shown(server.url)}: {exc.os_error.strerror or exc.os_error}"
            pool.unreachable(server, sent_at, why)
            return 0, why, None
        except aiohttp.ClientError as exc:
            return self._failed(
                server, sent_at, f"{shown(server.url)}: {type(exc).__name__}: {self._way.hide(str(exc))}"
            )
        finally:
            deadlines.end(task)
            pool.give(server, sent_at)

    def _failed(self, server: Server, sent_at: float, why: str, tries: int = 1) -> tuple[int, str, None]:
        if self._pool:
            self._pool.failed(server, sent_at, slow=tries > 1)
        return tries, why, None

    def _judge(
        self, server: Server, sent_at: float, status: int, headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, str, None]:
        said = self._way.hide(message_of(raw))
        why = f"{shown(server.url)}: HTTP {status}: {said}"
        if status in {401, 403}:
            raise self._stop(self._way.turned_down(server.url, status))
        if status == 404:
            raise self._stop(self._not_there(server, said))
        if status == 429 and "insufficient_quota" in raw.decode("utf-8", "replace"):
            raise self._stop(why)
        if status in {429, 503} and self._pool:
            self._pool.turned_away(server, sent_at, wire.retry_after_s(headers), why)
            return 0, why, None
        if status == 408 or status >= 500:
            return self._failed(server, sent_at, why)
        if status in {400, 413, 422}:
            raise self._refused_as(server, said)
        raise self._stop(why)

    def _refused_as(self, server: Server, said: str) -> TilthError:
        """Return why a request was refused: RecordError, unless none from the first on was ever taken."""
        if self._pool:
            self._pool.answered(server)
        error = wire.refusal(said)
        if error.reason == "bad_request" and self._refused >= 0:
            self._refused += 1
            if self._refused >= _REFUSALS:
                return self._stop(f"{shown(server.url)} refuses every request: {said}")
        return error

    def _not_there(self, server: Server, said: str) -> str:
        try:
            models = any_served(self._way) or {}
        except RecipeError:
            models = {}
        if models and self.model not in models:
            return f"{shown(server.url)} has no model '{self.model}'{choices(self.model, models)}"
        return f"{shown(server.url)}: HTTP 404: {said}; is the address right up to /v1?"

    def _stop(self, why: str) -> UserError:
        """Return the error that ends the run, for every request of this engine."""
        self._fatal = UserError(why)
        if self._pool:
            self._pool.fail_waiting(self._fatal)
        return self._fatal


def _answer_or_raise(found: Answer | BaseException) -> Answer:
    if isinstance(found, BaseException):
        raise found
    return found


def _tokenizer(spec: OpenAIHttp) -> Tokenizer | None:
    if spec.tokenizer:
        return Tokenizer(spec.tokenizer)
    # vLLM serves a directory under its path unless it is told another name.
    return Tokenizer(spec.model) if spec.model and (Path(spec.model) / "tokenizer.json").is_file() else None


def _session(spec: OpenAIHttp, headers: Mapping[str, str]) -> "aiohttp.ClientSession":
    import aiohttp  # noqa: PLC0415 - a third of a second

    proxied = any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_S),
        # The limit of the whole is kept by `Deadlines`.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_S, spec.timeout_s)),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        trust_env=proxied,
    )
