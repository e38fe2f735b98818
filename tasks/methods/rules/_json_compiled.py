"""A schema made ready: audited keyword by keyword, with jsonschema's validator of the whole and of each part."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from tasks.core.errors import RecipeError, choices
from tasks.methods.rules._json_facts import Sub
from tasks.methods.rules._json_goals import Goal, Goals
from tasks.methods.rules._json_keywords import NUMBER_FORMATS
from tasks.methods.rules._json_kinds import KINDS, of_format
from tasks.methods.rules._json_patterns import compiled, python_pattern, python_schema
from tasks.methods.rules._json_regex import matcher
from tasks.methods.rules._json_strings import ENCODINGS, MEDIA_TYPES

_DRAFTS: Final = ("draft-03", "draft-04", "draft-06", "draft-07", "draft/2019-09")
_OLD: Final = {
    "dependencies": "dependentRequired or dependentSchemas",
    "$recursiveRef": "$dynamicRef",
    "additionalItems": "items beside prefixItems",
}
_ONE: Final = (
    "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "not",
    "if", "then", "else", "contentSchema",
)  # fmt: skip
_MANY: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED: Final = ("properties", "patternProperties", "dependentSchemas")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """jsonschema's verdicts: `whole` is its validator of the document, `parts` those of subschemas, made when asked."""

    whole: Any
    parts: dict[Any, Any] = field(default_factory=dict)

    def valid(self, sub: Sub, value: Any) -> bool:
        """Return jsonschema's verdict on a value under a subschema, whose sign is not looked at."""
        if sub.key not in self.parts:
            # `_resolver` is what jsonschema's own keywords hand on to a part, so that $ref resolves as in the whole.
            self.parts[sub.key] = self.whole.evolve(schema=sub.schema, _resolver=sub.resolver)
        return bool(self.parts[sub.key].is_valid(value))


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema ready to draw from: `whole` is jsonschema's validator of it, `root` what a value must meet."""

    whole: Any
    valid: Callable[[Sub, Any], bool]
    goals: Goals
    root: Goal


def ready(document: Any, present: float) -> Schema:
    """Return the schema made ready; RecipeError names the keyword and the place of what cannot be honoured.

    `present` is the chance of an optional property.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - `tilth methods` imports no third-party schema code
    from jsonschema_specifications import REGISTRY  # noqa: PLC0415 - as above
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415 - as above

    schema = python_schema(document)
    checker = _format_checker()
    resource = DRAFT202012.create_resource(schema)
    root = Sub(schema, REGISTRY.resolver_with_root(resource), "#")
    _audit(root)
    # The registry is named because jsonschema's default one fetches what it does not have from the network.
    whole = Draft202012Validator(schema, registry=REGISTRY, format_checker=checker)
    valid = Verdicts(whole).valid
    goals = Goals(present, valid=valid, conforms=checker.conforms)
    return Schema(whole, valid, goals, goals.goal((root,)))


def _format_checker() -> Any:
    """Return jsonschema's format checker, quicker for an IRI that is a URI.

    Every URI is an IRI (RFC 3987, section 3.1); jsonschema's own check parses it by a grammar, at 30 a second.
    """
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - see `ready`

    known = Draft202012Validator.FORMAT_CHECKER
    checker = FormatChecker(())
    checker.checkers = dict(known.checkers)  # by name alone, FormatChecker(...) would pick up those of older drafts
    for iri, uri in (("iri", "uri"), ("iri-reference", "uri-reference")):
        if iri in known.checkers and uri in known.checkers:
            checker.checks(iri, raises=ValueError)(_either_format(known, iri, uri))
    return checker


def _either_format(known: Any, iri: str, uri: str) -> Callable[[object], bool]:
    return lambda value: bool(known.conforms(value, uri) or known.conforms(value, iri))


def _audit(root: Sub) -> None:
    """Look at every subschema that can be reached; RecipeError for the first that cannot be honoured."""
    _check_meta(root)
    seen: set[int] = set()
    met: set[int] = set()
    stack = [root]
    while stack:
        sub = stack.pop()
        if isinstance(sub.schema, dict) and id(sub.schema) not in seen:
            seen.add(id(sub.schema))
            _check_keywords(sub)
            followed = list(_followed(sub))
            for target in followed:
                if id(target.schema) not in met:
                    met.add(id(target.schema))
                    _check_meta(target)
            stack.extend(followed)
            stack.extend(_parts(sub))


@cache
def meta_validator() -> Any:
    """Return a validator of schemas: the meta-schema of draft 2020-12 with its vocabularies made one.

    As published it is an `allOf` of seven, each of which goes down to every subschema: the same verdicts, but slowly.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - see `ready`
    from jsonschema_specifications import REGISTRY  # noqa: PLC0415 - see `ready`

    whole = Draft202012Validator.META_SCHEMA
    resolver = REGISTRY.resolver(base_uri=whole["$id"])
    joined: dict[str, Any] = {"type": whole["type"], "properties": {}, "$defs": {}}
    for part in (*(resolver.lookup(each["$ref"]).contents for each in whole["allOf"]), whole):
        joined["properties"] |= part.get("properties", {})
        joined["$defs"] |= part.get("$defs", {})
    return Draft202012Validator(_recursive(joined))


