"""One stage: rounds of shards until the count is there, then deduplication in shard order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quality.dedup import By, Seen, keys_of
from tasks import generate
from tasks.core.manifest import ShardManifest, StageManifest
from tasks.core.store import Store
from tasks.generate import ShardJob
from tasks.plan import StagePlan, cut, max_draws, shard_rows
from tasks.readers.shards import SeedManifest

# Two rounds in a row without one new record: nothing more will come.
_FRUITLESS_ROUNDS = 2

MapShards = Callable[[Sequence[ShardJob]], Iterable[ShardManifest]]


@dataclass(slots=True)
class StageRun:
    """A stage as it runs: what it needs, the draws planned so far, the shards settled so far."""

    staged: StagePlan
    recipe: str
    run_seed: int
    seeds: SeedManifest | None
    rules: tuple[tuple[str, dict[str, Any]], ...]
    duplicates_by: By | None
    store: Store
    planned: int = 0
    rounds: int = 0
    shards: list[ShardManifest] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)

    def run(self, map_shards: MapShards) -> StageManifest:
        """Return the manifest of the stage. Stops short of its count, and says why, where the budget runs out."""
        try:
            return self._drawn(map_shards)
        finally:
            self.seen = Seen()  # 80 MB at ten million records, and a gate comes next

    def _drawn(self, map_shards: MapShards) -> StageManifest:
        stage = self.staged.stage
        if stage.count is None:
            self._round((stage.per_seed or 1) * (self.seeds.accepted if self.seeds else 0), None, map_shards)
            return self.so_far()
        return self._until(stage.count, max_draws(stage), map_shards)

    def so_far(self, stopped: str = "") -> StageManifest:
        """Return the manifest of what is settled; draws that were planned and are not back are pending."""
        pending = self.planned - sum(shard.seen for shard in self.shards)
        staged = self.staged
        return StageManifest(
            staged.stage.name, staged.method.id, staged.stage.count, self.rounds, pending, tuple(self.shards), stopped
        )

    def _until(self, target: int, budget: int, map_shards: MapShards) -> StageManifest:
        accepted = fruitless = 0
        while accepted < target and fruitless < _FRUITLESS_ROUNDS and self.planned < budget:
            draws = min(_draws(target - accepted, accepted, self.planned), budget - self.planned)
            new = self._round(draws, target - accepted, map_shards)
            accepted, fruitless = accepted + new, 0 if new else fruitless + 1
        return self.so_far("" if accepted >= target else _why(target, accepted, self.planned, budget))

    def _round(self, draws: int, wanted: int | None, map_shards: MapShards) -> int:
        """Make `draws` more draws and return how many records they gave."""
        rows = shard_rows(self.staged, draws)
        first, start = len(self.shards), self.planned
        jobs = [self._job(first + number, start + at, count) for number, (at, count) in enumerate(cut(draws, rows))]
        self.planned, self.rounds = self.planned + draws, self.rounds + 1
        self.shards.extend(self._settled(map_shards(jobs), wanted))
        return sum(shard.accepted for shard in self.shards[first:])

    def _job(self, shard: int, start: int, count: int) -> ShardJob:
        staged = self.staged
        return ShardJob(
            recipe=self.recipe,
            stage=staged.stage.name,
            method=staged.method.id,
            params=staged.given,
            run_seed=self.run_seed,
            shard=shard,
            start=start,
            count=count,
            per_seed=staged.stage.per_seed,
            inputs=(self.seeds.digest,) if self.seeds else (),
            rules=self.rules,
        )

    def _settled(self, shards: Iterable[ShardManifest], wanted: int | None) -> Iterator[ShardManifest]:
        """Yield each shard, in order, without duplicates of earlier records and without what exceeds `wanted`."""
        for shard in shards:
            if not shard.data:
                yield shard
                continue
            keep = self._unseen(shard)
            surplus = np.zeros(len(keep), dtype=bool)
            if wanted is not None:
                surplus = keep & (np.cumsum(keep) > wanted)
                wanted -= int(keep.sum()) - int(surplus.sum())
            if keep.all() and not surplus.any():
                yield shard
                continue
            reasons = np.where(surplus, "surplus", "duplicate")
            yield generate.settle(shard, pa.array(reasons, pa.string(), mask=keep & ~surplus), self.store)

    def _unseen(self, shard: ShardManifest) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which records of a shard no earlier shard of this stage, and no earlier row of this one, holds."""
        if self.duplicates_by is None or shard.data is None:
            return np.ones(shard.accepted, dtype=bool)
        columns = ["id"] if self.duplicates_by == "content" else ["text", "messages", "target"]
        table = pq.read_table(self.store.local(shard.data.key), columns=columns).combine_chunks()
        return self.seen.add(keys_of(table.to_batches()[0], self.duplicates_by))


def _draws(deficit: int, accepted: int, drawn: int) -> int:
    """Return how many draws should give `deficit` records at the rate so far; a tenth more, so that rounds are few."""
    if not drawn:
        return deficit
    rate = max(accepted / drawn, 0.02)
    return int(deficit / rate * 1.1) + 16


def _why(target: int, accepted: int, drawn: int, budget: int) -> str:
    if drawn >= budget:
        return f"{accepted:,} of {target:,} records after {drawn:,} draws, which is max_draws"
    return f"{accepted:,} of {target:,} records; of {drawn:,} draws the last {_FRUITLESS_ROUNDS} rounds gave no new one"
