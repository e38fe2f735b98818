"""`pii_mask` from seeds to records: what is masked, where it is noted, what is refused."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core import record
from tasks.core.errors import RecipeError
from tasks.core.method import get_method
from tasks.methods.perturb import pii_mask
from tasks.methods.perturb._pii_key import ENV
from tests.builders import make, seeds_of
from tests.strategies import any_text

KEY = "a secret of twenty-four b"
CARD = "4539 5787 6362 1486"
NO_NER = {"ner": "none"}


def masked(rows, params=None, **changes):
    rows = [{"text": row} if isinstance(row, str) else row for row in rows]
    return make("pii_mask", {**NO_NER, **(params or {})}, len(rows), seeds=seeds_of(rows), **changes)


def rows_of(*args, **changes):
    return masked(*args, **changes).records.to_pylist()


def reason(row):
    return row.get("reason")


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv(ENV, KEY)


def test_masks_and_notes_where_the_values_were():
    """Spans are the masks in the new text; `found` has the places in the seed, and no value."""
    (row,) = rows_of(["Mail ada@mail.net or call +44 20 7946 0018 today."])
    assert row["text"] == "Mail [EMAIL] or call [PHONE] today."
    assert [(row["text"][s["start"] : s["end"]], s["type"]) for s in row["spans"]] == [
        ("[EMAIL]", "EMAIL"),
        ("[PHONE]", "PHONE"),
    ]
    assert json.loads(row["extra"]) == {
        "found": [{"start": 5, "end": 17, "type": "EMAIL"}, {"start": 26, "end": 42, "type": "PHONE"}]
    }


def test_seed_spans_are_values_and_others_move():
    """A private span of the seed is masked as found; an order number stays on its words; the label is not touched."""
    text = "Ask Ravi about HW-1234567 soon"
    spans = [{"start": 4, "end": 8, "type": "PERSON"}, {"start": 15, "end": 25, "type": "ORDER_ID"}]
    made = masked([{"text": text, "spans": spans, "label": "late"}])
    (row,) = made.records.to_pylist()
    assert row["text"] == "Ask [PERSON_NAME] about HW-1234567 soon"
    assert [(row["text"][s["start"] : s["end"]], s["type"]) for s in row["spans"]] == [
        ("[PERSON_NAME]", "PERSON_NAME"),
        ("HW-1234567", "ORDER_ID"),
    ]
    assert "label" in get_method("pii_mask").keeps


def test_span_types_make_values_of_other_spans():
    """What is private is the user's to say."""
    spans = [{"start": 6, "end": 16, "type": "ORDER_ID"}]
    params = {"span_types": ["ORDER_ID"], "operators": {"ORDER_ID": "format"}}
    (row,) = rows_of([{"text": "Order HW-1234567 is late", "spans": spans}], params)
    made = row["text"][6:16]
    assert made != "HW-1234567"
    assert made[:2].isupper()
    assert made[2] == "-"
    assert made[3:].isdigit()


def test_use_spans_false_leaves_them_alone():
    """Gold spans may be of another purpose."""
    spans = [{"start": 4, "end": 8, "type": "PERSON"}]
    (row,) = rows_of([{"text": "Ask Ravi", "spans": spans}], {"use_spans": False, "keep_clean": True})
    assert row["text"] == "Ask Ravi"
    assert row["spans"] == spans


def test_span_touched_by_a_mask_is_dropped_and_counted():
    """Half a span is not what somebody marked."""
    spans = [{"start": 0, "end": 12, "type": "QUOTE"}]
    made = masked([{"text": "to x@mail.net now", "spans": spans}])
    assert [span["type"] for span in made.records.to_pylist()[0]["spans"]] == ["EMAIL"]
    assert made.stats == {"found:EMAIL": 1, "spans_dropped": 1}


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([(0, 3), (2, 5)], id="overlap"),
        pytest.param([(0, 99)], id="outside"),
        pytest.param([(3, 3)], id="empty"),
        pytest.param([(-1, 2)], id="negative"),
    ],
)
def test_bad_spans_are_a_reason(spans):
    """The row is masked all the same: its rejected text holds no value either."""
    seed = {"text": "x@mail.net wrote", "spans": [{"start": a, "end": b, "type": "PERSON"} for a, b in spans]}
    row, good = rows_of([seed, "y@mail.net wrote"])
    assert (reason(row), row["text"], row["spans"]) == ("bad_spans", "[EMAIL] wrote", None)
    assert reason(good) is None


