"""Methods side by side on the same seeds: figures for each, and which is best for what one cares about.

Each aim is judged by ranks among the methods compared, so that figures of different units can be weighed against each
other: 1.0 is the best of them in everything that the aim looks at, 0.0 the last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quality.metrics.bleu import bleu, self_bleu
from quality.metrics.copied import copied
from quality.metrics.distinct import distinct, distinct_texts
from quality.metrics.perplexity import perplexities

# What each aim looks at; True where more is better.
AIMS: Final[Mapping[str, Mapping[str, bool]]] = {
    "quality": {"forward_perplexity": False, "bleu_4": True, "accepted_share": True},
    "quantity": {"made_share": True},
    "diversity": {"self_bleu_4": False, "distinct_2": True, "reverse_perplexity": False},
    "privacy": {"copied": False, "copied_run_8": False},
    "cost": {"seconds_per_1000": False, "usd_per_1000": False},
}
FIGURES: Final = tuple(name for looked_at in AIMS.values() for name in looked_at)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A method with its figures, its rank in each aim, and its weighed score, all ranks in [0, 1]."""

    method: str
    figures: Mapping[str, float]
    aims: Mapping[str, float]
    score: float


def measure(texts: Sequence[str], training: Sequence[str], held_out: Sequence[str]) -> dict[str, float]:
    """Return the figures of some texts, made of the `training` seeds, against seeds that no method has seen.

    Perplexity, BLEU and distinct-n depend on how many texts there are: hand in equal numbers for methods to compare.
    """
    return {
        **perplexities(texts, held_out),
        **bleu(texts, held_out, (4,)),
        **self_bleu(texts, (4,)),
        **distinct(texts, (2,)),
        "distinct_texts": distinct_texts(texts),
        **copied(texts, training),
    }


def ranked(figures: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]) -> list[Ranked]:
    """Return the methods, the best first; equal ones by name. ValueError for a weight below 0, or none above."""
    if any(weight < 0 for weight in weights.values()) or sum(weights.values()) <= 0:
        raise ValueError(f"weights {dict(weights)}: none may be below 0, and one must be above")
    names = sorted(figures)
    aims = {
        aim: np.mean(
            [_ranks([figures[name][key] for name in names], more=more) for key, more in looked.items()], axis=0
        )
        for aim, looked in AIMS.items()
    }
    total = sum(weights.get(aim, 0.0) for aim in AIMS)
    found = []
    for row, name in enumerate(names):
        mine = {aim: float(values[row]) for aim, values in aims.items()}
        score = sum(weights.get(aim, 0.0) * value for aim, value in mine.items()) / total
        found.append(Ranked(name, figures[name], mine, score))
    return sorted(found, key=lambda one: (-one.score, one.method))


def _ranks(values: Sequence[float], *, more: bool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the share of the others that each value is better than, ties counted half; 0.5 where there is no other."""
    column = np.asarray(values, float) * (1 if more else -1)
    if len(column) == 1:
        return np.array([0.5])
    better = (column[:, None] > column[None, :]).sum(axis=1)
    equal = (column[:, None] == column[None, :]).sum(axis=1) - 1
    return np.asarray((better + equal / 2) / (len(column) - 1), float)


def markdown(rows: Sequence[Ranked], real: Mapping[str, float], weights: Mapping[str, float]) -> str:
    """Return the report: who is best for these weights, the aims, and every figure beside that of real texts."""
    weighed = ", ".join(f"{aim} {weight:g}" for aim, weight in weights.items())
    lines = [f"**Best for these weights ({weighed}): `{rows[0].method}`**, score {rows[0].score:.2f}.", ""]
    lines += ["| method | score | " + " | ".join(AIMS) + " |", "|---|--:|" + "--:|" * len(AIMS)]
    lines += [f"| `{r.method}` | {r.score:.2f} | " + " | ".join(f"{r.aims[a]:.2f}" for a in AIMS) + " |" for r in rows]
    lines += ["", "Scores are ranks among these methods: 1.00 is the best of them, 0.00 the last.", ""]
    lines += ["| figure | better | seeds | " + " | ".join(f"`{r.method}`" for r in rows) + " |"]
    lines += ["|---|---|--:|" + "--:|" * len(rows)]
    for looked in AIMS.values():
        for name, more in looked.items():
            seeds = f"{real[name]:.3g}" if name in real else "-"
            values = " | ".join(f"{r.figures[name]:.3g}" for r in rows)
            lines.append(f"| {name} | {'more' if more else 'less'} | {seeds} | {values} |")
    return "\n".join(lines) + "\n"
