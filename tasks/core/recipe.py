"""A recipe: seeds → stages (method, params, how many) → gates → release, as YAML, checked by pydantic."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tasks.core.document import explain, override, read_mapping
from tasks.core.engine import EngineSpec, trainer
from tasks.core.errors import RecipeError, choices
from tasks.core.source import SeedSource

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Layout = Literal["records", "text", "instruction", "chat", "preference"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Use(_Part):
    """A row rule by name, with its params."""

    name: str
    params: dict[str, Any] = Field(default_factory=dict)


def _as_use(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and len(value) == 1 and "name" not in value:
        ((name, params),) = value.items()
        return {"name": name, "params": params or {}}
    return value


# The shorthands, for the JSON Schema that editors read.
RuleUse = Annotated[Use, BeforeValidator(_as_use, json_schema_input_type=str | Use | dict[str, dict[str, Any] | None])]
Source = Annotated[SeedSource, BeforeValidator(lambda value: value, json_schema_input_type=str | SeedSource)]


class Stage(_Part):
    """One node of the recipe's graph: a method, where its seeds come from, how many records, which gates."""

    name: Slug = Field(description="name of the stage, unique in the recipe; part of its random stream")
    method: str = Field(description="method that makes the records: `cfg`, or with its version `cfg@1`")
    inputs: tuple[str, ...] = Field((), description="names of seeds or of other stages whose records are the seeds")
    params: dict[str, Any] | str = Field(
        default_factory=dict, description="params of the method, or the path of a YAML file that holds them"
    )
    count: int | None = Field(None, ge=1, description="accepted records to make")
    per_seed: int | None = Field(
        None, ge=1, description="draws a seed, instead of `count`; records keep the seeds' order"
    )
    max_draws: int | None = Field(
        None,
        ge=1,
        description="draws after which the run gives up; default 10 × count + 10,000, with an engine 3 × count + 100",
    )
    shard_rows: int | None = Field(
        None, ge=1, le=1_000_000, description="draws a shard; default follows from the count"
    )
    engine: str | None = Field(
        None, description="what answers an llm stage: a name of `engines`, or embedded; default the only one there"
    )
    rules: tuple[RuleUse, ...] | None = Field(
        None, description="row rules, `name` or `name: params`; default set if absent"
    )
    expect: tuple[dict[str, Any], ...] | None = Field(
        None, description="Great Expectations: type, its arguments, severity stop or warn; default suite if absent"
    )

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.count is None) == (self.per_seed is None):
            raise ValueError("give one of count and per_seed")
        if self.per_seed is not None and not self.inputs:
            raise ValueError("per_seed needs inputs")
        return self


class Budget(_Part):
    """Caps of a run: at the first one reached it stops cleanly, with what it has."""

    usd: float | None = Field(None, gt=0, description="money for answers that are not in the log yet, in US dollars")
    tokens: int | None = Field(None, gt=0, description="tokens of prompts and answers that are not in the log yet")
    minutes: float | None = Field(None, gt=0, description="time from the first request of the run, in minutes")


class Release(_Part):
    """What is published, and in which layout."""

    stages: tuple[str, ...] | None = Field(
        None, description="stages to publish; default: those that no other stage reads"
    )
    layout: Layout = Field("records", description="columns of the data: all, or just what TRL's trainers read")
    jsonl: bool = Field(default=False, description="also write OUT/jsonl/*.jsonl")
    docs: bool = Field(default=True, description="write Great Expectations Data Docs to OUT/docs")
    license: str = Field("other", description="licence identifier of the dataset card")
    language: str = Field("en", description="language code of the dataset card")


class Recipe(_Part):
    """A whole recipe. `base`, the folder of its file, is what relative paths start from."""

    name: Slug = Field(description="name of the recipe, and of its dataset")
    description: str = Field("", description="what the dataset is, for its card")
    seed: int = Field(0, ge=0, lt=2**63, description="run seed: same recipe, same seed, same bytes")
    seeds: dict[Slug, Source] = Field(default_factory=dict, description="name → where seeds come from")
    engines: dict[Slug, EngineSpec] = Field(default_factory=dict, description="name → what answers prompts")
    budget: Budget = Field(default_factory=Budget, description="caps on what answers may cost")
    stages: tuple[Stage, ...] = Field(min_length=1, description="the stages, in any order")
    release: Release = Field(default_factory=Release)

    @model_validator(mode="after")
    def _graph(self) -> Self:
        names = [stage.name for stage in self.stages]
        for name in names:
            if names.count(name) > 1 or name in self.seeds:
                raise ValueError(f"the name '{name}' is used twice")
        have = {*names, *self.seeds}
        for stage in self.stages:
            for source in stage.inputs:
                if source not in have:
                    raise ValueError(
                        f"stage '{stage.name}' reads '{source}', which is not there{choices(source, have)}"
                    )
        for name, spec in self.engines.items():
            if (trains := trainer(spec)) is not None and trains not in names:
                raise ValueError(
                    f"engine '{name}' asks the model of stage '{trains}', which is not there{choices(trains, names)}"
                )
        for name in self.release.stages or ():
            if name not in names:
                raise ValueError(f"release names stage '{name}', which is not there{choices(name, names)}")
        self.ordered  # noqa: B018  a cycle is an error of the recipe, found here
        return self

    @cached_property
    def ordered(self) -> tuple[Stage, ...]:
        """The stages so that each comes after its inputs, and after the one that trains the model of its engine.

        Otherwise in the order written. ValueError on a cycle.
        """
        left = list(self.stages)
        done: list[Stage] = []
        while left:
            made = {stage.name for stage in done} | set(self.seeds)
            ready = [stage for stage in left if made.issuperset(self.waits_for(stage))]
            if not ready:
                raise ValueError(f"the stages form a cycle: {self._cycle(left)}")
            done.append(ready[0])
            left.remove(ready[0])
        return tuple(done)

    def waits_for(self, stage: Stage) -> tuple[str, ...]:
        """Return the names of what must be there before a stage can run."""
        spec = self.engines.get(stage.engine or "")
        trains = trainer(spec) if spec else None
        return stage.inputs if trains is None else (*stage.inputs, trains)

    def _cycle(self, stages: list[Stage]) -> str:
        left = {stage.name for stage in stages}
        waits = {stage.name: [name for name in self.waits_for(stage) if name in left] for stage in stages}
        path = [stages[0].name]
        while path.count(path[-1]) < 2:
            path.append(waits[path[-1]][0])
        return " → ".join(path[path.index(path[-1]) :])

    @property
    def published(self) -> tuple[str, ...]:
        """Names of the stages that the release holds."""
        if self.release.stages is not None:
            return self.release.stages
        read = {name for stage in self.stages for name in stage.inputs}
        return tuple(stage.name for stage in self.stages if stage.name not in read)


def load_recipe(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe of a YAML file, with `path=value` overrides applied; RecipeError says what is wrong."""
    value = read_mapping(path, "recipe")
    for setting in overrides:
        override(value, setting)
    return build_recipe(value, path.name)


def build_recipe(value: Mapping[str, Any], name: str) -> Recipe:
    """Return the recipe of a parsed mapping; RecipeError names the first wrong key and what is allowed there."""
    try:
        return Recipe.model_validate(value)
    except ValidationError as exc:
        raise RecipeError(f"{name}: {explain(exc, Recipe)}") from exc
