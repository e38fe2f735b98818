"""The answer log: every answer is on the disk before anyone sees it, and no request is paid for twice.

A SQLite file in WAL mode that several processes and threads share. The key of an answer is the digest of the whole
request and of the engine's identity; what was asked before is answered from the log.
"""

import asyncio
import atexit
import hashlib
import json
import os
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tasks._answers_seen import Seen
from tasks._answers_writer import AnswerRow, Writer, connect, query
from tasks._canonical import answer_text, request_text, text_of
from tasks.core.engine import Answer, Engine, Price, Request
from tasks.core.errors import UserError, choices
from tasks.core.settings import settings

# Time without an answer, in seconds, that counts as a pause between runs, not as part of the rate.
_PAUSE_S = 60.0
_RATE_OVER = 2_000
_SHORTEST_DIGEST = 4
_FREE = Price()
_NUMBERS = ("prompt_tokens", "completion_tokens", "cost_usd", "asked")
_SHOWN = ("digest", "created_at", "engine", "model", "method", "run", *_NUMBERS, "request", "answer")


@dataclass(frozen=True, slots=True)
class Total:
    """What the log holds of one engine; `first` and `last` in seconds since 1970.

    `asked` is over `answers` where processes asked the same at the same time; tokens and cost are of all asked.
    """

    engine: str
    model: str
    answers: int
    asked: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    first: float
    last: float


def cost(price: Price, prompt_tokens: float, completion_tokens: float) -> float:
    """Return what tokens cost, in US dollars."""
    return (price.input * prompt_tokens + price.output * completion_tokens) / 1e6


class Keyed(NamedTuple):
    """A request as the log knows it: `key` is `request.digest(identity)`, `text` its canonical JSON."""

    key: str
    text: str


def keyed(request: Request, identity: str) -> Keyed:
    """Return a request with its digest, in a tenth of the time that `Request.digest` takes."""
    text = request_text(request)
    whole = f"[{text_of(identity)},{text}]"
    return Keyed(hashlib.blake2b(whole.encode(), digest_size=16).hexdigest(), text)


def log_path() -> Path:
    """Return where the log of this work folder is."""
    return settings().work / "answers.sqlite"


def open_log(path: Path | None = None) -> "AnswerLog":
    """Return the log of this work folder, or of another place: the same one for the whole process."""
    with _opening:  # of two logs each would know only its own requests, and both might ask the same
        return _opened((path or log_path()).absolute(), os.getpid())


_opening = threading.Lock()


@cache
def _opened(path: Path, _process: int) -> "AnswerLog":
    log = AnswerLog(path)
    atexit.register(log.close)
    return log


@dataclass(slots=True)
class _Asking:
    """What coroutines of one loop ask: the requests that are out, and those whose digests are looked for this turn."""

    loop: asyncio.AbstractEventLoop
    out: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)
    sought: list[tuple[str, asyncio.Future[Answer | None]]] = field(default_factory=list)
    looked: bool = False

    def turn_ends(self) -> None:
        self.looked = False


