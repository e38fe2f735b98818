"""The name finder of `pii_mask`: what it is given, what it makes of a pipeline, and how well the small one finds."""

import re
import subprocess
import sys
from itertools import islice, pairwise

import numpy as np
import pytest

from tasks.core.errors import RecipeError, ShardError
from tasks.methods.perturb import _pii_invent as invent
from tasks.methods.perturb import _pii_lines as private
from tasks.methods.perturb import _pii_lines_more as more
from tasks.methods.perturb import _pii_lines_plain as plain
from tasks.methods.perturb import _pii_mix as mix
from tasks.methods.perturb import _pii_ner as ner
from tasks.methods.perturb import _pii_train as training
from tasks.methods.perturb._pii_block import grown
from tasks.methods.perturb._pii_corpus import corpus
from tasks.methods.perturb._pii_lexicon import Lexicon, read
from tasks.methods.perturb._pii_merge import BY_MODEL, resolved
from tasks.methods.perturb._pii_scan import PATTERN
from tasks.methods.perturb._pii_slots import value
from tasks.methods.perturb._pii_values import HELD_OUT, LOCALES, OTHER_SCRIPTS, pools_of
from tests.builders import make, needs_shared_data, seeds_of

spacy = pytest.importorskip("spacy", reason="needs the package spacy")


@pytest.fixture(scope="module")
def pools():
    return [pools_of(name, 40) for name in ("en_US", "de_DE", "tr_TR", "es_ES")], [pools_of("el_GR", 20)]


def test_corpus_marks_are_on_their_words(pools):
    """Inside the text, in order, not on each other, never empty; no slot or choice is left open."""
    for text, marks in corpus(600, 3, *pools):
        assert not re.search(r"\{\w+\}", text)
        for start, end, kind in marks:
            assert 0 <= start < end <= len(text)
            assert kind in training.LABELS
        assert all(a[1] <= b[0] for a, b in pairwise(marks))


