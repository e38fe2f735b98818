"""Words as numbers and back: texts keep their case, punctuation and line breaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.methods.models._vocabulary import BOS, EOS, PAD, UNK, Vocabulary, joined, pieces


def plain(text):
    return "\n".join(" ".join(line.split()) for line in text.replace("\u2060", "").split("\n")).strip()


@hypothesis_settings(max_examples=200)
@given(st.text(max_size=60))
def test_pieces_join_to_the_text(text):
    """Any text comes back, with single spaces."""
    assert joined(pieces(text)) == plain(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a red wheel.", ["a", "red", "wheel", "\u2060."]),
        ("It's (not) £12.50!", ["It's", "(", "\u2060not", "\u2060)", "£", "\u206012.50", "\u2060!"]),
        ("one\ntwo", ["one", "\n", "two"]),
        ("well-known A.B.", ["well-known", "A.B", "\u2060."]),
        ("", []),
    ],
    ids=["stop", "signs", "lines", "inner signs", "empty"],
)
def test_pieces_of_a_text(text, words):
    """Words keep their inner signs, a sign without a space before it is marked."""
    assert pieces(text) == words


def test_frequent_words_come_first_and_rare_ones_are_unknown():
    """Ordered by count; what is below `min_count`, or above `most`, is UNK."""
    known = Vocabulary.of(["b a", "a c", "a b"], min_count=2, most=99, lowercase=False)
    assert known.words[4:] == ("a", "b")
    assert known.encode(["c a"]).ids.tolist() == [UNK, 4]
    assert len(Vocabulary.of(["b a", "a c"], min_count=1, most=5, lowercase=False)) == 5


def test_texts_longer_than_the_longest_have_no_end():
    """Where a text was cut is no end that a model may learn."""
    encoded = Vocabulary.of(["a b c", "a"], min_count=1, most=99, lowercase=False).encode(["a b c", "a", ""])
    assert encoded.padded(2).tolist() == [[BOS, 4, 5, PAD], [BOS, 4, EOS, PAD], [BOS, EOS, PAD, PAD]]
    assert encoded.take(np.array([2, 0])).padded(9).tolist() == [[BOS, EOS, PAD, PAD, PAD], [BOS, 4, 5, 6, EOS]]


def test_vocabulary_comes_back_from_its_file(tmp_path):
    """Words with quotes, glue and line breaks included."""
    known = Vocabulary.of(['"A" b.\nc'], min_count=1, most=99, lowercase=True)
    known.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == known
    assert known.decode(known.encode(['"A" b.\nC']).padded(20)[:, 1:]) == ['"a" b.\nc']
