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
_TRIES = 4
_MATCH_TEXTS, _MATCH_WORDS = 4_000, 40_000
# Change of self-BLEU-4 with the temperature, measured on captions: the first step goes by it.
_USUAL_SLOPE = -1.3
# Below this change of self-BLEU-4 a slope is chance.
_FLAT = 0.01
# Above the seeds' own self-BLEU by this much, or with fewer distinct texts, samples are few texts over and over.
_COLLAPSED = 0.15
_DISTINCT = 0.8
_MANY_COPIES = 0.1
_FEWEST_SAMPLES = 100

Words = list[list[str]]
Sampler = Callable[[float, int], Sequence[str]]


def enough(seeds: Corpus, most: int) -> int:
    """Return how many samples to measure: as many as there are seeds, some hundred at least, `most` at most."""
    return min(most, max(_FEWEST_SAMPLES, len(seeds.texts)))


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of some samples, each in [0, 1]; `own_self_bleu` is that of as many of the seeds."""

    bleu: float
    self_bleu: float
    own_self_bleu: float
    distinct: float
    copied: float

    @property
    def collapsed(self) -> bool:
        return self.self_bleu > self.own_self_bleu + _COLLAPSED or self.distinct < _DISTINCT

    def figures(self) -> dict[str, float]:
        return {
            "bleu4_held_out": self.bleu,
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
    held = [text.split() for text in seeds.held_out_texts]
    copied = float(repeats(texts, seeds.texts).mean())
    if len(words) < 2 or len(own) < 2:
        return Quality(bleu(words, held) if words else 0.0, 1.0, 1.0, 1.0, copied)
    size = min(len(words), len(own))
    groups = _groups(words, size)
    distinct = float(np.mean([len(set(map(tuple, group))) / size for group in groups]))
    return Quality(bleu(words, held), _mean_self_bleu(groups), self_bleu(own[:size]), distinct, copied)


def _groups(words: Words, size: int) -> list[Words]:
    """Return as many groups of `size` texts as there are: self-BLEU grows with the number of texts."""
    return [words[at : at + size] for at in range(0, len(words) - size + 1, size)]


def _mean_self_bleu(groups: Sequence[Words]) -> float:
    return float(np.mean([self_bleu(group) for group in groups]))


def _own(seeds: Corpus) -> Words:
    return [text.split() for text in seeds.texts[:REPORT_TEXTS]]


def matching_temperature(sampler: Sampler, seeds: Corpus) -> float:
    """Return the temperature at which samples are as diverse, by self-BLEU-4, as as many of the seeds; 1 for few seeds.

    Temperature trades quality for diversity (Caccia et al. 2020, Language GANs Falling Short,
    https://arxiv.org/abs/1811.02549); this is the point of that curve where the seeds themselves lie, found by steps of
    the secant method.
    """
    own = [text.split() for text in seeds.texts[: _matched(seeds)]]
    if len(own) < _FEWEST_TO_MATCH:
        return 1.0
    target, low, high = self_bleu(own), *_TEMPERATURES
    tried: list[tuple[float, float]] = []
    at = 1.0
    for _ in range(_TRIES):
        words = [text.split() for text in sampler(at, max(len(own), LOOK_TEXTS)) if text.strip()]
        groups = _groups(words, min(len(own), len(words)))
        tried.append((at, (_mean_self_bleu(groups) if len(words) > 1 else 0.0) - target))
        at = float(np.clip(at - tried[-1][1] / _slope(tried), low, high))
    return round(at, 3)


def _matched(seeds: Corpus) -> int:
    """Return how many texts to match: enough for a steady figure, not so many that long texts take minutes."""
    mean = float(np.mean(seeds.train.lengths)) if len(seeds.train) else 1.0
    return int(min(_MATCH_TEXTS, max(LOOK_TEXTS, _MATCH_WORDS / max(1.0, mean))))


def _slope(tried: Sequence[tuple[float, float]]) -> float:
    """Return by how much self-BLEU changes with the temperature: it always falls."""
    if len(tried) < 2 or tried[-1][0] == tried[-2][0]:
        return _USUAL_SLOPE
    (a, at_a), (b, at_b) = tried[-2:]
    return min((at_b - at_a) / (b - a), _USUAL_SLOPE / 4)


def bleu_as_diverse(sampler: Sampler, texts: int, seeds: Corpus) -> tuple[float, Quality]:
    """Return BLEU-4 where samples would be as diverse as the seeds, and the figures at temperature 1.

    Along the line through temperatures 1 and 0.9: a writer that is better only for being sharper does not gain by it.
    """
    plain, sharp = (quality(sampler(at, texts), seeds) for at in (1.0, 0.9))
    run = sharp.self_bleu - plain.self_bleu
    slope = (sharp.bleu - plain.bleu) / run if run > _FLAT else 0.0
    return plain.bleu + slope * (plain.own_self_bleu - plain.self_bleu), plain


def in_words(figures: Mapping[str, float]) -> str:
    """Return the line of the report that says how good and how diverse the samples are."""
    return (
        f"samples: BLEU-4 {figures['bleu4_held_out']:.3f} against held-out texts, self-BLEU-4"
        f" {figures['self_bleu4']:.3f} (the seeds' own {figures['self_bleu4_of_seeds']:.3f}),"
        f" {figures['distinct']:.1%} distinct, {figures['copied']:.1%} copied from a seed"
    )
