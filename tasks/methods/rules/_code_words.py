"""Names and sentences of a generated function."""

import builtins
import re
import textwrap
from typing import Any

from tasks.methods.rules._code_block import Block
from tasks.methods.rules._code_dice import Dice

ARGUMENTS = {
    "ints": ("numbers", "values", "data", "readings", "scores", "amounts"),
    "two": ("numbers", "values", "data"),
    "words": ("words", "names", "strings", "labels", "tags"),
    "text": ("text", "message", "sentence", "line", "phrase"),
    "natural": ("n", "size", "amount"),
    "grid": ("grid", "matrix", "table", "board"),
    "counts": ("stock", "ages", "scores", "prices"),
}
SECOND = ("others", "weights", "extra", "offsets")
K_NAMES = ("k", "width", "span", "threshold", "number_of_items", "param")
ITEMS = {
    "number": ("number", "value", "item", "x", "element", "entry"),
    "word": ("word", "item", "term", "name", "piece"),
    "text": ("letter", "char", "symbol", "ch"),
}
OUT = {
    "ints": ("result", "kept", "current", "series", "selected"),
    "words": ("picked", "parts", "result", "pieces", "chosen"),
    "text": ("joined", "output", "written", "result"),
    "number": ("total", "answer", "result", "score", "outcome"),
    "grid": ("rows", "groups", "result", "lists"),
    "flag": ("verdict", "answer", "holds"),
    "counts": ("table_by_key", "mapping", "result", "index"),
    "tally": ("tally", "mapping", "result", "frequency"),
}
RUNNING = ("running", "so_far", "state", "helper")
KIND_ENGLISH = {
    "ints": "a list of integers `{0}`",
    "two": "two lists of integers, `{0}` and `{1}`,",
    "words": "a list of strings `{0}`",
    "text": "a string `{0}`",
    "natural": "a positive integer `{0}`",
    "grid": "a list of rows `{0}`, each row a list of integers,",
    "counts": "a dictionary `{0}` from strings to integers",
}
_NAME_CHARS = 58
_WIDTH = 88


class Names:
    """The names of one function, each given once: arguments, items, places and results."""

    __slots__ = ("_dice", "_used", "first", "k", "second")

    def __init__(self, dice: Dice, kind: str, *, takes_k: bool) -> None:
        self._dice = dice
        self._used: list[str] = []
        self.first = self._new(ARGUMENTS[kind])
        self.second = self._new(SECOND) if kind == "two" else ""
        self.k = self._new(K_NAMES) if takes_k else ""

    def _new(self, pool: tuple[str, ...]) -> str:
        free = [name for name in pool if name not in self._used]
        name = self._dice.pick(free) if free else f"{pool[0]}_{len(self._used)}"
        self._used.append(name)
        return name

    def arguments(self, kind: str) -> list[tuple[str, str]]:
        """Return (name, annotation) of each argument."""
        named = [(self.first, kind), (self.second, kind), (self.k, "int")]
        return [(name, annotation) for name, annotation in named if name]

    def out(self, kind: str) -> str:
        """Return a new name for a result of type `kind`."""
        return self._new(OUT[kind])

    def fill(self, code: str, block: Block) -> str:
        """Return `code` with names for everything but its input and its result."""
        kind = "word" if block.takes == "words" or block.item == "word" else "number"
        pool = ITEMS["text" if block.takes == "text" and block.item == "text" else kind]
        for mark, names in (("@x", pool), ("@y", ("other", "later", "neighbour")), ("@t", RUNNING)):
            if mark in code:
                name = self._new(names)
                code = code.replace(mark, name)
                # Items live in one step only: the next step may use the name again.
                if mark != "@t":
                    self._used.remove(name)
        place = self._dice.pick(("i", "index", "position"))
        return code.replace("@i", place).replace("@w", self.second).replace("@k", self.k)

    def fill_english(self, does: str) -> str:
        """Return the sentence part with the name of the argument that it speaks of."""
        return does.replace("@k", f"`{self.k}`")


def function_name(chain: list[Any]) -> str:
    """Return a name made of what the steps do, at most 58 characters: the middle steps give way first."""
    slugs = [re.sub(r"[^a-z0-9]+", "_", step.slug.lower()).strip("_") for step in chain]
    while len("_then_".join(slugs)) > _NAME_CHARS and len(slugs) > 1:
        slugs.pop(len(slugs) // 2 if len(slugs) > 2 else 0)
    name = "_then_".join(slugs)
    while len(name) > _NAME_CHARS:
        name = name.rpartition("_")[0]
    # `sorted`, say: a function of that name would call itself.
    return f"take_{name}" if not name[0].isalpha() or hasattr(builtins, name) else name


def docstring(does: list[str]) -> str:
    """Return the indented docstring that says what the steps do."""
    sentence = "; then ".join(does)
    filled = textwrap.wrap(f'"""{sentence[0].upper()}{sentence[1:]}; return the result."""', _WIDTH - 4)
    return "\n".join("    " + line for line in filled)


def instruction(dice: Dice, names: Names, kind: str, does: list[str], guard: int | None) -> str:
    """Return the request for the function; @name stands for its name."""
    given = KIND_ENGLISH[kind].format(names.first, names.second)
    if names.k:
        given = f"{given.rstrip(',')} and an integer `{names.k}`"
    chained = "; then ".join(does)
    numbered = "\n".join(f"{place}. {step[0].upper()}{step[1:]}." for place, step in enumerate(does, 1))
    listed = given.rstrip(",")
    text = dice.pick(
        (
            f"Write a Python function `@name` that takes {listed}. It should {chained}; and return the result.",
            (
                f"Implement the Python function `@name`. It takes {listed} and works in these steps:\n{numbered}\n"
                "It returns the result of the last step."
            ),
            f"Given {listed}, {chained}. Return the result, from a Python function called `@name`.",
            (
                f"Complete the Python function `@name`. It is given {listed}. What it has to do: {chained}. "
                "The result of that is returned."
            ),
            f"I need a function in Python named `@name`. Input: {listed}. Steps:\n{numbered}\nOutput: the result.",
            f"Define `@name` in Python: for {listed}, {chained}, and hand back the result.",
        )
    )
    if guard is None:
        return text
    return f"{text} {dice.pick(('For an empty list', 'If the list is empty,'))} return {guard} and do nothing else."
