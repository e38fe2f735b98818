"""The one training loop: phases of turns, budgets, a look at held-out texts now and then, checkpoints.

Every random number of a step comes from a stream that is a function of (seed, phase, step), so a checkpoint holds no
state of a generator and a training that was killed goes on as if it had not been.
"""

import math
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tasks.core.errors import UserError
from tasks.core.training import Progress
from tasks.methods.models._networks import generator

Rows = npt.NDArray[np.int64]
# Raise it when the same training would give other weights: no checkpoint of the old code is gone on from.
_VERSION = 2
_CLIP = 1.0
# Batches whose texts are sorted by length together: less padding, and still a mixed order.
_WINDOW = 16
_SAY_S = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at held-out texts finds; the weights with the lowest `score` are kept, those with infinity never."""

    score: float
    figures: Mapping[str, float]
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A network that learns, and the loss that it learns from.

    loss(rows, at, noise) returns the loss of the texts at `rows`, a mean over them, and figures for the curves, which
    are drawn as `<figure>/<learns>`; the loss itself as `<curve>/train` (other figures, `held-out` say, may share it).
    """

    learns: str
    loss: Callable[[Rows, int, torch.Generator], tuple[Tensor, Mapping[str, float]]]
    rate: float
    decay: float = 0.01
    falls: bool = True
    curve: str = "loss"


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training: its turns are taken one after the other, over and over, for `steps` steps in all.

    `look` is taken every `look_every` steps; the phase ends early after `patience` of them without a better score, or
    when one says `stop`; the best weights are kept. With `look_first` those that it starts with are in the running.
    """

    name: str
    turns: Sequence[Turn]
    lengths: npt.NDArray[np.int64]
    batch: int
    steps: int
    look: Callable[[int], Look]
    look_every: int
    patience: int
    look_first: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """What a training needs besides its phases. `key` is all that the weights follow from, as text."""

    networks: Mapping[str, nn.Module]
    seed: int
    key: str
    scratch: Path
    progress: Progress
    max_minutes: float | None = None
    checkpoint_s: float = 20.0

    @property
    def device(self) -> torch.device:
        return next(next(iter(self.networks.values())).parameters()).device


@dataclass(slots=True)
class State:
    """All that a training has come to: what a checkpoint holds."""

    phase: int = 0
    step: int = 0
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    parts: int = 1
    over: bool = False
    stale: int = 0
    best_score: float = math.inf
    best_step: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    sums: dict[str, list[float]] = field(default_factory=dict)
    curves: dict[str, list[list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    done: int = 0


def train(loop: Loop, phases: Sequence[Phase]) -> State:
    """Train the networks of a loop, in place, and return how it went; goes on from the checkpoint in `loop.scratch`."""
    state, optimizers = State(), {}
    loop.scratch.mkdir(parents=True, exist_ok=True)
    if saved := _load(loop):
        state = State(**saved["state"])
        for name, network in loop.networks.items():
            network.load_state_dict(saved["networks"][name])
        optimizers = saved["optimizers"]
    clock = _Clock(state, loop)
    while state.phase < len(phases) and not state.over:
        _run_phase(loop, phases, state, clock, optimizers)
        optimizers = {}
    return state


class _Clock:
    """When to end, to checkpoint and to say how far it is; time spent before a restart counts."""

    def __init__(self, state: State, loop: Loop) -> None:
        self.started = time.monotonic() - state.elapsed_s
        self.cpu_started = time.process_time() - state.cpu_s
        self.saved = self.said = time.monotonic()
        self.loop = loop

    def ended(self, state: State) -> bool:
        """Return whether the budget of minutes is spent."""
        state.elapsed_s = time.monotonic() - self.started
        state.cpu_s = time.process_time() - self.cpu_started
        most = self.loop.max_minutes
        return most is not None and state.elapsed_s > 60 * most

    def due(self, what: str, after_s: float) -> bool:
        """Return whether it is time for `what` again, and start to wait anew."""
        now = time.monotonic()
        if now - getattr(self, what) < after_s:
            return False
        setattr(self, what, now)
        return True


def _run_phase(loop: Loop, phases: Sequence[Phase], state: State, clock: _Clock, saved: Mapping[str, Any]) -> None:
    phase = phases[state.phase]
    optimizers = [_optimizer(loop, turn, saved.get(str(at))) for at, turn in enumerate(phase.turns)]
    order = _Order(phase, loop.seed, state.phase)
    if phase.look_first and state.step == 0 and not state.best:
        _looked(loop, phase, state)
    while state.step < phase.steps:
        if clock.ended(state):
            state.over = True
            state.notes.append(
                f"the budget of {loop.max_minutes:g} minutes ended {phase.name} at step {state.step:,} of"
                f" {phase.steps:,}: another machine, or another run, may get further and give other weights"
            )
            break
        figures = _step(loop, phase, state, optimizers, order)
        if figures is None:
            break
        for name, value in figures.items():
            state.sums.setdefault(name, []).append(value)
        state.step += 1
        if (state.step % phase.look_every == 0 or state.step == phase.steps) and _looked(loop, phase, state):
            break
        if clock.due("said", _SAY_S):
            _say(loop, phases, state, figures)
        if clock.due("saved", loop.checkpoint_s):
            _save(loop, state, optimizers)
    _end_phase(loop, state)
    _save(loop, state, [])


def _step(
    loop: Loop, phase: Phase, state: State, optimizers: Sequence[Any], order: "_Order"
) -> dict[str, float] | None:
    """Take a step; None where the loss or the gradient is no number, before it could reach the weights."""
    at = state.step % len(phase.turns)
    turn, optimizer = phase.turns[at], optimizers[at]
    _set_rate(optimizer, turn, state.step, phase.steps)
    rows = order.rows(state.step)
    try:
        figures = _gradient(loop, turn, rows, state)
    except (RuntimeError, MemoryError) as exc:
        if not _out_of_memory(exc):
            raise
        _halve(loop, phase, state, len(rows))
        return _step(loop, phase, state, optimizers, order)
    weights = [w for w in loop.networks[turn.learns].parameters() if w.grad is not None]
    norm = nn.utils.clip_grad_norm_(weights, _CLIP)
    if not math.isfinite(float(norm)) or not all(math.isfinite(value) for value in figures.values()):
        _no_number(phase, state)
        return None
    optimizer.step()
    return figures


def _gradient(loop: Loop, turn: Turn, rows: Rows, state: State) -> dict[str, float]:
    """Fill the gradient of a turn's network from a batch, in as many parts as memory asks for; return the figures."""
    for network in loop.networks.values():
        network.zero_grad(set_to_none=True)
    figures: dict[str, float] = {}
    for part, some in enumerate(np.array_split(rows, min(state.parts, len(rows)))):
        noise = generator(loop.device, loop.seed, state.phase, state.step, part)
        with half_precision(loop.device):
            loss, shown = turn.loss(some, state.step, noise)
        share = len(some) / len(rows)
        (loss * share).backward()
        for name, value in {f"{turn.curve}/train": float(loss.detach()), **_named(shown, turn)}.items():
            figures[name] = figures.get(name, 0.0) + value * share
    return figures


