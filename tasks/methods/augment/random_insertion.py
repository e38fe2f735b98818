"""Copies of a text with words put in: synonyms of its own words, words of its own again, or words of a list.

    words: synonyms                   # of random words of the text, that fit where those stand; source: as below
    words: text                       # other words of the text once more, function words left out
    words: [really, again, today]     # any of these
    rate: 0.1                         # for every tenth word one; or count: 2

A new word comes between any two words, never into a span or a protected phrase; at the start of a sentence it takes
over the capital. A row is rejected as `unchanged` (no synonym is known, say) or `bad_spans`.

Source: Wei & Zou 2019, EDA: Easy Data Augmentation Techniques (https://arxiv.org/abs/1901.11196)
"""

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from tasks.core.errors import choices
from tasks.core.method import Draw, Made, Method
from tasks.methods.augment._case import LOWER, recased
from tasks.methods.augment._chars import Ints, Mask
from tasks.methods.augment._draws import GIVES, KEEPS, edited
from tasks.methods.augment._edit import At, Edits
from tasks.methods.augment._lexicon_sources import Source
from tasks.methods.augment._strength import WordStrength, amount, per_row, pick, shuffled
from tasks.methods.augment._synonyms import Synonyms, arrow, synonyms
from tasks.methods.augment._synonyms_forms import Limits
from tasks.methods.augment._words import COMMON, Words, listed_in, strings

_SOURCES = ("synonyms", "text")
# As near as the synonyms that `synonym_replacement` puts in by default.
_LIMITS = Limits(multiword=False, max_sense_rank=2, min_count=1)


class Params(WordStrength):
    """How many words come in, and where they come from."""

    words: Literal["synonyms", "text"] | tuple[str, ...] = Field(
        "synonyms", description="synonyms (of the text's words), text (its words again), or a list of words"
    )
    source: Source = Field("lexicon", description="where synonyms come from: lexicon (shipped), wordnet, wn or mythes")
    source_path: str | None = Field(
        None, description="folder or file of the source; default: where its package puts it"
    )
    protected: tuple[str, ...] = Field(
        (), description="phrases that no word comes into, words never repeated, in any case"
    )
    protected_patterns: tuple[str, ...] = Field(
        (), description="regular expressions; no word comes into a match, none with a match is repeated"
    )
    protect_spans: bool = Field(
        True, description="take no new words from the words of spans; never is a word put into a span"
    )

    @field_validator("words", mode="before")
    @classmethod
    def _some(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in _SOURCES:
            raise ValueError(f"unknown words '{value}'{choices(value, _SOURCES)}, or a list of words")
        if isinstance(value, list | tuple) and not (value and all(str(word).strip() for word in value)):
            raise ValueError(f"words: a list of words without empty ones, not {list(value)}")
        return value


def _ready(params: Params) -> Synonyms:
    return synonyms(params.source, params.source_path, "lesk", _LIMITS)


def check(params: Params) -> None:
    """Raise RecipeError where the source of synonyms is missing."""
    if params.words == "synonyms":
        _ready(params)


def insertion(words: Words, params: Params, rng: np.random.Generator) -> Edits:
    """Return new words, each before or after a word of its text."""
    if params.words == "synonyms":
        return new_synonyms(words, params, _ready(params), rng)
    if params.words == "text":
        return _again(words, params, rng)
    room = np.where(words.bad, 0, np.diff(words.first))
    row = np.repeat(np.arange(words.rows), amount(params, room))
    listed = pa.array(params.words, pa.string())
    return between(words, row, listed.take(pa.array(rng.integers(0, len(listed), len(row)))), rng)


def new_synonyms(words: Words, params: WordStrength, known: Synonyms, rng: np.random.Generator) -> Edits:
    """Return synonyms of random words, each at a random place of its text."""
    fits = known.fitting(words)
    may = np.zeros(len(words), np.bool_)
    may[fits.places] = True
    many = np.minimum(amount(params, per_row(words, words.editable)), per_row(words, may))
    at = np.searchsorted(fits.places, pick(words, may, many, rng))
    option = fits.at[at] + (rng.random(len(at)) * fits.many[at]).astype(np.int64)
    return between(words, words.row[fits.places[at]], arrow(fits.options).take(pa.array(option)), rng)


def _again(words: Words, params: Params, rng: np.random.Generator) -> Edits:
    """Return words of the texts once more, none beside itself; neither function words nor numbers."""
    may = words.movable & (np.diff(words.first) > 1)[words.row]
    may[listed_in(words, COMMON)] = False
    places = np.flatnonzero(may)
    may[places[pc.match_substring_regex(strings(words, places), r"\p{N}").to_numpy(zero_copy_only=False)]] = False
    many = np.minimum(amount(params, per_row(words, words.editable)), per_row(words, may))
    came = pick(words, may, many, rng)
    borrowed = words.opening[came] & words.capital[came]
    texts = recased(strings(words, came), np.where(borrowed, LOWER, 0).astype(np.uint8))
    return between(words, words.row[came], texts, rng, apart=came)


def between(
    words: Words, row: Ints, texts: pa.StringArray, rng: np.random.Generator, apart: Ints | None = None
) -> Edits:
    """Return each text before a random word of its row, not beside the word `apart` where one is given.

    The rows ascend and have as many words as texts, or more: no two texts are drawn to the same word.
    """
    places = pick(words, np.ones(len(words), np.bool_), np.bincount(row, minlength=words.rows), rng)
    places = places[shuffled(row, rng)]
    first, last = words.first[row], words.first[row + 1]
    if apart is not None:
        clash = np.flatnonzero((places == apart) | (places == apart + 1))
        free = (rng.random(len(clash)) * (last - first - 1)[clash]).astype(np.int64) + first[clash]
        places[clash] = free + 2 * (free >= apart[clash])
    over = places == last
    at = places - over
    # Before a name that opens a sentence nobody could tell whose the capital is.
    behind = over | (words.opening[at] & words.own_capital[at])
    return Edits(before=_part(at, texts, ~behind), after=_part(at, texts, behind))


def _part(at: Ints, texts: pa.StringArray, mask: Mask) -> At:
    return at[mask], texts.filter(pa.array(mask))


def run(seeds: pa.RecordBatch, params: Params, draw: Draw) -> Made:
    """Return one lengthened text for each draw."""
    return edited(seeds, params, draw, lambda words, rng: insertion(words, params, rng))


METHOD = Method(
    name="random_insertion",
    version=1,
    family="augment",
    params=Params,
    run=run,
    gives=GIVES,
    seeds=lambda _params: "each",
    needs=lambda _params: frozenset({"text"}),
    keeps=KEEPS,
    check=check,
)
