"""A context-free grammar as the sampler sees it: symbols by number, and what is wrong with it, all at once."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tasks.core.errors import RecipeError, choices

# So many findings of one kind are named in a message; the rest are counted.
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Ref:
    """A nonterminal on a right-hand side, with the modifiers that change its text (Tracery only)."""

    name: str
    modifiers: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return ".".join((self.name, *self.modifiers))


@dataclass(frozen=True, slots=True)
class Rule:
    """One production as written: `text` shows it, `where` says on which line (or entry) it stands."""

    lhs: str
    items: tuple[str | Ref, ...]
    weight: float
    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to expand a symbol: rule number, share of the symbol's weight, and items (int: symbol, str: terminal).

    `symbols` are the items that are symbols, left to right.
    """

    rule: int
    weight: float
    items: tuple[int | str, ...]
    symbols: tuple[int, ...]


def alternative(rule: int, weight: float, items: Iterable[int | str]) -> Alternative:
    """Return an alternative of these items."""
    held = tuple(items)
    return Alternative(rule, weight, held, tuple(item for item in held if isinstance(item, int)))


@dataclass(frozen=True, eq=False)
class Grammar:
    """Linked productions. Symbol 0 is the start; `modifiers[i]` is empty but for Tracery's `#name.modifier#`."""

    names: tuple[str, ...]
    modifiers: tuple[tuple[str, ...], ...]
    alternatives: tuple[tuple[Alternative, ...], ...]

    @cached_property
    def shortest(self) -> list[int]:
        """The depth of the shallowest derivation of each symbol: 1 where it gives terminals, 0 where there is none."""
        return _shortest(self)

    @cached_property
    def tallest(self) -> list[int]:
        """The depth of the deepest derivation of each symbol; 0 where recursion leaves it without an end."""
        return _tallest(self)


def build(rules: Sequence[Rule], own_start: str, start: str | None) -> Grammar:
    """Return the grammar of all that `start` (`own_start` where None) reaches.

    RecipeError names every undefined, unproductive and unreachable symbol and every duplicate production in one line.
    A symbol that only the grammar's own start reaches is left out, not an error.
    """
    defined = {rule.lhs: None for rule in rules}
    chosen = own_start if start is None else start
    if chosen not in defined:
        raise RecipeError(f"grammar: no start symbol '{chosen}'{choices(chosen, defined)}")
    everything = _link(rules, dict.fromkeys([chosen, *defined]))
    starts = [chosen, own_start] if own_start in defined else [chosen]
    findings = [
        _undefined(rules, defined),
        _duplicates(rules),
        _listed("symbols that never end in text", _barren(everything)),
        _listed("symbols that nothing reaches", _lost(everything, starts)),
    ]
    if text := "; ".join(finding for finding in findings if finding):
        raise RecipeError(f"grammar: {text}")
    return everything if chosen == own_start else _link(rules, [chosen])


def _undefined(rules: Sequence[Rule], defined: Iterable[str]) -> str:
    names = list(defined)
    first = {}
    for rule in rules:
        for item in rule.items:
            if isinstance(item, Ref) and item.name not in defined:
                first.setdefault(item.name, rule.where)
    return _listed("undefined symbols", [f"'{name}' ({where}{_near(name, names)})" for name, where in first.items()])


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def _duplicates(rules: Sequence[Rule]) -> str:
    seen = Counter((rule.lhs, rule.items) for rule in rules)
    doubled = [rule for rule in rules if seen[rule.lhs, rule.items] > 1]
    return _listed("duplicate productions", [f"{rule.text} ({rule.where})" for rule in doubled])


def _barren(grammar: Grammar) -> list[str]:
    symbols = zip(grammar.names, grammar.modifiers, grammar.shortest, strict=True)
    return [f"'{name}'" for name, modifiers, depth in symbols if not depth and not modifiers]


def _lost(grammar: Grammar, starts: Sequence[str]) -> list[str]:
    """Return the symbols below no start; one that is reached with modifiers is reached."""
    reached = dict.fromkeys(grammar.names.index(name) for name in starts)
    queue = list(reached)
    for symbol in queue:
        fresh = [s for a in grammar.alternatives[symbol] for s in a.symbols if s not in reached]
        reached.update(dict.fromkeys(fresh))
        queue.extend(dict.fromkeys(fresh))
    names = {grammar.names[symbol].partition(".")[0] for symbol in reached}
    symbols = zip(grammar.names, grammar.modifiers, strict=True)
    return [f"'{name}'" for name, modifiers in symbols if name not in names and not modifiers]


