"""The verdict on a model's candidates: which of them say the same in other words, and which is taken."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.methods.augment._seq2seq_masks import Masked, Restored, Span, found_again, restore
from tasks.methods.augment._seq2seq_similarity import Similarity
from tasks.methods.augment._seq2seq_trip import chrf

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a candidate must keep to; both bounds of the difference belong to it."""

    min_similarity: float
    min_difference: float
    max_difference: float
    same_numbers: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A seed on its way through the model; `masked` where its slots were masked."""

    text: str
    spans: Sequence[Span] | None
    masked: Masked | None = None
    # Whether a candidate, as the model wrote it, means the same; None where nothing can tell.
    same_meaning: Callable[[str], bool] | None = None


@dataclass(slots=True)
class Candidate:
    """A candidate with its words back; `fault` says why it is not taken."""

    text: str
    spans: list[dict[str, Any]] | None
    fault: str | None = None
    similarity: float = 0.0
    difference: float = 0.0


def read_candidates(source: Source, texts: Sequence[str], limits: Limits) -> list[Candidate]:
    """Return the different candidates of a seed, in the model's order, with the faults that need no measure."""
    found = [_read(source, text.strip(), limits) for text in dict.fromkeys(texts)]
    return found or [Candidate("", None, "empty")]


def _read(source: Source, text: str, limits: Limits) -> Candidate:
    back = restore(text, source.masked) if source.masked else _with_spans(source, text)
    if back is None:
        return Candidate(text, None, "lost_span")
    spans = back.spans if source.spans is not None else None
    if not back.text:
        return Candidate(text, None, "empty")
    if back.text == source.text:
        return Candidate(back.text, spans, "unchanged")
    if limits.same_numbers and numbers(back.text) != numbers(source.text):
        return Candidate(back.text, spans, "other_numbers")
    if source.same_meaning and not source.same_meaning(text):
        return Candidate(back.text, spans, "other_meaning")
    return Candidate(back.text, spans)


def _with_spans(source: Source, text: str) -> Restored | None:
    spans = found_again(source.text, source.spans, text)
    return None if spans is None else Restored(text, spans)


def numbers(text: str) -> Counter[str]:
    """Return how often each number stands in a text, as written in digits."""
    return Counter(_NUMBER.findall(text))


def measure(
    sources: Sequence[Source], candidates: Sequence[list[Candidate]], similarity: Similarity, limits: Limits
) -> None:
    """Give each candidate without a fault its similarity and difference, and a fault where they are out of bounds."""
    open_ones = [(source, one) for source, row in zip(sources, candidates, strict=True) for one in row if not one.fault]
    cosines = similarity([source.text for source, _ in open_ones], [one.text for _, one in open_ones])
    for (source, one), cosine in zip(open_ones, cosines.tolist(), strict=True):
        one.similarity = cosine
        if cosine < limits.min_similarity:
            one.fault = "not_similar"
            continue
        one.difference = 1 - chrf(one.text, source.text) / 100
        if one.difference < limits.min_difference:
            one.fault = "too_close"
        elif one.difference > limits.max_difference:
            one.fault = "too_different"


def best(candidates: Sequence[Candidate]) -> Candidate:
    """Return the most similar candidate that passed, the first of equal ones; else the first of all."""
    passed = [one for one in candidates if one.fault is None]
    return max(passed, key=lambda one: one.similarity) if passed else candidates[0]
