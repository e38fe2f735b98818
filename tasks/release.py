"""The whole release: data, rejects, card, manifest, in a folder that then becomes OUT."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tasks.card import card
from tasks.core.manifest import StageManifest
from tasks.core.method import get_method
from tasks.core.recipe import Recipe
from tasks.core.store import Store
from tasks.curves import picture
from tasks.export import export_data, export_jsonl, export_rejects, write_json
from tasks.publish import MANIFEST
from tasks.readers.shards import SeedManifest
from tasks.train import Model

_CLOCKS = {"minutes", "seconds"}


def write_release(
    recipe: Recipe,
    stages: Sequence[StageManifest],
    seeds: Mapping[str, SeedManifest],
    folder: Path,
    *,
    params: Mapping[str, Mapping[str, Any]],
    gates: Sequence[Mapping[str, Any]],
    models: Mapping[str, Model],
    stopped: str,
    store: Store,
) -> dict[str, Any]:
    """Write everything of a release but its Data Docs into `folder` and return the manifest that was written.

    `params` are those of each stage, with what its files hold; `gates` what each stage's suite found.

    The manifest holds no clock and no path of this machine: the same recipe and seeds give the same bytes.
    """
    published = [stage for stage in stages if stage.stage in recipe.published]
    data = export_data(published, recipe.release.layout, store, folder)
    files = [*data, *export_rejects(stages, seeds, store, folder)]
    if recipe.release.jsonl:
        files += export_jsonl(data, folder)
    _write_curves(models, folder)
    words = card(recipe, stages, recipe.published, stopped, notes=_notes(stages, params, models))
    (folder / "README.md").write_text(words, encoding="utf-8")
    manifest = {
        "name": recipe.name,
        "state": "stopped" if stopped else "done",
        "stopped": stopped,
        "rows": sum(file.rows for file in data),
        "run_seed": recipe.seed,
        "tilth": version("tilth"),
        "recipe": recipe.model_dump(mode="json", exclude_defaults=True),
        "seeds": [_seeds(name, manifest) for name, manifest in seeds.items()],
        "stages": [
            {
                "stage": s.stage,
                "method": s.method,
                "params": params[s.stage],
                "target": s.target,
                "rounds": s.rounds,
                **s.conservation(),
            }
            for s in stages
        ],
        "gates": list(gates),
        "models": {name: _model(model) for name, model in models.items()},
        "files": [asdict(file) for file in files],
    }
    write_json(manifest, folder / MANIFEST)
    return manifest


def _notes(
    stages: Sequence[StageManifest], params: Mapping[str, Mapping[str, Any]], models: Mapping[str, Model]
) -> dict[str, list[str]]:
    """Return what trainings and methods say of themselves, by stage."""
    found = {}
    for stage in stages:
        method = get_method(stage.method)
        lines = list(models[stage.stage].notes) if stage.stage in models else []
        if method.notes:
            loaded = method.params.model_validate(dict(params[stage.stage]), context={"base": None})
            lines += method.notes(loaded, stage.stats)
        found[stage.stage] = lines
    return found


def _model(model: Model) -> dict[str, Any]:
    """Return what is known of a trained model, but for how long it took: that is the machine's."""
    known = {name: value for name, value in model.to_json().items() if name not in {"seconds", "curves"}}
    return {**known, "figures": {name: value for name, value in model.figures.items() if name not in _CLOCKS}}


def _write_curves(models: Mapping[str, Model], folder: Path) -> None:
    """Write each model's curves as numbers and as a picture to models/<stage>.{json,png}."""
    for name, model in models.items():
        if model.curves:
            (folder / "models").mkdir(exist_ok=True)
            write_json(dict(model.curves), folder / "models" / f"{name}.json")
            (folder / "models" / f"{name}.png").write_bytes(picture(model.curves))


def _seeds(name: str, manifest: SeedManifest) -> dict[str, Any]:
    """Return what became of a source's rows; they add up too."""
    return {
        "name": name,
        "digest": manifest.digest,
        "seen": manifest.seen,
        "accepted": manifest.accepted,
        "rejected_by_reason": dict(manifest.rejected),
    }
