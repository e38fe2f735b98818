"""A flat array of numbers on disk: written block by block, read block by block or mapped into memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# Elements of one block: what a pass over an array holds in memory at once, some tens of megabytes.
BLOCK = 1 << 22

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Flat:
    """The numbers of one type in a file without a header; little-endian, as on every machine that we run on."""

    path: Path
    dtype: str

    def append(self, values: Array) -> None:
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(values, self.dtype).data)

    def __len__(self) -> int:
        return self.path.stat().st_size // np.dtype(self.dtype).itemsize if self.path.exists() else 0

    def read(self, start: int = 0, stop: int | None = None) -> Array:
        """Return a copy of the numbers from `start` to before `stop`; nothing of the file stays mapped."""
        stop = len(self) if stop is None else stop
        if stop <= start:
            return np.empty(0, self.dtype)
        size = np.dtype(self.dtype).itemsize
        return np.fromfile(self.path, self.dtype, stop - start, offset=start * size)

    def mapped(self) -> Array:
        """Return the numbers as a read-only map of the file."""
        if not len(self):
            return np.empty(0, self.dtype)
        # As a plain array: the class memmap costs a Python call on every look-up.
        return np.asarray(np.memmap(self.path, self.dtype, "r"))

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def blocks(length: int, size: int = BLOCK) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of each block of a length."""
    for start in range(0, length, size):
        yield start, min(start + size, length)
