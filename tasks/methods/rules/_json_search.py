"""The search for a set of facts under which all subschemas of one value hold.

A goal is a tuple of subschemas that one value must meet. `absorb` works keywords off into facts; what is a choice
(`anyOf`, `if`, an optional dependency, each way to break a `not`) becomes a split, and the leaves of the tree of splits
are plain conjunctions that a value can be drawn from.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tasks.methods.rules._json_breaks import BREAKS, Option, follow
from tasks.methods.rules._json_facts import UNBOUNDED, Facts, ImpossibleError, Sub
from tasks.methods.rules._json_keywords import FACTS, Marks

# Nodes of one search: a schema that needs more is a puzzle, not an API; measured 0.3 s at this size.
MAX_NODES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Rules:
    """`present`: the chance of an optional property. `strict`: solve what must not hold, or leave it to validation."""

    present: float
    strict: bool


@dataclass(slots=True)
class State:
    """A search node: facts so far, subschemas to absorb, splits to decide; `seen` keeps a $ref cycle finite."""

    where: str
    facts: Facts
    tasks: list[tuple[Sub, Marks]]
    splits: list[tuple[Option, ...]] = field(default_factory=list)
    weight: float = 1.0
    seen: frozenset[tuple[Any, ...]] = frozenset()

    def fork(self, split: int, option: Option, share: float) -> "State":
        """Return the node that follows from one option of one split; `share` is the option's part of the weight."""
        facts = self.facts.fork()
        if option.edit:
            option.edit(facts)
        rest = self.splits[:split] + self.splits[split + 1 :]
        return State(self.where, facts, list(option.tasks), rest, self.weight * share, self.seen)


@dataclass(slots=True)
class Search:
    """One walk of the tree of splits; `reason` is why the last dead end was one."""

    rules: Rules
    rng: np.random.Generator | None = None
    nodes: int = 0
    reason: str = ""

    def leaves(self, goal: tuple[Sub, ...]) -> Iterator[tuple[Facts, float]]:
        """Yield the facts of each leaf with its weight: in schema order, or at random where there is a generator."""
        yield from self._walk(State(goal[0].pointer if goal else "#", Facts(), [(sub, ()) for sub in reversed(goal)]))

    def _walk(self, state: State) -> Iterator[tuple[Facts, float]]:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.reason = f"{state.where}: over {MAX_NODES} combinations of its choices were tried in vain"
            return
        try:
            absorb(state, self.rules)
        except ImpossibleError as exc:
            self.reason = str(exc)
            return
        # Values that are listed are tried against the whole goal: no split can say more than that.
        if not state.splits or state.facts.values is not None:
            yield state.facts, state.weight
            return
        yield from self._branch(state)

    def _branch(self, state: State) -> Iterator[tuple[Facts, float]]:
        split = min(range(len(state.splits)), key=lambda i: len(state.splits[i]))
        options = state.splits[split]
        total = sum(option.weight for option in options)
        for option in self._ordered(options):
            try:
                child = state.fork(split, option, option.weight / total)
            except ImpossibleError as exc:
                self.reason = str(exc)
                continue
            yield from self._walk(child)

    def _ordered(self, options: tuple[Option, ...]) -> list[Option]:
        if self.rng is None or len(options) < 2:
            return list(options)
        # Exponential races: an order drawn by weight, without replacement (Efraimidis & Spirakis 2006).
        keys = self.rng.exponential(size=len(options)) / np.array([max(option.weight, 1e-9) for option in options])
        return [options[i] for i in np.argsort(keys, kind="stable")]


def absorb(state: State, rules: Rules) -> None:
    """Work off every task of the node; ImpossibleError when its facts contradict."""
    while state.tasks:
        sub, marks = state.tasks.pop()
        key = sub.key
        if sub.negated().key in state.seen:
            raise ImpossibleError(sub.pointer, "the same schema must hold and must not")
        if (key, marks) in state.seen:
            continue
        state.seen |= {key, (key, marks)}
        _absorb_one(state, sub, marks, rules)
    state.facts.prune(state.where)


def _absorb_one(state: State, sub: Sub, marks: Marks, rules: Rules) -> None:
    if isinstance(sub.schema, bool):
        if sub.schema is not sub.holds:
            raise ImpossibleError(sub.pointer, "the schema `false` allows no value")
    elif sub.holds:
        _absorb_positive(state, sub, marks, rules)
    elif rules.strict:
        _absorb_negative(state, sub)
    else:
        state.facts.verify = True


