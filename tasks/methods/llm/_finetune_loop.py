"""The training loop of `finetune`: warm-up and cosine, held-out loss, early stop, checkpoints that survive a kill.

Source: Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization (https://arxiv.org/abs/1711.05101); Jordan 2024,
Muon (https://kellerjordan.github.io/posts/muon/)
"""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import UserError
from tasks.core.training import Progress
from tasks.methods.llm._finetune_checkpoint import learned, resume, save, take_up_weights
from tasks.methods.llm._finetune_model import device_of, half, permutation, threads
from tasks.methods.llm._finetune_pack import IGNORED, Ints, Rows
from tasks.methods.llm._finetune_params import Params
from tasks.methods.llm._finetune_state import State
from tasks.methods.llm._finetune_workers import Workers

# Their logits are the hidden states times one matrix: only those that are learned need be worked out.
_PLAIN_HEADS = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})
_FLOOR = 0.02
_NEWTON_SCHULZ = 4
_CHECKPOINT_S = 60.0
_HELD_OUT_ROWS = 256
_EAGER = 1024
# Steps whose rows are sorted by length before they are cut into steps.
_WINDOW = 16


@dataclass(slots=True)
class Loop:
    """One training: its model and data, and what changes while it runs."""

    model: Any
    rows: Rows
    held: Rows
    params: Params
    seed: int
    scratch: Path
    device: Any
    optimizers: list[Any]
    total: int
    workers: Workers
    split: int = 1
    state: State = field(default_factory=State)
    best_weights: dict[str, Any] | None = None

    @property
    def cast(self) -> AbstractContextManager[Any]:
        """The context that computes in bf16 where the device does."""
        import torch  # noqa: PLC0415 - heavy

        wanted = half(self.params, self.device)
        return torch.autocast(self.device.type, torch.bfloat16) if wanted else nullcontext()


def train(model: Any, rows: Rows, held: Rows, params: Params, *, seed: int, scratch: Path, progress: Progress) -> State:
    """Train a model in place, on from a checkpoint in `scratch` if there is one, and return how it went.

    It ends with the weights of the best held-out loss. UserError where memory does not do even for half a batch.
    """
    import torch  # noqa: PLC0415 - heavy

    loop = _start(model, rows, held, params, seed=seed, scratch=scratch)
    devices = [loop.device] if loop.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        resume(loop)
        for one in loop.workers.models:
            one.train()
        with threads(1) if len(loop.workers.models) > 1 else nullcontext():
            _steps(loop, progress)
        loop.workers.close()
    if loop.best_weights:
        loop.model.load_state_dict(loop.best_weights, strict=False)
    loop.model.eval()
    return loop.state


def _start(model: Any, rows: Rows, held: Rows, params: Params, *, seed: int, scratch: Path) -> Loop:
    device = device_of(params)
    model.to(device)
    model.config.use_cache = False
    if device.type == "cpu" and params.context <= _EAGER:
        # Measured on two cores: with a mask, a row of 512 is 1.4 times as fast as with the fused kernel.
        model.set_attn_implementation("eager")
    a_step = params.batch_rows * params.accumulate
    total = max(1, math.ceil(params.epochs * len(rows) / a_step))
    total = min(total, params.max_steps or total)
    held = held.take(np.arange(min(len(held), _HELD_OUT_ROWS))) if len(held) else held
    # Several models share their weights where nothing in them is random: from scratch there is no dropout.
    copies = params.threads if device.type == "cpu" and params.model is None else 1
    workers = Workers(model, copies)
    optimizers = _optimizers(model, params, copies)
    return Loop(model, rows, held, params, seed, scratch, device, optimizers, total, workers)


