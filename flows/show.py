"""What the commands print."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.core.listing import FAMILIES, listed

if TYPE_CHECKING:
    from tasks.core.method import Method

_TEXT_CHARS = 150


def show_methods(*, as_json: bool) -> None:
    """Print the methods, one a line; as JSON with the schema of their params."""
    if as_json:
        from tasks.core.method import methods

        sys.stdout.write(json.dumps([_as_json(method) for method in methods().values()], indent=2) + "\n")
        return
    table = _table("method", "family", "what it makes")
    own = {m.name: (f"{m.name}@{m.version}", m.family, m.summary) for m in listed()}
    others = {m.name: (m.id, m.family, m.summary) for m in _of_packages()}
    for row in sorted([*own.values(), *others.values()], key=lambda row: (FAMILIES.index(row[1]), row[0])):
        table.add_row(*row)
    Console(markup=False).print(table)


def _table(*names: str) -> Table:
    """Return a table whose last column takes the lines it needs; the others are never cut."""
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=name != names[-1], overflow="fold")
    return table


def _of_packages() -> list["Method"]:
    """Return the methods of other packages; these alone are imported."""
    if not entry_points(group="tilth.methods"):
        return []
    from tasks.core.method import get_method

    return [get_method(entry.name) for entry in entry_points(group="tilth.methods")]


def methods_markdown() -> str:
    """Return the table of methods that the README shows."""
    from tasks.core.method import methods

    lines = ["| method | family | what it makes | source |", "|---|---|---|---|"]
    lines += [f"| `{m.id}` | {m.family} | {m.summary} | {m.source} |" for m in methods().values()]
    return "\n".join(lines)


def _as_json(method: "Method") -> dict[str, Any]:
    return {
        "name": method.name,
        "version": method.version,
        "family": method.family,
        "summary": method.summary,
        "source": method.source,
        "gives": list(method.gives),
        "keeps": list(method.keeps),
        "params": method.params.model_json_schema(),
    }


def show_schema() -> None:
    """Print the JSON Schema of a recipe."""
    sys.stdout.write(recipe_schema())


def recipe_schema() -> str:
    """Return the JSON Schema of a recipe, as it lies in `deployments/recipes/recipe.schema.json`."""
    from tasks.core.recipe import Recipe

    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Recipe.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _NoPandas(MetaPathFinder):
    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)


@contextmanager
def _lightly() -> Iterator[None]:
    """Hide pandas from Arrow in a process that only checks: Arrow imports it to look at its first Python list.

    That takes a tenth of a second, and pydantic's look for plugins among all installed packages another fiftieth. A
    process that has loaded Prefect is not the command alone, and may need both.
    """
    hidden = _NoPandas()
    if not {"pandas", "prefect", "pydantic", "pytest"} & sys.modules.keys():
        sys.meta_path.insert(0, hidden)
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        yield
    finally:
        if hidden in sys.meta_path:
            sys.meta_path.remove(hidden)


def show_check(path: Path, overrides: tuple[str, ...]) -> None:
    """Check a recipe and print what it would do."""
    with _lightly():
        from flows.check import check, read_recipe

        checked = check(read_recipe(path, None, overrides), path.parent)
    table = _table("stage", "method", "records", "possible", "from")
    for staged in checked.stages:
        stage, capacity = staged.stage, staged.capacity
        amount = f"{stage.count:,}" if stage.count else f"{stage.per_seed} a seed"
        possible = "-" if capacity is None else f"{capacity:,}" if capacity < 10**9 else f"{capacity:.1e}"
        table.add_row(stage.name, staged.method.id, amount, possible, ", ".join(stage.inputs) or "-")
    Console(markup=False).print(table)
    released = ", ".join(checked.recipe.published)
    sys.stdout.write(f"{path}: nothing is wrong with it; it releases {released}\n")


def outcome(result: dict[str, Any], again: str) -> None:
    """Print where the dataset is, its counts, five rows, and what to type next; `again` is a command worth typing."""
    console = Console(soft_wrap=True, markup=False)
    table = _table("stage", "drawn", "accepted", "rejected", "why")
    for stage in result["stages"]:
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in stage["rejected_by_reason"].items())
        counts = (f"{stage[name]:,}" for name in ("seen", "accepted", "rejected"))
        table.add_row(stage["stage"], *counts, reasons or "-")
    console.print(table)
    console.print(Text(f"\n{result['rows']:,} records in {result['out']}", style="bold"))
    for row in result["sample"]:
        text = " ".join(str(row.get("text") or row.get("messages") or row.get("prompt")).split())
        target = f" → {' '.join(row['target'].split())}" if row.get("target") else ""
        line = f"{text}{target}"
        line = line if len(line) <= _TEXT_CHARS else f"{line[: _TEXT_CHARS - 1]}…"
        console.print(Text.assemble((f"  {row.get('stage', '')}  ", "dim"), line))
    console.print("\nNext:")
    load = f"import datasets; print(datasets.load_dataset('{result['out']}', split='train')[0])"
    python, tilth = _typed(Path(sys.executable)), _typed(Path(sys.argv[0]))
    served = (f"make vllm MODEL={folder}" for folder in _served(result))
    for command in (f'{python} -c "{load}"', f"less {result['out']}/README.md", *served, f"{tilth} {again}"):
        console.print(Text(f"  {command}"))


def _served(result: dict[str, Any]) -> Iterator[Path]:
    """Yield the folders of the models that the run trained and that a server can take up."""
    if not result["models"]:
        return
    from tasks.core.method import get_method
    from tasks.train import model_folder

    for stage in result["stages"]:
        if stage["stage"] in result["models"] and get_method(stage["method"]).serves:
            yield model_folder(result["models"][stage["stage"]]["key"])


def _typed(program: Path) -> str:
    """Return a program as one would type it here: its name where the path finds it, else its place."""
    if shutil.which(program.name) == str(program.absolute()):
        return program.name
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)


if __name__ == "__main__":
    sys.stdout.write(methods_markdown() + "\n")
