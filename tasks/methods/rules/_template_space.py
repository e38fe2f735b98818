"""The space of a template's finite slots: how many combinations there are, and the one with a given number.

Slots that depend on one another form trees (a product, its features, a detail of that feature). The entries of a slot
that depends on another lie in one flat table, branch after branch, so a combination is one entry number per slot, and
numbers become combinations by mixed-radix division with the radices of each row's own branch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.errors import RecipeError, choices
from tasks.core.random import MAX_PERMUTED
from tasks.methods.rules._template_numbers import Numbers

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Finite:
    """A slot with finitely many entries; one with a `parent` has a branch of entries for each of `keys`.

    `texts` and `values` are None for a range too long to list, which `numbers` writes. Branch b is the entries
    starts[b]:starts[b + 1]; `default` is the branch of every value that is not among `keys`, or -1.
    """

    name: str
    size: int
    texts: pa.Array | None
    values: Sequence[Any] | None
    numbers: Numbers | None = None
    weights: npt.NDArray[np.float64] | None = None
    parent: str | None = None
    starts: Index | None = None
    keys: pa.Array | None = None
    default: int = -1

    def branch_of(self, texts: pa.Array) -> Index:
        """Return the branch of each text of the parent; -1 where there is none."""
        found = pc.fill_null(pc.index_in(texts, self.keys), self.default)
        return found.to_numpy(zero_copy_only=False).astype(np.int64)

    def draw(self, rng: np.random.Generator, rows: int, branch: Index | None = None) -> Index:
        """Return an entry a row, by weight where there are weights; within the row's branch where one is given."""
        if branch is None:
            low, high = np.zeros(1, np.int64), np.full(1, self.size, np.int64)
        else:
            low, high = self.starts[branch], self.starts[branch + 1]
        if self.weights is None:
            return rng.integers(low, high, rows)
        edges = np.concatenate([[0.0], np.cumsum(self.weights)])
        point = edges[low] + rng.random(rows) * (edges[high] - edges[low])
        return np.clip(np.searchsorted(edges, point, side="right") - 1, low, high - 1)

    def cover(self, rows: int, branch: Index | None = None) -> Index:
        """Return entries in turn, so that enough rows meet every one."""
        turn = np.arange(rows)
        if branch is None:
            return turn % self.size
        return self.starts[branch] + turn % (self.starts[branch + 1] - self.starts[branch])


def check_gaps(slot: Finite, texts: pa.Array, branch: Index) -> None:
    """Raise RecipeError for the first text of the parent for which the slot has no branch."""
    if (branch < 0).any():
        missing = texts[int(np.argmax(branch < 0))].as_py()
        near = choices(missing, slot.keys.to_pylist())
        raise RecipeError(f"slot '{slot.name}' has no choices for {slot.parent} '{missing}'{near}; or give a `default`")


@dataclass(frozen=True, eq=False)
class Tree:
    """Slots that hang on one root; `branches` gives, by child, the branch of each entry of its parent."""

    slots: tuple[Finite, ...]
    branches: Mapping[str, Index] = field(default_factory=dict)

    @property
    def root(self) -> Finite:
        return self.slots[0]

    @property
    def names(self) -> list[str]:
        return [slot.name for slot in self.slots]

    @property
    def widest(self) -> int:
        """The number of rows in which `cover` meets every entry of the root."""
        return self.root.size

    @property
    def weighted(self) -> bool:
        return any(slot.weights is not None for slot in self.slots)

    @cached_property
    def total(self) -> int:
        """The number of combinations of the tree's slots."""
        return self.root.size if len(self.slots) == 1 else int(self._counts[self.root.name].sum())

    @cached_property
    def _counts(self) -> dict[str, npt.NDArray[np.object_]]:
        """How many combinations each entry of each slot stands for, itself and all that hangs on it; exact integers."""
        counts = {slot.name: np.full(slot.size, 1, dtype=object) for slot in self.slots}
        for child in reversed(self.slots[1:]):
            per_branch = np.add.reduceat(counts[child.name], child.starts[:-1])
            counts[child.parent] = counts[child.parent] * per_branch[self.branches[child.name]]
        return counts

    @cached_property
    def _edges(self) -> dict[str, npt.NDArray[np.uint64]]:
        return {name: np.concatenate([[0], np.cumsum(c)]).astype(np.uint64) for name, c in self._counts.items()}

    def decode(self, numbers: npt.NDArray[np.uint64]) -> dict[str, Index]:
        """Return the entries, by slot, of the combinations with these numbers (uint64, each below `total`)."""
        if len(self.slots) == 1:
            return {self.root.name: numbers.astype(np.int64)}
        entries: dict[str, Index] = {}
        left: dict[str, npt.NDArray[np.uint64]] = {}
        self._place(self.root, numbers, entries, left)
        for child in self.slots[1:]:
            branch = self.branches[child.name][entries[child.parent]]
            edges = self._edges[child.name]
            low = edges[child.starts[branch]]
            size = edges[child.starts[branch + 1]] - low
            left[child.parent], number = np.divmod(left[child.parent], size)
            self._place(child, low + number, entries, left)
        return entries

    def _place(self, slot: Finite, numbers: npt.NDArray[np.uint64], entries: dict, left: dict) -> None:
        edges = self._edges[slot.name]
        entries[slot.name] = np.searchsorted(edges, numbers, side="right") - 1
        left[slot.name] = numbers - edges[entries[slot.name]]

    def draw(self, rng: np.random.Generator, rows: int) -> dict[str, Index]:
        """Return random entries by slot: the root first, then what hangs on it, given its value."""
        entries = {self.root.name: self.root.draw(rng, rows)}
        for child in self.slots[1:]:
            entries[child.name] = child.draw(rng, rows, self.branches[child.name][entries[child.parent]])
        return entries

    def cover(self, rows: int) -> dict[str, Index]:
        """Return entries in turn, so that enough rows meet every entry of the root."""
        entries = {self.root.name: self.root.cover(rows)}
        for child in self.slots[1:]:
            entries[child.name] = child.cover(rows, self.branches[child.name][entries[child.parent]])
        return entries


class Space(Protocol):
    """Slots whose combinations are counted: a tree, or a listing where they form none."""

    @property
    def names(self) -> list[str]: ...

    @property
    def total(self) -> int: ...

    @property
    def weighted(self) -> bool: ...

    @property
    def widest(self) -> int: ...

    def decode(self, numbers: npt.NDArray[np.uint64]) -> dict[str, Index]: ...

    def draw(self, rng: np.random.Generator, rows: int) -> dict[str, Index]: ...

    def cover(self, rows: int) -> dict[str, Index]: ...


def total_of(trees: Sequence[Space]) -> int:
    """Return the number of combinations of all `trees`, exact however large."""
    total = 1
    for tree in trees:
        total *= tree.total
    return total


def decode(trees: Sequence[Space], numbers: npt.NDArray[np.uint64]) -> dict[str, Index]:
    """Return the entries, by slot, of the combinations with these numbers; the total is at most MAX_PERMUTED."""
    entries: dict[str, Index] = {}
    for tree in trees:
        if tree.total > MAX_PERMUTED:
            raise ValueError(f"{tree.total} combinations are more than {MAX_PERMUTED}")
        numbers, here = np.divmod(numbers, np.uint64(tree.total))
        entries |= tree.decode(here)
    return entries
