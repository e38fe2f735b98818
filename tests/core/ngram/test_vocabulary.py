"""Texts as word numbers and back."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.ngram.vocabulary import BOS, EOS, UNK, Growing, Vocabulary, Words, batches, token_lists, with_marks
from tests.strategies import any_text


def grown(texts, min_count=1):
    growing = Growing(Words())
    ids, lengths = growing.encode(texts)
    vocabulary, renumbered = growing.settle(min_count)
    return vocabulary, renumbered[ids], lengths


@given(texts=st.lists(any_text, max_size=5))
def test_a_text_comes_back_as_it_was(texts):
    """Case, punctuation, line breaks, any script; only the separator of records becomes a space."""
    vocabulary, ids, lengths = grown(texts)
    assert vocabulary.decode(ids, lengths).to_pylist() == [text.replace("\x1e", " ") for text in texts]


@given(texts=st.lists(any_text, max_size=5))
def test_encoding_again_gives_the_same_numbers(texts):
    """The settled vocabulary cuts as the growing one did."""
    vocabulary, ids, lengths = grown(texts)
    again, again_lengths = vocabulary.encode(texts)
    assert (again.tolist(), again_lengths.tolist()) == (ids.tolist(), lengths.tolist())


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A red bus.", [" A", " red", " bus", "."]),
        ("don't re-enter (now)", [" don't", " re-enter", " (", "now", ")"]),
        ("3.14 €", [" 3", ".", "14", " €"]),
        ("two  spaces\nline", [" two", " ", " spaces", "\n", "line"]),
        ("日本語。", [" 日本語", "。"]),
        ("", [" "]),
    ],
)
def test_words_keep_the_space_before_them(text, tokens):
    """Words, numbers and signs, each with its space."""
    found, lengths = Words().cut([text])
    assert (found.to_pylist(), lengths.tolist()) == (tokens, [len(tokens)])


def test_numbers_go_by_frequency_and_rare_words_are_unknown():
    """The most frequent word comes first after the marks."""
    vocabulary, ids, _ = grown(["b b b a a c"], min_count=2)
    assert vocabulary.words.to_pylist() == ["<s>", "</s>", "<unk>", " b", " a"]
    assert ids.tolist() == [3, 3, 3, 4, 4, UNK]


def test_marks_stand_around_each_text():
    """BOS before and EOS after, of empty texts too."""
    _, ids, lengths = grown(["a b", "", "c"])
    lengths[1], kept = 0, [*ids[:2], *ids[3:]]
    assert with_marks(kept, lengths).tolist() == [BOS, *kept[:2], EOS, BOS, EOS, BOS, kept[2], EOS]


def test_a_vocabulary_is_read_as_it_was_written(tmp_path):
    """White space and quotes in tokens survive the file."""
    words = pa.array(["<s>", "</s>", "<unk>", "\n", ' "x"', "\t"])
    Vocabulary(words, Words()).save(tmp_path / "words.arrow")
    assert Vocabulary.load(tmp_path / "words.arrow", Words()).words.equals(words)


def test_batches_are_cut_by_size():
    """A long text is a batch of its own."""
    assert list(batches(["aaa", "b", "c" * 9, "d"], 4)) == [["aaa"], ["b", "c" * 9], ["d"]]


def test_metrics_compare_words_without_their_spaces():
    """A line break is no token, an empty text has none."""
    assert token_lists(["A bus, red", "", "x\ny"]).to_pylist() == [["A", "bus", ",", "red"], [], ["x", "y"]]
