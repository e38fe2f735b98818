"""How many derivations a grammar has, exactly, and the grammar laid out by depth so that each can be numbered."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.methods.rules._grammar import Alternative, Grammar, alternative

# A count of more bits belongs to derivations of thousands of leaves; S -> S S | 'a' doubles its bits with each level.
MAX_BITS = 1 << 16
# All counts together, in bits (64 MiB), and all productions of the layout: a few seconds of work.
_ALL_BITS = 1 << 29
MAX_UNROLLED = 500_000


@dataclass(frozen=True, slots=True)
class Unrolled:
    """A grammar whose symbols are (symbol, depth left): without recursion, and with the number of derivations.

    `totals[i]` counts the derivations of symbol i, `shares[i][j]` those that begin with its alternative j.
    """

    grammar: Grammar
    totals: list[int]
    shares: list[list[int]]


def unroll(grammar: Grammar, depth: int | None, limit: int = MAX_UNROLLED) -> Unrolled | None:
    """Return the derivations of at most `depth` nested productions; None: of any depth, where nothing recurses.

    Returns None where the layout has more than `limit` productions or a count more than MAX_BITS bits: too many.
    """
    heights, fewest = grammar.tallest, grammar.shortest
    states = [(0, _clamped(heights[0], depth))]
    numbers = {states[0]: 0}
    laid: list[list[Alternative]] = []
    size = 0
    for symbol, left in states:
        own = []
        for plain in grammar.alternatives[symbol]:
            if any(fewest[s] >= left for s in plain.symbols):
                continue
            items = [i if isinstance(i, str) else (i, _clamped(heights[i], left - 1)) for i in plain.items]
            for item in items:
                if not isinstance(item, str) and item not in numbers:
                    numbers[item] = len(states)
                    states.append(item)
            linked = [i if isinstance(i, str) else numbers[i] for i in items]
            own.append(alternative(plain.rule, plain.weight, linked))
        laid.append(own)
        size += len(own)
        if size > limit:
            return None
    counted = _counted(laid, sorted(range(len(states)), key=lambda number: states[number][1]))
    if counted is None:
        return None
    names, modifiers = zip(*((grammar.names[s], grammar.modifiers[s]) for s, _ in states), strict=True)
    return Unrolled(Grammar(names, modifiers, tuple(map(tuple, laid))), *counted)


def _clamped(height: int, depth: int | None) -> int:
    """Return the depth that matters: no derivation of a symbol without recursion is deeper than `height`."""
    if depth is None:
        return height
    return min(height, depth) if height else depth


def _counted(laid: Sequence[Sequence[Alternative]], order: Sequence[int]) -> tuple[list[int], list[list[int]]] | None:
    totals = [0] * len(laid)
    shares: list[list[int]] = [[] for _ in laid]
    bits = 0
    for state in order:  # by depth left: what a production needs is counted before it
        for own in laid[state]:
            factors = [totals[child] for child in own.symbols]
            size = sum(factor.bit_length() for factor in factors)
            bits += size
            if size > MAX_BITS or bits > _ALL_BITS:
                return None
            shares[state].append(math.prod(factors))
        totals[state] = sum(shares[state])
    return totals, shares


def deepest_that_fits(grammar: Grammar, least: int, most: int) -> int:
    """Return the largest depth from `least` to `most` that `unroll` can lay out; `least` - 1 where none can be."""
    low, high = least - 1, most
    while low < high:
        middle = (low + high + 1) // 2
        if unroll(grammar, middle):
            low = middle
        else:
            high = middle - 1
    return low
