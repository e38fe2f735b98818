"""The dataset card: README.md of a release, with the YAML header that the Hugging Face Hub and `datasets` read."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tasks.core.manifest import StageManifest
from tasks.core.method import get_method
from tasks.core.recipe import Recipe
from tasks.export import LAYOUTS

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_SIZES_ABOVE = ((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"))

_COLUMNS = {
    "id": "xxh3-128 of the content, in hex: same content, same id",
    "kind": "text, chat, pair, preference or structured",
    "text": "the text; of a pair, the question or instruction",
    "messages": "turns of a chat, each with role and content",
    "target": "the answer of a pair",
    "label": "the class, where there is one",
    "spans": "marked words of the text: start, end (characters, end excluded), type",
    "seed_ids": "ids of the seeds that this record was made from",
    "method": "method and version that made it",
    "stage": "stage of the recipe that made it",
    "shard": "number of the shard; with `row` it says where in the stage's random stream the record was drawn",
    "row": "number of the record in its shard",
    "engine": "model that wrote it, where one did",
    "usage": "tokens that it cost, where a model wrote it",
    "extra": "JSON with what only one method writes",
    "prompt": "the question or instruction",
    "completion": "the answer",
    "chosen": "the answer that was preferred",
    "rejected": "an answer to the same prompt that was not",
}

_LOAD = """## Load

```python
import datasets

data = datasets.load_dataset("path/to/this/folder", split="train")
```
"""
_LIMITS = """## Limits

What the methods cannot know, the data does not hold: a template or a grammar says only what its author wrote into it.
Measure the data on your task before you train on it alone.
"""


def card(
    recipe: Recipe,
    stages: Sequence[StageManifest],
    published: Sequence[str],
    stopped: str,
    *,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Return the text of the card; `stopped` is why the run ended early, or empty.

    `notes` are what trainings and methods say of themselves, by stage.
    """
    rows = sum(stage.accepted for stage in stages if stage.stage in published)
    header = yaml.safe_dump(_header(recipe, rows), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{header}---\n",
        f"# {recipe.name}\n",
        f"{recipe.description.strip()}\n" if recipe.description else "",
    ]
    if stopped:
        parts.append(f"> **Incomplete.** The run stopped: {stopped}\n")
    parts += [
        _origin(recipe, rows),
        _LOAD,
        f"## How it was made\n\n{_stages(stages, published)}\n",
        f"Rejected draws are in `rejects/`, with their reason and raw text.\n\n{_rejects(stages)}",
        _notes(notes or {}),
        f"## Columns\n\n{_columns(recipe)}\n",
        f"## Methods\n\n{_methods(stages)}\n",
        _LIMITS,
    ]
    return "\n".join(part for part in parts if part)


def _origin(recipe: Recipe, rows: int) -> str:
    made = f"{rows:,} synthetic records, made by Tilth from recipe `{recipe.name}` with run seed {recipe.seed}"
    if not recipe.seeds:
        return f"{made}, from no seed data at all.\n"
    return f"{made}, out of the seeds {', '.join(f'`{name}`' for name in recipe.seeds)}; `seed_ids` says which.\n"


def _header(recipe: Recipe, rows: int) -> dict[str, Any]:
    size = next((name for limit, name in (*_SIZES, *_SIZES_ABOVE) if rows < limit), "n>1T")
    return {
        "license": recipe.release.license,
        "language": [recipe.release.language],
        "pretty_name": recipe.name,
        "size_categories": [size],
        "tags": ["synthetic", "tilth"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/*.parquet"}]}],
    }


def _stages(stages: Sequence[StageManifest], published: Sequence[str]) -> str:
    lines = ["| stage | method | drawn | accepted | rejected | failed | released |", "|---|---|--:|--:|--:|--:|---|"]
    for stage in stages:
        row = stage.conservation()
        released = "yes" if stage.stage in published else "no"
        lines.append(
            f"| {stage.stage} | {stage.method} | {row['seen']:,} | {row['accepted']:,} | {row['rejected']:,} "
            f"| {row['failed']:,} | {released} |"
        )
    return "\n".join(lines) + "\n"


def _rejects(stages: Sequence[StageManifest]) -> str:
    rows = [(stage.stage, reason, n) for stage in stages for reason, n in stage.rejected.items()]
    if not rows:
        return ""
    lines = ["| stage | reason | records |", "|---|---|--:|", *(f"| {s} | {r} | {n:,} |" for s, r, n in rows)]
    return "\n".join(lines) + "\n"


def _notes(notes: Mapping[str, Sequence[str]]) -> str:
    said = [f"- `{stage}`: {line}" for stage, lines in notes.items() for line in lines]
    return "\n".join(["## What the stages say", "", *said]) + "\n" if said else ""


def _columns(recipe: Recipe) -> str:
    names = LAYOUTS[recipe.release.layout]
    return "\n".join(["| column | what it holds |", "|---|---|", *(f"| {n} | {_COLUMNS[n]} |" for n in names)]) + "\n"


def _methods(stages: Sequence[StageManifest]) -> str:
    found = {stage.method: get_method(stage.method) for stage in stages}
    return "\n".join(f"- `{name}`: {m.summary}. {m.source}".rstrip() for name, m in sorted(found.items())) + "\n"
