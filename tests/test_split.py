"""Seeds cut in two."""

import pyarrow.parquet as pq
import pytest

from tasks.core.errors import UserError
from tasks.core.source import SeedSource
from tasks.seeds import load
from tasks.split import split
from tests.builders import write_jsonl


def loaded(tmp_path, rows):
    path = write_jsonl(tmp_path / "seeds.jsonl", rows)
    return load(SeedSource(path=str(path)), "seeds", tmp_path, tmp_path / "shards")


def test_parts_are_disjoint_and_whole(tmp_path):
    """Every seed is in one part, labels go along, and the same seeds are split the same way."""
    seeds = loaded(tmp_path, [{"text": f"Text number {n}.", "label": "a"} for n in range(200)])
    path, training, held_out = split(seeds, 0.25, tmp_path / "a")
    assert set(training) | set(held_out) == {f"Text number {n}." for n in range(200)}
    assert not set(training) & set(held_out)
    assert 25 <= len(held_out) <= 75
    assert pq.read_table(path).column("label").to_pylist() == ["a"] * len(training)
    assert split(seeds, 0.25, tmp_path / "b")[1:] == (training, held_out)


@pytest.mark.parametrize(
    ("count", "share", "message"),
    [(19, 0.2, "have 19 texts; at least 20"), (50, 1.0, r"holdout 1.0 is outside \(0, 1\)"), (50, 0.00001, "0 of 50")],
)
def test_split_that_cannot_be_is_refused(tmp_path, count, share, message):
    """One line that names the value."""
    with pytest.raises(UserError, match=message):
        split(loaded(tmp_path, [{"text": f"Text number {n}."} for n in range(count)]), share, tmp_path / "a")
