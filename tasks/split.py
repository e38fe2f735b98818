"""Seeds cut in two: what methods see, and what is held out to measure them by."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import UserError, choices
from tasks.core.record import fingerprints
from tasks.core.source import SeedSource
from tasks.readers.shards import SeedBatches, SeedManifest
from tasks.seeds import check_source

MIN_SEEDS = 20


def texts_of(seeds: str, column: str | None) -> SeedSource:
    """Return the source of seeds that are to be compared on, their texts in `column`, or in `text`.

    UserError where the first rows have none: before anything is run.
    """
    source = SeedSource.model_validate({"path": seeds, "columns": {"text": column} if column else {}})
    names = check_source(source, Path()).names
    if "text" not in names:
        have = choices("text", set(names) - {"id", "kind"})
        raise UserError(f"seeds '{seeds}' have no column 'text'{have}; say which it is: --text-column NAME")
    return source


def split(seeds: SeedManifest, share: float, folder: Path) -> tuple[Path, list[str], list[str]]:
    """Return a Parquet file of the training part in `folder`, its texts, and those of the held-out part.

    Which part a seed is in follows from its id alone: more seeds, the same choice. UserError under 20 texts in all, or
    where a part would be empty.
    """
    if not 0 < share < 1:
        raise UserError(f"holdout {share} is outside (0, 1): a share of the seeds, e.g. 0.2")
    table = pa.Table.from_batches(list(SeedBatches(seeds)))
    table = table.filter(table.column("text").is_valid())
    if table.num_rows < MIN_SEEDS:
        raise UserError(f"seeds '{seeds.name}' have {table.num_rows} texts; at least {MIN_SEEDS} are needed to compare")
    held = fingerprints(table.column("id")).astype(np.float64) / 2.0**64 < share
    if held.all() or not held.any():
        raise UserError(f"holdout {share} leaves {int(held.sum())} of {table.num_rows} seeds held out; choose another")
    training = table.filter(pa.array(~held))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "training.parquet"
    given = [name for name in training.schema.names if training.column(name).null_count < training.num_rows]
    wanted = [name for name in given if name in {"kind", "text", "target", "label", "spans", "messages", "extra"}]
    pq.write_table(training.select(wanted), path)
    return path, training.column("text").to_pylist(), table.filter(pa.array(held)).column("text").to_pylist()
