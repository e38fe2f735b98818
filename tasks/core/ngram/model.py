"""An n-gram model: flat arrays in a folder, mapped into memory, so that a large one costs what is touched of it.

`model.json` describes it, `words.arrow` are its words, and each order n has, in files of plain numbers:

- keys (int64, sorted): number of the first n-1 words << bits | number of the last word; an n-gram's number is its rank
- prob (float32): the interpolated probability of the last word after the others
- cumulative (float64): context number + running sum of what the context itself gives to its words: to sample from
- suffix (int32): number of the last n-1 words
- backoff (float32), first (uint32): of the n-gram as a context: the weight of the shorter one, and where the n-grams
  that it starts begin

Source of the structure: a trie by rank as in Pauls & Klein 2011, Faster and smaller n-gram language models
(https://aclanthology.org/P11-1027)
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tasks.core.errors import UserError
from tasks.core.ngram.flat import Flat
from tasks.core.ngram.vocabulary import Cutter, Vocabulary

Ints = npt.NDArray[np.int64]
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Description:
    """What a model says of itself: n-grams per order; discounts for counts of 1, 2, and 3 or more, per order.

    `unknown` is how many words of the training text were too rare to be known.
    """

    order: int
    bits: int
    smoothing: str
    sizes: tuple[int, ...]
    discounts: tuple[tuple[float, ...], ...]
    estimated: tuple[bool, ...]
    unknown: int = 0

    def save(self, folder: Path) -> None:
        (folder / "model.json").write_text(json.dumps({"format": _FORMAT, **asdict(self)}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the description in a folder; UserError where there is none, or one of another format."""
        path = folder / "model.json"
        if not path.is_file():
            raise UserError(f"'{folder}' holds no n-gram model: no model.json")
        value = json.loads(path.read_text(encoding="utf-8"))
        if value.pop("format", None) != _FORMAT:
            raise UserError(f"'{folder}' holds a model of another format; train it again")
        lists = ("sizes", "estimated")
        value |= {name: tuple(value[name]) for name in lists}
        return cls(**{**value, "discounts": tuple(tuple(row) for row in value["discounts"])})


@dataclass(frozen=True, slots=True)
class Columns:
    """The files of one order."""

    keys: Flat
    prob: Flat
    cumulative: Flat
    suffix: Flat
    backoff: Flat
    first: Flat

    @classmethod
    def of(cls, folder: Path, n: int) -> Self:
        types = {"keys": "i8", "prob": "f4", "cumulative": "f8", "suffix": "i4", "backoff": "f4", "first": "u4"}
        return cls(**{name: Flat(folder / f"{name}-{n}", dtype) for name, dtype in types.items()})


@dataclass(frozen=True, slots=True)
class Level:
    """The arrays of one order, mapped; `backoff` and `first` are empty in the highest."""

    keys: npt.NDArray[np.int64]
    prob: npt.NDArray[np.float32]
    cumulative: npt.NDArray[np.float64]
    suffix: npt.NDArray[np.int32]
    backoff: npt.NDArray[np.float32]
    first: npt.NDArray[np.uint32]

    def find(self, keys: Ints) -> Ints:
        """Return the number of the n-gram with each key, -1 where there is none."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found: Ints = np.where(self.keys[at] == keys, at, -1)
        return found


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready for use: `levels[n - 1]` is order n."""

    description: Description
    vocabulary: Vocabulary
    levels: tuple[Level, ...]

    @property
    def order(self) -> int:
        return self.description.order

    @property
    def bits(self) -> int:
        return self.description.bits

    @classmethod
    def load(cls, folder: Path, cutter: Cutter) -> Self:
        """Return the model in a folder, its arrays mapped."""
        description = Description.load(folder)
        levels = [_mapped(Columns.of(folder, n)) for n in range(1, description.order + 1)]
        return cls(description, Vocabulary.load(folder / "words.arrow", cutter), tuple(levels))


def _mapped(columns: Columns) -> Level:
    arrays: dict[str, Any] = {name: getattr(columns, name).mapped() for name in Columns.__dataclass_fields__}
    return Level(**arrays)


def bits_for(words: int) -> int:
    """Return the width of a word number: 31 bits at most, so that a number of an n-gram and a word fit in 63."""
    return max(1, (words - 1).bit_length())
