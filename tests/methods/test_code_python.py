"""Generated functions: what is kept is run again here, without the sandbox, and so are its mutants."""

import ast
import contextlib
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import ShardError
from tasks.methods.rules import _code_python, _sandbox
from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_mutate import mutants, splice
from tasks.methods.rules._code_python import Function, draw_function
from tasks.methods.rules._code_verify import Demand, Verified, verify
from tasks.methods.rules._sandbox import Limits
from tests.builders import make


def dice(seed: int = 0) -> Dice:
    return Dice(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def kept() -> list[dict]:
    """Accepted rows of one shard, `extra` read."""
    rows = make("code", {}, 160).records.to_pylist()
    return [row | {"extra": json.loads(row["extra"])} for row in rows if row["reason"] is None]


def defined(source: str) -> dict:
    """Return the names that a source defines, in this process: it is of our own grammar."""
    scope: dict = {}
    exec(source, scope)  # noqa: S102 - the point is to run it without the sandbox
    return scope


def run_here(source: str, tests: str) -> bool:
    """Return whether the tests pass."""
    try:
        exec(tests, defined(source))  # noqa: S102 - as above
    except AssertionError:
        return False
    return True


def test_kept_functions_pass_their_tests_outside_the_sandbox(kept):
    """A kept function and its tests stand on their own: no name is missing, every assert holds."""
    for row in kept:
        assert run_here(row["target"], row["extra"]["tests"]), row["target"]


def test_kept_tests_are_several_different_calls(kept):
    """Tests are asserts of the function that the text asks for, on different inputs, with different values."""
    for row in kept:
        lines = row["extra"]["tests"].splitlines()
        (name,) = re.findall(r"^def (\w+)", row["target"])
        assert len(lines) == len(set(lines)) >= 4
        assert all(line.startswith(f"assert {name}(") for line in lines)
        assert len({line.rpartition(" == ")[2] for line in lines}) > 1
        assert row["extra"]["mutants"] >= 1


def test_functions_are_what_the_text_says(kept):
    """The text holds the signature; the source is one annotated function with a docstring."""
    for row in kept:
        (function,) = ast.parse(row["target"]).body
        head = row["target"].split("\n", 1)[0]
        assert head in row["text"]
        assert ast.get_docstring(function)
        assert function.returns
        assert all(argument.annotation for argument in function.args.args)
        assert not re.search(r"@\w", row["text"] + row["target"]), "a mark was left unfilled"


@pytest.fixture(scope="module")
def verified() -> list[tuple[Function, Verified]]:
    """Functions with what the sandbox found, mutants included."""
    functions = [draw_function(dice(5), (1, 3), 16)]
    source = dice(6)
    functions += [draw_function(source, (1, 3), 16) for _ in range(40)]
    demand = Demand(8, 4, Limits(), _sandbox.working_level())
    return list(zip(functions, verify(functions, source, demand), strict=True))


def test_every_counted_mutant_fails_the_kept_tests(verified):
    """A mutant that counts as found fails the tests that are kept, here and without the sandbox."""
    counted = 0
    for function, known in verified:
        assert run_here(function.source, known.tests)
        for mutant in known.mutants:
            counted += 1
            with contextlib.suppress(Exception):
                assert not run_here(mutant, known.tests), mutant
    assert counted > 60


def with_source(function: Function, old: str, new: str) -> Function:
    assert old in function.source
    return Function(
        function.name,
        function.text,
        function.source.replace(old, new),
        function.calls,
        function.expected,
        function.more,
    )


def plain_function() -> Function:
    """Return a function written by hand, with calls that tell `>` from `>=`."""
    source = 'def f(values: list[int]) -> list[int]:\n    """Keep."""\n    return [x for x in values if x > 3]\n'
    calls = ("f([])", "f([3])", "f([4])", "f([2, 3, 4, 9])", "f([5, 1])")
    expected = ("[]", "[]", "[4]", "[4, 9]", "[5]")
    return Function("f", "Keep.", source, calls, expected, lambda _dice, _count: ((), ()))


REJECTED = {
    "wrong": ("return [x for x in values if x > 3]", "return [x for x in values if x >= 3]", "tests_fail"),
    "raises": ("return [x for x in values if x > 3]", "return values.nothing", "tests_fail"),
    "endless": ("return [x for x in values if x > 3]", "while True:\n        pass", "timeout"),
    "nothing to change": ("return [x for x in values if x > 3]", "return list(filter((3).__lt__, values))", None),
}


@pytest.mark.parametrize(("old", "new", "reason"), REJECTED.values(), ids=REJECTED)
def test_a_wrong_function_is_a_reject(old, new, reason):
    """What does not do what the tests say, or never ends, is not kept."""
    demand = Demand(8, 4, Limits(cpu_s=0.3), _sandbox.working_level())
    (known,) = verify([with_source(plain_function(), old, new)], dice(), demand)
    assert known.reason == reason


def test_a_mutant_that_no_call_tells_apart_is_a_reject():
    """Tests that never come near the boundary do not say where it is."""
    function = plain_function()
    blunt = Function(
        "f", "", function.source, ("f([])", "f([90])", "f([-90])"), ("[]", "[90]", "[]"), lambda *_: ((), ())
    )
    demand = Demand(8, 12, Limits(), _sandbox.working_level())
    sharp_known, blunt_known = verify([function, blunt], dice(), demand)
    assert (sharp_known.reason, blunt_known.reason) == (None, "mutant_survives")


def test_a_second_look_finds_a_mutant_that_the_first_calls_let_pass():
    """Other calls are tried before a mutant is said to survive, and those that tell it apart are kept as tests."""
    function = plain_function()
    first = Function(
        "f", "", function.source, ("f([])", "f([90])", "f([-90])"), ("[]", "[90]", "[]"),
        lambda *_: (function.calls, function.expected),
    )  # fmt: skip
    (known,) = verify([first], dice(), Demand(4, 12, Limits(), _sandbox.working_level()))
    assert known.reason is None
    assert "f([3])" in known.tests


def test_a_program_that_waits_fails_the_shard():
    """No program of the grammar sleeps: the wall clock running out is the machine's fault, not the program's."""
    slow = with_source(plain_function(), "return [x", "__import__('time').sleep(9)\n    return [x")
    with pytest.raises(ShardError, match=r"not done after 0\.3 s"):
        verify([slow], dice(), Demand(8, 4, Limits(wall_s=0.3), _sandbox.working_level()))


def test_code_and_meaning_agree_over_many_functions():
    """The two ways in which every block is written give the same values (700 functions, all types)."""
    source, seen = dice(11), set()
    for _ in range(700):
        function = draw_function(source, (1, 4), 12)
        tests = (f"assert {call} == {value}" for call, value in zip(function.calls, function.expected, strict=True))
        assert run_here(function.source, "\n".join(tests)), function.source
        seen.add(function.source)
    assert len(seen) >= 690


def test_every_block_is_drawn_in_every_way_of_writing_it():
    """No block is dead, and each code of it gives the values of its meaning."""
    source = dice(13)
    for kind, blocks in _code_python.blocks().items():
        for block in blocks:
            for code in block.codes:
                assert check_block(source, kind, block, code), (block.slug, code)


def check_block(source: Dice, kind: str, block, code: str) -> bool:
    """Return whether one way of writing one block agrees with its meaning on inputs of its type."""
    compared = 0
    for _ in range(6):
        step = _code_python.draw_step(source, block, free_k=False, code=code)
        names = _code_python.Names(source, "ints" if kind in ("tally", "number", "flag") else kind, takes_k=False)
        first = names.first
        body = "\n".join("    " + line for line in _code_python.body_of(source, [step], names))
        second = f", {names.second}" if names.second else ""
        scope = defined(f"def f({first}{second}):\n{body}")
        for args in arguments(source, kind, list(step.probes), block.top):
            value = step.run(args if len(args) > 1 else args[0], 0)
            assert scope["f"](*args) == value, (body, args)
            compared += 1
    return compared > 20


def arguments(source: Dice, kind: str, probes: list[int], top: int) -> list[tuple]:
    if kind == "tally":
        return [(dict(zip(one[0], one[0][::-1], strict=True)),) for one in arguments(source, "ints", probes, top)]
    if kind == "number":
        return [(source.integer(-30, 90),) for _ in range(8)]
    return list(_code_python.inputs_of(source, kind, probes, (top, 8)))


MUTATED = {
    "comparison": ("a < b", {"a >= b", "a <= b"}),
    "equality": ("a == b", {"a != b"}),
    "membership": ("a in b", {"a not in b"}),
    "sum": ("a + b", {"a - b"}),
    "constant": ("7", {"8", "6"}),
    "negative constant": ("-7", {"7"}),
    "zero": ("0", {"1", "-1"}),
    "text": ("'ab'", {"'a'"}),
    "letter": ("'a'", {"'b'"}),
    "truth": ("True", {"False"}),
    "and": ("a and b", {"a or b"}),
    "not": ("not a", {"a"}),
    "choice": ("a if b else c", {"c if b else a"}),
    "call": ("max(a, b)", {"min(a, b)"}),
    "method": ("a.upper()", {"a.lower()"}),
}


@pytest.mark.parametrize(("expression", "wanted"), MUTATED.values(), ids=MUTATED)
def test_mutants_are_the_textbook_ones(expression, wanted):
    """Each operator of mutation testing is there; the rest of the function stays letter for letter."""
    source = f'def f(a, b, c):\n    """Doc < 3."""\n    return {expression}\n'
    found = set()
    for seed in range(12):
        for mutant in mutants(source, dice(seed), 6):
            head, _, body = mutant.rpartition("return ")
            assert head == 'def f(a, b, c):\n    """Doc < 3."""\n    '
            found.add(ast.unparse(ast.parse(body)))
    assert found == {ast.unparse(ast.parse(text)) for text in wanted}


def test_mutants_leave_while_loops_alone():
    """A changed loop mostly never ends: neither its inside nor the constants that it starts from are touched."""
    source = "def f(n):\n    x = 2\n    while n > 1:\n        n //= x\n    return n + 5\n"
    for seed in range(20):
        for mutant in mutants(source, dice(seed), 9):
            assert mutant.startswith("def f(n):\n    x = 2\n    while n > 1:\n        n //= x\n")


@given(st.text(alphabet="aé字 ", max_size=6))
def test_splice_counts_columns_as_ast_does(text):
    """Characters of several bytes before the node do not shift it."""
    source = f"x = ({text!r}, 1)\n"
    node = ast.parse(source).body[0].value.elts[1]
    assert splice(source, node, "22") == f"x = ({text!r}, 22)\n"


def shape(source: str) -> str:
    """Return the syntax tree of a function without names, constants and docstring."""
    (function,) = ast.parse(source).body
    function.body = function.body[1:]
    for node in ast.walk(function):
        for name in ("id", "arg", "name"):
            if isinstance(getattr(node, name, None), str):
                setattr(node, name, "_")
        if isinstance(node, ast.Constant):
            node.value = type(node.value).__name__
    return ast.dump(function)


def test_functions_differ_in_shape():
    """Not a few templates with other numbers: of 500 functions at least 400 have a syntax tree of their own."""
    source = dice(19)
    assert len({shape(draw_function(source, (2, 4), 12).source) for _ in range(500)}) >= 400
