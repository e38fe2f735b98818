"""The two rules on repetition, against their definitions written out text by text."""

from collections import Counter
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quality.rules import repeats_lines, repeats_ngrams
from quality.rules._repeats import only, repeats_a_bigram, words
from tasks.core import record


def batch_of(texts):
    return record.complete(record.columns(text=texts), method="x@1", stage="s", shard=0, row=0)


def repeats(text, params):
    """Rae et al. 2021, table A1, with the two departures that the module's docstring names."""
    said = text.split()
    if len(said) < params.min_words:
        return False
    total = sum(map(len, said))
    for n in {*params.top, *params.repeated}:
        grams = [tuple(said[i : i + n]) for i in range(len(said) - n + 1)]
        size = {gram: sum(map(len, gram)) for gram in grams}
        often = [(count, size[gram]) for gram, count in Counter(grams).items() if count >= params.min_repeats]
        if n in params.top and often:
            count, chars = max(often)
            if count * chars > params.top[n] * total:
                return True
        covered = {j for i, gram in enumerate(grams) if gram in grams[:i] for j in range(i, i + n)}
        if n in params.repeated and sum(len(said[j]) for j in covered) > params.repeated[n] * total:
            return True
    return False


texts_that_repeat = st.lists(
    st.lists(st.sampled_from(["a", "bb", "ccc", "é", "日本"]), max_size=30).map(" ".join) | st.just("  "), max_size=6
)


@settings(deadline=None)
@given(
    texts_that_repeat,
    st.dictionaries(st.integers(2, 5), st.sampled_from([0.0, 0.2, 0.5, 0.9]), max_size=3),
    st.dictionaries(st.integers(2, 6), st.sampled_from([0.0, 0.15, 0.5, 0.9]), max_size=3),
    st.integers(2, 4),
)
@example(["a a a a a a", "", "a bb a bb a bb"], {2: 0.2}, {3: 0.1}, 3)
def test_repeats_ngrams_agrees_with_the_definition(texts, top, repeated, min_repeats):
    params = repeats_ngrams.Params(top=top, repeated=repeated, min_repeats=min_repeats, min_words=3)
    found = repeats_ngrams.defect(batch_of(texts), params).to_pylist()
    assert found == [repeats(text, params) for text in texts]


@settings(deadline=None)
@given(texts_that_repeat)
def test_prefilter_keeps_every_text_with_a_repeated_bigram(texts):
    table = words(pa.array(texts, pa.string()))
    said = [text.split() for text in texts]
    pairs = [list(pairwise(part)) for part in said]
    assert repeats_a_bigram(table).tolist() == [len(set(part)) < len(part) for part in pairs]


def test_only_numbers_the_texts_anew():
    table = words(pa.array(["a b", "c", "d e f"]))
    kept = only(table, repeats_a_bigram(table) | [True, False, True])
    assert kept.row.tolist() == [0, 0, 1, 1, 1]
    assert kept.start.tolist() == [0, 2, 5]


PROSE = (
    "When the parcel arrived on Tuesday the lid was cracked and one of the two keys was missing, so I wrote to the "
    "shop and asked whether they could send a new key before the weekend, because my sister leaves on Sunday morning."
)


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        pytest.param(PROSE, False, id="prose"),
        pytest.param(" ".join([PROSE] * 3), True, id="thrice"),
        pytest.param(PROSE + " no no no no no no no no no no no no no no no no no no", True, id="stuck"),
        pytest.param("to be or not to be", False, id="short"),
        pytest.param("I want to go to the shop and then go to the park", False, id="a bigram twice"),
        pytest.param("the cat the cat the cat the cat the cat the cat", True, id="degenerate"),
        pytest.param(None, False, id="null"),
    ],
)
def test_repeats_ngrams_by_default(text, bad):
    found = repeats_ngrams.defect(batch_of([PROSE, text, PROSE]), repeats_ngrams.Params()).to_pylist()
    assert found == [False, bad, False]


def test_repeats_ngrams_asked_for_nothing_finds_nothing():
    params = repeats_ngrams.Params(top={}, repeated={})
    assert repeats_ngrams.defect(batch_of(["a " * 99]), params).to_pylist() == [False]


def test_repeats_ngrams_of_a_batch_are_those_of_its_parts():
    """Blocks (1 MiB) are a matter of speed alone: a text on their border is judged once and whole."""
    texts = [PROSE, "x " * 40, "", PROSE * 2, "the cat " * 9]
    whole = repeats_ngrams.defect(batch_of(texts * 3000), repeats_ngrams.Params())
    alone = [repeats_ngrams.defect(batch_of([text]), repeats_ngrams.Params())[0].as_py() for text in texts]
    assert alone == [False, True, False, True, True]
    assert whole.to_pylist() == alone * 3000


def test_shares_are_what_the_rule_compares():
    shares = repeats_ngrams.shares("a b c d e a b c d e", repeats_ngrams.Params(min_repeats=2))
    assert shares["repeated_5"] == pytest.approx(0.5)
    assert shares["top_2"] == pytest.approx(0.4)
    assert shares["repeated_6"] == 0


def repeats_by_line(text, params):
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    later = [line for i, line in enumerate(lines) if line in lines[:i]]
    if len(lines) < params.min_lines:
        return False
    share = sum(map(len, later)) / sum(map(len, lines))
    return len(later) / len(lines) > params.max_line_share or share > params.max_line_char_share


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", " a ", "bb", "cé", "", "a long line"]), max_size=9), max_size=5))
def test_repeats_lines_agrees_with_the_definition(many):
    texts = ["\n".join(lines) for lines in many]
    params = repeats_lines.Params(max_paragraph_share=1, max_paragraph_char_share=1, min_lines=3)
    found = repeats_lines.defect(batch_of(texts), params).to_pylist()
    assert found == [repeats_by_line(text, params) for text in texts]


@pytest.mark.parametrize(
    ("text", "params", "bad"),
    [
        pytest.param("a\nb\na", {}, False, id="three lines"),
        pytest.param("yes\nno\nyes\nno", {}, True, id="half"),
        pytest.param("one\ntwo\nthree\nfour\n\n\n\n", {}, False, id="blank lines do not count"),
        pytest.param("a\nb\n\na\nb\n\nc\n\nd", {"max_line_share": 1, "max_line_char_share": 1}, True, id="paragraphs"),
        pytest.param("p\n \t\nq\n\nr\n\ns", {}, False, id="paragraphs that differ"),
        pytest.param(
            "x\ny\nz\nw\n" + "long " * 9 + "\n" + "long " * 9, {"max_line_share": 1}, True, id="by characters"
        ),
    ],
)
def test_repeats_lines_refuses(text, params, bad):
    found = repeats_lines.defect(batch_of(["fine", text, "fine"]), repeats_lines.Params(**params)).to_pylist()
    assert found == [False, bad, False]
