"""A recipe from seeds to release, inside a flow run: each stage, its gate, its artifacts, then the dataset."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from prefect import tags
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows import artifacts
from flows.check import Checked, identity
from flows.collector import collect_rarely
from flows.engines import engine_of
from flows.hidden import Hidden
from flows.observe import observed
from flows.progress import Bars, terminal
from flows.results import results_beside
from flows.stage import StageRun
from flows.steps import checkpoint, load_seeds, release, submit_shards, train_model
from flows.tracing import counts, span
from flows.trained import with_model
from quality.checkpoint import split_rules
from quality.suites.result import SuiteResult
from tasks.core.errors import GateStop, TilthError
from tasks.core.manifest import ShardManifest, StageManifest
from tasks.core.store import Store
from tasks.inputs import joined, of_stage
from tasks.job import ShardJob
from tasks.plan import StagePlan
from tasks.publish import publish
from tasks.readers.shards import SeedManifest
from tasks.registry import Recorder
from tasks.stores.factory import work_store
from tasks.stores.local import LocalStore
from tasks.stores.snapshots import merge_answers, snapshots
from tasks.stores.upload import claim_place, upload_release, url_of
from tasks.train import Model


@dataclass(slots=True)
class _Run:
    """One run of a recipe: what its stages share, and what they have made so far."""

    checked: Checked
    store: Store
    bars: Bars
    recorder: Recorder
    seeds: dict[str, SeedManifest] = field(default_factory=dict)
    stages: list[StageManifest] = field(default_factory=list)
    gates: list[SuiteResult] = field(default_factory=list)
    models: dict[str, Model] = field(default_factory=dict)
    hidden: Hidden = field(default_factory=Hidden)

    def load(self) -> None:
        recipe = self.checked.recipe
        for name, source in recipe.seeds.items():
            loaded = load_seeds(recipe.name, name, source.model_dump(mode="json"), str(self.checked.base))
            self.seeds[name] = SeedManifest.from_json(loaded)
            self.recorder.uses(seeds=[self.seeds[name].digest])

    def stage(self, staged: StagePlan) -> str:
        """Run a stage and its gate; return why the run must stop, or an empty string."""
        with span(f"stage {staged.stage.name}", stage=staged.stage.name, method=staged.method.id) as note:
            why = self._stage(staged)
            note(**counts(self.stages[-1]))
            return why

    def _stage(self, staged: StagePlan) -> str:
        recipe, name = self.checked.recipe.name, staged.stage.name
        runner = self._runner(staged)
        try:
            with self._snapshots(staged):
                manifest = runner.run(lambda jobs: self._mapped(runner, jobs))
        except TilthError:
            self._publish(runner.so_far("a shard failed"), [])
            raise
        if leak := self.hidden.check(staged, manifest, runner.seeds, self.store):
            raise GateStop(f"stage '{name}': {leak}")
        self.stages.append(manifest)
        self.recorder.stage(manifest)
        self._publish(manifest, _notes(staged, manifest))
        gate = self.checked.gates[name]
        result = checkpoint(recipe, name, [file.key for file in manifest.files], gate.suite)
        self.gates.append(result)
        key = artifacts.artifact_key(recipe, name, "checkpoint")
        create_markdown_artifact(result.markdown(), key=key, description=f"what the gate of {name} found")
        return manifest.stopped or _why_stopped(result)

    def _snapshots(self, staged: StagePlan) -> AbstractContextManager[None]:
        """Put copies of the answers where other machines find them, while a stage asks, if shards lie there too."""
        elsewhere = staged.asks_engine and not isinstance(self.store, LocalStore)
        return snapshots(self.store) if elsewhere else nullcontext()

    def _runner(self, staged: StagePlan) -> StageRun:
        alone, across = split_rules(self.checked.gates[staged.stage.name].rules)
        seeds = self._inputs(staged)
        return StageRun(
            staged=staged,
            recipe=self.checked.recipe.name,
            run_seed=self.checked.recipe.seed,
            seeds=seeds,
            rules=tuple((rule.id, params.model_dump(mode="json")) for rule, params in alone),
            duplicates_by=across[0][1].by if across else None,  # type: ignore[attr-defined]
            store=self.store,
            model=self._model(staged, seeds),
            engine=engine_of(with_model(self.checked.recipe, staged.stage, self.models), staged, str(flow_run.id)),
        )

    def _model(self, staged: StagePlan, seeds: SeedManifest | None) -> Model | None:
        """Return the trained model of a stage, with its curves and figures in the orchestrator."""
        if staged.method.fit is None or seeds is None:
            return None
        recipe, name = self.checked.recipe, staged.stage.name
        trained = train_model(recipe.name, name, staged.method.id, staged.given, seeds.to_json(), recipe.seed)
        self.models[name] = Model.from_json(trained)
        self.recorder.uses(models=[self.models[name].key])
        words = artifacts.model_markdown(name, self.models[name])
        key = artifacts.artifact_key(recipe.name, name, "model")
        create_markdown_artifact(words, key=key, description=f"the model of {name}, with its curves")
        return self.models[name]

    def _inputs(self, staged: StagePlan) -> SeedManifest | None:
        """Return the seeds of a stage: of several sources and stages one after the other."""
        if not staged.uses_seeds:
            return None
        return joined([self._input(name) for name in staged.stage.inputs])

    def _input(self, name: str) -> SeedManifest:
        if name in self.seeds:
            return self.seeds[name]
        return of_stage(next(stage for stage in self.stages if stage.stage == name), self.store)

    def _mapped(self, runner: StageRun, jobs: Sequence[ShardJob]) -> Iterator[ShardManifest]:
        name = runner.staged.stage.name
        self.recorder.uses(shards=[job.key for job in jobs])
        shards = submit_shards(jobs, runner.seeds, runner.recipe, self.store, runner.shards)
        key = artifacts.artifact_key(runner.recipe, name, "progress")
        return self.bars.follow(shards, len(jobs), name, key)

    def _publish(self, manifest: StageManifest, notes: list[str]) -> None:
        """Leave the stage's conservation table and sample in the orchestrator."""
        recipe, stage = self.checked.recipe.name, manifest.stage
        parts = [artifacts.conservation_markdown(manifest, notes), artifacts.sample_markdown(manifest, self.store)]
        key = artifacts.artifact_key(recipe, stage)
        create_markdown_artifact("\n\n".join(parts), key=key, description=f"counts and a sample of {stage}")


