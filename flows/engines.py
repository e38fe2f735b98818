"""Which engine answers a stage: the one it names, the only one there is, else the default of this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.core.engine import EMBEDDED, Embedded, EngineSpec
from tasks.core.errors import RecipeError, choices
from tasks.core.method import ParamIs
from tasks.core.recipe import Recipe, Stage
from tasks.core.settings import settings
from tasks.plan import StagePlan


@dataclass(frozen=True, slots=True)
class EngineUse:
    """The engine of a stage: who it is, which the bytes depend on, and how to reach it, which they do not."""

    identity: str
    ask: dict[str, Any]


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


def check_engines(recipe: Recipe, stages: Sequence[StagePlan]) -> None:
    """Raise RecipeError where an engine that a stage needs is not there, or one that it names would do nothing."""
    specs: dict[str, EngineSpec] = {}
    for staged in stages:
        stage = staged.stage
        if staged.asks_engine:
            spec = spec_of(recipe, stage)
            specs[spec.model_dump_json()] = spec
        elif stage.engine is not None:
            raise RecipeError(f"stage '{stage.name}': {_asks_none(staged)}")
    if specs:
        from tasks.engines.factory import check_engine

        for spec in specs.values():
            check_engine(spec)


def _asks_none(staged: StagePlan) -> str:
    """Return what is wrong with a stage that names an engine and does not ask it."""
    method, engine = staged.method, staged.stage.engine
    # `given` is what the command line calls the engine of its --engine.
    named = "`--engine`" if engine == "given" else f"`engine: {engine}`"
    if method.rollout is None:
        return f"{method.name} asks no engine; remove {named}"
    if isinstance(method.asks, ParamIs):
        return f"{method.name} asks an engine only with `{method.asks}` among its params; add that, or remove {named}"
    return f"{method.name} asks no engine with these params; change them, or remove {named}"


def who(recipe: Recipe, staged: StagePlan) -> list[str] | None:
    """Return which model answers a stage, as far as the recipe says; None for a method that asks nothing."""
    if not staged.asks_engine:
        return None
    spec = spec_of(recipe, staged.stage)
    return [spec.type, str(getattr(spec, "model", None) or "")]


def engine_of(recipe: Recipe, staged: StagePlan, run: str) -> EngineUse | None:
    """Return the engine of a stage, opened so that its identity is known; None for a method that asks nothing.

    Stages of one `run` share its budget.
    """
    if not staged.asks_engine:
        return None
    from tasks.rollouts import engine_for

    spec = spec_of(recipe, staged.stage)
    ask = {"spec": spec.model_dump(mode="json"), "budget": recipe.budget.model_dump(), "run": run}
    return EngineUse(engine_for(spec).identity, ask)
