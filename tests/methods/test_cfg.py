import itertools
import json
import random
import time
from collections import Counter

import nltk
import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nltk.parse.generate import generate
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tasks.core.method import Draw, get_method
from tasks.core.random import stream
from tasks.methods.rules import _cfg_count, _cfg_expand, _cfg_machine, _cfg_pick, _cfg_text, cfg
from tasks.methods.rules._cfg_pieces import Spacing
from tasks.methods.rules._grammar import build, shortest
from tasks.methods.rules._grammar_nltk import read_nltk
from tests.bench.bench_cfg import TICKETS, TRACERY
from tests.builders import make, texts

ENGLISH = """
S -> NP VP
NP -> Det N | NP PP | 'I'
PP -> P NP
VP -> V NP | VP PP | V
Det -> 'the' | 'a'
N -> 'dog' | 'telescope'
P -> 'with'
V -> 'saw'
"""
PLAIN = {"join": " ", "detokenize": False}
# Chi-square beyond this happens once in a million; the streams are fixed, so the tests do not flicker.
P_VALUE = 1e-6


def draws(grammar, count, **params):
    """Return the texts of one shard."""
    return texts(make("cfg", {"grammar": grammar, **params}, count))


def leaf_sequences(grammar, depth):
    """Return every text that NLTK generates with at most `depth` nested productions, in its order, as tokens."""
    # NLTK counts the leaf as a level, an empty production as none: a marker makes both one leaf deep.
    marked = "\n".join(_with_marker(line) for line in grammar.strip().splitlines())
    parsed = nltk.CFG.fromstring(marked)
    return [[token for token in tokens if token != "EMPTY"] for tokens in generate(parsed, depth=depth + 1)]


def _with_marker(line):
    lhs, _, rhs = line.partition("->")
    return f"{lhs}-> " + "|".join(part if part.strip() else " 'EMPTY' " for part in rhs.split("|"))


