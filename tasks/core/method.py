"""What a method is, and how methods are found.

A method is one file under `tasks/methods/<family>/` that ends in `METHOD = Method(...)`. Nothing lists it: discovery
walks the folders, and the entry-point group `tilth.methods` is the same door for methods of other packages.
"""

import errno
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from tasks.core.errors import RecipeError, choices
from tasks.core.listing import FAMILIES, Family, walk
from tasks.core.rollout import Prepare, Rollout
from tasks.core.training import Trained, Training

# none: no seeds. each: row i of the output is made from row i of the seeds, `draw.count` rows are handed in.
# all: the seeds are what a model is trained on, or what prompts choose from; no row of them is handed in.
SeedUse = Literal["none", "each", "all"]


class MethodParams(BaseModel):
    """Base of every method's params: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _read_file(value: Any, info: ValidationInfo) -> Any:
    base = (info.context or {}).get("base", ".")
    if base is None or not isinstance(value, str) or "\n" in value or len(value) > 1024:
        return value
    path = (Path(base) / value).expanduser()
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError(f"'{value}' is not UTF-8: {exc}") from exc
    except OSError as exc:
        if exc.errno == errno.ENAMETOOLONG:
            return value
        raise ValueError(f"cannot read '{value}': {exc.strerror}") from exc
    if "/" in value and " " not in value and Path(value).suffix:
        raise ValueError(f"no such file: '{value}'")
    return value


# A param that takes text, or the path of a file that holds it (relative to the recipe). The loaded params hold the
# content, so the cache key of a shard changes when the file does. Validated with the context {"base": None}, as loaded
# params are once more in a shard, nothing is taken for a path.
TextOrFile = Annotated[str, BeforeValidator(_read_file)]


@dataclass(frozen=True, slots=True)
class Draw:
    """What a batch method is asked for: `count` draws, the first of them number `start` of the stage.

    `rng` is the shard's own stream. `key` (128 bits) is the stage's, the same in every shard: with `start` it lets a
    method walk a permutation of all its possible texts, so that no two shards ever draw the same one. `model` is the
    folder that the method's `fit` filled.
    """

    rng: np.random.Generator
    count: int
    start: int
    key: int
    model: Path | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What a batch method returns: at most `draw.count` rows of the columns that it gives.

    A row whose optional column `reason` is not null is a reject of the method's own, kept with its raw text. An
    optional column `seed_row` (int) says which seed row a row came from; without it row i came from seed row i.
    `stats` are counters that add up over the shards of a stage.
    """

    records: pa.RecordBatch
    stats: Mapping[str, int] = field(default_factory=dict)


BatchRun = Callable[[pa.RecordBatch | None, Any, Draw], Made]


class Novelty(Protocol):
    """Decides, over all shards of a stage in their order, which records are new enough to stay."""

    def add(self, batch: pa.RecordBatch) -> pa.Array:
        """Return a reason for each record that is turned down, null for those that stay and count from now on."""
        ...


@dataclass(frozen=True, slots=True)
class ParamIs:
    """Whether a param has a value; shown as a recipe has it, `model: llm`."""

    name: str
    value: str

    def __call__(self, params: Any) -> bool:
        return bool(getattr(params, self.name) == self.value)

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"