def _recursive(value: Any) -> Any:
    """Return the part of a meta-schema with `$dynamicRef: "#meta"` and references to other vocabularies resolved."""
    if isinstance(value, dict):
        if isinstance(value.get("$dynamicRef"), str):  # and not a property of that name
            return {"$ref": "#"}
        plain = {key: _recursive(each) for key, each in value.items()}
        if isinstance(ref := plain.get("$ref"), str):
            plain["$ref"] = ref[ref.index("#") :]
        return plain
    return [_recursive(each) for each in value] if isinstance(value, list) else value


def _check_meta(sub: Sub) -> None:
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - see `ready`

    schema = sub.schema
    if isinstance(schema, dict):
        # What nothing refers to may be wrong: an OpenAPI document holds the schemas of every operation.
        schema = {key: value for key, value in schema.items() if key != "$defs"}
    try:
        wrong = best_match(meta_validator().iter_errors(schema))
    except RecursionError as exc:
        raise RecipeError(f"not a JSON Schema: {sub.pointer} nests too deeply to be read") from exc
    if wrong is not None:
        where = "".join(f"/{step}" for step in wrong.absolute_path)
        raise RecipeError(f"not a JSON Schema: {sub.pointer}{where}: {wrong.message}")


def _check_keywords(sub: Sub) -> None:
    schema = sub.schema
    dialect = str(schema.get("$schema", ""))
    if any(draft in dialect for draft in _DRAFTS):
        raise RecipeError(f"{sub.pointer}/$schema: '{dialect}' is not supported; have: draft 2020-12")
    for keyword, instead in _OLD.items():
        if keyword in schema:
            raise RecipeError(f"{sub.pointer}/{keyword}: not a keyword of draft 2020-12; use {instead}")
    if "format" in schema and schema["format"] not in NUMBER_FORMATS and not of_format(schema["format"]):
        have = [*(name.replace("_", "-") for name in KINDS), *NUMBER_FORMATS, "uri", "iri", "uri-reference"]
        raise RecipeError(f"{sub.pointer}/format: unknown format '{schema['format']}'{choices(schema['format'], have)}")
    _check_content(sub)
    for pattern in (*schema.get("patternProperties", ()), *([schema["pattern"]] if "pattern" in schema else ())):
        _check_pattern(sub, pattern)


def _check_content(sub: Sub) -> None:
    encoding, media = sub.schema.get("contentEncoding"), sub.schema.get("contentMediaType")
    if encoding is not None and encoding not in ENCODINGS:
        raise RecipeError(f"{sub.pointer}/contentEncoding: unknown encoding '{encoding}'{choices(encoding, ENCODINGS)}")
    if media is not None and media not in MEDIA_TYPES:
        raise RecipeError(f"{sub.pointer}/contentMediaType: cannot make '{media}'{choices(media, MEDIA_TYPES)}")


def _check_pattern(sub: Sub, pattern: str) -> None:
    try:
        python_pattern(pattern)
        compiled(pattern)
        matcher(pattern)
    except (ValueError, RecursionError) as exc:
        said = str(exc) if "pattern" in str(exc) else f"pattern {pattern!r} is not supported: {exc}"
        raise RecipeError(f"{sub.pointer}: {said}") from exc


def _followed(sub: Sub) -> Iterator[Sub]:
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - see `ready`

    for keyword in ("$ref", "$dynamicRef"):
        if keyword not in sub.schema:
            continue
        ref = sub.schema[keyword]
        try:
            found = sub.resolver.lookup(ref)
        except (Unresolvable, ValueError) as exc:
            raise RecipeError(
                f"{sub.pointer}/{keyword}: cannot resolve '{ref}'; it is not in this document, and none is fetched"
            ) from exc
        yield Sub(found.contents, found.resolver, ref)


def _parts(sub: Sub) -> Iterator[Sub]:
    schema = sub.schema
    for keyword in _ONE:
        if keyword in schema:
            yield sub.below(schema[keyword], keyword)
    for keyword in _MANY:
        yield from (sub.below(each, keyword, i) for i, each in enumerate(schema.get(keyword, ())))
    for keyword in _NAMED:
        yield from (sub.below(each, keyword, name) for name, each in schema.get(keyword, {}).items())
