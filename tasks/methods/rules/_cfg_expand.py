"""Derivation trees of many texts at once, level by level; nothing is copied twice and nothing recurses."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.methods.rules._cfg_machine import Codes, Ints, Machine, offsets_of
from tasks.methods.rules._cfg_pick import Picker

# Symbols that a block of texts may hold: a runaway grammar, all of whose texts reach the limit, takes 0.7 GB.
_BLOCK_ITEMS = 1 << 22
_BLOCK_ROWS = 1 << 14


@dataclass(slots=True)
class Level:
    """Items of all texts at one depth, in the order of the texts; `nodes` are the places that were expanded."""

    codes: Codes
    owners: Codes | None
    nodes: Ints
    choices: Ints


@dataclass(slots=True)
class Trees:
    """The levels of a block, and which texts have more leaves than allowed."""

    levels: list[Level]
    over: npt.NDArray[np.bool_] | None


def block_rows(longest: int) -> int:
    """Return how many texts to expand together when one may have `longest` leaves, or levels."""
    return max(1, min(_BLOCK_ROWS, _BLOCK_ITEMS // max(1, longest)))


def expand(made: Machine, rows: int, picker: Picker, max_leaves: int | None) -> Trees:
    """Return the derivations of `rows` texts; one that passes `max_leaves` (None: none can) is left unfinished."""
    codes = np.zeros(rows, np.int32)
    owners = None if max_leaves is None else np.arange(rows, dtype=np.int32)
    limit = None if max_leaves is None else _Limit(made, rows, max_leaves)
    nodes = np.arange(rows)
    levels: list[Level] = []
    while nodes.size:
        choices = picker.pick(codes[nodes], len(levels))
        levels.append(Level(codes, owners, nodes, choices))
        lengths = made.item_len[choices]
        offsets = offsets_of(lengths)
        items = np.repeat(made.item_first[choices] - offsets[:-1], lengths)
        items += np.arange(offsets[-1])
        codes = made.items[items]
        if limit and owners is not None:
            owners = np.repeat(owners[nodes], lengths)
            limit.cut(codes, owners)
        nodes = np.flatnonzero(codes >= 0)
        if nodes.size:
            picker.descend(items[nodes], np.repeat(np.arange(len(choices)), lengths)[nodes])
    levels.append(Level(codes, owners, nodes, nodes))
    return Trees(levels, limit.over if limit else None)


class _Limit:
    """Counts the leaves of each text; an open symbol is at least one leaf to come, so a text over is over for good."""

    def __init__(self, made: Machine, rows: int, max_leaves: int) -> None:
        self._made, self._max = made, max_leaves
        self._leaves = np.zeros(rows, np.int64)
        self.over = np.zeros(rows, np.bool_)

    def cut(self, codes: Codes, owners: Codes) -> None:
        """Put stand-ins in place of the open symbols of each text that is over."""
        opened = codes >= 0
        rows = len(self._leaves)
        self._leaves += np.bincount(owners, np.where(opened, 0, self._made.leaves[~codes]), rows).astype(np.int64)
        self.over |= self._leaves + np.bincount(owners[opened], minlength=rows) > self._max
        if self.over.any():
            dead = opened & self.over[owners]
            codes[dead] = ~(codes[dead] + np.int32(self._made.stand_in))


def chosen(made: Machine, trees: Trees) -> Ints:
    """Return how often each choice was made in texts that are not over."""
    choices = np.concatenate([level.choices for level in trees.levels])
    if trees.over is not None and trees.over.any():
        owners = np.concatenate([level.owners[level.nodes] for level in trees.levels if level.owners is not None])
        choices = choices[~trees.over[owners]]
    return np.bincount(choices, minlength=len(made.weights))


def by_rule(made: Machine, counts: Ints, rules: int) -> Ints:
    """Return how often each of the first `rules` rules was used, from how often each choice was made."""
    each = np.repeat(counts, np.diff(made.rule_first))
    out = np.zeros(rules, np.int64)
    np.add.at(out, made.rules, each)
    return out
