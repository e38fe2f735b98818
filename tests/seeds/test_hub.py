"""Hugging Face datasets, saved to disk or streamed, are read as any other source; the hub is not needed to say so."""

import pytest

from tasks.core.errors import RecipeError
from tasks.readers import hub
from tasks.seeds import check_source, digest
from tests.builders import write_jsonl
from tests.seeds.reading import rows, source, texts

TABLE = [{"text": f"row {number}", "label": number, "tags": ["a", "b"]} for number in range(30)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with `one`, a saved dataset, and `two`, a saved dict of two splits."""
    import datasets

    base = tmp_path_factory.mktemp("saved")
    dataset = datasets.Dataset.from_list(TABLE)
    dataset.save_to_disk(str(base / "one"))
    datasets.DatasetDict({"train": dataset, "test": dataset.select(range(3))}).save_to_disk(str(base / "two"))
    return base


@pytest.mark.parametrize("form", ["auto", "hf"])
def test_a_saved_dataset_is_known_by_its_folder(saved, form):
    records, _ = rows({"path": "one", "format": form}, saved)
    assert [(r["text"], r["label"], r["extra"]) for r in records] == [
        (row["text"], str(row["label"]), {"tags": row["tags"]}) for row in TABLE
    ]
    info = check_source(source({"path": "one", "format": form}), saved)
    assert (info.columns, info.extra, info.formats) == (("text", "label"), ("tags",), ("hf",))


def test_a_split_is_chosen_or_asked_for(saved):
    assert texts({"path": "two", "split": "test"}, saved) == ["row 0", "row 1", "row 2"]
    with pytest.raises(RecipeError, match="two has several splits; set split: train, test"):
        texts("two", saved)
    with pytest.raises(RecipeError, match=r"no split 'tset' in two; did you mean 'test'\? have: test, train"):
        texts({"path": "two", "split": "tset"}, saved)


def test_a_saved_dataset_that_is_broken_says_so(saved, tmp_path):
    for name in ("dataset_info.json", "state.json"):
        (tmp_path / name).write_text("{")
    with pytest.raises(RecipeError, match="not a readable saved dataset"):
        texts({"path": "."}, tmp_path)


def test_a_folder_of_files_can_be_streamed_as_a_dataset(tmp_path):
    write_jsonl(tmp_path / "data" / "train.jsonl", TABLE)
    records, _ = rows({"path": "data", "format": "hf", "limit": 7}, tmp_path)
    assert [row["text"] for row in records] == [row["text"] for row in TABLE[:7]]


def test_the_digest_of_a_saved_dataset_is_of_its_bytes(saved):
    one = digest(source("one"), saved)
    (saved / "one" / "cache-1234.arrow").write_bytes(b"what datasets leaves there")
    assert digest(source("one"), saved) == one
    assert one != digest(source({"path": "two", "split": "train"}), saved)


def test_a_commit_needs_no_hub_for_its_digest(tmp_path):
    pinned = {"path": "hf://owner/name", "revision": "0123456789" * 4}
    assert digest(source(pinned), tmp_path) != digest(source({**pinned, "revision": "a" * 40}), tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("squad", ("squad", None)), ("a/b", ("a/b", None)), ("a/b/main", ("a/b", "main"))],
)
def test_an_id_may_name_a_config(name, expected):
    assert hub._repo(name) == expected  # noqa: SLF001 - the hub itself is not there to ask


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path, monkeypatch):
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for ask in (check_source, digest):
        with pytest.raises(RecipeError, match=r"cannot read the dataset 'tilth-tests/nothing': .+") as found:
            ask(source("hf://tilth-tests/nothing"), tmp_path)
        assert "\n" not in str(found.value)
