"""What a suite found: plain values that go through JSON, into a Markdown table and into Data Docs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from quality.suites.check import Severity
from tasks.core.record import dumps

_CELL_CHARS = 80


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one expectation.

    observed: the figure of an expectation about the whole (a mean, a row count), None of one about rows.
    unexpected_count of element_count rows fail an expectation about rows; missing_count of them are null; `sample`
    shows at most five of their values.
    """

    expectation: str
    kwargs: Mapping[str, Any]
    severity: Severity
    success: bool
    observed: Any = None
    element_count: int | None = None
    missing_count: int | None = None
    unexpected_count: int | None = None
    sample: Sequence[Any] = ()

    @property
    def column(self) -> str:
        """The column that it reads, two joined by a comma; empty for one about the table."""
        keys = ("column", "column_A", "column_B")
        return ", ".join(str(self.kwargs[key]) for key in keys if key in self.kwargs)


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What became of a suite, over all rows of a stage."""

    name: str
    rows: int
    outcomes: tuple[Outcome, ...]

    @property
    def success(self) -> bool:
        """Whether every expectation was met."""
        return all(outcome.success for outcome in self.outcomes)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.success]

    @property
    def stop(self) -> bool:
        """Whether an expectation of severity stop was not met."""
        return any(outcome.severity == "stop" for outcome in self.failed)

    def markdown(self) -> str:
        """Return a table with a line for each expectation, failed ones first."""
        lines = [
            "| result | expectation | column | asked | found | severity | examples |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [_line(outcome) for outcome in sorted(self.outcomes, key=lambda outcome: outcome.success)]
        return "\n".join(lines) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON values; `from_dict` is the way back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "SuiteResult":
        """Return the result that `as_dict` wrote."""
        return cls(value["name"], value["rows"], tuple(Outcome(**outcome) for outcome in value["outcomes"]))


def _line(outcome: Outcome) -> str:
    asked = {key: value for key, value in outcome.kwargs.items() if not key.startswith("column")}
    cells = [
        "pass" if outcome.success else "**FAIL**",
        outcome.expectation,
        _cell(outcome.column),
        ", ".join(f"{key} {_cell(dumps(value))}" for key, value in asked.items()),
        _found(outcome),
        outcome.severity,
        ", ".join(_cell(dumps(value)) for value in outcome.sample),
    ]
    return f"| {' | '.join(cells)} |"


def _found(outcome: Outcome) -> str:
    if outcome.unexpected_count is None:
        return "" if outcome.observed is None else _cell(outcome.observed)
    return f"{outcome.unexpected_count:,} of {outcome.element_count or 0:,} rows"


def _cell(value: Any) -> str:
    """Return a value that cannot break out of its cell: a text comes from the data, or from a model."""
    text = " ".join(str(value).split())
    if len(text) > _CELL_CHARS:
        text = f"{text[: _CELL_CHARS - 1]}…"
    for char in "\\`*_[]|#":
        text = text.replace(char, f"\\{char}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
