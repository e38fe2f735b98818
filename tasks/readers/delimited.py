"""CSV and TSV with a header: every column text, an empty cell null, a record over several lines counted as one."""

import csv
import io
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.source import SeedSource
from tasks.readers.block import Block, Defect, SourceFile
from tasks.readers.stream import BLOCK_BYTES, line_blocks, not_encodable

_BLOCK_ROWS = 20_000
# A quote that is never closed swallows what follows: at this length the reader calls it an error.
_CELL_CHARACTERS = 64 * 2**20


class _Feed:
    """The lines of a file for csv.reader; it remembers those of the record that is being read.

    Bytes that are not UTF-8 come as lone surrogates, which no Arrow string can hold: there they are found.
    """

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.record: list[str] = []
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for _first, data in line_blocks(self.file):
            # A generator's line splitting would be half the time of reading; StringIO's is C.
            for line in io.StringIO(data.decode(errors="surrogateescape"), newline="\n"):
                self.record.append(line)
                self.characters += len(line)
                yield line

    def take(self) -> str:
        """Return the lines of the record so far, and start the next one."""
        raw = "".join(self.record).rstrip("\r\n")
        self.record.clear()
        return raw


def blocks(file: SourceFile, source: SeedSource) -> Iterator[Block]:
    """Return the records of a file as text columns; RecipeError where the header is not one."""
    csv.field_size_limit(_CELL_CHARACTERS)
    feed = _Feed(file)
    lines = iter(feed)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        return
    blank = len(feed.record) - 1
    delimiter = source.delimiter or _delimiter(file, first)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, quotechar=source.quote, strict=True)
    try:
        header = _header(file, next(reader))
    except csv.Error as exc:
        file.fail(f"not valid CSV: {exc}", blank + 1)
    feed.take()
    yield from _blocks(reader, feed, header, blank)


def _delimiter(file: SourceFile, header: str) -> str:
    names = file.path.name.lower().split(".")
    if "tsv" in names[1:]:
        return "\t"
    return next((mark for mark in ",;\t|" if mark in header), ",")


def _header(file: SourceFile, names: list[str]) -> list[str]:
    names = [name.strip() or f"column_{number}" for number, name in enumerate(names, start=1)]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        file.fail(f"column '{twice}' appears twice in the header: {', '.join(names)}")
    if (detail := not_encodable("".join(names))) is not None:
        file.fail(f"header {detail}")
    return names


def _blocks(reader: "csv._reader", feed: _Feed, header: list[str], blank: int) -> Iterator[Block]:
    rows: list[list[str]] = []
    places: list[int] = []
    defects: list[Defect] = []
    while True:
        place = reader.line_num + blank + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as exc:
            defects.append(Defect("malformed_csv", place, f"not valid CSV: {exc}", feed.take()))
        else:
            if len(row) == len(header):
                rows.append(row)
                places.append(place)
                feed.record.clear()
            elif row:
                detail = f"{len(row)} cells, but the header has {len(header)}"
                defects.append(Defect("ragged_row", place, detail, feed.take()))
            else:
                feed.record.clear()
        if len(rows) + len(defects) >= _BLOCK_ROWS or feed.characters > BLOCK_BYTES:
            yield _block(header, rows, places, defects)
            rows, places, defects, feed.characters = [], [], [], 0
    if rows or defects:
        yield _block(header, rows, places, defects)


def _block(header: list[str], rows: list[list[str]], places: list[int], defects: list[Defect]) -> Block:
    try:
        batch = _batch(header, rows)
    except UnicodeEncodeError:
        details = [not_encodable("".join(row)) for row in rows]
        good = [number for number, detail in enumerate(details) if detail is None]
        defects = defects + [
            Defect("invalid_utf8", place, detail, "\x1f".join(row))
            for row, place, detail in zip(rows, places, details, strict=True)
            if detail is not None
        ]
        batch = _batch(header, [rows[number] for number in good])
        places = [places[number] for number in good]
    return Block(batch, np.array(places, dtype=np.int64), tuple(defects))


def _batch(header: list[str], rows: list[list[str]]) -> pa.RecordBatch:
    columns = [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)] or [pa.nulls(0, pa.string())] * len(
        header
    )
    nothing = pa.scalar(None, pa.string())
    return pa.RecordBatch.from_arrays([pc.if_else(pc.equal(cells, ""), nothing, cells) for cells in columns], header)
