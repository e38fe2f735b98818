"""The embedded model: a small Llama, trained on first use, for machines with no network and no GPU.

It knows the prompts of the llm methods and answers each in its form, in the words of a support desk for household
appliances. It shows how a run goes, from the first prompt to the released dataset; what it writes is no training data
for anything but such a show. `python -m tasks.engines.embedded` trains it where that has not been done, and names its
folder: Hugging Face format, which vLLM serves as it is.
"""

import itertools
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tasks.core import record
from tasks.core.artifact import artifact
from tasks.core.manifest import digest
from tasks.core.settings import settings
from tasks.core.training import Progress, Trained, Training

# Raise it when the same pairs and params would give another model.
_VERSION = 1
_SEED = 20
PAIRS: Final = 4_800
# Measured: see tests/bench/bench_embedded.py for how good the answers are, and what the training takes.
PARAMS: Final[dict[str, Any]] = {
    "fresh": {"width": 192, "layers": 3, "heads": 3, "feed_forward": 512, "vocabulary": 4096, "positions": 4096},
    "context": 768,
    "packing": False,
    "order": "given",
    "batch_rows": 16,
    "optimizer": "muon",
    "learning_rate": 8e-3,
    "matrix_rate": 5e-3,
    "epochs": 1.0,
    "held_out": 0.02,
    "evaluations": 4,
    "patience": 4,
    "max_tokens": 96,
}
_building = threading.Lock()


def model_folder(progress: Progress | None = None) -> Path:
    """Return the folder of the embedded model, trained where no run on this machine has done so yet."""
    with _building:
        return artifact("embedded", parts(), lambda folder: _built(folder, progress or _silent))


def _built(folder: Path, progress: Progress) -> None:
    train(folder, progress)


def _silent(share: float, words: str) -> None:
    """Say nothing."""


def parts() -> list[Any]:
    """Return what the model follows from: a few pairs of each kind stand for the prompts of the methods."""
    from tasks.engines._embedded_pairs import FIRST, mixed, pairs  # noqa: PLC0415 - methods load when the model does

    drawn = [*itertools.islice(pairs(_rng()), 100), *itertools.islice(mixed(_rng()), 300)]
    return [_VERSION, _SEED, PAIRS, PARAMS, FIRST, digest(drawn)]


def _rng() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=_SEED))


def chats(count: int) -> Iterator[list[dict[str, str]]]:
    """Yield the chats that the model is trained on."""
    from tasks.engines._embedded_pairs import pairs  # noqa: PLC0415 - as above

    for _, (messages, answer) in itertools.islice(pairs(_rng()), count):
        turns = [{"role": role, "content": content} for role, content in messages]
        yield [*turns, {"role": "assistant", "content": answer}]


def train(folder: Path, progress: Progress = _silent) -> Trained:
    """Train into an empty `folder` by the project's own fine-tuning."""
    from tasks.methods.llm import finetune  # noqa: PLC0415 - as above

    scratch = settings().work / "artifacts" / "embedded" / ".scratch"
    progress(0.0, "writing the pairs that the embedded model learns from")
    talks = list(chats(PAIRS))
    seeds = record.complete(
        record.columns(kind=pa.array(["chat"] * len(talks)), messages=talks),
        method="embedded@1",
        stage="",
        shard=0,
        row=0,
    )
    params = finetune.Params.model_validate(PARAMS)
    training = Training(
        seeds=[seeds],
        rows=len(talks),
        params=params,
        rng=_rng(),
        seed=_SEED,
        folder=folder,
        scratch=scratch,
        progress=progress,
    )
    said = finetune.fit(training)
    shutil.rmtree(scratch, ignore_errors=True)
    return said


if __name__ == "__main__":
    sys.stdout.write(f"{model_folder(lambda share, words: sys.stderr.write(f'{share:4.0%} {words}' + chr(10)))}\n")
