"""What a stage and a release leave in the orchestrator, as Markdown that Prefect's UI renders."""

import base64
import re
from typing import Any

import pyarrow.parquet as pq

from tasks.core.manifest import StageManifest
from tasks.core.store import Store
from tasks.curves import picture
from tasks.train import Model, model_folder

_SAMPLE_ROWS = 5
_CELL_CHARS = 200
# A long name would push the table over its neighbours: a zero-width space lets it break.
_LONG_WORD = re.compile(r"\w{16}(?=\w)")


def artifact_key(*parts: str) -> str:
    """Return an artifact key of lower-case letters, digits and dashes: all that Prefect allows."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def conservation_markdown(manifest: StageManifest, notes: list[str]) -> str:
    """Return the stage's conservation table, the reasons behind it, and the method's notes."""
    table = manifest.conservation()
    lines = [f"## {manifest.stage} · `{manifest.method}`", ""]
    if manifest.stopped:
        lines += [f"**Stopped:** {manifest.stopped}", ""]
    names = ("seen", "accepted", "rejected", "failed", "pending")
    lines += ["| seen | = accepted | + rejected | + failed | + pending |", "|--:|--:|--:|--:|--:|"]
    lines += ["| " + " | ".join(f"{table[name]:,}" for name in names) + " |", ""]
    reasons = [("rejected", r, n) for r, n in table["rejected_by_reason"].items()]
    reasons += [("failed", r, n) for r, n in table["failed_by_reason"].items()]
    if reasons:
        lines += ["| | reason | draws |", "|---|---|--:|", *(f"| {a} | {r} | {n:,} |" for a, r, n in reasons), ""]
    target = f"{manifest.target:,} asked for, " if manifest.target else ""
    made = f"{_counted(manifest.rounds, 'round')}, {_counted(len(manifest.shards), 'shard')}"
    lines += [f"{target}{made}", *(f"- {note}" for note in notes)]
    return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def release_markdown(manifest: dict[str, Any], place: str, *, docs: bool) -> str:
    """Return where a release is and what it holds, with links to the reports of its stages.

    A browser opens no file from a page of a server, so that data, card and report are paths to copy. What the stages
    and their gates left is on this server: `../key/…` is a page of whichever of Prefect's two UIs shows this one.
    """
    name = manifest["name"]
    stopped = f"\n\n**Incomplete:** {manifest['stopped']}" if manifest["stopped"] else ""
    lines = [f"## {name}: {manifest['rows']:,} records", "", f"`{place}`{stopped}", ""]
    lines += [f"- data: `{place}/data/`", f"- card: `{place}/README.md`"]
    lines += [f"- report: `{place}/docs/index.html`"] if docs else []
    lines += ["", "| stage | accepted | seen | gate |", "|---|--:|--:|---|"]
    for said in manifest["stages"]:
        key = artifact_key(name, said["stage"])
        counts = f"{said['accepted']:,} | {said['seen']:,}"
        lines.append(f"| [{said['stage']}](../key/{key}) | {counts} | [report](../key/{key}-checkpoint) |")
    return "\n".join(lines)


def model_markdown(stage: str, model: Model) -> str:
    """Return what a training says of itself: its notes, its figures, its curves as a picture in the text.

    An image artifact with a data URI spills over the page; a picture inside Markdown does not.
    """
    where = f"Trained in {model.seconds:,.1f} s, in `{model_folder(model.key)}`."
    lines = [f"## {stage} · model `{model.key[:12]}`", "", where]
    lines += [f"- {note}" for note in model.notes]
    if model.figures:
        lines += ["", "| figure | value |", "|---|--:|", *(f"| {k} | {v:,.4g} |" for k, v in model.figures.items())]
    if model.curves:
        encoded = base64.b64encode(picture(model.curves)).decode()
        lines += ["", f"![curves of the training](data:image/png;base64,{encoded})"]
    return "\n".join(lines)


def sample_markdown(manifest: StageManifest, store: Store) -> str:
    """Return the first rows of the stage as a table."""
    rows = sample(manifest, store, _SAMPLE_ROWS)
    if not rows:
        return "No records."
    shown = [name for name in ("text", "target", "messages", "label") if any(row.get(name) for row in rows)]
    lines = ["| " + " | ".join(shown) + " |", "|" + "---|" * len(shown)]
    return "\n".join([*lines, *("| " + " | ".join(cell(row.get(name)) for name in shown) + " |" for row in rows)])


def sample(manifest: StageManifest, store: Store, rows: int) -> list[dict[str, Any]]:
    """Return the first records of a stage."""
    for file in manifest.files:
        with pq.ParquetFile(store.local(file.key)) as parquet:
            return list(next(parquet.iter_batches(rows)).to_pylist())
    return []


def cell(value: Any) -> str:
    """Return a value as text that cannot break a Markdown table, cut to a readable length."""
    text = "" if value is None else str(value)
    text = text if len(text) <= _CELL_CHARS else f"{text[:_CELL_CHARS]}…"
    text = _LONG_WORD.sub("\\g<0>\u200b", text)
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("<", "&lt;")
    return re.sub(r"\s*\n\s*", " ⏎ ", escaped)
