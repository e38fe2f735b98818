"""Values of source columns as the types of the record schema: strings, messages and spans.

Each function takes a column as an Arrow array or as a list, and returns the typed array with what was wrong, by row:
the slug that is counted and a detail.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.record import MESSAGES, SPANS
from tasks.readers.block import Values, is_text, listed
from tasks.readers.jsonl import DECODER, json_type
from tasks.readers.stream import not_encodable

Wrong = dict[int, tuple[str, str]]

# ShareGPT's names of the speakers, and those of its offspring; other roles stay as they are.
_ROLES: Final = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant"}
_STARTS: Final = ("start", "start_position", "start_offset", "begin")
_ENDS: Final = ("end", "end_position", "end_offset")
_TYPES: Final = ("type", "label", "entity_type", "entity_group", "entity", "tag")


def strings(values: Values, name: str) -> tuple[pa.Array, Wrong]:
    """Return a column as strings: numbers and booleans as JSON writes them, NaN as null; lists and objects wrong."""
    if isinstance(values, pa.Array):
        if (cast := as_strings(values)) is not None:
            return cast, {}
        values = listed(values)
    try:
        return pa.array(values, pa.string()), {}
    except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):
        return _converted(values, _string, pa.string(), name)


def as_strings(values: pa.Array) -> pa.Array | None:
    """Return an Arrow column as strings where Arrow writes what JSON would; None where it does not."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_strings(values.cast(kind.value_type))
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        return None
    try:
        found = values.cast(pa.string())
        # A Parquet file may hold any bytes in a string column.
        found.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return found


def _converted(
    values: Sequence[Any], convert: Callable[[Any], Any], kind: pa.DataType, name: str
) -> tuple[pa.Array, Wrong]:
    good: list[Any] = []
    wrong: Wrong = {}
    for row, value in enumerate(values):
        try:
            good.append(None if value is None else convert(value))
        except ValueError as exc:
            good.append(None)
            slug = "invalid_utf8" if isinstance(exc, UnicodeError) else f"bad_{name}"
            wrong[row] = (slug, str(exc))
    return pa.array(good, kind), wrong


def _string(value: Any) -> str | None:
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, bytes):
        return _encodable(value.decode(errors="surrogateescape"))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise ValueError(f"not a string but {json_type(value)}")


def _encodable(text: str) -> str:
    if (detail := not_encodable(text)) is not None:
        raise UnicodeError(detail)
    return text


def messages(values: Values) -> tuple[pa.Array, Wrong]:
    """Return a column of turns as MESSAGES; an empty list as null. Keys of a turn other than these are dropped.

    A turn is {role, content}, or ShareGPT's {from, value}; content may be a list of text parts. A column of JSON text
    is parsed.
    """
    plain = _plain_turns(values)
    return (plain, {}) if plain is not None else turn_by_turn(values)


def turn_by_turn(values: Values) -> tuple[pa.Array, Wrong]:
    """Return what `messages` does, the slow way that knows every form of a turn and says what is wrong with it."""
    return _converted(listed(values), _turns, MESSAGES, "messages")


def _plain_turns(values: Values) -> pa.Array | None:
    """Return a column whose every turn is {role, content} with both there, in one conversion; None for any other."""
    try:
        found = values.cast(MESSAGES) if isinstance(values, pa.Array) else pa.array(values, MESSAGES)
        found.validate(full=True)
    except (pa.ArrowTypeError, pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeEncodeError):
        return None
    turns = found.flatten()
    if turns.null_count or any(part.null_count for part in turns.flatten()):
        return None
    if pc.any(pc.equal(pc.list_value_length(found), 0)).as_py():
        return None
    return found


def _turns(value: Any) -> list[dict[str, str | None]] | None:
    turns = _parsed(value)
    if not isinstance(turns, list):
        raise ValueError(f"not a list of turns but {json_type(turns)}")  # noqa: TRY004 - ValueError marks a row
    return [_turn(turn) for turn in turns] or None


def _turn(turn: Any) -> dict[str, str | None]:
    if not isinstance(turn, Mapping):
        raise ValueError(f"a turn is not an object but {json_type(turn)}")  # noqa: TRY004 - ValueError marks a row
    role, content = turn.get("role"), turn.get("content")
    if role is None and "from" in turn:
        role, content = turn["from"], turn.get("value")
        role = _ROLES.get(role, role) if isinstance(role, str) else role
    if isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
        content = _joined_parts(content)
    if not isinstance(role, str) or not isinstance(content, str | None):
        raise ValueError(f"a turn without role and content; its keys: {', '.join(map(str, turn)) or 'none'}")  # noqa: TRY004 - ValueError marks a row
    return {"role": _encodable(role), "content": None if content is None else _encodable(content)}


def _joined_parts(parts: list[Mapping[str, Any]]) -> str:
    texts = [part.get("text") for part in parts]
    if any(not isinstance(text, str) for text in texts):
        raise ValueError("a turn with a part that is not text")
    return "".join(texts)


def spans(values: Values, text: pa.Array) -> tuple[pa.Array, Wrong]:
    """Return a column of spans as SPANS, in the order given; each must lie in the row's text (code points, half open).

    A span is {start, end, type}, under any of the usual names, or a list of the three. An empty list is kept.
    """
    lengths = pc.fill_null(pc.utf8_length(text), 0).to_pylist()
    pairs = [None if value is None else (value, length) for value, length in zip(listed(values), lengths, strict=True)]
    return _converted(pairs, lambda pair: [_span(span, pair[1]) for span in _span_list(pair[0])], SPANS, "spans")


def _span_list(value: Any) -> list[Any]:
    found = _parsed(value)
    if not isinstance(found, list):
        raise ValueError(f"not a list of spans but {json_type(found)}")  # noqa: TRY004 - ValueError marks a row
    return found


def _span(span: Any, length: int) -> dict[str, Any]:
    start, end, kind = _span_parts(span)
    if type(start) is not int or type(end) is not int or not isinstance(kind, str):
        raise ValueError(f"span without start, end and type: {span}")
    if not 0 <= start < end <= length:
        raise ValueError(f"span {start}..{end} is outside the text of {length} characters")
    return {"start": start, "end": end, "type": _encodable(kind)}


def _span_parts(span: Any) -> tuple[Any, Any, Any]:
    if isinstance(span, list | tuple) and len(span) == 3:
        return span[0], span[1], span[2]
    if not isinstance(span, Mapping):
        return None, None, None
    start, end, kind = (
        next((span[name] for name in names if span.get(name) is not None), None) for names in (_STARTS, _ENDS, _TYPES)
    )
    return start, end, kind


def objects(values: Values) -> tuple[pa.Array, Wrong]:
    """Return a column of JSON objects, already text, as it is; what is not an object is wrong."""
    return _converted(listed(values), _object_text, pa.string(), "extra")


def _object_text(value: Any) -> str:
    found = _parsed(value)
    if not isinstance(value, str) or not isinstance(found, dict):
        raise ValueError(f"not the JSON of an object but {json_type(found)}")  # noqa: TRY004 - ValueError marks a row
    return value


def _parsed(value: Any) -> Any:
    """Return the value of a JSON text, as CSV cells hold lists; any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return DECODER.decode(value)
    except RecursionError as exc:
        raise ValueError("not valid JSON: nested too deep") from exc
    except json.JSONDecodeError as exc:
        raise ValueError(f"not valid JSON: {exc.msg} at column {exc.colno}") from exc
