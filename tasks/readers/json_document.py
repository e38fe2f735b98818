"""A JSON document read as a stream: an array of objects, or one object with such an array under a key.

Only the buffer around the current item is held, so the size of the document does not matter.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from tasks.readers.block import Block, Defect, Row, SourceFile, places_from
from tasks.readers.jsonl import DECODER, json_type
from tasks.readers.stream import BLOCK_BYTES, pieces

_BLOCK_ROWS = 20_000
_SPACE = " \t\r\n"
# The longest token that can stand cut at the end of the buffer: \\ud83d\\ude00.
_CUT_TOKEN = 12
# Objects that hold one of these are records themselves, though its value is an array of objects.
_RECORD_KEYS = ("messages", "conversations", "spans")


class _Cursor:
    """A place in a document of which more is read when the next value does not end in the buffer."""

    def __init__(self, file: SourceFile, size: int) -> None:
        self.file = file
        self.buffer, self.position, self.done = "", 0, False
        self.dropped, self.dropped_lines, self.line_start = 0, 0, 0
        self._pieces = pieces(file, size)
        # What is not UTF-8 comes as lone surrogates, and is told of the item that holds it.
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape").decode

    def more(self) -> None:
        """Read on: as much again as is held, so that a value of n bytes is scanned O(log n) times."""
        self.dropped_lines += self.buffer.count("\n", 0, self.position)
        if (line_end := self.buffer.rfind("\n", 0, self.position)) >= 0:
            self.line_start = self.dropped + line_end + 1
        self.dropped += self.position
        held = [self.buffer[self.position :]]
        wanted = size = len(held[0])
        self.position = 0
        while not self.done and size <= wanted * 2:
            piece = next(self._pieces, b"")
            self.done = not piece
            held.append(self._decode(piece, final=self.done))
            size += len(held[-1])
        self.buffer = "".join(held)

    @property
    def offset(self) -> int:
        """Characters passed since the start of the document."""
        return self.dropped + self.position

    def peek(self) -> str:
        """Return the next character that is not white space, or "" at the end."""
        while True:
            while self.position < len(self.buffer) and self.buffer[self.position] in _SPACE:
                self.position += 1
            if self.position < len(self.buffer) or self.done:
                return self.buffer[self.position : self.position + 1]
            self.more()

    def expect(self, marks: str) -> str:
        """Pass over one of `marks` and return it."""
        mark = self.peek()
        if not mark or mark not in marks:
            self.fail(f"Expecting {' or '.join(repr(m) for m in marks)}", self.position)
        self.position += 1
        return mark

    def key(self) -> str:
        """Pass over a key and its colon and return it."""
        if self.peek() != '"':
            self.fail("Expecting property name enclosed in double quotes", self.position)
        key: str = self.value()
        self.expect(":")
        return key

    def value(self) -> Any:
        """Return the next value, reading on as far as it goes."""
        self.peek()
        while True:
            try:
                value, end = DECODER.scan_once(self.buffer, self.position)
            except StopIteration as exc:
                self._read_on_or_fail("Expecting value", exc.value)
            except json.JSONDecodeError as exc:
                self._read_on_or_fail(exc.msg, exc.pos)
            except RecursionError:
                self.fail("nested too deep", self.position)
            except ValueError as exc:  # an integer of over 4,300 digits
                self.fail(str(exc), self.position)
            else:
                # A number near the end of the buffer may go on: 1 of 1e+5.
                if end + _CUT_TOKEN <= len(self.buffer) or self.done:
                    self.position = end
                    return value
                self.more()

    def _read_on_or_fail(self, message: str, position: int) -> None:
        cut = position >= len(self.buffer) - _CUT_TOKEN or message.startswith("Unterminated string")
        if self.done or not cut:
            self.fail(message, position)
        self.more()

    def fail(self, message: str, position: int) -> None:
        """Raise RecipeError with line and column."""
        line = 1 + self.dropped_lines + self.buffer.count("\n", 0, position)
        line_end = self.buffer.rfind("\n", 0, position)
        column = position - line_end if line_end >= 0 else self.dropped + position - self.line_start + 1
        at_end = " (the file ends there)" if self.done and position >= len(self.buffer) else ""
        self.file.fail(f"not valid JSON: {message} at line {line} column {column}{at_end}")


def blocks(file: SourceFile, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Return the objects of a document, read `size` bytes at a time; their places count the items from 1.

    Of an object the first array of objects is read, under whichever key; a second one is an error, since nobody has
    said which of them is meant. An object without any is one record. Broken JSON is an error even where rows may be
    skipped: what comes after it cannot be found.
    """
    cursor = _Cursor(file, size)
    start = cursor.peek()
    if start == "[":
        yield from _array(cursor)
    elif start == "{":
        yield from _object(cursor)
    elif start:
        file.fail(f"not an array of objects, and not an object: it starts with {start!r}")
    else:
        return
    if cursor.peek():
        hint = "; if it has an object a line, set format: jsonl" if start == "{" else ""
        cursor.fail(f"Extra data{hint}", cursor.position)


def _object(cursor: _Cursor) -> Iterator[Block]:
    cursor.expect("{")
    record: dict[str, Any] = {}
    streamed: str | None = None
    mark = "}" if cursor.peek() == "}" else ","
    while mark == ",":
        key = cursor.key()
        if cursor.peek() == "[" and key not in _RECORD_KEYS:
            cursor.expect("[")
            if cursor.peek() != "{":
                record[key] = [value for values in _items(cursor) for value in values]
            elif streamed is None:
                streamed = key
                yield from _numbered(_items(cursor))
            else:
                cursor.file.fail(f"two arrays of objects, '{streamed}' and '{key}'; keep the one that is meant")
        else:
            record[key] = cursor.value()
        mark = cursor.expect(",}")
    if mark == "}" and not record and streamed is None:
        cursor.expect("}")
    elif streamed is None and list(record.values()) != [[]]:
        yield Block([record], places_from(1, 1))


def _array(cursor: _Cursor) -> Iterator[Block]:
    cursor.expect("[")
    yield from _numbered(_items(cursor))


def _items(cursor: _Cursor) -> Iterator[list[Any]]:
    """Return the values of the array whose `[` has been passed, in lists of bounded size."""
    mark = cursor.expect("]") if cursor.peek() == "]" else ","
    while mark == ",":
        values: list[Any] = []
        start = cursor.offset
        while mark == "," and len(values) < _BLOCK_ROWS and cursor.offset - start < BLOCK_BYTES:
            values.append(cursor.value())
            mark = cursor.expect(",]")
        yield values


def _numbered(lists: Iterator[list[Any]]) -> Iterator[Block]:
    first = 1
    for values in lists:
        yield _block(first, values)
        first += len(values)


def _block(first: int, values: list[Any]) -> Block:
    places = places_from(first, len(values))
    if all(type(value) is dict for value in values):
        return Block(values, places)
    rows: list[Row] = []
    kept: list[int] = []
    defects: list[Defect] = []
    for index, value in enumerate(values):
        if isinstance(value, dict):
            rows.append(value)
            kept.append(index)
        else:
            raw = json.dumps(value, ensure_ascii=False)
            defects.append(Defect("not_an_object", first + index, f"not an object but {json_type(value)}", raw))
    return Block(rows, places[kept], tuple(defects))
