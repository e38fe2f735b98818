"""Symbols of few derivations, written out whole: one draw then stands for a whole subtree.

On the support desk of tests/bench/bench_cfg.py a text takes 4 draws in place of 13, and a quarter of the time.
"""

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tasks.methods.rules._grammar import Alternative, Grammar
from tasks.methods.rules._grammar_tracery import modified

# At most: derivations of one symbol, of all, productions in one, characters of all. The support desk gives 0.8M texts/s
# with no piece, 2.1M with 256 a symbol, 3.0M with 4096, which take 20 ms to write out.
MAX_PIECES = 4096
_ALL_PIECES = 32_768
_MAX_RULES = 64
_ALL_CHARS = 1 << 22

_CLOSES = re.compile(r"[,.!?;:)]+|\s.*", re.DOTALL)
_OPENS = re.compile(r"\(+|.*\s", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Spacing:
    """What stands between two terminals; `repair` leaves it out before , . ! ? ; : ) and after (."""

    join: str
    repair: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A finished part of a text: what it says, and what the report and the tree need to know of how it was made.

    `before` and `after`: no join on that side. `leaves` counts terminals and empty productions, `height` productions
    nested in it. `tree` is in brackets, with a space before it.
    """

    text: str
    before: bool = False
    after: bool = False
    leaves: int = 1
    rules: tuple[int, ...] = ()
    weight: float = 1.0
    height: int = 0
    tree: str = ""


EMPTY = Piece("")


def terminal(text: str, spacing: Spacing) -> Piece:
    """Return the piece of one terminal; its tree is the text as a JSON string."""
    before = not spacing.join or (spacing.repair and bool(_CLOSES.fullmatch(text)))
    after = not spacing.join or (spacing.repair and bool(_OPENS.fullmatch(text)))
    return Piece(text, before, after, tree=f" {json.dumps(text, ensure_ascii=False)}")


def written_out(grammar: Grammar, leaf: Callable[[str], Piece], join: str, max_pieces: int) -> dict[int, list[Piece]]:
    """Return the symbols that have at most `max_pieces` derivations, each with all of them in the order of `unroll`."""
    found: dict[int, list[Piece]] = {}
    pieces, chars = 0, 0
    finite = [symbol for symbol, height in enumerate(grammar.tallest) if height]
    for symbol in sorted(finite, key=grammar.tallest.__getitem__):
        alternatives = grammar.alternatives[symbol]
        size = sum(_size(alternative, found) for alternative in alternatives)
        if size > min(max_pieces, _ALL_PIECES - pieces):
            continue
        if chars + sum(_chars(alternative, found) for alternative in alternatives) > _ALL_CHARS:
            continue
        label, modifiers = grammar.names[symbol], grammar.modifiers[symbol]
        own = [_composed(a, parts, join, label) for a in alternatives for parts in _products(a, found, leaf)]
        if max(len(piece.rules) for piece in own) > _MAX_RULES:
            continue
        found[symbol] = [_modified(piece, modifiers) for piece in own] if modifiers else own
        pieces += size
        chars += sum(len(piece.text) for piece in own)
    return found


def _size(alternative: Alternative, found: dict[int, list[Piece]]) -> int:
    if any(child not in found for child in alternative.symbols):
        return MAX_PIECES + 1
    return math.prod(len(found[child]) for child in alternative.symbols)


def _chars(alternative: Alternative, found: dict[int, list[Piece]]) -> int:
    parts = [max(len(p.text) for p in found[i]) if isinstance(i, int) else len(i) for i in alternative.items]
    return sum(parts) * _size(alternative, found)


def _products(
    alternative: Alternative, found: dict[int, list[Piece]], leaf: Callable[[str], Piece]
) -> Iterator[tuple[Piece, ...]]:
    lists = [found[item] if isinstance(item, int) else [leaf(item)] for item in alternative.items]
    return itertools.product(*(lists or [[EMPTY]]))


def _composed(alternative: Alternative, parts: Sequence[Piece], join: str, label: str) -> Piece:
    spoken = [part for part in parts if part.text]
    text = spoken[0].text if spoken else ""
    for left, right in itertools.pairwise(spoken):
        text += right.text if left.after or right.before else join + right.text
    return Piece(
        text,
        before=bool(spoken) and spoken[0].before,
        after=bool(spoken) and spoken[-1].after,
        leaves=sum(part.leaves for part in parts),
        rules=(alternative.rule, *(rule for part in parts for rule in part.rules)),
        weight=alternative.weight * math.prod(part.weight for part in parts),
        height=1 + max(part.height for part in parts),
        tree=f" ({label}{''.join(part.tree for part in parts)})",
    )


def _modified(piece: Piece, modifiers: tuple[str, ...]) -> Piece:
    return Piece(
        modified(piece.text, modifiers),
        before=piece.before,
        after=piece.after,
        leaves=piece.leaves,
        rules=piece.rules,
        weight=piece.weight,
        height=piece.height,
        tree=piece.tree,
    )
