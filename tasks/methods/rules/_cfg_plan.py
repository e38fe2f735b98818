"""All that is worked out once for a grammar and its params, before the first text."""

from dataclasses import dataclass
from typing import Literal

from tasks.core.errors import RecipeError
from tasks.core.random import MAX_PERMUTED
from tasks.methods.rules._cfg_count import MAX_BITS, MAX_UNROLLED, Unrolled, deepest_that_fits, unroll
from tasks.methods.rules._cfg_machine import FULL, Machine, machine
from tasks.methods.rules._cfg_pick import Aliases, Finder, aliases
from tasks.methods.rules._cfg_pieces import Spacing
from tasks.methods.rules._grammar import Grammar, Rule, build, cycle, most_leaves
from tasks.methods.rules._grammar_nltk import read_nltk
from tasks.methods.rules._grammar_tracery import read_tracery

Mode = Literal["weighted", "uniform", "exhaustive"]
Notation = Literal["auto", "nltk", "tracery"]

# Depth of weighted draws where the recipe names none: far past what a text needs, near enough to end a runaway.
WEIGHTED_DEPTH = 200
# Counting is not worth more than a fraction of a second where it only gives a bound.
_QUICK = 20_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A grammar made ready: `table` draws by weight, or finds derivations by number.

    `max_leaves` is None where no text can have too many; `longest` bounds the leaves and the levels of one text.
    """

    rules: tuple[Rule, ...]
    grammar: Grammar
    made: Machine
    table: Aliases | Finder
    depth: int | None
    max_leaves: int | None
    longest: int


def is_tracery(text: str, notation: Notation) -> bool:
    """Return whether a grammar is to be read as Tracery JSON: as `notation` says, or because it opens a brace."""
    return notation == "tracery" or (notation == "auto" and text.lstrip().startswith("{"))


def plan(
    text: str,
    spacing: Spacing,
    *,
    notation: Notation,
    mode: Mode,
    start: str | None,
    depth: int | None,
    max_leaves: int,
) -> Plan:
    """Return the grammar ready to be drawn from; RecipeError says what is wrong with it, or with `depth`."""
    literal = is_tracery(text, notation)
    if not literal and "->" not in text and "\n" not in text.strip():
        raise RecipeError(f"grammar: '{text.strip()}' is neither a file nor a grammar; write one as S -> 'a' S | 'b'")
    rules, own_start = read_tracery(text) if literal else read_nltk(text)
    grammar = build(rules, own_start, start)
    limit = _limit(grammar, mode, depth)
    counted = None if mode == "weighted" else _counted(grammar, mode, limit)
    made = machine(grammar, Spacing("", repair=False) if literal else spacing, counted)
    leaves = most_leaves(grammar)
    bounded = 0 < leaves <= max_leaves
    return Plan(
        rules=tuple(rules),
        grammar=grammar,
        made=made,
        table=Finder(made) if counted else aliases(made),
        depth=limit,
        max_leaves=None if bounded else max_leaves,
        longest=max(leaves if bounded else max_leaves, limit or grammar.tallest[0]),
    )


def reached(grammar: Grammar) -> list[int]:
    """Return the numbers of the productions that the start reaches, in the order written."""
    return sorted(dict.fromkeys(own.rule for alternatives in grammar.alternatives for own in alternatives))


def _limit(grammar: Grammar, mode: Mode, depth: int | None) -> int | None:
    """Return the depth that derivations are held to; None where no derivation is deeper than is asked anyway."""
    least, height = grammar.shortest[0], grammar.tallest[0]
    if depth is not None and depth < least:
        raise RecipeError(f"max_depth {depth} is too small: the shallowest derivation of the grammar is {least} deep")
    if height:
        return None if depth is None or depth >= height else depth
    if depth is None and mode != "weighted":
        raise RecipeError(
            f"mode '{mode}' needs max_depth ({least} or more): the grammar is recursive ({cycle(grammar)}), "
            "so it has derivations without end"
        )
    return max(WEIGHTED_DEPTH, _deepest_use(grammar)) if depth is None else depth


def _deepest_use(grammar: Grammar) -> int:
    """Return a depth that lets every production be used."""
    fewest, above, queue = grammar.shortest, {0: 0}, [0]
    deepest = 0
    for symbol in queue:
        for below in (own.symbols for own in grammar.alternatives[symbol]):
            deepest = max(deepest, above[symbol] + 1 + max((fewest[s] for s in below), default=0))
            for child in below:
                if child not in above:
                    above[child] = above[symbol] + 1
                    queue.append(child)
    return deepest


def _counted(grammar: Grammar, mode: Mode, limit: int | None) -> Unrolled:
    counted = unroll(grammar, limit)
    if counted:
        return counted
    size = f"more than {MAX_UNROLLED} productions by depth or 2**{MAX_BITS} derivations"
    if limit is None:
        raise RecipeError(f"mode '{mode}' cannot number this grammar: it has {size}; use mode 'weighted'")
    fits = deepest_that_fits(grammar, grammar.shortest[0], limit)
    raise RecipeError(f"max_depth {limit} is too large for mode '{mode}': {size}; the largest that fits is {fits}")


def derivations(ready: Plan) -> int | None:
    """Return how many derivations can be drawn; None where that is too large to count, or for any run to get there."""
    if isinstance(ready.table, Finder):
        total = ready.made.totals[0]
    else:
        counted = unroll(ready.grammar, ready.depth, MAX_UNROLLED if ready.depth is None else _QUICK)
        total = counted.totals[0] if counted else FULL + 1
    return total if total <= FULL else None


def check_shuffle(ready: Plan) -> None:
    """RecipeError where there are more derivations than a keyed permutation reaches."""
    if ready.made.totals[0] > MAX_PERMUTED:
        raise RecipeError("order 'shuffled' takes at most 2**62 derivations; use mode 'uniform' or a smaller max_depth")
