"""What it takes to break each keyword: the ways in which a value can fail it, for `not`, `oneOf` and `if`.

Each entry returns one option per way; a keyword that only annotates has none and no entry.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from tasks.methods.rules._json_facts import NUMBER, TYPES, UNBOUNDED, Facts, Sub
from tasks.methods.rules._json_keywords import NUMBER_FORMATS, Marks, known_names, types_of

Edit = Callable[[Facts], None]


@dataclass(frozen=True, slots=True)
class Option:
    """One way to go: subschemas of the same value to absorb next, an edit of the facts; chosen by weight."""

    tasks: tuple[tuple[Sub, Marks], ...] = ()
    edit: Edit | None = None
    weight: float = 1.0


Breaks = Callable[[Any, Sub], Iterable[Option]]


def follow(sub: Sub, ref: str) -> Sub:
    """Return the subschema that a `$ref` or `$dynamicRef` leads to; it holds as `sub` does."""
    found = sub.resolver.lookup(ref)
    return Sub(found.contents, found.resolver, ref, sub.holds)


def _edit(where: str, types: tuple[str, ...], **adds: Any) -> Option:
    """Return the option: one of these types, and each attribute grown (tuples), raised or lowered (bounds), or set."""

    def apply(facts: Facts) -> None:
        facts.only(types, where)
        for name, value in adds.items():
            have = getattr(facts, name)
            if name.startswith("min_"):
                value = max(have, value)  # noqa: PLW2901 - the bound that is kept
            elif name.startswith("max_"):
                value = min(have, value)  # noqa: PLW2901 - the bound that is kept
            elif isinstance(have, tuple):
                value = (*have, *(v for v in value if name != "required" or v not in have))  # noqa: PLW2901 - grown
            setattr(facts, name, value)

    return Option(edit=apply)


def _type(value: Any, sub: Sub) -> Iterator[Option]:
    left = tuple(t for t in TYPES if t not in types_of(value))
    if left:
        yield _edit(f"{sub.pointer}/type", left)


def _values(value: Any, sub: Sub) -> Iterator[Option]:
    nested = any(isinstance(each, list | dict) for each in value)
    yield _edit(sub.pointer, TYPES, banned=value, **({"verify": True} if nested else {}))


def _const(value: Any, sub: Sub) -> Iterator[Option]:
    yield from _values([value], sub)


def _bound(setter: str, *, is_open: bool) -> Breaks:
    def ways(value: Any, sub: Sub) -> Iterator[Option]:
        def apply(facts: Facts) -> None:
            facts.only(NUMBER, sub.pointer)
            getattr(facts, setter)(value, is_open=is_open)

        yield Option(edit=apply)

    return ways


def _grow(attribute: str, *types: str) -> Breaks:
    def ways(value: Any, sub: Sub) -> Iterator[Option]:
        yield _edit(sub.pointer, types, **{attribute: (value,)})

    return ways


def _format(value: Any, sub: Sub) -> Iterator[Option]:
    # The number formats are bounds for what we make, and unknown to the validator, which cannot fail them.
    if value not in NUMBER_FORMATS:
        yield _edit(sub.pointer, ("string",), off_formats=(value,))


def _too_few(attribute: str, kind: str) -> Breaks:
    def ways(value: Any, sub: Sub) -> Iterator[Option]:
        if value > 0:
            yield _edit(sub.pointer, (kind,), **{attribute: int(value) - 1})

    return ways


def _too_many(attribute: str, kind: str) -> Breaks:
    def ways(value: Any, sub: Sub) -> Iterator[Option]:
        yield _edit(sub.pointer, (kind,), **{attribute: int(value) + 1})

    return ways


def _prefix_items(value: Any, sub: Sub) -> Iterator[Option]:
    for i, each in enumerate(value):
        yield _edit(sub.pointer, ("array",), min_items=i + 1, prefix=((i, sub.below(each, "prefixItems", i)),))


def _items(value: Any, sub: Sub) -> Iterator[Option]:
    start = len(sub.schema.get("prefixItems", ()))
    yield _edit(sub.pointer, ("array",), min_items=start + 1, some_items=((start, sub.below(value, "items")),))


def _contains(value: Any, sub: Sub) -> Iterator[Option]:
    inner = sub.below(value, "contains").negated()
    least, most = int(sub.schema.get("minContains", 1)), sub.schema.get("maxContains")
    if least > 0:
        yield _edit(sub.pointer, ("array",), contains=((inner, 0, least - 1),))
    if most is not None:
        yield _edit(sub.pointer, ("array",), contains=((inner, int(most) + 1, UNBOUNDED),), min_items=int(most) + 1)


def _unique(value: Any, sub: Sub) -> Iterator[Option]:
    if value:
        yield _edit(sub.pointer, ("array",), clash=True, min_items=2)


def _required(value: Any, sub: Sub) -> Iterator[Option]:
    for name in value:
        yield _edit(sub.pointer, ("object",), absent=(name,))


def _properties(value: Any, sub: Sub) -> Iterator[Option]:
    for name, each in value.items():
        if each is not True and each != {}:
            yield _edit(
                sub.pointer, ("object",), required=(name,), props=((name, sub.below(each, "properties", name)),)
            )


def _pattern_properties(value: Any, sub: Sub) -> Iterator[Option]:
    for pattern, each in value.items():
        wrong = (pattern, (), (), sub.below(each, "patternProperties", pattern))
        yield _edit(sub.pointer, ("object",), min_props=1, some_props=(wrong,))


def _additional(value: Any, sub: Sub) -> Iterator[Option]:
    wrong = (None, *known_names(sub), sub.below(value, "additionalProperties"))
    yield _edit(sub.pointer, ("object",), min_props=1, some_props=(wrong,))


def _unevaluated_properties(value: Any, sub: Sub) -> Iterator[Option]:
    # What the other keywords evaluate is unknown once they need not hold: make the property, let validation decide.
    wrong = (None, (), (), sub.below(value, "unevaluatedProperties"))
    yield _edit(sub.pointer, ("object",), min_props=1, some_props=(wrong,), verify=True)


def _unevaluated_items(value: Any, sub: Sub) -> Iterator[Option]:
    wrong = (0, sub.below(value, "unevaluatedItems"))
    yield _edit(sub.pointer, ("array",), min_items=1, some_items=(wrong,), verify=True)


def _property_names(value: Any, sub: Sub) -> Iterator[Option]:
    yield _edit(sub.pointer, ("object",), min_props=1, some_names=(sub.below(value, "propertyNames"),))


def _dependent_required(value: Any, sub: Sub) -> Iterator[Option]:
    for name, needs in value.items():
        for need in needs:
            yield _edit(sub.pointer, ("object",), required=(name,), absent=(need,))


def _dependent_schemas(value: Any, sub: Sub) -> Iterator[Option]:
    for name, each in value.items():
        there = _edit(sub.pointer, ("object",), required=(name,))
        yield Option(((sub.below(each, "dependentSchemas", name), ()),), there.edit)


def _listed(value: Any, sub: Sub, keyword: str) -> list[Sub]:
    return [sub.below(each, keyword, i) for i, each in enumerate(value)]


def _all_of(value: Any, sub: Sub) -> Iterator[Option]:
    for each in _listed(value, sub, "allOf"):
        yield Option(((each, ()),))


def _any_of(value: Any, sub: Sub) -> Iterator[Option]:
    yield Option(tuple((each, ()) for each in _listed(value, sub, "anyOf")))


def _one_of(value: Any, sub: Sub) -> Iterator[Option]:
    listed = _listed(value, sub, "oneOf")
    yield Option(tuple((each, ()) for each in listed))
    for one, two in combinations(listed, 2):
        yield Option(((one.negated(), ()), (two.negated(), ())))


def _not(value: Any, sub: Sub) -> Iterator[Option]:
    yield Option(((sub.below(value, "not").negated(), ()),))


def _if(value: Any, sub: Sub) -> Iterator[Option]:
    when = sub.below(value, "if")
    if "then" in sub.schema:
        yield Option(((when.negated(), ()), (sub.below(sub.schema["then"], "then"), ())))
    if "else" in sub.schema:
        yield Option(((when, ()), (sub.below(sub.schema["else"], "else"), ())))


def _ref(value: Any, sub: Sub) -> Iterator[Option]:
    yield Option(((follow(sub, value), ()),))


BREAKS: Final[dict[str, Breaks]] = {
    "type": _type,
    "const": _const,
    "enum": _values,
    "minimum": _bound("at_most", is_open=True),
    "exclusiveMinimum": _bound("at_most", is_open=False),
    "maximum": _bound("at_least", is_open=True),
    "exclusiveMaximum": _bound("at_least", is_open=False),
    "multipleOf": _grow("off_steps", *NUMBER),
    "minLength": _too_few("max_len", "string"),
    "maxLength": _too_many("min_len", "string"),
    "pattern": _grow("off_matches", "string"),
    "format": _format,
    "minItems": _too_few("max_items", "array"),
    "maxItems": _too_many("min_items", "array"),
    "prefixItems": _prefix_items,
    "items": _items,
    "contains": _contains,
    "uniqueItems": _unique,
    "unevaluatedItems": _unevaluated_items,
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "unevaluatedProperties": _unevaluated_properties,
    "propertyNames": _property_names,
    "minProperties": _too_few("max_props", "object"),
    "maxProperties": _too_many("min_props", "object"),
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "$ref": _ref,
    "$dynamicRef": _ref,
}