def chi_square_p(observed, expected):
    """Return the chance of a chi-square this large, by Wilson & Hilferty 1931."""
    degrees = len(expected) - 1
    statistic = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    z = ((statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / (2 / (9 * degrees)) ** 0.5
    return 0.5 * (1 - _erf(z / 2**0.5))


def _erf(value):
    import math

    return math.erf(value)


# --- NLTK notation -----------------------------------------------------------------------------------------------


def test_notation_takes_comments_weights_bars_continuations_and_both_quotes():
    """Each of the forms that the description names gives the alternatives that it says."""
    grammar = """
    # whole line
    S -> A B [3] | "it's" [1]   # the rest of a line
    A -> 'x#y'
       | 'z'
    B-> \\
        'b'
    B ->
    """
    assert sorted(set(draws(grammar, 500))) == ["it's", "x#y", "x#y b", "z", "z b"]


def test_start_directive_and_param_choose_the_start():
    """`%start` names the grammar's own start, and the param goes before it."""
    grammar = "%start B\nA -> 'a'\nB -> A 'b'"
    assert draws(grammar, 1) == ["a b"]
    assert draws(grammar, 1, start="A") == ["a"]


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        pytest.param("S -> NP 'x'\nNPP -> 'y'\nNP -> Nn\n", r"undefined symbols: 'Nn' \(line 3", id="undefined"),
        pytest.param("S -> Nuon 'x' | Verv\nNoun -> 'y'", r"'Nuon' \(line 1; did you mean 'Noun'\?\), 'Verv'", id="near"),
        pytest.param("S -> 'a' | A\nA -> A 'b' | B\nB -> A", r"never end in text: 'A', 'B'$", id="unproductive"),
        pytest.param("S -> 'a'\nA -> 'b' C\nC -> 'c'", r"nothing reaches: 'A', 'C'$", id="unreachable"),
        pytest.param("S -> 'a' B | 'a'  B\nB -> 'b'", r"duplicate productions: S -> 'a' B \(line 1\), S", id="doubled"),
        pytest.param("S -> X | S\nA -> 'b'", r"undefined symbols: 'X'.*; symbols that nothing reaches: 'A'", id="two kinds"),
        pytest.param("", r"it has no production|neither a file nor a grammar", id="empty"),
        pytest.param("# only\n# comments\n", r"it has no production", id="comments only"),
        pytest.param("tickets.cfg", r"'tickets.cfg' is neither a file nor a grammar", id="not there"),
        pytest.param("S -> 'a'\nT 'b'\nU => 'c'", r"line 2: expected 'SYMBOL -> .*; line 3: unexpected '='", id="syntax"),
        pytest.param("S -> 'a' | 'b", r"line 1: a terminal is not closed: 'b", id="open quote"),
        pytest.param("S -> 'a' -> 'b'", r"line 1: a second '->'", id="two arrows"),
        pytest.param("S -> 'a' [0.2] 'b'", r"line 1: ''b'' after the weight \[0.2\]", id="weight inside"),
        pytest.param("S -> 'a' [0] | 'b' [1]", r"line 1: weight \[0\] is not a number above 0", id="weight 0"),
        pytest.param("S -> 'a' [nan]", r"weight \[nan\] is not", id="weight nan"),
        pytest.param("S -> 'a' [1e308]", r"weight \[1e308\] is not", id="weight huge"),
        pytest.param("S -> 'a' [0.5] | 'b'", r"line 1: S -> 'b' has no weight, other alternatives of 'S' do", id="half"),
        pytest.param("| 'a'\nS -> 'b'", r"line 1: expected 'SYMBOL", id="bar first"),
        pytest.param("%begin S\nS -> 'b'", r"line 1: expected '%start SYMBOL'", id="directive"),
        pytest.param("%start T\nS -> 'b'", r"no start symbol 'T'.* have: S", id="start unknown"),
    ],
)
def test_wrong_grammar_is_named_in_one_line(grammar, message):
    """Whatever is wrong, the recipe is refused before a draw, in one line that names it."""
    with pytest.raises(RecipeError, match=message) as caught:
        draws(grammar, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"start": "NP"}, r"no start symbol 'NP'; have: S", id="start"),
        pytest.param({"mode": "uniform"}, r"needs max_depth \(1 or more\): .*recursive \(S -> S\)", id="no depth"),
        pytest.param({"mode": "exhaustive", "max_depth": 90}, r"max_depth 90 is too large.* fits is 17$", id="too many"),
        pytest.param(
            {"mode": "exhaustive", "order": "shuffled", "max_depth": 10}, r"'shuffled' takes at most 2\*\*62", id="shuffle"
        ),
    ],
)
def test_params_that_do_not_go_with_the_grammar_are_refused(params, message):
    """Depth and start are checked against the grammar before anything is drawn."""
    with pytest.raises(RecipeError, match=message):
        draws("S -> S S | 'a'", 1, **params)


def test_max_depth_below_the_shallowest_derivation_is_refused():
    """No half-expanded text: a depth that no derivation fits is an error."""
    with pytest.raises(RecipeError, match="max_depth 1 is too small: the shallowest derivation of the grammar is 2 deep"):
        draws("S -> A\nA -> 'a'", 1, max_depth=1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"order": "shuffled"}, "order 'shuffled' is for mode 'exhaustive', not 'weighted'", id="order"),
        pytest.param({"mode": "all"}, "'weighted', 'uniform' or 'exhaustive'", id="mode"),
        pytest.param({"max_depth": 0}, "greater than or equal to 1", id="depth"),
        pytest.param({"grammar": {"origin": "a"}, "join": "-"}, "join is for NLTK notation", id="join"),
        pytest.param({"grammer": "S -> 'a'"}, "Extra inputs are not permitted", id="misspelt"),
        pytest.param({"grammar": "no/such/file.cfg"}, "no such file: 'no/such/file.cfg'", id="file"),
    ],
)
def test_params_that_are_wrong_in_themselves_are_refused(params, message):
    """A wrong value is refused as the params are read."""
    with pytest.raises(ValidationError, match=message):
        cfg.Params.model_validate({"grammar": "S -> 'a'", **params})


def test_unreachable_from_a_chosen_start_is_left_out_not_an_error():
    """A start of one's own takes a part of the grammar, and the coverage is of that part."""
    params = {"grammar": ENGLISH, "start": "Det"}
    made = make("cfg", params, 50)
    assert set(texts(made)) == {"the", "a"}
    assert cfg.notes(cfg.Params(**params), made.stats) == ["coverage: 2 of 2 productions used"]


