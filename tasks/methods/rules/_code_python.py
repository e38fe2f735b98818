"""Python functions composed of typed steps: source, instruction, and calls with the values that they must have."""

import ast
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Any

from tasks.methods.rules._code_block import Block
from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_from_ints import INTS_TO_INTS
from tasks.methods.rules._code_from_ints_to_number import INTS_TO_NUMBER
from tasks.methods.rules._code_from_ints_to_other import INTS_TO_OTHER
from tasks.methods.rules._code_from_numbers import NUMBER, TWO_LISTS
from tasks.methods.rules._code_from_tables import GRID, TALLY
from tasks.methods.rules._code_from_text import TEXT
from tasks.methods.rules._code_from_words import WORDS
from tasks.methods.rules._code_inputs import inputs_of
from tasks.methods.rules._code_items import WORD_NUMBERS, bind, draw_constants, draw_expr, draw_test, fill
from tasks.methods.rules._code_words import Names, docstring, function_name, instruction

SOURCES = ("ints",) * 8 + ("words",) * 5 + ("text",) * 4 + ("natural",) * 4 + ("two",) * 2 + ("grid", "counts") * 2
ANNOTATION = {
    "ints": "list[int]",
    "two": "list[int]",
    "words": "list[str]",
    "text": "str",
    "natural": "int",
    "number": "int",
    "grid": "list[list[int]]",
    "counts": "dict[str, int]",
    "tally": "dict[int, int]",
    "flag": "bool",
}
Examples = tuple[tuple[str, ...], tuple[str, ...]]
# Values of more characters than this make no readable test.
_VALUE_CHARS = 160
_TRIES = 200
_INLINE = (ast.ListComp, ast.Call, ast.List, ast.Name, ast.Subscript, ast.DictComp)


