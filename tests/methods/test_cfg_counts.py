import itertools
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.core.random import stream
from tasks.methods.rules import _cfg_count, _cfg_expand, _cfg_machine, _cfg_pick, _cfg_text, cfg
from tasks.methods.rules._cfg_pieces import Spacing
from tasks.methods.rules._grammar import build
from tasks.methods.rules._grammar_nltk import read_nltk
from tests.bench.bench_cfg import TICKETS
from tests.builders import make, texts
from tests.methods.cfg_checks import ENGLISH, P_VALUE, PLAIN, chi_square_p, draws, leaf_sequences


@pytest.mark.parametrize(
    ("rhs", "params", "text"),
    [
        pytest.param("'a' ',' 'b' '.'", {}, "a, b.", id="punctuation"),
        pytest.param("'a' '(' 'b' ')' '!' '?'", {}, "a (b)!?", id="brackets"),
        pytest.param("'a' '.NET' ':-' 'b'", {}, "a .NET :- b", id="words that begin with punctuation"),
        pytest.param("'a ' 'b' ' c' '...'", {}, "a b c...", id="own spaces"),
        pytest.param("'a' ',' 'b'", PLAIN, "a , b", id="plain"),
        pytest.param("'a' ',' 'b'", {"join": "_"}, "a,_b", id="other join"),
        pytest.param("'a' 'b'", {"join": ""}, "ab", id="no join"),
        pytest.param("'a' '' 'b' E '.'\nE ->", {}, "a b.", id="empty terminals and productions add no join"),
        pytest.param("E '.'\nE ->", {}, ".", id="empty first"),
        pytest.param("E\nE -> F\nF ->", {}, "", id="nothing at all"),
        pytest.param("'é' '漢字' '😀' '.'", {}, "é 漢字 😀.", id="not ASCII"),
    ],
)
@pytest.mark.parametrize("max_pieces", [0, 4096], ids=["walked", "written out"])
def test_terminals_are_joined_as_documented(rhs, params, text, max_pieces):
    """The two ways to a text, symbol by symbol and from written-out pieces, join alike."""
    spacing = Spacing(params.get("join", " "), repair=params.get("detokenize", True))
    assert list(derived(f"S -> {rhs}", spacing, max_pieces=max_pieces)) == [text]


def derived(grammar, spacing=None, depth=None, max_pieces=4096):
    """Return every text up to `depth`, by number, with symbols of up to `max_pieces` derivations written out."""
    spacing = spacing or Spacing(" ", repair=False)
    linked = build(*read_nltk(grammar), start=None)
    counted = _cfg_count.unroll(linked, depth)
    made = _cfg_machine.machine(linked, spacing, counted, max_pieces)
    picker = _cfg_pick.ByNumber(made, _cfg_pick.Finder(made), np.arange(counted.totals[0], dtype=np.uint64))
    trees = _cfg_expand.expand(made, counted.totals[0], picker, None)
    return _cfg_text.texts(made, trees).to_pylist()


@st.composite
def grammars(draw):
    """A small grammar in which every symbol has a terminal alternative and is reached; recursion of any kind."""
    names = ["S", "A", "B", "C"][: draw(st.integers(1, 4))]
    item = st.sampled_from([*names, "'a'", "'b'"])
    rules = {}
    for place, name in enumerate(names):
        others = draw(st.lists(st.lists(item, max_size=3).map(" ".join), max_size=2))
        linked = [f"'n' {names[place + 1]}"] if place + 1 < len(names) else []
        rules[name] = list(dict.fromkeys([*others, *linked, f"'{name.lower()}'"]))
    return "\n".join(f"{name} -> {' | '.join(own)}" for name, own in rules.items())


@settings(max_examples=150, deadline=None)
@given(grammars(), st.integers(1, 4), st.sampled_from([0, 3, 4096]))
def test_numbering_gives_exactly_what_brute_force_gives(grammar, depth, max_pieces):
    """Counts, texts and their order are NLTK's, whatever part of the grammar is written out."""
    brute = list(itertools.islice(leaf_sequences(grammar, depth), 3_001))
    assume(len(brute) <= 3_000)
    assert derived(grammar, depth=depth, max_pieces=max_pieces) == [" ".join(tokens) for tokens in brute]


@settings(max_examples=60, deadline=None)
@given(grammars(), st.sampled_from([0, 3, 4096]), st.integers(0, 2**32))
def test_weighted_draws_stay_inside_the_language(grammar, max_pieces, seed):
    """Every weighted text is one of the texts up to the depth, with symbols written out or not."""
    linked = build(*read_nltk(grammar), start=None)
    assume(_cfg_count.unroll(linked, 3).totals[0] <= 20_000)
    made = _cfg_machine.machine(linked, Spacing(" ", repair=False), None, max_pieces)
    picker = _cfg_pick.ByWeight(made, _cfg_pick.aliases(made), np.random.default_rng(seed), 3)
    found = _cfg_text.texts(made, _cfg_expand.expand(made, 50, picker, 10_000)).to_pylist()
    assert set(found) <= set(derived(grammar, depth=3))


