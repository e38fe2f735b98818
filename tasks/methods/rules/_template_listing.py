"""Slots that depend on a text of several others: `by` a slot such as "{{ size }} {{ colour }}".

They form no tree, so their combinations are written out, up to LISTED of them, and a combination's number is its row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core.errors import RecipeError
from tasks.methods.rules._template_numbers import LISTED
from tasks.methods.rules._template_space import Finite, Index, check_gaps
from tasks.methods.rules._template_text import Column, Text


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """All combinations of slots, as rows of entries; `edges` are the running sums of their probabilities."""

    entries: Mapping[str, Index]
    edges: npt.NDArray[np.float64]
    weighted: bool

    @property
    def names(self) -> list[str]:
        return list(self.entries)

    @property
    def total(self) -> int:
        return len(self.edges) - 1

    @property
    def widest(self) -> int:
        return self.total

    def decode(self, numbers: npt.NDArray[np.uint64]) -> dict[str, Index]:
        """Return the entries, by slot, of the combinations with these numbers."""
        return {name: column[numbers] for name, column in self.entries.items()}

    def draw(self, rng: np.random.Generator, rows: int) -> dict[str, Index]:
        """Return random entries by slot, each slot's given those before it."""
        found = np.searchsorted(self.edges, rng.random(rows) * self.edges[-1], side="right") - 1
        return self.decode(np.minimum(found, self.total - 1).astype(np.uint64))

    def cover(self, rows: int) -> dict[str, Index]:
        """Return combinations in turn."""
        return self.decode((np.arange(rows) % self.total).astype(np.uint64))


class _Table:
    """The combinations so far; texts are written from it as from a batch."""

    def __init__(self) -> None:
        self.count = 1
        self.columns: dict[str, Column] = {}
        self.entries: dict[str, Index] = {}
        self.chance = np.ones(1)

    def column(self, source: str) -> Column:
        return self.columns[source]

    def fail(self, row: int, exc: Exception) -> None:
        values = ", ".join(f"{name}={column.text_at(row)!r}" for name, column in self.columns.items())
        raise RecipeError(f"a slot's template fails for {values}: {exc}") from exc

    def widen(self, slot: Finite) -> bool:
        """Add a slot: a row for each of its entries in the row's branch; False where the rows are too many."""
        low = np.zeros(self.count, np.int64)
        size = np.full(self.count, slot.size, np.int64)
        if slot.parent is not None:
            branch = self._branch(slot)
            low, size = slot.starts[branch], np.diff(slot.starts)[branch]
        if size.sum() > LISTED:
            return False
        back = np.repeat(np.arange(self.count), size)
        first = np.repeat(np.cumsum(size) - size, size)
        self._repeat(back)
        entries = low[back] + np.arange(self.count) - first
        self.chance = self.chance * _shares(slot, entries, low[back], size[back])
        self.entries[slot.name] = entries
        self.columns[slot.name] = Column(slot.texts, entries, slot.values)
        return True

    def _branch(self, slot: Finite) -> Index:
        texts = self.columns[slot.parent].plain()
        branch = slot.branch_of(texts)
        check_gaps(slot, texts, branch)
        return branch

    def _repeat(self, back: Index) -> None:
        self.count = len(back)
        self.chance = self.chance[back]
        self.entries = {name: entries[back] for name, entries in self.entries.items()}
        for column in self.columns.values():
            if column.index is None:
                column.words = column.words.take(pa.array(back))
            else:
                column.index = column.index[back]


def _shares(slot: Finite, entries: Index, low: Index, size: Index) -> npt.NDArray[np.float64]:
    """Return the probability of each entry within its branch."""
    if slot.weights is None:
        return 1 / size
    edges = np.concatenate([[0.0], np.cumsum(slot.weights)])
    return slot.weights[entries] / (edges[low + size] - edges[low])


def list_all(slots: Sequence[tuple[str, Finite | Text]]) -> Listing | None:
    """Return all combinations of slots given in order; None for more than LISTED, or for a range too long to list."""
    table = _Table()
    for name, slot in slots:
        if not isinstance(slot, Finite):
            table.columns[name] = Column(slot.write(table))
        elif slot.texts is None or not table.widen(slot):
            return None
    weighted = any(isinstance(slot, Finite) and slot.weights is not None for _, slot in slots)
    return Listing(table.entries, np.concatenate([[0.0], np.cumsum(table.chance)]), weighted)