class AnswerLog:
    """The log in one file. `ask` is for coroutines; everything else may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = connect(path)
        self._reading = threading.Lock()
        self._writer = Writer(path)
        self._seen = Seen()
        self._asking: dict[asyncio.AbstractEventLoop, _Asking] = {}

    def close(self) -> None:
        """Write what is on its way, then close the file."""
        self._writer.close()
        with self._reading:
            self._reader.close()

    async def ask(
        self,
        engine: Engine,
        request: Request,
        *,
        price: Price | None = None,
        run: str = "",
        method: str = "",
        known: Keyed | None = None,
    ) -> tuple[Answer, bool]:
        """Return the answer to a request, and whether it is fresh: asked now, by this very call.

        Coroutines that ask the same at the same time share one call of the engine. `known` is the request with its
        digest, where the caller has it. Errors: those of the engine; UserError where the log cannot be written.
        """
        known = known or keyed(request, engine.identity)
        key, asking = known.key, self._of_this_loop()
        while True:
            if self._may_hold(key, asking) and (found := await self._seek(key, asking)):
                return found, False
            other = asking.out.get(key)
            if other is None:
                break
            await asyncio.wait([other])
            if not other.cancelled():
                return other.result(), False
        asked = asking.out[key] = asking.loop.create_future()
        try:
            (answer,) = await engine.complete([request])
            row = _row(engine, known, answer, (price or _FREE, run, method))
            held = await self._writer.put(row, asking.loop)
            # Where it holds what came just now, the answer is returned as a re-run would read it.
            if held is not row[-1] or answer.extra or not answer.text.isascii():
                answer = _answer(held, answer.prompt_tokens, answer.completion_tokens)
        except asyncio.CancelledError:
            asked.cancel()
            raise
        except BaseException as exc:
            asked.set_exception(exc)
            asked.exception()  # those who wait get it; with no one there, asyncio must not complain
            raise
        finally:
            del asking.out[key]
        asked.set_result(answer)
        return answer, True

    def _of_this_loop(self) -> _Asking:
        loop = asyncio.get_running_loop()
        if (asking := self._asking.get(loop)) is None:
            self._asking = {one: asking for one, asking in self._asking.items() if not one.is_closed()}
            asking = self._asking[loop] = _Asking(loop)
        return asking

    def _may_hold(self, key: str, asking: _Asking) -> bool:
        """Return whether an answer may be there; one look at the file serves all requests of a turn of the loop."""
        if not asking.looked:
            with self._reading:
                self._seen.look(self._reader)
            asking.looked = True
            asking.loop.call_soon(asking.turn_ends)
        return self._seen.may_hold(key)

    def _seek(self, key: str, asking: _Asking) -> "asyncio.Future[Answer | None]":
        """Return a future of what `find` returns; one query serves all that is sought in a turn of the loop."""
        if not asking.sought:
            asking.loop.call_soon(self._find_all, asking)
        place: asyncio.Future[Answer | None] = asking.loop.create_future()
        asking.sought.append((key, place))
        return place

    def _find_all(self, asking: _Asking) -> None:
        sought, asking.sought = asking.sought, []
        waiting = [(key, place) for key, place in sought if not place.done()]
        try:
            rows = self._query(
                "select digest, answer, prompt_tokens, completion_tokens from answers"
                " where digest in (select value from json_each(?))",
                json.dumps([key for key, _place in waiting]),
            )
        except sqlite3.Error as exc:
            for _key, place in waiting:
                place.set_exception(exc)
            return
        found = {key: _answer(*row) for key, *row in rows}
        for key, place in waiting:
            place.set_result(found.get(key))

    def find(self, key: str) -> Answer | None:
        """Return the answer under a digest, None where the log has none."""
        with self._reading:
            row = self._reader.execute(
                "select answer, prompt_tokens, completion_tokens from answers where digest = ?", (key,)
            ).fetchone()
        return _answer(*row) if row else None

    def _query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._reading:
            return query(self._reader, sql, *values)

    def totals(self, since: float | None = None, engine: str | None = None) -> list[Total]:
        """Return what the log holds, engine by engine, the latest last; of answers since a time, of one engine."""
        rows = self._query(
            "select engine, model, count(*), sum(asked), sum(prompt_tokens * asked), sum(completion_tokens * asked),"
            " sum(cost_usd * asked), min(created_at), max(created_at) from answers"
            " where created_at >= ? and (? is null or engine = ?) group by engine, model order by max(created_at)",
            since or 0.0,
            engine,
            engine,
        )
        return [Total(*row) for row in rows]

    def rate(self, engine: str) -> float | None:
        """Return fresh answers a second of an engine when it was last used, pauses left out; None where not known."""
        times = self._query(
            "select created_at from answers where engine = ? order by created_at desc limit ?", engine, _RATE_OVER
        )
        gaps = [later - earlier for (later,), (earlier,) in pairwise(times)]
        worked = [gap for gap in gaps if gap < _PAUSE_S]
        return len(worked) / sum(worked) if sum(worked) > 0 else None

    def completion_tokens(self, engine: str, method: str) -> float | None:
        """Return the mean length, in tokens, of an engine's answers to a method; None where there are none."""
        ((mean,),) = self._query(
            "select avg(completion_tokens) from (select completion_tokens from answers"
            " where engine = ? and method = ? order by created_at desc limit ?)",
            engine,
            method,
            _RATE_OVER,
        )
        return None if mean is None else float(mean)

    def show(self, start: str) -> dict[str, Any]:
        """Return one answer and its request by its digest or the start of it; UserError where there is none."""
        head = start.strip().lower()
        if len(head) < _SHORTEST_DIGEST or not head.isalnum():
            raise UserError(f"'{start}' is no digest of an answer: give {_SHORTEST_DIGEST} hex digits or more of one")
        columns = ", ".join(_SHOWN)
        sql = f"select {columns} from answers where digest >= ? and digest < ? limit 9"  # noqa: S608 - our own names
        rows = self._query(sql, head, f"{head}g")
        if not rows:
            raise UserError(f"the answer log has no answer '{start}'; records name theirs in extra, as `requests`")
        if len(rows) > 1:
            raise UserError(f"more than one answer starts with '{start}'{choices(start, [row[0] for row in rows])}")
        found = dict(zip(_SHOWN, rows[0], strict=True))
        return found | {"request": _plain(found["request"]), "answer": json.loads(found["answer"])}

    def prune(self, older_than_days: float, engine: str | None = None) -> int:
        """Delete answers older than so many days, of one engine or of all, and return how many they were."""
        with self._reading:
            cursor = self._reader.execute(
                "delete from answers where created_at < ? and (? is null or engine = ?)",
                (time.time() - older_than_days * 86_400, engine, engine),
            )
            if cursor.rowcount:
                self._seen = Seen()  # row numbers may come again
                self._reader.execute("pragma incremental_vacuum").fetchall()
            return cursor.rowcount


def _row(engine: Engine, known: Keyed, answer: Answer, tags: tuple[Price, str, str]) -> AnswerRow:
    """Return what is written of an answer that came just now."""
    price, run, method = tags
    text = answer.text if answer.text.isascii() else _whole(answer.text)
    said = answer_text(text, answer.finish_reason, answer.extra)
    tokens = (answer.prompt_tokens, answer.completion_tokens)
    model = str(getattr(engine, "model", None) or engine.identity)
    spent = cost(price, *tokens)
    return (known.key, time.time(), engine.identity, model, method, run, *tokens, spent, known.text, said)


def _answer(text: str, prompt_tokens: int, completion_tokens: int) -> Answer:
    said = json.loads(text)
    return Answer(said["text"], said["finish_reason"], prompt_tokens, completion_tokens, said["extra"])


def _plain(text: str) -> dict[str, Any]:
    """Return a request as it is shown: what it does not set is left out."""
    value = json.loads(text)
    return {name: part for name, part in value.items() if part} | {"sampling": dict(value["sampling"])}


def _whole(text: str) -> str:
    """Return text without the halves of characters that a model may leave where it stops: no UTF-8 can hold them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
