"""The expectations of a suite, as a recipe writes them, checked without importing Great Expectations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quality.suites._known import COLUMNS, DERIVED, KNOWN, NUMBER_COLUMNS, Known, Scope
from quality.suites._values import WRONG
from tasks.core.errors import RecipeError, choices

Severity = Literal["stop", "warn"]
SEVERITIES: tuple[Severity, ...] = ("stop", "warn")

# What words_of reads: the derived columns are made of these.
_SPOKEN = ("text", "messages", "target")


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of a suite: its GX name, its kwargs, and whether its failure stops the run."""

    expectation: str
    kwargs: Mapping[str, Any]
    severity: Severity

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(self.kwargs[key] for key in KNOWN[self.expectation].columns)

    @property
    def scope(self) -> Scope:
        return KNOWN[self.expectation].scope


def parse_suite(configs: Iterable[Mapping[str, Any]]) -> tuple[Check, ...]:
    """Return the checks of a suite as a recipe writes it; RecipeError names the first wrong value and the choices.

    An entry is `{type: expect_..., column: ..., severity: stop | warn, ...}`; its other keys are GX's own.
    """
    return tuple(parse_check(config) for config in configs)


def parse_check(config: Mapping[str, Any]) -> Check:
    """Return one checked entry of a suite."""
    if not isinstance(config, Mapping) or not isinstance(config.get("type"), str):
        raise RecipeError(f"an expectation needs a type, such as {{type: expect_table_row_count_to_equal}}: {config!r}")
    name = config["type"]
    if name not in KNOWN:
        raise RecipeError(f"unknown expectation '{name}'{choices(name, KNOWN)}")
    known = KNOWN[name]
    severity = config.get("severity", "stop")
    if severity not in SEVERITIES:
        raise RecipeError(f"{name}: unknown severity '{severity}'{choices(str(severity), SEVERITIES)}")
    kwargs = {key: value for key, value in config.items() if key not in ("type", "severity")}
    _check_keys(name, known, kwargs)
    for key in known.columns:
        _check_column(name, known, kwargs[key])
    for key, value in kwargs.items():
        if key in known.kwargs and (wanted := WRONG[known.kwargs[key]](value)):
            raise RecipeError(f"{name}: {key} should be {wanted}, not {value!r}")
    _check_range(name, kwargs)
    _check_values(name, known, kwargs)
    return Check(name, kwargs, severity)


def columns_read(checks: Sequence[Check]) -> frozenset[str]:
    """Return the record columns that a suite reads: what to project a stage's shards to before `run_suite`."""
    named = {column for check in checks for column in check.columns}
    return frozenset(named - set(DERIVED)) | frozenset(_SPOKEN if named & set(DERIVED) else ())


def _check_keys(name: str, known: Known, kwargs: Mapping[str, Any]) -> None:
    have = (*known.columns, *known.kwargs)
    for key in kwargs:
        if key not in have:
            raise RecipeError(f"{name}: unknown key '{key}'{choices(str(key), (*have, 'severity'))}")
    for key in (*known.columns, *known.needs):
        if key not in kwargs:
            raise RecipeError(f"{name}: '{key}' is missing")
    if known.one_of and not any(key in kwargs for key in known.one_of):
        raise RecipeError(f"{name}: one of {', '.join(known.one_of)} is missing")


def _check_column(name: str, known: Known, column: Any) -> None:
    if column not in COLUMNS["any"]:
        raise RecipeError(f"{name}: unknown column '{column}'{choices(str(column), COLUMNS['any'])}")
    if column not in COLUMNS[known.reads]:
        raise RecipeError(f"{name} does not read column '{column}'{choices(column, COLUMNS[known.reads])}")


def _check_range(name: str, kwargs: Mapping[str, Any]) -> None:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is not None and high is not None and low > high:
        raise RecipeError(f"{name}: min_value {low} is above max_value {high}")


def _check_values(name: str, known: Known, kwargs: Mapping[str, Any]) -> None:
    """A text among the values of a number column, or the other way round, can never be met."""
    if "value_set" in kwargs:
        number = kwargs[known.columns[0]] in NUMBER_COLUMNS
        for value in kwargs["value_set"]:
            if isinstance(value, str) == number or isinstance(value, bool):
                wanted = "numbers" if number else "texts"
                raise RecipeError(f"{name}: column '{kwargs['column']}' holds {wanted}, not {value!r}")
