"""The embedded model: how many of its answers the llm methods and the default row rules let through, and its training.

`python -m tests.bench.bench_embedded` prints the table by method. Every answer is one of the real engine to a real
rollout on the quickstart's seeds, at temperature 0.8 unless the method sets its own.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from quality.checkpoint import judge as verdicts
from quality.rule import default_rules
from tasks.core import record
from tasks.core.engine import Engine, Request, TransformersLocal, sampling
from tasks.core.errors import RecordError
from tasks.core.method import get_method
from tasks.core.rollout import Context, RolloutDraw
from tests.bench.measure import Row
from tests.builders import seeds_of

SEEDS = Path(__file__).resolve().parents[2] / "deployments/recipes/quickstart/seeds"
TICKET = {
    "type": "object",
    "properties": {"topic": {"enum": ["fault", "delivery", "billing", "return"]}, "message": {"type": "string"}},
    "required": ["topic", "message"],
}
# What the quickstart does not ask, one of each kind of output: method, params, seeds.
OTHERS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("prompt", {"instruction": "Write a question of a customer and the answer.", "output": "pair"}, "howto"),
    ("prompt", {"instruction": "Write a chat of a customer and the support desk.", "output": "chat"}, "howto"),
    ("prompt", {"instruction": "Write a support ticket.", "output": "structured", "schema": TICKET}, "tickets"),
    ("rephrase", {"styles": "qa"}, "reviews"),
)


@dataclass(slots=True)
class Tally:
    """What became of the rows of a stage."""

    rows: int = 0
    passed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Asked:
    """The generate of a rollout: a seed of its own for each call, no answer that was cut off."""

    engine: Engine
    number: int
    calls: int = 0

    async def __call__(self, request: Request) -> Any:
        self.calls += 1
        own = {"seed": 1_000 * self.number + self.calls} | dict(request.sampling)
        asked = Request(request.prompt, request.messages, sampling(**own), request.schema)
        (answer,) = await self.engine.complete([asked])
        if answer.finish_reason == "length":
            raise RecordError("truncated", raw=answer.text)
        return answer


def quickstart() -> "Stages":
    """Return what the quickstart asks of an engine: (method, params, name of the seeds), a stage each."""
    stages = yaml.safe_load((SEEDS.parent / "llm.yaml").read_text(encoding="utf-8"))["stages"]
    asking = [stage for stage in stages if get_method(stage["method"]).rollout]
    # What judges another stage's records judges seeds here.
    sources = [stage["inputs"][0] if stage["inputs"][0] in ("tickets", "howto") else "howto" for stage in asking]
    return tuple((stage["method"], stage["params"], at) for stage, at in zip(asking, sources, strict=True))


def quickstart_seeds(name: str) -> pa.RecordBatch:
    """Return seeds of the quickstart."""
    lines = (SEEDS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return seeds_of([json.loads(line) for line in lines])


def tally(engine: Engine, stage: tuple[str, dict[str, Any], str], draws: int) -> Tally:
    """Return what became of the rows of so many draws of a stage."""
    name, values, source = stage
    method = get_method(name)
    params = method.params.model_validate(values)
    seeds = quickstart_seeds(source)
    rows = [row | {"extra": json.loads(row["extra"] or "{}")} for row in seeds.to_pylist()]
    prepared = method.prepare(Context([seeds], (), 11), params)
    each = method.seeds(params) == "each"

    async def one(number: int) -> list[dict[str, Any]]:
        own = partial(np.random.default_rng, [7, number])
        draw = RolloutDraw(number, rows[number % len(rows)] if each else None, prepared, own)
        try:
            return await method.rollout(draw, _Asked(engine, number), params)
        except RecordError as exc:
            return [{"text": exc.raw, "reason": exc.reason}]

    async def all_of_them() -> list[list[dict[str, Any]]]:
        return await asyncio.gather(*(one(number) for number in range(draws)))

    made = [row for rows in asyncio.run(all_of_them()) for row in rows]
    return _judged(made, method.kind)


def _judged(rows: Iterable[Mapping[str, Any]], kind: str) -> Tally:
    found = Tally()
    kept = []
    for row in rows:
        found.rows += 1
        if row.get("reason"):
            found.reasons[row["reason"]] += 1
        else:
            kept.append(row)
        if len(found.samples) < 4:
            found.samples.append(dict(row))
    names = ("text", "messages", "target", "label")
    values = {name: [row.get(name) for row in kept] for name in names}
    batch = record.complete(
        record.columns(kind=[row.get("kind", kind) for row in kept], **values), method="m@1", stage="s", shard=0, row=0
    )
    reasons = verdicts(batch, default_rules()).to_pylist()
    ids = batch.column("id").to_pylist()
    known: set[str] = set()
    for reason, name in zip(reasons, ids, strict=True):
        # The rule across rows, `duplicate`, is the stage's own.
        found.reasons[reason or ("duplicate" if name in known else "")] += 1
        found.passed += reason is None and name not in known
        known.add(name)
    return found


Stages = tuple[tuple[str, dict[str, Any], str], ...]


def shares(folder: Path, draws: int = 24, stages: Stages = ()) -> Iterator[tuple[str, Tally]]:
    """Yield (stage, what became of its rows) with the model in `folder`; of the quickstart where none are given."""
    from tasks.engines.transformers_local import LocalEngine

    for number, stage in enumerate(stages or quickstart(), 1):
        engine = LocalEngine(TransformersLocal(type="transformers_local", model=str(folder), device="cpu"))
        yield (
            f"{number} {stage[0]} {stage[1].get('output') or stage[1].get('styles') or ''}".strip(),
            tally(engine, stage, draws),
        )
        asyncio.run(engine.close())


def trained(folder: Path) -> tuple[float, float, float]:
    """Train the embedded model into an empty folder; return seconds, CPU seconds and the held-out loss."""
    from tasks.engines import embedded

    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    said = embedded.train(folder)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu, said.figures["held_out_loss"]


def bench() -> Iterator[Row]:
    """Yield what a training takes, and the share of rows that pass with its model, in percent, all stages alike."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, _cpu, _loss = trained(Path(folder))
        yield Row(what="embedded model: trained in s", ours=round(seconds, 1), peer=None, ratio=None, asked="≤ 90 s")
        found = [found.passed / max(1, found.rows) for _, found in shares(Path(folder))]
    share = round(100 * float(np.mean(found)), 1)
    yield Row(what="embedded model: rows that pass, %", ours=share, peer=None, ratio=None, asked="70 %")


def _print(folder: Path, *, samples: bool) -> None:
    for name, stages in (("the quickstart", quickstart()), ("others", OTHERS)):
        passed = []
        for what, one in shares(folder, stages=stages):
            passed.append(one.passed / max(1, one.rows))
            print(f"{what:36} {one.passed:4} of {one.rows:4}  {passed[-1]:6.1%}  {dict(one.reasons)}", flush=True)
            for sample in one.samples if samples else ():
                print("     ", json.dumps(sample, ensure_ascii=False)[:400])
        print(f"{name}: {np.mean(passed):.1%}\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", type=Path, help="folder of a model; the embedded one if absent")
    parser.add_argument("--samples", action="store_true", help="show a few rows of each stage")
    parser.add_argument("--train", action="store_true", help="train anew and measure that")
    options = parser.parse_args()
    if options.train:
        with tempfile.TemporaryDirectory() as folder:
            seconds, cpu, loss = trained(Path(folder))
        print(f"training: {seconds:.0f} s, {cpu:.0f} CPU s, held-out loss {loss:.2f}")
    from tasks.engines.embedded import model_folder

    _print(options.model or model_folder(), samples=options.samples)
