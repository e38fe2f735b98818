"""The synchronous grammar behind the embedded paraphraser, and the masks, spans and measures around a rewrite."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.methods.augment._seq2seq_masks import found_again, mask, restore, spans_fit
from tasks.methods.augment._seq2seq_pieces import each_once, joined, pieces, taken
from tasks.methods.augment._seq2seq_similarity import ngram_cosine
from tasks.methods.augment._synchronous import pairs, read, renumbered, spelled
from tasks.methods.augment._synchronous_desk import desk
from tests.strategies import any_text

SMALL = """
Report: my {Thing} {Fault}. | something is wrong with my {Thing}: it {Fault}.
Thing x2: kettle
Thing: dish washer
  | machine for the dishes
Thing: #
Fault: leaks | lets water out
"""


def first_pairs(count, seed=0):
    return list(itertools.islice(pairs(desk(), np.random.default_rng(seed)), count))


@hypothesis_settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_wordings_of_a_meaning_parse_to_that_meaning_only(seed):
    """A text of the desk has one derivation: to parse it is to know what it says."""
    rng = np.random.default_rng(seed)
    meaning = desk().draw(rng)
    for _ in range(3):
        words = desk().word(meaning, rng)
        assert desk().meanings(spelled(words)) == [meaning]


def test_pairs_differ_and_share_their_meaning():
    """Both sides number their slots by the first."""
    for first, second in first_pairs(300):
        assert first != second
        assert desk().meanings(first) == desk().meanings(second) != []
        assert re.findall(r"QX\dZ", first) == sorted(re.findall(r"QX\dZ", second))


def test_there_are_tens_of_thousands_of_pairs():
    """So many that training seldom sees one twice."""
    assert len(set(first_pairs(20_000))) > 18_000


def test_small_grammar_reads_its_notation():
    """Weights, lines that go on, slots, wordings."""
    grammar = read(SMALL)
    assert grammar.turns["Thing"] == (0, 0, 1, 2)
    (one,) = grammar.meanings("My dish washer leaks.")
    assert grammar.meanings("Something is wrong with my machine for the dishes: it lets water out.") == [one]
    assert grammar.meanings("My kettle leaks.") != [one]
    assert grammar.meanings("My QX3Z leaks.") != grammar.meanings("My QX4Z leaks.") != []
    assert grammar.meanings("My cat leaks.") == []
    assert grammar.meanings("My kettle leaks. Thanks.") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A: {B} x | y\nB: b", "wordings of a line of 'A' have different parts"),
        ("A: {B} {B}\nB: b", "one of them twice"),
        ("A: {C}", "'A' names 'C', which has no line"),
    ],
    ids=["lost-part", "part-twice", "unknown"],
)
def test_wrong_grammar_is_refused(text, message):
    """A wording that drops a part would not be a paraphrase."""
    with pytest.raises(ValueError, match=message):
        read(text)


def test_spelling_and_numbering():
    """Capitals after the end of a sentence, no space before a stop, slots by their first appearance."""
    assert spelled(["hello", ".", "my", "QX4Z", ",", "too", "?", "yes"]) == "Hello. My QX4Z, too? Yes"
    assert renumbered(["QX7Z", "a", "QX2Z"], ["QX2Z", "QX7Z"]) == ["QX1Z", "a", "QX0Z"]


@given(any_text, st.data())
def test_mask_and_restore_give_back_text_and_spans(text, data):
    """Unless a rewrite changes something, nothing changes; spans, if any, come back in order."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = [{"start": a, "end": b, "type": f"T{a}"} for a, b in itertools.pairwise(cuts)][::2]
    assert spans_fit(text, spans)
    masked = mask(text, spans, re.compile(r"\d+"))
    back = restore(masked.text, masked)
    assert (back.text, back.spans) == (text, spans)


def test_mask_takes_a_code_that_the_text_does_not_hold():
    """And gives up where it holds them all."""
    masked = mask("qx0z and 7", [], re.compile(r"\d+$"))
    assert masked.text == "qx0z and XQ0Z"
    assert restore("xq0z und qx0z", masked).text == "7 und qx0z"
    assert mask("qx xq qzx zxq xqj", [], re.compile(r"\d+")) is None


