"""Training, once: a model is a folder named by all that it follows from."""

import fcntl
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import xxhash

from tasks.core.errors import ShardError
from tasks.core.manifest import digest
from tasks.core.method import Method, get_method
from tasks.core.random import stream, stream_key
from tasks.core.settings import settings
from tasks.core.training import Progress, Trained, Training
from tasks.readers.shards import SeedBatches, SeedManifest

REPORT = "report.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model: `key` names its folder, `digest` its bytes; the rest is what the training says of itself."""

    key: str
    digest: str
    seconds: float
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What a shard holds of it: where it is, and which bytes it must have."""
        return f"{self.key}:{self.digest}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "notes": tuple(value["notes"])})


def model_key(method: Method, params: Any, seeds: SeedManifest, run_seed: int) -> str:
    """Return the name of a model: stage, recipe and whatever the training does not read are no part of it."""
    return digest([_VERSION, method.id, method.trains_on(params), seeds.digest, run_seed])


def model_folder(name: str) -> Path:
    """Return the folder of a model by its id or key."""
    return settings().work / "models" / name.partition(":")[0]


def find(key: str) -> Model | None:
    """Return a model that is trained already, else None."""
    try:
        return Model.from_json(json.loads((model_folder(key) / REPORT).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def train(method_id: str, params: Mapping[str, Any], seeds: SeedManifest, run_seed: int, progress: Progress) -> Model:
    """Return the model of a method on these seeds: the one that is there, else trained now.

    Of two processes that want the same model one trains and the other waits for it. A killed training goes on from what
    it left in its scratch folder. Errors: ShardError where the method leaves no model.
    """
    method = get_method(method_id)
    loaded = method.params.model_validate(dict(params), context={"base": None})
    key = model_key(method, loaded, seeds, run_seed)
    place = model_folder(key)
    with _locked(place.with_name(f"{key}.lock")):
        found = find(key)
        return found or _trained(method, loaded, seeds, run_seed, progress)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that goes with its process, whatever ends it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _trained(method: Method, params: Any, seeds: SeedManifest, run_seed: int, progress: Progress) -> Model:
    if method.fit is None:
        raise ShardError(f"{method.id} trains nothing")
    place = model_folder(model_key(method, params, seeds, run_seed))
    scratch, part = place.with_name(f"{place.name}.scratch"), place.with_name(f"{place.name}.part")
    for folder in (place, part):
        shutil.rmtree(folder, ignore_errors=True)
    scratch.mkdir(exist_ok=True)
    part.mkdir()
    name, started = f"fit {method.name}", time.monotonic()
    training = Training(
        seeds=SeedBatches(seeds),
        rows=seeds.accepted,
        params=params,
        rng=stream(run_seed, name),
        seed=stream_key(run_seed, name) >> 65,
        folder=part,
        scratch=scratch,
        progress=progress,
    )
    said = method.fit(training)
    model = _report(place.name, part, said, time.monotonic() - started)
    part.rename(place)
    shutil.rmtree(scratch)
    return model


def _report(key: str, folder: Path, said: Trained, seconds: float) -> Model:
    """Write what the training says of itself beside the model."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise ShardError(f"the training of model {key} left no file")
    hasher = xxhash.xxh3_128()
    for path in files:
        hasher.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                hasher.update(block)
    curves = {name: [[float(x), float(y)] for x, y in points] for name, points in said.curves.items()}
    model = Model(key, hasher.hexdigest(), round(seconds, 2), tuple(said.notes), dict(said.figures), curves)
    (folder / REPORT).write_text(json.dumps(model.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    return model
