"""A template's params made ready to draw from: slots in order, texts parsed, combinations counted."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core.errors import RecipeError, choices
from tasks.core.random import MAX_PERMUTED, permuted
from tasks.methods.rules._template_faker import check_faker
from tasks.methods.rules._template_listing import list_all
from tasks.methods.rules._template_numbers import Entries, Numbers, listed
from tasks.methods.rules._template_sandbox import MAX_CHARS, Sandbox
from tasks.methods.rules._template_slots import AnySpec, BySlot, FakerSlot, LeafSpec, RangeSlot, SeedSlot, TextSlot
from tasks.methods.rules._template_space import Finite, Index, Space, Tree, check_gaps, decode, total_of
from tasks.methods.rules._template_text import SEED, Logic, Text, parse

Slot = Finite | RangeSlot | FakerSlot | SeedSlot | Text


@dataclass(frozen=True, eq=False)
class Variant:
    """One template with what belongs to it: a text for each output, and the slots that these need, in order."""

    texts: Mapping[str, Text]
    slots: Mapping[str, Slot]
    trees: tuple[Space, ...]

    @cached_property
    def total(self) -> int | None:
        """The number of combinations; None where a slot is not finite."""
        bound = {name for tree in self.trees for name in tree.names}
        known = all(name in bound or isinstance(slot, Text) for name, slot in self.slots.items())
        return total_of(self.trees) if known and not self.seed_columns else None

    @property
    def weighted(self) -> bool:
        return any(tree.weighted for tree in self.trees)

    @cached_property
    def seed_columns(self) -> frozenset[str]:
        """The columns of the seed that the texts and the slots read."""
        texts = [*self.texts.values(), *(slot for slot in self.slots.values() if isinstance(slot, Text))]
        read = {source.removeprefix(SEED) for text in texts for source in text.sources if source.startswith(SEED)}
        return frozenset(read | {slot.seed for slot in self.slots.values() if isinstance(slot, SeedSlot)})

    @property
    def logic(self) -> bool:
        """Whether any text is rendered row by row."""
        return any(isinstance(text, Logic) for text in [*self.texts.values(), *self.slots.values()])

    def combination(self, numbers: npt.NDArray[np.uint64]) -> dict[str, Index]:
        """Return the entries of the combinations with these numbers."""
        return decode(self.trees, numbers)

    def drawn(self, ordinals: Index, rng: np.random.Generator, key: int) -> dict[str, Index]:
        """Return entries for these draws: by weight in trees with weights, without repeats in the others.

        The others repeat only from draw number total-of-the-others on, or where the space is not finite.
        """
        rows = len(ordinals)
        even = [tree for tree in self.trees if not tree.weighted]
        total = total_of(even)
        entries: dict[str, Index] = {}
        for tree in self.trees:
            if tree.weighted or self.total is None or total > MAX_PERMUTED:
                entries |= tree.draw(rng, rows)
        if len(entries) == sum(len(tree.names) for tree in self.trees):
            return entries
        numbers = rng.integers(0, total, rows, dtype=np.uint64)
        fresh = ordinals < total
        numbers[fresh] = permuted(ordinals[fresh].astype(np.uint64), total, key)
        return entries | decode(even, numbers)


def build(specs: Mapping[str, AnySpec], texts: Sequence[Mapping[str, str]], sandbox: Sandbox) -> tuple[Variant, ...]:
    """Return a variant for each of `texts` (output -> template); RecipeError for what cannot be drawn or written."""
    slots = {name: _slot(name, spec, specs, sandbox) for name, spec in sorted(specs.items())}
    order = _ordered(slots)
    branches = _branches(slots, order)
    parsed = [
        {out: parse(_where(out, i, len(texts)), text, list(slots), sandbox) for out, text in variant.items()}
        for i, variant in enumerate(texts)
    ]
    needed = [_closure(slots, _uses(variant.values())) for variant in parsed]
    _check_unused(slots, needed)
    _check_lengths(slots, order, parsed)
    return tuple(
        Variant(variant, {n: slots[n] for n in order if n in names}, _spaces(slots, order, names, branches))
        for variant, names in zip(parsed, needed, strict=True)
    )


def _where(output: str, number: int, count: int) -> str:
    name = "template" if output == "text" else output
    return f"{name} {number + 1}" if count > 1 else name


def _slot(name: str, spec: AnySpec, specs: Mapping[str, AnySpec], sandbox: Sandbox) -> Slot:
    if isinstance(spec, TextSlot):
        return parse(f"slot '{name}'", spec.text, sorted(specs), sandbox)
    if isinstance(spec, FakerSlot):
        check_faker(name, spec)
    if isinstance(spec, FakerSlot | SeedSlot):
        return spec
    try:
        return _dependent(name, spec, specs) if isinstance(spec, BySlot) else _root(name, spec, specs)
    except ValueError as exc:
        raise RecipeError(f"slot '{name}': {exc}") from exc


def _root(name: str, spec: LeafSpec, specs: Mapping[str, AnySpec]) -> Slot:
    entries = listed(spec)
    if entries is None:
        return spec
    if isinstance(entries, Numbers):
        return Finite(name, entries.size, None, None, entries)
    _check_literal(entries.texts, specs)
    return Finite(name, len(entries.texts), pa.array(entries.texts, pa.string()), entries.values, None, entries.weights)


def _dependent(name: str, spec: BySlot, specs: Mapping[str, AnySpec]) -> Finite:
    if spec.by not in specs:
        raise RecipeError(f"slot '{name}' depends on the unknown slot '{spec.by}'{choices(spec.by, specs)}")
    keys = sorted(spec.choices)
    parts = [_branch(listed(spec.choices[key]), key) for key in keys]
    if spec.default is not None:
        parts.append(_branch(listed(spec.default), "default"))
    texts = [text for part in parts for text in part.texts]
    _check_literal(texts, specs)
    weights = None
    if any(part.weights is not None for part in parts):
        weights = np.concatenate([_shares(part) for part in parts])
    return Finite(
        name,
        len(texts),
        pa.array(texts, pa.string()),
        [value for part in parts for value in part.values],
        None,
        weights,
        spec.by,
        np.cumsum([0, *(len(part.texts) for part in parts)]),
        pa.array(keys, pa.string()),
        len(keys) if spec.default is not None else -1,
    )


def _branch(entries: Entries | Numbers | None, key: str) -> Entries:
    if isinstance(entries, Entries):
        return entries
    why = "has no step" if entries is None else f"has {entries.size:,} values"
    raise ValueError(f"the range of '{key}' {why}: inside `by` a range must be listed")


def _shares(part: Entries) -> npt.NDArray[np.float64]:
    return np.full(len(part.texts), 1 / len(part.texts)) if part.weights is None else part.weights / part.weights.sum()


def _check_literal(texts: Iterable[str], specs: Mapping[str, AnySpec]) -> None:
    """Refuse a choice that names a slot: choices are written as they are, and this one surely means the slot."""
    for text in texts:
        for found in re.findall(r"\{\{-?\s*(\w+)", text):
            if found in specs:
                raise ValueError(
                    f"choice '{text}' names slot '{found}', but choices are not filled in; "
                    "give it a slot of its own that is one text"
                )


def _uses(texts: Iterable[Text]) -> set[str]:
    return {source for text in texts for source in text.sources if not source.startswith(SEED)}


def _depends(slot: Slot) -> set[str]:
    if isinstance(slot, Finite):
        return {slot.parent} if slot.parent else set()
    return _uses([slot]) if isinstance(slot, Text) else set()


def _ordered(slots: Mapping[str, Slot]) -> list[str]:
    """Return the slots' names, each after those that it depends on; the same order however they were written."""
    try:
        return list(TopologicalSorter({name: sorted(_depends(slot)) for name, slot in slots.items()}).static_order())
    except CycleError as exc:
        raise RecipeError(f"slots depend on one another in a circle: {' <- '.join(exc.args[1])}") from exc


