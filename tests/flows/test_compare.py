"""Several methods on the same seeds, measured side by side."""

import json

import pytest

from tests.builders import write_jsonl

pytestmark = pytest.mark.usefixtures("orchestrator", "home")


def test_methods_are_compared_on_the_same_seeds(tmp_path):
    """A dataset and figures for each, one report, and a method that runs dry is measured by what it could make."""
    from flows.compare import compare

    things = ("router", "kettle", "oven", "lamp", "toaster", "fan")
    pairs = [(a, b, n) for a in things for b in things for n in (2, 9)]
    rows = [{"complaint": f"My {a} stopped after {n} days and the {b} hums now."} for a, b, n in pairs]
    path = write_jsonl(tmp_path / "seeds.jsonl", rows)
    made = compare(
        seeds=str(path),
        methods=["random_deletion", "sentence_shuffle", "ngram"],
        params={"ngram": {"order": 3}},
        count=60,
        out=str(tmp_path / "out"),
        text_column="complaint",
    )
    by_name = {row["method"]: row for row in made["methods"]}
    assert by_name["random_deletion"]["made_share"] == by_name["ngram"]["made_share"] == 1.0
    assert made["best"] == made["methods"][0]["method"]
    assert by_name["ngram"]["train_s"] > 0
    assert json.loads((tmp_path / "out" / "compare.json").read_text()) == made
    report = (tmp_path / "out" / "README.md").read_text()
    assert f"`{made['best']}`" in report
    assert "`sentence_shuffle` made 0 records" in report


def test_too_few_seeds_are_refused(tmp_path):
    """Before any method runs."""
    from flows.compare import compare
    from tasks.core.errors import UserError

    path = write_jsonl(tmp_path / "seeds.jsonl", [{"text": f"Only a few texts {n}."} for n in range(5)])
    with pytest.raises(UserError, match="have 5 texts; at least 20"):
        compare(seeds=str(path), methods=["eda"], out=str(tmp_path / "out"))