def test_grammar_on_one_long_line_is_not_taken_for_a_path():
    """A grammar longer than a file name may be is read as a grammar."""
    words = [f"w{number:03}" for number in range(60)]
    grammar = "S -> " + " | ".join(f"'{word}'" for word in words)
    assert draws(grammar, 60, mode="exhaustive") == words


def test_grammar_is_read_from_a_file(tmp_path):
    """The params hold the content of the file, not its name."""
    (tmp_path / "pets.cfg").write_text("S -> 'dog'", encoding="utf-8")
    assert texts(make("cfg", {"grammar": "pets.cfg"}, 1, base=tmp_path)) == ["dog"]


# --- texts -------------------------------------------------------------------------------------------------------


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


# --- weighted ----------------------------------------------------------------------------------------------------


def test_weighted_frequencies_are_those_of_the_productions():
    """Unnormalised weights give the products of shares, by chi-square over 60,000 draws."""
    grammar = "S -> A A [6] | 'x' [3] | B [1]\nA -> 'a' [0.9] | 'b' [0.1]\nB -> 'c' | 'd'"
    shares = {"a a": 0.486, "a b": 0.054, "b a": 0.054, "b b": 0.006, "x": 0.3, "c": 0.05, "d": 0.05}
    seen = Counter(draws(grammar, 60_000))
    assert seen.keys() == shares.keys()
    assert chi_square_p([seen[text] for text in shares], [60_000 * share for share in shares.values()]) > P_VALUE


def test_weighted_recursion_has_geometric_length():
    """S -> S 'a' [p] | 'a' gives each length its probability; no depth limit is near."""
    lengths = Counter(len(text.split()) for text in draws("S -> S 'a' [0.5] | 'a' [0.5]", 40_000))
    expected = [40_000 * 0.5**k for k in range(1, 10)]
    observed = [lengths[k] for k in range(1, 10)]
    rest = 40_000 - sum(observed), 40_000 * 0.5**9
    assert chi_square_p([*observed, rest[0]], [*expected, rest[1]]) > P_VALUE


def test_weighted_draws_at_the_depth_limit_share_the_weight_of_what_still_fits():
    """With room for one more level only the terminals are left, in their own proportion."""
    grammar = "S -> S S [0.98] | 'a' [0.015] | 'b' [0.005]"
    words = Counter(word for text in draws(grammar, 2_000, max_depth=4) for word in text.split())
    deepest = max(len(text.split()) for text in draws(grammar, 2_000, max_depth=4))
    assert deepest == 8
    assert chi_square_p([words["a"], words["b"]], [words.total() * 0.75, words.total() * 0.25]) > P_VALUE


@pytest.mark.parametrize("mode", ["weighted", "uniform"])
def test_sampled_texts_parse_under_the_grammar(mode):
    """NLTK's chart parser finds a derivation for every text."""
    parser = nltk.ChartParser(nltk.CFG.fromstring(ENGLISH))
    for text in draws(ENGLISH, 40, mode=mode, max_depth=5, **PLAIN):
        assert next(iter(parser.parse(text.split())), None), text


@pytest.mark.parametrize(
    ("grammar", "depth"),
    [
        pytest.param("S -> S 'a' | 'a'", 6, id="left"),
        pytest.param("S -> 'a' S | 'a'", 6, id="right"),
        pytest.param("S -> A 'x' | 'y'\nA -> S 'z' | B\nB -> S", 6, id="mutual"),
        pytest.param("S -> S S | 'a' |", 3, id="nullable"),
        pytest.param("A -> A | 'a'", 6, id="unit cycle"),
        pytest.param("S -> E S E | 'a'\nE -> E | ", 4, id="nullable unit cycle"),
    ],
)
def test_recursion_of_every_kind_is_bounded_by_depth(grammar, depth):
    """Weighted draws end inside the language up to max_depth, and exhaustive lists exactly that."""
    language = [" ".join(tokens) for tokens in leaf_sequences(grammar, depth)]
    total = cfg.capacity(cfg.Params(grammar=grammar, mode="exhaustive", max_depth=depth))
    assert total == len(language)
    assert draws(grammar, total, mode="exhaustive", max_depth=depth, **PLAIN) == language
    assert set(draws(grammar, 300, max_depth=depth, **PLAIN)) <= set(language)


