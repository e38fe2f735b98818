"""The leak check: every form of a value is found, nothing else is, and no value is kept."""

import pickle
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.leak import Values, digits, forms, gate, leaks, originals
from quality.rule import configured
from tasks.core import record
from tasks.methods.perturb._pii_again import leaks as own_leaks
from tests.builders import make, seeds_of


def batch_of(*texts, **columns):
    return seeds_of([{"text": text, **columns} for text in texts])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ada Byron", "so ada  BYRON left"),
        ("Ada Byron", "Byron, Ada"),
        ("Ada Byron", "ada_byron84@mail.net"),
        ("Ada Byron", "AdaByron"),
        ("Ada Byron", "adabyron84"),
        ("José Núñez", "jose nunez"),
        ("\uff21\uff24\uff21 Byron", "ada byron"),
        ("4539 5787 6362 1486", "4539578763621486"),
        ("4539578763621486", "no. 4539-5787 6362.1486!"),
        ("+44 20 7946 0018", "(44) 20 79460018"),
        ("ada@mail.net", "ADA@MAIL.NET"),
        ("10 Long Hill Road, Springfield", "10 long hill road springfield"),
        ("Skagvik", "to Skagvik."),
    ],
)
def test_finds_a_value_in_another_form(value, text):
    assert leaks([value], batch_of("nothing", text)).to_pylist() == [False, True]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ada Byron", "Adam Byronic"),
        ("Ada Byron", "Ada and Byron"),
        ("Ada", "Adamant"),
        ("4539578763621486", "45395787636214861"),
        ("1234567", "0123 4567"),
        ("ab", "ab"),
        ("12", "12"),
    ],
)
def test_leaves_alone_what_is_another_word(value, text):
    """Whole words and whole groups of digits; what is shorter than three signs says nothing."""
    assert leaks([value], batch_of(text)).to_pylist() == [False]


def test_every_text_column_is_read():
    """Text, target, label, messages and the fields of extra; columns that a batch lacks are no matter."""
    rows = [
        {"text": "Ada Byron"},
        {"text": "x", "target": "Ada Byron"},
        {"text": "x", "label": "ada byron"},
        {"text": "x", "messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": "Ada Byron"}]},
        {"text": "x", "note": {"by": ["Ada Byron"]}},
        {"text": "x", "target": "Ada", "label": "Byron"},
        {"text": None},
    ]
    batch = seeds_of(rows)
    assert leaks(["Ada Byron"], batch).to_pylist() == [True, True, True, True, True, False, False]
    assert leaks(["Ada Byron"], batch.select(["text"])).to_pylist() == [True, *[False] * 6]


def test_values_are_not_kept():
    """Hashes with a key of the process: nothing of a value is in them, and nobody else can ask."""
    values = Values()
    values.add(["Ada Byron", "4539578763621486"])
    stored = pickle.dumps(values.__dict__).lower()
    assert b"byron" not in stored
    assert b"4539578763621486" not in stored
    assert len(values) == 4
    one, two = Values(b"k" * 16), Values(b"j" * 16)
    one.add(["Ada Byron"])
    two.add(["Ada Byron"])
    assert one._words != two._words  # noqa: SLF001 (the hashes themselves are what is compared)


def test_dataset_is_checked_against_all_its_values():
    """A value masked in one row and left in another, of another shard, is found; that is what one row cannot see."""
    seeds = seeds_of(
        [{"text": "Dr. Ada Byron called"}, {"text": "so ada byron said"}, {"text": "card 4539 5787 6362 1486"}]
    )
    made = [make("pii_mask", {"ner": "none", "keep_clean": True}, 1, seeds=seeds.slice(n, 1)).records for n in range(3)]
    shards = [as_release(records, seeds.slice(n, 1)) for n, records in enumerate(made)]
    assert list(originals(shards[0], seeds)) == ["Ada Byron"]
    assert [mask.to_pylist() for mask in gate(shards, [seeds])] == [[False], [True], [False]]


def as_release(records, seeds):
    columns = {name: records.column(name) for name in records.schema.names if name != "reason"}
    columns["seed_ids"] = [[name] for name in seeds.column("id").to_pylist()]
    return record.complete(record.columns(**columns), method="pii_mask@1", stage="s", shard=0, row=0)


def test_values_of_targets_and_messages_are_read_too():
    """Each from its own column and turn."""
    seed = {
        "text": "x@mail.net",
        "target": "to y@mail.net",
        "messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": "z@mail.net"}],
    }
    seeds = seeds_of([seed])
    records = make("pii_mask", {"ner": "none"}, 1, seeds=seeds).records
    assert list(originals(as_release(records, seeds), seeds)) == ["x@mail.net", "y@mail.net", "z@mail.net"]


