"""Copies of a text with words replaced by synonyms that fit: part of speech, inflection, sense, a or an.

    rate: 0.1                         # a tenth of the words; or count: 2
    source: lexicon                   # shipped; or wordnet, wn, mythes (installed, or at source_path)
    sense: lesk                       # by the words around; first: the most frequent one
    mlm: DIR_OR_HUB_ID                # optional: a masked language model ranks what could stand there

"bigger" gives "larger", "an engineer" gives "a technician". A word is replaced only where its neighbours leave it one
part of speech; names, numbers, negations, function words and fixed expressions never are. A row is rejected as
`unchanged` (nothing in it has a synonym that fits) or `bad_spans`.

Source: Zhang et al. 2015, Character-level Convolutional Networks for Text Classification (https://arxiv.org/abs/1509.01626)
"""

from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from tasks.core.method import Draw, Made, Method
from tasks.methods.augment._chars import Ints, Mask
from tasks.methods.augment._draws import GIVES, KEEPS, edited
from tasks.methods.augment._edit import Edits
from tasks.methods.augment._lexicon import check_lemmatizer
from tasks.methods.augment._lexicon_sources import Source
from tasks.methods.augment._seq2seq_place import ModelPlace
from tasks.methods.augment._strength import WordStrength, amount, per_row, pick
from tasks.methods.augment._synonyms import Fits, SenseBy, Synonyms, arrow, joined_words, synonyms
from tasks.methods.augment._synonyms_article import repaired
from tasks.methods.augment._synonyms_forms import Limits
from tasks.methods.augment._synonyms_rank import check_ranker, likeliest
from tasks.methods.augment._synonyms_rows import alike
from tasks.methods.augment._words import Words, strings


class SynonymParams(WordStrength):
    """Where synonyms come from and how near they must be."""

    source: Source = Field("lexicon", description="where synonyms come from: lexicon (shipped), wordnet, wn or mythes")
    source_path: str | None = Field(
        None,
        description="wordnet: folder of its dict files; mythes: the .dat file; wn: id:version of an installed lexicon; "
        "default: where the Debian packages put them, oewn:2024",
    )
    sense: SenseBy = Field("lesk", description="lesk (the words around choose) or first (the most frequent one)")
    multiword: bool = Field(False, description="put in synonyms of several words too: at once, automobile engine")
    max_sense_rank: int = Field(
        2, ge=1, description="the shared sense is among so many most frequent ones of the synonym (not for lexicon)"
    )
    min_count: int = Field(
        1, ge=0, description="times the synonym was seen in that sense in WordNet's tagged corpus, at least (wordnet)"
    )
    mlm: ModelPlace | None = Field(
        None, description="directory or hub id of a masked language model that ranks synonyms where they would stand"
    )
    mlm_top_k: int = Field(2, ge=1, description="how many of the likeliest synonyms to draw from, with `mlm`")

    @model_validator(mode="after")
    def _that_apply(self) -> Self:
        if self.source_path is not None and self.source == "lexicon":
            raise ValueError(f"source_path '{self.source_path}' is for source wordnet, wn or mythes, not 'lexicon'")
        if "mlm_top_k" in self.model_fields_set and self.mlm is None:
            raise ValueError(f"mlm_top_k {self.mlm_top_k} goes with mlm: a directory or hub id")
        return self

    @property
    def known(self) -> Synonyms:
        """The source, ready for use; RecipeError where it is not there."""
        limits = Limits(self.multiword, self.max_sense_rank, self.min_count)
        return synonyms(self.source, self.source_path, self.sense, limits)


class Params(SynonymParams):
    """How many words are replaced, by what, and which never are."""


def check(params: SynonymParams) -> None:
    """Open a source that may not be there and look for the model; RecipeError says what is missing."""
    check_lemmatizer()
    if params.source != "lexicon":
        _ = params.known
    if params.mlm is not None:
        check_ranker(params.mlm)


