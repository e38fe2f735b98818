"""What holds for deletion, insertion and both shuffles alike: spans, labels, what is protected."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.method import get_method
from tests.builders import make, seeds_of, texts

LIST = {"words": ["again", "today"]}
WAYS = {
    "delete": ("random_deletion", {}),
    "delete half": ("random_deletion", {"rate": 0.5}),
    "insert synonyms": ("random_insertion", {}),
    "insert words of the text": ("random_insertion", {"words": "text"}),
    "insert listed words": ("random_insertion", {**LIST, "count": 3}),
    "swap": ("word_shuffle", {}),
    "swap three pairs": ("word_shuffle", {"count": 3}),
    "shuffle in a window": ("word_shuffle", {"mode": "window", "window": 2}),
    "shuffle sentences": ("sentence_shuffle", {}),
}
every_way = pytest.mark.parametrize(("name", "params"), WAYS.values(), ids=WAYS.keys())
BY_WORDS = {way: value for way, value in WAYS.items() if value[0] != "sentence_shuffle"}
every_word_way = pytest.mark.parametrize(("name", "params"), BY_WORDS.values(), ids=BY_WORDS.keys())

_PIECES = [
    "The",
    "oven",
    "broke",
    "again",
    "I",
    "am",
    "not",
    "happy",
    "é",
    "👩\u200d🚀",
    "£5.99",
    "HW-44",
    "(see",
    "it)",
    "Ghent,",
    "“so”",
    "it’s",
    "late.",
    "café",
    "كيف",
    "人工智能",
    "Why?",
    "a",
    "Bo's",
    "12-14",
]
pieces = st.lists(st.sampled_from([*_PIECES, "\n"]), min_size=1, max_size=14)


@st.composite
def seeds(draw):
    """One seed: a text, and spans that cover any of its characters without overlapping."""
    text = " ".join(draw(pieces))
    edges = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = [{"start": a, "end": b, "type": f"T{a}"} for a, b in zip(edges[0::2], edges[1::2], strict=False)]
    return {"text": text, "spans": spans, "label": "late"}


def covered(row):
    return Counter((span["type"], row["text"][span["start"] : span["end"]]) for span in row["spans"])


@every_way
@hypothesis_settings(max_examples=25, deadline=None)
@given(given_seeds=st.lists(seeds(), min_size=1, max_size=3), run_seed=st.integers(0, 99))
def test_each_span_is_still_its_words(name, params, given_seeds, run_seed):
    """Protected: every span is there, with the same text, whatever its characters are."""
    params = {**params, "protect_spans": True}
    made = make(name, params, 6, seeds=seeds_of(given_seeds), run_seed=run_seed).records.to_pylist()
    for number, row in enumerate(made):
        assert covered(row) == covered(given_seeds[number % len(given_seeds)])


@every_way
@hypothesis_settings(max_examples=25, deadline=None)
@given(given_seeds=st.lists(seeds(), min_size=1, max_size=3), run_seed=st.integers(0, 99))
def test_spans_that_are_edited_are_whole_or_gone(name, params, given_seeds, run_seed):
    """Not protected: a span is dropped or moved as one word, exactly as it is written."""
    params = {**params, "protect_spans": False}
    made = make(name, params, 6, seeds=seeds_of(given_seeds), run_seed=run_seed).records.to_pylist()
    for number, row in enumerate(made):
        found, before = covered(row), covered(given_seeds[number % len(given_seeds)])
        assert found <= before
        assert name == "random_deletion" or found == before


@every_way
def test_never_the_original(name, params):
    """Unless it is asked for: each accepted text differs from its seed, and draws differ from each other."""
    seed = {"text": "We are unhappy. The the parcel broke again. It is late. Please send another one quickly."}
    made = texts(make(name, params, 40, seeds=seeds_of([seed])))
    assert len(made) > 36
    assert seed["text"] not in made
    assert len(set(made)) > 2


UNCHANGEABLE = {
    "one word": "Broken.",
    "emoji": "🙂🙂 👩‍🚀 !!",
    "nothing": "",
    "null": None,
    "without spaces": "人工智能",
    "all negations": "No, never!",
}


def can_change(name, params, case):
    """A synonym, or a listed word, can be put beside any word."""
    with_words = case in {"one word", "without spaces", "all negations"}
    return with_words and name == "random_insertion" and params.get("words") != "text"


@pytest.mark.parametrize(
    ("name", "params", "text"),
    [
        pytest.param(name, params, text, id=f"{way}-{case}")
        for way, (name, params) in WAYS.items()
        for case, text in UNCHANGEABLE.items()
        if not can_change(name, params, case)
    ],
)
def test_what_cannot_change_is_rejected(name, params, text):
    """With a reason, not an exception; given back where that is allowed and there is a text."""
    if params.get("words") == "text":
        params = {**params, "protected": ["no", "never"]}
    row = make(name, params, 1, seeds=seeds_of([{"text": text}])).records.to_pylist()[0]
    assert row["reason"] == "unchanged"
    assert row["text"] == (text or "")
    allowed = make(name, {**params, "allow_unchanged": True}, 1, seeds=seeds_of([{"text": text}])).records
    assert ("reason" in allowed.schema.names) == (text is None)


BAD_SPANS = {
    "overlapping": [(0, 4), (2, 6)],
    "nested": [(0, 8), (2, 4)],
    "twice": [(0, 3), (0, 3)],
    "past the end": [(0, 400)],
    "negative": [(-2, 3)],
    "backwards": [(5, 3)],
    "empty": [(3, 3)],
}


@every_way
@pytest.mark.parametrize("wrong", BAD_SPANS.values(), ids=BAD_SPANS.keys())
def test_wrong_spans_are_a_reason(name, params, wrong):
    """Only of their own row, whose text and spans stay as they were."""
    text = "The oven broke. I called quickly. It is a small parcel."
    spans = [{"start": a, "end": b, "type": "X"} for a, b in wrong]
    good = [{"start": 4, "end": 8, "type": "X"}]
    rows = [{"text": text, "spans": spans}, {"text": text, "spans": good}, {"text": text}]
    made = make(name, params, 3, seeds=seeds_of(rows)).records.to_pylist()
    assert [row["reason"] for row in made] == ["bad_spans", None, None]
    assert made[0] == {"text": text, "spans": spans, "reason": "bad_spans"}
    assert covered(made[1]) == Counter({("X", "oven"): 1})
    assert made[2]["spans"] is None


@every_way
def test_long_texts_work(name, params):
    """A text of one megabyte, with spans at both ends, beside a short one."""
    text = (
        "The oven broke again. "
        + "".join(f"I called {n} times, and nobody came quickly. " for n in range(22_000))
        + "Ghent"
    )
    spans = [{"start": 4, "end": 8, "type": "X"}, {"start": len(text) - 5, "end": len(text), "type": "Y"}]
    rows = [{"text": text, "spans": spans}, {"text": "It broke. I called. The parcel is late.", "spans": []}]
    made = make(name, {**params, "protect_spans": True}, 2, seeds=seeds_of(rows)).records.to_pylist()
    assert covered(made[0]) == Counter({("X", "oven"): 1, ("Y", "Ghent"): 1})
    assert made[0]["text"] != text
    assert made[1]["text"] != rows[1]["text"]


# The lexicon has English synonyms alone.
_ANY_SCRIPT = {way: value for way, value in BY_WORDS.items() if way != "insert synonyms"}


@pytest.mark.parametrize(("name", "params"), _ANY_SCRIPT.values(), ids=_ANY_SCRIPT.keys())
def test_right_to_left_texts_work(name, params):
    """Words, marks and spans as in any other script."""
    text = "مرحبا يا فريق الدعم، وصل الفرن مكسورا اليوم صباحا إلى بيتي."
    span = {"start": text.index("الفرن"), "end": text.index("الفرن") + 5, "type": "X"}
    made = make(name, params, 5, seeds=seeds_of([{"text": text, "spans": [span]}])).records.to_pylist()
    assert all(covered(row) == Counter({("X", "الفرن"): 1}) and row["text"] != text for row in made)
    assert all(row["text"].endswith(".") for row in made)


@every_word_way
def test_protected_words_stay_where_they_are_told(name, params):
    """Listed words, patterns, phrases and negations are neither dropped nor moved nor torn apart."""
    seed = {"text": "My Ember oven did not arrive with the gift card and order HW-44 was late again today."}
    guard = {"protected": ["ember", "gift card"], "protected_patterns": [r"HW-\d+"]}
    for text in texts(make(name, {**params, **guard}, 60, seeds=seeds_of([seed]))):
        kept = ["Ember", "not", "gift card", "HW-44"]
        assert [text.count(word) for word in kept] == [1, 1, 1, 1]
        assert sorted(kept, key=text.index) == kept
        if name == "word_shuffle":
            words = text.replace("gift card", "gift_card").rstrip(".").split()
            assert [words[place] for place in (1, 4, 8, 11)] == ["Ember", "not", "gift_card", "HW-44"]


@every_way
def test_labels_come_from_the_seed(name, params):
    """The runner copies what stays true; texts and spans are new."""
    method = get_method(name)
    assert method.keeps == ("kind", "label", "target")
    assert method.gives == ("text", "spans")
    assert method.needs(method.params.model_validate(params)) == {"text"}


WRONG = {
    "rate and count": ({"rate": 0.2, "count": 2}, "give rate or count, not both: rate 0.2, count 2"),
    "no regular expression": ({"protected_patterns": ["a("]}, r"'a\(' is not a regular expression"),
    "an empty word": ({"protected": [" "]}, "protected: a word is empty"),
    "rate above one": ({"rate": 1.5}, "less than or equal to 1"),
    "rate of nothing": ({"rate": 0}, "greater than 0"),
    "misspelt": ({"protect_span": True}, "Extra inputs are not permitted"),
}


@pytest.mark.parametrize("name", ["random_deletion", "random_insertion", "word_shuffle", "sentence_shuffle"])
@pytest.mark.parametrize(("params", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_params_say_what_is_wrong(name, params, message):
    """Before anything runs."""
    with pytest.raises(ValidationError, match=message):
        make(name, params, 1, seeds=seeds_of([{"text": "a b"}]))


_SCRIPT = """
import json, sys
from tests.builders import make, seeds_of
seeds = seeds_of([{"text": "The oven broke again. I am late. Please call me today."}])
ways = json.loads(sys.argv[1])
print([make(name, params, 30, seeds=seeds).records.to_pylist() for name, params in ways])
"""


def test_other_processes_make_the_same():
    """Whatever the hash seed is."""
    ways = json.dumps(list(_ANY_SCRIPT.values()))
    command = [sys.executable, "-c", _SCRIPT, ways]
    outputs = [
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": salt}, check=True, capture_output=True).stdout
        for salt in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 1000
