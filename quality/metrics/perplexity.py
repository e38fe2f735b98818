"""Perplexity under an n-gram model, both ways: of the texts given the real ones, and of the real ones given the texts.

Source: Zhao et al. 2018, Adversarially regularized autoencoders (https://arxiv.org/abs/1706.04223): forward and reverse
perplexity
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tasks.core.ngram.build import Build, build, read_texts
from tasks.core.ngram.model import Model
from tasks.core.ngram.scoring import Perplexity, perplexity

ORDER = 4


def forward_perplexity(texts: Sequence[str], references: Sequence[str], order: int = ORDER) -> Perplexity:
    """Return the perplexity of texts under a model of the references: low where they read like those.

    Texts that all say the same usual thing score well: read it beside the reverse.
    """
    return _trained_on(references, texts, order)


def reverse_perplexity(texts: Sequence[str], references: Sequence[str], order: int = ORDER) -> Perplexity:
    """Return the perplexity of references under a model of the texts: low where the texts cover what is real.

    It falls with the amount of text: compare equal numbers of texts only.
    """
    return _trained_on(texts, references, order)


def perplexities(texts: Sequence[str], references: Sequence[str], order: int = ORDER) -> dict[str, float]:
    """Return both, with the share of words that the model did not know and that neither figure counts."""
    forward, reverse = forward_perplexity(texts, references, order), reverse_perplexity(texts, references, order)
    return {
        "forward_perplexity": forward.value,
        "forward_unknown": forward.unknown / forward.words,
        "reverse_perplexity": reverse.value,
        "reverse_unknown": reverse.unknown / reverse.words,
    }


def _trained_on(training: Sequence[str], measured: Sequence[str], order: int) -> Perplexity:
    """Return the perplexity of `measured` under a modified Kneser-Ney model of `training`; UserError without words."""
    how = Build(order)
    with tempfile.TemporaryDirectory(prefix="tilth-perplexity-") as place:
        folder, scratch = Path(place) / "model", Path(place) / "counting"
        folder.mkdir()
        scratch.mkdir()
        build(read_texts(training, how, scratch), how, folder, scratch)
        return perplexity(Model.load(folder, how.cutter), measured)
