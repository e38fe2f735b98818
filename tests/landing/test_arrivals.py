"""Files that land in a folder: left alone until whole, read once, kept whatever becomes of them."""

import os
import time

import pytest

from tasks.core.errors import RecipeError, UserError
from tasks.landing import keeping
from tasks.landing.arrivals import look, take
from tasks.landing.keeping import content, kept_name
from tasks.landing.ledger import Ledger
from tasks.landing.mapping import load_landing
from tasks.landing.sources import ChangedError, Folder

GOOD = b'{"text": "The kettle hums."}\n'


@pytest.fixture
def ledger(home):
    """These claims do not depend on the database: SQLite will do."""
    ledger = Ledger()
    yield ledger
    ledger.close()


@pytest.fixture
def landing(write_landing):
    return load_landing(write_landing())


@pytest.fixture
def folder(landing, tmp_path):
    return tmp_path / "landing"


def still(landing, ledger):
    """Look, let the files be still for long enough, and look again."""
    look(landing, ledger)
    time.sleep(landing.settle_s + 0.05)
    return look(landing, ledger)


def test_file_is_entered_once_it_was_still(landing, ledger, folder):
    """Seen at the first look, entered at the second, and never again."""
    (folder / "a.jsonl").write_bytes(GOOD)
    assert (look(landing, ledger).waiting, ledger.entries()) == (1, [])
    assert still(landing, ledger).new == 1
    assert still(landing, ledger).new == 0
    (entry,) = ledger.entries()
    assert (entry.state, entry.route, entry.uri) == ("landed", "texts", (folder / "a.jsonl").as_uri())


def test_file_that_grows_is_left_alone(landing, ledger, folder):
    """As long as size or time change between looks, it is not read; then it is, whole."""
    path = folder / "slow.jsonl"
    for part in range(4):
        with path.open("ab") as file:
            file.write(GOOD[part * 7 : (part + 1) * 7 if part < 3 else None])
        assert look(landing, ledger).new == 0
        time.sleep(0.1)
    assert still(landing, ledger).new == 1
    assert content(ledger.entries()[0], landing, ledger).read_bytes() == GOOD


def test_marker_says_that_a_file_is_whole(write_landing, ledger, tmp_path):
    """With FILE.done nothing is waited for; where markers are required, nothing is read without one."""
    landing = load_landing(write_landing(settle_s=60, sources={"folder": {"path": "landing", "whole": "marker"}}))
    (tmp_path / "landing" / "a.jsonl").write_bytes(GOOD)
    assert look(landing, ledger).new == 0
    (tmp_path / "landing" / "a.jsonl.done").touch()
    assert look(landing, ledger).new == 1
    assert [entry.name for entry in ledger.entries()] == ["a.jsonl"]


