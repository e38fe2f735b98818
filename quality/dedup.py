"""An exact duplicate of a row that came before it, in order of shard and row.

What is compared is the row's content (its id), its text alone, or its text without differences of case, width and white
space. 64 bits of each are kept: at ten million records two different ones are taken for equal with probability 3e-6.

Source: Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better" (https://arxiv.org/abs/2107.06499)
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash
from pydantic import Field

from quality.rule import Rule, RuleParams
from quality.rules._text import Texts
from tasks.core.record import fingerprints, words_of

Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
By = Literal["content", "text", "normalized"]


class Params(RuleParams):
    """What makes two rows the same."""

    by: By = Field(
        "content",
        description="content: all that a model trains on; text: the words alone, whatever the label or spans; "
        "normalized: the words without differences of case, width and white space",
    )


class Seen:
    """The fingerprints of the shards added so far, in sorted runs of 8 bytes a record.

    Runs at least double in size from the newest to the oldest, so a fingerprint is merged at most log2(n) times and a
    lookup asks at most log2(n) runs (Bentley & Saxe 1980, https://doi.org/10.1016/0196-6774(80)90015-2).
    """

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    @property
    def nbytes(self) -> int:
        """Bytes held; a merge needs as many again while it runs."""
        return sum(run.nbytes for run in self._runs)

    @property
    def runs(self) -> int:
        """How many sorted runs a lookup asks."""
        return len(self._runs)

    def add(self, keys: Keys) -> Bools:
        """Return which of a shard's fingerprints (uint64) were not there before, and remember those.

        Of equal ones in the shard the first is kept.
        """
        keys = np.ascontiguousarray(keys, np.uint64)
        ordered = np.sort(keys)
        again = ordered[1:] == ordered[:-1]
        twice = np.unique(ordered[1:][again])
        fresh = np.concatenate([ordered[:1], ordered[1:][~again]])
        known = self._known(fresh)
        keep = np.ones(len(keys), bool)
        _drop_known(keep, keys, fresh[known])
        _drop_later(keep, keys, twice)
        self._remember(fresh[~known])
        return keep

    def _known(self, ordered: Keys) -> Bools:
        known = np.zeros(len(ordered), bool)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, ordered), len(run) - 1)
            known |= run[at] == ordered
        return known

    def _remember(self, run: Keys) -> None:
        if not len(run):
            return
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")  # merges two sorted halves in linear time
        self._runs.append(run)


def _members(keys: Keys, ordered: Keys) -> npt.NDArray[np.intp]:
    """Return the positions of the keys that are among `ordered` (sorted, not empty)."""
    at = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    return np.flatnonzero(ordered[at] == keys)


def _drop_known(keep: Bools, keys: Keys, known: Keys) -> None:
    if len(known):
        keep[_members(keys, known)] = False


def _drop_later(keep: Bools, keys: Keys, twice: Keys) -> None:
    if len(twice):
        where = _members(keys, twice)
        later = np.ones(len(where), bool)
        later[np.unique(keys[where], return_index=True)[1]] = False
        keep[where[later]] = False


def keep_masks(shards: Iterable[Keys | Callable[[], Keys]], seen: Seen | None = None) -> Iterator[Bools]:
    """Return each shard's keep mask, in order; a shard is its fingerprints, or a function that reads them when due."""
    seen = Seen() if seen is None else seen
    for shard in shards:
        yield seen.add(shard() if callable(shard) else shard)


def keys_of(batch: pa.RecordBatch, by: By = "content") -> Keys:
    """Return what deduplication compares of each row of a record batch (uint64)."""
    if by == "content":
        return fingerprints(batch.column("id"))
    words: Texts = words_of(batch)
    if by == "normalized":
        words = pa.array([normalized(text) for text in words.to_pylist()], pa.string())
    return hashed(words)


def hashed(texts: Texts) -> Keys:
    """Return the xxh3-64 of the UTF-8 of each text, none of them null (https://xxhash.com)."""
    digest = xxhash.xxh3_64_intdigest
    return np.array([digest(text) for text in texts.cast(pa.binary()).to_pylist()], np.uint64)


def normalized(text: str) -> str:
    """Return the text in lower case, without differences of width or composition, white space runs as one space.

    NFKC, case folding, NFKC again: folding can take a text out of normal form (Unicode Standard Annex 15).
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows of this batch, taken alone, repeat an earlier one of it."""
    mask: Any = ~Seen().add(keys_of(batch, params.by))
    return pa.array(mask, pa.bool_())


RULE = Rule(name="duplicate", version=1, params=Params, defect=defect, across=True)