def _named(shown: Mapping[str, float], turn: Turn) -> dict[str, float]:
    return {f"{name}/{turn.learns}" if "/" not in name else name: value for name, value in shown.items()}


def _no_number(phase: Phase, state: State) -> None:
    where = f"{phase.name} stopped at step {state.step:,} of {phase.steps:,}: its loss was no finite number"
    if not state.best and state.phase == 0:
        raise UserError(f"{where}, before the first look at held-out texts; a lower `rate` may do")
    state.over = True
    kept = f"the weights of step {state.best_step:,}" if state.best else "the weights before that step"
    state.notes.append(f"{where}; {kept} are kept. A lower `rate` may get further")


def _out_of_memory(exc: BaseException) -> bool:
    text = str(exc)
    known = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(exc, MemoryError | torch.OutOfMemoryError) or any(words in text for words in known)


def _halve(loop: Loop, phase: Phase, state: State, rows: int) -> None:
    """Have batches go in halves from now on; UserError where they do already."""
    for network in loop.networks.values():
        network.zero_grad(set_to_none=True)
    if loop.device.type == "cuda":
        torch.cuda.empty_cache()
    if state.parts > 1 or rows < 2:
        raise UserError(
            f"out of memory in {phase.name} with half of `batch` {phase.batch}: a smaller `batch`, `max_words` or"
            " `hidden` would fit"
        )
    state.parts = 2
    state.notes.append(
        f"out of memory at step {state.step:,} of {phase.name}: each batch of {phase.batch} went in halves from then on"
    )


def _looked(loop: Loop, phase: Phase, state: State) -> bool:
    """Look at held-out texts, keep the best weights, and return whether the phase is to end."""
    look = phase.look(state.step)
    at = float(state.done + state.step)
    means = {name: float(np.mean(values)) for name, values in state.sums.items()}
    for name, value in {**means, **look.figures}.items():
        state.curves.setdefault(name, []).append([at, value])
    state.sums = {}
    if look.score < state.best_score:
        state.best_score, state.best_step, state.stale = look.score, state.step, 0
        state.best = {name: _copy(loop.networks[name]) for name in _learners(phase)}
    else:
        state.stale += 1
    if look.stop:
        state.notes.append(look.stop)
    return bool(look.stop) or state.stale >= phase.patience


