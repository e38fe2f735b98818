"""What orchestration costs: Prefect's share of a run, from event to flow, ingest, the start of a machine, Dask.

Each part starts what it needs (server, PostgreSQL and Redis, workers, Dask) and stops it. TILTH_BENCH_RECORDS makes the
recipe smaller than its million records.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial as partial_of
from pathlib import Path
from random import Random
from uuid import uuid4

import yaml

from tests.bench.ingest import RATE, ingest
from tests.bench.measure import Row
from tests.integration.machine import Machine, machine
from tests.soak.cluster import REDIS
from tests.soak.postgres import free_port, postgres

RECORDS = int(os.environ.get("TILTH_BENCH_RECORDS", "1000000"))
SEEDS = Path(__file__).resolve().parents[2] / "deployments" / "recipes" / "quickstart" / "seeds" / "tickets.jsonl"
_SHARDS = 100
_EVENTS = 20
_INGEST = "ingest on {}, task runs/s, {} told a second"
TICKET = {
    "template": "Order {{ number }} of {{ day }} July: the {{ thing }} shows error {{ code }} since {{ since }}.",
    "slots": {
        "number": {"range": [10_000, 9_999_999]},
        "day": {"range": [1, 31]},
        "thing": ["router", "mesh node", "kettle", "oven", "camera"],
        "code": {"range": [100, 599]},
        "since": ["Monday", "Tuesday", "the update", "I restarted it"],
    },
}
ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{8}$"},
        "total": {"type": "number", "minimum": 1, "maximum": 900},
        "lines": {"type": "array", "minItems": 1, "maxItems": 5, "items": {"type": "integer"}},
        "paid": {"type": "boolean"},
    },
    "required": ["id", "total", "lines", "paid"],
}


def bench() -> Iterator[Row]:
    """Yield the rows, each part on a machine of its own."""
    with _machine() as own:
        yield _row("`up`, seconds until every worker looks for runs", _up_seconds(own), "≤ 30")
        yield _share(own, "SQLite", recipe, RECORDS)
        yield _share(own, "SQLite", augmented, RECORDS)
        yield _row(_INGEST.format("SQLite", RATE), ingest(own), "≥ 200")
    with _machine(production=True) as own:
        yield _share(own, "PostgreSQL", recipe, RECORDS)
        yield _row(_INGEST.format("PostgreSQL and Redis", RATE), ingest(own), "≥ 200")
        one = [_event_seconds(own, 1)[0] for _ in range(5)]
        yield _row("event → flow body, p50, seconds", statistics.median(one), "≤ 4")
        yield _row(f"{_EVENTS} events at once → the last flow body, seconds", max(_event_seconds(own, _EVENTS)), "≤ 20")
    one, two = _dask_seconds(1), _dask_seconds(2)
    what, ratio = "500,000 texts of a VAE, two Dask workers; peer one, seconds", round(one / two, 2)
    yield Row(what=what, ours=round(two, 1), peer=round(one, 1), ratio=ratio, asked="≥ 1.6×")


def _row(what: str, value: float, asked: str) -> Row:
    return Row(what=what, ours=round(value, 2), peer=None, ratio=None, asked=asked)


@contextmanager
def _machine(*, production: bool = False) -> Iterator[Machine]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tilth-bench-")))
        more = {}
        if production:
            port = free_port()
            words = [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
            broker = stack.enter_context(subprocess.Popen(words, stdout=subprocess.DEVNULL))
            stack.callback(broker.terminate)
            more["TILTH_DATABASE_URL"] = stack.enter_context(postgres(free_port()))
            more["TILTH_REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        yield stack.enter_context(machine(folder, **more))


def _up_seconds(own: Machine) -> float:
    """Return what `up` said of itself; its process starts in another second."""
    return float(own.said.split(" after ")[1].split(" s:")[0])


def recipe(folder: Path, records: int) -> Path:
    """Write a recipe of two stages of a hundred shards, one of a template and one of a schema; return its path."""
    half, rows = records // 2, max(records // 2 // _SHARDS, 1)
    stages = [
        {"name": "tickets", "method": "template", "params": TICKET, "rules": ["too_short"]},
        {"name": "orders", "method": "json_schema", "params": {"schema": ORDER}, "rules": ["too_short"]},
    ]
    value = {"name": "million", "stages": [{**s, "count": half, "shard_rows": rows} for s in stages]}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**value, "release": {"docs": False}}, sort_keys=False), encoding="utf-8")
    return path


def augmented(folder: Path, records: int) -> Path:
    """Write a recipe of two stages of a hundred shards, both of texts that take work; return its path.

    Its seeds are 20,000 texts of three sentences each out of the quickstart's tickets.
    """
    said, draw = _sentences(), Random(7)
    _write_seeds(folder, [". ".join(draw.sample(said, 3)) for _ in range(20_000)])
    half, rows = records // 2, max(records // 2 // _SHARDS, 1)
    stages = [
        {"name": how, "method": "eda", "inputs": ["tickets"], "rules": ["duplicate"], "params": {"operations": how}}
        for how in ("turn", "random")
    ]
    value = {"name": "reworded", "seeds": {"tickets": {"path": "seeds.jsonl"}}, "release": {"docs": False}}
    value["stages"] = [{**stage, "count": half, "shard_rows": rows} for stage in stages]
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
    return path


def decoded(folder: Path, name: str, records: int) -> Path:
    """Write a recipe of a hundred shards of what a variational autoencoder says, all of it work; return its path."""
    _write_seeds(folder, _sentences())
    params = {"hidden": 128, "latent": 16, "max_steps": 380, "min_count": 2, "max_words": 40}
    stage = {"name": "sentences", "method": "vae", "inputs": ["tickets"], "params": params, "rules": ["duplicate"]}
    stage |= {"count": records, "shard_rows": records // _SHARDS}
    value = {"name": name, "seeds": {"tickets": {"path": "seeds.jsonl"}}, "stages": [stage]}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**value, "release": {"docs": False}}, sort_keys=False), encoding="utf-8")
    return path


def _sentences() -> list[str]:
    return [s for line in SEEDS.read_text("utf-8").splitlines() for s in json.loads(line)["text"].split(". ")]


def _write_seeds(folder: Path, texts: list[str]) -> None:
    lines = [json.dumps({"text": text}) for text in texts]
    (folder / "seeds.jsonl").write_text("\n".join(lines), encoding="utf-8")


def _share(own: Machine, database: str, write: Callable[[Path, int], Path], records: int) -> Row:
    """Return the seconds of a run with Prefect, and of the same steps called without it: the better of two, in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write(folder, records)
        turns = [
            {how: _run_seconds(own, how, path, folder / f"{how}-{turn}") for how in ("with_prefect", "without_prefect")}
            for turn in range(2)
        ]
    ours, plain = (min(took[how] for took in turns) for how in ("with_prefect", "without_prefect"))
    kind = "templates and JSON" if write is recipe else "augmented texts"
    what = f"{records:,} {kind} in {2 * _SHARDS} shards, Prefect on {database} against plain calls, seconds"
    return Row(what=what, ours=round(ours, 1), peer=round(plain, 1), ratio=round(ours / plain, 2), asked="≤ 1.05×")


