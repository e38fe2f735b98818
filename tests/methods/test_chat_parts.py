"""What the methods that ask a language model share: data in prompts, strict reading, attributes, examples, passages."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import RecordError
from tasks.methods.llm import _agreement, _parse
from tasks.methods.llm._attributes import MAX_GRID, dealt
from tasks.methods.llm._chat import block, plain, quoted
from tasks.methods.llm._passages import passages, sentences, tokens_about
from tasks.methods.llm._select import POOL_ROWS, farthest_first, pool_of
from tests.builders import seeds_of

NOISE = st.text(alphabet=st.sampled_from('ab<>/-|_"\n \u00e9\u4e2d2text'), max_size=60)


@given(text=NOISE | st.text(max_size=40))
def test_data_never_closes_its_tags(text):
    """The closing tag is where the block ends, nowhere before."""
    made = block("text", text)
    tag = made[1 : made.index(">")]
    assert made.endswith(f"\n</{tag}>")
    assert f"</{tag}" not in made[: -len(tag) - 3].lower()
    assert f"<{tag}>" not in made[1:].lower()


@given(text=NOISE)
def test_quoted_data_is_one_line_with_two_quotes(text):
    """It cannot go on outside."""
    made = quoted(text)
    assert "\n" not in made
    assert made.count('"') == 2
    assert made[0] == made[-1] == '"'


@pytest.mark.parametrize(
    "token",
    ["<|im_start|>", "<|eot_id|>", "<\uff5cUser\uff5c>", "</s>", "<bos>", "<start_of_turn>", "[/INST]", "<<SYS>>"],
)
def test_control_tokens_become_words(token):
    """A server would read them as turns of the chat."""
    assert token not in plain(f"a{token}b")
    assert plain(f"a{token}b").replace(" ", "") == f"a{token}b"


def test_plain_text_stays_as_it_is():
    """Less-than signs, code and brackets are no control tokens."""
    text = "if a < b and c |> d: x[0] <b>bold</b> <string> [inst]"
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "items"),
    [("1. a\n2. b\nc\n3) d", ["a", "b\nc", "d"]), ("1. only", ["only"]), ("7. a\n7. b", ["a", "b"])],
)
def test_numbered_list_is_read(text, items):
    """Items run to the next number."""
    assert _parse.numbered(text) == items


@pytest.mark.parametrize("text", ["a\n1. b", "- a", "none"])
def test_list_that_starts_otherwise_is_bad_form(text):
    """No item is guessed."""
    with pytest.raises(RecordError, match="bad_form"):
        _parse.numbered(text)


@pytest.mark.parametrize(
    ("text", "reason"), [("a \ud800", "bad_unicode"), ("\n", "empty_answer"), ("```\n\n```", "empty_answer")]
)
def test_text_that_is_none_is_a_reject(text, reason):
    """What cannot be written to disk, and nothing, are told apart."""
    with pytest.raises(RecordError, match=reason) as caught:
        _parse.body(text)
    caught.value.raw.encode()


@pytest.mark.parametrize(
    "text",
    ["I'm sorry to bother you, but my parcel is late.", "Here is my order: HW-1.\nWhere is it?", "Sure, that works."],
)
def test_customers_may_be_sorry(text):
    """A polite letter is neither a refusal nor a lead-in."""
    assert _parse.body(text) == text


SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=3)


@settings(max_examples=30)
@given(sizes=SIZES, key=st.integers(0, 2**128 - 1))
def test_grid_deals_every_combination_once_a_lap(sizes, key):
    """The product, whole, before anything comes again; the values of an attribute never more than two apart."""
    grid = {f"a{n}": dict.fromkeys(map(str, range(size)), 1.0) for n, size in enumerate(sizes)}
    total = int(np.prod(sizes))
    for lap in range(2):
        drawn = [tuple(dealt(grid, lap * total + number, key).values()) for number in range(total)]
        assert len(set(drawn)) == total
        for place, size in enumerate(sizes):
            counts = Counter(values[place] for values in drawn[: max(size, total // 2)])
            assert max(counts.values()) - min(counts.values() if len(counts) == size else [0]) <= 2


def test_pairs_of_values_take_turns():
    """After 6 × 6 draws of a 6 × 6 × 6 grid no pair of values has come more than twice."""
    grid = {name: dict.fromkeys("uvwxyz", 1.0) for name in "abc"}
    drawn = [tuple(dealt(grid, number, 7).values()) for number in range(36)]
    for low, high in ((0, 1), (0, 2), (1, 2)):
        assert max(Counter((values[low], values[high]) for values in drawn).values()) <= 2


def test_large_grid_is_a_latin_hypercube():
    """Too many combinations to list: each attribute still has every value once in as many draws."""
    grid = {name: dict.fromkeys(map(str, range(20)), 1.0) for name in "abc"}
    assert MAX_GRID < 20**3
    drawn = [dealt(grid, number, 3) for number in range(60)]
    for name in grid:
        assert set(Counter(values[name] for values in drawn).values()) == {3}
    assert len({tuple(values.values()) for values in drawn}) == 60


def test_weights_hold_in_every_hundred_draws():
    """To one draw."""
    grid = {"tone": {"calm": 7.0, "angry": 2.0, "sad": 1.0}, "topic": {"a": 1.0, "b": 1.0}}
    for lap in range(3):
        drawn = [dealt(grid, 100 * lap + number, 3) for number in range(100)]
        counts = Counter(values["tone"] for values in drawn)
        assert abs(counts["calm"] - 70) <= 1
        assert abs(counts["sad"] - 10) <= 1
        assert Counter(values["topic"] for values in drawn) == {"a": 50, "b": 50}


def rows(*texts):
    return seeds_of([{"text": text} for text in texts])


def test_nearest_examples_are_the_most_alike():
    """The seed's own text is never one of them, and the nearest comes last."""
    batch = rows(
        "the oven is hot", "the parcel is late", "my parcel is very late", "invoice wrong", "the parcel is late"
    )
    pool = pool_of([batch], "nearest", 1, lambda _row: True)
    seed = {"text": "the parcel is late"}
    chosen = [row["text"] for row in pool.choose(2, np.random.default_rng(0), seed)]
    assert chosen == ["the oven is hot", "my parcel is very late"]


