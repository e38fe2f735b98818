import json
import random

import pytest

from tasks.core.errors import RecipeError
from tasks.methods.rules import cfg
from tasks.methods.rules._grammar import build
from tasks.methods.rules._grammar_nltk import read_nltk
from tests.builders import make, texts
from tests.methods.cfg_checks import ENGLISH, P_VALUE, chi_square_p, draws


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
        pytest.param(
            "S -> Nuon 'x' | Verv\nNoun -> 'y'", r"'Nuon' \(line 1; did you mean 'Noun'\?\), 'Verv'", id="near"
        ),
        pytest.param("S -> 'a' | A\nA -> A 'b' | B\nB -> A", r"never end in text: 'A', 'B'$", id="unproductive"),
        pytest.param("S -> 'a'\nA -> 'b' C\nC -> 'c'", r"nothing reaches: 'A', 'C'$", id="unreachable"),
        pytest.param("S -> 'a' B | 'a'  B\nB -> 'b'", r"duplicate productions: S -> 'a' B \(line 1\), S", id="doubled"),
        pytest.param(
            "S -> X | S\nA -> 'b'", r"undefined symbols: 'X'.*; symbols that nothing reaches: 'A'", id="two kinds"
        ),
        pytest.param("", r"it has no production|neither a file nor a grammar", id="empty"),
        pytest.param("# only\n# comments\n", r"it has no production", id="comments only"),
        pytest.param("tickets.cfg", r"'tickets.cfg' is neither a file nor a grammar", id="not there"),
        pytest.param(
            "S -> 'a'\nT 'b'\nU => 'c'", r"line 2: expected 'SYMBOL -> .*; line 3: unexpected '='", id="syntax"
        ),
        pytest.param("S -> 'a' | 'b", r"line 1: a terminal is not closed: 'b", id="open quote"),
        pytest.param("S -> 'a' -> 'b'", r"line 1: a second '->'", id="two arrows"),
        pytest.param("S -> 'a' [0.2] 'b'", r"line 1: ''b'' after the weight \[0.2\]", id="weight inside"),
        pytest.param("S -> 'a' [0] | 'b' [1]", r"line 1: weight \[0\] is not a number above 0", id="weight 0"),
        pytest.param("S -> 'a' [nan]", r"weight \[nan\] is not", id="weight nan"),
        pytest.param("S -> 'a' [1e308]", r"weight \[1e308\] is not", id="weight huge"),
        pytest.param(
            "S -> 'a' [0.5] | 'b'", r"line 1: S -> 'b' has no weight, other alternatives of 'S' do", id="half"
        ),
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


@pytest.mark.parametrize(
    ("modifier", "cases"),
    [
        pytest.param("capitalize", {"new york": "New york", "éa": "Éa", "1st": "1st"}, id="capitalize"),
        pytest.param(
            "capitalizeAll", {"new  york's": "New  York's", "x-ray vision": "X-ray Vision"}, id="capitalizeAll"
        ),
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
    assert found == {"Owl", "Ant", "(an owl)", "(an ant)", "(a (an owl))"}


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
        pytest.param("{", r"not JSON: .* at line 2 column 1", id="not JSON"),
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
        pytest.param(
            {"origin": "#b.capitalise#", "b": "c"}, r"'capitalise'; did you mean 'capitalize'\?", id="modifier"
        ),
        pytest.param({"origin": "a\\"}, r"a lone '\\'", id="last backslash"),
        pytest.param('{"origin": "\\ud800"}', r"not valid Unicode", id="surrogate"),
    ],
)
def test_wrong_tracery_is_named(grammar, message):
    """Each construct that is wrong, or not context-free, is named."""
    with pytest.raises(RecipeError, match=message):
        draws(grammar, 1)


def test_shortest_and_tallest_of_a_recursive_grammar():
    """Depths of the grammar of English: what ends soonest, and what has no deepest."""
    linked = build(*read_nltk(ENGLISH), start=None)
    depths = dict(zip(linked.names, linked.shortest, strict=True))
    assert depths == {"S": 3, "NP": 1, "VP": 2, "PP": 2, "Det": 1, "N": 1, "V": 1, "P": 1}
