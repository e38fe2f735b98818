"""The rules family as a flow of its own: one rule-based method, without a recipe."""

from pathlib import Path
from typing import Any, Literal

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.check import check, one_method
from flows.run import run_recipe
from tasks.core.method import methods
from tasks.core.settings import settings

Rules = Literal[tuple(method.name for method in methods().values() if method.family == "rules")]


@flow(
    name="rules",
    flow_run_name="rules · {method}",
    task_runner=ThreadPoolTaskRunner(max_workers=settings().workers),
)
def rules(
    method: Rules = "cfg",
    params: dict[str, Any] | None = None,
    count: int | None = None,
    per_seed: int | None = None,
    seeds: str | None = None,
    out: str = "out/rules",
    seed: int = 0,
    base: str = ".",
    overrides: list[str] | None = None,
    resume: bool = True,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Make a dataset with one rule-based method.

    Args:
        method: Method to use.
        params: Params of the method; `tilth methods --json` has their JSON Schema.
        count: Accepted records to make; or give per_seed.
        per_seed: Draws a seed, in the order of the seeds, instead of count.
        seeds: File or folder of seeds, or hf://name; empty for a method that needs none.
        out: Folder of the dataset.
        seed: Run seed. Same params, same seed, same bytes.
        base: Folder that paths in params start from.
        overrides: Changes to the one-stage recipe, each path=value, e.g. release.layout=text.
        resume: Go on where an earlier run in the same folder ended, keeping every finished shard.
        overwrite: Replace the run that the folder holds.
    """
    recipe = one_method(
        method=method,
        params=params or {},
        count=count,
        per_seed=per_seed,
        seeds=seeds,
        seed=seed,
        overrides=overrides or [],
    )
    return run_recipe(check(recipe, Path(base)), Path(out), resume=resume, overwrite=overwrite)
