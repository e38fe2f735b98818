"""What every store keeps to, in a folder and in a bucket, whoever's server has that."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.core.errors import UserError
from tasks.core.store import Store
from tasks.stores.factory import open_store
from tasks.stores.sweep import sweepable


@pytest.fixture(params=["folder", "bucket", pytest.param("swift_bucket", marks=pytest.mark.slow)])
def store(request, tmp_path) -> Store:
    if request.param == "folder":
        return open_store(tmp_path / "store")
    return open_store(f"s3://{request.getfixturevalue(request.param)}/some/prefix")


def test_value_is_read_as_it_was_written(store):
    """By bytes, as a file, and in the listing; what is not there is said in the way the protocol says."""
    assert isinstance(store, Store)
    assert not store.exists("a/b.bin")
    for missing in (store.read, store.local):
        with pytest.raises(FileNotFoundError):
            missing("a/b.bin")
    store.write("a/b.bin", b"\0\xff" * 100)
    assert store.exists("a/b.bin")
    assert store.read("a/b.bin") == store.local("a/b.bin").read_bytes() == b"\0\xff" * 100
    store.write("a/empty", b"")
    assert store.read("a/empty") == store.local("a/empty").read_bytes() == b""


def test_value_is_replaced(store):
    """Also for one who has the earlier one as a file."""
    store.write("x", b"old")
    assert store.local("x").read_bytes() == b"old"
    store.write("x", b"new")
    assert store.read("x") == store.local("x").read_bytes() == b"new"


def test_listing_is_sorted_and_ends_at_its_folder(store):
    """`ab` is not below `a`."""
    for key in ("a/2", "a/10", "ab/1", "a/b/c", "a/é", "a/Z"):
        store.write(key, b"1")
    assert list(store.list("a")) == ["a/10", "a/2", "a/Z", "a/b/c", "a/é"]
    assert list(store.list("nothing")) == []
    assert "ab/1" in list(store.list(""))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_writer_that_dies_leaves_nothing(store, error):
    """Neither the value nor a part of it, and a value that was there stays."""
    store.write("kept", b"whole")

    def half(key: str) -> None:
        with store.writing(key) as path:
            path.write_bytes(b"half")
            raise error

    for key in ("new", "kept"):
        with pytest.raises(error):
            half(key)
    assert list(store.list("")) == ["kept"]
    assert store.read("kept") == b"whole"


def test_file_that_was_written_is_there_for_others(store):
    """What `writing` puts, another store on the same place reads."""
    with store.writing("deep/er/file.parquet") as path:
        path.write_bytes(b"x" * 1000)
        assert not store.exists("deep/er/file.parquet")
    assert store.local("deep/er/file.parquet").read_bytes() == b"x" * 1000
    assert store.local("deep/er/file.parquet").name.endswith("file.parquet")


def test_key_that_leaves_the_store_is_refused(store):
    """A key from data cannot reach outside, whatever is done with it."""
    for key in ("../out", "/etc/passwd", "a/../../b", ".."):
        for use in (store.read, store.exists, store.local, lambda key: store.write(key, b"")):
            with pytest.raises(UserError, match=r"relative and without '\.\.'"):
                use(key)


def test_many_writers_of_one_key_leave_one_whole_value(store):
    """Eight threads at once, each with its own bytes."""
    values = [bytes([n]) * 5000 for n in range(8)]
    with ThreadPoolExecutor(len(values)) as pool:
        list(pool.map(lambda value: store.write("same", value), values))
    assert store.read("same") in values
    assert list(store.list("")) == ["same"]


def test_values_are_swept_with_their_sizes(store):
    """Housekeeping sees key, bytes and age; deleting is repeatable."""
    for number in range(20):
        store.write(f"shards/{number:02d}", b"x" * number)
    found = {item.key: item.bytes for item in sweepable(store).stored("shards")}
    assert found == {f"shards/{number:02d}": number for number in range(20)}
    for _ in range(2):
        sweepable(store).delete([key for key in found if key != "shards/07"])
    assert list(store.list("")) == ["shards/07"]


_part = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"], exclude_characters="/\\"), min_size=1)


_keys = st.lists(_part.filter(lambda part: not part.startswith(".")), min_size=1, max_size=3)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_keys.filter(lambda parts: max(len(part.encode()) for part in parts) < 200), st.binary(max_size=100))
def test_any_sensible_key_comes_back_as_it_is(store, parts, value):
    """Spaces, quotes, percent signs and letters of every script; keys of one depth, as a folder cannot be a file."""
    key = "/".join([f"any{len(parts)}", *parts])
    store.write(key, value)
    assert store.read(key) == value
    assert key in list(store.list(f"any{len(parts)}"))
    sweepable(store).delete([key])
