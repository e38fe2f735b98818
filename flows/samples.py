"""Records that stages will read, before there are any: for the prompts of an estimate."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from flows.check import Checked
from tasks.core import record
from tasks.core.method import Draw
from tasks.core.random import stream, stream_key
from tasks.core.recipe import Stage
from tasks.plan import StagePlan
from tasks.seeds import read

_ROWS = 256
_STAND_IN = "A paragraph of the usual length stands here for a record that is not made yet. " * 4


@dataclass(frozen=True, slots=True)
class Sample:
    """Some records that a stage reads, how many there will be, and whether they are such records indeed."""

    batch: pa.RecordBatch
    rows: int
    true: bool


class Samples:
    """Samples by name: seeds as they are, records of stages that need no model made now, stand-ins for others."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._stages = {staged.stage.name: staged for staged in checked.stages}
        self._known: dict[str, Sample] = {}

    def of(self, stage: Stage) -> Sample | None:
        """Return a sample of what a stage reads; None where it reads nothing."""
        parts = [self._named(name) for name in stage.inputs]
        if not parts:
            return None
        table = pa.Table.from_batches([part.batch for part in parts]).combine_chunks()
        return Sample(table.to_batches()[0], sum(part.rows for part in parts), all(part.true for part in parts))

    def draws(self, staged: StagePlan) -> int:
        """Return how many draws a stage makes at least: what is rejected is drawn again."""
        if staged.stage.count is not None:
            return -(-staged.stage.count // staged.method.records(staged.params))
        seeds = self.of(staged.stage)
        return (staged.stage.per_seed or 1) * (seeds.rows if seeds else 0)

    def _named(self, name: str) -> Sample:
        if name not in self._known:
            of_stage = name in self._stages
            self._known[name] = self._made(self._stages[name]) if of_stage else self._read(name)
        return self._known[name]

    def _read(self, name: str) -> Sample:
        head, rows = _stand_in(), 0
        for part in read(self._checked.recipe.seeds[name], self._checked.base, name=name):
            head = head if rows or not part.records.num_rows else part.records.slice(0, _ROWS)
            rows += part.records.num_rows
        return Sample(head, rows, true=rows > 0)

    def _made(self, staged: StagePlan) -> Sample:
        """Return records that a stage makes, where it needs no model for them; else what it reads, or a stand-in."""
        stage, method = staged.stage, staged.method
        seeds = self.of(stage)
        rows = stage.count or self.draws(staged)
        if not staged.asks_engine and method.fit is None:
            batch = self._drawn(staged, seeds, rows)
            if batch.num_rows:
                return Sample(batch, rows, true=seeds is None or seeds.true)
        return Sample(seeds.batch if seeds else _stand_in(), rows, true=False)

    def _drawn(self, staged: StagePlan, seeds: Sample | None, rows: int) -> pa.RecordBatch:
        stage, method, run_seed = staged.stage, staged.method, self._checked.recipe.seed
        each = seeds.batch if seeds and method.seeds(staged.params) == "each" else None
        count = min(rows, _ROWS) if each is None else each.num_rows
        draw = Draw(stream(run_seed, stage.name, 0), count, 0, stream_key(run_seed, stage.name))
        made = method.run(each, staged.params, draw).records  # type: ignore[misc]
        good = made.filter(made.column("reason").is_null()) if "reason" in made.schema.names else made
        if each is not None:
            good = _with_kept(good, each, method.keeps)
        return record.complete(good, kind=method.kind, method=method.id, stage=stage.name, shard=0, row=0)


def _with_kept(made: pa.RecordBatch, seeds: pa.RecordBatch, keeps: tuple[str, ...]) -> pa.RecordBatch:
    """Add the columns that a method copies from its seeds."""
    known = "seed_row" in made.schema.names
    rows = made.column("seed_row") if known else pa.array(np.arange(made.num_rows) % seeds.num_rows)
    for name in keeps:
        if name not in made.schema.names:
            made = made.append_column(name, seeds.column(name).take(rows))
    return made


def _stand_in() -> pa.RecordBatch:
    return record.complete(record.columns(text=[_STAND_IN]), method="seeds@1", stage="seeds", shard=0, row=0)
