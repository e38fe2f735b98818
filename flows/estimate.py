"""What `tilth run RECIPE --estimate` does: print what the stages that ask an engine will ask, cost and take."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows.check import Checked, check, read_recipe
from flows.engines import spec_of
from flows.samples import Samples
from tasks.answers import AnswerLog, log_path, open_log
from tasks.core.engine import Embedded, Engine, EngineSpec, trainer
from tasks.core.random import stream_key
from tasks.core.rollout import Context
from tasks.draws import rows_of
from tasks.estimate import PROBES, Estimate, estimate
from tasks.plan import StagePlan
from tasks.rollouts import engine_for

_WIDTH = 120


@dataclass(frozen=True, slots=True)
class _Part:
    stage: str
    run_seed: int


def show_estimate(
    path: Path, seed: int | None, overrides: tuple[str, ...], *, as_json: bool = False, probe: bool = False
) -> None:
    """Check a recipe and print what its stages will ask, cost and take; nothing is asked, or with `probe` five each."""
    checked = check(read_recipe(path, seed, overrides), path.parent)
    found = estimates(checked, probe=probe)
    if as_json:
        rows = [{"stage": stage, **asdict(one)} for stage, one in found]
        sys.stdout.write(json.dumps({"stages": rows, "budget": checked.recipe.budget.model_dump()}, indent=2) + "\n")
        return
    if not found:
        sys.stdout.write(f"{path}: no stage asks an engine; nothing is spent\n")
        return
    _print(found)
    caps = ", ".join(f"{name} {value:g}" for name, value in checked.recipe.budget.model_dump().items() if value)
    sys.stdout.write(f"budget: {caps or 'none'}\n")


def estimates(checked: Checked, *, probe: bool = False) -> list[tuple[str, Estimate]]:
    """Return the estimate of every stage that asks an engine, by name, in the order they run."""
    log = open_log() if probe or log_path().exists() else None
    samples = Samples(checked)
    asking = [staged for staged in checked.stages if staged.asks_engine]
    return [(staged.stage.name, _estimate(checked, staged, samples, log, probe=probe)) for staged in asking]


def _estimate(checked: Checked, staged: StagePlan, samples: Samples, log: AnswerLog | None, *, probe: bool) -> Estimate:
    stage, method, params = staged.stage, staged.method, staged.params
    spec = spec_of(checked.recipe, stage)
    seeds = samples.of(stage)
    part = _Part(stage.name, checked.recipe.seed)
    found = estimate(
        part,
        method,
        params,
        samples.draws(staged),
        seed_rows=rows_of(seeds.batch) if seeds and method.seeds(params) == "each" else None,
        context=Context([seeds.batch] if seeds else [], (), stream_key(part.run_seed, part.stage)),
        engine=_opened(spec, probe=probe),
        price=spec.price,
        log=log,
        probe=probe,
    )
    notes = [*found.notes]
    if seeds and not seeds.true:
        notes.append(f"records of {', '.join(stage.inputs)} are not there yet: stand-ins were read")
    trains = trainer(spec)
    if not found.exact:
        why = f"stage '{trains}' is yet to train its model" if trains else "the engine's tokenizer is not at hand"
        notes.append(f"tokens of prompts by characters / 4: {why}")
    return Estimate(**{**asdict(found), "notes": tuple(notes)})


def _opened(spec: EngineSpec, *, probe: bool) -> Engine | None:
    """Return the engine that counts tokens, and is probed; None where its model is yet to be trained by a stage.

    Nor the embedded one, but for a probe: it would be trained for it, and costs nothing.
    """
    if trainer(spec) is not None or (isinstance(spec, Embedded) and not probe):
        return None
    return engine_for(spec)


def _print(found: Sequence[tuple[str, Estimate]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("stage", "draws", "requests", "tokens in", "tokens out", "USD", "minutes"):
        table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True)
    for name, one in found:
        table.add_row(name, *_cells(one))
    # In a narrow terminal lines wrap; no number is cut.
    console = Console(markup=False, soft_wrap=True, width=max(Console().width, _WIDTH))
    console.print(table, soft_wrap=False)
    for line in _lines(found):
        console.print(line)


def _cells(one: Estimate) -> Iterator[str]:
    yield f"{one.draws:,}"
    yield f"≤ {one.requests:,}"
    yield f"{'' if one.exact else '~ '}{one.input_tokens:,}"
    yield f"≤ {one.output_tokens_max:,}" if one.output_tokens is None else f"~ {one.output_tokens:,}"
    yield f"≤ {_money(one.usd_max)}" if one.usd is None else f"~ {_money(one.usd)}"
    yield "not measured" if one.minutes is None else f"~ {one.minutes:,.1f}"


def _money(usd: float) -> str:
    return f"{usd:,.2f}" if usd >= 1 or not usd else f"{usd:.2g}"


def _lines(found: Sequence[tuple[str, Estimate]]) -> list[str]:
    notes = [f"{name}: {note}" for name, one in found for note in one.notes]
    most = sum(one.usd_max for _name, one in found)
    if all(one.minutes is None for _name, one in found) and any(one.requests for _name, one in found):
        notes.append(f"--probe measures time: {PROBES} real requests a stage, whose answers the log keeps for the run")
    return [
        *notes,
        f"at most {_money(most)} USD for these draws; what is rejected is drawn again, answers in the log cost nothing",
    ]
