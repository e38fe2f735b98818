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
from flows.cluster import check_runner
from flows.temporary_server import ServerError
from quality.compare import AIMS
from quality.suites.run import warm_up
from tasks.core.document import parse_yaml
from tasks.core.errors import RecipeError, UserError, choices
from tasks.core.method import get_method
from tasks.core.settings import settings
from tasks.publish import release_claim
from tasks.split import texts_of
from tasks.stores.upload import claim_place, url_of


def run_pipeline(
    path: Path, out: Path | None, seed: int | None, overrides: tuple[str, ...], *, resume: bool, overwrite: bool
) -> None:
    """Run a recipe as a flow and print the dataset it made. The recipe is checked before Prefect is even loaded."""
    checked = check(read_recipe(path, seed, overrides), path.parent)
    arguments = {
        "recipe": str(path),
        "out": url_of(out or "") or str(out or Path("out") / checked.recipe.name),
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
    amount: Mapping[str, int | str | None],
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
        "out": url_of(out) or str(out),
        "seed": seed or 0,
        "base": str(base),
        "overrides": list(overrides),
    }
    checked = check(one_method(**{k: v for k, v in arguments.items() if k not in {"out", "base"}}), base)
    arguments |= {"resume": resume, "overwrite": overwrite}
    made = _run(f"flows.{method.family}", method.family, arguments, checked)
    show.outcome(made, "methods --json")


def run_compare(
    seeds: str,
    methods: str,
    out: Path,
    count: int,
    params: str,
    weights: str,
    engine: str | None,
    seed: int | None,
    text_column: str | None,
    *,
    overwrite: bool,
) -> None:
    """Compare methods on the same seeds and print the report. The seeds are looked at before Prefect is even loaded."""
    names = [get_method(name.strip()).name for name in methods.split(",") if name.strip()]
    if not names:
        raise RecipeError("--methods names no method, e.g. --methods eda,ngram")
    values, _base = read_params(params)
    arguments = {
        "seeds": seeds,
        "methods": names,
        "count": count,
        "params": values,
        "engine": engine,
        "out": str(out),
        "seed": seed or 0,
        "overwrite": overwrite,
        "text_column": text_column,
        **read_weights(weights),
    }
    texts_of(seeds, text_column)
    made = _flow("flows.compare", "compare", arguments)
    sys.stdout.write((out / "README.md").read_text(encoding="utf-8"))
    sys.stdout.write(f"\nbest: {made['best']}; the figures are in {out / 'compare.json'}\n")


def read_weights(text: str) -> dict[str, float]:
    """Return the weights of `--weights`, by aim; RecipeError names the wrong one and the choices."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        aim, _, value = part.partition("=")
        if aim not in AIMS:
            raise RecipeError(f"--weights: unknown aim '{aim}'{choices(aim, AIMS)}")
        try:
            found[aim] = float(value)
        except ValueError:
            raise RecipeError(f"--weights: '{part}' is not AIM=NUMBER, e.g. {aim}=2") from None
    return found


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
    """Run a flow in this process; OUT is claimed first, so that a folder that will not do is said at once."""
    check_runner(settings().runner, settings().dask_address)
    out, _ = claim_place(
        arguments["out"], identity(checked), resume=arguments["resume"], overwrite=arguments["overwrite"]
    )
    try:
        return _flow(module, name, arguments)
    except (UserError, ServerError):
        release_claim(out)
        raise
    except KeyboardInterrupt:
        # Said here: typer would end the process on its own, without a word.
        sys.stderr.write("\ntilth: stopped; the same command goes on where it was\n")
        sys.exit(130)


def _flow(module: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Start a server where none is named, import Prefect and the flow beside it, and run the flow.

    Heartbeats are off: joining their thread takes a second, and somebody watches this process.
    """
    server = orchestrator.start_server()
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    flow: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), name)
    # Great Expectations takes 2-4 s to import, the server 3 to start, in a process of its own.
    Thread(target=_warm_up, daemon=True).start()
    if server:
        server.wait()
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        return flow(**arguments)


def _warm_up() -> None:
    """Import what the run will import."""
    for module in ("prefect.flow_engine", "prefect.task_engine", "fastapi.encoders"):
        importlib.import_module(module)
    warm_up()