def _absorb_positive(state: State, sub: Sub, marks: Marks, rules: Rules) -> None:
    schema = sub.schema
    unevaluated = [keyword for keyword in ("unevaluatedProperties", "unevaluatedItems") if keyword in schema]
    inner = marks
    if unevaluated:
        inner = (*marks, len(state.facts.seen))
        state.facts.mark(inner)
    for keyword, value in schema.items():
        if keyword in FACTS:
            FACTS[keyword](state.facts, value, sub, inner)
        elif keyword in IN_PLACE:
            IN_PLACE[keyword](state, value, Place(sub, inner, rules))
    for keyword in unevaluated:
        _unevaluated(state.facts, sub, inner, keyword)


def _unevaluated(facts: Facts, sub: Sub, marks: Marks, keyword: str) -> None:
    entry = (marks[-1], sub.below(sub.schema[keyword], keyword))
    if keyword == "unevaluatedProperties":
        facts.unseen_props += (entry,)
        facts.mark(marks[:-1], everything=True)
        facts.hint("object")
    else:
        facts.unseen_items += (entry,)
        facts.mark(marks[:-1], items=UNBOUNDED)
        facts.hint("array")


def _absorb_negative(state: State, sub: Sub) -> None:
    ways = [way for keyword, value in sub.schema.items() if keyword in BREAKS for way in BREAKS[keyword](value, sub)]
    if not ways:
        raise ImpossibleError(sub.pointer, "must not hold, and nothing breaks it")
    state.splits.append(tuple(ways))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an in-place applicator stands: its schema, the marks that its annotations go to, the rules."""

    sub: Sub
    marks: Marks
    rules: Rules

    def task(self, schema: Any, *steps: str | int, holds: bool = True) -> tuple[Sub, Marks]:
        sub = self.sub.below(schema, *steps)
        return (sub, self.marks) if holds else (sub.negated(), ())


def _all_of(state: State, value: Any, at: Place) -> None:
    state.tasks.extend(at.task(each, "allOf", i) for i, each in enumerate(value))


def _any_of(state: State, value: Any, at: Place) -> None:
    state.splits.append(tuple(Option((at.task(each, "anyOf", i),)) for i, each in enumerate(value)))


def _one_of(state: State, value: Any, at: Place) -> None:
    state.splits.append(
        tuple(
            Option(tuple(at.task(each, "oneOf", i, holds=i == chosen) for i, each in enumerate(value)))
            for chosen in range(len(value))
        )
    )


def _not(state: State, value: Any, at: Place) -> None:
    state.tasks.append(at.task(value, "not", holds=False))


def _if(state: State, value: Any, at: Place) -> None:
    schema = at.sub.schema
    then = (at.task(schema["then"], "then"),) if "then" in schema else ()
    otherwise = (at.task(schema["else"], "else"),) if "else" in schema else ()
    yes, no = at.task(value, "if"), at.task(value, "if", holds=False)
    if then or otherwise or at.marks:
        state.splits.append((Option((yes, *then)), Option((no, *otherwise))))


def _ref(state: State, value: Any, at: Place) -> None:
    state.tasks.append((follow(at.sub, value), at.marks))


def _dependent_required(state: State, value: Any, at: Place) -> None:
    for name, needs in value.items():
        if needs:
            _depend(state, name, at.rules, Option(edit=_needs([name, *needs])))


def _dependent_schemas(state: State, value: Any, at: Place) -> None:
    for name, each in value.items():
        task = at.task(each, "dependentSchemas", name)
        _depend(state, name, at.rules, Option((task,), _needs([name])))


def _depend(state: State, name: str, rules: Rules, there: Option) -> None:
    others = tuple(t for t in state.facts.types if t != "object")
    missing = Option(edit=_lacks(name), weight=1 - rules.present)
    # Where it need not be an object it may as well be anything else; rarely chosen, as the schema speaks of objects.
    other = (Option(edit=lambda facts: facts.only(others, name), weight=1e-6),) if others else ()
    state.splits.append((Option(there.tasks, there.edit, rules.present), missing, *other))
    state.facts.hint("object")


def _needs(names: list[str]) -> Callable[[Facts], None]:
    def apply(facts: Facts) -> None:
        facts.only(("object",), names[0])
        facts.required += tuple(dict.fromkeys(name for name in names if name not in facts.required))

    return apply


def _lacks(name: str) -> Callable[[Facts], None]:
    def apply(facts: Facts) -> None:
        facts.only(("object",), name)
        facts.absent += (name,)

    return apply


IN_PLACE: Final[dict[str, Callable[[State, Any, Place], None]]] = {
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "$ref": _ref,
    "$dynamicRef": _ref,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
}
