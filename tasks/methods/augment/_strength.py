"""How much of a text is edited, what of it never is, and which words the dice choose."""

import re
from functools import lru_cache
from typing import Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from tasks.core.method import MethodParams
from tasks.methods.augment._chars import Ints, Mask
from tasks.methods.augment._words import Guard, Words

DEFAULT_RATE = 0.1
# Up to so many choices a row are drawn one by one; more are cut from a shuffle of all there is.
_MAX_ROUNDS = 32


class Strength(MethodParams):
    """How much is edited, and what is not; `rate` 0.1 where neither it nor `count` is given."""

    rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of the editable words that are edited, at least one a text; 0.1 where `count` is not given",
    )
    count: int | None = Field(None, ge=1, description="edits a text, or as many as it has room for; not with `rate`")
    protected: tuple[str, ...] = Field((), description="words and phrases that are never edited, in any case")
    protected_patterns: tuple[str, ...] = Field(
        (), description="regular expressions; a word with a match in it is never edited"
    )
    protect_spans: bool = Field(
        True, description="never edit words of spans; if false they are edited too, each span as one word"
    )
    allow_unchanged: bool = Field(False, description="give back a text that cannot be edited, not reject it")

    @field_validator("protected")
    @classmethod
    def _words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word.strip() for word in value):
            raise ValueError(f"protected: a word is empty in {list(value)}")
        return value

    @field_validator("protected_patterns")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as exc:
                raise ValueError(f"'{pattern}' is not a regular expression: {exc}") from exc
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.rate is not None and self.count is not None:
            raise ValueError(f"give rate or count, not both: rate {self.rate}, count {self.count}")
        return self

    @property
    def guard(self) -> Guard:
        """What may not be edited."""
        return _guard(self.protected, self.protected_patterns, negations=False, spans=self.protect_spans)


class WordStrength(Strength):
    """The same for words, where a lost or moved negation turns the meaning round."""

    protect_negations: bool = Field(True, description="never edit English negations: not, never, don't, without ...")

    @property
    def guard(self) -> Guard:
        """What may not be edited."""
        return _guard(
            self.protected, self.protected_patterns, negations=self.protect_negations, spans=self.protect_spans
        )


@lru_cache(maxsize=8)
def _guard(protected: tuple[str, ...], patterns: tuple[str, ...], *, negations: bool, spans: bool) -> Guard:
    plain = frozenset(word for word in protected if re.fullmatch(r"\w(?:\S*\w)?", word))
    phrases = [
        r"(?<!\w)" + r"\s+".join(map(re.escape, word.split())) + r"(?!\w)" for word in protected if word not in plain
    ]
    compiled = [re.compile(phrase, re.IGNORECASE) for phrase in phrases] + [re.compile(pattern) for pattern in patterns]
    return Guard(plain, tuple(compiled), negations=negations, spans=spans)


def per_row(words: Words, mask: Mask) -> Ints:
    """Return how many words of each row are in `mask`."""
    before = np.zeros(len(mask) + 1, np.int64)
    np.cumsum(mask, out=before[1:])
    return np.diff(before[words.first])


def amount(params: Strength, room: Ints, default: float = DEFAULT_RATE) -> Ints:
    """Return how many of the `room` words of each row to edit: at least one where there is any."""
    if params.count is not None:
        return np.minimum(room, params.count)
    rate = default if params.rate is None else params.rate
    return np.minimum(room, np.maximum(1, np.floor(rate * room + 0.5).astype(np.int64)))


def pick(words: Words, mask: Mask, many: Ints, rng: np.random.Generator) -> Ints:
    """Return `many` of each row's words in `mask`, each set equally likely, in order; `many` is at most their number.

    Floyd's sampling (Bentley & Floyd 1987, https://doi.org/10.1145/30401.315746), one round for all rows at a time.
    """
    places = np.flatnonzero(mask)
    room = per_row(words, mask)
    base = np.cumsum(room) - room
    if int(many.max(initial=0)) > _MAX_ROUNDS:
        order = shuffled(words.row[places], rng)
        rank = np.arange(len(places)) - np.repeat(base, room)
        return places[np.sort(order[rank < np.repeat(many, room)])]
    taken = np.zeros(len(places), np.bool_)
    for turn in range(int(many.max(initial=0))):
        rows = np.flatnonzero(many > turn)
        last = room[rows] - many[rows] + turn
        at = base[rows] + (rng.random(len(rows)) * (last + 1)).astype(np.int64)
        taken[np.where(taken[at], base[rows] + last, at)] = True
    return places[taken]


def shuffled(row: Ints, rng: np.random.Generator) -> Ints:
    """Return an order of the items that shuffles those of each row among themselves; `row` ascends."""
    number = len(row)
    if not number:
        return np.empty(0, np.int64)
    low, high = number.bit_length(), int(row[-1]).bit_length()
    dice = rng.integers(0, 1 << (64 - low - high), number, dtype=np.uint64)
    # The place fills the low bits, so that no two keys are equal and any sort gives the same order.
    keys = row.astype(np.uint64) << np.uint64(64 - high) if high else np.zeros(number, np.uint64)
    keys |= dice << np.uint64(low)
    keys |= np.arange(number, dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64((1 << low) - 1)).astype(np.int64)


def swap_where_same(places: Ints, row: Ints, source: Ints, near: int, rng: np.random.Generator) -> None:
    """Swap two neighbours, where there are any, at most `near` places apart, in the rows whose order is as it was."""
    same = np.ones(int(row[-1]) + 1 if len(row) else 0, np.bool_)
    same[row[source[places] != places]] = False
    pairs = np.flatnonzero(same[row[:-1]] & (row[1:] == row[:-1]) & (np.diff(places) <= near))
    number, first = np.unique(row[pairs], return_index=True)
    many = np.diff(np.append(first, len(pairs)))
    at = pairs[first + (rng.random(len(number)) * many).astype(np.int64)]
    source[places[at]], source[places[at + 1]] = places[at + 1], places[at]
