"""BLEU against held-out references, and self-BLEU: how like the real texts they are, and how like each other.

Source: Zhu et al. 2018, Texygen (https://arxiv.org/abs/1802.01886)
"""

from collections.abc import Sequence

from tasks.core.bleu import self_scores, sentence_scores
from tasks.core.ngram.vocabulary import token_lists

ORDERS = (2, 3, 4, 5)


def bleu(texts: Sequence[str], references: Sequence[str], orders: Sequence[int] = ORDERS) -> dict[str, float]:
    """Return `bleu_2`, `bleu_3` ...: the mean sentence BLEU of the texts, each against all references, in [0, 1].

    High where every text is made of what the references say; it does not see that all texts may say the same.
    """
    scores = sentence_scores(token_lists(texts), token_lists(references), max(orders)).mean(axis=1)
    return {f"bleu_{n}": float(scores[n - 1]) for n in orders}


def self_bleu(texts: Sequence[str], orders: Sequence[int] = ORDERS) -> dict[str, float]:
    """Return `self_bleu_2`, `self_bleu_3` ...: the mean sentence BLEU of each text against all others; 1: all alike."""
    scores = self_scores(token_lists(texts), max(orders)).mean(axis=1)
    return {f"self_bleu_{n}": float(scores[n - 1]) for n in orders}