def test_chain_of_ten_thousand_rules_is_walked_in_two_seconds():
    """Depth costs neither recursion nor square time, in any mode."""
    rules = [f"A{number} -> A{number + 1} 'b' | A{number + 1}" for number in range(10_000)]
    grammar = "\n".join(["S -> A0", *rules, "A10000 -> 'a'"])
    started = time.perf_counter()
    found = make("cfg", {"grammar": grammar, "max_tokens": 20_000, "keep_tree": True}, 20)
    assert time.perf_counter() - started < 2
    assert 4_500 < np.mean([text.count("b") for text in texts(found)]) < 5_500
    assert all(json.loads(extra)["tree"].count("(A") == 10_001 for extra in found.records["extra"].to_pylist())


@pytest.mark.parametrize("mode", ["weighted", "uniform", "exhaustive"])
def test_chain_without_choice_gives_its_one_text(mode):
    """S -> A1, A1 -> A2, ... ten thousand times is one derivation."""
    grammar = "\n".join([*(f"A{number} -> A{number + 1}" for number in range(10_000)), "A10000 -> 'a'"])
    started = time.perf_counter()
    assert draws(grammar, 1, mode=mode) == ["a"]
    assert time.perf_counter() - started < 2
    assert cfg.capacity(cfg.Params(grammar=grammar, mode=mode)) == 1


def test_default_depth_lets_a_deep_recursive_grammar_use_every_production():
    """A recursive grammar whose shortest text lies deeper than 200 is drawn from, not refused."""
    grammar = "\n".join(["S -> S 'x' | A0", *(f"A{n} -> A{n + 1}" for n in range(500)), "A500 -> 'a'"])
    assert {text.split()[0] for text in draws(grammar, 20)} == {"a"}


@pytest.mark.parametrize("mode", ["weighted", "uniform", "exhaustive"])
def test_text_of_too_many_leaves_is_rejected_and_not_half_expanded(mode):
    """A runaway grammar ends at max_tokens: a reject that shows how far it came, and texts that are whole."""
    grammar = "S -> S S [0.9] | 'a' [0.1]"
    params = {"grammar": grammar, "mode": mode, "max_tokens": 7} | ({} if mode == "weighted" else {"max_depth": 5})
    rows = make("cfg", params, 600).records.to_pylist()
    whole = [row["text"] for row in rows if not row["reason"]]
    cut = [row["text"] for row in rows if row["reason"] == "too_many_tokens"]
    assert len(whole) + len(cut) == 600
    assert cut
    assert whole
    assert all(set(text.split()) == {"a"} and len(text.split()) <= 7 for text in whole)
    assert all(len(text.split()) > 7 for text in cut)


def test_max_tokens_rejects_the_same_derivations_however_texts_are_grouped():
    """What is rejected depends on the derivation alone."""
    params = {"grammar": "S -> S S | 'a'", "mode": "exhaustive", "max_depth": 5, "max_tokens": 6}
    together = make("cfg", params, 677).records
    apart = [make("cfg", params, 1, start=n).records.to_pylist()[0].get("reason") for n in range(0, 677, 13)]
    assert together["reason"].to_pylist()[::13] == apart
    sizes = [len(tokens) for tokens in leaf_sequences("S -> S S | 'a'", 5)]
    assert [reason is not None for reason in together["reason"].to_pylist()] == [size > 6 for size in sizes]


def test_row_of_doublings_is_stopped_before_it_fills_the_memory():
    """Forty doublings in a grammar without recursion hold one derivation of 2**40 leaves: a reject, at once."""
    grammar = "\n".join([*(f"A{n} -> A{n + 1} A{n + 1}" for n in range(40)), "A40 -> 'a'"])
    made = make("cfg", {"grammar": grammar}, 3)
    assert made.records["reason"].to_pylist() == ["too_many_tokens"] * 3
    assert made.stats == {}


# --- uniform and exhaustive --------------------------------------------------------------------------------------


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
    brute = list(itertools.islice(iter(leaf_sequences_lazily(grammar, depth)), 3_001))
    assume(len(brute) <= 3_000)
    assert derived(grammar, depth=depth, max_pieces=max_pieces) == [" ".join(tokens) for tokens in brute]


