"""ARPA text: ours read by KenLM, ours and others' read by us."""

import numpy as np
import pytest

from tasks.core.errors import UserError
from tasks.core.ngram.arpa import read_arpa, write_arpa
from tasks.core.ngram.scoring import perplexity, score
from tasks.core.ngram.vocabulary import UNK, Words, with_marks
from tests.core.ngram.models import model_of

TEXTS = [
    f"A {a} cat, no. {n}\nsat on {b} <s>\t\\mats▁ ." for n in (1, 2) for a in ("red", "big") for b in ("the", "two")
]
HELD_OUT = ["A big cat sat on zebra mats.", "red\ttwo", "no. 2 <s> ▁"]
TINY = """
\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.30103
-0.60206\t</s>
-0.60206\tx\t-0.30103
-0.30103\t<unk>

\\2-grams:
-0.20412\t<s> x
-0.20412\tx </s>

\\end\\
"""


def written(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("order", [2, 3, 5])
def test_kenlm_reads_what_we_write(tmp_path, order):
    """The same log10 score for every token, known or not, and the same length of the n-gram that gave it."""
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed (extra dev)")
    model = model_of(TEXTS, tmp_path, order=order)
    write_arpa(model, tmp_path / "model.arpa")
    theirs = kenlm.Model(str(tmp_path / "model.arpa"))
    names = [parts[1] for parts in written(tmp_path / "model.arpa") if len(parts) > 1 and " " not in parts[1]]
    for text in [*TEXTS, *HELD_OUT]:
        ids, lengths = model.vocabulary.encode([text])
        ours = score(model, with_marks(ids, lengths))
        line = " ".join("zebra" if i == UNK else names[i] for i in ids)
        found = list(theirs.full_scores(line))
        assert ours.log_prob / np.log(10) == pytest.approx([one[0] for one in found], abs=1e-4)
        assert [int(n) for n, word in zip(ours.order, ours.words, strict=True) if word != UNK] == [
            one[1] for one in found if not one[2]
        ]


@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_we_write_we_read(tmp_path, order):
    """Words with white space, backslashes and marks come back; so do the scores."""
    model = model_of(TEXTS, tmp_path, order=order)
    write_arpa(model, tmp_path / "model.arpa")
    (tmp_path / "again").mkdir()
    again = read_arpa(tmp_path / "model.arpa", tmp_path / "again", Words())
    assert again.vocabulary.words.equals(model.vocabulary.words)
    assert perplexity(again, HELD_OUT).value == pytest.approx(perplexity(model, HELD_OUT).value, rel=1e-4)
    for ours, theirs in zip(model.levels, again.levels, strict=True):
        assert np.array_equal(ours.keys, theirs.keys)
        assert theirs.cumulative == pytest.approx(ours.cumulative, abs=1e-4)


def read_text(text, folder):
    path = folder / "other.arpa"
    path.write_text(text, encoding="utf-8")
    (folder / "model").mkdir()
    return read_arpa(path, folder / "model", Words())


def test_another_toolkits_file_is_read(tmp_path):
    """Without a backoff where nothing follows, marks in another order."""
    model = read_text(TINY, tmp_path)
    assert model.vocabulary.words.to_pylist() == ["<s>", "</s>", "<unk>", "x"]
    log_prob = score(model, np.array([0, 3, 1], np.int32)).log_prob
    assert np.exp(log_prob) == pytest.approx([0.625, 0.625], rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda _text: "hello", r"is no ARPA file: it has no line \\1-grams:", id="no ARPA"),
        pytest.param(lambda text: text.replace("<s> x", "<s> y"), "2-grams: a broken line, or a word that", id="word"),
        pytest.param(lambda text: text.replace("-0.20412\tx", "abc\tx"), "2-grams: a broken line", id="number"),
        pytest.param(lambda text: text.replace("-0.20412\tx", "-3\tx"), "backs off; an interpolated", id="backs off"),
        pytest.param(
            lambda text: text.replace("\\end", "\\3-grams:\n-1\tx x </s>\n\n\\end"), "without the 2-gram", id="pruned"
        ),
    ],
)
def test_a_wrong_file_is_said(tmp_path, change, message):
    """One line that names the file and what is wrong with it."""
    with pytest.raises(UserError, match=message):
        read_text(change(TINY), tmp_path)


def test_a_missing_file_is_said(tmp_path):
    """As is one that cannot be read."""
    with pytest.raises(UserError, match=r"cannot read '.*none\.arpa': No such file"):
        read_arpa(tmp_path / "none.arpa", tmp_path, Words())
