"""A release in a bucket is whole as soon as it has a manifest."""

import json
from pathlib import Path

import pytest

from tasks.core.errors import UserError
from tasks.stores import _s3_calls
from tasks.stores.factory import open_store
from tasks.stores.upload import claim_place, outbox, upload_release, url_of


@pytest.fixture
def release(tmp_path):
    """Write a finished release of some files and return its folder."""

    def write(**files: bytes) -> Path:
        folder = tmp_path / f"release-{len(list(tmp_path.iterdir()))}"
        for name, value in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(value)
        (folder / "manifest.json").write_text(json.dumps(sorted(files)))
        return folder

    return write


def test_release_is_uploaded_manifest_last(bucket, release):
    """Whoever looks sees no manifest before every file is there."""
    url, order = f"s3://{bucket}/sets/one", []
    events = _s3_calls.client().meta.events

    def note(params, **_):
        order.append(params["Key"])

    events.register("provide-client-params.s3.PutObject", note)
    try:
        upload_release(release(**{"data__a.parquet": b"1", "README.md": b"2"}), url, "id")
    finally:
        events.unregister("provide-client-params.s3.PutObject", note)
    assert order[-1] == "sets/one/manifest.json"
    store = open_store(url)
    assert list(store.list("")) == [".tilth/run.json", "README.md", "data/a.parquet", "manifest.json"]
    assert store.read("data/a.parquet") == b"1"


def test_same_release_again_sends_nothing_twice(bucket, release):
    """An upload that was killed goes on: what is there, byte for byte, stays."""
    url, sent = f"s3://{bucket}/sets/one", []
    folder = release(**{"data__a.parquet": b"1" * 100, "data__b.parquet": b"2" * 100})
    upload_release(folder, url, "id")
    open_store(url).delete(["manifest.json", "data/b.parquet"])
    events = _s3_calls.client().meta.events

    def note(params, **_):
        sent.append(params["Key"].rpartition("/")[2])

    events.register("provide-client-params.s3.PutObject", note)
    try:
        upload_release(folder, url, "id")
    finally:
        events.unregister("provide-client-params.s3.PutObject", note)
    assert sorted(sent) == ["b.parquet", "manifest.json", "run.json"]


def test_new_release_takes_the_place_of_the_old(bucket, release):
    """Files of the old one go; files that are not Tilth's stay."""
    url = f"s3://{bucket}/sets/one"
    upload_release(release(**{"data__a.parquet": b"1", "data__old.parquet": b"1", "docs__x.html": b"h"}), url, "id")
    open_store(url).write("notes.txt", b"mine")
    upload_release(release(**{"data__a.parquet": b"new"}), url, "other")
    keys = list(open_store(url).list(""))
    assert keys == [".tilth/run.json", "data/a.parquet", "manifest.json", "notes.txt"]
    assert open_store(url).read("data/a.parquet") == b"new"


def test_place_that_holds_another_run_is_refused(bucket, release):
    """Before anything is spent, and with what to add."""
    url, neither = f"s3://{bucket}/sets/one", {"resume": False, "overwrite": False}
    folder, partial = claim_place(url, "id", **neither)
    assert folder == outbox(url)
    assert partial.is_dir()
    upload_release(release(**{"data__a.parquet": b"1"}), url, "id")
    claim_place(url, "id", **neither)
    claim_place(url, "other", resume=False, overwrite=True)
    with pytest.raises(UserError, match=r"'s3://tilth-test/sets/one' holds a finished run; add --resume or --overwr"):
        claim_place(url, "other", **neither)


def test_folder_is_claimed_as_ever(tmp_path):
    """What is no address is a folder, with its own rules."""
    folder, partial = claim_place(tmp_path / "out", "id", resume=False, overwrite=False)
    assert folder == tmp_path / "out"
    assert partial.is_relative_to(folder)
    with pytest.raises(UserError, match="holds another run"):
        claim_place(str(tmp_path / "out"), "other", resume=False, overwrite=False)


@pytest.mark.parametrize(
    ("out", "url"),
    [("s3://b/x/", "s3://b/x"), (Path("s3://b/x"), "s3://b/x"), ("out/s3", None), (Path("/s3:/x"), None)],
)
def test_address_is_known_also_as_a_path(out, url):
    """A command line's path type takes one slash away."""
    assert url_of(out) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [("s3://tilth-test", "is a whole bucket; write s3://bucket/prefix"), ("out/here", "names no bucket")],
)
def test_place_that_is_no_prefix_is_refused(bucket, release, url, said):
    """A release has its prefix to itself."""
    with pytest.raises(UserError, match=said):
        upload_release(release(**{"data__a.parquet": b"1"}), url, "id")


def test_folder_without_a_manifest_is_no_release(bucket, tmp_path):
    """Nothing is put, and nothing is taken away."""
    with pytest.raises(UserError, match="holds no finished release"):
        upload_release(tmp_path, f"s3://{bucket}/sets/one", "id")


def test_outbox_of_an_address_is_always_the_same(home):
    """So that a run that was killed goes on; a slash at the end is no other place."""
    assert outbox("s3://bucket/x") == outbox("s3://bucket/x/") != outbox("s3://bucket/y")
