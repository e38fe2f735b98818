"""The canonical JSON of requests and answers, written piece by piece: what `json` writes, in a third of its time.

`tasks.core.manifest.digest` says what canonical is: sorted keys, no spaces, UTF-8 as it is. A run asks for a hundred
thousand answers and more; an encoder of the standard library is built anew for each value that it writes.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from tasks.core.engine import Request

_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_CONSTANTS = {True: "true", False: "false", None: "null"}
_SMALL: dict[type, Any] = {
    str: encode_basestring,
    int: int.__repr__,
    bool: _CONSTANTS.__getitem__,
    type(None): _CONSTANTS.__getitem__,
}


def text_of(value: Any) -> str:
    """Return a value as canonical JSON."""
    small = _SMALL.get(type(value))
    return small(value) if small else _ENCODER.encode(value)


def request_text(request: Request) -> str:
    """Return a request as canonical JSON."""
    messages = ",".join([f"[{_name(role)},{encode_basestring(content)}]" for role, content in request.messages])
    sampling = ",".join([f"[{_name(name)},{text_of(value)}]" for name, value in request.sampling])
    prompt = "null" if request.prompt is None else encode_basestring(request.prompt)
    schema = "null" if request.schema is None else encode_basestring(request.schema)
    return f'{{"messages":[{messages}],"prompt":{prompt},"sampling":[{sampling}],"schema":{schema}}}'


@lru_cache(maxsize=256)
def _name(name: str) -> str:
    return encode_basestring(name)


def answer_text(text: str, finish_reason: str, extra: Mapping[str, Any]) -> str:
    """Return an answer as canonical JSON; with escapes for all that is not ASCII, where UTF-8 cannot hold it."""
    more = _ENCODER.encode(extra) if extra else "{}"
    said = f'{{"extra":{more},"finish_reason":"{finish_reason}","text":{encode_basestring(text)}}}'
    if said.isascii():
        return said
    try:
        said.encode()
    except UnicodeEncodeError:
        return json.dumps({"extra": extra, "finish_reason": finish_reason, "text": text}, separators=(",", ":"))
    return said