@pytest.mark.parametrize(
    "text", ["word", "🙂🙂", "שלום עולם", "مرحبا", "", None, "[PERSON_NAME] met [EMAIL_2] and <PHONE>", "a" * 50]
)
def test_nothing_to_mask_is_unchanged(text):
    """One word, emoji, other scripts, no text, a text that is masked already: a reason, unless the user keeps them."""
    (row,) = rows_of([{"text": text}])
    assert (reason(row), row["text"]) == ("unchanged", text)
    (kept,) = rows_of([{"text": text}], {"keep_clean": True})
    assert (reason(kept), kept["text"], kept["spans"]) == (None, text, None)


def test_already_masked_words_stay():
    """A second pass masks what is new and leaves the first one's marks."""
    once = rows_of(["[PERSON_NAME] <EMAIL> ada@mail.net"], {"operator": "numbered"})[0]["text"]
    assert once == "[PERSON_NAME] <EMAIL> [EMAIL_1]"
    assert reason(rows_of([once])[0]) == "unchanged"


def test_every_column_is_masked():
    """Target, messages and the fields of extra, by what they hold or by what their name says."""
    seed = {
        "text": f"card {CARD}",
        "target": "write to ada@mail.net",
        "messages": [{"role": "user", "content": "I am at 10 Long Hill Road"}, {"role": "assistant", "content": "ok"}],
        "customer": {"name": "Ada Byron", "phone": 442079460018, "tags": ["vip", "ada@mail.net"]},
        "n": 3,
    }
    (row,) = rows_of([seed])
    assert reason(row) is None
    assert row["text"] == "card [CREDIT_CARD]"
    assert row["target"] == "write to [EMAIL]"
    assert [turn["content"] for turn in row["messages"]] == ["I am at [ADDRESS]", "ok"]
    extra = json.loads(row["extra"])
    assert extra["customer"] == {"name": "[PERSON_NAME]", "phone": "[PHONE]", "tags": ["vip", "[EMAIL]"]}
    assert extra["n"] == 3
    assert extra["found_target"] == [{"start": 9, "end": 21, "type": "EMAIL"}]
    assert extra["found_messages"] == [{"turn": 0, "start": 8, "end": 25, "type": "ADDRESS"}]


def test_columns_not_asked_for_are_as_they_were_and_are_checked():
    """A value of the text that stands in a column which is not masked is a leak; its words are not kept."""
    seeds = [
        {"text": "to ada@mail.net", "target": "ADA@mail.net"},
        {"text": "to ada@mail.net", "target": "bob@mail.net"},
    ]
    leaky, fine = rows_of(seeds, {"columns": ["text"]})
    assert (reason(leaky), leaky["text"], leaky["target"], leaky["extra"]) == ("leaks_pii", None, None, None)
    assert (reason(fine), fine["target"]) == (None, "bob@mail.net")


@pytest.mark.parametrize(
    ("seed", "leak"),
    [
        pytest.param({"text": f"card {CARD}", "label": "4539-5787-6362-1486"}, True, id="other separators"),
        pytest.param({"text": "Dr. Ada Byron called", "label": "byron, ADA"}, True, id="turned round"),
        pytest.param({"text": "Dr. Ada Byron called", "label": "AdaByron"}, True, id="run together"),
        pytest.param({"text": "Dr. José Núñez called", "label": "jose nunez"}, True, id="without accents"),
        pytest.param({"text": "Dr. Will called", "label": "it will do"}, False, id="an ordinary word"),
        pytest.param({"text": "Dr. Ada Byron called", "label": "Adamant"}, False, id="part of a word"),
    ],
)
def test_value_left_in_another_form_is_a_leak(seed, leak):
    """Labels are copied, so a value in one cannot be masked: the row is rejected."""
    assert reason(rows_of([seed])[0]) == ("leaks_pii" if leak else None)