@pytest.mark.parametrize(
    "name", [".hidden.jsonl", "a.jsonl.part", "a.jsonl.tmp", "b.jsonl.crdownload", ".git/a.jsonl", "a.jsonl~"]
)
def test_unfinished_and_hidden_files_do_not_count(landing, ledger, folder, name):
    """What its name calls unfinished is not even looked at."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(GOOD)
    assert look(landing, ledger).listed == 0


def test_links_and_pipes_are_not_files_that_land(landing, ledger, folder, tmp_path):
    """A link could name any file of the machine; a pipe would never end."""
    (folder / "link.jsonl").symlink_to(tmp_path / "example.jsonl")
    (folder / "dir.jsonl").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.jsonl")
    assert look(landing, ledger).listed == 0


def test_same_content_under_three_names_is_one_entry(landing, ledger, folder):
    """Three files, one content."""
    for name in ("a.jsonl", "b.jsonl", "sub/c.jsonl"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(GOOD)
    assert still(landing, ledger).new == 1
    assert len(ledger.uris(ledger.entries()[0])) == 3


def test_file_written_anew_is_a_new_content(landing, ledger, folder):
    """Another version under the same name; the entry of the first stays."""
    (folder / "a.jsonl").write_bytes(GOOD)
    still(landing, ledger)
    (folder / "a.jsonl").write_bytes(GOOD * 2)
    assert still(landing, ledger).new == 1
    assert len(ledger.entries()) == 2


def test_entered_content_outlives_its_file(landing, ledger, folder):
    """Deleted or overwritten after it was entered: the run still reads what landed."""
    (folder / "a.jsonl").write_bytes(GOOD)
    still(landing, ledger)
    (entry,) = ledger.entries()
    (folder / "a.jsonl").write_bytes(b"other")
    assert content(entry, landing, ledger).read_bytes() == GOOD


def test_content_that_is_not_kept_is_fetched_again_by_its_digest(landing, ledger, folder):
    """Another machine has nothing kept: it reads the URI that still holds these bytes, and no other."""
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).write_bytes(GOOD)
    still(landing, ledger)
    (entry,) = ledger.entries()
    keeping.drop(entry.digest)
    (folder / "a.jsonl").write_bytes(b"other")
    assert content(entry, landing, ledger).read_bytes() == GOOD
    keeping.drop(entry.digest)
    (folder / "b.jsonl").unlink()
    with pytest.raises(UserError, match=r"no file holds this content any more; it landed as 'file://.*a.jsonl'"):
        content(entry, landing, ledger)


def test_file_that_changes_while_it_is_read_is_not_entered(folder):
    """The bytes read would be of two versions: ChangedError, and nothing is kept."""
    (folder / "a.jsonl").write_bytes(GOOD)
    source = Folder("folder", folder, "still")
    (item,) = source.list()

    class Changing(Folder):
        def reading(self, item):
            (folder / "a.jsonl").write_bytes(GOOD * 3)
            return super().reading(item)

    with pytest.raises(ChangedError):
        keeping.keep(Changing("folder", folder, "still"), item, "a.jsonl")
    assert [path for path in keeping.kept("x", "y").parents[1].rglob("*") if path.is_file()] == []


def test_file_without_a_route_is_rejected(landing, ledger, folder):
    """It is not silently left lying."""
    (folder / "notes.docx").write_bytes(GOOD)
    still(landing, ledger)
    assert [entry.reason for entry in ledger.entries("rejected")] == [
        "no_route: no pattern of the landing file matches"
    ]


def test_what_somebody_says_has_landed_is_taken_at_once(landing, ledger, folder):
    """By file:// URI and by path, without waiting; the second time it is known."""
    (folder / "a b.jsonl").write_bytes(GOOD)
    assert take([(folder / "a b.jsonl").as_uri()], landing, ledger).new == 1
    assert take([str(folder / "a b.jsonl")], landing, ledger).new == 0
    assert "is not there" in take([str(folder / "gone.jsonl")], landing, ledger).problems[0]


@pytest.mark.parametrize(
    "uri",
    ["/etc/passwd", "file:///etc/passwd", "landing/../../etc/passwd", "s3://bucket/a", "http://h/a", "file://%00", ""],
)
def test_nothing_outside_the_sources_is_ever_read(landing, ledger, uri):
    """A hook may be called by anyone who reaches the server: it cannot make a worker read other files."""
    with pytest.raises(RecipeError, match="is not below a source of the landing file; have: folder"):
        take([uri], landing, ledger)


def test_folder_that_is_not_there_is_said_and_the_others_go_on(write_landing, ledger, tmp_path):
    """One problem in one line."""
    sources = {"gone": {"path": "nowhere"}, "folder": {"path": "landing"}}
    landing = load_landing(write_landing(sources=sources, settle_s=0))
    (tmp_path / "landing" / "a.jsonl").write_bytes(GOOD)
    look(landing, ledger)
    looked = look(landing, ledger)
    assert looked.new == 1
    assert "source 'gone': there is no folder" in looked.problems[0]


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b.jsonl", "b.jsonl"), ("ü ber.jsonl.gz", "__ber.jsonl.gz"), ("x" * 300 + ".csv", "x" * 96 + ".csv")],
    ids=["folder", "odd letters", "long"],
)
def test_name_that_is_kept_keeps_the_suffix(path, name):
    """The suffix says the format; the rest may not trouble a file system."""
    assert kept_name(path) == name
