"""The reading of a word where it stands: what the rules leave, and what they leave open."""

import numpy as np
import pyarrow as pa
import pytest

from tasks.methods.augment import _synonyms_readings as tag
from tasks.methods.augment._lexicon_sources import thesaurus
from tasks.methods.augment._synonyms import joined_words
from tasks.methods.augment._synonyms_context import disambiguated, settled
from tasks.methods.augment._synonyms_fixed import Expressions
from tasks.methods.augment._words import split, strings


def reading(text):
    """Return the tags that are left for the word in [brackets]."""
    words = split(pa.array([text.replace("[", "").replace("]", "")]))
    forms = [form.lower() for form in strings(words, np.arange(len(words))).to_pylist()]
    known = thesaurus("lexicon", None)
    bits = np.array([tag.readings(form, known) for form in forms])
    left = disambiguated(bits, joined_words(words))
    (place,) = [at for at, word in enumerate(text.split()) if "[" in word]
    names = [name for number, name in enumerate(tag.TAGS) if int(left[place]) >> number & 1]
    return names if settled(left)[place] else ["open", *names]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I want to [order] it", ["VB"]),
        ("The [order] is late", ["NN"]),
        ("Can you [order] it", ["VB"]),
        ("please [return] it", ["VB"]),
        ("They [work] here", ["VB"]),
        ("He [works] here", ["VBZ"]),
        ("These [works] are fine", ["NNS"]),
        ("He has [fixed] the lid", ["VBN"]),
        ("We don't [support] that", ["VB"]),
        ("Do I [return] it", ["VB"]),
        ("[Check] the lid", ["VB"]),
        ("I never [received] it", ["VBD"]),
        ("the [bigger] box", ["JJR"]),
        ("it is [cold] here", ["JJ"]),
        ("a [light] on the wall", ["NN"]),
        ("it stops [quickly] now", ["RB"]),
        ("the [working] of it", ["NN"]),
        ("it is [working] now", ["VBG"]),
        ("which [works] now", ["open", "NNS", "VBZ"]),
        ("number 2 [arrived] late", ["VBD", "VBN"]),
        ("what I paid for [arrived] late", ["VBD", "VBN"]),
        ("few [arrived] late", ["VBD", "VBN"]),
        ("the car [parked] in the street", ["VBD", "VBN"]),
    ],
)
def test_neighbours_decide_the_reading(text, expected):
    """Determiners, auxiliaries, subjects, `to`, the end of a phrase."""
    assert reading(text) == expected


@pytest.mark.parametrize("text", ["[order] works", "go to [work] now", "good [light] bulb", "like [light] traffic"])
def test_ambiguous_reading_stays_open(text):
    """In doubt nothing is decided."""
    assert reading(text)[0] == "open"


def test_rules_never_take_the_last_reading():
    """Whatever stands around, something is left of each word."""
    known = thesaurus("lexicon", None)
    forms = "to the order is light works a big quickly and i please received zzyzx 12 not".split()  # noqa: SIM905 - reads better
    bits = np.array([tag.readings(form, known) for form in forms])
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(forms), 20_000)
    left = disambiguated(bits[places], rng.random(len(places)) < 0.8)
    assert (left != 0).all()
    assert (left & ~bits[places] == 0).all()


def test_expressions_are_found_at_any_length_and_not_across_gaps():
    """Two to four words, overlapping ones too."""
    found = Expressions(["out of stock", "ice cream", "cream cheese", "as soon as possible"])
    forms = ["ice", "cream", "cheese", "out", "of", "stock", "x"]
    code = np.array([0, 1, 2, 6, 3, 4, 5, 3, 4, 6, 0, 1])
    joined = np.ones(len(code), np.bool_)
    joined[10] = False
    assert found.inside(code, joined, forms).tolist() == [True] * 3 + [False] + [True] * 3 + [False] * 5
