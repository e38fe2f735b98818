"""Words that are part of a fixed expression ("out of stock", "ice cream"): none of them is replaced."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_LONGEST = 4


class Expressions:
    """Expressions of two to four words, as rows of word numbers by length."""

    def __init__(self, expressions: Iterable[str]) -> None:
        self._number: dict[str, int] = {}
        listed: dict[int, list[list[int]]] = {}
        for expression in dict.fromkeys(expressions):
            parts = expression.split()
            if 1 < len(parts) <= _LONGEST:
                row = [self._number.setdefault(part, len(self._number)) for part in parts]
                listed.setdefault(len(parts), []).append(row)
        self._listed = {length: np.array(rows, np.int64) for length, rows in sorted(listed.items())}

    def inside(self, code: Ints, joined: Mask, forms: list[str]) -> Mask:
        """Return which words stand in one of the expressions; `code` numbers the words' forms."""
        found = np.zeros(len(code), np.bool_)
        local = np.full(len(self._number), -1, np.int64)
        for at, form in enumerate(forms):
            if (number := self._number.get(form)) is not None:
                local[number] = at
        for length, rows in self._listed.items():
            known = local[rows]
            known = known[(known >= 0).all(axis=1)]
            if len(known):
                heads = _starts(code, joined, known, len(forms))
                for step in range(length):
                    found[heads + step] = True
        return found


def _starts(code: Ints, joined: Mask, known: npt.NDArray[Any], base: int) -> Ints:
    """Return where one of the sequences of codes starts: pairs of codes are ranked, then those with the next code."""
    length = known.shape[1]
    begins = np.zeros(base, np.bool_)
    begins[known[:, 0]] = True
    at = np.flatnonzero(begins[code[: max(len(code) - length + 1, 0)]])
    for step in range(length - 1):
        at = at[joined[at + step]]
    fold_known, fold = known[:, 0], code[at]
    for step in range(1, length):
        fold_known, fold = fold_known * base + known[:, step], fold * base + code[at + step]
        ranks = np.unique(fold_known)
        fold_known = np.searchsorted(ranks, fold_known)
        spot = np.minimum(np.searchsorted(ranks, fold), len(ranks) - 1)
        hit = ranks[spot] == fold
        at, fold = at[hit], spot[hit]
    return at