def test_value_is_masked_wherever_it_is_said_again():
    """Without a title or in small letters no pattern finds it; the first finding does. So with parts of a name."""
    (row,) = rows_of([{"text": "Dr. Ada Byron came. ada byron left; Byron's hat stayed.", "target": "ADA BYRON"}])
    assert row["text"] == "Dr. [PERSON_NAME] came. [PERSON_NAME] left; [PERSON_NAME]'s hat stayed."
    assert row["target"] == "[PERSON_NAME]"


@pytest.mark.parametrize(
    ("operator", "text"),
    [
        ("placeholder", "[EMAIL], [EMAIL], [EMAIL]"),
        ("numbered", "[EMAIL_1], [EMAIL_2], [EMAIL_1]"),
        ("redact", "█████, █████, █████"),
    ],
)
def test_operators_without_a_key(operator, text):
    """The same value, whatever its case, has the same number."""
    assert rows_of(["a@mail.net, b@mail.net, A@mail.net"], {"operator": operator})[0]["text"] == text


def test_pseudonym_is_the_same_in_the_whole_dataset(key):
    """By person, not by spelling, row, shard or run; another person is another one; another key gives other names."""
    rows = ["Dr. Ada Byron called", "Dr. ADA BYRON left", "Dr. Ida Lovel called"]
    names = [row["text"][4:].rsplit(" ", 1)[0] for row in rows_of(rows, {"operator": "pseudonym"})]
    again = [row["text"][4:].rsplit(" ", 1)[0] for row in rows_of(rows, {"operator": "pseudonym"}, shard=3, run_seed=9)]
    assert names == again
    assert names[0].upper() == names[1]
    assert names[0] != names[2]
    assert "Byron" not in " ".join(names)


def test_pseudonym_follows_the_key(monkeypatch):
    """Whoever has no key cannot make the same ones."""
    made = []
    for secret in ("x" * 16, "y" * 16):
        monkeypatch.setenv(ENV, secret)
        made.append(rows_of(["Dr. Ada Byron called"], {"operator": "pseudonym"})[0]["text"])
    assert made[0] != made[1]


def test_first_name_alone_is_part_of_the_pseudonym(key):
    """Ada is the same person as Ada Byron in a text that has both."""
    (row,) = rows_of(["Dr. Ada Byron called. Ada is ill, so is Byron's dog."], {"operator": "pseudonym"})
    first, last = row["text"][4:].split(" called")[0].split()
    assert f" {first} is ill, so is {last}'s dog." in row["text"]


def test_hash_is_keyed_and_stable(key):
    """Sixteen hex digits, the same for the same value."""
    one, two = rows_of(["to a@mail.net", "A@MAIL.NET !"], {"operator": "hash"})
    assert one["text"].removeprefix("to ") == two["text"].removesuffix(" !")
    assert len(one["text"]) == len("to [EMAIL:0123456789abcdef]")


def test_surrogates_are_other_ones_in_another_shard():
    """No key: a record's own draw makes them, so that draws of one seed differ."""
    text = ["Dr. Ada Byron called. Ada Byron left."]
    one, two = (rows_of(text, {"operator": "surrogate"}, shard=n)[0]["text"] for n in (0, 1))
    assert one != two
    name = one[4:].split(" called")[0]
    assert one.count(name) == 2


def test_the_key_is_kept_nowhere(key, tmp_path):
    """Not in the params, nor in what is made; its id tells it from another and cannot be turned back."""
    method = get_method("pii_mask")
    params = method.params.model_validate({**NO_NER, "operator": "pseudonym"})
    stored = json.dumps(params.model_dump(mode="json", exclude_unset=True))
    made = masked(["Dr. Ada Byron called"], {"operator": "pseudonym"})
    assert KEY not in stored + str(made)
    assert len(params.key_id) == 8
    other = tmp_path / "key"
    other.write_text("another secret of many bytes")
    assert (
        method.params.model_validate({**json.loads(stored), "key_id": "", "key_file": str(other)}).key_id
        != params.key_id
    )


