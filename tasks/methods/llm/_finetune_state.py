"""How far a fine-tuning has come."""

import math
from dataclasses import dataclass, field


@dataclass(slots=True)
class State:
    """What a training has come to: all that a checkpoint holds beside weights and optimizers."""

    step: int = 0
    tokens: int = 0
    waited: int = 0
    best: float = math.inf
    seconds: float = 0.0
    stopped: str = ""
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def point(self, name: str, value: float) -> None:
        """Add a point to a curve."""
        self.curves.setdefault(name, []).append((float(self.step), value))
