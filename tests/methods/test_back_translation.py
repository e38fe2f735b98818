"""`back_translation` through the real Apertium."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tasks.core.method import get_method
from tasks.methods.augment._apertium import direction, modes
from tasks.methods.augment._seq2seq_trip import chrf
from tests.builders import make, seeds_of

needs_apertium = pytest.mark.skipif(
    not {"eng-spa", "spa-eng"} <= set(modes()), reason="the Debian package apertium-eng-spa is not installed"
)
TICKETS = Path(__file__).resolve().parents[2] / "deployments/recipes/quickstart/seeds/tickets.jsonl"
TEXT = "I have been charged twice for the same coffee machine. Sam Okoro knows about order HW-4410982."
SPANS = [{"start": 55, "end": 64, "type": "PERSON"}, {"start": 83, "end": 93, "type": "ORDER_ID"}]


def one(text, *, spans=None, **params):
    """Return the only row of a text, its `extra` read."""
    made = make("back_translation", {"alternatives": 0, **params}, 1, seeds=seeds_of([{"text": text, "spans": spans}]))
    (row,) = made.records.to_pylist()
    return row | {"extra": json.loads(row["extra"] or "{}")}


awkward = st.one_of(st.sampled_from("^$[]{}<>/@\\*#~+_ \n\0aeI."), st.characters(exclude_categories=["Cs"]))


def words_of_spans(text, spans):
    return sorted((text[span["start"] : span["end"]], span["type"]) for span in spans)


@needs_apertium
def test_text_comes_back_in_other_words():
    """The round trip differs, and says how much."""
    row = one("I have been charged twice for the same coffee machine.", keep_pivot=True)
    assert row["reason"] is None
    assert row["text"] == "I have been charged twice for the same machine of coffee."
    assert row["extra"]["pivot_text"] == "He sido cobrado dos veces para la misma máquina de café."
    assert row["extra"]["pivot"] == "spa"
    assert row["extra"]["chrf"] == pytest.approx(
        chrf(row["text"], "I have been charged twice for the same coffee machine."), abs=0.01
    )
    assert 0 < row["extra"]["changed"] < 0.5


@needs_apertium
def test_spans_stay_on_their_words():
    """A name and a code travel untouched."""
    row = one(TEXT, spans=SPANS)
    assert row["reason"] is None
    assert words_of_spans(row["text"], row["spans"]) == words_of_spans(TEXT, SPANS)


@needs_apertium
def test_every_ticket_keeps_its_spans_and_its_extra():
    """All hand-written tickets: spans on their words, label to be kept, the seed's extra beside the figures."""
    rows = [json.loads(line) for line in TICKETS.read_text(encoding="utf-8").splitlines()]
    made = make("back_translation", {}, len(rows), seeds=seeds_of(rows)).records.to_pylist()
    kept = 0
    for seed, row in zip(rows, made, strict=True):
        if row["reason"] is None:
            kept += 1
            assert words_of_spans(row["text"], row["spans"]) == words_of_spans(seed["text"], seed["spans"])
            assert json.loads(row["extra"])["product"] == seed["product"]
            assert 30 <= json.loads(row["extra"])["chrf"] <= 95
            assert row["text"] != seed["text"]
    assert kept >= 0.8 * len(rows)
    assert {"label", "target", "kind"} <= set(get_method("back_translation").keeps)


@needs_apertium
@hypothesis_settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["the red door of", "send to", "I saw", "because of", "(perhaps)", "and/or"]),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_span_survives_or_the_row_says_so(parts):
    """Whatever a span holds, NULs and metacharacters too, it is there after the journey, or the row is rejected."""
    text, spans = "", []
    for words, inner in parts:
        text += words + " "
        spans.append({"start": len(text), "end": len(text) + len(inner), "type": "X"})
        text += inner + " "
    row = one(text, spans=spans)
    if row["reason"] is None:
        assert words_of_spans(row["text"], row["spans"]) == words_of_spans(text, spans)
    else:
        assert row["reason"] in {"unchanged", "lost_span", "too_close", "too_far", "untranslated"}