def test_another_key_than_planned_stops_the_shard(key, monkeypatch):
    """A resumed run must not mix pseudonyms of two keys."""
    params = get_method("pii_mask").params.model_validate({**NO_NER, "operator": "hash"})
    monkeypatch.setenv(ENV, "another secret of many bytes")
    with pytest.raises(RecipeError, match=f"not the one with key_id '{params.key_id}'"):
        pii_mask.check(params)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, f"need a secret key: set {ENV}, or name a file in key_file"),
        ("short", f"key of environment variable {ENV} has 5 bytes; it needs 16 or more"),
    ],
)
def test_key_that_is_missing_or_short_is_an_error(monkeypatch, value, message):
    """Before anything is spent."""
    monkeypatch.delenv(ENV, raising=False)
    if value:
        monkeypatch.setenv(ENV, value)
    with pytest.raises(RecipeError, match=message):
        masked(["x"], {"operator": "pseudonym"})


def test_key_file_starts_from_the_recipe(tmp_path):
    """As every path in a recipe does; a missing one is named."""
    (tmp_path / "key").write_bytes(b"0123456789abcdef\n")
    assert (
        reason(masked(["to a@mail.net"], {"operator": "hash", "key_file": "key"}, base=tmp_path).records.to_pylist()[0])
        is None
    )
    with pytest.raises(RecipeError, match=r"cannot read key_file '.*none': No such file"):
        masked(["x"], {"operator": "hash", "key_file": "none"}, base=tmp_path)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"types": ["EMIAL"]}, "unknown type 'EMIAL'; did you mean 'EMAIL'"),
        ({"columns": ["txt"]}, "unknown column 'txt'; did you mean 'text'"),
        ({"operator": "mask"}, "unknown operator 'mask'; have: format, hash"),
        ({"operators": {"EMIAL": "hash"}}, "operators: unknown type 'EMIAL'; did you mean 'EMAIL'"),
        ({"patterns": {"CODE": "("}}, "pattern of 'CODE' is no regular expression"),
        ({"patterns": {"CODE": "a*"}}, r"pattern 'a\*' of 'CODE' matches the empty text"),
        ({"patterns": {"code": "a"}}, "'code' cannot name a type"),
        ({"terms": {"CODE": [" "]}}, "terms of 'CODE' are empty, or one of them is"),
        ({"opertor": "hash"}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_params_say_what_is_wrong(params, message):
    """One line, with the value and the choices."""
    with pytest.raises(ValidationError, match=message):
        get_method("pii_mask").params.model_validate(params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"ner": "no_such_pipeline"}, "no spaCy pipeline 'no_such_pipeline': not a folder with a meta.json"),
        ({"operator": "surrogate", "locale": "en_USA"}, "unknown locale 'en_USA'; did you mean 'en_US'"),
    ],
)
def test_check_names_what_is_not_there(params, message):
    """Before anything is spent."""
    with pytest.raises(RecipeError, match=message):
        masked(["x"], params)


def test_terms_and_patterns_of_the_user():
    """Whole words, in any case, the longest first; the type is the user's name for it."""
    params = {"terms": {"PROJECT": ["Blue Heron", "Blue Heron Two", "C++"]}, "patterns": {"CODE": r"PX-\d{4}"}}
    (row,) = rows_of(["blue heron two, Blue Heron, Blue Herons; C++ PX-1234"], params)
    assert row["text"] == "[PROJECT], [PROJECT], Blue Herons; [PROJECT] [CODE]"


def test_thousands_of_terms_are_as_fast_as_one():
    """A trie: what is read once for ten terms is read once for ten thousand."""
    terms = [f"item {n} of the list" for n in range(10_000)]
    (row,) = rows_of(["take item 777 of the list", "and item 10001 of the list"], {"terms": {"ITEM": terms}})[:1]
    assert row["text"] == "take [ITEM]"


def test_a_text_of_a_megabyte():
    """Neither the patterns nor the writing are slower than linear."""
    text = ("Some words about nothing at all, number 12345. " * 22_000) + "Mail ada@mail.net"
    (row,) = rows_of([text])
    assert row["text"].endswith("Mail [EMAIL]")
    assert len(row["text"]) > 1_000_000


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "1" * 300_000, "1 " * 100_000, "a@" * 100_000, "[A" * 100_000, "a." * 100_000]
)
def test_hostile_texts_take_no_time(text):
    """No pattern goes back over what it has read more than a bounded number of times."""
    assert rows_of([text])[0]["reason"] in {"unchanged", None}


