"""What `tilth answers` does: count the answers that were paid for, show one of them, delete old ones."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from tasks.answers import Total, log_path, open_log
from tasks.core.errors import UserError

_WIDTH = 120


def show_answers(
    digest: str | None = None,
    *,
    as_json: bool = False,
    prune_days: float | None = None,
    engine: str | None = None,
) -> None:
    """Print what the log holds, engine by engine; or one answer whole; or delete those older than so many days."""
    if prune_days is not None and prune_days < 0:
        raise UserError(f"--prune-days must be at least 0, not {prune_days:g}")
    if not log_path().exists():
        _print_nothing(as_json=as_json, digest=digest)
        return
    if digest is not None:
        _print_json(_dated(open_log().show(digest)))
        return
    if prune_days is not None:
        gone = open_log().prune(prune_days, engine)
        sys.stderr.write(f"{gone:,} answers older than {prune_days:g} days deleted\n")
    totals = open_log().totals(engine=engine)
    if as_json:
        _print_json([_total_json(total) for total in totals])
    elif totals:
        _print_table(totals)
    else:
        sys.stdout.write(f"no answers{f' of {engine}' if engine else ''} in {log_path()}\n")


def _print_nothing(*, as_json: bool, digest: str | None) -> None:
    if digest is not None:
        raise UserError(f"no answer '{digest}': there is no answer log at {log_path()} yet")
    sys.stdout.write("[]\n" if as_json else f"no answers yet: {log_path()} is made by the first llm stage that runs\n")


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _print_table(totals: list[Total]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("engine", "answers", "tokens in", "tokens out", "USD", "first", "last"):
        words = name in {"engine", "first", "last"}
        table.add_column(name, justify="left" if words else "right", no_wrap=True)
    for total in totals:
        engine = total.engine if total.model in total.engine else f"{total.engine} ({total.model})"
        numbers = (total.answers, total.prompt_tokens, total.completion_tokens)
        dates = (_date(seconds)[:10] for seconds in (total.first, total.last))
        table.add_row(engine, *(f"{n:,}" for n in numbers), f"{total.cost_usd:,.4f}", *dates)
    # In a narrow terminal lines wrap; no name and no number is cut.
    Console(markup=False, width=max(Console().width, _WIDTH)).print(table)


def _total_json(total: Total) -> dict[str, Any]:
    return asdict(total) | {"first": _date(total.first), "last": _date(total.last)}


def _dated(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"created_at": _date(answer["created_at"])}


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
