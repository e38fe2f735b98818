"""Answers read strictly: what does not have the form that was asked for is a reject with a reason and its raw text.

Reasons: `empty_answer`, `refusal`, `bad_unicode`, `bad_json`, `schema_violation`, `bad_form`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tasks.core import record
from tasks.core.errors import RecipeError, RecordError
from tasks.core.rollout import Row

_FENCE = re.compile(r"\A```[\w+-]*[ \t]*\n(.*?)\n?```\Z", re.DOTALL)
# "Sure! Here is the rewritten text:" on a line of its own: chat models write it whatever they are told.
_LEAD_IN = re.compile(
    r"\A(?:(?:sure|certainly|of course|okay|absolutely)\b[^\n]{0,80}|here(?:['’]s| is| are)\b[^\n]{0,120}):[ \t]*\n+",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\A(?:as an ai\b|(?:i['’]m|i am) sorry,? but (?:i|as an ai)\b[^.\n]{0,40}(?:can['’]?t|cannot|unable|won['’]t)"
    r"|(?:sorry, )?(?:but )?i (?:can['’]?t|cannot|am unable to|['’]m unable to) (?:help|assist|provide|fulfil|comply))",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^[ \t]*(\d{1,4})[.)][ \t]+", re.MULTILINE)


def whole(text: str, *, refusals: bool = False) -> str:
    """Return the answer without the space around it; `refusal` where it is one, unless `refusals` are allowed."""
    _check_unicode(text)
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise RecordError("empty_answer")
    if not refusals and _REFUSAL.match(text):
        raise RecordError("refusal", raw=text)
    return text


def body(text: str) -> str:
    """Return the answer without the lead-in and the code fence around it."""
    text = _LEAD_IN.sub("", whole(text), count=1)
    fenced = _FENCE.match(text.strip())
    return whole(fenced[1] if fenced else text)


def reject(reason: str, raw: str, **more: Any) -> Row:
    """Return the row of something turned down, its raw text kept."""
    return {"text": sound(raw), "reason": reason, **more}


def rejected(error: RecordError, raw: str = "") -> Row:
    """Return the reject row of an error, with what was wrong; `raw` where the error does not have the text itself."""
    detail = str(error).removeprefix(error.reason).removeprefix(": ")
    more = {"extra": {"error": sound(detail)}} if detail else {}
    return reject(error.reason, error.raw or raw, **more)


def sound(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 cannot hold, replaced."""
    return text.encode("utf-8", "replace").decode()


def json_value(text: str) -> Any:
    """Return the JSON value that the whole answer is, a code fence around it aside; no NaN, no key twice."""
    text = body(text)
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as exc:
        raise RecordError("bad_json", str(exc), text) from exc
    _check_unicode(record.dumps(value))
    return value


def json_of(text: str, schema: str) -> Any:
    """Return the JSON value of an answer that is valid under `schema`, a canonical JSON text."""
    value = json_value(text)
    error = next(validator(schema).iter_errors(value), None)
    if error is not None:
        raise RecordError("schema_violation", f"{error.json_path}: {error.message[:200]}", text)
    return value


@lru_cache(maxsize=64)
def validator(schema: str) -> Any:
    """Return jsonschema's validator, formats checked; it fetches nothing from the network."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - `tilth methods` imports no third-party schema code
    from jsonschema_specifications import REGISTRY  # noqa: PLC0415 - as above

    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(json.loads(schema), registry=REGISTRY, format_checker=checker)


def check_schema(schema: Any) -> None:
    """Raise RecipeError where a schema is none, or refers to what it does not hold."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - as above
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - as above
    from jsonschema_specifications import REGISTRY  # noqa: PLC0415 - as above
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - as above
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415 - as above

    try:
        Draft202012Validator.check_schema(schema)
        resolver = REGISTRY.resolver_with_root(DRAFT202012.create_resource(schema))
        for ref in _references(schema):
            resolver.lookup(ref)
    except SchemaError as exc:
        place = "/".join(map(str, exc.absolute_path))
        raise RecipeError(f"schema: at #/{place}: {exc.message[:200]}") from exc
    except Unresolvable as exc:
        raise RecipeError(f"schema: cannot resolve $ref '{exc.ref}'; only this document is read") from exc


def _references(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for part in value.values() for ref in _references(part)]
    return [ref for part in value for ref in _references(part)] if isinstance(value, list) else []


def fields(text: str, names: Sequence[str]) -> dict[str, str]:
    """Return the parts of an answer of the form `Name: ...`, each name at the start of a line, once, in order."""
    found = blocks(text, names)
    if len(found) != 1:
        raise RecordError("bad_form", f"{len(found)} times {names[0]}", text)
    return found[0]


def blocks(text: str, names: Sequence[str]) -> list[dict[str, str]]:
    """Return the parts of each of several such forms that follow each other; none of them empty."""
    text = body(text)
    marks = list(_marks(tuple(names)).finditer(text))
    if not marks or marks[0].start() or len(marks) % len(names):
        raise RecordError("bad_form", f"not {', '.join(names)} in turn", text)
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    parts = [(mark[1], text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)]
    for place, (name, value) in enumerate(parts):
        if name != names[place % len(names)] or not value:
            raise RecordError("bad_form", f"not {', '.join(names)} in turn", text)
    return [dict(parts[low : low + len(names)]) for low in range(0, len(parts), len(names))]


@lru_cache(maxsize=64)
def _marks(names: tuple[str, ...]) -> re.Pattern[str]:
    choice = "|".join(re.escape(name) for name in names)
    return re.compile(rf"^[ \t]*(?:\*\*)?({choice}):(?:\*\*)?[ \t]*", re.MULTILINE)


def numbered(text: str) -> list[str]:
    """Return the items of a numbered list, whatever their numbers; the last may be cut by a stop."""
    text = body(text)
    marks = list(_ITEM.finditer(text))
    if not marks or marks[0].start():
        raise RecordError("bad_form", "not a numbered list", text)
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]


def conversation(text: str) -> list[dict[str, str]]:
    """Return the messages of a transcript of `User: ...` and `Assistant: ...` in turn, an assistant's the last."""
    return [
        {"role": role.lower(), "content": said}
        for turn in blocks(text, ("User", "Assistant"))
        for role, said in turn.items()
    ]


def turn(text: str, role: str) -> dict[str, str]:
    """Return one message of a dialogue, its speaker's name cut off; `bad_form` where others speak in it."""
    said = re.sub(rf"\A{role}:\s*", "", body(text), flags=re.IGNORECASE)
    if not said or _marks(("User", "Assistant")).search(said):
        raise RecordError("bad_form", f"more than the message of the {role}", text)
    return {"role": role, "content": said}


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise RecordError("bad_unicode", str(exc.reason), sound(text)) from exc


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("one key twice")
    return found
