import pytest
from pydantic import ValidationError

from tasks.core.listing import listed
from tasks.core.method import MethodParams, TextOrFile, methods


class Params(MethodParams):
    text: TextOrFile


def load(value, base):
    return Params.model_validate({"text": value}, context={"base": base}).text


def test_path_becomes_the_content_of_the_file(tmp_path):
    """Relative to the recipe's folder; the params hold what the file holds."""
    (tmp_path / "a.cfg").write_text("S -> 'a'", encoding="utf-8")
    assert load("a.cfg", tmp_path) == "S -> 'a'"


@pytest.mark.parametrize("text", ["S -> 'a'", "and/or", "two\nlines", "x" * 5000, "a" * 300, "what/is this.txt"])
def test_text_stays_text(tmp_path, text):
    """What is no path is never an error, however long."""
    assert load(text, tmp_path) == text


def test_loaded_params_are_never_taken_for_paths(tmp_path, monkeypatch):
    """A text that happens to be the name of a file stays a text in the shard."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kettle").write_text("content")
    assert load("kettle", None) == "kettle"
    assert load("folder/kettle.txt", None) == "folder/kettle.txt"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("folder/no.cfg", None, "no such file: 'folder/no.cfg'"), ("bad.cfg", b"\xff", "'bad.cfg' is not UTF-8")],
    ids=["missing", "not utf-8"],
)
def test_file_that_cannot_be_read_is_named(tmp_path, name, content, message):
    """The path, and why."""
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValidationError, match=message):
        load(name, tmp_path)


def test_list_read_off_the_files_says_what_the_methods_say():
    """`tilth methods` imports none of them, and is right all the same."""
    said = {(m.name, m.version, m.family, m.summary) for m in methods().values()}
    assert {(m.name, m.version, m.family, m.summary) for m in listed()} == said
