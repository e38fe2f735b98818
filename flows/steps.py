"""The steps of a run as Prefect tasks: seeds, shards, gate, release. Each is a thin wrapper over a plain function.

The decorators are here and not in `tasks/`, so that nothing below the flows needs Prefect.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy
from prefect.tasks import exponential_backoff

from flows.artifacts import artifact_key
from flows.check import Checked
from flows.chunks import LEAST_ELSEWHERE_S, LEAST_S, Chunks, handed_out
from flows.progress import training_progress
from flows.runner import lanes
from flows.shard import make_shard
from flows.slots import engine_slot
from quality.suites.check import Check, columns_read
from quality.suites.result import SuiteResult
from quality.suites.run import run_suite
from tasks.core.errors import ShardError, TransientError
from tasks.core.manifest import ShardManifest, StageManifest
from tasks.core.manifest import digest as digest_of
from tasks.core.settings import settings
from tasks.core.source import SeedSource
from tasks.core.store import Store
from tasks.generate import load_shard
from tasks.job import ShardJob, packed, unpacked
from tasks.readers.shards import SeedManifest
from tasks.release import write_release
from tasks.seeds import digest, load
from tasks.stores.factory import work_store
from tasks.train import Model, train

_RETRIED = (TransientError, ShardError, ConnectionError, TimeoutError)


def _worth_retrying(_task: Any, _run: Any, state: Any) -> bool:
    return isinstance(state.result(raise_on_failure=False), _RETRIED)


_TRIED_AGAIN: dict[str, Any] = {
    "retries": settings().retries,
    "retry_delay_seconds": exponential_backoff(settings().retry_delay_s),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _worth_retrying,
}
# A step that reads and writes files of this machine: cheap to do again, and its result is no one's input later.
_UNCACHED: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@task(name="seeds", task_run_name="{recipe} · seeds {name}", **_UNCACHED, **_TRIED_AGAIN)
def load_seeds(recipe: str, name: str, source: dict[str, Any], base: str) -> dict[str, Any]:
    """Read one source of seeds into shards; returns its manifest."""
    seeds = SeedSource.model_validate(source)
    folder = settings().work / "seeds" / f"{digest(seeds, Path(base))}-{name}"
    manifest = load(seeds, name, Path(base), folder)
    get_run_logger().info("%d seeds '%s', %d rejected", manifest.accepted, name, sum(manifest.rejected.values()))
    return manifest.to_json()


@task(name="train", task_run_name="{recipe} · {stage} · train", **_UNCACHED, **_TRIED_AGAIN)
def train_model(
    recipe: str, stage: str, method: str, params: dict[str, Any], seeds: dict[str, Any], run_seed: int
) -> dict[str, Any]:
    """Train the model of a stage, once for these seeds and params; returns what it says of itself."""
    manifest = SeedManifest.from_json(seeds)
    with training_progress(artifact_key(recipe, stage, "training"), stage) as progress:
        model = train(method, params, manifest, run_seed, progress)
    get_run_logger().info("%s: model %s, trained in %.1f s", stage, model.key[:12], model.seconds)
    return model.to_json()


@task(
    name="shards",
    task_run_name="{recipe} · {stage} · {place}",
    cache_policy=CacheKeyFnPolicy(cache_key_fn=lambda _context, arguments: f"tilth-shards-{arguments['key']}"),
    persist_result=True,
    result_serializer="json",
    **_TRIED_AGAIN,
)
def shards(
    jobs: dict[str, Any], seeds: dict[str, Any] | None, *, recipe: str, stage: str, place: str, key: str
) -> list[dict[str, Any]]:
    """Make some shards of a stage, one after the other; returns their manifests, up to one that stopped short."""
    loaded = SeedManifest.from_json(seeds) if seeds else None
    made: list[ShardManifest] = []
    for job in unpacked(jobs):
        with engine_slot(job):
            made.append(make_shard(job, loaded, work_store()))
        if made[-1].stopped:
            break
    # One record for all of them: it costs a millisecond, and a quick shard takes twenty.
    get_run_logger().info("\n".join(f"{stage} · shard {shard.shard + 1}: {_said(shard)}" for shard in made))
    return [shard.to_json() for shard in made]


def _said(made: ShardManifest) -> str:
    why = ", ".join(f"{reason} {n}" for reason, n in [*made.rejected.items(), *made.failed.items()])
    return f"{made.accepted:,} of {made.seen:,} draws accepted{f'; {why}' if why else ''}"


def submit_shards(
    jobs: Sequence[ShardJob],
    seeds: SeedManifest | None,
    recipe: str,
    store: Store,
    made: Sequence[ShardManifest] = (),
) -> Iterator[ShardManifest]:
    """Submit the jobs of a round to the flow's task runner, in chunks; yield the manifests in the order of the jobs.

    `made` are shards of the stage's earlier rounds: they say what a draw takes. Prefect would hand out cached manifests
    although their files are gone: such a chunk is made to run again.
    """
    handed = seeds.to_json() if seeds else None
    kept = {job.shard: load_shard(job.key, store) is not None for job in jobs}

    def submit(chunk: Sequence[ShardJob]) -> Any:
        gone = not all(kept[job.shard] for job in chunk)
        options = shards.with_options(refresh_cache=gone, tags=[recipe, chunk[0].stage, chunk[0].method])
        key = digest_of([job.key for job in chunk])
        place = _place(chunk, jobs)
        return options.submit(packed(chunk), handed, recipe=recipe, stage=chunk[0].stage, place=place, key=key)

    least_s = LEAST_S if settings().runner == "threads" else LEAST_ELSEWHERE_S
    return handed_out(Chunks(jobs, [kept[job.shard] for job in jobs], made, least_s), submit, lanes)


def _place(chunk: Sequence[ShardJob], jobs: Sequence[ShardJob]) -> str:
    first, last = (job.shard - jobs[0].shard + 1 for job in (chunk[0], chunk[-1]))
    return f"shard {first}/{len(jobs)}" if first == last else f"shards {first}–{last}/{len(jobs)}"


class _Tables:
    """Some columns of files, one table after the other, as often as asked."""

    def __init__(self, paths: Sequence[Path], columns: Sequence[str]) -> None:
        self._paths, self._columns = paths, list(columns)

    def __iter__(self) -> Iterator[pa.Table]:
        return (pq.read_table(path, columns=self._columns) for path in self._paths)


@task(name="checkpoint", task_run_name="{recipe} · {stage} · checkpoint", **_UNCACHED)
def checkpoint(recipe: str, stage: str, keys: Sequence[str], suite: Sequence[Check]) -> SuiteResult:
    """Validate the accepted records of a stage with Great Expectations."""
    store, columns = work_store(), sorted(columns_read(suite))
    result = run_suite(_Tables([store.local(key) for key in keys], columns), suite, name=stage)
    met = len(result.outcomes) - len(result.failed)
    get_run_logger().info("checkpoint of %s: %d of %d expectations met", stage, met, len(result.outcomes))
    return result


@task(name="release", task_run_name="{name} · release", **_UNCACHED)
def release(
    name: str,
    checked: Checked,
    stages: Sequence[StageManifest],
    gates: Sequence[SuiteResult],
    seeds: Mapping[str, SeedManifest],
    models: Mapping[str, Model],
    folder: Path,
    stopped: str,
) -> dict[str, Any]:
    """Write the release into a folder; returns its manifest."""
    manifest = write_release(
        checked.recipe,
        stages,
        seeds,
        folder,
        params={staged.stage.name: staged.given for staged in checked.stages},
        gates=[gate.as_dict() for gate in gates],
        models=models,
        stopped=stopped,
        store=work_store(),
    )
    if checked.recipe.release.docs and gates:
        from quality.suites.docs import build_docs

        build_docs({gate.name: gate for gate in gates}, folder / "docs")
    get_run_logger().info("%s: %d records in %d files", name, manifest["rows"], len(manifest["files"]))
    return manifest