words = st.sampled_from(["ada", "Byron", "józef", "the", "12345678", "x1", "-", "LONGISH", "word"])
lines = st.lists(words, max_size=8).map(" ".join)


@settings(max_examples=150)
@given(st.lists(lines, min_size=1, max_size=3), lines)
def test_agrees_with_the_definition(values, text):
    """A form of a value stands in the words of the text, or its digits among the text's numbers."""
    said = " ".join(w for w in words_of(text))
    expected = any(f" {' '.join(form)} " in f" {said} " for value in values for form in forms(value))
    expected |= bool({digits(value) for value in values} & set(numbers_of(text)))
    assert leaks(values, batch_of(text or "-")).to_pylist() == [expected]


def numbers_of(text):
    """Return the digits of every few neighbouring groups that at most three marks or spaces part."""
    groups = [match.span() for match in re.finditer(r"\d+", text)]
    for first, (start, _) in enumerate(groups):
        for last in range(first, len(groups)):
            gaps = [text[a[1] : b[0]] for a, b in pairwise(groups[first : last + 1])]
            if all(len(gap) <= 3 and not gap.strip(" -") for gap in gaps):
                yield re.sub(r"\D", "", text[start : groups[last][1]])


def words_of(text):
    from quality.leak import folded

    return folded(text)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["Ada", "Byron", "Orr", "Zed"]), min_size=2, max_size=2), lines)
def test_agrees_with_the_method_on_names(name, text):
    """Two checks that share no code."""
    value = " ".join(name)
    mine = own_leaks([(value, "PERSON_NAME")], [text])
    assert leaks([value], batch_of(text or "-")).to_pylist() == [mine]


def test_ten_thousand_values_in_ten_thousand_rows_take_seconds():
    """The time is one of words, not of words times values."""
    values = [f"person number{n} surname{n * 7}" for n in range(10_000)]
    batch = batch_of(
        *(f"row {n} with some words and {'person number5 surname35' if n == 77 else n}" for n in range(10_000))
    )
    started = time.perf_counter()
    found = leaks(values, batch).to_pylist()
    assert time.perf_counter() - started < 8
    assert [n for n, hit in enumerate(found) if hit] == [77]


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        ({"text": "write to ada@mail.net"}, True),
        ({"text": "write to ada@example.com"}, False),
        ({"text": "to ada@mail.net", "spans": [{"start": 3, "end": 15, "type": "EMAIL"}]}, False),
        ({"text": "card 4539 5787 6362 1486"}, True),
        ({"text": "card 4539 5787 6362 1487"}, False),
        ({"text": "IBAN DE89370400440532013000"}, True),
        ({"text": "IBAN DE89370400440532013001"}, False),
        ({"text": "ssn 536-22-1849"}, True),
        ({"text": "ssn 900-22-1849"}, False),
        ({"text": "from 93.184.216.34"}, True),
        ({"text": "from 10.1.2.3 or 1.2.3.4.5"}, False),
        ({"text": "x", "target": "to ada@mail.net"}, True),
        ({"text": None, "messages": [{"role": "user", "content": "ada@mail.net"}]}, True),
        ({"text": None}, False),
    ],
)
def test_rule_finds_what_no_span_marks(row, bad):
    """A pseudonym is marked by its span; a number that fails its check is not a leak."""
    rule, params = configured("leaks_pii")
    assert rule.defect(seeds_of([row]), params).to_pylist() == [bad]


def test_rule_finds_keys_of_known_issuers():
    """Made up here: no key stands in the repository."""
    rule, params = configured("leaks_pii", {"parts": ["key"]})
    text = "use AKI" + "A" + "ABCDEFGH12345678" + " now"
    assert rule.defect(batch_of(text, "AKIA is a prefix"), params).to_pylist() == [True, False]


def test_rule_names_an_unknown_part():
    from tasks.core.errors import RecipeError

    with pytest.raises(RecipeError, match="unknown part 'mail'"):
        configured("leaks_pii", {"parts": ["mail"]})


def test_masked_records_pass_the_rule():
    """What `pii_mask` makes has nothing left that the rule finds, whatever the operator."""
    rule, params = configured("leaks_pii")
    texts = ["ada@mail.net", "card 4539 5787 6362 1486", "DE89 3704 0044 0532 0130 00", "536-22-1849", "93.184.216.34"]
    for operator in ("placeholder", "surrogate", "format"):
        records = make("pii_mask", {"ner": "none", "operator": operator}, 5, seeds=batch_of(*texts)).records
        batch = record.complete(records, method="pii_mask@1", stage="s", shard=0, row=0)
        assert rule.defect(batch, params).to_pylist() == [False] * 5
