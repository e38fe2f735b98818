"""What a model's samples are good and bad at, against the texts it was trained on and those held out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.bleu import bleu, self_bleu
from tasks.methods.models._corpus import Corpus, repeats

# Texts that a look while training samples, and that the temperature and the report are measured on.
LOOK_TEXTS = 500
REPORT_TEXTS = 2_000
# Below this many texts their own diversity is too uncertain to set a temperature by.
_FEWEST_TO_MATCH = 100
_TEMPERATURES = (0.5, 1.5)
_HALVINGS = 5
_MATCH_TEXTS = 1_000
# Above the seeds' own self-BLEU by this much, or with fewer distinct texts, samples are few texts over and over.
_COLLAPSED = 0.15
_DISTINCT = 0.8
_MANY_COPIES = 0.1

_FEWEST_SAMPLES = 100

Sampler = Callable[[float, int], Sequence[str]]


def enough(seeds: Corpus, most: int) -> int:
    """Return how many samples to measure: as many as there are seeds, some hundred at least, `most` at most."""
    return min(most, max(_FEWEST_SAMPLES, len(seeds.texts)))


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of some samples, each in [0, 1]; `own_self_bleu` is that of as many of the seeds.

    Backward BLEU scores the held-out texts against the samples, so it falls where these say only some of what there is;
    the harmonic mean of the two takes quality and diversity in one number (Shi et al. 2018,
    https://arxiv.org/abs/1804.11258).
    """

    bleu: float
    backward_bleu: float
    self_bleu: float
    own_self_bleu: float
    distinct: float
    copied: float

    @property
    def harmonic(self) -> float:
        both = self.bleu + self.backward_bleu
        return 2 * self.bleu * self.backward_bleu / both if both else 0.0

    @property
    def collapsed(self) -> bool:
        return self.self_bleu > self.own_self_bleu + _COLLAPSED or self.distinct < _DISTINCT

    def figures(self) -> dict[str, float]:
        return {
            "bleu4_held_out": self.bleu,
            "bleu4_backward": self.backward_bleu,
            "self_bleu4": self.self_bleu,
            "self_bleu4_of_seeds": self.own_self_bleu,
            "distinct": self.distinct,
            "copied": self.copied,
        }

    def notes(self) -> list[str]:
        """Return what of these figures a person should know, in words."""
        notes = []
        if self.collapsed:
            notes.append(
                f"mode collapse: the samples say few things over and over (self-BLEU-4 {self.self_bleu:.2f}, the seeds'"
                f" own {self.own_self_bleu:.2f}; {self.distinct:.0%} of the samples are distinct)"
            )
        if self.copied > _MANY_COPIES:
            notes.append(
                f"{self.copied:.0%} of the samples repeat a seed word for word: `reject_copied` keeps them out, more"
                " seeds or fewer steps would make fewer"
            )
        return notes


def quality(texts: Sequence[str], seeds: Corpus) -> Quality:
    """Return the figures of sampled texts, measured in words between spaces, as Texygen has them."""
    words = [text.split() for text in texts if text.strip()]
    own = _own(seeds)
    if len(words) < 2 or len(own) < 2:
        held = [text.split() for text in seeds.held_out_texts]
        one = bleu(words, held) if words else 0.0
        return Quality(one, one, 1.0, 1.0, 1.0, float(repeats(texts, seeds.texts).mean()))
    held = [text.split() for text in seeds.held_out_texts]
    size = min(len(words), len(own))
    groups = [words[at : at + size] for at in range(0, len(words) - size + 1, size)]
    return Quality(
        bleu(words, held),
        bleu(held, words),
        float(np.mean([self_bleu(group) for group in groups])),
        self_bleu(own[:size]),
        float(np.mean([len(set(map(tuple, group))) / size for group in groups])),
        float(repeats(texts, seeds.texts).mean()),
    )


def _own(seeds: Corpus) -> list[list[str]]:
    return [text.split() for text in seeds.texts[:REPORT_TEXTS]]


def matching_temperature(sampler: Sampler, seeds: Corpus) -> float:
    """Return the temperature at which samples are as diverse, by self-BLEU-4, as as many of the seeds; 1 for few seeds.

    Temperature trades quality for diversity (Caccia et al. 2020, Language GANs Falling Short,
    https://arxiv.org/abs/1811.02549); this is the point of that curve where the seeds themselves lie.
    """
    own = _own(seeds)[:_MATCH_TEXTS]
    if len(own) < _FEWEST_TO_MATCH:
        return 1.0
    target = self_bleu(own)
    low, high = _TEMPERATURES
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        words = [text.split() for text in sampler(middle, max(len(own), LOOK_TEXTS)) if text.strip()]
        groups = [words[at : at + len(own)] for at in range(0, len(words) - len(own) + 1, len(own))]
        found = float(np.mean([self_bleu(group) for group in groups])) if groups else 0.0
        low, high = (middle, high) if found > target else (low, middle)
    return round((low + high) / 2, 3)


def in_words(figures: Mapping[str, float]) -> str:
    """Return the line of the report that says how good and how diverse the samples are."""
    return (
        f"samples: BLEU-4 {figures['bleu4_held_out']:.3f} against held-out texts, self-BLEU-4"
        f" {figures['self_bleu4']:.3f} (the seeds' own {figures['self_bleu4_of_seeds']:.3f}),"
        f" {figures['distinct']:.1%} distinct, {figures['copied']:.1%} copied from a seed"
    )
