"""What each keyword of JSON Schema 2020-12 that speaks of the value itself asks for, as facts.

Source: Wright et al. 2022, JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12/json-schema-validation).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from tasks.methods.rules._json_facts import NUMBER, TYPES, UNBOUNDED, Facts, Sub

Marks = tuple[int, ...]


def types_of(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return our types for the value of `type`."""
    listed = [names] if isinstance(names, str) else list(names)
    return tuple(t for t in TYPES if t in listed or (t in NUMBER and "number" in listed))


def _type(facts: Facts, value: Any, sub: Sub, _marks: Marks) -> None:
    facts.only(types_of(value), f"{sub.pointer}/type")


def _const(facts: Facts, value: Any, _sub: Sub, _marks: Marks) -> None:
    facts.one_of([value])


def _enum(facts: Facts, value: Any, _sub: Sub, _marks: Marks) -> None:
    facts.one_of(value)


def _bound(setter: str, *, is_open: bool) -> Callable[[Facts, Any, Sub, Marks], None]:
    def apply(facts: Facts, value: Any, _sub: Sub, _marks: Marks) -> None:
        getattr(facts, setter)(value, is_open=is_open)
        facts.hint(*NUMBER)

    return apply


def _append(attribute: str, *hints: str) -> Callable[[Facts, Any, Sub, Marks], None]:
    def apply(facts: Facts, value: Any, _sub: Sub, _marks: Marks) -> None:
        setattr(facts, attribute, (*getattr(facts, attribute), value))
        facts.hint(*hints)

    return apply


def _size(attribute: str, pick: Callable[[Any, Any], Any], hint: str) -> Callable[[Facts, Any, Sub, Marks], None]:
    def apply(facts: Facts, value: Any, _sub: Sub, _marks: Marks) -> None:
        setattr(facts, attribute, pick(getattr(facts, attribute), int(value)))
        facts.hint(hint)

    return apply


def _format(facts: Facts, value: Any, _sub: Sub, _marks: Marks) -> None:
    if value in NUMBER_FORMATS:
        low, high = NUMBER_FORMATS[value]
        facts.at_least(low, is_open=False)
        facts.at_most(high, is_open=False)
        facts.hint(*(NUMBER if value in ("float", "double") else ("integer",)))
    else:
        facts.formats += (value,)
        facts.hint("string")


def _content(facts: Facts, _value: Any, sub: Sub, _marks: Marks) -> None:
    schema = sub.schema
    inner = sub.below(schema["contentSchema"], "contentSchema") if "contentSchema" in schema else None
    entry = (schema.get("contentEncoding"), schema.get("contentMediaType"), inner)
    if entry[:2] != (None, None):
        facts.content = (entry, *(each for each in facts.content if each[:2] != entry[:2]))
        facts.hint("string")


def _prefix_items(facts: Facts, value: Any, sub: Sub, marks: Marks) -> None:
    facts.prefix += tuple((i, sub.below(each, "prefixItems", i)) for i, each in enumerate(value))
    facts.mark(marks, items=len(value))
    facts.hint("array")


def _items(facts: Facts, value: Any, sub: Sub, marks: Marks) -> None:
    facts.tails += ((len(sub.schema.get("prefixItems", ())), sub.below(value, "items")),)
    facts.mark(marks, items=UNBOUNDED)
    facts.hint("array")


def _contains(facts: Facts, value: Any, sub: Sub, marks: Marks) -> None:
    least, most = int(sub.schema.get("minContains", 1)), sub.schema.get("maxContains", UNBOUNDED)
    inner = sub.below(value, "contains")
    facts.hint("array")
    facts.mark(marks, contains=[inner])
    if least > most:
        facts.rule_out("array", f"{sub.pointer}/minContains: {least} is over maxContains {most}")
    facts.contains += ((inner, least, most),)
    facts.min_items = max(facts.min_items, least)


def _unique(facts: Facts, value: Any, _sub: Sub, _marks: Marks) -> None:
    facts.unique |= bool(value)
    facts.hint("array")


def _required(facts: Facts, value: Any, _sub: Sub, _marks: Marks) -> None:
    facts.required += tuple(name for name in value if name not in facts.required)
    facts.hint("object")


def _properties(facts: Facts, value: Any, sub: Sub, marks: Marks) -> None:
    facts.props += tuple((name, sub.below(each, "properties", name)) for name, each in value.items())
    facts.mark(marks, names=value)
    facts.hint("object")


def _pattern_properties(facts: Facts, value: Any, sub: Sub, marks: Marks) -> None:
    facts.patterns += tuple((pattern, sub.below(each, "patternProperties", pattern)) for pattern, each in value.items())
    facts.mark(marks, patterns=value)
    facts.hint("object")


def _additional(facts: Facts, value: Any, sub: Sub, marks: Marks) -> None:
    named, matched = known_names(sub)
    facts.extras += ((named, matched, sub.below(value, "additionalProperties")),)
    facts.mark(marks, everything=True)
    facts.hint("object")


def known_names(sub: Sub) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names and the patterns that `additionalProperties` beside them leaves alone."""
    return tuple(sub.schema.get("properties", ())), tuple(sub.schema.get("patternProperties", ()))


def _property_names(facts: Facts, value: Any, sub: Sub, _marks: Marks) -> None:
    facts.names += (sub.below(value, "propertyNames"),)
    facts.hint("object")


# OpenAPI 3.1 keeps these of 3.0; float32's largest value is about 3.4e38.
NUMBER_FORMATS: Final = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "float": (-3.4e38, 3.4e38),
    "double": (-1.7e308, 1.7e308),
}

FACTS: Final[dict[str, Callable[[Facts, Any, Sub, Marks], None]]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "minimum": _bound("at_least", is_open=False),
    "exclusiveMinimum": _bound("at_least", is_open=True),
    "maximum": _bound("at_most", is_open=False),
    "exclusiveMaximum": _bound("at_most", is_open=True),
    "multipleOf": _append("steps", *NUMBER),
    "minLength": _size("min_len", max, "string"),
    "maxLength": _size("max_len", min, "string"),
    "pattern": _append("matches", "string"),
    "format": _format,
    "contentEncoding": _content,
    "contentMediaType": _content,
    "minItems": _size("min_items", max, "array"),
    "maxItems": _size("max_items", min, "array"),
    "prefixItems": _prefix_items,
    "items": _items,
    "contains": _contains,
    "uniqueItems": _unique,
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "minProperties": _size("min_props", max, "object"),
    "maxProperties": _size("max_props", min, "object"),
}
