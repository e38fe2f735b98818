"""One stage: rounds of shards until the count is there, then deduplication in shard order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from flows.engines import EngineUse
from quality.dedup import By, Seen, keys_of
from tasks import generate
from tasks.core.manifest import ShardManifest, StageManifest
from tasks.core.method import Novelty
from tasks.core.store import Store
from tasks.job import ShardJob
from tasks.plan import StagePlan, cut, max_draws, shard_rows
from tasks.readers.shards import SeedBatches, SeedManifest
from tasks.train import Model

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
    model: Model | None = None
    engine: EngineUse | None = None
    planned: int = 0
    rounds: int = 0
    shards: list[ShardManifest] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    novelty: Novelty | None = None

    def run(self, map_shards: MapShards) -> StageManifest:
        """Return the manifest of the stage. Stops short of its count, and says why, where the budget runs out."""
        method = self.staged.method
        if method.novelty:
            self.novelty = method.novelty(self.staged.params, SeedBatches(self.seeds) if self.seeds else ())
        try:
            return self._drawn(map_shards)
        finally:
            self.seen, self.novelty = Seen(), None  # 80 MB at ten million records, and a gate comes next

    def _drawn(self, map_shards: MapShards) -> StageManifest:
        stage = self.staged.stage
        if stage.count is None:
            self._round((stage.per_seed or 1) * (self.seeds.accepted if self.seeds else 0), None, map_shards)
            return self.so_far(self._cut_short)
        return self._until(stage.count, max_draws(self.staged), map_shards)

    def so_far(self, stopped: str = "") -> StageManifest:
        """Return the manifest of what is settled; draws that were planned and are not back are pending."""
        pending = self.planned - sum(shard.draws for shard in self.shards)
        staged = self.staged
        return StageManifest(
            staged.stage.name, staged.method.id, staged.stage.count, self.rounds, pending, tuple(self.shards), stopped
        )

    def _until(self, target: int, budget: int, map_shards: MapShards) -> StageManifest:
        accepted = fruitless = 0
        method, params = self.staged.method, self.staged.params
        at_once = method.pool(params) or budget
        while accepted < target and fruitless < _FRUITLESS_ROUNDS and self.planned < budget and not self._cut_short:
            first = -(-target // method.records(params))
            wanted = _draws(target - accepted, accepted, self.planned) if self.planned else first
            draws = min(wanted, at_once, budget - self.planned)
            new = self._round(draws, target - accepted, map_shards)
            accepted, fruitless = accepted + new, 0 if new else fruitless + 1
        if accepted >= target:
            return self.so_far()
        return self.so_far(self._cut_short or _why(target, accepted, self.planned, budget))

    @property
    def _cut_short(self) -> str:
        """Why a shard ended before all its draws were made, if one did: a budget, an engine that is gone."""
        return next((shard.stopped for shard in self.shards if shard.stopped), "")

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
            engine=self.engine.identity if self.engine else None,
            model=self.model.id if self.model else None,
            pool=self._pool if staged.method.pool(staged.params) else (),
            ask=self.engine.ask if self.engine else None,
        )

    @property
    def _pool(self) -> tuple[str, ...]:
        return tuple(shard.data.key for shard in self.shards if shard.data)

    def _settled(self, shards: Iterable[ShardManifest], wanted: int | None) -> Iterator[ShardManifest]:
        """Yield each shard, in order, without duplicates of earlier records and without what exceeds `wanted`."""
        for shard in shards:
            if not shard.data:
                yield shard
                continue
            keep = self._unseen(shard)
            reasons = np.where(keep, "", "duplicate").astype(object)
            if self.novelty is not None and keep.any():
                reasons[keep] = self._too_similar(shard, keep)
                keep = reasons == ""
            if wanted is not None:
                reasons[keep & (np.cumsum(keep) > wanted)] = "surplus"
                wanted -= int((reasons == "").sum())
            yield generate.settle(shard, pa.array(reasons, pa.string(), mask=reasons == ""), self.store)

    def _too_similar(self, shard: ShardManifest, keep: npt.NDArray[np.bool_]) -> npt.NDArray[np.object_]:
        """Return the method's reason for each record that passed deduplication, "" for those that stay."""
        batch = generate.load_records(shard, self.store)
        verdict = self.novelty.add(batch.filter(pa.array(keep))) if self.novelty else pa.nulls(int(keep.sum()))
        return np.array([reason or "" for reason in verdict.to_pylist()], dtype=object)

    def _unseen(self, shard: ShardManifest) -> npt.NDArray[np.bool_]:
        """Return which records of a shard no earlier shard of this stage, and no earlier row of this one, holds."""
        if self.duplicates_by is None or shard.data is None:
            return np.ones(shard.accepted, dtype=bool)
        columns = ["id"] if self.duplicates_by == "content" else ["text", "messages", "target"]
        table = pq.read_table(self.store.local(shard.data.key), columns=columns).combine_chunks()
        return self.seen.add(keys_of(table.to_batches()[0], self.duplicates_by))


def _draws(deficit: int, accepted: int, drawn: int) -> int:
    """Return how many draws should give `deficit` records at the rate so far; a tenth more, so that rounds are few."""
    rate = max(accepted / drawn, 0.02)
    return int(deficit / rate * 1.1) + 16


def _why(target: int, accepted: int, drawn: int, budget: int) -> str:
    if drawn >= budget:
        return f"{accepted:,} of {target:,} records after {drawn:,} draws, which is max_draws"
    return f"{accepted:,} of {target:,} records; of {drawn:,} draws the last {_FRUITLESS_ROUNDS} rounds gave no new one"
