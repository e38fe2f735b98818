"""`eda`: the four operations of the paper, one a draw."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.method import get_method
from tasks.methods.augment.eda import OPERATIONS
from tests.builders import make, seeds_of, texts

TEXT = "The big parcel with the tiny carton arrived at the huge depot rather quickly."
SEEDS = seeds_of([{"text": TEXT, "label": "x"}])


def operations(made):
    """Return the operation of each row; None where none was possible."""
    return [json.loads(extra)["operation"] if extra else None for extra in made.records.column("extra").to_pylist()]


def only(name, strength=0.1):
    """Return params that leave one operation."""
    names = dict(zip(OPERATIONS, ("alpha_sr", "alpha_ri", "alpha_rs", "p_rd"), strict=True))
    return {param: strength if operation == name else 0 for operation, param in names.items()}


def words(text):
    return sorted(re.findall(r"\w+", text.lower()))


def test_operations_take_turns_over_the_draws_of_a_stage():
    """Draw i of the stage, whatever its shard."""
    assert operations(make("eda", {}, 8, seeds=SEEDS)) == [*OPERATIONS, *OPERATIONS]
    assert operations(make("eda", {}, 3, seeds=SEEDS, start=2)) == [*OPERATIONS[2:], OPERATIONS[0]]


def test_operations_by_the_dice_all_come():
    """Each about as often."""
    found = operations(make("eda", {"operations": "random"}, 400, seeds=SEEDS))
    assert all(60 < found.count(name) < 140 for name in OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_alone_does_what_it_is_named(name):
    """Words replaced, put in, reordered or left out."""
    made = make("eda", only(name), 20, seeds=SEEDS)
    assert set(operations(made)) == {name}
    for text in texts(made):
        old, new = words(TEXT), words(text)
        assert text != TEXT
        if name == "synonym_replacement":
            assert len(new) == len(old)
        elif name == "random_insertion":
            assert len(new) == len(old) + 1
        elif name == "random_swap":
            assert new == old
        else:
            assert 0 < len(new) < len(old)


def test_more_alpha_is_more_edits():
    """n = alpha times the words, as in the paper."""
    few = [len(words(text)) for text in texts(make("eda", only("random_insertion", 0.1), 20, seeds=SEEDS))]
    many = [len(words(text)) for text in texts(make("eda", only("random_insertion", 0.3), 20, seeds=SEEDS))]
    assert max(few) < min(many)


def test_deletion_chance_is_per_word():
    """About p of the words, at least one, never all."""
    text = "alpha beta gamma delta epsilon zeta eta theta iota kappa " * 20
    made = texts(make("eda", only("random_deletion", 0.2), 40, seeds=seeds_of([{"text": text}])))
    gone = [200 - len(words(new)) for new in made]
    assert 30 < sum(gone) / len(gone) < 50
    assert len(set(gone)) > 3
    two = texts(make("eda", only("random_deletion", 0.9), 40, seeds=seeds_of([{"text": "alpha beta"}])))
    assert {len(words(new)) for new in two} == {1}


def test_operation_with_nothing_to_do_gives_way_to_the_next():
    """No synonym of these words is known; they can be swapped or deleted."""
    made = make("eda", {}, 20, seeds=seeds_of([{"text": "alpha beta gamma"}]))
    assert set(operations(made)) == {"random_swap", "random_deletion"}


@pytest.mark.parametrize("text", ["", "Hello", "🙂", "مرحبا", "我要退款。"])
def test_text_that_nothing_changes_is_rejected(text):
    """Or comes back where that is asked for."""
    seeds = seeds_of([{"text": text}])
    made = make("eda", {}, 4, seeds=seeds)
    assert made.records.column("reason").to_pylist() == ["unchanged"] * 4
    assert operations(made) == [None] * 4
    kept = make("eda", {"allow_unchanged": True}, 4, seeds=seeds).records
    assert kept.column("reason").null_count == 4
    assert kept.column("text").to_pylist() == [text] * 4


def test_bad_spans_are_rejected_once():
    """No other operation is tried on them."""
    seeds = seeds_of([{"text": TEXT, "spans": [{"start": 0, "end": 999, "type": "A"}]}])
    made = make("eda", {}, 4, seeds=seeds)
    assert made.records.column("reason").to_pylist() == ["bad_spans"] * 4


def test_stats_count_operations():
    """They add up over shards."""
    assert dict(make("eda", {}, 8, seeds=SEEDS).stats) == {f"operation:{name}": 2 for name in OPERATIONS}


def test_negations_stay_unless_the_paper_is_followed():
    """A lost `not` turns the label round."""
    seeds = seeds_of([{"text": "It does not work well here."}])
    assert all("not" in text.lower() for text in texts(make("eda", only("random_deletion", 0.5), 40, seeds=seeds)))
    free = texts(make("eda", {**only("random_deletion", 0.5), "protect_negations": False}, 40, seeds=seeds))
    assert not all("not" in text.lower() for text in free)


_SAMPLE = "the big parcel, arrived. quickly I need problem! city (house) not 🙂 שלום e\u0301t BIG depot refund"
WORDS = st.lists(st.sampled_from(_SAMPLE.split()), min_size=1, max_size=14)


@hypothesis_settings(max_examples=25, deadline=None)
@given(parts=WORDS, span=st.integers(0, 13), seed=st.integers(0, 2**32))
def test_spans_stay_on_their_words(parts, span, seed):
    """Each span's text is what it was after each of the operations."""
    text = " ".join(parts)
    places = [match.span() for match in re.finditer(r"[^\W_](?:\S*[^\W_])?", text)]
    spans = [{"start": a, "end": b, "type": "A"} for a, b in places[span : span + 2]]
    made = make("eda", {"allow_unchanged": True}, 4, seeds=seeds_of([{"text": text, "spans": spans}]), run_seed=seed)
    for row in made.records.to_pylist():
        was = sorted(text[s["start"] : s["end"]] for s in spans)
        assert sorted(row["text"][s["start"] : s["end"]] for s in row["spans"]) == was


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"rate": 0.1}, "rate is not for eda; give alpha_sr, alpha_ri, alpha_rs, p_rd"),
        ({"count": 1}, "count is not for eda"),
        ({"alpha_sr": 0, "alpha_ri": 0, "alpha_rs": 0, "p_rd": 0}, "all 0: no operation is left"),
        ({"p_rd": 1}, "less than 1"),
        ({"operations": "all"}, "'turn' or 'random'"),
    ],
)
def test_wrong_params_say_what_is_wrong(params, message):
    """One line that names value and choices."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        get_method("eda").params.model_validate(params)
