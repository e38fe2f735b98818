"""The commands as a user types them: their start, the whole of `tilth generate`, and its memory."""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Row, row

TEMPLATE = {
    "template": "The {{ product }} of customer {{ number }} shows a {{ colour }} light since {{ day }}.",
    "slots": {
        "product": ["router", "mesh node", "kettle", "oven", "camera", "doorbell"],
        "number": {"range": [1, 10_000_000]},
        "colour": ["red", "green", "amber", "white"],
        "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
    },
}
ONE_STAGE = """
name: one
stages:
  - {name: said, method: cfg, params: {grammar: "S -> 'a' S | 'b'", max_depth: 40}, count: 20}
"""
RECIPE = Path("deployments/recipes/quickstart/recipe.yaml")


def bench() -> Iterator[Row]:
    """Yield the rows: starts in seconds, then rates, then the ratio of peaks of memory in MB."""
    yield from starts()
    peer = jinja2_seconds(1_000_000)
    # Each start of Prefect's server takes its own time: the quickest of three on both sides.
    base = min(generate(1_000)[0] for _ in range(3))
    runs = [generate(1_000_000) for _ in range(3)]
    whole, peak = min(seconds for seconds, _ in runs), max(memory for _, memory in runs)
    yield row("`tilth generate template`, 1M records, above 1k", 1_000_000 / (whole - base), 1_000_000 / peer, "2×")
    _, peak_10m = generate(10_000_000)
    yield Row(
        what="peak memory, 10M template records against 1M, MB",
        ours=peak_10m,
        peer=peak,
        ratio=round(peak_10m / peak, 2),
        asked="≤ 1.3×",
    )


def starts() -> Iterator[Row]:
    """Yield the seconds that the commands take which make nothing: the median of five, after one that is not counted.

    The first run of a command compiles what it imports; where Python is told not to keep that, each would.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "recipe.yaml"
        small.write_text(ONE_STAGE, encoding="utf-8")
        for what, command, limit in (
            ("`tilth --help`", ["--help"], 0.5),
            ("`tilth methods`", ["methods"], 0.7),
            ("`tilth check`, a recipe of one stage", ["check", str(small)], 1.0),
            ("`tilth check`, the quickstart's 21 stages", ["check", str(RECIPE)], 1.0),
        ):
            timed(command)
            seconds = statistics.median(timed(command)[0] for _ in range(5))
            yield Row(what=f"{what}, seconds", ours=round(seconds, 2), peer=None, ratio=None, asked=f"≤ {limit}")


def generate(count: int) -> tuple[float, float]:
    """Return seconds and peak MB of `tilth generate template --count`, one thread, nothing cached."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            "generate",
            "template",
            "--params",
            json.dumps(TEMPLATE),
            "--count",
            str(count),
            "--out",
            f"{folder}/out",
        ]
        return timed(arguments, TILTH_HOME=f"{folder}/home", TILTH_WORKERS="1")


def timed(arguments: list[str], **environment: str) -> tuple[float, float]:
    """Return seconds and peak memory in MB of one command of ours, the largest process of it."""
    code = "import pyarrow; pyarrow.set_cpu_count(1); from flows.cli import main; main()"
    python = [sys.executable, "-c", code] if environment else [str(Path(sys.prefix).with_name(".venv") / "bin/tilth")]
    started = time.perf_counter()
    with open(os.devnull, "w") as null:  # noqa: PTH123
        pid = os.posix_spawn(
            python[0],
            [*python, *arguments],
            {**os.environ, **environment},
            file_actions=[(os.POSIX_SPAWN_DUP2, null.fileno(), 1)],
        )
        _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"tilth {' '.join(arguments)[:80]} failed with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, round(usage.ru_maxrss / 1024)


def jinja2_seconds(count: int) -> float:
    """Return the seconds of a loop that renders as many of the same texts with jinja2 and writes them as JSON lines."""
    import random

    import jinja2

    template = jinja2.Template(TEMPLATE["template"])
    slots, rng = TEMPLATE["slots"], random.Random(0)
    started = time.perf_counter()
    with tempfile.TemporaryFile("w", encoding="utf-8") as out:
        for _ in range(count):
            text = template.render(
                product=rng.choice(slots["product"]),
                number=rng.randint(1, 10_000_000),
                colour=rng.choice(slots["colour"]),
                day=rng.choice(slots["day"]),
            )
            out.write(json.dumps({"text": text}) + "\n")
    return time.perf_counter() - started