def _listed(title: str, found: Sequence[str]) -> str:
    if not found:
        return ""
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{title}: {', '.join(found[:_NAMED])}{more}"


def _link(rules: Sequence[Rule], starts: Iterable[str]) -> Grammar:
    """Return the part of the grammar that `starts` reach, breadth first; an undefined symbol stands as a terminal.

    A symbol with modifiers is a symbol of its own with the productions of the plain one, so that it costs no depth.
    """
    by_name: dict[str, list[tuple[int, Rule]]] = {}
    for number, rule in enumerate(rules):
        by_name.setdefault(rule.lhs, []).append((number, rule))
    numbers = {Ref(name): index for index, name in enumerate(starts)}
    queue, alternatives = list(numbers), []
    for ref in queue:
        own = by_name[ref.name]
        total = sum(rule.weight for _, rule in own)
        for item in (item for _, rule in own for item in rule.items):
            if isinstance(item, Ref) and item.name in by_name and item not in numbers:
                numbers[item] = len(numbers)
                queue.append(item)
        alternatives.append(
            tuple(
                alternative(number, rule.weight / total, [_number(item, numbers) for item in rule.items])
                for number, rule in own
            )
        )
    return Grammar(tuple(ref.label for ref in queue), tuple(ref.modifiers for ref in queue), tuple(alternatives))


def _number(item: str | Ref, numbers: dict[Ref, int]) -> int | str:
    return item if isinstance(item, str) else numbers.get(item, item.name)


def _shortest(grammar: Grammar) -> list[int]:
    depths = [0] * len(grammar.names)
    owner: list[int] = []
    waits: list[int] = []
    users: list[list[int]] = [[] for _ in depths]
    for symbol, alternatives in enumerate(grammar.alternatives):
        for own in alternatives:
            needs = dict.fromkeys(own.symbols)
            for need in needs:
                users[need].append(len(owner))
            owner.append(symbol)
            waits.append(len(needs))
    ready, depth = [number for number, wait in enumerate(waits) if not wait], 1
    while ready:
        fresh = [symbol for symbol in dict.fromkeys(owner[number] for number in ready) if not depths[symbol]]
        ready = []
        for symbol in fresh:
            depths[symbol] = depth
            for number in users[symbol]:
                waits[number] -= 1
                if not waits[number]:
                    ready.append(number)
        depth += 1
    return depths


def _tallest(grammar: Grammar) -> list[int]:
    needs = [dict.fromkeys(s for a in alternatives for s in a.symbols) for alternatives in grammar.alternatives]
    users: list[list[int]] = [[] for _ in needs]
    for symbol, below in enumerate(needs):
        for need in below:
            users[need].append(symbol)
    waits = [len(below) for below in needs]
    heights = [0] * len(needs)
    ready = [symbol for symbol, wait in enumerate(waits) if not wait]
    for symbol in ready:
        heights[symbol] = 1 + max((heights[need] for need in needs[symbol]), default=0)
        for user in users[symbol]:
            waits[user] -= 1
            if not waits[user]:
                ready.append(user)
    return heights


def cycle(grammar: Grammar) -> str:
    """Return one recursion of the grammar, as `NP -> PP -> NP`; empty where there is none."""
    heights = grammar.tallest
    if heights[0]:
        return ""
    path: dict[int, None] = {}
    symbol = 0
    while symbol not in path:
        path[symbol] = None
        symbol = next(s for a in grammar.alternatives[symbol] for s in a.symbols if not heights[s])
    walked = list(path)
    return " -> ".join(grammar.names[s] for s in [*walked[walked.index(symbol) :], symbol])


def most_leaves(grammar: Grammar) -> int:
    """Return the most leaves (terminals and empty productions) that a derivation has; 0 where recursion sets no end."""
    heights = grammar.tallest
    if not heights[0]:
        return 0
    leaves = [0] * len(heights)
    for symbol in sorted(range(len(heights)), key=heights.__getitem__):
        leaves[symbol] = max(
            sum(leaves[item] if isinstance(item, int) else 1 for item in own.items) or not own.items
            for own in grammar.alternatives[symbol]
        )
    return leaves[0]