@needs_apertium
@hypothesis_settings(max_examples=40)
@given(st.lists(st.text(awkward, max_size=30), min_size=1, max_size=8))
def test_as_many_texts_come_back_as_went(texts):
    """No metacharacter, newline or NUL shifts one text into another, or ends a program."""
    way = direction("eng-spa")
    asked = [text.replace("\0", " ") for text in texts]
    together = way.translate(asked, np.random.default_rng(0), 0.0)
    assert together == [way.translate([text], np.random.default_rng(0), 0.0)[0] for text in asked]


@needs_apertium
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("😀🎉", "unchanged"),
        ("שלום עולם, מה שלומך?", "unchanged"),
        ("router", None),
        ("123 456", "unchanged"),
        ("   ", "unchanged"),
        ("\n\n", "unchanged"),
        ("", "no_text"),
        (None, "no_text"),
    ],
    ids=["emoji", "hebrew", "one-word", "numbers", "spaces", "lines", "empty", "null"],
)
def test_texts_that_cannot_change(text, reason):
    """They are rejected with a reason, and never raise."""
    row = one(text)
    assert row["reason"] == (reason or row["reason"])
    assert row["text"] == text or row["reason"] is None


@needs_apertium
@pytest.mark.parametrize(
    "spans",
    [
        [{"start": 0, "end": 5, "type": "A"}, {"start": 3, "end": 8, "type": "B"}],
        [{"start": 0, "end": 500, "type": "A"}],
        [{"start": -1, "end": 3, "type": "A"}],
        [{"start": 4, "end": 4, "type": "A"}],
        [{"start": 0, "end": None, "type": "A"}],
        [None],
    ],
    ids=["overlap", "beyond", "negative", "empty", "no-end", "null"],
)
def test_bad_spans_are_said(spans):
    """The row is rejected, not repaired."""
    row = one(TEXT, spans=spans)
    assert (row["reason"], row["text"]) == ("bad_spans", TEXT)


@needs_apertium
@pytest.mark.parametrize(
    ("params", "reason"),
    [({"max_chrf": 50}, "too_close"), ({"min_chrf": 94, "max_chrf": 99}, "too_far"), ({}, None)],
    ids=["close", "far", "within"],
)
def test_band_of_chrf(params, reason):
    """What comes back too near or too far is rejected with its text."""
    row = one("I have been charged twice for the same coffee machine.", **params)
    assert row["reason"] == reason
    assert row["text"].endswith("machine of coffee.")


@needs_apertium
def test_unchanged_is_kept_where_asked():
    """Only with `unchanged: keep`."""
    assert one("QX7 😀", unchanged="keep")["reason"] is None
    assert one("QX7 😀")["reason"] == "unchanged"


@needs_apertium
def test_word_left_in_the_pivot_language_is_rejected():
    """`emplazamiento` is a translation of `site` that the way back does not know."""
    seeds = seeds_of([{"text": "Does the price on your site include VAT or not?"}])
    made = [
        make("back_translation", {"alternatives": 1}, 1, seeds=seeds, run_seed=seed).records.to_pylist()[0]
        for seed in range(6)
    ]
    assert {"emplazamiento" in row["text"] for row in made if row["reason"] is None} == {False}
    assert any("emplazamiento" in row["text"] for row in made if row["reason"] == "untranslated")


@needs_apertium
def test_alternatives_make_draws_of_one_seed_differ():
    """Without them every draw is the same."""
    seeds = seeds_of([{"text": "I cancelled the card, got a machine from your company and told the bank about it."}])

    def texts(share):
        made = make("back_translation", {"alternatives": share}, 8, seeds=seeds).records.to_pylist()
        return {row["text"] for row in made}

    assert len(texts(0)) == 1
    assert len(texts(0.8)) >= 3


@needs_apertium
@pytest.mark.parametrize("char", ["^", "\uffff", "$", "\\", "[", "]", "@", "{", "~", "\ue000"], ids=ascii)
def test_characters_that_stop_apertium_do_not(char):
    """A caret, escaped as its own format asks, stops the chain for good; U+FFFF ends a program of it."""
    text = f"The coffee machine {char} broke down {char}{char} twice. {char}"
    row = one(text, max_chrf=100)
    assert row["reason"] in {None, "unchanged", "untranslated", "lost_span"}
    assert row["reason"] == "lost_span" or row["text"].count(char) == 4


