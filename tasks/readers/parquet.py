"""Parquet: batches of a file, and the plain Arrow types that the rest of the reader knows."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.readers.block import Block, SourceFile, places_from

_BATCH_ROWS = 8192


def blocks(file: SourceFile) -> Iterator[Block]:
    """Return the rows of a Parquet file, decoded a few thousand at a time."""
    try:
        # Without pre_buffer the pages of a row group are read as they are needed, not all at once.
        with pq.ParquetFile(file.path, pre_buffer=False, buffer_size=2**20) as source:
            yield from batches(file, source.iter_batches(batch_size=_BATCH_ROWS))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as exc:
        file.fail(f"not a readable Parquet file: {exc}")
    except OSError as exc:
        file.fail(f"cannot read it: {exc.strerror or exc}")


def batches(file: SourceFile, found: Iterator[pa.RecordBatch]) -> Iterator[Block]:
    """Return Arrow batches as blocks, numbered from row 1."""
    first = 1
    for batch in found:
        names = batch.schema.names
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            file.fail(f"column '{twice}' appears twice: {', '.join(names)}")
        yield Block(batch, places_from(first, batch.num_rows))
        first += batch.num_rows