def run_recipe(
    checked: Checked, out: str | Path, *, resume: bool, overwrite: bool, places: Mapping[str, Path] | None = None
) -> dict[str, Any]:
    """Return the manifest of what was released to OUT, with a few of its rows.

    GateStop where a gate or a budget stopped the run; what there is by then is released all the same.
    """
    made = release_what_there_is(checked, out, resume=resume, overwrite=overwrite, places=places)
    if made["stopped"]:
        table = _reject_table(made["stages"][-1])
        raise GateStop(f"{made['stopped']}\n{table}what was made until then is in {out}")
    return made


def release_what_there_is(
    checked: Checked, out: str | Path, *, resume: bool, overwrite: bool, places: Mapping[str, Path] | None = None
) -> dict[str, Any]:
    """Run a recipe to its end or to what stops it, and return the manifest; `stopped` says what did, if anything.

    `out` is a folder or s3://bucket/prefix; `places` says where the caller moves a release to that is done or stopped.
    """
    recipe, store, which, stopped = checked.recipe, work_store(), identity(checked), ""
    folder, partial = claim_place(out, which, resume=resume, overwrite=overwrite)
    url, who = url_of(out), str(flow_run.id)
    collect_rarely()
    with (
        observed(store, run=who, name=recipe.name, out=url or folder, identity=which) as recorder,
        terminal() as bars,
        tags(recipe.name),
        results_beside(store),
    ):
        if not isinstance(store, LocalStore) and any(staged.asks_engine for staged in checked.stages):
            merge_answers(store)
        run = _Run(checked, store, bars, recorder)
        run.load()
        for staged in checked.stages:
            if reason := run.stage(staged):
                stopped = f"stage '{staged.stage.name}': {reason}"
                break
        manifest = release(recipe.name, checked, run.stages, run.gates, run.seeds, run.models, partial, stopped)
        publish(folder, which, manifest["state"])
        if url:
            upload_release(folder, url, which)
        recorder.end(manifest["state"], manifest["rows"], folder)
        place, has_docs = (places or {}).get(manifest["state"], folder), recipe.release.docs and bool(run.gates)
        create_markdown_artifact(
            artifacts.release_markdown(manifest, url or str(place.resolve()), docs=has_docs),
            key=artifacts.artifact_key(recipe.name, "release"),
            description="the release and its report",
        )
    shown = {"out": url or str(folder), "sample": _sample(run), "entry": recorder.key}
    return {**manifest, **shown, "work": _work(run)}


def _work(run: _Run) -> dict[str, dict[str, float]]:
    """Return what each stage took: seconds of training and of drawing, whichever run did it, and the method's counters.

    It is no part of the manifest on disk: that holds no clock.
    """
    return {
        stage.stage: {
            "train_s": run.models[stage.stage].seconds if stage.stage in run.models else 0.0,
            "draw_s": stage.seconds,
            **stage.stats,
        }
        for stage in run.stages
    }


def _sample(run: _Run) -> list[dict[str, Any]]:
    """Return five rows of the release, drawn from its stages in turn."""
    published = [stage for stage in run.stages if stage.stage in run.checked.recipe.published]
    rows = [artifacts.sample(stage, run.store, 5) for stage in published]
    turns = [row for turn in zip_longest(*rows) for row in turn if row]
    return turns[:5]


def _notes(staged: StagePlan, manifest: StageManifest) -> list[str]:
    return staged.method.notes(staged.params, manifest.stats) if staged.method.notes else []


def _why_stopped(result: SuiteResult) -> str:
    """Return what a failed expectation of severity stop says, or an empty string."""
    if not result.stop:
        return ""
    failed = [outcome for outcome in result.failed if outcome.severity == "stop"]
    named = ", ".join(f"{o.expectation}({o.column})" if o.column else o.expectation for o in failed)
    return f"its gate failed: {named}"


def _reject_table(stage: dict[str, Any]) -> str:
    failed = stage["failed_by_reason"].items()
    rows = [*stage["rejected_by_reason"].items(), *((f"failed: {reason}", n) for reason, n in failed)]
    return "".join(f"  {n:>10,}  {reason}\n" for reason, n in rows)