def test_uniform_is_uniform_over_derivations():
    """All 183 derivations of depth 4 come equally often, by chi-square; a text that two share, twice as often."""
    grammar = "S -> S S | 'a' | 'b' S"
    language = Counter(" ".join(tokens) for tokens in leaf_sequences(grammar, 4))
    seen = Counter(draws(grammar, 40_000, mode="uniform", max_depth=4, **PLAIN))
    assert seen.keys() <= language.keys()
    total = language.total()
    common = [text for text in language if 40_000 * language[text] / total >= 5]
    rare = 40_000 - sum(seen[text] for text in common)
    expected = [40_000 * language[text] / total for text in common]
    observed = [seen[text] for text in common]
    if sum(expected) < 40_000 - 5:
        observed, expected = [*observed, rare], [*expected, 40_000 - sum(expected)]
    assert chi_square_p(observed, expected) > P_VALUE


def test_uniform_is_exact_where_counts_pass_64_bits():
    """With 2**100 texts of 100 coins, and one of its own, coins are fair and the lone text never comes."""
    coins = " ".join(["C"] * 100)
    found = draws(f"S -> {coins} | 'x'\nC -> 'h' | 't'", 2_000, mode="uniform", join="")
    heads = sum(text.count("h") for text in found)
    assert "x" not in found
    assert chi_square_p([heads, 200_000 - heads], [100_000, 100_000]) > P_VALUE


def test_uniform_choice_of_large_counts_follows_the_counts():
    """Alternatives of 2**70 and 3 * 2**70 derivations come as 1 to 3."""
    coins = " ".join(["C"] * 70)
    found = draws(f"S -> 'x' {coins} | Y {coins}\nY -> '1' | '2' | '3'\nC -> 'h' | 't'", 8_000, mode="uniform")
    lone = sum(text.startswith("x") for text in found)
    assert chi_square_p([lone, 8_000 - lone], [2_000, 6_000]) > P_VALUE


def test_exhaustive_starts_at_any_number_of_a_language_past_64_bits():
    """The first 2**63 derivations can be asked for one by one; the last symbol changes fastest."""
    coins = " ".join(["C"] * 100)
    params = {"grammar": f"S -> {coins}\nC -> 'h' | 't'", "mode": "exhaustive", "join": ""}
    for number in (0, 1, 2**40 + 5, 2**62 - 1):
        bits = f"{number:0100b}".replace("0", "h").replace("1", "t")
        assert texts(make("cfg", params, 1, start=number)) == [bits]
    assert cfg.capacity(cfg.Params(**params)) is None


def test_exhaustive_shards_are_independent_and_end_with_the_language():
    """Shards of any size, in any order, of any seed, make up the list; past its end there are no rows."""
    params = {"grammar": ENGLISH, "mode": "exhaustive", "max_depth": 4}
    total = cfg.capacity(cfg.Params(**params))
    whole = draws(**params, count=total)
    parts = [texts(make("cfg", params, 37, run_seed=s, shard=s, start=s)) for s in range(0, total, 37)]
    assert list(itertools.chain(*parts)) == whole
    assert texts(make("cfg", params, 10, start=total)) == []
    assert len(texts(make("cfg", params, 10, start=total - 3))) == 3


def test_exhaustive_in_random_order_gives_each_derivation_once():
    """The shuffled list is a permutation of the list, another one for another run seed."""
    params = {"grammar": TICKETS, "mode": "exhaustive", "start": "Problem"}
    total = cfg.capacity(cfg.Params(**params))
    listed = draws(**params, count=total)
    one, two = (texts(make("cfg", params | {"order": "shuffled"}, total, run_seed=seed)) for seed in (1, 2))
    assert Counter(one) == Counter(two) == Counter(listed)
    assert len({tuple(listed), tuple(one), tuple(two)}) == 3


@pytest.mark.parametrize(
    ("grammar", "params", "count"),
    [
        pytest.param("S -> A A | 'x'\nA -> 'a' | 'b'", {}, 5, id="finite"),
        pytest.param("S -> A A | 'x'\nA -> 'a' | 'b'", {"mode": "uniform"}, 5, id="finite, uniform"),
        pytest.param("S -> S 'a' | 'b'", {"max_depth": 7}, 7, id="recursive, by depth"),
        pytest.param("S -> S 'a' | 'b'", {}, 200, id="recursive, by default depth"),
        pytest.param("S -> S S | 'b'", {}, None, id="past counting"),
        pytest.param({"origin": ["#a##a#", "#a#"], "a": ["x", "y", "x"]}, {}, 6, id="Tracery; a repeated entry is one"),
    ],
)
def test_capacity_is_the_number_of_derivations(grammar, params, count):
    """The pipeline may refuse a count above the capacity, so it is exact, or None."""
    assert cfg.capacity(cfg.Params(grammar=grammar, **params)) == count


@given(st.integers(1, 2**200), st.integers(0, 2**32))
def test_below_stays_below(total, seed):
    """A large random integer is inside its range."""
    assert 0 <= _cfg_pick.below(total, stream(seed, "s", 0)) < total


def test_below_is_even():
    """Each of five values comes a fifth of the time."""
    rng = stream(0, "s", 0)
    seen = Counter(_cfg_pick.below(5, rng) for _ in range(10_000))
    assert chi_square_p([seen[value] for value in range(5)], [2_000] * 5) > P_VALUE


def test_take_keeps_strings_end_to_end():
    """What the joining of texts rests on: Arrow's `take` packs the strings it takes, from offset 0."""
    taken = pa.array(["ab", "", "cde"]).slice(0).take(pa.array([2, 1, 0, 2]))
    assert taken.buffers()[2].to_pybytes()[:8] == b"cdeabcde"
    assert pc.equal(taken, pa.array(["cde", "", "ab", "cde"])).to_pylist() == [True] * 4
