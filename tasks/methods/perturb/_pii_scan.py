"""Run every pattern once over a whole batch: texts that cannot match are left out by their bytes, the rest are joined.

A pattern is thus started once for each batch and not once for each text, and reads only texts that may hold its type.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.perturb._pii_patterns import Detector

# (piece, start, end, type, priority): offsets in code points; of two on the same words the lower priority is taken.
Hit = tuple[int, int, int, str, int]
Masks = npt.NDArray[np.bool_]
PATTERN = 2
_JOINT = "\x00"


class Texts:
    """The texts of a batch, what their bytes say, and the texts that pass a test joined into one."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.array = pa.array(texts, pa.large_string())
        self._joined: dict[bytes, tuple[str, npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
        self._masks: dict[object, Masks] = {}
        offsets = np.frombuffer(self.array.buffers()[1], np.int64, len(texts) + 1)
        data = self.array.buffers()[2]
        self._starts = offsets[:-1] - offsets[0]
        self._ends = offsets[1:] - offsets[0]
        self._bytes = np.frombuffer(data, np.uint8, int(offsets[-1])) if data else np.zeros(0, np.uint8)

    def may_hold(self, detector: Detector) -> Masks:
        """Return which texts a detector has to read."""
        mask = np.ones(len(self.texts), bool)
        if detector.digits:
            mask &= self.digits() >= detector.digits
        for mark in detector.marks:
            mask &= self._cached(mark, lambda mark=mark: self._count(self._bytes == ord(mark)) > 0)
        return mask & self._words(detector.words, mask) if detector.words else mask

    def digits(self) -> npt.NDArray[np.int64]:
        """Return how many ASCII digits each text has."""
        return self._cached("digits", lambda: self._count((self._bytes >= ord("0")) & (self._bytes <= ord("9"))))

    def find(self, pattern: re.Pattern[str], mask: Masks) -> list[tuple[int, re.Match[str], int]]:
        """Return each match with the number of its text and where that starts; one across two texts is none."""
        key = mask.tobytes()
        if key not in self._joined:
            self._joined[key] = self._join(mask)
        whole, rows, starts = self._joined[key]
        matches = list(pattern.finditer(whole))
        if not matches:
            return []
        begins = np.array([match.start() for match in matches], np.int64)
        ends = np.array([match.end() for match in matches], np.int64)
        at = np.searchsorted(starts, begins, side="right") - 1
        limit = np.append(starts[1:] - 1, len(whole))[at]
        inside = np.flatnonzero((ends <= limit) & (ends > begins))
        return [(int(rows[at[i]]), matches[i], int(starts[at[i]])) for i in inside.tolist()]

    def _join(self, mask: Masks) -> tuple[str, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        rows = np.flatnonzero(mask)
        chosen = [self.texts[row] for row in rows.tolist()]
        sizes = np.array([len(text) + 1 for text in chosen], np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if chosen else np.zeros(0, np.int64)
        return _JOINT.join(chosen), rows, starts

    def _count(self, of: Masks) -> npt.NDArray[np.int64]:
        total = np.concatenate([[0], np.cumsum(of, dtype=np.int64)])
        return total[self._ends] - total[self._starts]

    def _words(self, words: str, mask: Masks) -> Masks:
        """Return which of the texts in `mask` match an RE2 expression; only those are read."""
        key = (words, mask.tobytes())
        if key not in self._masks:
            rows = np.flatnonzero(mask)
            found = np.zeros(len(mask), bool)
            if len(rows):
                part = self.array if len(rows) == len(mask) else self.array.take(pa.array(rows))
                found[rows] = pc.match_substring_regex(part, words).to_numpy(zero_copy_only=False)
            self._masks[key] = found
        return self._masks[key]

    def _cached(self, key: object, make):  # noqa: ANN001, ANN202 (a mask or counts, as `make` returns)
        if key not in self._masks:
            self._masks[key] = make()
        return self._masks[key]


def scan(texts: Texts, detectors: Sequence[Detector]) -> list[Hit]:
    """Return what the detectors find, in no particular order."""
    hits: list[Hit] = []
    for detector in detectors:
        mask = texts.may_hold(detector)
        if not mask.any():
            continue
        for piece, match, start in texts.find(detector.pattern, mask):
            if detector.valid is None or detector.valid(match):
                begin, end = match.span(detector.group)
                if detector.type == "URL":
                    end = _trimmed(match.string, begin, end)
                hits.append((piece, begin - start, end - start, detector.type, PATTERN))
    return hits


def _trimmed(whole: str, begin: int, end: int) -> int:
    """Return the end of a URL without the sentence's own marks."""
    while end > begin and (whole[end - 1] in ".,;:!?'*]" or (whole[end - 1] == ")" and "(" not in whole[begin:end])):
        end -= 1
    return end
