"""Strings that match a regular expression, of a length that is asked for.

The tree of Python's own parser becomes nodes that know which lengths they can have, as the bits of an integer; a string
of length n is then drawn top down without a dead end. What a tree cannot promise (look-around, boundaries, back
references) is left to the caller's match.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from re import _constants as sre  # the tree of `re` has no public name
from re import _parser
from typing import Any, Final

import numpy as np

MAX_NESTING: Final = 60
_MAX_WAYS: Final = 48  # lengths of one repeated part that are tried against each other
_MAX_REPEATS: Final = 2048
_ROOM: Final = 40  # characters over the shortest match where no maximum is given
_COMMON: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_PRINTABLE: Final = "".join(chr(c) for c in range(32, 127))
_CATEGORY: Final = {
    sre.CATEGORY_DIGIT: "0123456789",
    sre.CATEGORY_WORD: _COMMON + "_",
    sre.CATEGORY_SPACE: " \t\n",
}
_OPPOSITE: Final = {
    sre.CATEGORY_NOT_DIGIT: sre.CATEGORY_DIGIT,
    sre.CATEGORY_NOT_WORD: sre.CATEGORY_WORD,
    sre.CATEGORY_NOT_SPACE: sre.CATEGORY_SPACE,
}


@dataclass(slots=True, eq=False)
class Node:
    """One part of a pattern.

    `chars` (one of these), `word` (a row of chars), `seq`, `alt`, `repeat` (least to most of the only part) or `back`.
    """

    kind: str
    parts: list["Node"] = field(default_factory=list)
    chars: str = ""
    least: int = 0
    most: int = 0
    group: int | None = None
    known: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matcher:
    """A parsed pattern; `padded` may have letters before and after it, as a match need not be anchored."""

    plain: Node
    padded: Node

    def draw(self, rng: np.random.Generator, min_len: int, max_len: float) -> str | None:
        """Return a string of a length within the bounds that is likely to match; None where no length fits."""
        for node in (self.plain, self.padded):
            target = _pick_length(node, rng, min_len, max_len)
            if target is not None:
                return _drawn(node, rng, target)
        return None

    def positions(self) -> list[str] | None:
        """Return the choices at each position where every match has the same shape; None where it has not."""
        return _positions(self.plain)


@lru_cache(maxsize=512)
def matcher(pattern: str, *, rich: bool = False) -> Matcher:
    r"""Return the parsed pattern; ValueError for what cannot be drawn from.

    `.` and negated sets stand for letters and digits; with `rich` for all of printable ASCII, which is what look-aheads
    such as `(?=.*[^\w])` ask for.
    """
    tree = _parser.parse(pattern)
    top = _alternatives(tree)
    order = (_PRINTABLE,) if rich else (_COMMON, _PRINTABLE)
    plain = [_Builder(order).sequence(items, 0) for items in top]
    padded = [_padded(node, items) for node, items in zip(plain, top, strict=True)]
    return Matcher(_either(plain), _either(padded))


def _alternatives(tree: Any) -> list[list[Any]]:
    items = list(tree)
    if len(items) == 1 and items[0][0] is sre.BRANCH:
        return [list(each) for each in items[0][1][1]]
    return [items]


def _either(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Node("alt", nodes)


def _padded(node: Node, items: list[Any]) -> Node:
    anchored = [_anchored(items, i, codes) for i, codes in ((0, _STARTS), (-1, _ENDS))]
    pads = [
        Node("seq") if fixed else Node("repeat", [Node("chars", chars=_COMMON)], 0, 0, 1 << 20) for fixed in anchored
    ]
    return Node("seq", [pads[0], node, pads[1]])


_STARTS: Final = (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING)
_ENDS: Final = (sre.AT_END, sre.AT_END_STRING)


def _anchored(items: list[Any], index: int, codes: tuple[Any, ...]) -> bool:
    if not items:
        return False
    op, value = items[index]
    if op is sre.SUBPATTERN:
        return all(_anchored(each, index, codes) for each in _alternatives(value[3]))
    return op is sre.AT and value in codes


@dataclass(frozen=True, slots=True)
class _Builder:
    """Turns items of the parse tree into nodes; `order` is where the characters of an open set are taken from."""

    order: tuple[str, ...]

    def sequence(self, items: Any, depth: int) -> Node:
        if depth > MAX_NESTING:
            raise ValueError(f"it nests deeper than {MAX_NESTING} groups")
        return _simplest([node for op, value in items for node in self.nodes(op, value, depth + 1)])

    def nodes(self, op: Any, value: Any, depth: int) -> Iterator[Node]:
        """Yield the nodes of one item of the parse tree: none for what has no width."""
        if op in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            yield Node("chars", chars=self.choices(op, value))
        elif op is sre.BRANCH:
            yield Node("alt", [self.sequence(each, depth) for each in value[1]])
        elif op is sre.SUBPATTERN:
            body = self.sequence(value[3], depth)
            yield body if value[0] is None else Node("seq", [body], group=value[0])
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, body = value
            yield Node("repeat", [self.sequence(body, depth)], "", int(least), int(most))
        elif op is sre.ATOMIC_GROUP:
            yield self.sequence(value, depth)
        elif op is sre.GROUPREF:
            yield Node("back", group=value)
        elif op not in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
            raise ValueError(f"'{str(op).lower()}' is not supported")

    def choices(self, op: Any, value: Any) -> str:
        if op is sre.LITERAL:
            return chr(value)
        tests = value if op is sre.IN else [(sre.NEGATE, None), (sre.LITERAL, value if op is sre.NOT_LITERAL else 10)]
        negated = tests[0][0] is sre.NEGATE
        tests = tests[1:] if negated else tests
        for alphabet in self.order if negated else (_PRINTABLE,):
            if found := "".join(c for c in alphabet if _within(ord(c), tests) is not negated):
                return found
        return _rare(tests, negated=negated)


def _simplest(parts: list[Node]) -> Node:
    """Return the parts as one node, without a level that only wraps."""
    if len(parts) == 1:
        return parts[0]
    if parts and all(part.kind == "chars" for part in parts):
        return Node("word", parts)
    return Node("seq", parts)


def _within(code: int, tests: list[Any]) -> bool:
    return any(_meets(code, op, value) for op, value in tests)


def _meets(code: int, op: Any, value: Any) -> bool:
    if op is sre.LITERAL:
        return code == value
    if op is sre.RANGE:
        return value[0] <= code <= value[1]
    if value in _OPPOSITE:
        return chr(code) not in _CATEGORY[_OPPOSITE[value]]
    return chr(code) in _CATEGORY[value]


def _rare(tests: list[Any], *, negated: bool) -> str:
    """Return up to 256 characters outside printable ASCII; surrogates are not characters."""
    found = []
    for code in range(1, 0x110000):
        if not 0xD800 <= code <= 0xDFFF and not 31 < code < 127 and _within(code, tests) is not negated:
            found.append(chr(code))
            if len(found) == 256:
                break
    if not found:
        raise ValueError("it has a set of characters that is empty")
    return "".join(found)


@lru_cache(maxsize=4096)
def _bits(mask: int) -> tuple[int, ...]:
    return tuple([i for i, bit in enumerate(reversed(f"{mask:b}")) if bit == "1"])


def _sums(one: int, two: int, cap: int) -> int:
    """Return the lengths of a part of `one` followed by a part of `two`, none over `cap`."""
    if one.bit_count() > two.bit_count():
        one, two = two, one
    total = 0
    for length in _bits(one):
        total |= two << length
    return total & ((1 << (cap + 1)) - 1)


def _lengths(node: Node, cap: int) -> int:
    """Return the lengths up to `cap` that the node can have, as bits; computed once a cap."""
    if cap not in node.known:
        node.known[cap] = _lengths_anew(node, cap)
    return node.known[cap]


def _lengths_anew(node: Node, cap: int) -> int:
    if node.kind in ("chars", "word"):
        width = len(node.parts) or 1
        return 1 << width if width <= cap else 0
    if node.kind == "alt":
        total = 0
        for part in node.parts:
            total |= _lengths(part, cap)
        return total
    if node.kind == "repeat":
        powers = _powers(node, cap)
        total = 0
        for power in powers[node.least : node.most + 1]:
            total |= power
        return total
    return _tails(node, cap)[0]


def _tails(node: Node, cap: int) -> list[int]:
    """Return the lengths of what follows each part of a sequence, the whole first; the last is the empty end."""
    key = ("tails", cap)
    if key not in node.known:
        tails = [1]
        for part in reversed(node.parts):
            tails.append(_sums(_lengths(part, cap), tails[-1], cap))
        node.known[key] = tails[::-1]
    return node.known[key]


def _ways(node: Node, cap: int) -> int:
    mask, few = _lengths(node, cap), 0
    for length in _bits(mask)[:_MAX_WAYS]:
        few |= 1 << length
    return few


def _powers(node: Node, cap: int) -> list[int]:
    """Return the lengths of exactly 0, 1, 2... repeats, as far as they stay within `cap`."""
    key = ("powers", cap)
    if key not in node.known:
        part = _ways(node.parts[0], cap)
        powers = [1]
        while len(powers) <= min(node.most, _MAX_REPEATS) and powers[-1]:
            powers.append(_sums(part, powers[-1], cap))
            if powers[-1] == powers[-2] and len(powers) > node.least + 1:
                break
        node.known[key] = powers
    return node.known[key]


def _shortest(node: Node) -> int:
    if node.kind == "chars":
        return 1
    if node.kind == "alt":
        return min(_shortest(part) for part in node.parts)
    if node.kind == "repeat":
        return node.least * _shortest(node.parts[0])
    return sum(_shortest(part) for part in node.parts)


def _pick_length(node: Node, rng: np.random.Generator, min_len: int, max_len: float) -> int | None:
    roomy = max(min_len, _shortest(node)) + _ROOM
    cap = int(min(max_len, roomy))
    fitting = [length for length in _bits(_lengths(node, cap)) if length >= min_len]
    if not fitting:
        return None
    return fitting[int(rng.integers(min(len(fitting), 12)))]


def _drawn(node: Node, rng: np.random.Generator, target: int) -> str:
    groups: dict[int, str] = {}
    return _draw(node, rng, target, groups)


def _draw(node: Node, rng: np.random.Generator, target: int, groups: dict[int, str]) -> str:
    if node.kind == "chars":
        return node.chars[int(rng.integers(len(node.chars)))]
    if node.kind == "word":
        picks = rng.random(len(node.parts)).tolist()
        return "".join([part.chars[int(pick * len(part.chars))] for part, pick in zip(node.parts, picks, strict=True)])
    if node.kind == "back":
        return groups.get(node.group or 0, "")
    if node.kind == "alt":
        able = [part for part in node.parts if _lengths(part, target) >> target & 1]
        return _draw(able[int(rng.integers(len(able)))], rng, target, groups)
    text = _draw_repeat(node, rng, target, groups) if node.kind == "repeat" else _draw_seq(node, rng, target, groups)
    if node.group is not None:
        groups[node.group] = text
    return text


def _draw_seq(node: Node, rng: np.random.Generator, target: int, groups: dict[int, str]) -> str:
    cap, out = target, []
    tails = _tails(node, cap)
    for part, rest in zip(node.parts, tails[1:], strict=True):
        able = [length for length in _bits(_lengths(part, cap)) if length <= target and rest >> (target - length) & 1]
        length = able[int(rng.integers(len(able)))]
        out.append(_draw(part, rng, length, groups))
        target -= length
    return "".join(out)


def _draw_repeat(node: Node, rng: np.random.Generator, target: int, groups: dict[int, str]) -> str:
    part, cap, out = node.parts[0], target, []
    if part.kind == "chars":
        chars = part.chars
        return "".join([chars[i] for i in rng.integers(len(chars), size=target)])
    powers, ways = _powers(node, cap), _bits(_ways(part, cap))
    counts = [n for n in range(node.least, min(node.most, len(powers) - 1) + 1) if powers[n] >> target & 1]
    for left in range(counts[int(rng.integers(len(counts)))], 0, -1):
        able = [length for length in ways if length <= target and powers[left - 1] >> (target - length) & 1]
        length = able[int(rng.integers(len(able)))]
        out.append(_draw(part, rng, length, groups))
        target -= length
    return "".join(out)


def _positions(node: Node) -> list[str] | None:
    if node.kind == "chars":
        return [node.chars]
    if node.kind in ("seq", "word"):
        parts = [_positions(part) for part in node.parts]
        return None if None in parts else [chars for part in parts for chars in part or ()]
    if node.kind == "repeat" and node.least == node.most:
        part = _positions(node.parts[0])
        return None if part is None else part * node.least
    return None
