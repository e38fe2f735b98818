"""What `tilth run` and `tilth generate` do: check, get Prefect ready, run the flow, show what came out."""

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

from flows import orchestrator, show
from flows.check import Checked, check, identity, one_method, read_recipe
from quality.suites.run import warm_up
from tasks.core.document import parse_yaml
from tasks.core.errors import RecipeError, UserError
from tasks.core.method import get_method
from tasks.publish import claim, release_claim


def run_pipeline(
    path: Path, out: Path | None, seed: int | None, overrides: tuple[str, ...], *, resume: bool, overwrite: bool
) -> None:
    """Run a recipe as a flow and print the dataset it made. The recipe is checked before Prefect is even loaded."""
    checked = check(read_recipe(path, seed, overrides), path.parent)
    arguments = {
        "recipe": str(path),
        "out": str(out or Path("out") / checked.recipe.name),
        "seed": seed,
        "overrides": list(overrides),
        "resume": resume,
        "overwrite": overwrite,
    }
    first = checked.recipe.stages[0]
    again = f"run {path} --set stages.{first.name}.{'count' if first.count else 'per_seed'}=10 --out out/small"
    show.outcome(_run("flows.pipeline", "pipeline", arguments, checked), again)


def run_method(
    name: str,
    out: Path,
    seeds: str | None,
    params: str,
    amount: Mapping[str, int | None],
    seed: int | None,
    overrides: tuple[str, ...],
    *,
    resume: bool,
    overwrite: bool,
) -> None:
    """Run one method as the flow of its family and print the dataset it made."""
    method = get_method(name)
    values, base = read_params(params)
    arguments = {
        "method": method.name,
        "params": values,
        **amount,
        "seeds": seeds,
        "out": str(out),
        "seed": seed or 0,
        "base": str(base),
        "overrides": list(overrides),
    }
    checked = check(one_method(**{k: v for k, v in arguments.items() if k not in {"out", "base"}}), base)
    arguments |= {"resume": resume, "overwrite": overwrite}
    made = _run(f"flows.{method.family}", method.family, arguments, checked)
    show.outcome(made, "methods --json")


def read_params(text: str) -> tuple[dict[str, Any], Path]:
    """Return the params of `--params` and the folder that paths in them start from: JSON, or @FILE in JSON or YAML."""
    name, base = "--params", Path()
    if text.startswith("@"):
        path = Path(text[1:])
        name, base = path.name, path.parent
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise RecipeError(f"cannot read params file '{path}': {getattr(exc, 'strerror', None) or exc}") from exc
    if name == "--params" or name.endswith(".json"):
        try:
            values = json.loads(text)
        except ValueError as exc:
            raise RecipeError(f"{name} is not JSON: {exc}; to read a file write --params @FILE") from exc
    else:
        values = parse_yaml(text, name)
    if not isinstance(values, dict):
        raise RecipeError(f"{name} must be an object of params; it is {type(values).__name__}")
    return values, base


def _run(module: str, name: str, arguments: dict[str, Any], checked: Checked) -> dict[str, Any]:
    """Run a flow in this process; OUT is claimed first, so that a folder that will not do is said at once.

    Heartbeats are off: joining their thread takes a second, and somebody watches this process.
    """
    out = Path(arguments["out"])
    claim(out, identity(checked), resume=arguments["resume"], overwrite=arguments["overwrite"])
    orchestrator.prepare()
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    flow: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), name)
    # Great Expectations takes 3-4 s to import and the ephemeral server 4-6 s to start, in a process of its own.
    Thread(target=warm_up, daemon=True).start()
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        try:
            return flow(**arguments)
        except UserError:
            release_claim(out)
            raise
        except KeyboardInterrupt:
            # Said here: typer would end the process on its own, without a word.
            sys.stderr.write("\ntilth: stopped; the same command goes on where it was\n")
            sys.exit(130)
