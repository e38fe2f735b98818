"""Records of the method `template`: counts them, deals the draws of a stage to its templates, writes the rows."""

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import record
from tasks.core.errors import RecipeError, ShardError
from tasks.core.method import Draw
from tasks.core.random import MAX_PERMUTED, permuted, stream
from tasks.methods.rules._template_plan import Variant, build
from tasks.methods.rules._template_rows import Batch, seed_columns
from tasks.methods.rules._template_sandbox import Sandbox
from tasks.methods.rules._template_space import Index
from tasks.methods.rules._template_text import Logic
from tasks.methods.rules._template_turns import deal, phases, whole_weights
from tasks.methods.rules.template import Params

# Up to this many combinations are all written, to count the different records exactly: about a second with logic.
COUNTED = 2**16
_TRIED = 256


class Maker:
    """Params made ready to draw from."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self.variants = build(params.slots, params.texts(), Sandbox())
        self.weights = whole_weights([w.weight for w in params.template] or [1.0])
        self.seed_columns = frozenset().union(*(variant.seed_columns for variant in self.variants))

    @cached_property
    def _kept(self) -> list[npt.NDArray[np.uint64]] | None:
        """The numbers, by variant, of the combinations that give a record that none before gives; None where too many."""
        totals = [variant.total for variant in self.variants]
        if None in totals or sum(totals) > COUNTED:
            return None
        keys = pa.concat_arrays([self._keys(variant) for variant in self.variants])
        codes = keys.dictionary_encode().indices.to_numpy()
        first = np.sort(np.unique(codes, return_index=True)[1])
        bounds = np.cumsum([0, *totals])
        return [
            (first[(first >= low) & (first < high)] - low).astype(np.uint64)
            for low, high in zip(bounds, bounds[1:], strict=False)
        ]

    def _keys(self, variant: Variant) -> pa.Array:
        """Return a text that stands for the record of each combination; RecipeError where one cannot be made."""
        batch = self._batch(variant, variant.combination(np.arange(variant.total, dtype=np.uint64)), variant.total)
        texts = _tried(variant, batch)
        parts = [pc.binary_join_element_wise(name, text, "\x1f") for name, text in sorted(texts.items())]
        return pc.binary_join_element_wise(*parts, "\x1e")

    @cached_property
    def totals(self) -> list[int | None]:
        """How many different draws each variant has; None without end."""
        if self._kept is not None:
            return [len(numbers) for numbers in self._kept]
        return [variant.total for variant in self.variants]

    @property
    def capacity(self) -> int | None:
        """How many different records there can be."""
        return None if None in self.totals else sum(self.totals)

    def check(self) -> None:
        """Try every combination, or enough of them to meet each entry; RecipeError where logic fails on one."""
        if self._kept is None:
            for variant in self.variants:
                if variant.logic:
                    self._try(variant)

    def _try(self, variant: Variant) -> None:
        rng = stream(0, "check")
        widest = max((tree.root.size for tree in variant.trees), default=0)
        rows = min(1024, max(_TRIED, widest)) if variant.total is not None else _TRIED
        for cover in (True, False):
            entries = {}
            for tree in variant.trees:
                entries |= tree.cover(rows) if cover else tree.draw(rng, rows)
            seeds = {name: record.constant("1", rows) for name in self.seed_columns}
            batch = Batch(variant, rows, entries, rng=rng, seeds=seeds, cover=cover)
            _tried(variant, batch, only_security=bool(variant.seed_columns))

    def _batch(self, variant: Variant, entries: dict[str, Index], rows: int) -> Batch:
        return Batch(variant, rows, entries, rng=stream(0, "check"), seeds={})

    @cached_property
    def _rounds(self) -> list[tuple[int, list, bool]]:
        """The rounds of a stage as (first draw, phases, whether to walk): by weight, then what is left, each once."""
        first = phases(self.totals, self.weights)
        rounds = [(0, first, False)]
        if first and first[-1].end is not None:
            again = [n if v.weighted else 0 for n, v in zip(self.totals, self.variants, strict=True)]
            rounds.append((first[-1].end, phases(again, self.weights), True))
        return rounds