@dataclass(frozen=True, slots=True)
class Method:
    """One way to make records; its summary and its source come from the module's docstring.

    needs(params): columns that a seed must have, `extra` fields by their own name.
    keeps: columns of the seed that stay true of what is made from it (a label, say) and are copied.
    check(params): raises RecipeError or ValueError for what the params model cannot see; runs before anything is spent.
    ahead(): starts what `check` will wait for, and returns at once; called before the check of any stage.
    capacity(params): how many different records there can be, or None where that is not known.
    notes(params, stats): lines for the stage's report, from the summed counters.

    A method has one of `run` (a batch of draws at once) and `rollout` (one draw, which asks an engine), or both and
    `asks(params)`, which says whether it is `rollout` that makes the records.
    fit(training): trains the model that `run` finds in `draw.model`. It depends on `trains_on(params)`, as JSON, on the
    seeds and the run seed: whatever else changes, the same never trains twice.
    serves: the trained model is a folder in Hugging Face format, which an engine of the recipe may ask (`stage:NAME`).
    prepare(context, params): made once a shard, for all its draws.
    pool(params): draws of a round, for a method whose later rounds read what earlier ones gave (`context.pool`).
    hides: what it notes as found in `extra` is private: the run stops if a value of it stands in a record made after.
    novelty(params, seeds): what keeps too similar records out, across shards.
    calls(params): requests of one draw at most, for the estimate; records(params): records of one draw at most.
    """

    name: str
    version: int
    family: Family
    params: type[MethodParams]
    gives: tuple[str, ...]
    run: BatchRun | None = None
    rollout: Rollout | None = None
    asks: Callable[[Any], bool] | None = None
    seeds: Callable[[Any], SeedUse] = lambda _params: "none"
    needs: Callable[[Any], frozenset[str]] = lambda _params: frozenset()
    keeps: tuple[str, ...] = ()
    check: Callable[[Any], None] | None = None
    ahead: Callable[[], None] | None = None
    capacity: Callable[[Any], int | None] = lambda _params: None
    notes: Callable[[Any, Mapping[str, int]], list[str]] | None = None
    kind: str = "text"
    shard_rows: int = 100_000
    hides: bool = False
    fit: Callable[[Training], Trained] | None = None
    trains_on: Callable[[Any], dict[str, Any]] = lambda params: params.model_dump(mode="json", by_alias=True)
    serves: bool = False
    prepare: Prepare = lambda _context, _params: None
    pool: Callable[[Any], int | None] = lambda _params: None
    novelty: Callable[[Any, Iterable[pa.RecordBatch]], Novelty] | None = None
    calls: Callable[[Any], int] = lambda _params: 1
    records: Callable[[Any], int] = lambda _params: 1

    def __post_init__(self) -> None:
        if self.run is None and self.rollout is None:
            raise ValueError(f"method {self.name} needs run or rollout")
        both = self.run is not None and self.rollout is not None
        if both and self.asks is None:
            raise ValueError(f"method {self.name} has run and rollout: it needs asks, which chooses between them")
        if self.asks is not None and not both:
            raise ValueError(f"method {self.name} has asks, but not both run and rollout to choose between")

    def asks_engine(self, params: Any) -> bool:
        """Return whether the records are made by `rollout`, which asks an engine, and not by `run`."""
        return self.asks(params) if self.asks else self.rollout is not None

    @property
    def made_by(self) -> Callable[..., Any]:
        """A function that makes the records: `run`, or else `rollout`; its module is the method's."""
        return self.run or self.rollout  # type: ignore[return-value]

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def summary(self) -> str:
        return summary_of(self.made_by)

    @property
    def source(self) -> str:
        return source_of(self.made_by)


def summary_of(function: Callable[..., Any]) -> str:
    """Return the first line of the docstring of the module that holds a function, without its full stop."""
    return _module_doc(function).partition("\n")[0].rstrip(".")


def source_of(function: Callable[..., Any]) -> str:
    """Return the line of that docstring that starts with `Source:`, without that word; empty if there is none."""
    lines = (line for line in _module_doc(function).splitlines() if line.startswith("Source:"))
    return next(lines, "").removeprefix("Source:").strip()


def _module_doc(function: Callable[..., Any]) -> str:
    return inspect.getdoc(inspect.getmodule(function)) or ""


@cache
def _own() -> dict[str, tuple[str, str]]:
    return {module.rpartition(".")[2]: (module, "METHOD") for module in walk("tasks.methods")}


@cache
def places() -> dict[str, tuple[str, str]]:
    """Return where each method is, as name → (module, attribute); none of them is imported.

    Ours are named as their files; those of the entry-point group `tilth.methods` as their entries.
    """
    found = dict(_own())
    for entry in entry_points(group="tilth.methods"):
        if entry.name in found:
            raise RecipeError(f"entry point '{entry.name}' of group tilth.methods has the name of another method")
        found[entry.name] = (entry.module, entry.attr)
    return found


@cache
def _loaded(name: str) -> Method:
    # To look through every installed package for entry points takes 20 ms, and most recipes use methods of ours alone.
    module, attribute = _own().get(name) or places()[name]
    method = getattr(importlib.import_module(module), attribute, None)
    if not isinstance(method, Method) or method.name != name:
        raise RecipeError(f"{module}:{attribute} is not a Method called '{name}': {method!r}")
    return method


@cache
def methods() -> dict[str, Method]:
    """Return every method by name, family by family."""
    found = [_loaded(name) for name in places()]
    return {m.name: m for m in sorted(found, key=lambda method: (FAMILIES.index(method.family), method.name))}


def forget_methods() -> None:
    """Look for methods anew: where a package was installed after the first look."""
    for known in (places, _loaded, methods):
        known.cache_clear()


def get_method(name: str) -> Method:
    """Return the method called `name` (`cfg`) or `name@version` (`cfg@1`); RecipeError lists the choices."""
    bare, _, version = name.partition("@")
    if bare not in _own() and bare not in places():
        raise RecipeError(f"unknown method '{name}'{choices(bare, places())}")
    method = _loaded(bare)
    if version and version != str(method.version):
        raise RecipeError(f"unknown version '{name}'; have: {method.id}")
    return method
