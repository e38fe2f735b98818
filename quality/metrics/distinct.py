"""Distinct-n: how many of the n-grams of some texts are different ones.

Source: Li et al. 2016, A diversity-promoting objective function for neural conversation models
(https://aclanthology.org/N16-1014)
"""

from collections.abc import Sequence

from tasks.core.ngram.vocabulary import token_lists
from tasks.core.ngram.windows import corpus

ORDERS = (1, 2, 3)


def distinct(texts: Sequence[str], orders: Sequence[int] = ORDERS) -> dict[str, float]:
    """Return `distinct_1`, `distinct_2` ...: different n-grams over all n-grams, in [0, 1]; 0.0 where there are none.

    It falls with the amount of text: compare equal numbers of texts only.
    """
    windows = corpus(token_lists(texts)).windows(max(orders))
    shares = {n: window.kinds / len(window.ids) if len(window.ids) else 0.0 for n, window in enumerate(windows, 1)}
    return {f"distinct_{n}": shares[n] for n in orders}


def distinct_texts(texts: Sequence[str]) -> float:
    """Return the share of texts that are different ones, in [0, 1]."""
    return len(set(texts)) / len(texts) if texts else 0.0
