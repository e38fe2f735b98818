"""Plain text: a record a line, or a record a file."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from tasks.readers.block import Block, Defect, SourceFile, places_from
from tasks.readers.stream import line_blocks, not_utf8, numbered_lines, pieces

# Arrow's string arrays count bytes in int32.
_FILE_BYTES = 2**30


def lines(file: SourceFile) -> Iterator[Block]:
    """Return the lines of a file as the column `text`, without their ends; blank lines are passed over."""
    for first, data in line_blocks(file):
        try:
            yield _whole(first, data.decode())
        except UnicodeDecodeError:
            yield _one_by_one(first, data)


def _whole(first: int, text: str) -> Block:
    found = text.replace("\r\n", "\n").split("\n")
    kept = np.array([bool(line) and not line.isspace() for line in found], dtype=np.bool_)
    array = pa.array(found, pa.string()).filter(pa.array(kept))
    return Block(_as_column(array), places_from(first, len(found))[kept])


def _one_by_one(first: int, data: bytes) -> Block:
    good: list[str] = []
    places: list[int] = []
    defects: list[Defect] = []
    for number, line in numbered_lines(first, data):
        try:
            text = line.decode()
        except UnicodeDecodeError as exc:
            defects.append(Defect("invalid_utf8", number, not_utf8(exc), line.decode(errors="backslashreplace")))
            continue
        if text and not text.isspace():
            good.append(text)
            places.append(number)
    return Block(_as_column(pa.array(good, pa.string())), np.array(places, dtype=np.int64), tuple(defects))


def whole_file(file: SourceFile) -> Iterator[Block]:
    r"""Return a file's text as one row of the column `text`, line ends made `\n`; nothing for a blank file."""
    data = bytearray()
    for piece in pieces(file):
        data += piece
        if len(data) > _FILE_BYTES:
            file.fail("a record of over 1 GiB; set text_mode: line")
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        line = 1 + data.count(b"\n", 0, exc.start)
        detail = f"not UTF-8: byte 0x{data[exc.start]:02x} at byte {exc.start + 1} of the file"
        defect = Defect("invalid_utf8", line, detail, data.decode(errors="backslashreplace"))
        yield Block([], places_from(1, 0), (defect,))
        return
    if text and not text.isspace():
        yield Block(_as_column(pa.array([text], pa.string())), places_from(1, 1))


def _as_column(array: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([array], names=["text"])