def _optimizers(model: Any, params: Params, parts: int) -> list[Any]:
    """Return the optimizers, Muon in so many parts of like size; each group has its own `peak` learning rate."""
    import torch  # noqa: PLC0415 - heavy

    learned = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    matrices = [w for name, w in learned if w.dim() == 2 and ".layers." in name]
    inner = {id(weight) for weight in matrices}
    outer = [w for _, w in learned if w.dim() > 1 and id(w) not in inner]
    decay, plain = params.weight_decay, [w for _, w in learned if w.dim() <= 1]
    rate, inner_rate = params.rate, params.matrix_rate or params.rate
    groups = [
        {"params": outer, "weight_decay": decay, "peak": rate},
        {"params": plain, "weight_decay": 0.0, "peak": rate},
    ]
    if params.optimizer == "adamw":
        groups.append({"params": matrices, "weight_decay": decay, "peak": inner_rate})
    adamw = torch.optim.AdamW([group for group in groups if group["params"]], betas=(0.9, 0.95))
    if params.optimizer == "adamw" or not matrices:
        return [adamw]
    by_size = sorted(matrices, key=lambda weight: weight.numel())
    groups = [{"params": by_size[at::parts], "peak": inner_rate} for at in range(min(parts, len(matrices)))]
    settings = {"weight_decay": decay, "adjust_lr_fn": "match_rms_adamw", "ns_steps": _NEWTON_SCHULZ}
    return [*(torch.optim.Muon([group], **settings) for group in groups), adamw]


