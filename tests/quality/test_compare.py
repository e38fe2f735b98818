"""Methods side by side: figures, ranks, and what is best for given weights."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.compare import AIMS, FIGURES, markdown, measure, ranked

GOOD = {
    "forward_perplexity": 10.0, "bleu_4": 0.5, "accepted_share": 1.0, "made_share": 1.0, "self_bleu_4": 0.1,
    "distinct_2": 0.9, "reverse_perplexity": 10.0, "copied": 0.0, "copied_run_8": 0.0, "seconds_per_1000": 1.0,
    "usd_per_1000": 0.0,
}  # fmt: skip
BAD = {
    "forward_perplexity": 90.0, "bleu_4": 0.1, "accepted_share": 0.2, "made_share": 0.5, "self_bleu_4": 0.9,
    "distinct_2": 0.1, "reverse_perplexity": 90.0, "copied": 0.5, "copied_run_8": 0.9, "seconds_per_1000": 100.0,
    "usd_per_1000": 5.0,
}  # fmt: skip
EVEN = dict.fromkeys(AIMS, 1.0)
SEEDS = [f"The {thing} in room {n} {state} since {day}." for n, (thing, state, day) in enumerate(
    (thing, state, day)
    for thing in ("router", "kettle", "oven", "lamp")
    for state in ("hums", "beeps", "leaks")
    for day in ("Monday", "Friday")
)]  # fmt: skip


def test_method_that_is_better_in_all_scores_one():
    """Ranks run from 0 to 1 in every aim, whatever the unit of its figures."""
    best, last = ranked({"b": BAD, "a": GOOD}, EVEN)
    assert (best.method, best.score, last.method, last.score) == ("a", 1.0, "b", 0.0)


def test_weights_decide():
    """The same figures, another wish, another winner."""
    figures = {
        "cheap": {**BAD, "seconds_per_1000": 1.0, "usd_per_1000": 0.0},
        "good": {**GOOD, "seconds_per_1000": 99.0},
    }
    assert ranked(figures, {"quality": 1.0})[0].method == "good"
    assert ranked(figures, {"quality": 0.1, "cost": 1.0})[0].method == "cheap"


@pytest.mark.parametrize("weights", [{"quality": -1.0, "cost": 2.0}, {"quality": 0.0}], ids=["negative", "none"])
def test_weights_that_mean_nothing_are_refused(weights):
    """No winner by accident."""
    with pytest.raises(ValueError, match="none may be below 0"):
        ranked({"a": GOOD}, weights)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_ranks_of_an_aim_add_up_to_half_of_the_methods(values):
    """What one gains another loses; ties share."""
    rows = ranked({f"m{i}": {**GOOD, "made_share": value} for i, value in enumerate(values)}, {"quantity": 1.0})
    assert sum(row.aims["quantity"] for row in rows) == pytest.approx(len(values) / 2)


def test_copies_and_new_texts_are_told_apart():
    """What repeats the seeds is marked as copied; what says the same again and again as alike."""
    copies = measure(SEEDS[:12], SEEDS[:12], SEEDS[12:])
    alike = measure([f"The very same words, for the {n}th time." for n in range(12)], SEEDS[:12], SEEDS[12:])
    assert copies["copied"] == 1.0
    assert alike["copied"] == 0.0
    assert alike["self_bleu_4"] > copies["self_bleu_4"] - 0.2
    assert copies["forward_perplexity"] < alike["forward_perplexity"] * 10


def test_report_names_the_best_and_shows_every_figure():
    """A table that can be read without the code."""
    text = markdown(ranked({"a": GOOD, "b": BAD}, EVEN), {"bleu_4": 0.4}, EVEN)
    assert "`a`**, score 1.00" in text
    assert all(f"| {name} |" in text for name in FIGURES)
