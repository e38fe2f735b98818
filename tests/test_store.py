import os

import pytest

from tasks.core.errors import UserError
from tasks.core.store import Store
from tasks.stores.local import LocalStore


def test_value_appears_whole_or_not_at_all(tmp_path):
    """A writer that dies leaves neither the value nor its temporary file."""
    store = LocalStore(tmp_path)

    def half() -> None:
        with store.writing("a/b.txt") as path:
            path.write_text("half")
            assert not store.exists("a/b.txt")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert not store.exists("a/b.txt")
    assert list(tmp_path.rglob("*.*")) == []


def test_value_is_replaced_and_listed(tmp_path):
    """Writing again replaces; listing is sorted and leaves temporary files out."""
    store = LocalStore(tmp_path)
    store.write("x/2", b"old")
    store.write("x/2", b"new")
    store.write("x/1", b"one")
    (tmp_path / "x" / ".2.part").write_text("left by a killed process")
    assert store.read("x/2") == b"new"
    assert list(store.list("x")) == ["x/1", "x/2"]
    assert store.local("x/1").read_bytes() == b"one"


@pytest.mark.parametrize("key", ["../out", "/etc/passwd", "a/../../b"])
def test_key_that_leaves_the_store_is_refused(tmp_path, key):
    """A key from data cannot reach outside."""
    with pytest.raises(UserError, match=r"relative and without '\.\.'"):
        LocalStore(tmp_path).write(key, b"")


def test_missing_value_is_file_not_found(tmp_path):
    """What is not there is said in the way the protocol says."""
    with pytest.raises(FileNotFoundError):
        LocalStore(tmp_path).local("nothing")
    assert isinstance(LocalStore(tmp_path), Store)


def test_disk_full_is_one_line_for_the_user(tmp_path):
    """ENOSPC names the folder and says that the same command goes on."""
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("no /dev/full on this system")
    store = LocalStore(tmp_path)

    def fill() -> None:
        with store.writing("a") as path:
            path.unlink()
            path.symlink_to("/dev/full")
            path.write_bytes(b"x" * 10)

    with pytest.raises(UserError, match="no space left"):
        fill()
    assert not store.exists("a")
