"""Shards handed out in chunks that last: a task run for each, so that what the orchestrator costs stays a small share.

A task run costs 36 ms of CPU, of flow and server together, whatever it does; a shard of plain templates is made in 30
ms. So the first shards of a stage go out one by one, and once it is known what they take, the rest goes out in chunks,
large ones first: guided self-scheduling (Polychronopoulos & Kuck 1987, https://doi.org/10.1109/TC.1987.5009495). A
shard that takes ten seconds has a task run of its own.

Which shards share a chunk changes no byte: each is a function of its job alone, and is settled in its turn.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

from tasks.core.errors import ShardError
from tasks.core.manifest import ShardManifest
from tasks.job import ShardJob

# A chunk of a second costs 4 % at most; one of ten is the loss when a worker dies, less its finished shards.
LEAST_S = 1.0
MOST_S = 10.0
# The last chunks of a quick stage, which the lanes share: below it a task run costs more than an idle lane.
LAST_S = 0.25


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
        most = min(max(rest / (2 * lanes), min(rest / lanes, LEAST_S), LAST_S), MOST_S)
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
    ended: SimpleQueue[Future] = SimpleQueue()
    waiting: deque[Future] = deque()
    done, out, stopped = set[int](), 0, False
    while waiting or (chunks.left and not stopped):
        while chunks.left and not stopped and out < 2 * (free := lanes()):
            waiting.append(submit(chunks.next(free)))
            waiting[-1].add_done_callback(lambda _inner, future=waiting[-1]: ended.put(future))
            out += 1
        if id(waiting[0]) not in done:
            done.add(id(ended.get()))
            out -= 1
            continue
        made = [ShardManifest.from_json(value) for value in waiting.popleft().result()]
        chunks.learn(made)
        stopped = stopped or any(shard.stopped for shard in made)
        yield from made