def _learners(phase: Phase) -> list[str]:
    return list(dict.fromkeys(turn.learns for turn in phase.turns))


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _end_phase(loop: Loop, state: State) -> None:
    for name, weights in state.best.items():
        loop.networks[name].load_state_dict(weights)
    state.done += state.step
    state.phase, state.step, state.stale = state.phase + 1, 0, 0
    state.best, state.best_score, state.best_step, state.sums = {}, math.inf, 0, {}


def _say(loop: Loop, phases: Sequence[Phase], state: State, figures: Mapping[str, float]) -> None:
    phase = phases[state.phase]
    total = sum(one.steps for one in phases)
    before = sum(one.steps for one in phases[: state.phase])
    share = (before + state.step) / max(1, total)
    if loop.max_minutes is not None:
        share = max(share, min(1.0, state.elapsed_s / (60 * loop.max_minutes)))
    shown = ", ".join(f"{name.partition('/')[0]} {value:.2f}" for name, value in list(figures.items())[:2])
    loop.progress(share, f"{phase.name}, step {state.step:,} of {phase.steps:,}, {shown}")


def _optimizer(loop: Loop, turn: Turn, saved: Any) -> Any:
    weights = list(loop.networks[turn.learns].parameters())
    groups = [
        {"params": [w for w in weights if w.dim() > 1], "weight_decay": turn.decay},
        {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=turn.rate)
    if saved:
        optimizer.load_state_dict(saved)
    return optimizer


def _set_rate(optimizer: Any, turn: Turn, step: int, steps: int) -> None:
    """Set the rate: it rises over the first steps and, where it `falls`, ends at a twentieth, along a cosine."""
    rise = min(1.0, (step + 1) / max(1, min(50, steps // 10)))
    fall = 0.05 + 0.95 * (1 + math.cos(math.pi * step / max(1, steps))) / 2 if turn.falls else 1.0
    for group in optimizer.param_groups:
        group["lr"] = turn.rate * rise * fall


class _Order:
    """Which texts a step learns from: each epoch has all of them once, in batches of like length."""

    def __init__(self, phase: Phase, seed: int, number: int) -> None:
        self.lengths, self.batch, self.keys = phase.lengths, min(phase.batch, len(phase.lengths)), (seed, number)
        self.epoch, self.batches = -1, list[Rows]()

    def rows(self, step: int) -> Rows:
        per_epoch = math.ceil(len(self.lengths) / self.batch)
        if step // per_epoch != self.epoch:
            self.epoch = step // per_epoch
            self.batches = list(self._batches(np.random.default_rng([*self.keys, self.epoch])))
        return self.batches[step % per_epoch]

    def _batches(self, rng: np.random.Generator) -> Iterator[Rows]:
        order = rng.permutation(len(self.lengths))
        window = self.batch * _WINDOW
        sorted_rows = [part[np.argsort(self.lengths[part], kind="stable")] for part in _cut(order, window)]
        batches = [batch for part in sorted_rows for batch in _cut(part, self.batch)]
        return (batches[at] for at in rng.permutation(len(batches)))


def _cut(rows: Rows, size: int) -> list[Rows]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


@contextmanager
def half_precision(device: torch.device) -> Iterator[None]:
    """Compute in bfloat16 where the device is a GPU that has it."""
    able = device.type == "cuda" and torch.cuda.is_bf16_supported()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=able):
        yield


def _save(loop: Loop, state: State, optimizers: Sequence[Any]) -> None:
    """Write the checkpoint beside the last one and rename it into place: a kill leaves one of the two whole."""
    part = loop.scratch / "checkpoint.part"
    held = {
        "key": f"{_VERSION} {loop.key}",
        "state": {name: getattr(state, name) for name in State.__slots__},
        "networks": {name: network.state_dict() for name, network in loop.networks.items()},
        "optimizers": {str(at): optimizer.state_dict() for at, optimizer in enumerate(optimizers)},
    }
    with part.open("wb") as file:
        torch.save(held, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(loop.scratch / "checkpoint.pt")


def _load(loop: Loop) -> dict[str, Any] | None:
    """Return the checkpoint of this very training, if there is one."""
    path = loop.scratch / "checkpoint.pt"
    if not path.is_file():
        return None
    try:
        saved = torch.load(path, map_location=loop.device, weights_only=True)
    except (EOFError, RuntimeError, pickle.UnpicklingError):
        return None
    return saved if isinstance(saved, dict) and saved.get("key") == f"{_VERSION} {loop.key}" else None
