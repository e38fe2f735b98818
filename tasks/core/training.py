"""What a method that trains is handed, and what it says of its training."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

# Share of the training that is done, in [0, 1], and a few words for the person who waits.
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Training:
    """One training: the seeds, in order and as often as they are iterated, and where the model goes.

    `folder` is empty and becomes the model by rename when `fit` returns. `scratch` outlives a killed process: the same
    training finds there what it left, and goes on from it. `rng` and `seed` (63 bits) follow from the run seed and the
    stage, so the same training gives the same weights on the CPU.
    """

    seeds: Iterable[pa.RecordBatch]
    rows: int
    params: Any
    rng: np.random.Generator
    seed: int
    folder: Path
    scratch: Path
    progress: Progress


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training says of itself, as JSON: it lies as `report.json` beside the model.

    notes: lines for the stage's report, in words ("the posterior has collapsed: ..."). figures: name → number.
    curves: name → (step, value) points, drawn as one picture: `loss/train` and `loss/held-out` share a panel.
    """

    notes: Sequence[str] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