class Replacing:
    """Decides what to replace; a text in which nothing fits is not looked at again when it comes for another try."""

    def __init__(self, params: SynonymParams) -> None:
        self._params = params
        # The last words that were looked at, and the rows of them that nothing fitted.
        self._hopeless: tuple[Words, Ints] | None = None

    def __call__(self, words: Words, rng: np.random.Generator) -> Edits:
        """Return synonyms for some words of each text, and the articles before them."""
        asked = self._asked(words)
        if not asked.any():
            return Edits()
        fits = self._params.known.fitting(words, asked)
        self._hopeless = words, np.flatnonzero(asked & (np.diff(np.searchsorted(fits.places, words.first)) == 0))
        return replacement(words, fits, self._params, rng)

    def _asked(self, words: Words) -> Mask:
        asked = np.ones(words.rows, np.bool_)
        if self._hopeless is not None:
            last, rows = self._hopeless
            found = pc.index_in(words.texts, value_set=last.texts.take(pa.array(rows)))
            again = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
            heads = rows[found.drop_null().to_numpy()]
            asked[again[alike(words, again, last, heads)]] = False
        return asked


def replacement(words: Words, fits: Fits, params: SynonymParams, rng: np.random.Generator) -> Edits:
    """Return synonyms for some of the words that have any, and the articles before them."""
    may = np.zeros(len(words), np.bool_)
    may[fits.places] = True
    many = np.minimum(amount(params, per_row(words, words.editable)), per_row(words, may))
    chosen = np.searchsorted(fits.places, pick(words, may, many, rng))
    texts = _drawn(words, fits, chosen, params, rng)
    places = fits.places[chosen]
    articles, new, blocked = repaired(words, joined_words(words), places, texts)
    blocked |= _doubled(words, places, texts)
    return Edits(replaced=_in_order(places, texts, ~blocked, _of_kept(words, articles, new, places[blocked])))


def _drawn(words: Words, fits: Fits, chosen: Ints, params: SynonymParams, rng: np.random.Generator) -> pa.StringArray:
    """Return one of the options of each chosen place: any, or one of the likeliest."""
    dice = rng.random(len(chosen))
    if params.mlm is not None:
        option = likeliest(words, fits, chosen, params.mlm, top_k=params.mlm_top_k, dice=dice)
    else:
        option = fits.at[chosen] + (dice * fits.many[chosen]).astype(np.int64)
    return arrow(fits.options).take(pa.array(option))


def _doubled(words: Words, places: Ints, texts: pa.StringArray) -> np.ndarray:
    """Return which replacements would repeat the word beside them."""
    found = np.zeros(len(places), np.bool_)
    for step in (-1, 1):
        beside = places + step
        inner = np.flatnonzero((beside >= 0) & (beside < len(words)))
        old = pc.utf8_lower(strings(words, beside[inner]))
        found[inner] |= pc.equal(old, texts.take(pa.array(inner))).to_numpy(zero_copy_only=False)
    return found


def _of_kept(words: Words, articles: Ints, new: pa.StringArray, dropped: Ints) -> tuple[Ints, pa.StringArray]:
    """Return the articles without those before a word that stays as it is after all."""
    gone = np.zeros(len(words) + 1, np.bool_)
    gone[dropped] = True
    kept = ~gone[articles + 1]
    return articles[kept], new.filter(pa.array(kept))


def _in_order(
    places: Ints, texts: pa.StringArray, kept: np.ndarray, articles: tuple[Ints, pa.StringArray]
) -> tuple[Ints, pa.StringArray]:
    every = np.concatenate([places[kept], articles[0]])
    both = pa.concat_arrays([texts.filter(pa.array(kept)), articles[1]])
    order = np.argsort(every, kind="stable")
    return every[order], both.take(pa.array(order))


def run(seeds: pa.RecordBatch, params: Params, draw: Draw) -> Made:
    """Return one reworded text for each draw."""
    return edited(seeds, params, draw, Replacing(params))


METHOD = Method(
    name="synonym_replacement",
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