def _closure(slots: Mapping[str, Slot], names: set[str]) -> set[str]:
    found, todo = set(names), list(names)
    while todo:
        new = _depends(slots[todo.pop()]) - found
        found |= new
        todo += new
    return found


def _branches(slots: Mapping[str, Slot], order: Sequence[str]) -> dict[str, Index]:
    """Return, for each slot whose parent's entries are known, the branch of each of them; a gap is an error."""
    found: dict[str, Index] = {}
    static = {n for n, s in slots.items() if isinstance(s, Finite) and s.parent is None and s.texts is not None}
    for name in order:
        slot = slots[name]
        if not isinstance(slot, Finite) or slot.parent is None or slot.parent not in static:
            continue
        parent = slots[slot.parent].texts
        found[name] = slot.branch_of(parent)
        _check_covered(slot, parent, found[name])
        static.add(name)
    return found


def _check_covered(slot: Finite, parent: pa.Array, branch: Index) -> None:
    check_gaps(slot, parent, branch)
    have = dict.fromkeys(parent.to_pylist())
    for key in slot.keys.to_pylist():
        if key not in have:
            raise RecipeError(
                f"slot '{slot.name}' has choices for '{key}', which '{slot.parent}' never is{choices(key, have)}"
            )


def _spaces(
    slots: Mapping[str, Slot], order: Sequence[str], needed: set[str], branches: Mapping[str, Index]
) -> tuple[Space, ...]:
    """Return the needed slots whose values are known beforehand, those that hang together in one space."""
    found: list[Space] = []
    for group in _groups(slots, [name for name in order if name in needed]):
        tree = all(slots[name].parent is None or name in branches for name in group)
        names = group if tree else _closure(slots, group)
        listing = None if tree else list_all([(name, slots[name]) for name in order if name in names])
        found += [listing] if listing else _trees(slots, order, group, branches)
    return tuple(found)


