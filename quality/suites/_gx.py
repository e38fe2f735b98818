"""Great Expectations at arm's length: the one place that imports it. The import takes 3 to 7 s."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quality.suites._frames import SAMPLE
from quality.suites.check import Check, Severity
from tasks.core.errors import RecipeError

GX_SEVERITY: Mapping[Severity, str] = {"stop": "critical", "warn": "warning"}


def library() -> Any:
    """Return the package, imported; its submodules are its attributes."""
    # Read when a context is made, before enable_analytics could be called.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations  # noqa: PLC0415 - takes seconds; checking a recipe does not need it

    return great_expectations


def context() -> Any:
    """Return an ephemeral context that prints no progress bars and reports to nobody."""
    made = library().get_context(mode="ephemeral")
    made.enable_analytics(False)
    made.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return made


def expectation(name: str, kwargs: Mapping[str, Any], severity: Severity, **more: Any) -> Any:
    """Return the GX expectation; RecipeError where GX refuses what `check` let pass."""
    made = getattr(library().expectations, class_name(name))
    try:
        return made(**kwargs, severity=GX_SEVERITY[severity], **more)
    except ValueError as exc:  # pydantic's ValidationError, of the version that GX carries
        raise RecipeError(f"{name}: {' '.join(str(exc).split())}") from exc


def class_name(expectation: str) -> str:
    """Return the name of the GX class: `expect_a_b` is `ExpectAB`."""
    return "".join(part.capitalize() for part in expectation.split("_"))


@dataclass(slots=True)
class Tally:
    """What the runs of one expectation add up to."""

    success: bool = True
    observed: Any = None
    element_count: int | None = None
    missing_count: int | None = None
    unexpected_count: int | None = None
    sample: list[Any] = field(default_factory=list)

    def add(self, result: Mapping[str, Any], *, success: bool) -> None:
        """Take the result of one run."""
        self.success = self.success and success
        self.observed = result.get("observed_value", self.observed)
        if "element_count" not in result:  # about the whole: GX counts values here, not rows
            self.observed = _other_values(result) or self.observed
            return
        for key in ("element_count", "missing_count", "unexpected_count"):
            if result.get(key) is not None:
                setattr(self, key, (getattr(self, key) or 0) + int(result[key]))
        room = SAMPLE - len(self.sample)
        self.sample += list(result.get("partial_unexpected_list") or [])[:room]

    def settle(self, mostly: float) -> None:
        """Decide over all rows what no single chunk can: are enough of the rows that are not null as expected."""
        judged = (self.element_count or 0) - (self.missing_count or 0)
        wrong = self.unexpected_count or 0
        self.success = not judged or (judged - wrong) / judged >= mostly


def _other_values(result: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return which values a set had too many and too few, at most five of each; empty for other expectations."""
    lists = {key: result.get(f"partial_{key}_list") or [] for key in ("unexpected", "missing")}
    return {key: list(values)[:SAMPLE] for key, values in lists.items() if values}


class Runner:
    """A GX checkpoint of some checks, to be run on one frame after another; `tallies` adds up what it finds."""

    def __init__(self, context: Any, name: str, checks: Sequence[tuple[int, Check]]) -> None:
        gx = library()
        self.tallies = {number: Tally() for number, _ in checks}
        self._checks = dict(checks)
        asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
        data = asset.add_batch_definition_whole_dataframe(name)
        expectations = [
            expectation(check.expectation, check.kwargs, check.severity, meta={"check": number})
            for number, check in checks
        ]
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=data, suite=suite))
        self._checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=name,
                validation_definitions=[definition],
                result_format={"result_format": "BASIC", "partial_unexpected_count": SAMPLE},
            )
        )

    def run(self, frame: Any) -> None:
        """Validate a pandas frame and add the results up."""
        found = self._checkpoint.run(batch_parameters={"dataframe": frame})
        for run in found.run_results.values():
            for result in run.results:
                number = result.expectation_config.meta["check"]
                if message := _exception(result.exception_info):
                    raise RecipeError(f"{self._checks[number].expectation} cannot be evaluated: {message}")
                self.tallies[number].add(result.result, success=bool(result.success))


def _exception(info: Mapping[str, Any]) -> str | None:
    """Return the message of what was raised: GX gives one record, or one for each metric."""
    records = [info] if "raised_exception" in info else list(info.values())
    raised = (record for record in records if record.get("raised_exception"))
    return next((str(record.get("exception_message")) for record in raised), None)
