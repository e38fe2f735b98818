"""Old answers: those go that no record of a kept run names."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from tasks._answers_writer import connect
from tasks._gc_marks import Marks
from tasks.answers import log_path
from tasks.core.store import Store

_BATCH_ROWS = 20_000


@dataclass(slots=True)
class Answers:
    """The answers from before a time (seconds since 1970), less those that are needed."""

    store: Store
    marks: Marks
    before: float
    path: Path = field(default_factory=log_path)
    _needed: set[str] | None = None

    def counts(self) -> tuple[int, int, int]:
        """Return how many answers there are, how many old ones are needed, how many go."""
        if not self.path.is_file():
            return 0, 0, 0
        with closing(connect(self.path)) as log:
            there, old = log.execute(
                "select count(*), coalesce(sum(created_at < ?), 0) from answers", (self.before,)
            ).fetchone()
            if not old:
                return there, 0, 0
            self._note_needed(log)
            (goes,) = log.execute(f"select count(*) from answers where {_DOOMED}", (self.before,)).fetchone()  # noqa: S608 - our own text
        return there, old - goes, goes

    def delete(self) -> None:
        """Delete what goes, and give its pages back to the disk."""
        if not self.path.is_file():
            return
        with closing(connect(self.path)) as log:
            self._note_needed(log)
            log.execute(f"delete from answers where {_DOOMED}", (self.before,))  # noqa: S608 - our own text
            log.execute("pragma incremental_vacuum").fetchall()

    def _note_needed(self, log: sqlite3.Connection) -> None:
        if self._needed is None:
            self._needed = set(self._named())
        log.execute("create temp table needed (digest text primary key) without rowid")
        log.executemany("insert into needed values (?)", ((key,) for key in self._needed))

    def _named(self) -> Iterator[str]:
        """Yield the digest of each answer that a record of a kept run came from."""
        for _run, stage in self.marks.answers():
            for key in stage["files"]:
                try:
                    path = self.store.local(key)
                except FileNotFoundError:
                    continue
                with pq.ParquetFile(path) as file:
                    for batch in file.iter_batches(_BATCH_ROWS, columns=["extra"]):
                        for extra in batch.column("extra").drop_null().to_pylist():
                            yield from json.loads(extra).get("requests", ())


_DOOMED = "created_at < ? and digest not in (select digest from temp.needed)"
