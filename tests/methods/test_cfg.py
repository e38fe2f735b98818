import json
import subprocess
import sys
import time
from collections import Counter

import nltk
import numpy as np
import pytest
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tasks.core.method import Draw, get_method
from tasks.core.random import stream
from tasks.methods.rules import cfg
from tasks.methods.rules._grammar_nltk import read_nltk
from tests.bench.bench_cfg import TICKETS, TRACERY
from tests.builders import make, texts
from tests.methods.cfg_checks import ENGLISH, P_VALUE, PLAIN, chi_square_p, draws, leaf_sequences


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"start": "NP"}, r"no start symbol 'NP'; have: S", id="start"),
        pytest.param({"mode": "uniform"}, r"needs max_depth \(1 or more\): .*recursive \(S -> S\)", id="no depth"),
        pytest.param(
            {"mode": "exhaustive", "max_depth": 90}, r"max_depth 90 is too large.* fits is 17$", id="too many"
        ),
        pytest.param(
            {"mode": "exhaustive", "order": "shuffled", "max_depth": 10},
            r"'shuffled' takes at most 2\*\*62",
            id="shuffle",
        ),
    ],
)
def test_params_that_do_not_go_with_the_grammar_are_refused(params, message):
    """Depth and start are checked against the grammar before anything is drawn."""
    with pytest.raises(RecipeError, match=message):
        draws("S -> S S | 'a'", 1, **params)


def test_max_depth_below_the_shallowest_derivation_is_refused():
    """No half-expanded text: a depth that no derivation fits is an error."""
    with pytest.raises(
        RecipeError, match="max_depth 1 is too small: the shallowest derivation of the grammar is 2 deep"
    ):
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


def test_texts_ten_thousand_productions_deep_are_walked():
    """Depth costs neither recursion nor square time (minutes here), and the tree is whole."""
    rules = [f"A{number} -> A{number + 1} 'b' | A{number + 1}" for number in range(10_000)]
    grammar = "\n".join(["S -> A0", *rules, "A10000 -> 'a'"])
    started = time.process_time()
    made = make("cfg", {"grammar": grammar, "max_tokens": 20_000, "keep_tree": True}, 20)
    assert time.process_time() - started < 10
    assert 4_500 < np.mean([text.count("b") for text in texts(made)]) < 5_500
    assert all(json.loads(extra)["tree"].count("(A") == 10_001 for extra in made.records["extra"].to_pylist())


@pytest.mark.parametrize("mode", ["weighted", "uniform", "exhaustive"])
def test_chain_of_ten_thousand_rules_takes_under_two_seconds(mode):
    """S -> A1, A1 -> A2, ... is one derivation; the better of two readings counts, the machine may be busy."""
    grammar = "\n".join([*(f"A{number} -> A{number + 1}" for number in range(10_000)), "A10000 -> 'a'"])
    took = []
    for limit in (10, 11):  # another param, so that the grammar is read again
        started = time.process_time()
        assert draws(grammar, 1, mode=mode, max_tokens=limit) == ["a"]
        took.append(time.process_time() - started)
    assert min(took) < 2
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
@pytest.mark.parametrize(
    "grammar", [ENGLISH, TICKETS, {**TRACERY, "origin": "#Ticket#"}], ids=["NP", "desk", "Tracery"]
)
def test_same_stream_gives_the_same_bytes(grammar, mode):
    """A batch is a pure function of seed and shard; another shard gives others."""
    params = {"grammar": grammar, "mode": mode, "max_depth": 7, "keep_tree": True}
    one, again = (make("cfg", params, 500, run_seed=3, shard=4) for _ in range(2))
    assert one.records.equals(again.records)
    assert one.stats == again.stats
    assert not one.records.equals(make("cfg", params, 500, run_seed=3, shard=5).records)


def test_another_process_gives_the_same_bytes():
    """Nothing rests on the order of a set or on Python's hashes, which differ from process to process."""
    script = (
        "import hashlib; from tests.bench.bench_cfg import TICKETS; from tests.builders import make\n"
        "params = [{'grammar': TICKETS, 'mode': mode, 'keep_tree': True} for mode in ('weighted', 'uniform')]\n"
        "made = [make('cfg', one, 300, run_seed=9) for one in params]\n"
        "print(hashlib.sha256(repr([(m.records.to_pylist(), m.stats) for m in made]).encode()).hexdigest())"
    )
    command = [sys.executable, "-c", script]
    one, two = (
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout for seed in "12"
    )
    assert len(one) == 65
    assert one == two


def test_bytes_do_not_change_between_releases():
    """What cfg@1 draws from a seed is fixed: change this and bump the version."""
    assert draws(TICKETS, 2) == [
        (
            "Hello, the large printer I ordered often loses the connection when I open the menu. "
            "I already tried to restart it (twice). Please replace the invoice soon."
        ),
        "Hi team, the small router I bought shows error 500 when I restart it. Can you replace the account?",
    ]
    assert draws(ENGLISH, 2, mode="uniform", max_depth=5) == [
        "the dog with I with a dog saw with I with the dog",
        "a dog with I saw the dog with a dog",
    ]


def test_batches_past_one_block_join_up():
    """A shard of several blocks has as many rows as asked, in order."""
    params = {"grammar": TICKETS, "mode": "exhaustive"}
    many = texts(make("cfg", params, 40_000))
    assert many[16_380:16_390] == texts(make("cfg", params, 10, start=16_380))
    assert len(many) == len(set(many)) == 40_000


def test_no_rows_are_no_rows():
    """A count of 0 gives an empty batch of the same columns."""
    assert make("cfg", {"grammar": ENGLISH}, 0).records.schema.names == ["text", "extra"]


def test_bench_grammars_say_the_same():
    """The Tracery form and the NLTK form of the support desk have the same texts, so their rates compare."""
    one = draws(TICKETS, 30_000, mode="exhaustive")
    two = draws(TRACERY, 30_000, mode="exhaustive", start="Ticket")
    assert one == two
    totals = [cfg.capacity(cfg.Params(grammar=grammar, start="Ticket")) for grammar in (TICKETS, TRACERY)]
    assert totals == [1_927_800, 1_927_800]


def test_method_is_found_with_its_source():
    """The docstring gives the summary and the source; the draw takes no seeds."""
    method = get_method("cfg")
    assert method.source.startswith("Booth & Thompson 1973")
    assert method.summary.startswith("Texts of a context-free grammar")
    draw = Draw(stream(0, "s", 0), 3, 0, 0)
    assert method.run(None, method.params(grammar="S -> 'a'"), draw).records.num_rows == 3