def _groups(slots: Mapping[str, Slot], names: Sequence[str]) -> list[set[str]]:
    """Return the finite slots that depend on one another, directly or through texts, together."""
    groups: list[set[str]] = []
    for name in names:
        if not isinstance(slots[name], Finite):
            continue
        above = {n for n in _closure(slots, _depends(slots[name])) if not isinstance(slots[n], Text)}
        if above - set().union(*groups) or _reads_seed(slots, _closure(slots, {name})):
            continue  # it hangs on a seed, on Faker or on a continuum
        joined = [group for group in groups if group & above]
        groups = [group for group in groups if not group & above]
        groups.append({name}.union(*joined))
    return groups


def _reads_seed(slots: Mapping[str, Slot], names: Iterable[str]) -> bool:
    texts = [slots[name] for name in names if isinstance(slots[name], Text)]
    return any(source.startswith(SEED) for text in texts for source in text.sources)


def _trees(
    slots: Mapping[str, Slot], order: Sequence[str], needed: set[str], branches: Mapping[str, Index]
) -> list[Tree]:
    root: dict[str, str] = {}
    members: dict[str, list[Finite]] = {}
    for name in order:
        slot = slots[name]
        if name not in needed or not isinstance(slot, Finite) or not (slot.parent is None or name in branches):
            continue
        root[name] = name if slot.parent is None else root[slot.parent]
        members.setdefault(root[name], []).append(slot)
    return [Tree(tuple(tree), {s.name: branches[s.name] for s in tree[1:]}) for tree in members.values()]


def _check_unused(slots: Mapping[str, Slot], needed: Iterable[set[str]]) -> None:
    used = set().union(*needed)
    for name in slots:
        if name not in used:
            raise RecipeError(f"slot '{name}' is in no template{choices(name, used)}")


def _check_lengths(slots: Mapping[str, Slot], order: Sequence[str], texts: Iterable[Mapping[str, Text]]) -> None:
    """Refuse texts of texts that grow past MAX_CHARS before one is written."""
    lengths: dict[str, int] = {}
    for name in order:
        slot = slots[name]
        if isinstance(slot, Finite) and slot.texts is not None:
            lengths[name] = max(map(len, slot.texts.to_pylist()))
        elif isinstance(slot, Text):
            lengths[name] = slot.longest(lengths)
            _check_length(f"slot '{name}'", lengths[name])
    for variant in texts:
        for output, text in variant.items():
            _check_length(_where(output, 0, 1), text.longest(lengths))


def _check_length(where: str, length: int) -> None:
    if length > MAX_CHARS:
        raise RecipeError(f"{where} can be {length:,} characters long; at most {MAX_CHARS:,}")
