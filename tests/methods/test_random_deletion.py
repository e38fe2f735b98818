"""How many words `random_deletion` leaves out, and which."""

from collections import Counter

import pytest

from tests.builders import SHARED_DATA, make, needs_shared_data, seeds_of, texts

TEN = "one two three four five six seven eight nine ten"

AMOUNTS = {
    "a tenth by default": ({}, 9),
    "rate": ({"rate": 0.3}, 7),
    "rate rounds half up": ({"rate": 0.25}, 7),
    "at least one": ({"rate": 0.001}, 9),
    "all but one": ({"rate": 1.0}, 1),
    "count": ({"count": 4}, 6),
    "count beyond what there is": ({"count": 400}, 1),
    "all but the protected": ({"rate": 1.0, "protected": ["two", "nine"]}, 2),
    "share of the editable": ({"rate": 0.5, "protected": ["one", "two", "three", "four"]}, 7),
}


@pytest.mark.parametrize(("params", "left"), AMOUNTS.values(), ids=AMOUNTS.keys())
def test_so_many_words_stay(params, left):
    """In their order."""
    for text in texts(make("random_deletion", params, 20, seeds=seeds_of([{"text": TEN}]))):
        words = text.split()
        assert len(words) == left
        assert words == [word for word in TEN.split() if word in words]


@pytest.mark.parametrize("many", [1, 2, 40], ids=["one", "a few", "more than are drawn one by one"])
def test_each_word_goes_equally_often(many):
    """Of 60 words, 40 too: that takes the other way to draw."""
    words = [f"w{n:02}" for n in range(60)]
    made = texts(make("random_deletion", {"count": many}, 20_000, seeds=seeds_of([{"text": " ".join(words)}])))
    kept = Counter(word for text in made for word in text.split())
    gone = [20_000 - kept[word] for word in words]
    assert sum(gone) == 20_000 * many
    expected = 20_000 * many / 60
    # Standard deviations of a binomial count; five of them are passed once in 30,000 runs of 60 words.
    bound = 5 * (expected * (1 - many / 60)) ** 0.5
    assert max(abs(count - expected) for count in gone) < bound


def test_pairs_go_together_as_often_as_by_chance():
    """Two of four words: each of the six pairs in a sixth of the draws."""
    made = texts(make("random_deletion", {"count": 2}, 12_000, seeds=seeds_of([{"text": "a b c d"}])))
    pairs = Counter(made)
    assert len(pairs) == 6
    assert all(abs(count - 2000) < 5 * (12_000 * 5 / 36) ** 0.5 for count in pairs.values())


@needs_shared_data
def test_captions_keep_their_words():
    """10,000 real captions: one word fewer, nothing else touched."""
    lines = (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()
    made = make("random_deletion", {"count": 1}, len(lines), seeds=seeds_of([{"text": line} for line in lines])).records
    assert made.schema.names == ["text", "spans"]
    for line, text in zip(lines, made.column("text").to_pylist(), strict=True):
        before, after = line.rstrip(" .").split(), text.rstrip(" .").split()
        assert len(after) in (len(before) - 1, len(before) - 2)
        rest = iter(before)
        assert all(any(word.strip(',"') == other.strip(',"') for other in rest) for word in after)


def test_rows_stay_theirs_in_a_large_batch():
    """Six megabytes, more than is worked on at once: each text is made from its own seed."""
    filler = "of what was once said about it " * 16
    seeds = seeds_of([{"text": f"The n{n}th é text {filler}"} for n in range(12_000)])
    made = make("random_deletion", {"protected_patterns": [r"n\d+th"]}, 12_000, seeds=seeds).records
    assert made.schema.names == ["text", "spans"]
    assert all(f"n{n}th" in text for n, text in enumerate(made.column("text").to_pylist()))