def leaf_sequences_lazily(grammar, depth):
    marked = "\n".join(_with_marker(line) for line in grammar.strip().splitlines())
    for tokens in generate(nltk.CFG.fromstring(marked), depth=depth + 1):
        yield [token for token in tokens if token != "EMPTY"]


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
    """All 154 derivations of depth 4 come equally often, by chi-square; the texts that two share come twice as often."""
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


# --- trees, coverage, determinism --------------------------------------------------------------------------------


def tree_of(extra):
    """Return the NLTK tree of one row's `extra`; its leaves are terminals."""
    text = json.loads(extra)["tree"]
    return nltk.Tree.fromstring(text, leaf_pattern=r'"(?:\\.|[^"\\])*"', read_leaf=json.loads)


@pytest.mark.parametrize("mode", ["weighted", "uniform", "exhaustive"])
def test_tree_yields_the_text_and_coverage_counts_its_productions(mode):
    """The brackets are the derivation: leaves give the text, nodes the counters, exactly."""
    grammar = ENGLISH.replace("'saw'", "'saw' | ").replace("'with'", "'with \"a (b\\'")
    made = make("cfg", {"grammar": grammar, "mode": mode, "max_depth": 6, "keep_tree": True, **PLAIN}, 400)
    trees = [tree_of(extra) for extra in made.records["extra"].to_pylist()]
    assert [" ".join(tree.leaves()) for tree in trees] == texts(made)
    rules, _ = read_nltk(grammar)
    seen = Counter((str(p.lhs()), p.rhs()) for tree in trees for p in tree.productions())
    shape = [(r.lhs, tuple(i if isinstance(i, str) else nltk.Nonterminal(i.name) for i in r.items)) for r in rules]
    assert made.stats == {f"production:{n}": seen[key] for n, key in enumerate(shape, start=1) if seen[key]}


@pytest.mark.parametrize("mode", ["weighted", "uniform", "exhaustive"])
def test_keeping_the_tree_does_not_change_the_text(mode):
    """The same draw gives the same texts with and without trees."""
    params = {"mode": mode, "max_depth": 8}
    assert draws(TICKETS, 300, **params) == draws(TICKETS, 300, **params, keep_tree=True)


def test_notes_name_the_productions_that_no_text_used():
    """Coverage counts what was never drawn, and says how it is written."""
    params = {"grammar": "S -> 'a' [1000000] | B [0.000001]\nB -> 'zebra' | \"it's\""}
    made = make("cfg", params, 10)
    lines = cfg.notes(cfg.Params(**params), made.stats)
    assert lines == ["coverage: 1 of 4 productions used; never: S -> B, B -> 'zebra', B -> \"it's\""]


def test_rejected_texts_do_not_count_as_coverage():
    """A production that only rejected texts use is not covered."""
    made = make("cfg", {"grammar": "S -> 'a' | B B B\nB -> 'b'", "max_tokens": 2}, 200)
    assert made.stats == {"production:1": len(texts(made))}
    assert 0 < len(texts(made)) < 200


@pytest.mark.parametrize("mode", ["weighted", "uniform"])
@pytest.mark.parametrize("grammar", [ENGLISH, TICKETS, {**TRACERY, "origin": "#Ticket#"}], ids=["NP", "desk", "Tracery"])
def test_same_stream_gives_the_same_bytes(grammar, mode):
    """A batch is a pure function of seed and shard; another shard gives others."""
    params = {"grammar": grammar, "mode": mode, "max_depth": 7, "keep_tree": True}
    one, again = (make("cfg", params, 500, run_seed=3, shard=4) for _ in range(2))
    cfg._plan.cache_clear()
    fresh = make("cfg", params, 500, run_seed=3, shard=4)
    assert one.records.equals(again.records)
    assert one.records.equals(fresh.records)
    assert one.stats == fresh.stats
    assert not one.records.equals(make("cfg", params, 500, run_seed=3, shard=5).records)


def test_bytes_do_not_change_between_releases():
    """What cfg@1 draws from a seed is fixed: change this and bump the version."""
    assert draws(TICKETS, 2) == []


