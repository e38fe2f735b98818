"""`synonym_replacement`: what it puts in fits where it stands, and everything else stays."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.method import get_method
from tasks.core.record import SCHEMA
from tests.builders import make, seeds_of, texts


def all_texts(text, draws=40, **params):
    """Return the different texts that many draws of one seed give."""
    return sorted(
        set(texts(make("synonym_replacement", {"rate": 1.0, **params}, draws, seeds=seeds_of([{"text": text}]))))
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I need a bigger box.", "I require a larger box."),
        ("She is jogging in the park.", "She is running in the park."),
        ("The biggest problem is the noise.", "The largest issue is the sound."),
        ("He purchased three parcels.", "He bought three packages."),
        ("An engineer came.", "A technician came."),
        ("It was a car.", "It was an automobile."),
        ("OFTEN it works here.", "FREQUENTLY it works here."),
        ("Luckily, the door was open.", "Fortunately, the door was open."),
        ("Please refund me.", "Please reimburse me."),
    ],
)
def test_synonym_takes_inflection_case_and_article(text, expected):
    """Comparison, number, tense, capitals, a or an."""
    assert expected in all_texts(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Can you order it today?", "order"),
        ("I did not receive it and never will.", "not"),
        ("The Engineer Kettle is mine.", "Engineer"),
        ("Please turn the oven off.", "turn"),
        ("It is out of stock now.", "stock"),
        ("I want to buy it.", "want"),
        ("There are 12 parts.", "12"),
        ("My light light lights light lights.", "light"),
    ],
)
def test_word_that_must_stay_stays(text, word):
    """Names, numbers, negations, function words, phrasal verbs, fixed expressions, open readings."""
    assert all(re.search(rf"\b{word}\b", made) for made in all_texts(text, allow_unchanged=True))


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        ("You charged my card twice for the invoice.", "billed", "recharged"),
        ("I charged the battery over the cable.", "recharged", "billed"),
    ],
)
def test_lesk_chooses_the_sense_by_the_words_around(text, right, wrong):
    """The cue words of a sense speak for it."""
    made = " ".join(all_texts(text, draws=80))
    assert right in made
    assert wrong not in made


def test_first_takes_the_most_frequent_sense_whatever_stands_around():
    """`sense: first` looks at no context."""
    made = " ".join(all_texts("I charged the battery over the cable.", sense="first", draws=80))
    assert "billed" in made


def test_multiword_synonyms_come_in_only_when_asked():
    """Repeatedly may become again and again."""
    text = "It beeps repeatedly."
    assert not any("again and again" in made for made in all_texts(text))
    assert any("again and again" in made for made in all_texts(text, multiword=True, draws=80))


@pytest.mark.parametrize(
    ("params", "words"),
    [({"count": 1}, 1), ({"count": 2}, 2), ({"rate": 0.01}, 1), ({"rate": 1.0}, 4)],
    ids=["one", "two", "at least one", "all"],
)
def test_strength_counts_words(params, words):
    """Rate is a share of the words, at least one; count is a number."""
    text = "The big parcel arrived; the courier dropped the tiny carton often."
    for made in texts(make("synonym_replacement", params, 30, seeds=seeds_of([{"text": text}]))):
        changed = sum(a != b for a, b in zip(text.split(), made.split(), strict=True))
        assert changed >= words if words == 4 else changed == words


def test_protected_words_patterns_and_spans_stay():
    """Whatever the rate."""
    text = "The big parcel with the tiny carton arrived at the huge depot."
    spans = [{"start": 4, "end": 14, "type": "ITEM"}]
    params = {"rate": 1.0, "protected": ["tiny"], "protected_patterns": ["hu.e"]}
    made = make("synonym_replacement", params, 30, seeds=seeds_of([{"text": text, "spans": spans}]))
    for row in made.records.to_pylist():
        assert "big parcel" in row["text"]
        assert "tiny" in row["text"]
        assert "huge" in row["text"]
        assert [row["text"][s["start"] : s["end"]] for s in row["spans"]] == ["big parcel"]


def test_article_inside_a_span_keeps_its_word():
    """A word whose article may not change is not replaced by one that needs the other."""
    text = "It was a car today."
    made = make("synonym_replacement", {"protected": ["a"]}, 20, seeds=seeds_of([{"text": text}]))
    assert texts(made) == []
    assert set(made.records.column("reason").to_pylist()) == {"unchanged"}


@pytest.mark.parametrize(
    "text",
    ["", "Hello", "🙂🙂 👩‍👩‍👧", "مرحبا كيف حالك", "שלום עולם", "我要退款。", "   ", "12 34", "ZZ-1", "word " * 3],
    ids=["empty", "one word", "emoji", "arabic", "hebrew", "chinese", "spaces", "numbers", "code", "nothing fits"],
)
def test_text_that_cannot_change_is_rejected_as_unchanged(text):
    """Never an exception, never the original."""
    records = make("synonym_replacement", {}, 2, seeds=seeds_of([{"text": text}])).records
    assert records.column("reason").to_pylist() == ["unchanged"] * 2


def test_unchanged_text_comes_back_where_asked():
    """`allow_unchanged`."""
    assert texts(make("synonym_replacement", {"allow_unchanged": True}, 1, seeds=seeds_of([{"text": "Hello"}]))) == [
        "Hello"
    ]


def test_bad_spans_reject_their_row_only():
    """Overlaps, and spans outside their text."""
    rows = [
        {
            "text": "The big parcel.",
            "spans": [{"start": 0, "end": 3, "type": "A"}, {"start": 2, "end": 5, "type": "B"}],
        },
        {"text": "The big parcel.", "spans": [{"start": 4, "end": 99, "type": "A"}]},
        {"text": "The big parcel."},
    ]
    made = make("synonym_replacement", {}, 3, seeds=seeds_of(rows)).records
    assert made.column("reason").to_pylist() == ["bad_spans", "bad_spans", None]


def test_megabyte_of_text_is_reworded():
    """Length is no limit."""
    text = "The big parcel arrived at the depot quickly. " * 23_000
    (made,) = texts(make("synonym_replacement", {}, 1, seeds=seeds_of([{"text": text}])))
    assert len(made) > 900_000
    assert made != text


def test_draws_of_one_seed_differ():
    """A repeated text is looked at once and still drawn anew."""
    text = "The big parcel with the tiny carton arrived at the huge depot quickly."
    assert len(all_texts(text, rate=0.2)) > 8


def test_same_text_with_other_spans_is_not_taken_for_the_same():
    """What is found for a text is shared only where its words are cut and protected alike."""
    rows = [{"text": "The big car.", "spans": [{"start": 4, "end": 7, "type": "A"}]}, {"text": "The big car."}]
    made = make("synonym_replacement", {"rate": 1.0}, 2, seeds=seeds_of(rows))
    first, second = texts(made)
    assert (first, second) == ("The big automobile.", "The large automobile.")


def test_text_that_was_hopeless_under_spans_is_tried_without_them():
    """A later block may bring it again, cut otherwise."""
    from tasks.methods.augment._words import split
    from tasks.methods.augment.synonym_replacement import Replacing

    decide = Replacing(get_method("synonym_replacement").params())
    text, spans = (
        pa.array(["The car is red."]),
        pa.array([[{"start": 4, "end": 7, "type": "A"}]], SCHEMA.field("spans").type),
    )
    rng = np.random.default_rng(0)
    assert not len(decide(split(text, spans), rng).replaced[0])
    assert decide(split(text, spans), rng).replaced is None
    assert len(decide(split(text), rng).replaced[0])


def test_order_of_rows_before_does_not_change_what_fits():
    """What may stand for a word follows from its own text."""
    rows = [{"text": f"The big parcel number {n} arrived."} for n in range(30)]
    whole = make("synonym_replacement", {"rate": 1.0}, 30, seeds=seeds_of(rows))
    for row in texts(whole):
        assert re.fullmatch(r"The large package number \d+ arrived\.", row)


_SAMPLE = """
    the a an big large car parcel, arrived. quickly I need problem! city (house) engineer not “tiny” naïve 🙂 שלום
    e\u0301t BIG Huge phone; depot refund to was x
