"""What a row rule is, and how rules are found.

A rule is one file under `quality/rules/` that ends in `RULE = Rule(...)`. Nothing lists it: discovery walks the folder.
Its name is the defect that it finds, and that slug is the reject reason.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.core.errors import RecipeError, choices
from tasks.core.listing import walk
from tasks.core.method import source_of, summary_of


class RuleParams(BaseModel):
    """Base of every rule's params: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Defect = Callable[[pa.RecordBatch, Any], pa.BooleanArray]


@dataclass(frozen=True, slots=True)
class Rule:
    """One defect that a row can have; its summary and its source come from the module's docstring.

    defect(batch, params): a mask without nulls, true where a row of the record batch has the defect.
    across: whether the rule compares rows with each other. The stage then applies it over its shards in order
    (`quality.dedup`); `defect` still tells of one batch taken alone.
    """

    name: str
    version: int
    params: type[RuleParams]
    defect: Defect
    across: bool = False

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def summary(self) -> str:
        return summary_of(self.defect)

    @property
    def source(self) -> str:
        return source_of(self.defect)


Configured = tuple[Rule, RuleParams]


@cache
def rules() -> dict[str, Rule]:
    """Return every rule by name, sorted; `duplicate`, which lives in `quality.dedup`, among them."""
    found: dict[str, Rule] = {}
    for name in ("quality.dedup", *walk("quality.rules")):
        rule = getattr(importlib.import_module(name), "RULE", None)
        if isinstance(rule, Rule):
            found[rule.name] = rule
    return dict(sorted(found.items()))


def get_rule(name: str) -> Rule:
    """Return the rule called `name` (`too_short`) or `name@version` (`too_short@1`); RecipeError lists the choices."""
    bare, _, version = name.partition("@")
    have = rules()
    if bare not in have:
        raise RecipeError(f"unknown rule '{name}'{choices(bare, have)}")
    rule = have[bare]
    if version and version != str(rule.version):
        raise RecipeError(f"unknown version '{name}'; have: {rule.id}")
    return rule


def configured(name: str, params: Mapping[str, Any] | None = None) -> Configured:
    """Return the rule called `name` and its params, checked; RecipeError names the first wrong one and the choices."""
    rule = get_rule(name)
    try:
        return rule, rule.params.model_validate(dict(params or {}))
    except ValidationError as exc:
        raise RecipeError(f"rule '{rule.name}': {_first_error(exc, rule.params)}") from exc


def _first_error(exc: ValidationError, params: type[RuleParams]) -> str:
    error = exc.errors(include_url=False)[0]
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key '{where}'{choices(where, params.model_fields)}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where} = {error['input']!r}: {message}" if where else message


def default_rules() -> list[Configured]:
    """Return the rules of a gate that names none: a word at least, not endless, clean Unicode, no exact duplicate."""
    return [configured(name) for name in ("too_short", "too_long", "bad_unicode", "duplicate")]
