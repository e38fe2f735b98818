"""Great Expectations' own HTML pages (Data Docs) of suite results: a static site beside a release.

The pages take styles and scripts from public CDNs when they are looked at; they send nothing of the data.
"""

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from quality.suites._gx import context, expectation, library
from quality.suites.result import Outcome, SuiteResult

_SITE = "tilth"
# A logo that each page asks of GX's own server with the time of the build: who opens the page would report it.
_BEACON = re.compile(r"https://great-expectations-web-assets\.s3[^\"')\s]*")


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
    for page in sorted(folder.rglob("*.html")):
        page.write_text(_BEACON.sub("data:,", page.read_text(encoding="utf-8")), encoding="utf-8")
    index = folder / "index.html"
    _list_pages(index, results)
    return index


def _list_pages(index: Path, results: Mapping[str, SuiteResult]) -> None:
    """Add a plain list of links to the index: GX's own table needs scripts from the network."""
    lines = []
    for name, result in results.items():
        page = next((index.parent / "validations" / name).rglob("*.html")).relative_to(index.parent)
        state = "passed" if result.success else "failed"
        link = f'<a href="{quote(page.as_posix())}">{html.escape(name)}</a>'
        lines.append(f"<li>{link}: {state}, {result.rows:,} rows, {len(result.outcomes)} expectations</li>")
    listed = f'<div style="padding:1em 2em"><h4>Checkpoints</h4><ul>{"".join(lines)}</ul></div>'
    text = index.read_text(encoding="utf-8")
    index.write_text(text.replace("<footer", f"{listed}<footer", 1), encoding="utf-8")


def _store(made: Any, name: str, result: SuiteResult, at: datetime) -> None:
    gx = library()
    run = gx.core.run_identifier.RunIdentifier(run_name=_SITE, run_time=at)
    ids = gx.data_context.types.resource_identifiers
    key = ids.ValidationResultIdentifier(ids.ExpectationSuiteIdentifier(name), run, f"{name}-{result.rows}-rows")
    made.suites.add(gx.ExpectationSuite(name=name, expectations=[_expectation(o) for o in result.outcomes]))
    made.validation_results_store.add(key, _validation(name, result, run, at))


def _expectation(outcome: Outcome) -> Any:
    return expectation(outcome.expectation, outcome.kwargs, outcome.severity)


def _validation(name: str, result: SuiteResult, run: Any, at: datetime) -> Any:
    passed = sum(outcome.success for outcome in result.outcomes)
    total = len(result.outcomes)
    return library().core.ExpectationSuiteValidationResult(
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
    return library().core.ExpectationValidationResult(
        success=outcome.success,
        expectation_config=_expectation(outcome).configuration,
        result=_figures(outcome),
        exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
    )


def _figures(outcome: Outcome) -> dict[str, Any]:
    """Return what GX's pages read of a result of format BASIC."""
    if outcome.unexpected_count is None:
        return {"observed_value": _escaped(outcome.observed)}
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
        "partial_unexpected_list": _escaped(list(outcome.sample)),
    }


def _escaped(value: Any) -> Any:
    """Return texts with HTML's own characters escaped: GX writes them into its pages as they are."""
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return {key: _escaped(item) for key, item in value.items()} if isinstance(value, dict) else value
