"""Objects a column at a time: each property drawn as a whole column, the texts joined by Arrow.

A plan is the tree of columns of one goal. What cannot be a column (a choice, a dependency, a map) is a `Rows` plan: its
values are made one by one, inside columns that are not.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.rules._json_arrays import singular
from tasks.methods.rules._json_check import Mask, bad_scalars, first_of_each, meets_all
from tasks.methods.rules._json_compiled import Schema
from tasks.methods.rules._json_facts import Facts, ImpossibleError
from tasks.methods.rules._json_goals import Goal, Leaf
from tasks.methods.rules._json_make import Maker
from tasks.methods.rules._json_objects import is_map
from tasks.methods.rules._json_strings import Strings

_MAX_PLANS: Final = 500
_USUAL_ITEMS: Final = 3
_ESCAPED: Final = r'["\\\x00-\x1f]'
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Style:
    """How the JSON is laid out: `indent` spaces a level, None for one line without spaces."""

    indent: int | None

    def line(self, level: int) -> str:
        return "" if self.indent is None else "\n" + " " * (self.indent * level)

    def key(self, name: str) -> str:
        return f"{self.dumps(name, 0)}:" if self.indent is None else f"{self.dumps(name, 0)}: "

    def dumps(self, value: Any, level: int) -> str:
        """Return the text of a value that stands `level` deep; ASCII only where UTF-8 cannot say it."""
        separators = (",", ":") if self.indent is None else (",", ": ")
        text = json.dumps(value, ensure_ascii=False, indent=self.indent, separators=separators)
        if not text.isascii() and _SURROGATE.search(text):
            text = json.dumps(value, indent=self.indent, separators=separators)
        return text.replace("\n", self.line(level)) if level and self.indent is not None else text


@dataclass(frozen=True, slots=True)
class Scalars:
    """A column of scalars; `share` is the part of the rows that each kind gets."""

    goal: Goal
    leaf: Leaf
    kinds: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Objects:
    """A column of objects: name, whether it is always there, and the plan of each property."""

    goal: Goal
    fields: tuple[tuple[str, bool, "Plan"], ...]


@dataclass(frozen=True, slots=True)
class Arrays:
    """A column of arrays of `low` to `high` items of one plan."""

    goal: Goal
    low: int
    high: int
    items: "Plan"


@dataclass(frozen=True, slots=True)
class Rows:
    """A column whose values are made one at a time."""

    goal: Goal
    levels: int
    name: str


Plan = Scalars | Objects | Arrays | Rows


@dataclass(slots=True)
class Planner:
    """Turns goals into plans; `plans` counts them, so that a wide recursive schema does not unfold without end."""

    maker: Maker
    plans: int = 0

    def plan(self, goal: Goal, levels: int, name: str) -> Plan:
        """Return the plan of a goal whose values may be `levels` deep."""
        self.plans += 1
        rows = Rows(goal, levels, name)
        goals = self.maker.goals
        height = levels if goals.fits(goal, max(levels, 0)) else goals.height(goal)
        if not goal.subs or height is None or self.plans > _MAX_PLANS:
            return rows
        leaves, complete = goals.leaves(goal, strict=True)
        if len(leaves) != 1 or not complete or leaves[0].facts.verify or goals.is_loose(goal):
            return rows
        kinds = goals.kinds_within(leaves[0], max(height, 0))
        if kinds == ("object",):
            return self._objects(goal, leaves[0], height - 1) or rows
        if kinds == ("array",):
            return self._arrays(goal, leaves[0], height - 1, name) or rows
        if "object" in kinds or "array" in kinds or leaves[0].facts.content:
            return rows
        return Scalars(goal, leaves[0], kinds, name)

    def _objects(self, goal: Goal, leaf: Leaf, levels: int) -> Objects | None:
        facts = leaf.facts
        names = list(dict.fromkeys([*(name for name, _sub in facts.props), *facts.required]))
        children = {name: child for name in names if (child := self.maker.goals.property(leaf, name))}
        able = {
            name: child
            for name, child in children.items()
            if name in facts.required or (levels >= 0 and self.maker.possible(child, levels))
        }
        free = facts.min_props <= len(facts.required) and facts.max_props >= len(able)
        if not free or is_map(facts) or facts.some_props or facts.some_names:
            return None
        return Objects(
            goal,
            tuple((name, name in facts.required, self.plan(child, levels, name)) for name, child in able.items()),
        )

    def _arrays(self, goal: Goal, leaf: Leaf, levels: int, name: str) -> Arrays | None:
        facts = leaf.facts
        if _has_special_items(facts):
            return None
        item = self.maker.goals.item(leaf, 0)
        if item is None or not self.maker.possible(item, levels):
            return Arrays(goal, 0, 0, Rows(goal, 0, name)) if facts.min_items == 0 else None
        high = min(facts.max_items, facts.min_items + _USUAL_ITEMS)
        return Arrays(goal, facts.min_items, int(high), self.plan(item, levels, singular(name)))


def _has_special_items(facts: Facts) -> bool:
    special = (facts.prefix, facts.contains, facts.some_items, facts.unseen_items, facts.unique, facts.clash)
    return any(special) or any(start for start, _sub in facts.tails)


@dataclass(slots=True)
class Columns:
    """Draws columns of JSON texts, each with the rows that jsonschema refuses."""

    schema: Schema
    maker: Maker
    style: Style

    def draw(self, plan: Plan, n: int, level: int = 0) -> tuple[pa.Array, Mask]:
        """Return `n` texts (string array) that stand `level` deep, and which of them are not valid."""
        if n == 0:
            return pa.array([], pa.string()), np.zeros(0, dtype=bool)
        if isinstance(plan, Scalars):
            return self._scalars(plan, n)
        if isinstance(plan, Objects):
            return self._objects(plan, n, level)
        if isinstance(plan, Arrays):
            return self._arrays(plan, n, level)
        return self._rows(plan, n, level)

    def _rows(self, plan: Rows, n: int, level: int) -> tuple[pa.Array, Mask]:
        texts, bad = [], np.zeros(n, dtype=bool)
        for row in range(n):
            text, valid = self.row(plan, level)
            texts.append(text)
            bad[row] = not valid
        return pa.array(texts, pa.string()), bad

    def row(self, plan: Rows, level: int = 0) -> tuple[str, bool]:
        """Return one text and whether jsonschema finds its value valid; `null` where none was found."""
        self.maker.work = 0
        try:
            value = self.maker.make(plan.goal, plan.levels, plan.name)
        except ImpossibleError:
            return "null", False
        return self.style.dumps(value, level), meets_all(self.schema, plan.goal.subs, value)

    def _scalars(self, plan: Scalars, n: int) -> tuple[pa.Array, Mask]:
        if len(plan.kinds) == 1:
            return self._of_kind(plan, plan.kinds[0], n)
        picks = self.maker.rng.integers(len(plan.kinds), size=n)
        parts = [self._of_kind(plan, kind, int((picks == i).sum())) for i, kind in enumerate(plan.kinds)]
        # A stable sort by kind puts the rows in the order of the parts; its inverse takes them back.
        order = np.argsort(np.argsort(picks, kind="stable"), kind="stable")
        texts = pa.concat_arrays([text for text, _bad in parts]).take(pa.array(order))
        return texts, np.concatenate([bad for _text, bad in parts])[order]

    def _of_kind(self, plan: Scalars, kind: str, n: int) -> tuple[pa.Array, Mask]:
        if n == 0:
            return pa.array([], pa.string()), np.zeros(0, dtype=bool)
        if kind == "listed":
            return self._listed(plan.leaf, n)
        if kind == "string":
            strings = Strings(plan.leaf.facts, plan.name, self.maker.goals.conforms)
            drawn = strings.draw(self.maker.pools, n, unchecked=True)
            return self._quoted(drawn), bad_scalars(self.schema, plan.goal.subs, drawn.to_pylist())
        values = self.maker.column(plan.leaf, kind, plan.name, n)
        return self._plain(values), bad_scalars(self.schema, plan.goal.subs, values)

    def _listed(self, leaf: Leaf, n: int) -> tuple[pa.Array, Mask]:
        # Each listed value has been shown to jsonschema under the whole goal when its leaf was made.
        texts = pa.array([self.style.dumps(value, 0) for value in leaf.facts.values or ()], pa.string())
        picks = self.maker.rng.integers(len(texts), size=n)
        return texts.take(pa.array(picks)), np.zeros(n, dtype=bool)

    def _quoted(self, drawn: pa.Array) -> pa.Array:
        if pc.any(pc.match_substring_regex(drawn, _ESCAPED)).as_py():
            return pa.array([self.style.dumps(text, 0) for text in drawn.to_pylist()], pa.string())
        return pc.binary_join_element_wise('"', drawn, '"', "")

    def _plain(self, values: list[Any]) -> pa.Array:
        """Return the texts of numbers, booleans or nulls; Arrow's cast writes the shortest digits, as Python does."""
        if values[0] is None:
            return pa.repeat(pa.scalar("null"), len(values))
        try:
            return pa.array(values).cast(pa.string())
        except (pa.ArrowInvalid, OverflowError):  # integers over 64 bits
            return pa.array([self.style.dumps(value, 0) for value in values], pa.string())

    def _objects(self, plan: Objects, n: int, level: int) -> tuple[pa.Array, Mask]:
        bad = np.zeros(n, dtype=bool)
        present = np.ones((n, len(plan.fields)), dtype=bool)
        pieces = []
        for i, (name, always, child) in enumerate(plan.fields):
            if not always:
                present[:, i] = self.maker.rng.random(n) < self.maker.goals.present
            texts, wrong = self._present(child, present[:, i], level + 1)
            bad |= wrong
            pieces.append(pc.binary_join_element_wise(self.style.key(name), texts, ""))
        texts = self._braced(pieces, present, level)
        first, which = first_of_each(present)
        shapes = [meets_all(self.schema, plan.goal.subs, json.loads(texts[int(row)].as_py())) for row in first]
        return texts, bad | ~np.array(shapes)[which]

    def _present(self, child: Plan, here: Mask, level: int) -> tuple[pa.Array, Mask]:
        """Return the texts of a property that is there in some rows, null in the others."""
        texts, wrong = self.draw(child, int(here.sum()), level)
        if here.all():
            return texts, wrong
        bad = np.zeros(len(here), dtype=bool)
        bad[here] = wrong
        return texts.take(pa.array(np.cumsum(here) - 1, mask=~here)), bad

    def _braced(self, pieces: list[pa.Array], present: Mask, level: int) -> pa.Array:
        if not pieces:
            return pa.repeat(pa.scalar("{}"), len(present))
        inner, outer = self.style.line(level + 1), self.style.line(level)
        # Joining with `skip` drops a row of nulls altogether (seen in pyarrow 26), so the first of them becomes empty.
        pieces = [pc.if_else(pa.array(~present.any(axis=1)), "", pieces[0]), *pieces[1:]]
        body = pc.binary_join_element_wise(*pieces, f",{inner}", null_handling="skip")
        texts = pc.binary_join_element_wise("{" + inner, body, outer + "}", "")
        return pc.if_else(pc.equal(body, ""), "{}", texts) if inner else texts

    def _arrays(self, plan: Arrays, n: int, level: int) -> tuple[pa.Array, Mask]:
        sizes = self.maker.rng.integers(plan.low, plan.high + 1, size=n)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        items, wrong = self.draw(plan.items, int(offsets[-1]), level + 1)
        inner, outer = self.style.line(level + 1), self.style.line(level)
        body = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), items), f",{inner}")
        texts = pc.binary_join_element_wise("[" + inner, body, outer + "]", "")
        texts = pc.if_else(pa.array(sizes == 0), "[]", texts)
        bad = np.zeros(n, dtype=bool)
        bad[np.repeat(np.arange(n), sizes)[wrong]] = True
        ends = (int(np.argmin(sizes)), int(np.argmax(sizes)))
        if not all(
            meets_all(self.schema, plan.goal.subs, json.loads(texts[row].as_py())) for row in ends if not bad[row]
        ):
            bad[:] = True
        return texts, bad