def test_batches_past_one_block_join_up():
    """A shard of several blocks has as many rows as asked, in order."""
    params = {"grammar": TICKETS, "mode": "exhaustive"}
    many = texts(make("cfg", params, 40_000))
    assert many[16_380:16_390] == texts(make("cfg", params, 10, start=16_380))
    assert len(many) == len(set(many)) == 40_000


def test_no_rows_are_no_rows():
    """A count of 0 gives an empty batch of the same columns."""
    assert make("cfg", {"grammar": ENGLISH}, 0).records.schema.names == ["text", "extra"]


# --- Tracery -----------------------------------------------------------------------------------------------------


def test_tracery_texts_are_those_that_tracery_gives():
    """2,000 flattened texts and 20,000 of ours, from the same grammar with modifiers, are the same set."""
    import tracery
    from tracery.modifiers import base_english

    grammar = {
        "origin": ["#greet.capitalize# #animal.a#\\#1", "#animal.s.capitalize# #verb.ed# #place.capitalizeAll#"],
        "greet": ["hello", "good #time#"],
        "time": ["morning", "evening"],
        "animal": ["owl", "#size# fox", "unicorn", "pony"],
        "size": ["old", "tiny"],
        "verb": ["bake", "try", "walk"],
        "place": ["new york", "rome"],
    }
    peer = tracery.Grammar(grammar)
    peer.add_modifiers(base_english)
    random.seed(1)
    theirs = {peer.flatten("#origin#") for _ in range(3_000)}
    total = cfg.capacity(cfg.Params(grammar=grammar))
    assert set(draws(grammar, total, mode="exhaustive")) == theirs
    assert set(draws(json.dumps(grammar), 5_000)) == theirs


def test_bench_grammars_say_the_same():
    """The Tracery form and the NLTK form of the support desk have the same texts, so their rates compare."""
    one = draws(TICKETS, 30_000, mode="exhaustive", start="Problem")
    two = draws(TRACERY, 30_000, mode="exhaustive", start="Problem")
    assert one == two
    totals = [cfg.capacity(cfg.Params(grammar=grammar, start="Ticket")) for grammar in (TICKETS, TRACERY)]
    assert totals == [1_927_800, 1_927_800]


@pytest.mark.parametrize(
    ("modifier", "cases"),
    [
        pytest.param("capitalize", {"new york": "New york", "éa": "Éa", "1st": "1st"}, id="capitalize"),
        pytest.param("capitalizeAll", {"new  york's": "New  York's", "x-ray vision": "X-ray Vision"}, id="capitalizeAll"),
        pytest.param("a", {"owl": "an owl", "dog": "a dog", "unit": "a unit", "Umbrella": "an Umbrella"}, id="a"),
        pytest.param("s", {"dog": "dogs", "fox": "foxes", "city": "cities", "day": "days", "y": "ys"}, id="s"),
        pytest.param("ed", {"bake": "baked", "try": "tried", "play": "played", "jump": "jumped"}, id="ed"),
        pytest.param("s.capitalize", {"fox": "Foxes"}, id="two"),
    ],
)
@pytest.mark.parametrize("recursive", [False, True], ids=["written out", "walked"])
def test_modifiers_change_the_text_of_a_symbol(modifier, cases, recursive):
    """Alone, and where the symbol recurses so that its text is only known once it is expanded."""
    grammar = {"origin": f"<#x.{modifier}#>", "x": [*cases, *(["#x##x#"] if recursive else [])]}
    found = set(draws(grammar, 3_000, max_depth=2 if recursive else None))
    assert found == {f"<{text}>" for text in cases.values()}


def test_modifiers_nest_in_recursion():
    """A modified symbol inside a modified symbol is changed first."""
    grammar = {"origin": "#x.capitalize#", "x": ["(#x.a#)", "owl", "#e.a#ant"], "e": ""}
    found = set(draws(grammar, 3_000, max_depth=4))
    assert found == {"Owl", "Ant", "(an owl)", "(an ant)", "(a (an owl))", "(a (an ant))"}


def test_tracery_repeats_weigh():
    """An entry written three times comes three times as often, and is one production."""
    made = make("cfg", {"grammar": {"origin": ["a", "a", "a", "b"]}}, 8_000)
    assert chi_square_p(list(made.stats.values()), [6_000, 2_000]) > P_VALUE
    assert made.stats.keys() == {"production:1", "production:2"}