def test_no_rows_at_all():
    """A shard of nothing is nothing."""
    assert masked(["x@mail.net"]).records.slice(0, 0).num_rows == 0
    method = get_method("pii_mask")
    params = method.params.model_validate(NO_NER)
    from tasks.core.method import Draw

    empty = seeds_of([{"text": "x"}]).slice(0, 0)
    assert method.run(empty, params, Draw(np.random.default_rng(0), 0, 0, 0)).records.num_rows == 0


VALUES = [
    "ada@mail.net",
    CARD,
    "+44 20 7946 0018",
    "DE89 3704 0044 0532 0130 00",
    "10.1.2.3",
    "https://a.example.net/x",
    "Dr. Ada Byron",
]
pieces = st.lists(st.one_of(any_text, st.sampled_from(VALUES), st.just(" ")), max_size=6).map(" ".join)


@st.composite
def seeds(draw):
    text = draw(pieces)
    cuts = sorted(set(draw(st.lists(st.integers(0, len(text)), max_size=6))))
    types = st.sampled_from(["PERSON", "ORDER_ID", "EMAIL", "NOTE"])
    spans = [{"start": a, "end": b, "type": draw(types)} for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return {
        "text": text,
        "spans": draw(st.sampled_from([spans, None])),
        "target": draw(st.one_of(st.none(), pieces)),
        "note": draw(pieces),
    }


@settings(max_examples=60)
@given(
    st.lists(seeds(), min_size=1, max_size=4),
    st.sampled_from(["placeholder", "numbered", "redact", "surrogate", "format"]),
)
@example([{"text": "a [EMAIL] b@mail.net", "spans": None, "target": None, "note": ""}], "numbered")
def test_spans_are_on_their_words(rows, operator):
    """Every mask's span is the mask, every surviving span has its own words, none overlap, and no value is left."""
    made = masked(rows, {"operator": operator, "keep_clean": True}).records
    for seed, row in zip(rows, made.to_pylist(), strict=True):
        if row.get("reason") == "leaks_pii":
            assert row["text"] is None
            continue
        spans = row["spans"] or []
        assert all(0 <= s["start"] < s["end"] <= len(row["text"]) for s in spans)
        assert all(a["end"] <= b["start"] for a, b in pairwise(spans))
        own = [seed["text"][s["start"] : s["end"]] for s in seed["spans"] or []]
        assert all(row["text"][s["start"] : s["end"]] in own for s in spans if s["type"] in {"ORDER_ID", "NOTE"})
        found = json.loads(row["extra"] or "{}").get("found", [])
        for value in {seed["text"][place["start"] : place["end"]] for place in found} & set(VALUES):
            assert value not in row["text"]
        assert (row["spans"] is None) == (seed["spans"] is None and not found)


@settings(max_examples=30)
@given(st.lists(seeds(), min_size=1, max_size=5))
def test_a_row_does_not_depend_on_its_neighbours(rows):
    """Texts are joined to be read; what is found in one is what is found in it alone."""
    together = masked(rows, {"keep_clean": True}).records.to_pylist()
    assert together == [masked([row], {"keep_clean": True}).records.to_pylist()[0] for row in rows]


def test_another_process_writes_the_same_bytes(tmp_path):
    """No set, hash or clock has a say."""
    code = (
        "from tests.methods.test_pii_mask import masked, VALUES\n"
        "import hashlib\n"
        "made = masked([f'{v} and {w}' for v in VALUES for w in VALUES], {'operator': 'surrogate'})\n"
        "print(hashlib.sha256(str(made.records.to_pylist()).encode()).hexdigest())"
    )
    out = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(out) == 1


def test_stats_and_notes_count_the_types():
    """For the stage's report."""
    made = masked(["a@mail.net b@mail.net", f"card {CARD}"])
    assert dict(made.stats) == {"found:CREDIT_CARD": 1, "found:EMAIL": 2}
    assert pii_mask.notes(None, {"found:EMAIL": 1200}) == ["masked: EMAIL 1,200"]


def test_gives_what_record_batches_take():
    """Every column in its type of the schema."""
    made = masked([{"text": "a@mail.net", "messages": [{"role": "user", "content": "b@mail.net"}]}])
    for name in get_method("pii_mask").gives:
        assert made.records.column(name).type == record.SCHEMA.field(name).type
    assert isinstance(made.records, pa.RecordBatch)
