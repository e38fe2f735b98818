"""Rows of the method `template` in the making: slots become columns, columns become texts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import record
from tasks.methods.rules._template_faker import made
from tasks.methods.rules._template_plan import Slot, Variant
from tasks.methods.rules._template_sandbox import TooMuchError
from tasks.methods.rules._template_slots import FakerSlot, RangeSlot, SeedSlot
from tasks.methods.rules._template_space import Finite, Index
from tasks.methods.rules._template_text import SEED, Column

# What a trial does with the slots' texts and the error of a row that logic could not make.
Trial = Callable[[Mapping[str, str], Exception], None]


class Batch:
    """So many rows of one variant; a text asks it for columns, and it keeps why a row is rejected."""

    def __init__(
        self,
        variant: Variant,
        count: int,
        entries: Mapping[str, Index],
        *,
        rng: np.random.Generator,
        seeds: Mapping[str, pa.Array],
        trial: Trial | None = None,
        cover: bool = False,
    ) -> None:
        self.count = count
        self.reasons: dict[int, str] = {}
        self._trial = trial
        self._variant = variant
        self._seeds = seeds
        self._rng = rng
        self._cover = cover
        self._entries = dict(entries)
        self._columns: dict[str, Column] = {}
        # All slots, in their order: which random numbers a slot gets must not hang on which text asks first.
        for name, slot in variant.slots.items():
            self._columns[name] = self._filled(slot)

    def column(self, source: str) -> Column:
        """Return the column of a slot or of `seed.<column>`."""
        if source.startswith(SEED):
            return self._seed(source.removeprefix(SEED))
        return self._columns[source]

    def reject(self, rows: Sequence[int], reason: str) -> None:
        """Keep `reason` for these rows; the first one stands."""
        for row in rows:
            self.reasons.setdefault(int(row), reason)

    def fail(self, row: int, exc: Exception) -> None:
        """Reject a row that logic could not make; in a trial, hand it over with what the slots were."""
        if self._trial:
            self._trial({name: column.text_at(row) for name, column in self._columns.items()}, exc)
        self.reject([row], "too_long" if isinstance(exc, TooMuchError) else "template_error")

    def texts(self) -> dict[str, pa.Array]:
        """Return the column of each output."""
        return {output: text.write(self) for output, text in self._variant.texts.items()}

    def slots(self) -> pa.Array:
        """Return what was drawn, as JSON `{"slots":{name:text}}`, a row."""
        parts: list[Any] = [pa.scalar('{"slots":{')]
        for number, name in enumerate(sorted(self._columns)):
            parts.append(pa.scalar(("," if number else "") + record.dumps(name) + ":"))
            parts.append(self._columns[name].mapped(record.dumps).plain())
        return pc.binary_join_element_wise(*parts, pa.scalar("}}"), "") if self._columns else self._empty()

    def _empty(self) -> pa.Array:
        return record.constant('{"slots":{}}', self.count)

    def _filled(self, slot: Slot) -> Column:
        if isinstance(slot, Finite):
            return self._finite(slot)
        if isinstance(slot, FakerSlot):
            return self._complete(pa.array(made(slot, self._rng, self.count), pa.string()), "faker_failed")
        if isinstance(slot, SeedSlot):
            return self._seed(slot.seed)
        if isinstance(slot, RangeSlot):
            return self._continuous(slot)
        return Column(slot.write(self))

    def _finite(self, slot: Finite) -> Column:
        if slot.name not in self._entries:
            self._entries[slot.name] = self._drawn(slot)
        entries = self._entries[slot.name]
        if slot.texts is not None:
            return Column(slot.texts, entries, slot.values)
        values = (
            [slot.numbers.value(i) for i in entries.tolist()] if self._variant.logic and not slot.numbers.spec else None
        )
        return Column(slot.numbers.write(entries), None, values)

    def _drawn(self, slot: Finite) -> Index:
        """Return entries of a slot that hangs on a value known only now: of a seed, of Faker or of a text."""
        branch = None
        if slot.parent is not None:
            parent = self._columns[slot.parent]
            branch = slot.branch_of(parent.words)
            branch = branch if parent.index is None else branch[parent.index]
            self.reject(np.flatnonzero(branch < 0), "no_choices")
            branch = np.maximum(branch, 0)
        return slot.cover(self.count, branch) if self._cover else slot.draw(self._rng, self.count, branch)

    def _continuous(self, slot: RangeSlot) -> Column:
        values = self._rng.uniform(*slot.range, self.count).tolist()
        spec = slot.format or "g"
        texts = pa.array([format(value, spec) for value in values], pa.string())
        return Column(texts, None, None if slot.format else [float(text) for text in texts.to_pylist()])

    def _seed(self, name: str) -> Column:
        return self._complete(self._seeds[name], "no_seed_value")

    def _complete(self, array: pa.Array, reason: str) -> Column:
        """Return the column with empty texts for its nulls, whose rows are rejected."""
        if array.null_count:
            self.reject(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)), reason)
            array = array.fill_null("")
        return Column(array)


def seed_columns(seeds: pa.RecordBatch | None, names: frozenset[str]) -> dict[str, pa.Array]:
    """Return the named columns of the seeds as texts: a column of the record, else a field of `extra`."""
    if seeds is None or not names:
        return {}
    own = {name for name in names if name in seeds.schema.names}
    columns = {name: seeds.column(name) for name in sorted(own)}
    return columns | (record.extra_columns(seeds, sorted(names - own)) if names - own else {})
