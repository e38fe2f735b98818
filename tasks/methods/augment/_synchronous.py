"""A synchronous grammar: a derivation is a meaning, and each of its rules has several wordings that share its parts.

Source: Aho & Ullman 1969, Syntax directed translations and the pushdown assembler (https://doi.org/10.1016/S0022-0000(69)80006-8)

    Report: My {Thing} {Fault}. | There is something wrong with my {Thing}: it {Fault}.
    Thing: kettle
    Thing: dish washer | machine for the dishes
    Fault: leaks | lets water out

A line is one meaning of its symbol, with its wordings between bars; it goes on where the next line begins with a bar.
A symbol in braces stands for one of its own meanings, the same in each wording. `Thing x3: kettle` is drawn three times
as often. `#` is a slot, a word that means itself, such as an order number, written as a code: QX0Z, QX1Z and so on.
Two wordings of one derivation are paraphrases; a text is parsed back to its meanings.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_PART = re.compile(r"\{(\w+)\}|(#)|([\w'’-]+|[^\w\s{}#|])")
_TOKEN = re.compile(r"[\w'’-]+|[^\w\s]")
_SLOT = re.compile(r"(?i)qx\d+z")
_SLOT_NAME = "#"
_ENDS = frozenset(".!?")
_NO_SPACE = frozenset(".,;:!?)")


@dataclass(frozen=True, slots=True)
class Ref:
    """A symbol within a wording."""

    name: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A word that means itself."""


