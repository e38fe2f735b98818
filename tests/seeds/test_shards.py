"""Seeds at rest are all there, appear whole, are not read twice, and are found by index in any order."""

import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.core.errors import RecipeError, ShardError
from tasks.core.record import REJECT_SCHEMA, SCHEMA
from tasks.readers.shards import MANIFEST
from tasks.seeds import SeedManifest, SeedReader, digest, load
from tests.builders import write_jsonl
from tests.seeds.reading import COMPRESSED, rows, skipping, source


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """45,000 seeds in shards of 20,000, so of 10,000, 10,000 and 5,000 rows a row group."""
    base = tmp_path_factory.mktemp("many")
    write_jsonl(base / "x.jsonl", [{"text": f"row {number}"} for number in range(45_000)])
    return load(source("x.jsonl"), "many", base, base / "out", 20_000)


@pytest.mark.parametrize("rows_per_shard", [1, 7, 10, 100])
def test_shards_hold_every_record_once_in_order(tmp_path, rows_per_shard):
    lines = [json.dumps({"text": str(number), "n": number}) for number in range(25)]
    lines[3] = lines[20] = "broken"
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    manifest = load(source(skipping("x.jsonl")), "mine", tmp_path, tmp_path / "out", rows_per_shard)
    tables = [pq.read_table(path) for path in manifest.paths]
    assert [table.num_rows for table in tables] == [rows for _name, rows in manifest.shards]
    assert all(table.num_rows == rows_per_shard for table in tables[:-1])
    assert all(table.schema.equals(SCHEMA) for table in tables)
    found = [row for table in tables for row in table.to_pylist()]
    assert [row["row"] for row in found] == [number for number in range(25) if number not in (3, 20)]
    assert [row["shard"] for row in found] == [number // rows_per_shard for number in range(23)]
    assert (manifest.seen, manifest.accepted, manifest.rejected) == (25, 23, {"malformed_json": 2})
    assert manifest.columns == ("n", "text")


def test_rejects_lie_beside_the_shards_with_reason_and_raw_text(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"text":"a"}\nbroken\n7\n')
    manifest = load(source(skipping("x.jsonl")), "mine", tmp_path, tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / manifest.rejects)
    assert table.schema.equals(REJECT_SCHEMA)
    assert table.column("reason").to_pylist() == ["malformed_json", "not_an_object"]
    assert table.column("text").to_pylist() == ["broken", "7"]


def test_no_rejects_no_file(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"text": "a"}])
    assert load(source("x.jsonl"), "mine", tmp_path, tmp_path / "out").rejects is None
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [MANIFEST, "seeds-00000.parquet"]


def test_the_same_source_is_not_read_again(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"text": "a"}])
    first = load(source("x.jsonl"), "mine", tmp_path, tmp_path / "out")
    made = first.paths[0].stat().st_mtime_ns
    assert load(source("x.jsonl"), "mine", tmp_path, tmp_path / "out") == first
    assert first.paths[0].stat().st_mtime_ns == made


def test_a_moved_folder_is_found_where_it_is_now(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"text": "a"}])
    load(source("x.jsonl"), "mine", tmp_path, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    again = load(source("x.jsonl"), "mine", tmp_path, tmp_path / "moved")
    assert SeedReader(again).take(np.array([0])).column("text").to_pylist() == ["a"]


@pytest.mark.parametrize("damage", ["shard", "manifest", "half a manifest", "other digest"])
def test_what_is_gone_is_made_again(tmp_path, damage):
    write_jsonl(tmp_path / "x.jsonl", [{"text": str(number)} for number in range(20)])
    first = load(source("x.jsonl"), "mine", tmp_path, tmp_path / "out", 5)
    manifest = tmp_path / "out" / MANIFEST
    if damage == "shard":
        first.paths[2].unlink()
    elif damage == "manifest":
        manifest.unlink()
    elif damage == "half a manifest":
        manifest.write_text(manifest.read_text()[:40])
    else:
        write_jsonl(tmp_path / "x.jsonl", [{"text": str(number)} for number in range(9)])
    again = load(source("x.jsonl"), "mine", tmp_path, tmp_path / "out", 5)
    assert all(path.is_file() for path in again.paths)
    kept = {path.name for path in (tmp_path / "out").iterdir()}
    assert kept == {MANIFEST, *(path.name for path in again.paths)}


def test_the_bytes_of_shards_are_the_same_every_time(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"text": str(number), "z": 1, "a": [number]} for number in range(200)])
    made = [load(source("x.jsonl"), "mine", tmp_path, tmp_path / name, 70) for name in ("one", "two")]
    one, two = ([path.read_bytes() for path in manifest.paths] for manifest in made)
    assert one == two


def test_a_source_that_fails_leaves_no_manifest_and_no_half_file(tmp_path):
    lines = [json.dumps({"text": f"{number} " * 20}) for number in range(30_000)]
    (tmp_path / "x.jsonl").write_text("broken\n" + "\n".join(lines) + "\nbroken")
    (tmp_path / "x.jsonl.gz").write_bytes(COMPRESSED[".gz"]((tmp_path / "x.jsonl").read_bytes())[:-40])
    with pytest.raises(RecipeError, match=r"x.jsonl.gz: cannot read it: Truncated"):
        load(source(skipping("x.jsonl.gz")), "mine", tmp_path, tmp_path / "out", 7000)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["seeds-00000.parquet", "seeds-00001.parquet"]


