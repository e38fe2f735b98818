"""How texts are split to words, and what an edit makes of them; what a dropped word leaves behind."""

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.core.record import SPANS
from tasks.methods.augment._edit import Edits, edit
from tasks.methods.augment._gaps import mended
from tasks.methods.augment._words import Guard, split, strings
from tests.strategies import any_text

# Characters at which a splitter by bytes, by spaces or by letters goes wrong.
_PIECES = [*"aB1 .,!?-–—'\"()\n\u00a0£%…", "é", "ß", "👩‍🚀", "🙂", "لا", "好", "e\u0301", "\0"]
tricky = st.lists(st.sampled_from(_PIECES), max_size=30).map("".join)


def cut(text, spans=None, guard=None):
    column = pa.array([[{"start": a, "end": b, "type": "X"} for a, b in spans]], SPANS) if spans is not None else None
    return split(pa.array([text], pa.string()), column, guard)


def said(words):
    return strings(words, np.arange(len(words))).to_pylist()


def dropping(text, *places):
    words = cut(text)
    drop = np.zeros(len(words), np.bool_)
    drop[list(places)] = True
    return edit(words, Edits(drop=drop)).texts[0].as_py()


SPLITS = {
    "plain": ("The cat sat.", ["The", "cat", "sat"]),
    "apostrophes and hyphens stay inside": ("Don't re-use it, it’s old!", ["Don't", "re-use", "it", "it’s", "old"]),
    "punctuation stays outside": ('He said: "no (never)…" Twice?!', ["He", "said", "no", "never", "Twice"]),
    "amounts, signs and codes": ("£5.99 or -5, 80% HW-44; .5, C++", ["£5.99", "or", "-5", "80%", "HW-44", ".5", "C++"]),
    "a dash between words parts them": ("yes—no", ["yes", "no"]),
    "addresses are one word": ("see https://a.b/c?d=e.", ["see", "https://a.b/c?d=e"]),
    "a space that forbids a break": ("10\u00a0000 km !", ["10\u00a0000", "km"]),
    "emoji are no words, nor part of one": ("wow👩‍🚀 🙂 ok", ["wow", "ok"]),
    "a keycap is whole": ("press 1️⃣ now", ["press", "1️⃣", "now"]),
    "combining marks": ("cafe\u0301 ole\u0301.", ["cafe\u0301", "ole\u0301"]),
    "right to left": ("مرحبا، كيف حالك؟", ["مرحبا", "كيف", "حالك"]),
    "no spaces": ("人工智能。", ["人工智能"]),
    "nothing": ("", []),
    "punctuation alone": ("... -- !!", []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), SPLITS.values(), ids=SPLITS.keys())
def test_words_are_what_stands_between_breaks(text, words):
    """Without the punctuation around, with that inside."""
    assert said(cut(text)) == words


def test_rows_do_not_run_into_each_other():
    """Rows without a space between them, empty and null ones among them, in a slice of a longer column."""
    texts = pa.array(["no", "ab", None, "", "cd", "é f"], pa.string()).slice(1)
    words = split(texts)
    assert said(words) == ["ab", "cd", "é", "f"]
    assert words.row.tolist() == [0, 3, 4, 4]
    assert words.first.tolist() == [0, 1, 1, 1, 2, 4]


@given(texts=st.lists(st.one_of(tricky, any_text), max_size=5))
def test_words_and_gaps_are_the_text(texts):
    """Words lie in order, apart, inside their row; no word starts or ends inside a character."""
    words = split(pa.array(texts, pa.string()))
    whole = "".join(texts).encode()
    edges = [0, *np.stack([words.start, words.end], axis=1).ravel().tolist(), len(whole)]
    assert edges == sorted(edges)
    assert all(low < high for low, high in zip(words.start.tolist(), words.end.tolist(), strict=True))
    assert "".join(whole[a:b].decode() for a, b in pairwise(edges)) == "".join(texts)
    assert (words.bounds[words.row] <= words.start).all()
    assert (words.end <= words.bounds[words.row + 1]).all()


def test_a_span_is_part_of_one_word():
    """Its spaces, the rest of the words that it cuts, and punctuation inside."""
    assert said(cut("I live at 27 Mill Rd, Ghent.", [(10, 27)])) == ["I", "live", "at", "27 Mill Rd, Ghent"]
    assert said(cut("Fleur's desk", [(0, 5)])) == ["Fleur's", "desk"]
    assert said(cut("so 🙂 then", [(3, 4)])) == ["so", "🙂", "then"]


GUARDS = {
    "word in any case": (Guard(words=frozenset({"ember"})), "My EMBER oven", ["EMBER"]),
    "pattern protects its whole word": (Guard(patterns=(re.compile(r"\d"),)), "Order HW-44 now", ["HW-44"]),
    "pattern joins words": (Guard(patterns=(re.compile("gift card"),)), "a gift card, é", ["gift card"]),
    "negations": (Guard(), "I don’t, we DO NOT, nobody notes", ["don’t", "NOT", "nobody"]),
    "nothing": (Guard(negations=False), "I do not", []),
}


