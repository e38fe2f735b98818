import pytest

from tasks.core.artifact import artifact
from tasks.core.settings import settings


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TILTH_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_artifact_is_built_once(home):
    """The second call returns the same folder without building; other parts build another."""
    built = []

    def build(folder):
        built.append(folder)
        (folder / "model").write_text("weights")

    first = artifact("ner", {"seed": 1}, build)
    assert artifact("ner", {"seed": 1}, build) == first
    assert artifact("ner", {"seed": 2}, build) != first
    assert len(built) == 2
    assert (first / "model").read_text() == "weights"


def test_build_that_fails_leaves_nothing(home):
    """No half-made artifact is ever found."""

    def build(folder):
        (folder / "half").write_text("x")
        raise RuntimeError("out of power")

    with pytest.raises(RuntimeError, match="out of power"):
        artifact("ner", 1, build)
    assert [path for path in home.rglob("*") if path.is_file() or path.name.startswith(".part")] == []


def test_other_process_may_finish_first():
    """Whoever renames first wins; the other's work is dropped and its answer is the same."""

    def build(folder):
        if not (folder.parent / "racing").exists():
            (folder.parent / "racing").touch()
            artifact("ner", 1, lambda other: (other / "who").write_text("first"))
        (folder / "who").write_text("second")

    assert (artifact("ner", 1, build) / "who").read_text() == "first"
