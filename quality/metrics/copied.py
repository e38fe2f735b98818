"""What of some texts stands word for word in the training texts: whole texts, and long runs of tokens.

Source: McCoy et al. 2023, How much do language models copy from their training data? (https://arxiv.org/abs/2111.09509)
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.core.ngram.vocabulary import token_lists
from tasks.core.ngram.windows import Windows, corpus

Ints = npt.NDArray[np.int64]


def copied(texts: Sequence[str], training: Sequence[str], run: int = 8) -> dict[str, float]:
    """Return the share of texts that are a training text, that hold a run of `run` or more tokens from one, and the
    mean length in tokens of the longest such run.

    Words and signs are compared, not the spaces between them.
    """
    if not texts:
        return {"copied": 0.0, f"copied_run_{run}": 0.0, "longest_run": 0.0}
    longest, lengths = _longest_runs(texts, training)
    return {
        "copied": float(np.mean(_is_training_text(texts, training, longest, lengths))),
        f"copied_run_{run}": float(np.mean(longest >= run)),
        "longest_run": float(longest.mean()),
    }


def _longest_runs(texts: Sequence[str], training: Sequence[str]) -> tuple[Ints, Ints]:
    """Return, for each text, the tokens of its longest run that stands in a training text, and all its tokens."""
    both = corpus(token_lists(texts), token_lists(training))
    lengths = both.lengths[: len(texts)]
    longest = np.zeros(len(texts), np.int64)
    for n, window in enumerate(both.windows(int(lengths.max(initial=1))), 1):
        rows = _rows_with_known(window, len(texts))
        if not len(rows):
            break
        longest[rows] = n
    return longest, lengths


def _rows_with_known(window: Windows, texts: int) -> Ints:
    """Return the rows of texts with an n-gram that a training text has too."""
    own = window.rows < texts
    known = np.zeros(window.kinds, bool)
    known[window.ids[~own]] = True
    return np.unique(window.rows[own][known[window.ids[own]]])


def _is_training_text(
    texts: Sequence[str], training: Sequence[str], longest: Ints, lengths: Ints
) -> npt.NDArray[np.bool_]:
    """Return which texts are a whole training text: only those that are one run from end to end can be."""
    rows = np.flatnonzero(longest == lengths)
    whole = {tuple(tokens) for tokens in token_lists(training).to_pylist()}
    candidates = token_lists([texts[row] for row in rows.tolist()]).to_pylist()
    found = np.zeros(len(texts), bool)
    found[rows] = [tuple(tokens) in whole for tokens in candidates]
    return found