def _run_seconds(own: Machine, how: str, path: Path, place: Path) -> float:
    code = f"import sys; from tests.bench.bench_orchestration import {how}; {how}(*sys.argv[1:])"
    environment = {**own.environment, "PREFECT_API_URL": f"{own.ui}/api", "TILTH_HOME": str(place / "home")}
    words = [sys.executable, "-c", code, str(path), str(place / "out")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def with_prefect(path: str, out: str) -> None:
    """Run a recipe as the flow and print the seconds of it."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.pipeline import pipeline
    from quality.suites.run import warm_up

    warm_up()
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        began = time.monotonic()
        pipeline(recipe=path, out=out)
    print(time.monotonic() - began)


def without_prefect(path: str, out: str) -> None:
    """Run the same steps of a recipe as plain functions on as many threads, and print the seconds of it."""
    from flows.check import check, identity, read_recipe
    from flows.shard import make_shard
    from flows.stage import StageRun
    from flows.steps import checkpoint, load_seeds, release
    from quality.checkpoint import split_rules
    from quality.suites.run import warm_up
    from tasks.core.settings import settings
    from tasks.publish import claim, publish
    from tasks.readers.shards import SeedManifest
    from tasks.stores.local import LocalStore

    warm_up()
    began, store = time.monotonic(), LocalStore(settings().work)
    checked = check(read_recipe(Path(path), None, ()), Path(path).parent)
    partial = claim(Path(out), identity(checked), resume=True, overwrite=False)
    made, gates, base = [], [], str(Path(path).parent)
    seeds = {
        name: SeedManifest.from_json(
            _quiet(load_seeds)(checked.recipe.name, name, source.model_dump(mode="json"), base)
        )
        for name, source in checked.recipe.seeds.items()
    }
    with ThreadPoolExecutor(settings().workers) as pool:
        for staged in checked.stages:
            gate = checked.gates[staged.stage.name]
            alone, across = split_rules(gate.rules)
            rules = tuple((rule.id, params.model_dump(mode="json")) for rule, params in alone)
            by = across[0][1].by if across else None
            given = seeds[staged.stage.inputs[0]] if staged.stage.inputs else None
            run = StageRun(staged, checked.recipe.name, checked.recipe.seed, given, rules, by, store)
            one = partial_of(make_shard, seeds=given, store=store)
            made.append(run.run(lambda jobs, one=one: pool.map(one, jobs)))
            keys = [file.key for file in made[-1].files]
            gates.append(_quiet(checkpoint)(checked.recipe.name, staged.stage.name, keys, gate.suite))
    done = _quiet(release)(checked.recipe.name, checked, made, gates, seeds, {}, partial, "")
    publish(Path(out), identity(checked), done["state"])
    print(time.monotonic() - began)


def _quiet(step):
    """Return the plain function of a task, its log line going nowhere: there is no run to log to."""
    from prefect.logging import disable_run_logger

    def called(*given):
        with disable_run_logger():
            return step.fn(*given)

    return called


def _event_seconds(own: Machine, count: int) -> list[float]:
    """Return the seconds from each of `count` events, sent at once, to the start of its run's flow."""
    names = {f"file:///nowhere/{uuid4().hex}.jsonl" for _ in range(count)}
    sent = datetime.now(UTC)
    own.ask("POST", "/events", [_landed(name, sent) for name in sorted(names)])
    found: dict[str, float] = {}
    deadline = time.monotonic() + 300
    while len(found) < count and time.monotonic() < deadline:
        time.sleep(0.5 if count == 1 else 3)  # the start times are the server's; to ask it often slows it down
        runs = own.ask("POST", "/flow_runs/filter", {"flows": {"name": {"any_": ["seeds"]}}, "limit": 200})
        for run in runs:
            (uri,) = run["parameters"].get("uris") or [""]
            if uri in names and run["start_time"]:
                found[uri] = (datetime.fromisoformat(run["start_time"]) - sent).total_seconds()
    if len(found) < count:
        raise TimeoutError(f"{len(found)} of {count} events started a run in 300 s")
    return list(found.values())


def _landed(uri: str, at: datetime) -> dict[str, object]:
    resource = {"prefect.resource.id": f"tilth.bench.{uri.rpartition('/')[2]}"}
    payload = {"uris": [uri]}
    return {"event": "tilth.seeds.landed", "id": str(uuid4()), "occurred": at.isoformat(), "resource": resource} | {
        "payload": payload
    }


def _dask_seconds(workers: int) -> float:
    """Return the seconds of the shards of a CPU-bound recipe on this many Dask workers of one thread each.

    They have made shards of this kind before: what is measured is a cluster that stands, not its imports.
    """
    from tests.flows.dask_cluster import dask_cluster

    with tempfile.TemporaryDirectory() as name, machine(Path(name)) as own:
        folder = Path(name)
        environment = {**own.environment, "PREFECT_API_URL": f"{own.ui}/api", "TILTH_HOME": str(folder / "work")}
        environment["OMP_NUM_THREADS"] = "1"  # as Dask sets it for the workers that its nannies start
        with dask_cluster(folder, workers, environment) as address:
            given = {**environment, "TILTH_RUNNER": "dask", "TILTH_DASK_ADDRESS": address}
            for recipe, records in (("earlier", RECORDS // 50), ("decoded", RECORDS // 2)):
                path = decoded(folder, recipe, records)
                command = [sys.executable, "-c", "from flows.cli import main; main()", "run", str(path), "--out"]
                subprocess.run([*command, str(folder / recipe)], env=given, check=True, capture_output=True)
        runs = sorted(_shard_times(own, "decoded"))
        return max(end for _, end in runs) - runs[0][0]


def _shard_times(own: Machine, recipe: str) -> list[tuple[float, float]]:
    """Return when each task run of shards began and ended, once the server has written down the recipe's last one."""
    deadline, last, found = time.monotonic() + 60, [], []
    while not last and time.monotonic() < deadline:
        asked = {"task_runs": {"name": {"like_": f"{recipe} ·"}}, "limit": 200}
        runs = [run for run in own.ask("POST", "/task_runs/filter", asked) if run["end_time"]]
        last, found = ([run for run in runs if part in run["name"]] for part in ("release", "shard"))
    return [tuple(datetime.fromisoformat(run[key]).timestamp() for key in ("start_time", "end_time")) for run in found]


if __name__ == "__main__":
    for line in bench():
        print(json.dumps(line, ensure_ascii=False), flush=True)
