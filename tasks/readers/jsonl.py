"""JSON lines: a block of lines in one run of the C scanner, line by line where that finds anything odd.

pyarrow.json is twice as fast but reads dates out of strings, loses the place of an error, and a line `null` under an
explicit schema crashes the process (pyarrow 26.0).
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from tasks.readers.block import Block, Defect, Row, SourceFile, places_from
from tasks.readers.stream import line_blocks, not_utf8, numbered_lines


def _null(_name: str) -> None:
    """NaN and Infinity are not JSON, though many tools write them: a missing value is what they mean."""


DECODER = json.JSONDecoder(parse_constant=_null)


def blocks(file: SourceFile) -> Iterator[Block]:
    """Return the rows of a file of JSON objects, one a line; blank lines are passed over."""
    for first, data in line_blocks(file):
        yield scan_block(first, data) or scan_lines(first, data)


def scan_block(first: int, data: bytes) -> Block | None:
    """Return the rows of lines that are plain objects, one each; None where any is not."""
    try:
        rows = _objects(data.decode())
    except (ValueError, StopIteration, RecursionError):
        return None
    return None if rows is None else Block(rows, places_from(first, len(rows)))


def _objects(text: str) -> list[Row] | None:
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if not text.endswith("\n"):
        text += "\n"
    scan, end, position, rows = DECODER.scan_once, len(text), 0, []
    while position < end:
        row, position = scan(text, position)
        if text[position] != "\n":
            return None
        rows.append(row)
        position += 1
    # An object over two lines would make fewer rows than lines.
    plain = len(rows) == text.count("\n") and all(type(row) is dict for row in rows)
    return rows if plain else None


def scan_lines(first: int, data: bytes) -> Block:
    """Return the rows of lines taken one by one, with a defect for each that is not an object."""
    rows: list[Row] = []
    places: list[int] = []
    defects: list[Defect] = []
    for number, line in numbered_lines(first, data):
        if not line.strip():
            continue
        found = parse_line(line)
        if isinstance(found, dict):
            rows.append(found)
            places.append(number)
        else:
            reason, detail = found
            defects.append(Defect(reason, number, detail, line.decode(errors="backslashreplace")))
    return Block(rows, np.array(places, dtype=np.int64), tuple(defects))


def parse_line(line: bytes) -> dict[str, Any] | tuple[str, str]:
    """Return the object of a line, or (reason, what is wrong)."""
    try:
        value = DECODER.decode(line.decode())
    except UnicodeDecodeError as exc:
        return "invalid_utf8", not_utf8(exc)
    except json.JSONDecodeError as exc:
        return "malformed_json", f"not valid JSON: {exc.msg} at column {exc.colno}"
    except RecursionError:
        return "malformed_json", "not valid JSON: nested too deep"
    except ValueError as exc:  # an integer of over 4,300 digits
        return "malformed_json", f"not valid JSON: {exc}"
    if isinstance(value, dict):
        return value
    return "not_an_object", f"not an object but {json_type(value)}"


def json_type(value: Any) -> str:
    """Return what JSON calls the type of a value."""
    names = {list: "an array", dict: "an object", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
