"""Seeds in a bucket: what is read is what a folder with the same files gives."""

import gzip

import pytest

from tasks.core.errors import RecipeError
from tasks.core.source import SeedSource
from tasks.readers.s3 import local_source
from tasks.seeds import check_source, digest, load, read
from tasks.stores import _s3_calls

ROWS = {
    "in/a.jsonl": b'{"text": "The kettle hums."}\n{"text": "The lamp is dark."}\n',
    "in/deep/b.txt": b"One line.\nAnother line.\n",
    "in/deep/c.jsonl.gz": gzip.compress(b'{"text": "Packed."}\n', mtime=0),
    "in/deep/er/d.jsonl": b'{"text": "Deeper."}\n',
    "in/picture.png": b"\x89PNG",
    "in/.hidden.jsonl": b'{"text": "hidden"}\n',
    "inside/x.jsonl": b'{"text": "elsewhere"}\n',
}


@pytest.fixture
def seeded(bucket) -> str:
    for key, body in ROWS.items():
        _s3_calls.client().put_object(Bucket=bucket, Key=key, Body=body)
    return bucket


def texts(source: SeedSource, base) -> list[str]:
    return [row["text"] for part in read(source, base) for row in part.records.to_pylist()]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("in", ["The kettle hums.", "The lamp is dark.", "One line.", "Another line.", "Packed.", "Deeper."]),
        ("in/", ["The kettle hums.", "The lamp is dark.", "One line.", "Another line.", "Packed.", "Deeper."]),
        ("in/a.jsonl", ["The kettle hums.", "The lamp is dark."]),
        ("in/*.jsonl", ["The kettle hums.", "The lamp is dark."]),
        ("in/**/*.jsonl*", ["The kettle hums.", "The lamp is dark.", "Packed.", "Deeper."]),
        ("in/d??p/*", ["One line.", "Another line.", "Packed."]),
    ],
)
def test_object_prefix_and_glob_are_read(seeded, tmp_path, path, expected):
    """In the order of a folder; what is no data, hidden, or beside the prefix is left alone."""
    source = local_source(SeedSource(path=f"s3://{seeded}/{path}"))
    assert texts(source, tmp_path) == expected
    assert check_source(source, tmp_path).columns == ("text",)


def test_digest_is_that_of_a_folder_with_the_same_files(seeded, tmp_path):
    """So that what was made of a folder is not made again of the bucket."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(ROWS["in/a.jsonl"])
    here = SeedSource(path="in/a.jsonl")
    there = local_source(SeedSource(path=f"s3://{seeded}/in/a.jsonl"))
    assert digest(there, tmp_path) == digest(here, tmp_path)
    assert load(there, "seeds", tmp_path, tmp_path / "out").accepted == 2


def test_version_is_fetched_once_and_a_new_one_anew(seeded, tmp_path):
    """By ETag: unchanged objects stay, and a source that was resolved stays what it was."""
    wanted = SeedSource(path=f"s3://{seeded}/in")
    first = local_source(wanted)
    assert local_source(wanted).path == first.path
    _s3_calls.client().put_object(Bucket=seeded, Key="in/a.jsonl", Body=b'{"text": "New."}\n')
    second = local_source(wanted)
    assert second.path != first.path
    assert texts(second, tmp_path)[0] == "New."
    assert texts(first, tmp_path)[0] == "The kettle hums."


def test_check_fetches_only_the_first_files(seeded):
    """A check of a prefix with thousands of objects stays cheap."""
    from pathlib import Path

    source = local_source(SeedSource(path=f"s3://{seeded}/in"), first=1)
    assert [path.name for path in Path(source.path).rglob("*") if path.is_file()] == ["a.jsonl"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "s3://tilth-test/in/b.jsonl",
            r"no seed files at 's3://tilth-test/in/b.jsonl'; s3://tilth-test/in has: s3://til",
        ),
        (
            "s3://tilth-test/in/*.csv",
            r"no seed files at .*in/\*\.csv'; s3://tilth-test/in has: s3://tilth-test/in/\.hid",
        ),
        ("s3://nobody-has-this/in", r"there is no bucket 'nobody-has-this'"),
        ("s3://UPPER/in", r"names no bucket"),
    ],
    ids=["object", "glob", "bucket", "address"],
)
def test_address_with_nothing_behind_it_is_refused(seeded, url, said):
    """In one line, with what is there."""
    with pytest.raises(RecipeError, match=said):
        local_source(SeedSource(path=url))


def test_object_with_a_name_that_leads_elsewhere_stays_out(seeded, tmp_path):
    """A key with `..` is no file of this machine."""
    _s3_calls.client().put_object(Bucket=seeded, Key="in/../../evil.jsonl", Body=b'{"text": "evil"}\n')
    assert "evil" not in texts(local_source(SeedSource(path=f"s3://{seeded}/in")), tmp_path)


def test_source_that_is_not_in_a_bucket_is_left_as_it_is():
    """Nothing is asked of anybody."""
    source = SeedSource(path="seeds.jsonl")
    assert local_source(source) is source