def test_corpus_is_the_same_for_the_same_seed(pools):
    """And another one for another."""
    first, again, other = (list(corpus(50, seed, *pools)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_values_are_the_same_in_every_process():
    """Of every country and kind: no list may stand in the order of string hashes, as Faker's towns of Italy do."""
    code = "from dataclasses import astuple; from tasks.methods.perturb._pii_values import *; "
    code += "print([astuple(pools_of(name, 12)) for name in [*LOCALES, *OTHER_SCRIPTS]])"
    env = {"PATH": "", "PYTHONIOENCODING": "utf-8"}
    one, two = (
        subprocess.run(
            [sys.executable, "-c", code], check=True, env={**env, "PYTHONHASHSEED": seed}, capture_output=True
        ).stdout
        for seed in ("1", "2")
    )
    assert one == two


def test_invented_names_are_built_as_those_of_the_lists(pools):
    """No slot is left empty, a blend is of the letters of its two, a street keeps its number."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        assert set(invent.blend(rng, ["marianne", "gustavo"])) <= set("mariannegustavo")
        for invented in (invent.first_name, invent.surname, invent.town, invent.organisation):
            assert invented(rng, pools[0][1]).strip()
        assert any(char.isdigit() for char in invent.numbered_street(rng, pools[0][1]))


def test_mixed_layouts_keep_marks_on_their_words(pools):
    """What is crossed, swapped or put into a table still has its values where its marks say."""
    rng = np.random.default_rng(1)
    one = ("Ada met Bo here", [(0, 3, "PERSON_NAME"), (8, 10, "PERSON_NAME")])
    two = ("we saw Oslo", [(7, 11, "LOCATION")])
    for _ in range(50):
        text, marks = mix.swapped(rng, mix.crossed(rng, one, two), ["lamp"])
        assert {text[a:b] for a, b, _ in marks} <= {"Ada", "Bo", "Oslo"}
        text, marks = mix.table(rng, pools[0][0])
        assert all(0 <= a < b <= len(text) for a, b, _ in marks)


def test_every_slot_can_be_filled(pools):
    """Each line of each list is met; a misspelt slot would raise."""
    lines = learnt_lines()
    slots = set(re.findall(r"\{(\w+)\}", "".join(lines)))
    rng = np.random.default_rng(0)
    assert all(value(rng, slot, pools[0][0]) for slot in sorted(slots))


def test_held_out_countries_are_not_learnt_from():
    """What is measured on their names is measured on unseen ones."""
    assert not set(HELD_OUT) & {*LOCALES, *OTHER_SCRIPTS}


@needs_shared_data
def test_no_line_has_the_words_of_the_published_rows():
    """Five words in a row of a measured sentence are in no sentence that is learnt from."""
    from tests.bench.bench_pii import published

    seen = {gram for text, _ in published() for gram in grams(text)}
    assert not seen & {gram for text in learnt_lines() for line in text.splitlines() for gram in grams(line)}


def test_no_line_has_the_words_of_the_held_out_layouts():
    """Nor are five words in a row of a held-out layout; slots and line breaks are no words."""
    from tests.bench.bench_pii import LAYOUTS

    seen, learnt = (
        {gram for text in texts for line in text.splitlines() for gram in grams(re.sub(r"\{\w+\}|\\n", " ", line))}
        for texts in ([LAYOUTS], learnt_lines())
    )
    assert not seen & learnt


def learnt_lines():
    parts = [getattr(module, name) for module in (private, more) for name in ("PEOPLE", "PLACES", "ORGS", "ADDRESSES")]
    return [*parts, plain.PLAIN, more.PLAIN]


def grams(text):
    words = re.findall(r"\w+", re.sub(r"[\[\]|{}]", " ", text).lower())
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def test_lexicon_classes(tmp_path):
    """A core word is itself, others are their class; what is written is what is read."""
    lexicon = Lexicon(frozenset({"the"}), frozenset({"lamp"}), frozenset({"ada"}), frozenset({"paris", "ada"}))
    assert [lexicon.norm(word) for word in ("The", "lamp", "Ada", "Paris", "Zxy", "12", "a1", ",")] == [
        "the", "*", "~pl", "~l", "~", "#", "a#", ",",
    ]  # fmt: skip
    lexicon.write(tmp_path / "words.json")
    assert read(tmp_path / "words.json") == lexicon


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A pipeline trained on sixty sentences: all of the way there, and no good."""
    folder = tmp_path_factory.mktemp("tiny")
    training.apart(folder, rows=60)
    return folder


def test_training_is_deterministic(tiny, tmp_path, monkeypatch):
    """The same weights, byte for byte, whatever the hashes, the threads and the processor of the process that asks."""
    for name, other in (("PYTHONHASHSEED", "7"), ("OMP_NUM_THREADS", "2"), ("OPENBLAS_CORETYPE", "Nehalem")):
        monkeypatch.setenv(name, other)
    training.apart(tmp_path, rows=60)
    for name in ("model/ner/model", "words.json"):
        assert (tmp_path / name).read_bytes() == (tiny / name).read_bytes()


def test_training_that_fails_says_why(tmp_path):
    """The last line of the process that trains, as the reason of a shard."""
    (tmp_path / "model").write_text("in the way")
    with pytest.raises(ShardError, match="training the name finder failed"):
        training.apart(tmp_path, rows=2)


def test_pipeline_of_the_user_is_loaded_from_a_folder(tiny):
    """Its labels are taken for our types, one that is none of them is left out."""
    made = make("pii_mask", {"ner": str(tiny / "model")}, 1, seeds=seeds_of([{"text": "mail ada@mail.net"}]))
    assert "[EMAIL]" in made.records.to_pylist()[0]["text"]


def test_pipeline_without_a_recogniser_is_refused(tmp_path):
    """A blank pipeline finds nothing, which would look like success."""
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(RecipeError, match="has no component 'ner'; has: none"):
        make("pii_mask", {"ner": str(tmp_path / "blank")}, 1, seeds=seeds_of([{"text": "x"}]))


def test_long_texts_are_read_in_parts():
    """Every character is in one part; parts end at a space where there is one."""
    text = "some words " * 6000
    parts = list(ner._windows(text))  # noqa: SLF001 (the parts are no one else's business)
    assert "".join(part for _, part in parts) == text
    assert [start for start, _ in parts] == [sum(len(p) for _, p in parts[:n]) for n in range(len(parts))]
    assert max(len(part) for _, part in parts) <= 20_000
    assert len(list(islice(ner._windows("x" * 50_000), 9))) == 3  # noqa: SLF001 (as above)


@pytest.mark.parametrize(
    ("text", "start", "end", "kind", "expected"),
    [
        ("met Ada Byron's dog", 4, 15, "PERSON_NAME", [("Ada Byron", "PERSON_NAME")]),
        ("Ada Byron\nJo Orr", 0, 16, "PERSON_NAME", [("Ada Byron", "PERSON_NAME"), ("Jo Orr", "PERSON_NAME")]),
        ("(Skagvik),", 0, 10, "LOCATION", [("Skagvik", "LOCATION")]),
        ("zip 12345", 4, 9, "ADDRESS", [("12345", "ADDRESS")]),
        ("4539578763621486", 0, 16, "ADDRESS", []),
        ("... !", 0, 5, "PERSON_NAME", []),
        ("2 Hill Road, driver Ada", 0, 23, "ADDRESS", [("2 Hill Road", "ADDRESS"), ("Ada", "PERSON_NAME")]),
    ],
    ids=["possessive", "lines", "brackets", "postcode", "long number", "marks", "sentence goes on"],
)
def test_entities_are_tidied(text, start, end, kind, expected):
    """A name has letters and is of one line; an address ends where the sentence goes on."""
    assert [(text[a:b], k) for a, b, k in ner._tidy(text, start, end, kind)] == expected  # noqa: SLF001 (see above)


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("at Via Zorva, 355 today", "Via Zorva", "Via Zorva, 355"),
        ("at Zorva Nr. 8, Piano 4, Room 706.", "Zorva", "Zorva Nr. 8, Piano 4, Room 706"),
        ("at 12 Zorva Hill at 17:00", "12 Zorva Hill", "12 Zorva Hill"),
        ("Zorva Hill 17:00", "Zorva Hill", "Zorva Hill"),
        ("Zorva Hill 12% off", "Zorva Hill", "Zorva Hill"),
    ],
    ids=["number", "flat", "time", "time right behind", "share"],
)
def test_address_ends_with_the_numbers_of_its_house(text, found, expected):
    """Of its street and of what is in its house; not with a time or a share."""
    start = text.index(found)
    ((_, begin, end, _, _),) = grown([(0, start, start + len(found), "ADDRESS", BY_MODEL)], [text])
    assert text[begin:end] == expected


