"""Grammars in the notation of NLTK: `S -> NP VP [0.7] | VP [0.3]`, terminals in quotes, one symbol on many lines."""

import math
import re
from collections.abc import Iterator

from tasks.core.errors import RecipeError
from tasks.methods.rules._grammar import Ref, Rule

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#.*)
      | (?P<arrow>->)
      | (?P<bar>\|)
      | (?P<terminal>"[^"]*"|'[^']*')
      | (?P<weight>\[\s*[^\]]*\])
      | (?P<symbol>[\w/](?:[\w/^<>]|-(?!>))*)
      | (?P<wrong>.)""",
    re.VERBOSE,
)
_NAMED = 5
# Sums of weights stay finite.
_MAX_WEIGHT = 1e100

Token = tuple[str, str]


def read_nltk(text: str) -> tuple[list[Rule], str]:
    """Return the productions in the order written and the start symbol: `%start X`, else the first left-hand side.

    `#` opens a comment, a line that starts with `|` goes on with the symbol above, an alternative without items is
    empty, and weights need not add up to one. RecipeError names each wrong line.
    """
    rules: list[Rule] = []
    wrong: list[str] = []
    start, lhs = "", ""
    for number, line in _lines(text):
        try:
            if line.startswith("%"):
                start = _start(line)
                continue
            lhs, tokens = _head(_tokens(line), lhs)
            rules.extend(_rules(lhs, tokens, f"line {number}"))
        except ValueError as exc:
            wrong.append(f"line {number}: {exc}")
    wrong.extend(_half_weighted(rules))
    if wrong:
        more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise RecipeError(f"grammar: {'; '.join(wrong[:_NAMED])}{more}")
    if not rules:
        raise RecipeError("grammar: it has no production; write one as S -> 'a' S | 'b'")
    return [_weighed(rule) for rule in rules], start or rules[0].lhs


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, by number; a backslash at the end joins a line to the next."""
    held = ""
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if not held and line.lstrip().startswith("#"):
            continue
        whole = f"{held} {line.strip()}".strip()
        held = whole[:-1] if whole.endswith("\\") else ""
        if whole and not held:
            yield number, whole


def _start(line: str) -> str:
    parts = line.split()
    if len(parts) != 2 or parts[0] != "%start":
        raise ValueError(f"expected '%start SYMBOL', found '{line}'")
    return parts[1]


def _tokens(line: str) -> list[Token]:
    found = [(match.lastgroup or "", match.group()) for match in _TOKEN.finditer(line)]
    for kind, text in found:
        if kind == "wrong" and text in "'\"":
            raise ValueError(f"a terminal is not closed: {line[line.rfind(text) :]}")
        if kind == "wrong":
            raise ValueError(f"unexpected '{text}'; have: SYMBOL, 'terminal', ->, |, [weight], # comment")
    return [token for token in found if token[0] != "space"]


def _head(tokens: list[Token], above: str) -> tuple[str, list[Token]]:
    """Return the left-hand side of a line and the tokens of its right-hand side."""
    kinds = [kind for kind, _ in tokens[:2]]
    if kinds[:1] == ["bar"] and above:
        return above, tokens[1:]
    if kinds != ["symbol", "arrow"]:
        raise ValueError(f"expected 'SYMBOL -> ...', found '{' '.join(text for _, text in tokens[:2])}'")
    return tokens[0][1], tokens[2:]


def _rules(lhs: str, tokens: list[Token], where: str) -> Iterator[Rule]:
    items: list[str | Ref] = []
    weight = 0.0
    for kind, text in [*tokens, ("bar", "|")]:
        if kind == "bar":
            yield Rule(lhs, tuple(item for item in items if item), weight, _shown(lhs, items), where)
            items, weight = [], 0.0
        elif kind == "arrow":
            raise ValueError("a second '->'; one production or set of alternatives a line")
        elif weight:
            raise ValueError(f"'{text}' after the weight [{weight:g}]; the weight ends an alternative")
        elif kind == "weight":
            weight = _weight(text)
        else:
            items.append(Ref(text) if kind == "symbol" else text[1:-1])


def _weight(text: str) -> float:
    try:
        value = float(text[1:-1])
    except ValueError:
        value = math.nan
    if not 0 < value <= _MAX_WEIGHT:
        raise ValueError(f"weight {text} is not a number above 0 and up to {_MAX_WEIGHT:g}")
    return value


def _shown(lhs: str, items: list[str | Ref]) -> str:
    quoted = [item.name if isinstance(item, Ref) else f'"{item}"' if "'" in item else f"'{item}'" for item in items]
    return " ".join([lhs, "->", *quoted])


def _half_weighted(rules: list[Rule]) -> list[str]:
    with_weight = {rule.lhs for rule in rules if rule.weight}
    bare = {rule.lhs: rule for rule in reversed(rules) if not rule.weight and rule.lhs in with_weight}
    return [f"{rule.where}: {rule.text} has no weight, other alternatives of '{lhs}' do" for lhs, rule in bare.items()]


def _weighed(rule: Rule) -> Rule:
    return rule if rule.weight else Rule(rule.lhs, rule.items, 1.0, rule.text, rule.where)
