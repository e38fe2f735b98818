"""Layouts that trainers read, the card, and the claim on OUT."""

import json

import pyarrow as pa
import pytest
import yaml

from tasks.card import card
from tasks.core import record
from tasks.core.errors import UserError
from tasks.core.manifest import ShardManifest, StageManifest
from tasks.core.recipe import build_recipe
from tasks.export import as_layout
from tasks.publish import claim, publish, release_claim

CHAT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]


def batch(**columns) -> pa.RecordBatch:
    return record.complete(record.columns(**columns), method="m@1", stage="s", shard=0, row=0)


def test_instruction_layout_is_prompt_and_completion():
    """What SFTTrainer calls prompt-completion."""
    rows = as_layout(batch(text=["q"], target=["a"]), "instruction", "s").to_pylist()
    assert rows == [{"prompt": "q", "completion": "a"}]


def test_chat_layout_keeps_chats_and_turns_pairs_into_two_turns():
    """What SFTTrainer calls conversational."""
    rows = as_layout(batch(text=["q", None], target=["a", None], messages=[None, CHAT]), "chat", "s").to_pylist()
    assert rows[1] == {"messages": CHAT}
    assert rows[0] == {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}


def test_text_layout_joins_pairs():
    """What SFTTrainer calls language modeling."""
    assert as_layout(batch(text=["q"], target=["a"]), "text", "s").to_pylist() == [{"text": "q\na"}]
    assert as_layout(batch(text=["q"]), "text", "s").to_pylist() == [{"text": "q"}]


def test_preference_layout_is_prompt_chosen_and_rejected():
    """What DPOTrainer reads."""
    rows = as_layout(batch(text=["q"], target=["a"], extra=['{"rejected":"b"}']), "preference", "s").to_pylist()
    assert rows == [{"prompt": "q", "chosen": "a", "rejected": "b"}]


@pytest.mark.parametrize(
    ("layout", "columns", "message"),
    [
        ("instruction", {"text": ["a"]}, "layout 'instruction' needs 'target', which 1 of 1 records of stage 's'"),
        ("chat", {"text": ["a", "b"], "target": ["x", None]}, "layout 'chat' needs 'target', which 1 of 2 records"),
        ("text", {"messages": [CHAT]}, "layout 'text' needs 'text'"),
        ("preference", {"text": ["q"], "target": ["a"]}, "needs an answer that was turned down, which 1 of 1 records"),
    ],
    ids=["instruction", "chat", "text", "preference"],
)
def test_layout_that_the_records_cannot_fill_is_refused(layout, columns, message):
    """The column, how many lack it, the stage, the layouts there are."""
    with pytest.raises(UserError, match=message):
        as_layout(batch(**columns), layout, "s")


def stage(accepted: int) -> StageManifest:
    shard = ShardManifest("k", 0, 0, accepted + 3, accepted, {"duplicate": 3})
    return StageManifest("said", "cfg@1", accepted, 1, 0, (shard,))


def test_card_has_a_header_that_the_hub_reads_and_a_table_that_adds_up():
    """YAML header with the data files; counts of the stage; its reject reasons."""
    recipe = build_recipe({"name": "r", "stages": [{"name": "said", "method": "cfg", "count": 12}]}, "r")
    text = card(recipe, [stage(12)], ["said"], "")
    header = yaml.safe_load(text.split("---")[1])
    assert header["configs"][0]["data_files"] == [{"split": "train", "path": "data/*.parquet"}]
    assert header["size_categories"] == ["n<1K"]
    assert "| said | cfg@1 | 15 | 12 | 3 | 0 | yes |" in text
    assert "| said | duplicate | 3 |" in text


def fill(partial, text="{}"):
    (partial / "manifest.json").write_text(text)
    (partial / "data").mkdir()
    (partial / "data" / "a.parquet").write_text("a")


def test_publish_replaces_the_parts_and_writes_the_manifest_last(tmp_path):
    """Old data is gone, new data is in, other files stay."""
    out = tmp_path / "out"
    fill(claim(out, "one", resume=False, overwrite=False))
    publish(out, "one", "done")
    (out / "data" / "old.parquet").write_text("old")
    (out / "mine.txt").write_text("mine")
    fill(claim(out, "two", resume=False, overwrite=True), '{"n": 2}')
    publish(out, "two", "done")
    assert sorted(path.name for path in out.iterdir()) == [".tilth", "data", "manifest.json", "mine.txt"]
    assert [path.name for path in (out / "data").iterdir()] == ["a.parquet"]
    assert json.loads((out / "manifest.json").read_text()) == {"n": 2}


def test_unfinished_run_is_taken_up_by_the_same_and_refused_to_another(tmp_path):
    """What a killed process left is no obstacle to the same command."""
    out = tmp_path / "out"
    claim(out, "one", resume=False, overwrite=False)
    claim(out, "one", resume=False, overwrite=False)
    with pytest.raises(UserError, match="holds another run, which did not end"):
        claim(out, "two", resume=False, overwrite=False)
    claim(out, "two", resume=True, overwrite=False)


def test_claim_of_a_run_that_made_nothing_leaves_no_trace(tmp_path):
    """OUT is as it was."""
    claim(tmp_path / "out", "one", resume=False, overwrite=False)
    release_claim(tmp_path / "out")
    assert not (tmp_path / "out").exists()