def test_tracery_escapes_are_literal():
    """A backslash takes the next character as it is."""
    assert draws({"origin": r"\#1 \[x\] a\\b #t#", "t": "  . "}, 1) == [r"#1 [x] a\b   . "]


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        pytest.param("{", r"not JSON: .* at line 1 column", id="not JSON"),
        pytest.param("{}", r"it has no symbol", id="empty"),
        pytest.param('{"origin": "a", "origin": "b"}', r"symbol 'origin' is defined twice", id="twice"),
        pytest.param({"origin": [1]}, r"symbol 'origin' is not a text or a list of texts", id="numbers"),
        pytest.param({"origin": []}, r"symbol 'origin' is not a text", id="no entry"),
        pytest.param({"origin": {"a": "b"}}, r"symbol 'origin' is not a text", id="nested"),
        pytest.param({"origin": "a", "b.c": "d"}, r"symbol 'b.c' is not a name", id="name"),
        pytest.param({"origin": "#nmae#", "name": "x"}, r"'nmae' \(origin; did you mean 'name'\?\)", id="undefined"),
        pytest.param({"start": "x"}, r"no start symbol 'origin'.*have: start", id="no origin"),
        pytest.param({"origin": "#[hero:#name#]story#"}, r"action '\[hero:#name#\]' is not context-free", id="save"),
        pytest.param({"origin": "[x:y]#x#"}, r"action '\[x:y\]' is not context-free", id="action"),
        pytest.param({"origin": "a] b"}, r"a lone '\]'", id="bracket"),
        pytest.param({"origin": "a #b"}, r"'#b' is not closed", id="open tag"),
        pytest.param({"origin": "a ## b"}, r"names no symbol", id="empty tag"),
        pytest.param({"origin": "#b.capitalise#", "b": "c"}, r"'capitalise'; did you mean 'capitalize'\?", id="modifier"),
        pytest.param({"origin": "a\\"}, r"a lone '\\'", id="last backslash"),
        pytest.param('{"origin": "\\ud800"}', r"not valid Unicode", id="surrogate"),
    ],
)
def test_wrong_tracery_is_named(grammar, message):
    """Each construct that is wrong, or not context-free, is named."""
    with pytest.raises(RecipeError, match=message):
        draws(grammar, 1)


# --- parts -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 2**200), st.integers(0, 2**32))
def test_below_stays_below(total, seed):
    """A large random integer is inside its range."""
    assert 0 <= _cfg_pick.below(total, stream(seed, "s", 0)) < total


def test_below_is_even():
    """Each of five values comes a fifth of the time."""
    rng = stream(0, "s", 0)
    seen = Counter(_cfg_pick.below(5, rng) for _ in range(10_000))
    assert chi_square_p([seen[value] for value in range(5)], [2_000] * 5) > P_VALUE


def test_shortest_and_tallest_of_a_recursive_grammar():
    """Depths of the grammar of English: what ends soonest, and what has no deepest."""
    linked = build(*read_nltk(ENGLISH), start=None)
    depths = dict(zip(linked.names, shortest(linked), strict=True))
    assert depths == {"S": 3, "NP": 1, "VP": 2, "PP": 2, "Det": 1, "N": 1, "V": 1, "P": 1}


def test_take_keeps_strings_end_to_end():
    """What the joining of texts rests on: Arrow's `take` packs the strings it takes, from offset 0."""
    import pyarrow as pa

    taken = pa.array(["ab", "", "cde"]).slice(0).take(pa.array([2, 1, 0, 2]))
    assert taken.buffers()[2].to_pybytes()[:8] == b"cdeabcde"
    assert pc.equal(taken, pa.array(["cde", "", "ab", "cde"])).to_pylist() == [True] * 4


def test_method_is_found_with_its_source():
    """The docstring gives the summary and the source; the draw takes no seeds."""
    method = get_method("cfg")
    assert method.source.startswith("Booth & Thompson 1973")
    assert method.summary.startswith("Texts of a context-free grammar")
    draw = Draw(stream(0, "s", 0), 3, 0, 0)
    assert method.run(None, method.params(grammar="S -> 'a'"), draw).records.num_rows == 3