@pytest.mark.parametrize(("guard", "text", "protected"), GUARDS.values(), ids=GUARDS.keys())
def test_guard_protects(guard, text, protected):
    """Words, patterns, negations."""
    words = cut("é " + text, guard=guard)
    assert strings(words, np.flatnonzero(words.protected)).to_pylist() == protected


def test_guard_protects_spans_unless_told():
    """One flag."""
    assert cut("a b c", [(2, 3)]).protected.tolist() == [False, True, False]
    assert not cut("a b c", [(2, 3)], Guard(spans=False)).protected.any()


def test_openings_follow_sentences_not_abbreviations():
    """Full stops inside numbers and after titles open nothing; line breaks do."""
    words = cut('Dear Dr. Wu, it is 3.5 m. We left… He\nalso (e.g. here). "So" she said')
    assert strings(words, np.flatnonzero(words.opening)).to_pylist() == ["Dear", "We", "He", "also", "So"]


def test_capitals_are_borrowed_where_that_is_known():
    """Function words, and words that the batch also writes small; names are not."""
    words = split(pa.array(["The oven. Chips burn. Ghent is far. I left. Mark it", "good chips. mark Mark"]))
    at = np.flatnonzero(words.opening & words.capital)
    own = dict(zip(strings(words, at).to_pylist(), words.own_capital[at].tolist(), strict=True))
    assert own == {"The": False, "Chips": False, "Ghent": True, "I": True, "Mark": True}


DROPS = {
    "spaces close": ("a big dog", [1], "a dog"),
    "the capital moves on": ("The cat sat.", [0], "Cat sat."),
    "past several": ("So the cat sat.", [0, 1], "Cat sat."),
    "not to a name of its own case": ("The iPhone broke.", [0], "iPhone broke."),
    "not into the next sentence": ("Well. it broke.", [0], "it broke."),
    "no capital, none to move": ("the cat sat.", [0], "cat sat."),
    "final punctuation stays": ("It broke today!", [2], "It broke!"),
    "the stronger mark stays": ("It broke, sadly.", [2], "It broke."),
    "never two marks": ("Yes. No. Maybe.", [1], "Yes. Maybe."),
    "a question stays one": ("Is it on? Really. Yes", [3], "Is it on? Yes"),
    "comma of a lost opening": ("Hello, it broke.", [0], "It broke."),
    "comma moves to the word before": ("Hi team, it broke.", [1], "Hi, it broke."),
    "quotes around nothing": ('the "big" dog', [1], "the dog"),
    "brackets around nothing": ("it broke (again).", [2], "it broke."),
    "open quote goes on": ('the "big, red" dog', [1], 'the "red" dog'),
    "closing bracket stays": ("it (was red) broke", [2], "it (was) broke"),
    "all of a bracket": ("it (was red) broke", [1, 2], "it broke"),
    "dashes do not pile up": ("red – blue – green", [1], "red – green"),
    "nor hang at the end": ("red – blue.", [1], "red."),
    "spaced punctuation": ("a dog , a cat .", [2, 3], "a dog ."),
    "line breaks stay": ("one two\nthree", [1], "one\nthree"),
    "emoji stay": ("so 🙂 good 👩‍🚀 here", [1], "so 🙂 👩‍🚀 here"),
    "emoji at the start": ("Wow🙂 nice.", [0], "🙂 Nice."),
    "em dash": ("yes—no—maybe", [1], "yes—maybe"),
    "right to left": ("مرحبا، كيف حالك؟", [1], "مرحبا، حالك؟"),
    "opening bracket goes to the next": ("it (very old) broke", [1], "it (old) broke"),
    "double space only where a word went": ("a  b c d", [2], "a  b d"),
}


@pytest.mark.parametrize(("text", "places", "left"), DROPS.values(), ids=DROPS.keys())
def test_a_dropped_word_leaves_a_clean_gap(text, places, left):
    """Spaces, marks, brackets, capitals."""
    assert dropping(text, *places) == left


def test_mended_folds_several_gaps():
    """As one word after the other would."""
    assert mended(["", ", ", ". ", " "], first=True, last=False) == ""
    assert mended([" (", ", ", ")."], first=False, last=True) == "."


def edited(text, spans=None, **decisions):
    words = cut(text, spans)
    parts = {
        name: (np.array(value[0], np.int64), pa.array(value[1], pa.string())) if isinstance(value, tuple) else value
        for name, value in decisions.items()
    }
    return edit(words, Edits(**parts))


