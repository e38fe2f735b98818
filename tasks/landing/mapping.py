"""`landing.yaml`: where seeds land, and which recipe makes a release of what lands there."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tasks.core.document import explain, read_mapping
from tasks.core.errors import RecipeError, choices
from tasks.core.recipe import Recipe, Slug, load_recipe
from tasks.core.source import SeedSource


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_as_tuple, json_schema_input_type=str | list[str])]


class SourceSpec(_Part):
    """A place where seeds land."""

    path: str = Field(min_length=1, description="folder, relative to this file; or s3://bucket/prefix")
    whole: Literal["still", "marker"] = Field(
        "still",
        description="when a file of a folder is whole: size and time still for settle_s, or FILE.done lies beside it "
        "(which also ends the wait of `still`); an object in S3 always is",
    )
    versions: Literal["current", "all"] = Field(
        "current",
        description="which versions of an object land, where its bucket keeps them: the one that a look finds, or "
        "every one, those too that were overwritten between two looks or before the first",
    )
    queue: str | None = Field(None, description="URL of the SQS queue that S3 sends its event notifications to")

    @property
    def is_s3(self) -> bool:
        return self.path.startswith("s3://")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.queue and not self.is_s3:
            raise ValueError(f"queue is for S3 sources; path is '{self.path}'")
        if self.is_s3 and self.whole == "marker":
            raise ValueError("whole: marker is for folders; an object in S3 appears whole")
        if not self.is_s3 and self.versions == "all":
            raise ValueError(f"versions: all is for S3 sources; path is '{self.path}'")
        if "://" in self.path and not self.is_s3:
            raise ValueError(f"cannot watch '{self.path}'; have: a folder, s3://bucket/prefix")
        return self


class Route(_Part):
    """Files whose path matches become releases of a recipe."""

    name: Slug = Field(description="name of the route, unique; its releases are RELEASES/name/<digest>")
    match: Patterns = Field(
        description="pattern, or several, for the path below its source: * ? [abc]; * goes through folders too"
    )
    sources: Patterns = Field((), description="names of the sources it holds for; default all")
    recipe: str = Field(min_length=1, description="recipe file, relative to this file")
    seeds: Slug = Field(description="entry under `seeds` in the recipe that the landed file takes the place of")
    overrides: tuple[str, ...] = Field((), description="changes to the recipe, each path=value")


class Landing(_Part):
    """The whole file. The first route that matches is taken."""

    sources: dict[Slug, SourceSpec] = Field(min_length=1, description="name → where seeds land")
    routes: tuple[Route, ...] = Field(min_length=1, description="which recipe, in order")
    releases: str = Field("../releases", description="folder of the releases, relative to this file")
    settle_s: float = Field(5.0, ge=0, le=3600, description="seconds without a change after which a file is whole")
    sweep_s: float = Field(60.0, ge=1, le=3600, description="seconds between two listings of every source")
    batch: int = Field(10, ge=1, le=1000, description="files that a run claims at a time")
    runs: int = Field(3, ge=1, le=64, description="runs of `seeds` to ask for at the same time")
    lease_s: float = Field(60.0, ge=3, le=3600, description="seconds without a sign of life until a claim is free")
    tries: int = Field(3, ge=1, le=20, description="tries of one file, of runs that died too, until it is `failed`")
    base: Path = Field(Path(), exclude=True, description="folder of this file; set when it is read")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [route.name for route in self.routes]
        for route in self.routes:
            if names.count(route.name) > 1:
                raise ValueError(f"the route '{route.name}' is there twice")
            for source in route.sources:
                if source not in self.sources:
                    raise ValueError(f"route '{route.name}': no source '{source}'{choices(source, self.sources)}")
        return self

    @property
    def out(self) -> Path:
        """The folder of the releases."""
        return (self.base / self.releases).resolve()

    @property
    def folders(self) -> list[Path]:
        """The sources that are folders."""
        return [(self.base / spec.path).resolve() for spec in self.sources.values() if not spec.is_s3]

    def routed(self, source: str, path: str) -> Route | None:
        """Return the first route that holds for a path below a source; None where there is none."""
        for route in self.routes:
            if (not route.sources or source in route.sources) and any(fnmatchcase(path, p) for p in route.match):
                return route
        return None

    def route(self, name: str) -> Route:
        """Return a route by name; RecipeError lists those there are."""
        for route in self.routes:
            if route.name == name:
                return route
        raise RecipeError(f"no route '{name}'{choices(name, [route.name for route in self.routes])}")

    def patterns(self) -> str:
        return ", ".join(pattern for route in self.routes for pattern in route.match)

    def recipe(self, route: Route) -> tuple[Recipe, Path]:
        """Return the recipe of a route and its folder; RecipeError where it does not read or lacks the entry."""
        path = self.base / route.recipe
        recipe = load_recipe(path, route.overrides)
        if route.seeds not in recipe.seeds:
            have = choices(route.seeds, recipe.seeds)
            raise RecipeError(f"route '{route.name}': recipe '{path}' has no seeds '{route.seeds}'{have}")
        return recipe, path.parent


def load_landing(path: Path) -> Landing:
    """Return what a landing file says, every recipe it names read; RecipeError for the first thing that is wrong."""
    value: Mapping[str, Any] = read_mapping(path, "landing file")
    if "base" in value:
        raise RecipeError(f"{path.name}: unknown key 'base'{choices('base', set(Landing.model_fields) - {'base'})}")
    try:
        landing = Landing.model_validate({**value, "base": path.parent.resolve()})
    except ValidationError as exc:
        raise RecipeError(f"{path.name}: {explain(exc, Landing)}") from exc
    for route in landing.routes:
        landing.recipe(route)
    return landing


def with_seeds(recipe: Recipe, entry: str, path: str) -> Recipe:
    """Return the recipe with another file under one of its seeds; how its columns map stays as it is."""
    source: SeedSource = recipe.seeds[entry].model_copy(update={"path": path})
    return recipe.model_copy(update={"seeds": {**recipe.seeds, entry: source}})
