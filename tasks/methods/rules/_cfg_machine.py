"""A grammar as arrays: what the batch sampler walks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.methods.rules._cfg_count import Unrolled
from tasks.methods.rules._cfg_pieces import EMPTY, MAX_PIECES, Piece, Spacing, terminal, written_out
from tasks.methods.rules._grammar import Alternative, Grammar

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.uint64]

# Above this the column arithmetic of 64 bits stops; a larger count is held as this.
FULL = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to go on from a symbol: items (int: symbol, Piece: text), and what the draw and the report need."""

    items: tuple[int | Piece, ...]
    rules: tuple[int, ...]
    weight: float
    count: int
    need: int
    wraps: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """Choices of symbol s: `first[s]` .. `first[s + 1]`; items of choice c: `item_first[c]` .. `item_first[c + 1]`.

    An item is a symbol (0 or more) or a piece (~number). After the pieces of the grammar come one stand-in for each
    symbol, for a text that is cut, and in `trees` the brackets. Counts are held at FULL where they are larger.
    """

    names: tuple[str, ...]
    modifiers: tuple[tuple[str, ...], ...]
    first: Ints
    width: Ints
    item_first: Ints
    item_len: Ints
    items: Codes
    item_count: Counts
    item_radix: Counts
    weights: npt.NDArray[np.float64]
    needs: Ints
    counts: Counts
    exact: list[int]
    totals: list[int]
    wraps: npt.NDArray[np.bool_]
    rule_first: Ints
    rules: Ints
    texts: pa.StringArray
    trees: pa.StringArray
    empty: npt.NDArray[np.bool_]
    before: npt.NDArray[np.bool_]
    after: npt.NDArray[np.bool_]
    leaves: Ints
    join: str

    @property
    def stand_in(self) -> int:
        """The number of the piece that stands for symbol 0 in a text that is cut; symbol s has the s-th after it."""
        return len(self.texts) - len(self.names)


def machine(
    grammar: Grammar, spacing: Spacing, counted: Unrolled | None = None, max_pieces: int = MAX_PIECES
) -> Machine:
    """Return the arrays of `grammar`, or of the derivations of `counted`, by weight or by number.

    A symbol of at most `max_pieces` derivations is written out: it changes how fast draws are, not which there can be.
    """
    source = counted.grammar if counted else grammar
    fewest = source.shortest
    leaf = cache(lambda text: terminal(text, spacing))
    whole = written_out(source, leaf, spacing.join, max_pieces)
    order = _reached(source, whole)
    number = {symbol: index for index, symbol in enumerate(order)}
    totals = counted.totals if counted else [0] * len(fewest)

    def of_alternative(alternative: Alternative, count: int) -> Choice:
        items = tuple(number[i] if isinstance(i, int) else leaf(i) for i in alternative.items)
        need = 1 + max((fewest[s] for s in alternative.symbols), default=0)
        return Choice(items or (EMPTY,), (alternative.rule,), alternative.weight, count, need, wraps=True)

    choices = []
    for symbol in order:
        if symbol in whole:
            choices.append([Choice((p,), p.rules, p.weight, 1, p.height, wraps=False) for p in whole[symbol]])
            continue
        alternatives = source.alternatives[symbol]
        shares = counted.shares[symbol] if counted else [0] * len(alternatives)
        choices.append([of_alternative(a, n) for a, n in zip(alternatives, shares, strict=True)])
    names = tuple(source.names[symbol] for symbol in order)
    modifiers = tuple(() if symbol in whole else source.modifiers[symbol] for symbol in order)
    return _arrays(names, modifiers, choices, [totals[symbol] for symbol in order], spacing.join)


def _reached(grammar: Grammar, whole: dict[int, list[Piece]]) -> list[int]:
    """Return the symbols that a draw can meet, the start first; below a symbol that is written out it meets none."""
    order = {0: None}
    queue = [0]
    for symbol in queue:
        below = () if symbol in whole else grammar.alternatives[symbol]
        for child in (child for alternative in below for child in alternative.symbols):
            if child not in order:
                order[child] = None
                queue.append(child)
    return queue


def _arrays(
    names: tuple[str, ...],
    modifiers: tuple[tuple[str, ...], ...],
    choices: Sequence[Sequence[Choice]],
    totals: Sequence[int],
    join: str,
) -> Machine:
    flat = [choice for own in choices for choice in own]
    numbers: dict[int, int] = {}
    pieces: list[Piece] = []
    for piece in (item for choice in flat for item in choice.items if isinstance(item, Piece)):
        if id(piece) not in numbers:
            numbers[id(piece)] = len(pieces)
            pieces.append(piece)
    codes = [i if isinstance(i, int) else ~numbers[id(i)] for choice in flat for i in choice.items]
    radix = [value for choice in flat for value in _radix(choice, totals)]
    shown = pieces + [Piece(f"<{name}>", tree=f" <{name}>") for name in names]
    brackets = [f" ({name}" for name in names] + [")"]
    lengths = [len(choice.items) for choice in flat]
    return Machine(
        names=names,
        modifiers=modifiers,
        first=_offsets([len(own) for own in choices]),
        width=np.array([len(own) for own in choices], np.int64),
        item_first=_offsets(lengths),
        item_len=np.array(lengths, np.int64),
        items=np.array(codes, np.int32),
        item_count=_held([totals[code] if code >= 0 else 1 for code in codes]),
        item_radix=_held(radix),
        weights=np.array([choice.weight for choice in flat]),
        needs=np.array([choice.need for choice in flat], np.int64),
        counts=_held([choice.count for choice in flat]),
        exact=[choice.count for choice in flat],
        totals=list(totals),
        wraps=np.array([choice.wraps for choice in flat], np.bool_),
        rule_first=_offsets([len(choice.rules) for choice in flat]),
        rules=np.array([rule for choice in flat for rule in choice.rules], np.int64),
        texts=pa.array([piece.text for piece in shown], pa.string()),
        trees=pa.array([_escaped(tree) for tree in [*(piece.tree for piece in shown), *brackets]], pa.string()),
        empty=np.array([not piece.text for piece in shown], np.bool_),
        before=np.array([piece.before for piece in shown], np.bool_),
        after=np.array([piece.after for piece in shown], np.bool_),
        leaves=np.array([piece.leaves for piece in shown], np.int64),
        join=join,
    )


def _offsets(lengths: Sequence[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))])


def _held(values: Sequence[int]) -> Counts:
    return np.array([min(value, FULL) for value in values], np.uint64)


def _radix(choice: Choice, totals: Sequence[int]) -> list[int]:
    """Return, for each item, how many derivations the items right of it have: the leftmost changes slowest."""
    radix, product = [], 1
    for item in reversed(choice.items):
        radix.append(product)
        product *= totals[item] if isinstance(item, int) else 1
    return radix[::-1]


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def offsets_of(lengths: npt.NDArray[Any]) -> Ints:
    """Return where each run of these lengths starts, and after the last where it ends."""
    out = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=out[1:])
    return out
