"""Whose turn it is: the draws of a stage dealt to several templates by weight, until each has no more to give.

Draw number p is a pure function of p and the stage's key, so shards need not know of one another. Draws come in blocks;
in a block each template has as many turns as its weight, in an order of the block's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]
_PARTS = 1000


@dataclass(frozen=True, slots=True)
class Phase:
    """Blocks with the same templates in play; turn t of block j is draw base + j * turns + rank[t] of owner[t]."""

    start: int
    end: int | None
    owner: Index
    rank: Index
    base: Index
    turns: Index


def whole_weights(weights: Sequence[float]) -> list[int]:
    """Return weights as small whole numbers, to a thousandth of their sum; at least 1 each."""
    total = sum(weights)
    parts = [max(1, round(weight / total * _PARTS)) for weight in weights]
    if len(set(weights)) == 1:
        return [1] * len(parts)
    return [part // gcd(*parts) for part in parts]


def phases(totals: Sequence[int | None], weights: Sequence[int]) -> list[Phase]:
    """Return the phases in which templates with so many draws to give (None: without end) take turns."""
    left = list(totals)
    base = [0] * len(left)
    found: list[Phase] = []
    start = 0
    while active := [k for k, some in enumerate(left) if some != 0]:
        # The last turns of a template that has fewer left than its weight make a block of their own.
        turns = {k: weights[k] if left[k] is None else min(weights[k], left[k]) for k in active}
        ends = [left[k] // turns[k] for k in active if left[k] is not None]
        blocks = min(ends) if ends else None
        size = sum(turns.values())
        end = None if blocks is None else start + blocks * size
        found.append(_phase(start, end, turns, base))
        if blocks is None:
            break
        for k in active:
            base[k] += blocks * turns[k]
            left[k] = None if left[k] is None else left[k] - blocks * turns[k]
        start = end or 0
    return found


def _phase(start: int, end: int | None, turns: dict[int, int], base: Sequence[int]) -> Phase:
    owner = np.repeat(np.array(list(turns)), list(turns.values()))
    rank = np.concatenate([np.arange(n) for n in turns.values()])
    by_template = np.zeros(len(base), np.int64)
    by_template[list(turns)] = list(turns.values())
    return Phase(start, end, owner, rank, np.array(base, np.int64), by_template)


def deal(found: Sequence[Phase], first: int, count: int, key: int) -> tuple[Index, Index]:
    """Return the template and the number of its draw, for each draw from `first` on; fewer than `count` at the end."""
    owners, ordinals = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for phase in found:
        low = max(first, phase.start)
        high = first + count if phase.end is None else min(first + count, phase.end)
        if low < high:
            owner, ordinal = _in_phase(phase, low - phase.start, high - phase.start, key)
            owners.append(owner)
            ordinals.append(ordinal)
    return np.concatenate(owners), np.concatenate(ordinals)


def _in_phase(phase: Phase, low: int, high: int, key: int) -> tuple[Index, Index]:
    size = len(phase.owner)
    blocks = np.arange(low // size, (high - 1) // size + 1)
    turn = _shuffled(blocks, size, key).ravel()
    block = np.repeat(blocks, size)
    cut = slice(low - low // size * size, high - low // size * size)
    owner = phase.owner[turn[cut]]
    return owner, phase.base[owner] + block[cut] * phase.turns[owner] + phase.rank[turn[cut]]


def _shuffled(blocks: Index, size: int, key: int) -> Index:
    """Return an order of range(size) a block, as (blocks, size): by the splitmix64 hash of block and turn."""
    if size == 1:
        return np.zeros((len(blocks), 1), np.int64)
    values = (blocks.astype(np.uint64)[:, None] * np.uint64(size) + np.arange(size, dtype=np.uint64)) ^ np.uint64(
        key & (2**64 - 1)
    )
    values *= np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(values ^ (values >> np.uint64(31)), axis=1, kind="stable")
