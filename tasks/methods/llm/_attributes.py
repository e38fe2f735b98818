"""Attributes of what is written (topic × tone × length × ...), dealt to the draws so that every run of draws is spread.

Up to MAX_GRID combinations, the whole product is dealt, each combination once before any comes again, in an order in
which values and pairs of values take even turns. Above that, and with weights, it is a Latin hypercube: each attribute
goes through its own values in shuffled blocks (McKay et al. 1979, https://doi.org/10.2307/1268522).
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator

from tasks.core.method import TextOrFile

MAX_GRID = 4096
# Values of a weighted attribute take their turns in blocks of so many draws.
_BLOCK = 100
_FILE = re.compile(r"\S+\.(?:txt|lst|md|tsv|csv)")


def _values(value: Any) -> Any:
    """Return value → weight of a list, of `{weighted: {...}}`, of the lines of a text."""
    if isinstance(value, str):
        if _FILE.fullmatch(value):
            raise ValueError(f"no such file: '{value}'")
        value = [line.strip() for line in value.splitlines() if line.strip()]
    if isinstance(value, Mapping) and set(value) == {"weighted"}:
        value = value["weighted"]
    if isinstance(value, Mapping):
        return {str(part): weight for part, weight in value.items()}
    if isinstance(value, list | tuple):
        if len(set(map(str, value))) < len(value):
            raise ValueError("a value stands twice in the list; give it a weight")
        return {str(part): 1.0 for part in value}
    return value


def _positive(value: dict[str, float]) -> dict[str, float]:
    if not value or any(not 0 < weight < float("inf") for weight in value.values()):
        raise ValueError("an attribute needs values, each with a weight above 0")
    return value


# The validators run from the last to the first: a path becomes its text, the text a value a line.
Values = Annotated[dict[str, float], BeforeValidator(_values), *get_args(TextOrFile)[1:]]
Grid = dict[str, Values]


def check_grid(grid: Grid) -> Grid:
    """Return the grid; ValueError names the attribute that has no values, or a name that cannot be one."""
    for name, values in grid.items():
        if not name.isidentifier():
            raise ValueError(f"'{name}' cannot name an attribute: use letters, digits and _, no digit first")
        try:
            _positive(values)
        except ValueError as exc:
            raise ValueError(f"attribute '{name}': {exc}") from exc
    return grid


def dealt(grid: Mapping[str, Mapping[str, float]], number: int, key: int) -> dict[str, str]:
    """Return attribute → value of the draw `number`; a function of the grid, the number and the stage's `key` alone."""
    if not grid:
        return {}
    frozen = tuple((name, tuple(values.items())) for name, values in grid.items())
    total = int(np.prod([float(len(values)) for values in grid.values()]))
    if total == 1:
        return {name: values[0][0] for name, values in frozen}
    if total <= MAX_GRID and not _weighted(frozen):
        chosen = _product(tuple(len(values) for values in grid.values()), key, number // total)[number % total]
        return {name: values[place][0] for (name, values), place in zip(frozen, chosen.tolist(), strict=True)}
    return {name: _turn(name, values, number, key) for name, values in frozen}


def _weighted(frozen: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]) -> bool:
    return any(len({weight for _, weight in values}) > 1 for _, values in frozen)


def _rng(key: int, *parts: object) -> np.random.Generator:
    text = "\x1f".join(map(str, ("attributes", key, *parts)))
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=seed))


@lru_cache(maxsize=256)
def _product(sizes: tuple[int, ...], key: int, lap: int) -> npt.NDArray[np.int64]:
    """Return every combination once, (total, attributes), in an order that is even from the start.

    The next is always one whose values, and pairs of values, were dealt least so far; which of these, is random.
    """
    total = int(np.prod(sizes))
    rows = np.stack(np.unravel_index(np.arange(total), sizes), axis=1)
    rows = rows[_rng(key, "lap", lap).permutation(total)]
    weights = [(codes, 1.0) for codes in rows.T]
    for low in range(len(sizes)):
        weights += [(rows[:, low] * sizes[high] + rows[:, high], 0.5) for high in range(low + 1, len(sizes))]
    used = np.zeros(total)
    order = np.empty(total, np.int64)
    for place in range(total):
        order[place] = chosen = int(used.argmin())
        for codes, weight in weights:
            used[codes == codes[chosen]] += weight
        used[chosen] = np.inf
    return rows[order]


def _turn(name: str, values: tuple[tuple[str, float], ...], number: int, key: int) -> str:
    even = len({weight for _, weight in values}) == 1
    if even:
        lap, place = divmod(number, len(values))
        return values[int(_shuffled(len(values), key, name, lap)[place])][0]
    lap, place = divmod(number, _BLOCK)
    # One stratum a draw: each block of draws has every value as often as its weight says, to one draw.
    at = (_shuffled(_BLOCK, key, name, lap)[place] + _rng(key, name, "offset", lap).random()) / _BLOCK
    ends = np.cumsum([weight for _, weight in values])
    return values[min(int(np.searchsorted(ends, at * ends[-1], side="right")), len(values) - 1)][0]


@lru_cache(maxsize=256)
def _shuffled(size: int, key: int, name: str, lap: int) -> npt.NDArray[np.int64]:
    return _rng(key, name, lap).permutation(size)
