"""ROUGE-L against a whole pool: which text of it is the most similar one, exactly, if any reaches a threshold.

F = 2 LCS / (m + n), over the words [a-z0-9]+ of lower-cased texts of m and n words (Lin 2004,
https://aclanthology.org/W04-1013/), as `rouge_score` has it without its stemmer. Three steps, each exact:

1. A pair that reaches the threshold shares many words. Of the query's words, the rarest are looked up in an inverted
   index; the rest are so few that a text without enough of the rare ones cannot reach it (prefix filtering, Chaudhuri
   et al. 2006, https://doi.org/10.1109/ICDE.2006.9).
2. Two lengths that are too far apart cannot reach it either.
3. What is left, usually a handful, gets its LCS in 64-bit words, all candidates at once (Hyyrö 2004, "Bit-parallel
   LCS-length computation revisited").
"""

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

_WORD = re.compile(r"[a-z0-9]+")
# Candidates of one LCS block: bounds the memory of a query that resembles the whole pool.
_BLOCK = 8192
_ALL = np.uint64(2**64 - 1)


@dataclass(frozen=True, slots=True)
class Near:
    """The most similar text of a pool, its number in the order of adding, and its F-measure."""

    text: str
    number: int
    score: float


def words_of(text: str) -> list[str]:
    """Return the words that ROUGE compares."""
    return _WORD.findall(text.lower())


def rouge_l(first: str, second: str) -> float:
    """Return the ROUGE-L F-measure of two texts, in [0, 1]; 0.0 where one has no words."""
    pool = RougePool(1e-9)
    pool.add(first)
    near = pool.nearest(second)
    return near.score if near else 0.0