@pytest.mark.parametrize(("rest", "kept"), [("hackers' ", False), ("Hackers' ", True)])
def test_small_words_left_of_an_organisation_are_none(rest, kept):
    """A pattern takes its part of what the name finder took for one; what stays must still look like a name."""
    text = f"{rest}ada@mail.net"
    found = resolved([(0, len(rest), len(text), "EMAIL", PATTERN), (0, 0, len(text), "ORGANIZATION", BY_MODEL)], [text])
    assert ([kind for *_, kind, _ in found] == ["ORGANIZATION", "EMAIL"]) is kept


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_small_finder_on_unseen_names_and_layouts():
    """F2 over characters; precision and recall of the patterns. Trains the finder where it is not there yet."""
    from tasks.methods.perturb._pii_types import TYPES
    from tests.bench.bench_pii import BY_PATTERN, counts, heldout, ours, scores

    rows = heldout()
    total = counts(rows, ours(rows))
    assert scores(total, TYPES)[2] >= 0.85
    precision, recall, _ = scores(total, BY_PATTERN)
    assert precision >= 0.99
    assert recall >= 0.97
    masked = [[(a, b, "ANY") for a, b, _ in spans] for spans in ours(rows)]
    gold = [(text, [(a, b, "ANY") for a, b, _ in spans]) for text, spans in rows]
    assert scores(counts(gold, masked), ["ANY"])[2] >= 0.93


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_shared_data
def test_small_finder_on_the_published_rows():
    """Typed and untyped, every type together; the types found by pattern."""
    from tasks.methods.perturb._pii_types import TYPES
    from tests.bench.bench_pii import BY_PATTERN, counts, ours, published, scores

    rows = published()
    total = counts(rows, ours(rows))
    assert scores(total, TYPES)[2] >= 0.85
    precision, recall, _ = scores(total, BY_PATTERN)
    assert precision >= 0.99
    assert recall >= 0.97


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_masking_with_the_small_finder():
    """The default: a name in no list, in no pattern."""
    made = make("pii_mask", {}, 1, seeds=seeds_of([{"text": "I spoke with Zorvana Quell in Paris about the invoice."}]))
    assert "Zorvana" not in made.records.to_pylist()[0]["text"]
    assert "invoice" in made.records.to_pylist()[0]["text"]