REPLACED = {
    "case is taken": ("The OLD Sofa broke", ([0, 1, 2], ["a", "ancient", "couch"]), "A ANCIENT Couch broke"),
    "own capitals stay": ("an oven", ([1], ["IKEA"]), "an IKEA"),
    "punctuation stays": ('the "old", sofa', ([1], ["very new"]), 'the "very new", sofa'),
    "in any order": ("a b c", ([2, 0], ["z", "x"]), "x b z"),
    "of other length in UTF-8": ("é b ü", ([1], ["ñandú"]), "é ñandú ü"),
}


@pytest.mark.parametrize(("text", "replaced", "made"), REPLACED.values(), ids=REPLACED.keys())
def test_a_replacement_fits_in(text, replaced, made):
    """Case and punctuation are those of the place."""
    assert edited(text, replaced=replaced).texts.to_pylist() == [made]


def test_inserted_words_take_over_a_borrowed_capital():
    """The first of them; a name keeps its own."""
    assert edited("The cat sat.", before=([0, 0], ["so", "now"])).texts[0].as_py() == "So now the cat sat."
    assert edited("Ghent is far.", before=([0], ["so"])).texts[0].as_py() == "So Ghent is far."
    around = edited("it sat (here).", before=([2], ["right"]), after=([2], ["now"]))
    assert around.texts[0].as_py() == "it sat (right here now)."


def test_moved_words_leave_punctuation_and_capitals_behind():
    """A swap of the first and the last word."""
    words = cut('The cat "sat".')
    assert edit(words, Edits(source=np.array([2, 1, 0]))).texts[0].as_py() == 'Sat cat "the".'


def test_all_decisions_at_once():
    """Drop, move, replace and insert in one text, with a span that moves."""
    words = cut("The old cat sat on Ghent, sadly.", [(19, 24)], Guard(spans=False))
    source = np.arange(len(words))
    source[[2, 5]] = [5, 2]
    drop = np.zeros(len(words), np.bool_)
    drop[[0, 6]] = True
    made = edit(
        words,
        Edits(drop, source, (np.array([3]), pa.array(["lay"])), (np.array([1]), pa.array(["very"])), None),
    )
    assert made.texts[0].as_py() == "Very old Ghent lay on cat."
    assert made.spans.to_pylist() == [[{"start": 9, "end": 14, "type": "X"}]]


SPAN_FATES = {
    "moved by what comes before": ("é a bb", [(4, 6)], {"replaced": ([1], ["🙂🙂🙂x"])}, ["bb"]),
    "replaced whole": ("a bb c", [(2, 4)], {"replaced": ([1], ["éé é"])}, ["éé é"]),
    "replaced in part": ("a Bo's c", [(2, 4)], {"replaced": ([1], ["x"])}, []),
    "dropped": ("a bb c", [(2, 4)], {"drop": np.array([False, True, False])}, []),
    "two in one word": ("a 12-14 c", [(2, 4), (5, 7)], {"drop": np.array([True, False, False])}, ["12", "14"]),
    "moved": ("a bb é c d", [(2, 4), (5, 6)], {"source": np.array([3, 2, 4, 0, 1])}, ["é", "bb"]),
    "at the very ends": ("aa b cc", [(0, 2), (5, 7)], {"after": ([1], ["xyz"])}, ["aa", "cc"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "spans", "decisions", "left"), SPAN_FATES.values(), ids=SPAN_FATES.keys())
def test_spans_go_with_their_words(text, spans, decisions, left):
    """Exact, or gone."""
    made = edited(text, spans, **decisions)
    new = made.texts[0].as_py()
    assert [new[span["start"] : span["end"]] for span in made.spans[0].as_py()] == left


def test_no_spans_and_unknown_spans_differ():
    """Null stays null, an empty list an empty list."""
    words = split(pa.array(["a b", "c d"]), pa.array([None, []], SPANS))
    assert edit(words, Edits(drop=np.array([True, False, True, False]))).spans.to_pylist() == [None, []]


@hypothesis_settings(max_examples=200, deadline=None)
@example(texts=["a—b", "Ab. c"], seed=3)
@given(texts=st.lists(st.one_of(tricky, any_text), min_size=1, max_size=4), seed=st.integers(0, 999))
def test_the_words_that_stay_stay_words(texts, seed):
    """After any drops and moves the new texts have exactly the words that were decided, whatever stands between."""
    rng = np.random.default_rng(seed)
    words = split(pa.array(texts, pa.string()))
    drop = rng.random(len(words)) < 0.4
    for low, high in zip(words.first[:-1], words.first[1:], strict=True):
        drop[low:high] &= not drop[low:high].all()
    source = np.lexsort((rng.random(len(words)), words.row))
    made = split(edit(words, Edits(drop=drop, source=source)).texts)
    came = source[~drop]
    # A number that comes to stand behind a loose point or hyphen takes it for its sign.
    assert [word.lower().lstrip("-.") for word in said(made)] == [
        word.lower().lstrip("-.") for word in strings(words, came).to_pylist()
    ]
    assert made.row.tolist() == words.row[~drop].tolist()
