"""Families side by side: several methods on the same seeds, measured by the same seeds that none of them saw."""

import json
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.artifacts import artifact_key
from flows.check import check, one_method
from flows.engines import spec_of
from flows.run import release_what_there_is
from flows.runner import Shards
from flows.steps import load_seeds
from quality.compare import markdown, measure, ranked
from tasks.core.errors import UserError
from tasks.core.method import methods as all_methods
from tasks.export import write_json
from tasks.plan import load_params
from tasks.readers.shards import SeedManifest
from tasks.split import split, texts_of

# Figures of fewer records say nothing.
_MIN_RECORDS = 10
Name = Literal[tuple(all_methods())]  # type: ignore[valid-type]


@flow(
    name="compare",
    flow_run_name="compare · {seeds}",
    task_runner=Shards(),
    validate_parameters=True,
)
def compare(
    seeds: str = "deployments/recipes/quickstart/seeds/tickets.jsonl",
    methods: list[Name] = ["eda", "ngram", "synonym_replacement"],  # noqa: B006  Prefect copies it; the form shows it
    count: int = 500,
    holdout: float = 0.2,
    quality: float = 1.0,
    quantity: float = 0.5,
    diversity: float = 1.0,
    privacy: float = 1.0,
    cost: float = 0.5,
    params: dict[str, dict[str, Any]] | None = None,
    engine: str | None = None,
    out: str = "out/compare",
    seed: int = 0,
    resume: bool = True,
    overwrite: bool = False,
    text_column: str | None = None,
) -> dict[str, Any]:
    """Run methods on the same seeds and measure them side by side.

    Args:
        seeds: File or folder of seeds with texts, twenty or more.
        methods: Methods to compare.
        count: Accepted records that each makes.
        holdout: Share of the seeds, between 0 and 1, that no method sees and all are measured by.
        quality: Weight of fluency, likeness to the held-out seeds, and the share that passes the gate.
        quantity: Weight of how much of `count` a method can make of these seeds.
        diversity: Weight of how different the records are from each other, and of how much of the real they cover.
        privacy: Weight of how little is copied from the seeds.
        cost: Weight of seconds and money for a thousand records.
        params: Params of methods that need some, by method.
        engine: What answers prompts: http(s)://HOST/v1[#MODEL], a model's folder, embedded; empty for the default.
        out: Folder of the report, with a folder for each method's dataset.
        seed: Run seed.
        resume: Go on where an earlier run in the same folder ended.
        overwrite: Replace the runs that the folder holds.
        text_column: Column of the seeds that holds the texts; empty where it is called text.
    """
    weights = {"quality": quality, "quantity": quantity, "diversity": diversity, "privacy": privacy, "cost": cost}
    folder = Path(out)
    loaded = load_seeds("compare", "seeds", texts_of(seeds, text_column).model_dump(mode="json"), ".")
    path, training, held_out = split(SeedManifest.from_json(loaded), holdout, folder / "seeds")
    made: dict[str, dict[str, float]] = {}
    texts: dict[str, list[str]] = {}
    for name in dict.fromkeys(methods):
        method, given = all_methods()[name], (params or {}).get(name, {})
        loaded_params = load_params(method, given, Path())
        recipe = one_method(
            method=name,
            params=given,
            count=count,
            per_seed=None,
            seeds=str(path) if method.seeds(loaded_params) != "none" else None,
            engine=engine if method.asks_engine(loaded_params) else None,
            seed=seed,
            overrides=["release.docs=false"],
        )
        checked = check(recipe, Path())
        result = release_what_there_is(checked, folder / name, resume=resume, overwrite=overwrite)
        texts[name] = _texts(folder / name)
        (staged,) = checked.stages
        price = spec_of(recipe, staged.stage).price if staged.asks_engine else None
        made[name] = {"made_share": result["rows"] / count, **_spent(result, price)}
    return _report(folder, made, texts, (training, held_out), weights)


def _texts(folder: Path) -> list[str]:
    """Return what a dataset says, its targets with it."""
    rows = [row for path in sorted((folder / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return ["\n".join(part for part in (row.get("text"), row.get("target")) if part) for row in rows]


def _spent(result: dict[str, Any], price: Any) -> dict[str, float]:
    """Return what a thousand records took, and the share of records that passed the gate."""
    (stage,), (work,) = result["stages"], result["work"].values()
    accepted = max(stage["accepted"], 1)
    usd = price.input * work.get("prompt_tokens", 0) + price.output * work.get("completion_tokens", 0) if price else 0.0
    return {
        "accepted_share": stage["accepted"] / max(stage["seen"], 1),
        "train_s": work["train_s"],
        "seconds_per_1000": 1000 * (work["train_s"] + work["draw_s"]) / accepted,
        "usd_per_1000": 1000 * usd / 1e6 / accepted,
    }


def _report(
    folder: Path,
    made: dict[str, dict[str, float]],
    texts: dict[str, list[str]],
    seeds: tuple[list[str], list[str]],
    weights: dict[str, float],
) -> dict[str, Any]:
    """Measure equal numbers of records of each method, rank them, and leave the report in OUT and the orchestrator."""
    dry = {name: len(found) for name, found in texts.items() if len(found) < _MIN_RECORDS}
    size = min((len(found) for name, found in texts.items() if name not in dry), default=0)
    if not size:
        raise UserError(f"nothing to compare: no method made {_MIN_RECORDS} records of these seeds ({dry})")
    figures = {
        name: {**made[name], **measure_method(name, found[:size], *seeds)}
        for name, found in texts.items()
        if name not in dry
    }
    real = measure_method("the seeds themselves", seeds[0], *seeds)
    try:
        rows = ranked(figures, weights)
    except ValueError as exc:
        raise UserError(str(exc)) from exc
    words = markdown(rows, {k: v for k, v in real.items() if not k.startswith("copied")}, weights)
    words += "".join(f"\n`{name}` made {n} records of these seeds: too few to measure.\n" for name, n in dry.items())
    value = {"best": rows[0].method, "records": size, "weights": weights, "seeds": real}
    value["methods"] = [{"method": r.method, "score": r.score, "aims": dict(r.aims), **r.figures} for r in rows]
    write_json(value, folder / "compare.json")
    (folder / "README.md").write_text(f"# Methods compared\n\n{words}", encoding="utf-8")
    create_markdown_artifact(words, key=artifact_key("compare"), description="methods side by side")
    return json.loads(json.dumps(value))


@task(name="measure", task_run_name="measure · {name}", cache_policy=NO_CACHE, persist_result=False)
def measure_method(name: str, texts: list[str], training: list[str], held_out: list[str]) -> dict[str, float]:
    """Return the figures of one method's records."""
    figures = measure(texts, training, held_out)
    get_run_logger().info("%s: self-BLEU-4 %.3f, copied %.1f %%", name, figures["self_bleu_4"], 100 * figures["copied"])
    return figures
