"""Examples for a prompt, chosen from the seeds: at random, far from each other, or near to the seed at hand.

Distance is the cosine of hashed character 3-grams, weighted by TF-IDF: cheap, and it needs no model. Farthest-first is
the traversal of Gonzalez 1985 (https://doi.org/10.1016/0304-3975(85)90224-5).
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core.rollout import Row
from tasks.methods.llm._chat import extra_of, words_of

Select = Literal["random", "diverse", "nearest"]
Vectors = npt.NDArray[np.float32]

# Examples are chosen among so many seeds, drawn at random where there are more.
POOL_ROWS = 2000
_DIMENSIONS = 2048
_READ_CHARS = 1000
# Farthest-first looks at so many candidates for each example: of the whole pool it would find the same outliers always.
_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class Pool:
    """Seeds to choose examples from; `vectors`, one a row and of length 1, where the choice looks at them."""

    rows: Sequence[Row]
    select: Select
    places: Mapping[Hashable, Sequence[int]]
    vectors: Vectors | None = None
    weights: Vectors | None = None

    def choose(self, count: int, rng: np.random.Generator, seed: Row | None = None) -> list[Row]:
        """Return up to `count` examples, never one that says what the seed says; the nearest comes last."""
        own = self.places.get(_content(seed), ()) if seed else ()
        return [self.rows[place] for place in self._chosen(min(count, len(self.rows) - len(own)), rng, seed, own)]

    def _chosen(self, count: int, rng: np.random.Generator, seed: Row | None, own: Sequence[int]) -> list[int]:
        if not count:
            return []
        if self.vectors is not None and self.weights is not None and self.select == "nearest" and seed is not None:
            near = _likeness(self.vectors, _vector(words_of(seed), self.weights))
            near[list(own)] = -np.inf
            return np.argsort(near, kind="stable")[-count:].tolist()
        wanted = count * (_CANDIDATES if self.vectors is not None else 1) + len(own)
        drawn = rng.choice(len(self.rows), min(wanted, len(self.rows)), replace=False).tolist()
        places = [place for place in drawn if place not in own]
        if self.vectors is None:
            return places[:count]
        return [places[each] for each in farthest_first(self.vectors[places], count)]


def _content(row: Row) -> Hashable:
    return (row.get("text"), row.get("target"), str(row.get("messages")))


def pool_of(seeds: Iterable[pa.RecordBatch], select: Select, key: int, usable: Callable[[Row], bool]) -> Pool:
    """Return the seeds that examples are chosen from: those that are `usable`, at most POOL_ROWS of them."""
    rows = [row for row in _sample(seeds, key) if usable(row)]
    places = defaultdict(list)
    for place, row in enumerate(rows):
        places[_content(row)].append(place)
    if select == "random" or not rows:
        return Pool(rows, select, places)
    counts = np.stack([_counts(words_of(row)) for row in rows])
    weights = np.log((1 + len(rows)) / (1 + (counts > 0).sum(0))).astype(np.float32) + 1
    vectors = _unit(np.log1p(counts) * weights)
    # The nearest are found by a few columns of all rows, the farthest by all columns of a few rows.
    return Pool(rows, select, places, np.asfortranarray(vectors) if select == "nearest" else vectors, weights)


def _sample(seeds: Iterable[pa.RecordBatch], key: int) -> list[Row]:
    """Return POOL_ROWS rows, each set of them as likely as any other, in their order."""
    rng = np.random.Generator(np.random.Philox(key=key))
    kept: list[tuple[float, int, Row]] = []
    bar, seen = 1.0, 0
    for batch in seeds:
        draws = rng.random(batch.num_rows)
        places = np.flatnonzero(draws < bar)
        rows = batch.take(pa.array(places)).to_pylist()
        kept += [(float(draws[place]), seen + int(place), row) for place, row in zip(places, rows, strict=True)]
        seen += batch.num_rows
        if len(kept) > POOL_ROWS:
            kept = sorted(kept, key=lambda entry: entry[:2])[:POOL_ROWS]
            bar = kept[-1][0]
    return [{**row, "extra": extra_of(row)} for _, _, row in sorted(kept, key=lambda entry: entry[1])]


def _counts(text: str) -> Vectors:
    """Return how often the 3-grams of a text's first characters fall into each dimension."""
    data = np.frombuffer(f"  {text[:_READ_CHARS].lower()}  ".encode("utf-32-le"), np.uint32).astype(np.uint64)
    grams = (data[:-2] * np.uint64(0x9E3779B1) + data[1:-1]) * np.uint64(0x85EBCA77) + data[2:]
    grams ^= grams >> np.uint64(29)
    return np.bincount(
        (grams * np.uint64(0xC2B2AE3D)) >> np.uint64(20) & np.uint64(_DIMENSIONS - 1), minlength=_DIMENSIONS
    ).astype(np.float32)


def _vector(text: str, weights: Vectors) -> Vectors:
    return _unit(np.log1p(_counts(text)) * weights)


def _likeness(vectors: Vectors, vector: Vectors) -> Vectors:
    """Return the cosine of each of `vectors` with one that is mostly zeros, rounded so that ties are ties."""
    there = np.flatnonzero(vector)
    return (vectors.T[there].T @ vector[there]).round(5)


def _unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def farthest_first(vectors: Vectors, count: int) -> list[int]:
    """Return the places of `count` vectors: the first, then always the one that is farthest from those chosen."""
    chosen = [0]
    near = vectors @ vectors[0]
    for _ in range(count - 1):
        near[chosen[-1]] = np.inf
        chosen.append(int(near.argmin()))
        near = np.maximum(near, vectors @ vectors[chosen[-1]])
    return chosen
