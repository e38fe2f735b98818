"""Where `sentence_shuffle` cuts, and what stays in place."""

import sys

import pytest

from tasks.core.errors import RecipeError
from tests.builders import make, seeds_of, texts

pytest.importorskip("spacy", reason="needs spaCy: pip install spacy")


def orders(text, spans=None, **params):
    return set(texts(make("sentence_shuffle", params, 200, seeds=seeds_of([{"text": text, "spans": spans}]))))


ORDERS = {
    "all but its own": ("Ab one. Cd two. Ef three.", {}, 5),
    "two sentences": ("Ab one? Cd two!", {}, 1),
    "first stays": ("Ab one. Cd two. Ef three.", {"keep_first": True}, 1),
    "last stays": ("Ab one. Cd two. Ef three. Gh four.", {"keep_last": True}, 5),
    "both stay": ("Ab one. Cd two. Ef three.", {"keep_first": True, "keep_last": True}, 0),
    "two at a time": ("Ab one. Cd two. Ef three.", {"count": 2}, 3),
    "one sentence": ("Ab one.", {}, 0),
    "an unended last sentence stays": ("Ab one. Cd two. Thanks, Bo", {}, 1),
    "a heading stays": ("Broken oven\nAb one. Cd two.", {}, 1),
    "a protected word holds its sentence": ("Ab one. Cd two. Ef three.", {"protected": ["TWO"]}, 1),
    "a pattern holds its sentence": ("Ab one. Cd 2. Ef three.", {"protected_patterns": [r"\d"]}, 1),
    "no cut at an abbreviation": ("Mr. Wu called at 3.5 p.m. to see it. Cd two.", {}, 1),
    "no cut before a small letter": ("It is approx. three. Cd two.", {}, 1),
    "line breaks cut": ("Ab one.\nCd two.", {}, 1),
}


@pytest.mark.parametrize(("text", "params", "many"), ORDERS.values(), ids=ORDERS.keys())
def test_so_many_orders(text, params, many):
    """Each other order of the sentences that may move, and no more."""
    assert len(orders(text, **params)) == many


def test_what_stands_between_stays_between():
    """Line breaks do not move with sentences; quotes and brackets do."""
    assert orders('He left. "I stayed."\n\n(She went.)', protected=["he"]) == {'He left. (She went.)\n\n"I stayed."'}


def test_spans_move_with_their_sentences():
    """In code points; a span over two sentences keeps them together."""
    text = "Naïve one. É two. Ef three."
    spans = [{"start": 6, "end": 9, "type": "A"}, {"start": 11, "end": 27, "type": "B"}]
    made = make("sentence_shuffle", {}, 20, seeds=seeds_of([{"text": text, "spans": spans}])).records.to_pylist()
    assert {row["text"] for row in made} == {"É two. Ef three. Naïve one."}
    assert made[0]["spans"] == [{"start": 0, "end": 16, "type": "B"}, {"start": 23, "end": 26, "type": "A"}]


def test_spans_can_hold_their_sentences():
    """With protect_spans, a sentence with a span stays."""
    spans = [{"start": 8, "end": 10, "type": "A"}]
    assert orders("Ab one. Cd two. Ef three.", spans=spans, protect_spans=True) == {"Ef three. Cd two. Ab one."}


def test_other_languages_have_other_rules():
    """German writes ordinals with a full stop; Hindi ends sentences with a danda."""
    assert len(orders("Er kommt bzw. Sie geht. Gut.", language="de")) == 1
    assert len(orders("यह पहला है। यह दूसरा है।", language="hi")) == 1


def test_an_unknown_language_names_the_choices():
    """And the nearest one."""
    with pytest.raises(RecipeError, match=r"unknown language 'enn'; .*have: .*\ben, "):
        orders("Ab.", language="enn")


def test_missing_spacy_is_said_before_the_run(monkeypatch):
    """With how to install it."""
    from tasks.methods.augment._sentences import sentencizer

    sentencizer.cache_clear()
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(RecipeError, match="sentence_shuffle needs spaCy, which is not installed; pip install"):
        orders("Ab.")
    sentencizer.cache_clear()
