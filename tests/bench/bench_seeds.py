"""Rows a second of reading seeds, beside pandas and datasets on the same file."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np

from tasks.core.source import SeedSource
from tasks.seeds import SeedReader, load, read
from tests.bench.measure import Row, rate, row

ROWS = 200_000
WORDS = np.array(["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "then", "stops"])


def bench() -> list[Row]:
    """Return the rates for simple JSON lines, JSON lines with four more columns, CSV, and picking seeds by index."""
    with tempfile.TemporaryDirectory() as name, _quiet():
        folder = Path(name)
        simple, rich, table = _write(folder)
        return [
            row("seeds: read JSONL rows of text and label / pandas", _read(simple), _pandas(simple), "-"),
            row("seeds: read JSONL rows of 6 columns / pandas", _read(rich), _pandas(rich), "-"),
            row("seeds: read CSV rows / pandas", _read(table), _pandas(table), "-"),
            row("seeds: JSONL into shards / datasets into its cache", _load(simple), _datasets(simple), "-"),
            row("seeds: pick 20,000 records at random / datasets", *_picks(simple), "-"),
        ]


def _write(folder: Path) -> tuple[Path, Path, Path]:
    picked = np.random.default_rng(0).choice(WORDS, (ROWS, 12))
    rows = [
        {"text": " ".join(words), "label": ("pos", "neg")[number % 2]} for number, words in enumerate(picked.tolist())
    ]
    more = [{**one, "n": n, "score": n / 7, "site": "web", "url": f"http://x.y/{n}"} for n, one in enumerate(rows)]
    simple, rich, table = folder / "simple.jsonl", folder / "rich.jsonl", folder / "table.csv"
    simple.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    rich.write_text("".join(json.dumps(one) + "\n" for one in more), encoding="utf-8")
    table.write_text("text,label\n" + "".join(f"{one['text']},{one['label']}\n" for one in rows), encoding="utf-8")
    return simple, rich, table


def _read(path: Path) -> float:
    def run() -> int:
        return sum(part.records.num_rows for part in read(SeedSource(path=path.name), path.parent))

    return rate(run, ROWS)


def _pandas(path: Path) -> float:
    import pandas as pd

    run: Callable[[], object] = (
        (lambda: pd.read_csv(path)) if path.suffix == ".csv" else (lambda: pd.read_json(path, lines=True))
    )
    return rate(run, ROWS)


def _load(path: Path) -> float:
    places = (path.parent / f"shards-{number}" for number in count())
    return rate(lambda: load(SeedSource(path=path.name), "bench", path.parent, next(places)), ROWS)


def _cached(path: Path, cache: Path) -> object:
    from datasets import load_dataset

    return load_dataset("json", data_files=str(path), cache_dir=str(cache), split="train")


def _datasets(path: Path) -> float:
    places = (path.parent / f"cache-{number}" for number in count())
    return rate(lambda: _cached(path, next(places)), ROWS)


def _picks(path: Path) -> tuple[float, float]:
    indices = np.random.default_rng(0).integers(0, ROWS, 20_000)
    reader = SeedReader(load(SeedSource(path=path.name), "bench", path.parent, path.parent / "picks"))
    dataset = _cached(path, path.parent / "picks-cache").with_format("arrow")
    return rate(lambda: reader.take(indices), len(indices)), rate(lambda: dataset[indices], len(indices))


@contextmanager
def _quiet() -> Iterator[None]:
    import datasets

    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.enable_progress_bars()


if __name__ == "__main__":
    for line in bench():
        print(line)