Part = str | Ref | Slot
Wording = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A derivation: a line of a symbol, and the meanings of its parts, sorted by name; a slot means its word."""

    symbol: str
    line: int
    parts: tuple[tuple[str, "Meaning | str"], ...]


@dataclass(frozen=True)
class Grammar:
    """The lines of each symbol, each with its wordings; `turns` names each line as often as it counts in a draw."""

    lines: dict[str, tuple[tuple[Wording, ...], ...]]
    turns: dict[str, tuple[int, ...]]
    start: str

    @cached_property
    def vocabulary(self) -> list[str]:
        """Return every word of every wording, in order of appearance."""
        parts = (part for lines in self.lines.values() for line in lines for wording in line for part in wording)
        return list(dict.fromkeys(part for part in parts if isinstance(part, str)))

    def draw(self, rng: np.random.Generator) -> Meaning:
        """Return a random meaning."""
        return self._draw(self.start, rng, iter(range(1_000)))

    def _draw(self, symbol: str, rng: np.random.Generator, slots: Iterator[int]) -> Meaning:
        turns = self.turns[symbol]
        line = turns[int(rng.integers(len(turns)))]
        parts: list[tuple[str, Meaning | str]] = []
        for part in self.lines[symbol][line][0]:
            if isinstance(part, Ref):
                parts.append((part.name, self._draw(part.name, rng, slots)))
            elif isinstance(part, Slot):
                parts.append((_SLOT_NAME, f"QX{next(slots)}Z"))
        return Meaning(symbol, line, tuple(sorted(parts, key=lambda one: one[0])))

    def word(self, meaning: Meaning, rng: np.random.Generator) -> list[str]:
        """Return the words of a random wording of a meaning."""
        wordings = self.lines[meaning.symbol][meaning.line]
        parts, words = dict(meaning.parts), []
        for part in wordings[int(rng.integers(len(wordings)))]:
            inner = part if isinstance(part, str) else parts[_SLOT_NAME if isinstance(part, Slot) else part.name]
            words += [inner] if isinstance(inner, str) else self.word(inner, rng)
        return words

    def meanings(self, text: str) -> list[Meaning]:
        """Return every derivation of a text, capitals aside; none where it is outside the language."""
        words = tuple(_TOKEN.findall(text.casefold()))
        return [meaning for end, meaning in _Parse(self, words).symbol(self.start, 0) if end == len(words)]


class _Parse:
    """A top-down parse that keeps what each symbol gave at each place; the grammar has no left recursion."""

    def __init__(self, grammar: Grammar, words: tuple[str, ...]) -> None:
        self._lines, self._words = grammar.lines, words
        self._known: dict[tuple[str, int], list[tuple[int, Meaning]]] = {}

    def symbol(self, name: str, at: int) -> list[tuple[int, Meaning]]:
        """Return (end, meaning) of each way in which `name` covers words from `at` on."""
        if (found := self._known.get((name, at))) is None:
            unique: dict[tuple[int, Meaning], None] = {}
            for number, line in enumerate(self._lines[name]):
                for wording in line:
                    for end, parts in self._rest(wording, 0, at):
                        unique[end, Meaning(name, number, tuple(sorted(parts, key=lambda one: one[0])))] = None
            found = self._known[name, at] = list(unique)
        return found

    def _rest(
        self, wording: Wording, part: int, at: int
    ) -> Iterator[tuple[int, tuple[tuple[str, Meaning | str], ...]]]:
        if part == len(wording):
            yield at, ()
            return
        for end, inner in self._part(wording[part], at):
            for last, others in self._rest(wording, part + 1, end):
                yield last, (*inner, *others)

    def _part(self, part: Part, at: int) -> Iterator[tuple[int, tuple[tuple[str, Meaning | str], ...]]]:
        if isinstance(part, Ref):
            for end, meaning in self.symbol(part.name, at):
                yield end, ((part.name, meaning),)
        elif at < len(self._words):
            word = self._words[at]
            if isinstance(part, Slot):
                if _SLOT.fullmatch(word):
                    yield at + 1, ((_SLOT_NAME, word.upper()),)
            elif part.casefold() == word:
                yield at + 1, ()


def read(text: str) -> Grammar:
    """Return the grammar of a text in the notation above; its first symbol is the start."""
    lines: dict[str, tuple[tuple[Wording, ...], ...]] = {}
    turns: dict[str, tuple[int, ...]] = {}
    for line in filter(str.strip, text.replace("\n  |", " |").splitlines()):
        head, _, wordings = line.partition(":")
        symbol, _, times = head.strip().partition(" x")
        have = lines.get(symbol, ())
        lines[symbol] = (*have, tuple(map(_wording, wordings.split(" | "))))
        turns[symbol] = (*turns.get(symbol, ()), *[len(have)] * int(times or 1))
    for symbol, meanings in lines.items():
        for wordings in meanings:
            _check_line(symbol, wordings, lines)
    return Grammar(lines, turns, next(iter(lines)))


def _check_line(symbol: str, wordings: Sequence[Wording], have: Mapping[str, object]) -> None:
    """Raise ValueError unless the wordings of a line share their parts, each once, and each part is a symbol."""
    first, *others = [sorted(_parts(wording)) for wording in wordings]
    if any(other != first for other in others) or len(set(first)) < len(first):
        raise ValueError(f"the wordings of a line of '{symbol}' have different parts, or one of them twice: {first}")
    for name in first:
        if name != _SLOT_NAME and name not in have:
            raise ValueError(f"'{symbol}' names '{name}', which has no line")


def _parts(wording: Wording) -> list[str]:
    return [part.name if isinstance(part, Ref) else _SLOT_NAME for part in wording if not isinstance(part, str)]


def _wording(text: str) -> Wording:
    return tuple(
        Ref(match[1]) if match[1] else Slot() if match[2] else match[3] for match in _PART.finditer(text.strip())
    )


def spelled(words: Sequence[str]) -> str:
    """Return words as a text: spaces, capitals at the start and after the end of a sentence."""
    pieces: list[str] = []
    capital = True
    for word in words:
        glued = not pieces or word in _NO_SPACE
        pieces.append(("" if glued else " ") + (word[0].upper() + word[1:] if capital else word))
        capital = word in _ENDS or (capital and not word[0].isalnum())
    return "".join(pieces)


def renumbered(words: Sequence[str], order: Sequence[str]) -> list[str]:
    """Return words with their slots numbered by where each stands among `order`, the words of the first wording."""
    slots = list(dict.fromkeys(word for word in order if _SLOT.fullmatch(word)))
    number = {slot: f"QX{place}Z" for place, slot in enumerate(slots)}
    return [number.get(word, word) for word in words]


def pairs(grammar: Grammar, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Yield, without end, two different wordings of random meanings."""
    while True:
        meaning = grammar.draw(rng)
        first, second = grammar.word(meaning, rng), grammar.word(meaning, rng)
        if first != second:
            yield spelled(renumbered(first, first)), spelled(renumbered(second, first))
