"""Synonyms that fit where they stand, for all words of a batch at once.

    synonyms = Synonyms(source, path, sense=..., limits=...)
    fits = synonyms.fitting(words)              # per word: which texts may stand for it
    synonyms.lookup(["bigger"])                 # [("larger",)]: of single words, without context

A reading (part of speech and inflection) is decided from the neighbours (`_synonyms_context`), a sense by the words
around (Lesk 1986, https://doi.org/10.1145/318723.318728), and the synonyms of that sense are inflected alike. Words
whose reading stays open, names, numbers, negations and function words fit nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.augment import _synonyms_readings as tag
from tasks.methods.augment._lexicon import Thesaurus, canonical
from tasks.methods.augment._lexicon_sources import Source, thesaurus
from tasks.methods.augment._synonyms_context import Bits, Mask, around, disambiguated, settled
from tasks.methods.augment._synonyms_fixed import Expressions
from tasks.methods.augment._synonyms_forms import ATTRIBUTIVE, BARE, COUNTED, Limits, Sense, senses
from tasks.methods.augment._synonyms_rows import repeated_rows, spread
from tasks.methods.augment._synonyms_safe import safe
from tasks.methods.augment._synonyms_sense import met
from tasks.methods.augment._words import Words, strings

Ints = npt.NDArray[np.int64]
SenseBy = Literal["lesk", "first"]
_KEY_BITS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """What may stand where: for the word at `places[i]`, the texts `options[at[i]:at[i] + many[i]]`."""

    places: Ints
    at: Ints
    many: Ints
    options: list[str]


class Synonyms:
    """One source under fixed limits; remembers what it found for a form."""

    def __init__(self, known: Thesaurus, own: Thesaurus, *, sense: SenseBy, limits: Limits) -> None:
        self._known, self._own, self._sense, self._limits = known, own, sense, limits
        self._readings: dict[str, int] = {}
        self._cue: dict[str, int] = {}
        self._senses: dict[tuple[str, int], tuple[Sense, ...]] = {}
        self._cue_place = {word: at for at, word in enumerate(known.words)}
        self._expressions = Expressions([*known.fixed, *own.fixed])

    def lookup(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """Return synonyms of each word on its own: of its first sense that has any, inflected like it."""
        return [self._alone(word.lower()) for word in words]

    def fitting(self, words: Words, rows: Mask | None = None) -> Fits:
        """Return what may stand for each word of the batch, or of the rows asked for only."""
        head = repeated_rows(words)
        asked = np.ones(words.rows, np.bool_) if rows is None else rows
        first = np.zeros(words.rows, np.bool_)
        first[head[asked]] = True
        found = self._fitting(words, np.flatnonzero(first[words.row]))
        return found if rows is None and first.all() else _copied(words, found, head, asked)

    def _fitting(self, words: Words, tokens: Ints) -> Fits:
        """Return what may stand for the words at `tokens`, whole rows of them."""
        coded = pc.utf8_lower(strings(words, tokens)).dictionary_encode()
        forms, code = coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64)
        joined = joined_words(words)[tokens]
        opening = words.opening[tokens] & words.capital[tokens]
        bits = self._bits(forms, code, words.capital[tokens] & ~opening)
        bits = disambiguated(bits, joined)
        near = around(bits, joined)
        may = words.editable[tokens] & safe(bits, near, opening, strict=self._known.reciprocal)
        may &= ~self._expressions.inside(code, joined, forms)
        places = np.flatnonzero(may & (settled(bits) != 0))
        keys = code[places] << _KEY_BITS | (bits[places] | _flags(bits, near, places))
        keys, which = np.unique(keys, return_inverse=True)
        found = [self._found(forms[key >> _KEY_BITS], key & ((1 << _KEY_BITS) - 1)) for key in keys.tolist()]
        fits = self._chosen(words.row[tokens], places, (which, found), self._cues(forms)[code])
        return replace(fits, places=tokens[fits.places])

    def _bits(self, forms: list[str], code: Ints, capital: Mask) -> Bits:
        bits = np.array([self._reading(form) for form in forms], np.int64)[code] if forms else np.empty(0, np.int64)
        # A capital inside a sentence is a name's: "Duet", "Keep Drives"; pronouns and the like keep what they are.
        return np.where(capital & ((bits & tag.OPEN) != 0), tag.NAME, bits)

    def _reading(self, form: str) -> int:
        if form not in self._readings:
            self._readings[form] = tag.readings(form, self._own)
        return self._readings[form]

    def _cues(self, forms: list[str]) -> Ints:
        """Return the number of each form among the cue words of the source; -1 where it is none."""
        for form in forms:
            if form not in self._cue:
                self._cue[form] = self._cue_place.get(canonical(form), -1)
        return np.array([self._cue[form] for form in forms], np.int64)

    def _found(self, form: str, reading: int) -> tuple[Sense, ...]:
        if (form, reading) not in self._senses:
            self._senses[form, reading] = senses(form, reading, self._known, self._limits)
        return self._senses[form, reading]

    def _alone(self, form: str) -> tuple[str, ...]:
        reading = self._reading(form)
        for mask in tag.POS_OF.values():
            for name in range(len(tag.TAGS)):
                bit = 1 << name
                if not reading & mask & bit or not (found := self._found(form, bit)):
                    continue
                if options := next((sense.options for sense in found if sense.options), ()):
                    return options
        return ()

    def _chosen(self, row: Ints, places: Ints, keyed: tuple[Ints, list[tuple[Sense, ...]]], cue: Ints) -> Fits:
        """Return the options of the sense that each place has."""
        which, found = keyed
        flat = [sense for senses_of in found for sense in senses_of]
        many = np.array([len(senses_of) for senses_of in found], np.int64)
        first = np.cumsum(many) - many
        counts = np.array([len(sense.options) for sense in flat], np.int64)
        starts = np.cumsum(counts) - counts
        # A word none of whose senses has options needs no sense.
        useful = np.array([any(sense.options for sense in senses_of) for senses_of in found], np.bool_)
        has = useful[which]
        places, which = places[has], which[has]
        sense = first[which]
        if self._sense == "lesk":
            sense = self._by_context(row, places, (sense, many[which], flat), cue)
        keep = sense >= 0
        keep[keep] = counts[sense[keep]] > 0
        options = [option for each in flat for option in each.options]
        return Fits(places[keep], starts[sense[keep]], counts[sense[keep]], options)

    def _by_context(self, row: Ints, places: Ints, slots: tuple[Ints, Ints, list[Sense]], cue: Ints) -> Ints:
        """Return the sense of each place that most of its row's words speak for; -1 where none may count."""
        first, many, flat = slots
        sizes = np.array([len(sense.cues) for sense in flat], np.int64)
        # The project's own cues are conditions: without one of them the sense does not count.
        bound = (sizes > 0) if not self._known.reciprocal else np.zeros(len(sizes), np.bool_)
        asked = np.flatnonzero((many > 1) | bound[first])
        chosen = first.copy()
        if not asked.size:
            return chosen
        pair_of = np.repeat(asked, many[asked])
        sense = spread(first[asked], many[asked])
        nth = sense - first[pair_of]
        score = met(row, places[pair_of], sense, [each.cues for each in flat], cue).astype(np.float64)
        score[bound[sense] & (score == 0)] = -np.inf
        score[(nth == 0) & np.isfinite(score)] += self._known.margin - 1
        order = np.lexsort((nth, -score, pair_of))
        best = order[np.concatenate([[True], pair_of[order][1:] != pair_of[order][:-1]])]
        chosen[asked] = np.where(np.isfinite(score[best]), sense[best], -1)
        return chosen


