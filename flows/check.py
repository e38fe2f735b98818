"""A recipe read and checked whole, before anything is spent."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.engines import check_engines, who
from quality.rule import Configured, configured, default_rules
from quality.suites.check import Check, parse_suite
from quality.suites.default import default
from tasks.core.document import override
from tasks.core.errors import RecipeError, TilthError
from tasks.core.manifest import digest
from tasks.core.recipe import Recipe, Stage, build_recipe, load_recipe
from tasks.plan import StagePlan, plan
from tasks.seeds import digest as seeds_digest


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of one stage: its row rules and its Great Expectations suite."""

    rules: tuple[Configured, ...]
    suite: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A recipe with which nothing is wrong, as far as can be known before it runs."""

    recipe: Recipe
    base: Path
    stages: tuple[StagePlan, ...]
    gates: dict[str, Gate]


def check(recipe: Recipe, base: Path) -> Checked:
    """Return the checked recipe; RecipeError for the first thing that is wrong."""
    gates = {stage.name: _gate(stage) for stage in recipe.stages}
    stages = plan(recipe, base)
    check_engines(recipe, stages)
    return Checked(recipe, base, stages, gates)


def identity(checked: Checked) -> str:
    """Return the digest of all that the released bytes follow from: the recipe, what its files hold, the seeds.

    What answers may cost and where engines are reached can change from one run of a dataset to the next.
    """
    params = [staged.given for staged in checked.stages]
    methods = [staged.method.id for staged in checked.stages]
    seeds = [seeds_digest(source, checked.base) for source in checked.recipe.seeds.values()]
    recipe = checked.recipe.model_dump(mode="json", exclude={"budget", "engines"})
    engines = [who(checked.recipe, staged) for staged in checked.stages]
    return digest([recipe, params, methods, seeds, engines])


def read_recipe(path: Path, seed: int | None, overrides: tuple[str, ...]) -> Recipe:
    """Return the recipe of a file, with overrides and the run seed applied."""
    recipe = load_recipe(path, overrides)
    return recipe if seed is None else recipe.model_copy(update={"seed": seed})


def one_method(
    *,
    method: str,
    params: dict[str, Any],
    count: int | None,
    per_seed: int | None,
    seeds: str | None,
    seed: int,
    overrides: list[str],
    engine: str | None = None,
) -> Recipe:
    """Return the recipe of one stage that `tilth generate` runs."""
    if (count is None) == (per_seed is None):
        raise RecipeError("give one of --count N and --per-seed K")
    for flag, value in (("--count", count), ("--per-seed", per_seed)):
        if value is not None and value < 1:
            raise RecipeError(f"{flag} must be at least 1, not {value}")
    if per_seed and not seeds:
        raise RecipeError("--per-seed needs --seeds")
    name = method.partition("@")[0].replace("_", "-")
    stage = {"name": name, "method": method, "params": params, "inputs": ["seeds"] if seeds else []}
    stage |= {"count": count} if count else {"per_seed": per_seed}
    value: dict[str, Any] = {"name": name, "seed": seed, "stages": [stage]}
    if seeds:
        value["seeds"] = {"seeds": {"path": seeds}}
    if engine:
        from tasks.engines.factory import parse_engine

        value["engines"] = {"given": parse_engine(engine).model_dump(mode="json")}
        stage["engine"] = "given"
    for setting in overrides:
        override(value, setting)
    return build_recipe(value, "the command line")


def _gate(stage: Stage) -> Gate:
    try:
        if stage.rules is None:
            chosen = tuple(default_rules())
        else:
            chosen = tuple(configured(use.name, use.params) for use in stage.rules)
        suite = default(stage.count) if stage.expect is None else stage.expect
        return Gate(chosen, parse_suite(suite))
    except TilthError as exc:
        raise RecipeError(f"stage '{stage.name}': {exc}") from exc
