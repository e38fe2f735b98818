"""Where a schema comes from: a mapping, JSON or YAML text, or the response of an OpenAPI 3.1 operation."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from tasks.core.document import parse_yaml
from tasks.core.errors import RecipeError, choices

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def parsed(value: Any) -> Any:
    """Return the document of a param: mappings and booleans as they are, text as JSON or YAML; ValueError names it."""
    document = _loaded(value) if isinstance(value, str) else value
    if not isinstance(document, dict | bool):
        shown = repr(value if isinstance(value, str) else document)[:60]
        raise ValueError(  # noqa: TRY004 - pydantic reports a ValueError as the param's own
            f"{shown} is neither a file nor a schema (a mapping, true or false)"
        )
    return _plain(document, "#")


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        if text.lstrip().startswith("{"):
            raise ValueError(f"the text is not JSON: {exc}") from exc
    return _yaml(text)


def _yaml(text: str) -> Any:
    try:
        return parse_yaml(text, "it", dates=False)
    except RecipeError as exc:
        raise ValueError(f"the text is neither JSON nor YAML: {exc}") from exc


def _plain(value: Any, pointer: str) -> Any:
    """Return the document as JSON can hold it: names as text (YAML reads `200:` as a number), no NaN."""
    if isinstance(value, dict):
        return {_key(key): _plain(each, f"{pointer}/{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each, f"{pointer}/{i}") for i, each in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{pointer} is {value}, which JSON cannot hold")
    if value is not None and not isinstance(value, str | int | float):
        raise ValueError(f"{pointer} is {value!r}, which JSON cannot hold")
    return value


def _key(key: Any) -> str:
    return json.dumps(key) if isinstance(key, bool) or key is None else str(key)


def response_schema(document: Mapping[str, Any], operation: str | None, status: str | None) -> dict[str, Any]:
    """Return one schema document whose root refers to the JSON response of an operation; RecipeError lists the choices.

    The whole OpenAPI document stays around it, so that its own references resolve, and `$defs` repeats the component
    schemas, so that their anchors and ids are found.
    """
    version = str(document.get("openapi", "")) if isinstance(document, Mapping) else ""
    if not version.startswith("3.1"):
        raise RecipeError(f"openapi: version '{version or 'none'}' is not supported; have: 3.1")
    pointer, found = _operation(document, operation)
    pointer, responses = _step(document, pointer, found, "responses")
    code = _status(responses, status)
    pointer, response = _step(document, pointer, responses, code)
    pointer, content = _step(document, pointer, response, "content")
    media = _media_type(content)
    pointer, body = _step(document, pointer, content, media)
    if "schema" not in body:
        raise RecipeError(f"openapi: {pointer} has no schema")
    defs = document.get("components", {}).get("schemas", {})
    return {**document, "$defs": defs, "$ref": "#" + quote(f"{pointer[1:]}/schema", safe="/~")}


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """Yield (METHOD /path, operationId, pointer, operation) of every operation."""
    for path in document.get("paths", {}):
        pointer, item = _step(document, "#/paths", document["paths"], path)
        for method in METHODS:
            if method in item:
                operation = item[method]
                yield f"{method.upper()} {path}", operation.get("operationId", ""), f"{pointer}/{method}", operation


def _operation(document: Mapping[str, Any], wanted: str | None) -> tuple[str, Any]:
    listed = list(_operations(document))
    for title, name, pointer, operation in listed:
        if wanted and (wanted == name or " ".join(wanted.split()).lower() == title.lower()):
            return pointer, operation
    have = [f"{name} ({title})" if name else title for title, name, _pointer, _operation in listed]
    if wanted is None:
        raise RecipeError(f"openapi needs an operation; have: {', '.join(have) or 'none'}")
    names = [each for title, name, _pointer, _operation in listed for each in (name, title) if each]
    raise RecipeError(f"unknown operation '{wanted}'{choices(wanted, names)}")


def _status(responses: Mapping[str, Any], wanted: str | None) -> str:
    if wanted is None:
        good = [code for code in responses if code.startswith("2")] or [code for code in responses if code == "default"]
        if good:
            return good[0]
        raise RecipeError(f"openapi: the operation has no 2xx response; have: {', '.join(responses) or 'none'}")
    if wanted not in responses:
        raise RecipeError(f"unknown status '{wanted}'{choices(wanted, responses)}")
    return wanted


def _media_type(content: Mapping[str, Any]) -> str:
    for media in content:
        plain = media.partition(";")[0].strip().lower()
        if plain == "application/json" or plain.endswith("+json"):
            return media
    raise RecipeError(f"openapi: the response has no application/json; have: {', '.join(content) or 'none'}")


def _step(document: Mapping[str, Any], pointer: str, holder: Mapping[str, Any], key: str) -> tuple[str, Any]:
    """Return pointer and value of one key, through the OpenAPI references that stand in its place."""
    if not isinstance(holder, Mapping) or key not in holder:
        raise RecipeError(f"openapi: {pointer} has no '{key}'")
    pointer, value = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", holder[key]
    for _ in range(20):
        if not isinstance(value, Mapping):
            raise RecipeError(f"openapi: {pointer} is not a mapping")
        if not isinstance(value.get("$ref"), str):
            return pointer, value
        pointer, value = unquote(value["$ref"]), _at(document, value["$ref"], pointer)
    raise RecipeError(f"openapi: the $ref at {pointer} leads back to itself")


def _at(document: Mapping[str, Any], ref: str, where: str) -> Any:
    if not ref.startswith("#/"):
        raise RecipeError(f"openapi: cannot resolve $ref '{ref}' at {where}: only this document is read")
    value: Any = document
    for step in ref[2:].split("/"):
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if not isinstance(value, Mapping) or name not in value:
            raise RecipeError(f"openapi: cannot resolve $ref '{ref}' at {where}: there is no '{name}'")
        value = value[name]
    return value