def _copied(words: Words, found: Fits, head: Ints, asked: Mask) -> Fits:
    """Return the fits of all rows asked for, from those of their heads; places in order."""
    begin = np.searchsorted(found.places, words.first)
    rows = np.flatnonzero(asked)
    many = np.diff(begin)[head[rows]]
    take = spread(begin[head[rows]], many)
    shift = np.repeat(words.first[rows] - words.first[head[rows]], many)
    return Fits(found.places[take] + shift, found.at[take], found.many[take], found.options)


def joined_words(words: Words) -> Mask:
    """Return for each word whether nothing but a space stands between it and the next word of its row."""
    joined = np.zeros(len(words), np.bool_)
    if len(words) > 1:
        joined[:-1] = (words.start[1:] - words.end[:-1] == 1) & (words.row[1:] == words.row[:-1])
        inner = np.flatnonzero(joined)
        joined[inner] = words.data[words.end[inner]] == ord(" ")
    return joined


def _flags(bits: Bits, near: Any, places: Ints) -> Bits:
    here, left, left2, right = (part[places] for part in (bits, near.left, near.left2, near.right))
    noun = (here & tag.NOUN) != 0
    article = ((left & tag.ONE) != 0) | ((left2 & tag.ONE) != 0) & ((left & ~(tag.ADJ | tag.NOUN)) == 0)
    bare = (left & (tag.DET | tag.THIS | tag.THESE | tag.ADJ | tag.NOUN | tag.NUMBER)) == 0
    before_noun = ((here & tag.ADJ) != 0) & ((right & tag.NOUN) != 0)
    return (
        np.where(noun & article, COUNTED, 0)
        | np.where(noun & bare & ((here & tag.NN) != 0), BARE, 0)
        | np.where(before_noun, ATTRIBUTIVE, 0)
    )


@lru_cache(maxsize=8)
def synonyms(source: Source, path: str | None, sense: SenseBy, limits: Limits) -> Synonyms:
    """Return a source ready for use; RecipeError where something that it needs is missing."""
    return Synonyms(thesaurus(source, path), thesaurus("lexicon", None), sense=sense, limits=limits)


def lookup(words: Sequence[str], source: Source = "lexicon", path: str | None = None) -> list[tuple[str, ...]]:
    """Return synonyms of each word on its own, inflected like it; an empty tuple where there are none."""
    return synonyms(source, path, "first", Limits(multiword=False, max_sense_rank=2, min_count=1)).lookup(words)


def arrow(options: list[str]) -> pa.StringArray:
    """Return options as an Arrow array, for `take`."""
    return pa.array(options, pa.string())
