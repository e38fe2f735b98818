"""How many words of a row speak for each sense of a word in it (Lesk 1986)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.methods.augment._lexicon import Ints as Cues
from tasks.methods.augment._synonyms_rows import spread

Ints = npt.NDArray[np.int64]
# Cells of the table of rows by cues that is filled at a time: it should stay near the processor.
_CELLS = 1 << 24


def met(row: Ints, places: Ints, sense: Ints, cues: Sequence[Cues], cue: Ints) -> Ints:
    """Return how many different cues of each (place, sense) pair stand in the row of the place; `places` ascend.

    `row` and `cue` are the row of each word and its number among the cues, -1 for none.
    """
    flat = np.concatenate(cues).astype(np.int64)
    sizes = np.array([len(each) for each in cues], np.int64)
    used = np.flatnonzero(cue >= 0)
    span = max(int(cue.max(initial=0)), int(flat.max(initial=0))) + 1
    # Cues that no word of the batch is cannot be met; the others are numbered anew, close together.
    here = np.zeros(span, np.bool_)
    here[cue[used]] = True
    owner, flat = np.repeat(np.arange(len(sizes)), sizes)[here[flat]], flat[here[flat]]
    sizes = np.bincount(owner, minlength=len(sizes))
    number = np.cumsum(here) - 1
    width = max(1, int(here.sum()))
    table = _Table(row[used], number[cue[used]], width)
    return table.met(row[places], sense, (number[flat], np.cumsum(sizes) - sizes, sizes))


class _Table:
    """Which cues each row has; the part for some rows is filled when it is asked for."""

    def __init__(self, row: Ints, cue: Ints, width: int) -> None:
        self._row, self._cue, self._width = row, cue, width

    def met(self, rows: Ints, sense: Ints, cues: tuple[Ints, Ints, Ints]) -> Ints:
        flat, at, sizes = cues
        found = np.zeros(len(rows), np.int64)
        step = max(1, _CELLS // self._width)
        last = int(rows[-1]) + 1 if len(rows) else 0
        for low in range(int(rows[0]) if len(rows) else 0, last, step):
            high = min(low + step, last)
            begin, end = np.searchsorted(rows, (low, high))
            if begin == end:
                continue
            cells = np.zeros((high - low) * self._width, np.bool_)
            first, stop = np.searchsorted(self._row, (low, high))
            cells[(self._row[first:stop] - low) * self._width + self._cue[first:stop]] = True
            many = sizes[sense[begin:end]]
            pair = np.repeat(np.arange(end - begin), many)
            cell = np.repeat((rows[begin:end] - low) * self._width, many) + flat[spread(at[sense[begin:end]], many)]
            found[begin:end] = np.bincount(pair[cells[cell]], minlength=end - begin)
        return found
