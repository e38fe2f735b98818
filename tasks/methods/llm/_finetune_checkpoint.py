"""Checkpoints of a fine-tuning: what a killed training goes on from, to the very same weights."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.manifest import digest
from tasks.methods.llm._finetune_params import DRAWING
from tasks.methods.llm._finetune_state import State

if TYPE_CHECKING:
    from tasks.methods.llm._finetune_loop import Loop


def learned(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the weight of each that is trained."""
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


def _identity(loop: "Loop") -> str:
    shapes = [(name, list(weight.shape)) for name, weight in learned(loop.model)]
    return digest([shapes, loop.total, loop.seed, len(loop.rows), loop.params.model_dump(mode="json", exclude=DRAWING)])


def _place(loop: "Loop") -> Path:
    return loop.scratch / "checkpoint.pt"


def save(loop: "Loop") -> None:
    """Write a checkpoint, whole or not at all."""
    import torch  # noqa: PLC0415 - heavy

    part = loop.scratch / "checkpoint.part"
    loop.scratch.mkdir(parents=True, exist_ok=True)
    content = {
        "identity": _identity(loop),
        "weights": dict(learned(loop.model)),
        "best": loop.best_weights,
        "optimizers": [optimizer.state_dict() for optimizer in loop.optimizers],
        "state": asdict(loop.state),
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state(loop.device) if loop.device.type == "cuda" else None,
    }
    with part.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(_place(loop))


def _load(loop: "Loop") -> dict[str, Any] | None:
    import torch  # noqa: PLC0415 - heavy

    if not _place(loop).is_file():
        return None
    content = torch.load(_place(loop), map_location=loop.device, weights_only=True)
    return content if content["identity"] == _identity(loop) else None


def resume(loop: "Loop") -> None:
    import torch  # noqa: PLC0415 - heavy

    if content := _load(loop):
        _take_up(loop, content)
        state = dict(content["state"])
        state["curves"] = {name: [tuple(point) for point in points] for name, points in state["curves"].items()}
        loop.state = State(**state)
        torch.set_rng_state(content["random"].cpu())
        if content["random_cuda"] is not None:
            torch.cuda.set_rng_state(content["random_cuda"].cpu(), loop.device)


def _take_up(loop: "Loop", content: dict[str, Any]) -> None:
    loop.model.load_state_dict(content["weights"], strict=False)
    for optimizer, state in zip(loop.optimizers, content["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    loop.best_weights = content["best"]


def take_up_weights(loop: "Loop") -> bool:
    """Put the weights of the checkpoint into the model; return whether there is one."""
    content = _load(loop)
    if content:
        loop.model.load_state_dict(content["weights"], strict=False)
    return content is not None