def test_diverse_examples_are_far_apart():
    """Of three groups of alike texts, three examples have one each, whatever the draw."""
    batch = rows(*(f"{word} {word}s and {word}ing {n}" for word in ("oven", "parcel", "invoice") for n in range(12)))
    pool = pool_of([batch], "diverse", 1, lambda _row: True)
    for number in range(20):
        chosen = pool.choose(3, np.random.default_rng(number))
        assert {row["text"].split()[0] for row in chosen} == {"oven", "parcel", "invoice"}


def test_farthest_first_follows_its_definition():
    """Each is the one whose nearest chosen neighbour is farthest."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chosen = farthest_first(vectors, 6)
    for count in range(1, 6):
        near = (vectors @ vectors[chosen[:count]].T).max(1)
        near[chosen[:count]] = np.inf
        assert chosen[count] == int(near.argmin())


@settings(max_examples=5)
@given(cuts=st.lists(st.integers(1, 4999), max_size=4), key=st.integers(0, 2**128 - 1))
def test_large_pool_is_a_sample_however_it_is_batched(cuts, key):
    """At most POOL_ROWS seeds are held, the same ones for any batch size."""
    batch = rows(*map(str, range(5000)))
    bounds = sorted({0, *cuts, 5000})
    parts = [batch.slice(low, high - low) for low, high in pairwise(bounds)]
    whole = [row["text"] for row in pool_of([batch], "random", key, lambda _row: True).rows]
    assert len(whole) == POOL_ROWS
    assert [row["text"] for row in pool_of(parts, "random", key, lambda _row: True).rows] == whole
    assert np.mean([int(text) for text in whole]) == pytest.approx(2499.5, abs=200)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith paid 3.5 euros, e.g. Monday. He left.", ["Dr. Smith paid 3.5 euros, e.g. Monday.", "He left."]),
        ('"Stop!" he said. She did.', ['"Stop!" he said.', "She did."]),
        ("Title\n\nA text. It ends", ["Title", "A text.", "It ends"]),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01", ["\u4f60\u597d\u3002", "\u518d\u89c1\uff01"]),
        ("  \n ", []),
    ],
)
def test_sentences_are_found(text, expected):
    """By their marks, not at abbreviations, numbers or quotations that go on."""
    assert [text[low:high] for low, high in sentences(text)] == expected


PROSE = st.lists(st.sampled_from(["A cat sat.", "Why?", "word " * 30, "x" * 300, "\n\n", "\u4e2d\u6587\u3002" * 9]))


@given(parts=PROSE, limit=st.integers(20, 80))
def test_passages_hold_all_of_the_text_within_the_limit(parts, limit):
    """Nothing but white space is between them, and none is longer than asked."""
    text = " ".join(parts)
    found = passages(text, limit)
    assert "".join("".join(text[low:high].split()) for low, high in found) == "".join(text.split())
    assert all(tokens_about(text[low:high]) <= limit for low, high in found)


def alpha_by_definition(units):
    """Return Krippendorff's alpha, interval metric, from the definition's sums over pairs."""
    values = [value for unit in units for value in unit]
    count = len(values)
    observed = sum((a - b) ** 2 / (len(unit) - 1) for unit in units for a in unit for b in unit) / count
    expected = sum((a - b) ** 2 for a in values for b in values) / (count * (count - 1))
    return 1.0 if expected == 0 else 1 - observed / expected


UNITS = st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=5), min_size=1, max_size=12)


@given(units=UNITS)
def test_alpha_of_summed_counters_is_the_definition(units):
    """Counters of shards add up to the very figure that all votes at once give."""
    total = Counter()
    for unit in units:
        total.update(_agreement.sums("clear", unit))
    assert _agreement.alpha(total, "clear") == pytest.approx(alpha_by_definition(units), abs=1e-9)


def test_alpha_of_a_published_example():
    """Ten units, 0 or 1, by two observers who agree on six of them (Krippendorff 2011, section A: alpha 0.095)."""
    first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    total = Counter()
    for pair in zip(first, second, strict=True):
        total.update(_agreement.sums("x", pair))
    assert _agreement.alpha(total, "x") == pytest.approx(0.095, abs=0.001)