@pytest.mark.parametrize(
    "answer", ["nothing", "QX0Z QX0Z QX1Z", "QX0Z", "QX0Z QX2Z"], ids=["none", "twice", "one-lost", "another"]
)
def test_restore_wants_each_code_once(answer):
    """Else the row is lost, not guessed."""
    assert restore(answer, mask("12 and 34", [], re.compile(r"\d+"))) is None


@pytest.mark.parametrize(
    ("source", "span", "rewritten_text", "found"),
    [
        ("Sam wrote to me.", (0, 3), "I was written to by Sam.", (20, 23)),
        ("Sam wrote to me.", (0, 3), "I was written to by Samuel.", None),
        ("Sam wrote to Sam.", (13, 16), "To Sam, Sam wrote.", (8, 11)),
        ("Sam wrote to me.", (0, 3), "Sam, Sam wrote to me.", None),
        ("a (+) sign", (2, 5), "the sign (+)", (9, 12)),
        ("Sam wrote", (1, 2), "Sam has written", None),
    ],
    ids=["moved", "longer-word", "second-of-two", "one-more", "no-word", "within-a-word"],
)
def test_found_again_is_certain_or_none(source, span, rewritten_text, found):
    """The k-th occurrence is the k-th, and there are as many."""
    moved = found_again(source, [{"start": span[0], "end": span[1], "type": "X"}], rewritten_text)
    assert moved == (None if found is None else [{"start": found[0], "end": found[1], "type": "X"}])


def test_found_again_refuses_an_overlap():
    """Two spans cannot end up on the same word."""
    source = "Sam saw Sam Smith"
    spans = [{"start": 0, "end": 3, "type": "A"}, {"start": 8, "end": 17, "type": "B"}]
    assert found_again(source, spans, "Sam Smith was seen by Sam") is None
    assert found_again(source, spans, "Sam has seen Sam Smith")[1]["start"] == 13


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.integers(3, 20))
def test_pieces_are_the_text(text, size):
    """Cut and joined, every text is itself; no piece is longer than asked, or empty."""
    parts = pieces(text, size)
    assert "".join(parts) == text
    assert len(parts) % 2 == 1
    assert all(0 < len(piece) <= size for piece in parts[1::2])


def test_taken_pieces_are_joined_where_they_were():
    """A share of them, at least one, and what stands between stays."""
    cuts = [pieces(text, 100) for text in ("Hi there.  Go on.\nStop!", "😀", "One.")]
    rng = np.random.default_rng(0)
    assert taken(cuts, 1.0, rng) == [[1, 3, 5], [], [1]]
    assert taken(cuts, 1e-9, rng)[2] == [1]
    counts = [len(taken(cuts, 0.4, rng)[0]) for _ in range(300)]
    assert set(counts) == {1, 2, 3}
    assert joined(cuts, [[3], [], [1]], ["GO", "ONE"]) == ["Hi there.  GO\nStop!", "😀", "ONE"]


def test_equal_pieces_are_rewritten_once():
    """Where the engine has one answer for each."""
    asked = []

    def upper(batch):
        asked.extend(batch)
        return [piece.upper() for piece in batch]

    assert each_once(["Go on.", "Hi.", "Go on."], upper) == ["GO ON.", "HI.", "GO ON."]
    assert asked == ["Go on.", "Hi."]


@given(any_text, any_text)
def test_ngram_cosine_is_a_likeness(left, right):
    """Within [0, 1], symmetric, 1 for a text and itself."""
    there, back, same = ngram_cosine([left, right, left], [right, left, left])
    assert there == pytest.approx(back)
    assert -1e-9 <= there <= 1 + 1e-9
    assert same == pytest.approx(1.0)


def test_paraphrases_are_nearer_than_other_texts():
    """On the desk's own pairs: the threshold of the default lies between the two."""
    made = first_pairs(300, seed=4)
    lefts, rights = [first for first, _ in made], [second for _, second in made]
    paraphrases, others = ngram_cosine(lefts, rights), ngram_cosine(lefts, rights[7:] + rights[:7])
    assert np.mean(paraphrases >= 0.4) > 0.85
    assert np.mean(others < 0.4) > 0.9