def test_no_records_is_an_error_with_the_path(tmp_path):
    (tmp_path / "x.jsonl").write_text("broken\n")
    with pytest.raises(RecipeError, match=r"no records in x.jsonl"):
        load(source(skipping("x.jsonl")), "mine", tmp_path, tmp_path / "out")


def test_killed_at_any_moment_a_load_ends_the_same(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"text": f"{number} " * 20} for number in range(60_000)])
    code = (
        "import sys; from pathlib import Path; from tasks.core.source import SeedSource; from tasks.seeds import load;"
        "print('ready', flush=True);"
        "load(SeedSource(path='x.jsonl'), 'mine', Path(sys.argv[1]), Path(sys.argv[1]) / 'out', 2000)"
    )
    for wait in (0.02, 0.15, 0.3):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        process.communicate()
    manifest = load(source("x.jsonl"), "mine", tmp_path, tmp_path / "out", 2000)
    whole = load(source("x.jsonl"), "mine", tmp_path, tmp_path / "undisturbed", 2000)
    assert [path.read_bytes() for path in manifest.paths] == [path.read_bytes() for path in whole.paths]
    assert not list((tmp_path / "out").glob("*.tmp"))


def test_a_manifest_is_the_same_after_json(many):
    assert SeedManifest.from_json(json.loads(json.dumps(many.to_json()))) == many


@given(indices=st.lists(st.integers(0, 200_000), max_size=40), unsigned=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_take_gives_the_rows_asked_for_in_that_order(many, indices, unsigned):
    found = SeedReader(many).take(np.array(indices, dtype=np.uint64 if unsigned else np.int64))
    assert found.schema.equals(SCHEMA)
    assert found.column("text").to_pylist() == [f"row {index % 45_000}" for index in indices]


def test_take_reads_many_row_groups_at_random(many):
    indices = np.random.default_rng(0).integers(0, 45_000, 30_000)
    found = SeedReader(replace(many)).take(indices).column("text").to_pylist()
    assert found == [f"row {index}" for index in indices]


def test_row_groups_are_small_enough_to_be_picked_from(many):
    meta = [pq.read_metadata(path) for path in many.paths]
    sizes = [[m.row_group(number).num_rows for number in range(m.num_row_groups)] for m in meta]
    assert sizes == [[10_000, 10_000], [10_000, 10_000], [5_000]]


@pytest.mark.parametrize("damage", ["gone", "broken", "short"])
def test_a_shard_that_is_not_what_it_was_is_named(tmp_path, damage):
    write_jsonl(tmp_path / "x.jsonl", [{"text": str(number)} for number in range(20)])
    manifest = load(source("x.jsonl"), "mine", tmp_path, tmp_path / "out", 10)
    if damage == "gone":
        manifest.paths[1].unlink()
    elif damage == "broken":
        manifest.paths[1].write_bytes(b"PAR1")
    else:
        pq.write_table(pq.read_table(manifest.paths[0]).slice(0, 3), manifest.paths[0])
    with pytest.raises(ShardError, match="seeds-00001.parquet" if damage != "short" else "hold 13 of 20 records"):
        SeedReader(manifest)


BASE = {"path": "x.jsonl"}


@pytest.mark.parametrize(
    "change",
    [
        {"columns": {"text": "body"}},
        {"on_error": "skip"},
        {"limit": 1},
        {"format": "jsonl"},
        {"text_mode": "file"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_changes_with_every_option(tmp_path, change):
    write_jsonl(tmp_path / "x.jsonl", [{"text": "a", "body": "b"}])
    assert digest(source(BASE), tmp_path) != digest(source({**BASE, **change}), tmp_path)


def test_the_digest_is_of_the_bytes_and_the_names_not_of_the_folder(tmp_path):
    for place in ("one", "two"):
        write_jsonl(tmp_path / place / "d" / "x.jsonl", [{"text": "a"}])
        write_jsonl(tmp_path / place / "d" / "y.jsonl", [{"text": "b"}])
    one, two = (digest(source("d"), tmp_path / place) for place in ("one", "two"))
    assert one == two == digest(source(str(tmp_path / "one" / "d")), tmp_path)
    write_jsonl(tmp_path / "two" / "d" / "y.jsonl", [{"text": "c"}])
    assert digest(source("d"), tmp_path / "two") != one
    write_jsonl(tmp_path / "one" / "d" / "y.jsonl", [{"text": "b"}])
    (tmp_path / "one" / "d" / "y.jsonl").rename(tmp_path / "one" / "d" / "z.jsonl")
    assert digest(source("d"), tmp_path / "one") != one


def test_the_order_of_a_mapping_does_not_matter_to_the_digest(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"a": "a", "b": "b"}])
    one, two = ({"path": "x.jsonl", "columns": c} for c in ({"text": "a", "label": "b"}, {"label": "b", "text": "a"}))
    assert digest(source(one), tmp_path) == digest(source(two), tmp_path)


def test_reading_twice_gives_the_same_records(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", [{"text": str(number)} for number in range(50)])
    assert rows("x.jsonl", tmp_path) == rows("x.jsonl", tmp_path, batch_rows=7)