"""
WORDS = st.sampled_from(_SAMPLE.split())


@st.composite
def seeds_with_spans(draw):
    """Return a text of words and some spans on whole words of it."""
    words = draw(st.lists(WORDS, min_size=1, max_size=14))
    text = draw(st.sampled_from([" ", "  ", "\n"])).join(words)
    places = [match.span() for match in re.finditer(r"[^\W_](?:\S*[^\W_])?", text)]
    chosen = sorted(draw(st.sets(st.sampled_from(places), max_size=3))) if places else []
    return {
        "text": text,
        "label": "x",
        "spans": [{"start": a, "end": b, "type": f"T{n}"} for n, (a, b) in enumerate(chosen)],
    }


@hypothesis_settings(max_examples=60, deadline=None)
@given(rows=st.lists(seeds_with_spans(), min_size=1, max_size=6), seed=st.integers(0, 2**32))
def test_spans_stay_on_their_words(rows, seed):
    """Each span's text is what it was, whatever was replaced around it."""
    made = make(
        "synonym_replacement", {"rate": 1.0, "allow_unchanged": True}, len(rows), seeds=seeds_of(rows), run_seed=seed
    )
    for old, new in zip(rows, made.records.to_pylist(), strict=True):
        was = [(old["text"][s["start"] : s["end"]], s["type"]) for s in old["spans"]]
        now = [(new["text"][s["start"] : s["end"]], s["type"]) for s in new["spans"]]
        assert was == now


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"source": "lexicon", "source_path": "x"}, "source_path 'x' is for source wordnet, wn or mythes"),
        ({"mlm_top_k": 3}, "mlm_top_k 3 goes with mlm"),
        ({"rate": 0.1, "count": 1}, "give rate or count, not both"),
        ({"sense": "best"}, "'lesk' or 'first'"),
        ({"source": "thesaurus"}, "'lexicon', 'wordnet', 'wn' or 'mythes'"),
        ({"mlm": "./nowhere/model"}, "no such model directory"),
    ],
)
def test_wrong_params_say_what_is_wrong(params, message):
    """One line that names value and choices."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        get_method("synonym_replacement").params.model_validate(params)


@pytest.fixture(scope="module")
def masked_model(tmp_path_factory):
    """A masked language model of eight dimensions that finds `lavatory` likeliest, then `loo`, whatever the context."""
    torch = pytest.importorskip("torch", reason="needs torch (extra `models`)")
    transformers = pytest.importorskip("transformers", reason="needs transformers (extra `models`)")
    home = tmp_path_factory.mktemp("masked")
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "toilet",
        "is",
        "here",
        "lava",
        "##tory",
        "loo",
        "wash",
        "##room",
    ]
    (home / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    transformers.BertTokenizer(str(home / "vocab.txt")).save_pretrained(home)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    model = transformers.BertForMaskedLM(config)
    with torch.no_grad():
        model.cls.predictions.decoder.bias.copy_(
            torch.tensor([8.0 * (piece in {"lava", "##tory"}) + 4.0 * (piece == "loo") for piece in pieces])
        )
        model.cls.predictions.bias.copy_(model.cls.predictions.decoder.bias)
    model.save_pretrained(home)
    return home


def test_masked_model_ranks_what_is_put_in(masked_model):
    """With top_k 1 only its likeliest synonym comes in; without it both do."""
    text = "The toilet is here."
    assert all_texts(text) == ["The lavatory is here.", "The loo is here."]
    assert all_texts(text, mlm=str(masked_model), mlm_top_k=1) == ["The lavatory is here."]


def test_masked_model_scores_match_one_text_at_a_time(masked_model):
    """Batching and padding change no score."""
    from tasks.methods.augment._synonyms_rank import ranker

    params = get_method("synonym_replacement").params.model_validate({"mlm": str(masked_model)})
    model = ranker(params.mlm)
    around = [("The ", " is here."), ("", ""), ("the toilet is here the ", " is the toilet here the toilet")]
    options = [["loo", "lavatory"], ["washroom"], ["lavatory", "loo", "washroom"]]
    together = model.scores(around, options)
    alone = [model.scores([one], [some])[0] for one, some in zip(around, options, strict=True)]
    assert [len(row) for row in together] == [2, 1, 3]
    for one, other in zip(together, alone, strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_no_masked_model_in_a_directory_is_a_recipe_error(tmp_path):
    """A directory without a configuration, one of another kind."""
    pytest.importorskip("transformers", reason="needs transformers (extra `models`)")
    from tasks.core.errors import RecipeError

    with pytest.raises(RecipeError, match="cannot read model"):
        make("synonym_replacement", {"mlm": str(tmp_path)}, 1, seeds=seeds_of([{"text": "x"}]))
    (tmp_path / "config.json").write_text('{"model_type": "t5"}', encoding="utf-8")
    with pytest.raises(RecipeError, match=r"\(t5\) is no masked language model"):
        make("synonym_replacement", {"mlm": str(tmp_path)}, 1, seeds=seeds_of([{"text": "x"}]))


def test_null_text_is_unchanged():
    """A chat seed has no text."""
    seeds = seeds_of([{"text": "The big car."}, {"label": "x"}])
    assert isinstance(seeds, pa.RecordBatch)
    made = make("synonym_replacement", {}, 2, seeds=seeds).records
    assert made.column("reason").to_pylist() == [None, "unchanged"]
