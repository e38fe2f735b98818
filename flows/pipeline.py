"""The pipeline flow: a recipe in, a validated dataset out."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from flows.check import check, read_recipe
from flows.run import run_recipe
from flows.runner import Shards


def _run_name() -> str:
    """Return the recipe's folder, or its file's name where that says more."""
    path = Path(flow_run.parameters["recipe"])
    return f"pipeline · {path.parent.name if path.stem == 'recipe' else path.stem}"


@flow(
    name="pipeline",
    flow_run_name=_run_name,
    task_runner=Shards(),
    validate_parameters=True,
)
def pipeline(
    recipe: str = "deployments/recipes/quickstart/recipe.yaml",
    out: str = "out/quickstart",
    seed: int | None = None,
    overrides: list[str] | None = None,
    resume: bool = True,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Make the dataset of a recipe.

    Args:
        recipe: Path of the recipe, a YAML file.
        out: Folder of the dataset.
        seed: Run seed; empty for the recipe's own. Same recipe, same seed, same bytes.
        overrides: Changes to the recipe, each path=value, e.g. stages.cfg.count=100.
        resume: Go on where an earlier run in the same folder ended, keeping every finished shard.
        overwrite: Replace the run that the folder holds.
    """
    path = Path(recipe)
    checked = check(read_recipe(path, seed, tuple(overrides or ())), path.parent)
    return run_recipe(checked, out, resume=resume, overwrite=overwrite)