class RougePool:
    """Texts, and the one of them that is nearest to another text.

    `threshold`, in (0, 1], is taken as the decimal that it is written as: 0.7 is reached by 7 of 10 words, whatever the
    rounding of floats makes of it.
    """

    def __init__(self, threshold: float) -> None:
        exact = Fraction(str(threshold))
        if not 0 < exact <= 1:
            raise ValueError(f"threshold {threshold} is outside (0, 1]")
        self.threshold = threshold
        self._exact = exact
        self._texts: list[str] = []
        self._ids: dict[str, int] = {}  # word -> 1, 2, ...; 0 pads
        self._words = array("i")  # the word ids of every text, one after the other
        self._starts = array("q", [0])
        self._postings: dict[str, array[int]] = {}
        self._local = np.zeros(1024, dtype=np.uint32)  # word id -> its number in the query, 0 for every other word

    def __len__(self) -> int:
        return len(self._texts)

    def extend(self, texts: Iterable[str]) -> None:
        """Add texts, in order."""
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Add a text; its number is how many there were before."""
        words, number, ids = words_of(text), len(self), self._ids
        self._words.extend([ids.setdefault(word, len(ids) + 1) for word in words])
        self._starts.append(len(self._words))
        self._texts.append(text)
        for key in _numbered(words):
            found = self._postings.get(key)
            if found is None:
                self._postings[key] = array("q", (number,))
            else:
                found.append(number)

    def nearest(self, text: str) -> Near | None:
        """Return the text of the highest F-measure, the first added of equal ones; None below the threshold."""
        words = words_of(text)
        if not words or not len(self):
            return None
        found, lengths = self._candidates(words)
        best: Near | None = None
        for start in range(0, len(found), _BLOCK):
            part = slice(start, start + _BLOCK)
            near = self._best(words, found[part], lengths[part])
            if near and (best is None or near.score > best.score):
                best = near
        return best

    def _enough(self, total: npt.NDArray[np.int64] | int) -> npt.NDArray[np.int64] | int:
        """Return the LCS that two texts of `total` words together need to reach the threshold."""
        return -(-self._exact.numerator * total // (2 * self._exact.denominator))

    def _candidates(self, words: list[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the numbers, ascending, and the lengths of all texts that may reach the threshold."""
        size, exact = len(words), self._exact
        shortest = -(-size * exact.numerator // (2 * exact.denominator - exact.numerator))
        longest = size * (2 * exact.denominator - exact.numerator) // exact.numerator
        common = int(self._enough(size + shortest)) - 1  # words that may go unseen: one more is shared at least
        hits = self._hits(words, size - common)
        numbers = np.flatnonzero(hits > 0)  # of a mask it takes a third of the time
        starts = np.frombuffer(self._starts, dtype=np.int64)
        lengths = starts[numbers + 1] - starts[numbers]
        needed = np.maximum(self._enough(size + lengths) - common, 1)
        keep = (hits[numbers] >= needed) & (lengths >= shortest) & (lengths <= longest)
        return numbers[keep], lengths[keep]

    def _hits(self, words: list[str], rare: int) -> npt.NDArray[np.int64]:
        """Return how many of the `rare` rarest words of the query each text has; a repeated word counts anew."""
        none = array("q")
        found = [self._postings.get(key, none) for key in _numbered(words)]
        found.sort(key=len)
        parts = [np.frombuffer(posting, dtype=np.int64) for posting in found[:rare] if len(posting)]
        joined = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        return np.bincount(joined, minlength=len(self))

    def _best(self, words: list[str], numbers: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Near | None:
        common = self._common(words, numbers, lengths)
        good = common >= self._enough(len(words) + lengths)
        if not good.any():
            return None
        at = int(np.argmax(np.where(good, 2 * common / (len(words) + lengths), -1.0)))
        precision, recall = int(common[at]) / len(words), int(common[at]) / int(lengths[at])
        number, score = int(numbers[at]), 2 * precision * recall / (precision + recall)
        return Near(self._texts[number], number, score)

    def _common(
        self, words: list[str], numbers: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return the length of the LCS of the query and each candidate."""
        query = [self._ids.get(word, 0) for word in words]
        local = {word: at for at, word in enumerate(dict.fromkeys(query), 1) if word}
        masks = np.zeros((-(-len(query) // 64), len(query) + 2), dtype=np.uint64)
        for place, word in enumerate(query):
            if word:
                masks[place // 64, local[word]] |= np.uint64(1 << place % 64)
        return _lcs(masks, self._gather(local, numbers, lengths))

    def _gather(
        self, local: dict[int, int], numbers: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint32]:
        """Return the candidates' words as numbers in the query, (place, candidate); 0 where it has no such word."""
        if len(self._local) <= len(self._ids):
            self._local = np.zeros(2 * len(self._ids), dtype=np.uint32)
        ids, places = list(local), np.arange(int(lengths.max()))[:, None]
        words, starts = np.frombuffer(self._words, dtype=np.int32), np.frombuffer(self._starts, dtype=np.int64)
        at = np.where(places < lengths, starts[numbers] + places, -1)
        self._local[ids] = list(local.values())
        found = np.where(at < 0, np.uint32(0), self._local[words[at]])
        self._local[ids] = 0
        return found


def _numbered(words: list[str]) -> list[str]:
    """Return the words with repeats told apart (`the`, `the 2`): what two texts share is then a matter of sets."""
    if len(set(words)) == len(words):
        return words
    seen: dict[str, int] = {}
    out = []
    for word in words:
        count = seen[word] = seen.get(word, 0) + 1
        out.append(word if count == 1 else f"{word} {count}")
    return out


def _lcs(masks: npt.NDArray[np.uint64], texts: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Return the LCS length of a query and each text.

    masks: (word of 64 bits, local word), the places of a word in the query as bits. texts: (place, candidate). A zero
    bit of `rest` is a place of the query that the LCS so far uses up.
    """
    rest = np.full((len(masks), texts.shape[1]), _ALL)
    for column in texts:
        matched = rest & masks[:, column]
        rest = _added(rest, matched) | (rest ^ matched)
    left: npt.NDArray[np.int64] = np.bitwise_count(rest).sum(axis=0, dtype=np.int64)
    return 64 * len(masks) - left


def _added(first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return sums of integers of several 64-bit words, the lowest first: (word, integer); the last carry is lost."""
    total = first + second
    if len(total) == 1:
        return total
    carry = total[0] < first[0]
    for at in range(1, len(total)):
        over = total[at] < first[at]
        total[at] += carry
        carry = over | (carry & (total[at] == 0))
    return total
