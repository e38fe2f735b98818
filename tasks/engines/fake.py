"""A scripted engine: answers from a list or a queue, latency, and failures on purpose.

What it does to a request follows from the request's digest and from how often it was asked before, never from chance
or from the order: a share of 0.3 for `500` fails three tries of ten, and the next try of the same request may pass.

| failure | this engine | its HTTP server (`fake_server`) |
|---|---|---|
| `429`, `500` | TransientError | that status; `429` with Retry-After |
| `hang` | TransientError after `hang_s` | no reply for `hang_s` |
| `garbage` | TransientError | half of the JSON of a good reply |
| `truncate` | half of the answer, finish reason `length` | the same |
| `disconnect` | TransientError | closes the connection in the middle of the reply |

A token is a word. An answer is, in this order: the next of the queue, one of `answers`, an instance of the request's
JSON Schema, or the last thing that was said (echo).
"""

import asyncio
import hashlib
import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from tasks.core.engine import Answer, Fake, Request
from tasks.core.errors import RecipeError, TilthError, TransientError, choices
from tasks.core.manifest import digest
from tasks.core.method import Draw, get_method
from tasks.engines._structured import checked

MODES: Final = ("429", "500", "hang", "garbage", "truncate", "disconnect")
KEPT = 10_000  # requests that the history holds


def check_script(answers: Sequence[str], failures: Mapping[str, float]) -> None:
    """Raise RecipeError for an unknown failure, a share outside [0, 1], shares over 1 in all or an empty answer."""
    for mode, share in failures.items():
        if mode not in MODES:
            raise RecipeError(f"unknown failure '{mode}' of the fake engine{choices(mode, MODES)}")
        if not 0 <= share <= 1:
            raise RecipeError(f"the share of failure '{mode}' is {share}; it must lie in 0..1")
    if sum(failures.values()) > 1 + 1e-9:
        raise RecipeError(f"the shares of failures add up to {sum(failures.values()):g}; 1 at most")
    if "" in answers:
        raise RecipeError("one of the answers of the fake engine is empty")


class Script:
    """What happens to a request, as a function of its key and of how often that key was seen before."""

    def __init__(self, answers: Sequence[str] = (), failures: Mapping[str, float] | None = None) -> None:
        check_script(answers, failures or {})
        self.answers = tuple(answers)
        self.failures = {mode: (failures or {}).get(mode, 0.0) for mode in MODES}
        self.seen: Counter[str] = Counter()

    def fate(self, key: str) -> str | None:
        """Return how this try of a request fails, or None; each call is a try."""
        number = self.seen[key]
        self.seen[key] += 1
        share = unit(f"{key}\x1f{number}")
        for mode, width in self.failures.items():
            if share < width:
                return mode
            share -= width
        return None

    def text(self, key: str, said: str, schema: str | None) -> str:
        """Return the answer to `said`, before it is cut to length."""
        if self.answers:
            return self.answers[int(unit(key) * len(self.answers))]
        return instance(schema, key) if schema is not None else said


def unit(key: str) -> float:
    """Return a number in [0, 1) that follows from a text."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest(), "little") / 2**48


def instance(schema: str, key: str) -> str:
    """Return an instance of a JSON Schema, as JSON text, that follows from `key`."""
    method = get_method("json_schema")
    params = method.params.model_validate({"schema": json.loads(schema)}, context={"base": None})
    number = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=16).digest(), "little")
    rng = np.random.Generator(np.random.Philox(key=number))
    made = method.run(None, params, Draw(rng, 1, 0, number)) if method.run else None
    if made is None or not made.records.num_rows:
        raise RecipeError(f"the fake engine found no instance of the schema {schema[:200]}")
    return str(made.records.column("text")[0].as_py())


def cut(text: str, words: int | None) -> tuple[str, bool]:
    """Return at most `words` words of a text, and whether some were left out."""
    if words is None or len(text) < 2 * words:
        return text, False
    parts = text.split(maxsplit=words)
    if len(parts) <= words:
        return text, False
    return text[: len(text) - len(parts[words])].rstrip(), True


def words_of(request: Request) -> int:
    """Return the words of a prompt, of all its messages."""
    return len((request.prompt or "").split()) + sum(len(content.split()) for _, content in request.messages)


class FakeEngine:
    """The scripted engine. `queue` goes first: texts, whole answers, or errors that are raised.

    `history` holds the last 10,000 requests, in the order in which they came.
    """

    def __init__(self, spec: Fake | None = None, hang_s: float = 60.0) -> None:
        self.spec = spec or Fake(type="fake")
        self.script = Script(self.spec.answers, self.spec.failures)
        self.queue: deque[str | Answer | TilthError] = deque()
        self.history: deque[Request] = deque(maxlen=KEPT)
        self.asked = 0
        self._hang_s = hang_s

    @property
    def identity(self) -> str:
        return f"fake:{digest([self.spec.answers, self.script.failures['truncate']])[:16]}"

    def enqueue(self, *items: str | Answer | TilthError) -> None:
        """Put what the next requests get at the end of the queue."""
        self.queue.extend(items)

    async def complete(self, requests: Sequence[Request]) -> list[Answer]:
        """Return one answer a request, in order."""
        if len(requests) == 1:
            return [await self._one(requests[0])]
        return list(await asyncio.gather(*(self._one(request) for request in requests)))

    async def _one(self, request: Request) -> Answer:
        self.history.append(request)
        self.asked += 1
        queued = self.queue.popleft() if self.queue else None
        # Even with no latency the others get their turn, as with any real engine.
        await asyncio.sleep(self.spec.latency_ms / 1000)
        if isinstance(queued, TilthError):
            raise queued
        if isinstance(queued, Answer):
            return checked(request, queued)
        key = request.digest(self.identity)
        mode = self.script.fate(key) if queued is None else None
        if mode == "hang":
            await asyncio.sleep(self._hang_s)
        if mode not in {None, "truncate"}:
            raise TransientError(f"the fake engine failed on purpose: {mode}")
        return checked(request, self._answer(request, key, queued, half=mode == "truncate"))

    def _answer(self, request: Request, key: str, queued: str | None, *, half: bool) -> Answer:
        said = request.messages[-1][1] if request.messages else request.prompt or ""
        whole = queued if queued is not None else self.script.text(key, said, request.schema)
        limit = dict(request.sampling).get("max_tokens")
        if half:
            limit = len(whole.split()) // 2
        text, shorter = cut(whole, limit)
        finish = "length" if shorter or half else "stop"
        return Answer(text, finish, words_of(request), len(text.split()))

    def tokens(self, request: Request) -> int | None:
        """Return the words of the prompt: the fake engine's tokens."""
        return words_of(request)

    async def close(self) -> None:
        """Nothing is held."""
