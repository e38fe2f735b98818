"""The command line, thin over the flows.

Exit codes: 0 done, 2 the input is wrong, 3 a gate stopped the run, 1 a bug.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="tilth",
    help="Grow training data for language models out of seed data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

RecipeArgument = Annotated[Path, typer.Argument(help="recipe file (YAML)", metavar="RECIPE")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="change one value of the recipe, e.g. stages.cfg.count=100"),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="run seed; default: the recipe's, or 0")]
Resume = Annotated[bool, typer.Option("--resume", help="go on in an OUT that holds a run; finished shards are kept")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace the run that OUT holds")]


@app.command()
def run(
    recipe: RecipeArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder of the dataset; default out/<name of the recipe>")
    ] = None,
    seed: Seed = None,
    overrides: Set = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Run a recipe: seeds in, a validated dataset out."""
    from flows.command import run_pipeline

    run_pipeline(recipe, out, seed, tuple(overrides or ()), resume=resume, overwrite=overwrite)


@app.command()
def check(recipe: RecipeArgument, overrides: Set = None) -> None:
    """Check a recipe whole, without making anything."""
    from flows.show import show_check

    show_check(recipe, tuple(overrides or ()))


@app.command()
def methods(
    *, as_json: Annotated[bool, typer.Option("--json", help="with the JSON Schema of every method's params")] = False
) -> None:
    """List the methods there are."""
    from flows.show import show_methods

    show_methods(as_json=as_json)


@app.command()
def generate(
    method: Annotated[
        str, typer.Argument(help="method, e.g. cfg or cfg@1; `tilth methods` lists them", metavar="METHOD")
    ],
    out: Annotated[Path, typer.Option("--out", help="folder of the dataset")],
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="seeds: a file, a folder, or hf://name", metavar="PATH")
    ] = None,
    params: Annotated[
        str, typer.Option("--params", help="params as JSON, or @FILE (JSON or YAML)", metavar="JSON|@FILE")
    ] = "{}",
    count: Annotated[int | None, typer.Option("--count", help="accepted records to make", metavar="N")] = None,
    per_seed: Annotated[
        int | None, typer.Option("--per-seed", help="draws a seed, in the seeds' order", metavar="K")
    ] = None,
    seed: Seed = None,
    overrides: Set = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Run one method without a recipe; the same release."""
    from flows.command import run_method

    amount = {"count": count, "per_seed": per_seed}
    run_method(method, out, seeds, params, amount, seed, tuple(overrides or ()), resume=resume, overwrite=overwrite)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a recipe, for editors."""
    from flows.show import show_schema

    show_schema()


@app.command()
def doctor() -> None:
    """Say what is installed, what is not, and what that disables."""
    from flows.doctor import show_doctor

    show_doctor()


def main() -> None:
    """Run the command line; turns every error of ours into one line and its exit code."""
    from tasks.core.errors import TilthError

    try:
        app()
    except TilthError as exc:
        sys.stderr.write(f"tilth: {exc}\n")
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\ntilth: stopped; the same command goes on where it was\n")
        sys.exit(130)
