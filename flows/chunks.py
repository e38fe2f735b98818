"""Shards handed out in chunks that last: a task run for each, so that what the orchestrator costs stays a small share.

A task run in a thread costs 36 ms of CPU, of flow and server together, whatever it does, and one in another process 200
ms, which opens clients of its own; a shard of plain templates is made in 30 ms. So the first shards of a stage go out
one by one, and once it is known what they take, the rest goes out in chunks, large ones first: guided self-scheduling
(Polychronopoulos & Kuck 1987, https://doi.org/10.1109/TC.1987.5009495). A shard that takes ten seconds has a task run
of its own.

Which shards share a chunk changes no byte: each is a function of its job alone, and is settled in its turn.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

from tasks.core.errors import ShardError
from tasks.core.manifest import ShardManifest
from tasks.job import ShardJob

# A chunk of a second in a thread, or of three in another process, costs 7 % at most; one of ten is the loss when a
# worker dies, less its finished shards.
LEAST_S = 1.0
LEAST_ELSEWHERE_S = 3.0
MOST_S = 10.0
# Of the least, what the last chunks of a quick stage take, which the lanes share: below it a task run costs more than
# an idle lane.
_LAST = 0.25


class Future(Protocol):
    """What is handed back for a chunk; its result are the manifests of its shards, as JSON."""

    def add_done_callback(self, function: Callable[[Any], None], /) -> None: ...

    def result(self) -> Sequence[dict[str, Any]]: ...


@dataclass(slots=True)
class Chunks:
    """The jobs of a round, cut into chunks as it becomes known what a draw takes.

    `kept` says of each job whether its shard is finished: to hand it out again takes no time.
    """

    jobs: Sequence[ShardJob]
    kept: Sequence[bool]
    made: Sequence[ShardManifest] = ()
    least_s: float = LEAST_S
    at: int = 0
    _draws: int = field(init=False, default=0)
    _seconds: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.learn(self.made)

    def learn(self, made: Sequence[ShardManifest]) -> None:
        """Take in what shards took."""
        self._draws += sum(shard.draws for shard in made)
        self._seconds += sum(shard.seconds for shard in made)

    @property
    def left(self) -> bool:
        return self.at < len(self.jobs)

    def next(self, lanes: int) -> Sequence[ShardJob]:
        """Return the next jobs in order, for one of `lanes` that work beside each other."""
        first, lasts = self.at, self._lasts(self.at)
        rest = sum(map(self._lasts, range(first, len(self.jobs))))
        most = min(max(rest / (2 * lanes), min(rest / lanes, self.least_s), _LAST * self.least_s), MOST_S)
        self.at += 1
        while self.left and lasts + self._lasts(self.at) <= most:
            lasts += self._lasts(self.at)
            self.at += 1
        return self.jobs[first : self.at]

    def _lasts(self, index: int) -> float:
        """Return the seconds that a job should take; more than any chunk where nothing is known yet."""
        if self.kept[index]:
            return 0.0
        return self._seconds / self._draws * self.jobs[index].count if self._draws else 2 * MOST_S


def handed_out(
    chunks: Chunks, submit: Callable[[Sequence[ShardJob]], Future], lanes: Callable[[], int]
) -> Iterator[ShardManifest]:
    """Submit chunk after chunk, twice as many as there are lanes at a time, and yield the manifests in job order.

    A chunk that failed raises in its turn: ShardError where the process that made it has died. After a shard that
    stopped short of its draws nothing more is submitted.
    """
    try:
        yield from _in_order(chunks, submit, lanes)
    except BrokenExecutor as exc:
        raise ShardError(
            "a process that makes shards has died, perhaps for want of memory (TILTH_WORKERS says how many there are):"
            " finished shards are kept, and the same command goes on"
        ) from exc


def _in_order(
    chunks: Chunks, submit: Callable[[Sequence[ShardJob]], Future], lanes: Callable[[], int]
) -> Iterator[ShardManifest]:
    out = _Out(chunks, submit, lanes)
    while out.fill():
        made = out.first()
        chunks.learn(made)
        for shard in made:
            yield shard
            out.fill()  # what is done with a shard takes its time, in which lanes run dry


class _Out:
    """The chunks that were submitted and not yet handed back, in their order."""

    def __init__(
        self, chunks: Chunks, submit: Callable[[Sequence[ShardJob]], Future], lanes: Callable[[], int]
    ) -> None:
        self._chunks, self._submit, self._lanes = chunks, submit, lanes
        self._ended: SimpleQueue[tuple[int, Future]] = SimpleQueue()
        self._made: dict[int, list[ShardManifest] | Exception] = {}
        self._submitted = self._handed = self._running = 0
        self._stopped = False

    def fill(self) -> bool:
        """Submit chunks until there are two for every lane, none after one that failed; return whether one is out."""
        while not self._ended.empty():
            self._take()
        while self._chunks.left and not self._stopped and self._running < 2 * (free := self._lanes()):
            future, number = self._submit(self._chunks.next(free)), self._submitted
            self._submitted, self._running = self._submitted + 1, self._running + 1
            future.add_done_callback(lambda _inner, ended=(number, future): self._ended.put(ended))
        return self._handed < self._submitted

    def first(self) -> list[ShardManifest]:
        """Wait for the first chunk that is out, while others are submitted; return what it made, or raise."""
        while self._handed not in self._made:
            self._take()
            self.fill()
        made = self._made.pop(self._handed)
        self._handed += 1
        if isinstance(made, Exception):
            raise made
        return made

    def _take(self) -> None:
        number, future = self._ended.get()
        self._running -= 1
        try:
            made = [ShardManifest.from_json(value) for value in future.result()]
        except Exception as exc:  # noqa: BLE001 - raised again in its turn
            self._made[number], self._stopped = exc, True
        else:
            self._made[number] = made
            self._stopped = self._stopped or any(shard.stopped for shard in made)