def _steps(loop: Loop, progress: Progress) -> None:
    state, params = loop.state, loop.params
    started = saved = time.monotonic()
    before = state.seconds
    look = max(1, loop.total // params.evaluations)
    for which in _batches(loop):
        loss = _step(loop, which)
        if not math.isfinite(loss):
            state.stopped = f"the loss was not a number after step {state.step}: the model is the last good one"
            _restore(loop)
            return
        state.point("loss/train", loss)
        state.seconds = before + time.monotonic() - started
        if state.step % look == 0 or state.step == loop.total:
            _evaluate(loop)
        if state.stopped or _out_of_time(loop) or state.step >= loop.total:
            return
        if time.monotonic() - saved > _CHECKPOINT_S or (state.step % look == 0 and loop.held.ids.size):
            save(loop)
            saved = time.monotonic()
        progress(state.step / loop.total, f"step {state.step} of {loop.total}, loss {loss:.2f}")


def _out_of_time(loop: Loop) -> bool:
    minutes, state = loop.params.max_minutes, loop.state
    if minutes is None or state.seconds < 60 * minutes or state.step >= loop.total:
        return False
    state.stopped = f"max_minutes {minutes:g} ended the training at step {state.step} of {loop.total}"
    return True


def _batches(loop: Loop) -> Iterator[Ints]:
    """Yield the rows of each step from where the state stands: every epoch is an order of its own.

    Rows that share a step are of like length, where rows are not packed: less padding.
    """
    size, count = loop.params.batch_rows * loop.params.accumulate, len(loop.rows)
    lengths = (loop.rows.ids >= 0).sum(axis=1)
    shuffled = loop.params.order == "shuffled"
    while True:
        first = loop.state.step * size
        places = np.arange(first, first + size)
        epochs = {
            epoch: epoch_order(lengths, size, loop.seed + epoch, shuffled=shuffled)
            for epoch in np.unique(places // count).tolist()
        }
        yield np.array([epochs[place // count][place % count] for place in places.tolist()])


def epoch_order(lengths: Ints, size: int, seed: int, *, shuffled: bool = True) -> Ints:
    """Return the rows of an epoch in the order in which steps of `size` take them."""
    return _order_of(lengths.astype(np.int64).tobytes(), size, seed, shuffled=shuffled)


@lru_cache(maxsize=2)
def _order_of(lengths: bytes, size: int, seed: int, *, shuffled: bool) -> Ints:
    sizes = np.frombuffer(lengths, np.int64)
    order = permutation(seed, len(sizes)) if shuffled else np.arange(len(sizes))
    window = size * _WINDOW
    blocks = [part[np.argsort(sizes[part], kind="stable")] for part in _cut(order, window)]
    # Steps of long and of short rows in turn within a window; what is left over of one comes last.
    blocks = [_cut(block, size) for block in blocks]
    mixed = [block[at] for block in blocks for at in permutation(seed + 1, len(block)) if len(block[at]) == size]
    return np.concatenate([*mixed, *(step for block in blocks for step in block if len(step) < size)])


def _cut(values: Ints, size: int) -> list[Ints]:
    return [values[low : low + size] for low in range(0, len(values), size)]


def _step(loop: Loop, which: Ints) -> float:
    """Take one step and return its loss, the mean over its learned tokens."""
    import torch  # noqa: PLC0415 - heavy

    rate = schedule(loop.state.step, loop.total, loop.params.warmup)
    for optimizer in loop.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate
    loss, tokens = _fitting_gradients(loop, which)
    norm = torch.nn.utils.clip_grad_norm_(loop.model.parameters(), loop.params.clip)
    if not (math.isfinite(loss) and math.isfinite(norm)):
        return math.nan
    loop.workers.together([optimizer.step for optimizer in loop.optimizers])
    loop.state.step += 1
    loop.state.tokens += tokens
    return loss


def _fitting_gradients(loop: Loop, which: Ints) -> tuple[float, int]:
    """Return loss and tokens of a step whose gradients are left in the model; halves the batch once for its memory."""
    import torch  # noqa: PLC0415 - heavy

    while True:
        try:
            return _gradients(loop, which)
        except torch.OutOfMemoryError as exc:
            if loop.split > 1 or loop.params.batch_rows < 2:
                rows, context = loop.params.batch_rows, loop.params.context
                raise UserError(
                    f"out of memory on {loop.device} with batch_rows {rows} and context {context}: lower one of them"
                ) from exc
        loop.split = 2
        if loop.device.type == "cuda":
            torch.cuda.empty_cache()


def _gradients(loop: Loop, which: Ints) -> tuple[float, int]:
    for optimizer in loop.optimizers:
        optimizer.zero_grad(set_to_none=True)
    learned = max(1, int((loop.rows.labels[which] != IGNORED).sum()))
    parts = np.array_split(which, loop.params.accumulate * loop.split * len(loop.workers.models))

    def backward(model: Any, part: Ints) -> float:
        loss = summed_loss(model, loop.rows.take(part), loop.device, loop.cast) / learned
        loss.backward()
        return loss.item()

    total = sum(loop.workers.run(backward, [part for part in parts if part.size]))
    return total, int((loop.rows.ids[which] >= 0).sum())


def schedule(step: int, total: int, warmup: float) -> float:
    """Return the learning rate of a step as a share of its peak: a linear rise, half a cosine down to 2 %."""
    rise = max(1, round(warmup * total))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, total - rise)
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * done))


def summed_loss(model: Any, batch: Rows, device: Any, cast: AbstractContextManager[Any]) -> Any:
    """Return the sum of the cross-entropies of a batch's learned tokens, as a tensor."""
    import torch  # noqa: PLC0415 - heavy
    from torch.nn.functional import cross_entropy  # noqa: PLC0415 - heavy

    ids = torch.from_numpy(batch.ids).clamp(min=0).to(device)  # (rows, time)
    positions = torch.from_numpy(batch.positions).to(device)  # (rows, time)
    labels = torch.from_numpy(batch.labels).to(device)  # (rows, time)
    at = labels != IGNORED
    with cast:
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        if base.config.model_type in _PLAIN_HEADS:
            hidden = base.model(input_ids=ids, position_ids=positions, use_cache=False).last_hidden_state
            logits = base.lm_head(hidden[at])  # (learned, vocabulary)
        else:
            logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits[at]
        return cross_entropy(logits.float(), labels[at], reduction="sum")


def mean_loss(loop: Loop, rows: Rows) -> float:
    """Return the mean cross-entropy of the learned tokens of some rows, in nats."""
    import torch  # noqa: PLC0415 - heavy

    loop.model.eval()
    with torch.no_grad():
        parts = np.array_split(np.arange(len(rows)), -(-len(rows) // loop.params.batch_rows))
        total = sum(summed_loss(loop.model, rows.take(part), loop.device, loop.cast).item() for part in parts)
    loop.model.train()
    return total / max(1, int((rows.labels != IGNORED).sum()))


def _evaluate(loop: Loop) -> None:
    if not loop.held.ids.size:
        return
    state = loop.state
    loss = mean_loss(loop, loop.held)
    state.point("loss/held-out", loss)
    if loss < state.best:
        state.best, state.waited = loss, 0
        loop.best_weights = {name: weight.detach().clone() for name, weight in learned(loop.model)}
        return
    state.waited += 1
    if state.waited >= loop.params.patience:
        state.stopped = f"early stop at step {state.step} of {loop.total}: the held-out loss no longer fell"


def _restore(loop: Loop) -> None:
    """Go back to the last weights that were good: the best held-out ones, else those of the last checkpoint."""
    if loop.best_weights:
        loop.model.load_state_dict(loop.best_weights, strict=False)
    elif not take_up_weights(loop):
        raise UserError(
            f"the loss was not a number after {loop.state.step} steps, and no earlier weights are there to go back to: "
            f"lower learning_rate {loop.params.rate:g}"
        )
