"""What a step of a generated function is; the steps themselves are in the modules `_code_from_*`.

A block goes from one type to another. Its codes are different ways to write it: an expression, or lines that assign
@out. In codes @v is the input (@w a second list), @x and @y are items, @i a place, @t a running value; @p and @q are
tests of @x, @e an expression over @x, @n a number made of a string @x, @a, @b, @s and @r constants, @k a constant that
may become an argument of the function. `run` is the meaning, written apart from every code: where a code and the
meaning disagree, the tests of the function fail.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from tasks.methods.rules._code_items import Range

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Block:
    """One step; `parts` names what is drawn for it (p, q, e, n), over items of type `item`; `top` bounds an integer."""

    takes: str
    gives: str
    slug: str
    does: str
    codes: tuple[str, ...]
    run: Callable[[Any, SimpleNamespace], Any]
    parts: str = ""
    item: str = "number"
    k: Range | None = None
    a: Range | None = None
    span: Range | None = None
    top: int = 60


def block(types: str, slug: str, does: str, run: Callable[[Any, Any], Any], *codes: str, **more: Any) -> Block:
    """Return a Block; `types` is `takes > gives`."""
    takes, _, gives = types.partition(" > ")
    return Block(takes, gives, slug, does, codes, run, **more)


def longest_run(flags: list[bool]) -> int:
    """Return the length of the longest run of true values."""
    return max((len(list(group)) for key, group in itertools.groupby(flags) if key), default=0)


def once(values: list[Any]) -> list[Any]:
    """Return the values in order of first appearance, each once."""
    return [value for place, value in enumerate(values) if value not in values[:place]]


def windows(values: list[int], size: int) -> list[list[int]]:
    """Return every stretch of `size` neighbours."""
    return [values[start : start + size] for start in range(len(values) - size + 1)]


def chunks(values: list[Any], size: int) -> list[list[Any]]:
    """Return `values` cut into pieces of `size`, the last of them shorter where they do not fit."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    """Return each value with the one after it."""
    return list(itertools.pairwise(values))


def accumulate(values: list[int], step: Callable[[int, int], int]) -> list[int]:
    """Return the running results of `step`."""
    return list(itertools.accumulate(values, step))


def mirrored(letters: list[str]) -> bool:
    """Return whether the letters read the same backwards."""
    return all(letters[i] == letters[-1 - i] for i in range(len(letters) // 2))


def prime_factors(number: int) -> list[int]:
    """Return the prime factors in ascending order, each as often as it divides."""
    for factor in range(2, number + 1):
        if number % factor == 0:
            return [factor, *prime_factors(number // factor)]
    return []


def collatz(number: int) -> list[int]:
    """Return the steps from `number` down to 1 of the 3n + 1 rule."""
    if number == 1:
        return [1]
    return [number, *collatz(3 * number + 1 if number & 1 else number >> 1)]
