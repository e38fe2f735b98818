"""The whole recipe checked before anything is spent, and the work cut into shards."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.core.document import explain, read_mapping
from tasks.core.engine import EMBEDDED, trainer
from tasks.core.errors import RecipeError, choices
from tasks.core.method import Method, MethodParams, get_method, methods
from tasks.core.recipe import Recipe, Stage
from tasks.core.source import MAPPABLE
from tasks.seeds import check_source

# Prefect stays responsive up to about this many task runs a stage (PrefectHQ/prefect#18883 has the other end).
MAX_SHARDS = 100
MIN_SHARD_ROWS = 1_000
SHARDS_AT_LEAST = 8


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage whose method is found and whose params are loaded and checked."""

    stage: Stage
    method: Method
    params: MethodParams
    capacity: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The params that were given, as JSON, files read; a default belongs to the method's version."""
        return self.params.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @property
    def asks_engine(self) -> bool:
        return self.method.asks_engine(self.params)

    @property
    def uses_seeds(self) -> bool:
        return self.method.seeds(self.params) != "none"


def plan(recipe: Recipe, base: Path) -> tuple[StagePlan, ...]:
    """Return the stages in the order they run; RecipeError for the first thing that is wrong, anywhere in the recipe.

    Reads the head of each seed source, runs every method's own check, and follows the columns along the graph.
    """
    _start_ahead(recipe)
    columns = {name: frozenset(check_source(source, base).names) for name, source in recipe.seeds.items()}
    plans = []
    for stage in recipe.ordered:
        staged = plan_stage(stage, base)
        have = frozenset[str]().union(*(columns[name] for name in stage.inputs))
        _check_inputs(staged, have, [name for name in stage.inputs if name in recipe.seeds])
        kept = have & set(staged.method.keeps)
        columns[stage.name] = frozenset({"id", "kind", *staged.method.gives, *kept})
        plans.append(staged)
    _check_trained(recipe, plans)
    return tuple(plans)


def _start_ahead(recipe: Recipe) -> None:
    for name in {stage.method for stage in recipe.stages}:
        with suppress(RecipeError, ValueError):  # the stage's own check says what is wrong
            if ahead := get_method(name).ahead:
                ahead()


def plan_stage(stage: Stage, base: Path) -> StagePlan:
    """Return the stage with its method and params; RecipeError names the stage and what is wrong with it."""
    try:
        method = get_method(stage.method)
        params = load_params(method, stage.params, base)
        if method.check:
            method.check(params)
        capacity = method.capacity(params)
        _check_count(stage, capacity)
    except (RecipeError, ValueError) as exc:
        raise RecipeError(f"stage '{stage.name}': {exc}") from exc
    return StagePlan(stage, method, params, capacity)


def load_params(method: Method, params: Mapping[str, object] | str, base: Path) -> MethodParams:
    """Return the params of a method, files read; RecipeError in one line for what is wrong.

    Paths in a params file start from `base`, as those in the recipe do.
    """
    if isinstance(params, str):
        params = read_mapping(base / params, "params file")
    try:
        return method.params.model_validate(dict(params), context={"base": base})
    except ValidationError as exc:
        raise RecipeError(f"params of {method.name}: {explain(exc, method.params)}") from exc


def _check_count(stage: Stage, capacity: int | None) -> None:
    if stage.count is not None and capacity is not None and stage.count > capacity:
        made = f"{capacity:,} different record{'' if capacity == 1 else 's'}"
        raise RecipeError(f"{stage.method} can make {made} from these params; {stage.count:,} are asked for")


def _check_inputs(staged: StagePlan, have: frozenset[str], sources: Sequence[str]) -> None:
    stage, method = staged.stage, staged.method
    needs = method.needs(staged.params)
    if (staged.uses_seeds or needs) and not stage.inputs:
        wanted = f" with {', '.join(sorted(needs))}" if needs else ""
        raise RecipeError(f"stage '{stage.name}': {method.name} needs seeds{wanted}; name them in `inputs`")
    for column in sorted(needs - have):
        raise RecipeError(
            f"stage '{stage.name}': {method.name} needs column '{column}', which its inputs do not have"
            f"{choices(column, have - {'id', 'kind'})}{_named_otherwise(column, sources)}"
        )


def _named_otherwise(column: str, sources: Sequence[str]) -> str:
    """Return how to say which column of the seeds is meant, where it is one that a source may map."""
    if column not in MAPPABLE or not sources:
        return ""
    return f"; where they call it otherwise, say so: --set seeds.{sources[0]}.columns.{column}=NAME"


def _check_trained(recipe: Recipe, plans: Sequence[StagePlan]) -> None:
    """Raise RecipeError where an engine asks a model that no engine can, or a stage leaves open that it asks one."""
    trained = {stage: name for name, spec in recipe.engines.items() if (stage := trainer(spec)) is not None}
    for staged in plans:
        stage = staged.stage
        if stage.name in trained and not staged.method.serves:
            engine, have = trained[stage.name], ", ".join(m.name for m in methods().values() if m.serves)
            raise RecipeError(
                f"engine '{engine}' asks the model of stage '{stage.name}'; {staged.method.name} trains none that an"
                f" engine can ask, have: {have}"
            )
        if staged.asks_engine and stage.engine is None and trained and len(recipe.engines) == 1:
            raise RecipeError(
                f"stage '{stage.name}' must name its `engine`: {next(iter(recipe.engines))}, whose model stage"
                f" '{next(iter(trained))}' trains, or {EMBEDDED}"
            )


def shard_rows(staged: StagePlan, draws: int) -> int:
    """Return the draws of one shard: about eight shards of a small stage, at most MAX_SHARDS of a large one.

    The size follows from the recipe alone, never from the machine, so that the bytes do not depend on it.
    """
    if staged.stage.shard_rows:
        return max(staged.stage.shard_rows, -(-draws // MAX_SHARDS))
    wanted = max(MIN_SHARD_ROWS, -(-draws // SHARDS_AT_LEAST))
    return max(min(wanted, staged.method.shard_rows), -(-draws // MAX_SHARDS))


def cut(draws: int, rows: int) -> Iterator[tuple[int, int]]:
    """Yield (offset, count) of each shard of `draws` draws."""
    for offset in range(0, draws, rows):
        yield offset, min(rows, draws - offset)


def max_draws(staged: StagePlan) -> int:
    """Return the draws after which a stage with a count gives up; where draws cost money, sooner."""
    stage = staged.stage
    if staged.asks_engine:
        return stage.max_draws or 3 * (stage.count or 0) + 100
    return stage.max_draws or 10 * (stage.count or 0) + 10_000