@dataclass(frozen=True, slots=True)
class Step:
    """A block with everything drawn; @v, @w and @out stay open in `code`. run(value, k) is its meaning."""

    block: Block
    slug: str
    does: str
    code: str
    run: Callable[[Any, int], Any]
    probes: tuple[int, ...] = ()
    takes_k: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function, the instruction that asks for it, and calls of it with the literal values that are right.

    `more(dice, count)` returns up to `count` other calls with their values.
    """

    name: str
    text: str
    source: str
    calls: tuple[str, ...]
    expected: tuple[str, ...]
    more: Callable[[Dice, int], Examples]


@cache
def blocks() -> dict[str, tuple[Block, ...]]:
    """Return the blocks by the type that they take."""
    every = [*INTS_TO_INTS, *INTS_TO_NUMBER, *INTS_TO_OTHER, *WORDS, *TEXT, *NUMBER, *TWO_LISTS, *GRID]
    for kind, keys in (("counts", "words"), ("tally", "ints")):
        every += [_of_kind(block, kind, keys) for block in TALLY]
    return {kind: tuple(block for block in every if block.takes == kind) for kind in ANNOTATION}


def _of_kind(block: Block, kind: str, keys: str) -> Block:
    return replace(block, takes=kind, gives={"@d": kind, "@keys": keys}.get(block.gives, block.gives))


def draw_function(dice: Dice, steps: tuple[int, int], calls: int) -> Function:
    """Return a function of steps[0]..steps[1] steps with up to `calls` calls, whose values say something about it."""
    for _ in range(_TRIES):
        chain = _chain(dice, dice.integer(*steps))
        guard = _guard(dice, chain)
        tried, traces = _examples(dice, chain, guard, calls)
        if _tells(chain, tried, traces):
            return _written(dice, chain, guard, _shown(chain, tried, traces))
    raise RuntimeError(f"no function with telling examples in {_TRIES} draws of {steps} steps")


def _shown(chain: list[Step], calls: list[tuple], traces: list[list[Any]]) -> Examples:
    name = function_name(chain)
    return (
        tuple(f"{name}({', '.join(map(repr, call))})" for call in calls),
        tuple(repr(trace[-1]) for trace in traces),
    )


def _chain(dice: Dice, length: int) -> list[Step]:
    kind, chain, free_k = dice.pick(SOURCES), [], True
    while len(chain) < length:
        open_ended = len(chain) < length - 1
        used = {step.block.slug for step in chain}
        choice = [b for b in blocks()[kind] if b.slug not in used and not (open_ended and b.gives == "flag")]
        step = _branch(dice, choice) if kind in ("ints", "words") and dice.chance(0.1) else None
        step = step or draw_step(dice, dice.pick(choice), free_k=free_k)
        free_k = free_k and not step.takes_k
        chain.append(step)
        kind = step.block.gives
    return chain


def draw_step(dice: Dice, block: Block, *, free_k: bool, code: str = "") -> Step:
    """Return `block` with tests, expressions and constants drawn; `k` becomes an argument in some of the draws."""
    chosen = draw_constants(dice, block.a, block.span)
    kind = "word" if block.item in ("word", "text") else "number"
    parts = {}
    for part in block.parts:
        bound = bind(dice, dice.pick(WORD_NUMBERS)) if part == "n" else None
        parts[part] = bound or (draw_expr(dice, kind) if part == "e" else draw_test(dice, kind))
        setattr(chosen, part, parts[part].run)
    takes_k = block.k is not None and free_k and dice.chance(0.5)
    chosen.k = dice.integer(*block.k) if block.k else 0
    code, slug, does = code or dice.pick(block.codes), block.slug, block.does
    for part, bound in parts.items():
        bare = bound.code[1:-1] if bound.joined else bound.code
        code = code.replace(f"if @{part}:", f"if {bare}:").replace(f"(@{part})", f"({bare})")
        code, slug = code.replace(f"@{part}", bound.code), slug.replace(f"@{part}", bound.slug)
        does = does.replace(f"@{part}", bound.english)
    code, slug, does = (fill(text, chosen) for text in (code, slug, does))
    if not takes_k:
        code, slug, does = (text.replace("@k", str(chosen.k)) for text in (code, slug, does))
    if block.parts and block.item in ("text", "result") and block.takes in ("text", "number"):
        code = code.replace("@x", "@v")
    probes = tuple(value for bound in parts.values() for value in bound.probes)
    own = (chosen.a,) * bool(block.a) + (chosen.b,) * bool(block.span) + (chosen.k,) * bool(block.k)
    return Step(
        block, slug.replace("@k", "k"), does, code, _meaning(block, chosen, takes_k=takes_k), probes + own, takes_k
    )


def _meaning(block: Block, chosen: SimpleNamespace, *, takes_k: bool) -> Callable[[Any, int], Any]:
    def run(value: Any, k: int) -> Any:
        if takes_k:
            chosen.k = k
        return block.run(value, chosen)

    return run


def _branch(dice: Dice, choice: list[Block]) -> Step | None:
    """Return a step that does one of two things, by the length of the list; None where no two blocks fit together."""
    one = dice.pick([block for block in choice if block.gives == block.takes and _expression(block)])
    two = dice.pick([block for block in choice if block.gives == one.gives and block is not one and _expression(block)])
    steps = [draw_step(dice, block, free_k=False, code=_expression(block)) for block in (one, two)]
    size = dice.integer(3, 5)
    code = f"if len(@v) > {size}:\n    @out = {steps[0].code}\nelse:\n    @out = {steps[1].code}"
    does = f"if the list has more than {size} items, {steps[0].does}, and otherwise {steps[1].does}"
    joined = Block(one.takes, one.gives, "by_length", "", (code,), one.run)
    slug = f"{steps[0].slug}_if_longer_than_{size}"
    runs = steps[0].run, steps[1].run
    probes = steps[0].probes + steps[1].probes
    return Step(joined, slug, does, code, lambda v, k: runs[len(v) <= size](v, k), probes)


def _expression(block: Block) -> str:
    return next((code for code in block.codes if "@out" not in code), "")


def _guard(dice: Dice, chain: list[Step]) -> int | None:
    """Return what the function answers for an empty list, None where nothing special is asked."""
    first, last = chain[0].block, chain[-1].block
    if first.takes in ("ints", "words") and last.gives == "number" and dice.chance(0.3):
        return dice.pick((-1, 0, 1, 100))
    return None


def _examples(dice: Dice, chain: list[Step], guard: int | None, tests: int) -> tuple[list[tuple], list[list[Any]]]:
    """Return `tests` argument tuples, and for each the values after every step (only the result where a guard answers).

    One call of every different result comes first, so that a rare result is never left out; edge cases lead.
    """
    probes = [probe for step in chain for probe in step.probes]
    k_range = next((step.block.k for step in chain if step.takes_k), None)
    kind, top = chain[0].block.takes, chain[0].block.top
    by_result: dict[str, list[tuple[tuple, list[Any]]]] = {}
    for args in inputs_of(dice, kind, probes, (top, 2 * tests)):
        k = dice.integer(*k_range) if k_range else 0
        call = (*args, k) if k_range else args
        trace = [guard] if guard is not None and not args[0] else meaning(chain, args, k)
        alike = by_result.setdefault(repr(trace[-1]), [])
        if all(call != other for other, _ in alike):
            alike.append((call, trace))
    columns = [alike for shown, alike in by_result.items() if len(shown) <= _VALUE_CHARS]
    rounds = itertools.chain.from_iterable(itertools.zip_longest(*columns))
    chosen = [pair for pair in rounds if pair][:tests]
    return [call for call, _ in chosen], [trace for _, trace in chosen]


def meaning(chain: list[Step], args: tuple, k: int) -> list[Any]:
    """Return the values after each of the composed steps, by their meanings and not by their code."""
    value, trace = args if len(args) > 1 else args[0], []
    for step in chain:
        value = step.run(value, k)
        trace.append(value)
    return trace


def _tells(chain: list[Step], calls: list[tuple], traces: list[list[Any]]) -> bool:
    """Return whether the examples tell the function from simpler ones: results differ, every step does something."""
    results = [repr(trace[-1]) for trace in traces]
    different = len(set(results))
    if len(calls) < 4 or different < 2:
        return False
    if chain[-1].block.gives in ("flag", "text") and different < 4:
        return min(results.count(result) for result in results) >= 2
    steps = [[call[0], *trace] for call, trace in zip(calls, traces, strict=True) if len(trace) == len(chain)]
    moved = all(any(values[i] != values[i + 1] for values in steps) for i in range(len(chain)))
    return moved and different >= 4


def _written(dice: Dice, chain: list[Step], guard: int | None, examples: Examples) -> Function:
    names = Names(dice, chain[0].block.takes, takes_k=any(step.takes_k for step in chain))
    name = function_name(chain)
    arguments = names.arguments(ANNOTATION[chain[0].block.takes])
    given = ", ".join(f"{argument}: {kind}" for argument, kind in arguments)
    head = f"def {name}({given}) -> {ANNOTATION[chain[-1].block.gives]}:"
    does = [names.fill_english(step.does) for step in chain]
    lines = [f"if not {names.first}:", f"    return {guard}"] if guard is not None else []
    lines += body_of(dice, chain, names)
    body = "\n".join("    " + line if line else "" for line in lines)
    source = f"{head}\n{docstring(does)}\n{body}\n"
    text = instruction(dice, names, chain[0].block.takes, does, guard).replace("@name", name)

    def more(again: Dice, count: int) -> Examples:
        return _shown(chain, *_examples(again, chain, guard, count))

    return Function(name, f"{text}\n\n```python\n{head}\n```", source, *examples, more)


def body_of(dice: Dice, chain: list[Step], names: Names) -> list[str]:
    """Return the lines of the steps; some expressions are written inside the next one instead of getting a name."""
    lines: list[str] = []
    value = names.first
    for step in chain:
        last = step is chain[-1]
        code = names.fill(step.code, step.block)
        if "@out" not in code:
            expression = code.replace("@v", value)
            if last:
                lines.append(f"return {expression}")
            elif chain[chain.index(step) + 1].code.count("@v") == 1 and dice.chance(0.35):
                value = _inline(expression)
            else:
                value = names.out(step.block.gives)
                lines.append(f"{value} = {expression}")
            continue
        out = names.out(step.block.gives)
        lines += code.replace("@v", value).replace("@out", out).split("\n")
        value = out
        if last:
            lines.append(f"return {out}")
    return lines


def _inline(expression: str) -> str:
    """Return the expression, in parentheses where it could come apart inside another."""
    return expression if isinstance(ast.parse(expression, mode="eval").body, _INLINE) else f"({expression})"
