"""A private value that one record had masked may stand in no other record of the run, nor in a later stage."""

import pytest

from tests.builders import write_jsonl

pytestmark = pytest.mark.usefixtures("orchestrator")

NAME = "Maria Lopezkova"
# The name is marked in the first text alone, and nothing else finds names: the second goes through as it is.
SEEDS = [
    {"text": f"Please call {NAME} about the toaster.", "spans": [{"start": 12, "end": 27, "type": "PERSON_NAME"}]},
    {"text": "Ask lopezkova, maria whether the kettle has arrived, or mail a@example.org instead."},
]
MASKED = {"name": "masked", "method": "pii_mask", "inputs": ["s"], "params": {"ner": "none"}, "per_seed": 1}
AFTER = {"name": "after", "method": "random_deletion", "inputs": ["masked"], "params": {"count": 1}, "per_seed": 1}


def test_value_that_survives_in_another_record_stops_the_run(cli, write_recipe, tmp_path):
    """Exit 3, the stage and the row are named, the value is not, and nothing is released."""
    path = write_recipe(MASKED, seeds={"s": {"path": str(write_jsonl(tmp_path / "s.jsonl", SEEDS))}})
    ran = cli("run", path, "--out", tmp_path / "out")
    assert ran.code == 3
    assert "stage 'masked': 1 of its rows hold a value that was masked elsewhere" in ran.err
    assert "opezkova" not in ran.err + ran.out
    assert not (tmp_path / "out" / "data").exists()


def test_masked_dataset_and_what_is_made_of_it_pass(cli, write_recipe, tmp_path):
    """Where every record is masked whole, the run ends well, a later stage included."""
    seeds = write_jsonl(tmp_path / "s.jsonl", SEEDS[:1])
    path = write_recipe(MASKED, {**AFTER, "rules": []}, seeds={"s": {"path": str(seeds)}})
    ran = cli("run", path, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert "1 records" in ran.out


def test_leak_in_a_later_stage_stops_the_run(cli, write_recipe, tmp_path):
    """A stage that reads masked records and others beside them is looked through as well."""
    seeds = {
        "s": {"path": str(write_jsonl(tmp_path / "s.jsonl", SEEDS[:1]))},
        "more": {"path": str(write_jsonl(tmp_path / "more.jsonl", [{"text": f"Thank you, {NAME} was a great help."}]))},
    }
    path = write_recipe(MASKED, {**AFTER, "inputs": ["masked", "more"], "rules": []}, seeds=seeds)
    ran = cli("run", path, "--out", tmp_path / "out")
    assert ran.code == 3
    assert "stage 'after'" in ran.err
