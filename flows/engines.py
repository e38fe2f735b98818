"""Which engine answers a stage: the one it names, the only one there is, else the default of this machine."""

from flows.stage import EngineUse
from tasks.core.engine import EMBEDDED, Embedded, EngineSpec
from tasks.core.errors import RecipeError, choices
from tasks.core.recipe import Recipe, Stage
from tasks.core.settings import settings
from tasks.plan import StagePlan


def spec_of(recipe: Recipe, stage: Stage) -> EngineSpec:
    """Return how the engine of a stage is reached; RecipeError where it names one that the recipe does not have."""
    have = recipe.engines
    if stage.engine in have:
        return have[stage.engine]
    if stage.engine == EMBEDDED:
        return Embedded()
    if stage.engine is not None:
        raise RecipeError(
            f"stage '{stage.name}': unknown engine '{stage.engine}'{choices(stage.engine, [*have, EMBEDDED])}"
        )
    if len(have) == 1:
        return next(iter(have.values()))
    if have:
        raise RecipeError(f"stage '{stage.name}' must name its `engine`: the recipe has {', '.join(have)}")
    from tasks.engines.factory import parse_engine

    return parse_engine(settings().engine)


def engine_of(recipe: Recipe, staged: StagePlan) -> EngineUse | None:
    """Return the engine of a stage, opened so that its identity is known; None for a method that asks nothing."""
    if staged.method.rollout is None:
        return None
    from tasks.rollouts import engine_for

    spec = spec_of(recipe, staged.stage)
    return EngineUse(engine_for(spec).identity, spec.model_dump(mode="json"))
