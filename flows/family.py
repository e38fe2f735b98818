"""The flow of one family: one of its methods, without a recipe. Every family's flow has the same form."""

from pathlib import Path
from typing import Any, Literal

from prefect import Flow, flow

from flows.check import check, one_method
from flows.run import run_recipe
from flows.runner import Shards
from tasks.core.method import Family, methods


def family_flow(family: Family, default: str) -> Flow[..., dict[str, Any]]:
    """Return the flow of a family; its form offers the family's methods, `default` chosen."""
    names = tuple(method.name for method in methods().values() if method.family == family)

    def run(
        method: Literal[names] = default,  # type: ignore[valid-type]
        params: dict[str, Any] | None = None,
        count: int | None = None,
        per_seed: int | None = None,
        seeds: str | None = None,
        engine: str | None = None,
        out: str = f"out/{family}",
        seed: int = 0,
        base: str = ".",
        overrides: list[str] | None = None,
        resume: bool = True,
        overwrite: bool = False,
    ) -> dict[str, Any]:
        """Make a dataset with one method of the family.

        Args:
            method: Method to use.
            params: Params of the method; `tilth methods --json` has their JSON Schema.
            count: Accepted records to make; or give per_seed.
            per_seed: Draws a seed, in the order of the seeds, instead of count.
            seeds: File or folder of seeds, or hf://name; empty for a method that needs none.
            engine: What answers prompts: http(s)://HOST/v1[#MODEL], a model's folder, embedded; empty for the default.
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
            engine=engine,
            seed=seed,
            overrides=overrides or [],
        )
        return run_recipe(check(recipe, Path(base)), out, resume=resume, overwrite=overwrite)

    run.__name__ = run.__qualname__ = family
    run.__module__ = f"flows.{family}"
    return flow(name=family, flow_run_name=f"{family} · {{method}}", task_runner=Shards())(run)