@needs_apertium
def test_a_share_of_the_sentences_travels():
    """Another one in each draw; the others stay as they are."""
    text = "I have been charged twice. The coffee machine is at the house of a friend. Why was I charged twice?"
    seeds = seeds_of([{"text": text}])
    params = {"alternatives": 0, "sentences": 0.1, "max_chrf": 100}
    made = make("back_translation", params, 12, seeds=seeds).records.to_pylist()
    assert any(row["text"].startswith("I have been charged twice. ") and row["text"] != text for row in made)
    assert len({row["text"] for row in made}) > 1


@needs_apertium
def test_lines_stay_lines():
    """What stands between two lines or sentences is as it was."""
    row = one("The blue box is here.\r\n\n\tThe red box was lost!  We know.")
    assert row["text"].count("\r\n\n\t") == 1
    assert "!  " in row["text"]


@needs_apertium
def test_a_text_does_not_depend_on_those_before_it():
    """The programs carry nothing over from one text to the next: shards may be made in any order."""
    sentences = ["He gave her the old books.", "They were late.", "Two women read them.", "It is hers.", "Send it."] * 5
    way, rng = direction("eng-spa"), np.random.default_rng(0)
    forward = way.translate(sentences, rng, 0.0)
    assert way.translate(sentences[::-1], rng, 0.0) == forward[::-1]


@needs_apertium
def test_a_text_of_a_megabyte():
    """Long texts travel in pieces."""
    text = "I have been charged twice for the same coffee machine. " * 18_500
    row = one(text)
    assert row["reason"] is None
    assert 0.5 < len(row["text"]) / len(text) < 1.5


@needs_apertium
def test_a_word_of_a_megabyte():
    """Even one without a space."""
    assert one("ab" * 500_000)["reason"] in {"unchanged", "untranslated", "too_far"}


@needs_apertium
def test_a_program_that_dies_is_started_again():
    """The death of one program costs a restart, not a row."""
    way = direction("eng-spa")
    before = way.translate(["The blue box."], np.random.default_rng(0), 0.0)
    way._tail._running[1].kill()  # noqa: SLF001 - the death has to come from outside
    assert way.translate(["The blue box."], np.random.default_rng(0), 0.0) == before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pivots": ["fra"]}, "no Apertium mode 'eng-fra'; have: .*apertium-eng-fra"),
        ({"language": "deu"}, "no Apertium mode 'deu-spa'"),
    ],
    ids=["pivot", "language"],
)
def test_missing_direction_names_its_package(params, message):
    """And what else would serve."""
    with pytest.raises(RecipeError, match=message):
        make("back_translation", params, 1, seeds=seeds_of([{"text": "a"}]))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"min_chrf": 90, "max_chrf": 80}, "min_chrf 90.0 is not below max_chrf 80.0"),
        ({"pivots": []}, "at least 1 item"),
        ({"pivots": ["spa", "spa"]}, "pivot 'spa' is there twice"),
        ({"pivots": ["eng"]}, "pivot 'eng' is the language of the seeds"),
        ({"decode": "sample"}, "`decode` is for engine 'marian', not 'apertium'"),
        ({"engine": "marian", "pivots": ["de"], "alternatives": 0.5}, "`alternatives` is for engine 'apertium'"),
        ({"engine": "marian", "language": "en", "pivots": ["de"], "models": {"en-fr": "a/b"}}, "models has 'en-fr'"),
        ({"engine": "marian", "language": "en", "pivots": ["de"], "models": {"ende": "a/b"}}, "names no direction"),
        ({"engine": "marian", "models": {"eng-spa": "./nowhere/model"}}, "no such model directory: './nowhere/model'"),
        ({"engine": "google"}, "'apertium' or 'marian'"),
        ({"pivot": "spa"}, "Extra inputs"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_params_are_refused(params, message):
    """Each with a line that names the value."""
    with pytest.raises(ValidationError, match=message):
        get_method("back_translation").params.model_validate(params)
