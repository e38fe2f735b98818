"""Great Expectations' own HTML pages (Data Docs) of suite results: a static site beside a release.

The pages take styles and scripts from public CDNs when they are looked at; they send nothing of the data.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quality.suites._gx import GX_SEVERITY, context
from quality.suites.result import Outcome, SuiteResult

_SITE = "tilth"


def build_docs(results: Mapping[str, SuiteResult], folder: Path, *, at: datetime | None = None) -> Path:
    """Write a Data Docs site of the results, by name of what was validated, into `folder`; return its index page.

    `at` is the time that the pages show and are named for; by default now. A page holds the figures over all rows of a
    stage, in however many chunks it was validated.
    """
    made = context()
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.absolute())},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    made.config.data_docs_sites = {}  # an ephemeral context comes with a site in a temporary folder
    made.add_data_docs_site(_SITE, site)
    for name, result in results.items():
        _store(made, name, result, at or datetime.now(UTC))
    made.build_data_docs(site_names=[_SITE])
    return folder / "index.html"


def _store(made: Any, name: str, result: SuiteResult, at: datetime) -> None:
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    run = RunIdentifier(run_name=name, run_time=at)
    key = ValidationResultIdentifier(ExpectationSuiteIdentifier(name), run, f"{name}-{result.rows}-rows")
    made.suites.add(gx.ExpectationSuite(name=name, expectations=[_expectation(o) for o in result.outcomes]))
    made.validation_results_store.add(key, _validation(name, result, run, at))


def _expectation(outcome: Outcome) -> Any:
    import great_expectations as gx

    from quality.suites._gx import class_name

    made = getattr(gx.expectations, class_name(outcome.expectation))
    return made(**outcome.kwargs, severity=GX_SEVERITY[outcome.severity])


def _validation(name: str, result: SuiteResult, run: Any, at: datetime) -> Any:
    from great_expectations.core import ExpectationSuiteValidationResult

    passed = sum(outcome.success for outcome in result.outcomes)
    total = len(result.outcomes)
    return ExpectationSuiteValidationResult(
        success=result.success,
        results=[_result(outcome) for outcome in result.outcomes],
        suite_name=name,
        statistics={
            "evaluated_expectations": total,
            "successful_expectations": passed,
            "unsuccessful_expectations": total - passed,
            "success_percent": 100 * passed / total if total else None,
        },
        meta={
            "run_id": run,
            "validation_time": at,
            "active_batch_definition": {
                "datasource_name": _SITE,
                "data_connector_name": "stage",
                "data_asset_name": name,
                "batch_identifiers": {"rows": result.rows},
            },
        },
    )


def _result(outcome: Outcome) -> Any:
    from great_expectations.core import ExpectationValidationResult

    return ExpectationValidationResult(
        success=outcome.success,
        expectation_config=_expectation(outcome).configuration,
        result=_figures(outcome),
        exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
    )


def _figures(outcome: Outcome) -> dict[str, Any]:
    """Return what GX's pages read of a result of format BASIC."""
    if outcome.unexpected_count is None:
        return {"observed_value": outcome.observed}
    rows, missing = outcome.element_count or 0, outcome.missing_count or 0
    share = 100 / max(1, rows)
    nonmissing = 100 * outcome.unexpected_count / max(1, rows - missing)
    return {
        "element_count": rows,
        "missing_count": missing,
        "missing_percent": missing * share,
        "unexpected_count": outcome.unexpected_count,
        "unexpected_percent": nonmissing,
        "unexpected_percent_total": outcome.unexpected_count * share,
        "unexpected_percent_nonmissing": nonmissing,
        "partial_unexpected_list": list(outcome.sample),
    }
