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
    estimate: Annotated[
        bool, typer.Option("--estimate", help="print requests, tokens, money and time, and run nothing")
    ] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="with --estimate: measure by five real requests a stage; the run uses them")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="with --estimate: as JSON")] = False,
) -> None:
    """Run a recipe: seeds in, a validated dataset out."""
    if estimate:
        from flows.estimate import show_estimate

        show_estimate(recipe, seed, tuple(overrides or ()), as_json=as_json, probe=probe)
        return
    if probe or as_json:
        from tasks.core.errors import UserError

        raise UserError(f"{'--probe' if probe else '--json'} goes with --estimate")
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
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="what answers prompts: http(s)://HOST/v1[#MODEL], a model's folder, embedded"),
    ] = None,
    seed: Seed = None,
    overrides: Set = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Run one method without a recipe; the same release."""
    from flows.command import run_method

    amount = {"count": count, "per_seed": per_seed, "engine": engine}
    run_method(method, out, seeds, params, amount, seed, tuple(overrides or ()), resume=resume, overwrite=overwrite)


@app.command()
def answers(
    digest: Annotated[str | None, typer.Argument(help="show one answer whole: the start of its digest")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    prune_days: Annotated[
        int | None, typer.Option("--prune-days", min=0, help="delete answers older than this many days", metavar="N")
    ] = None,
) -> None:
    """List what the answer log holds: answers, tokens and cost by engine."""
    from flows.answers import show_answers

    show_answers(digest, as_json=as_json, prune_days=prune_days)


landed = typer.Typer(help="List what landed and what became of it; `landed retry ID` runs it again.")
app.add_typer(landed, name="landed", invoke_without_command=True)


@landed.callback()
def _landed(
    context: typer.Context,
    *,
    state: Annotated[str | None, typer.Option("--state", help="only what is in this state")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, with every time and URI")] = False,
) -> None:
    if context.invoked_subcommand is None:
        from flows.landed import show_landed

        show_landed(state, as_json=as_json)


@landed.command()
def retry(ids: Annotated[list[str], typer.Argument(help="ids as `tilth landed` lists them", metavar="ID...")]) -> None:
    """Run contents again that were rejected or failed."""
    from flows.landed import retry_landed

    retry_landed(ids)


@app.command()
def compare(
    seeds: Annotated[str, typer.Option("--seeds", help="seeds: a file, a folder, or hf://name", metavar="PATH")],
    methods: Annotated[str, typer.Option("--methods", help="methods, a comma between them", metavar="A,B,C")],
    out: Annotated[Path, typer.Option("--out", help="folder of the report and of each method's dataset")],
    count: Annotated[int, typer.Option("--count", min=1, help="accepted records that each makes", metavar="N")] = 500,
    params: Annotated[
        str, typer.Option("--params", help="method → params, as JSON or @FILE", metavar="JSON|@FILE")
    ] = "{}",
    weights: Annotated[
        str, typer.Option("--weights", help="what matters, e.g. quality=2,cost=0", metavar="AIM=W,...")
    ] = "",
    engine: Annotated[str | None, typer.Option("--engine", help="what answers prompts")] = None,
    seed: Seed = None,
    text_column: Annotated[
        str | None, typer.Option("--text-column", help="column of the seeds that holds the texts", metavar="NAME")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Run methods on the same seeds and measure them side by side."""
    from flows.command import run_compare

    run_compare(seeds, methods, out, count, params, weights, engine, seed, text_column, overwrite=overwrite)


@app.command()
def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="runs to list", metavar="N")] = 20,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """List the latest runs with their counts."""
    from flows.runs import show_runs

    show_runs(limit, as_json=as_json)


@app.command()
def gc(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
    days: Annotated[float, typer.Option("--days", min=0, help="age since the last use, in days", metavar="N")] = 30,
    answers_days: Annotated[
        float, typer.Option("--answers-days", min=0, help="age of answers that no kept record names", metavar="N")
    ] = 90,
    max_gb: Annotated[
        float | None, typer.Option("--max-gb", min=0, help="delete the oldest beyond this size", metavar="GB")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Delete what no release and no recent run needs."""
    from flows.gc import show_gc

    show_gc(dry_run=dry_run, days=days, answers_days=answers_days, max_gb=max_gb, as_json=as_json)


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
    import atexit
    import gc

    from flows.collector import collect_rarely
    from tasks.core.errors import TilthError

    collect_rarely()
    atexit.register(gc.freeze)  # at the end it would look through all that is imported three times more
    try:
        app()
    except TilthError as exc:
        sys.stderr.write(f"tilth: {exc}\n")
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\ntilth: stopped; the same command goes on where it was\n")
        sys.exit(130)
