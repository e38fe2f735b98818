"""One draw of a method that asks a language model: what it is handed, and what it returns."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.engine import Answer, Request

# Asks the engine, through the answer log. It adds a `seed` to the sampling where the request has none: a function of
# (run seed, stage, draw, how many calls of this draw came before), so that a re-run asks for the very same answers.
# Raises RecordError: `truncated` for a cut-off answer (its text is `raw`), `prompt_too_long`.
Generate = Callable[[Request], Awaitable[Answer]]

# Record columns by name, `extra` as a dict, messages as [{"role", "content"}]; a key `reason` makes it a reject, and
# `stats` are counters that add up over the shards of a stage.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What all draws of a shard share; handed to `prepare`, whose value each draw gets as `prepared`.

    `seeds` are all seeds of the stage, in order, as often as they are iterated. `pool` are the records of earlier
    rounds, for a method with a `pool`; empty otherwise.
    """

    seeds: Iterable[pa.RecordBatch]
    pool: Sequence[Row]
    key: int


@dataclass
class RolloutDraw:
    """One draw: number `number` of the stage, the seed it starts from (for `seeds: each`), and its own stream.

    `stream` is called where a method first draws from `rng`: to make one takes 15 µs, and many draw nothing.
    """

    number: int
    seed: Row | None
    prepared: Any
    stream: Callable[[], np.random.Generator]

    @cached_property
    def rng(self) -> np.random.Generator:
        return self.stream()


Rollout = Callable[[RolloutDraw, Generate, Any], Awaitable[list[Row]]]
Prepare = Callable[[Context, Any], Any]
