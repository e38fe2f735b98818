"""Copies of a small model that share its weights and train side by side, a CPU core each."""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tasks.methods.llm._finetune_pack import Ints


class Workers:
    """Copies of a model that share its weights, each in a thread of its own, whose gradients are added up in order.

    For small models on a CPU this is faster than many threads in each operation, and does not stall where a core is
    busy with something else.
    """

    def __init__(self, model: Any, count: int) -> None:
        self.models = [model, *(_sharing(model) for _ in range(count - 1))]
        self._threads = ThreadPoolExecutor(count) if count > 1 else None

    def run(self, backward: Callable[[Any, Ints], float], parts: Sequence[Ints]) -> list[float]:
        """Return the loss of each part; the gradients of all of them are the first model's when this returns."""
        if self._threads is None:
            return [backward(self.models[0], part) for part in parts]
        turns = [parts[at :: len(self.models)] for at in range(len(self.models))]
        one = [
            self._threads.submit(lambda model, turn: [backward(model, part) for part in turn], model, turn)
            for model, turn in zip(self.models, turns, strict=True)
        ]
        losses = [loss for each in one for loss in each.result()]
        self._add_up()
        return losses

    def together(self, work: Sequence[Callable[[], Any]]) -> None:
        """Do pieces of work that touch nothing of each other, side by side."""
        if self._threads is None:
            for each in work:
                each()
            return
        for done in [self._threads.submit(each) for each in work]:
            done.result()

    def _add_up(self) -> None:
        first, *others = ([w for w in model.parameters() if w.requires_grad] for model in self.models)
        for other in others:
            for own, copied in zip(first, other, strict=True):
                if copied.grad is not None:
                    own.grad = copied.grad if own.grad is None else own.grad.add_(copied.grad)
                    copied.grad = None

    def close(self) -> None:
        """End the threads."""
        if self._threads:
            self._threads.shutdown()


def _sharing(model: Any) -> Any:
    """Return a copy whose weights are the model's own memory."""
    twin = copy.deepcopy(model)
    for own, copied in zip(model.parameters(), twin.parameters(), strict=True):
        copied.data = own.data
    return twin
