"""Every method of the llm family by the command line: one by one on a scripted server, all on the embedded model."""

import json
from pathlib import Path

import pytest
import yaml

from tasks.core.method import get_method, methods
from tests.builders import write_jsonl
from tests.engines.scripted import scripted
from tests.flows.test_pipeline import data, manifest
from tests.methods.examples import ANSWERS, EXAMPLES, SEEDS, VARIANTS

pytestmark = [pytest.mark.usefixtures("orchestrator"), pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = ROOT / "deployments" / "recipes" / "quickstart" / "llm.yaml"
# Enough to learn eight short texts, hot enough not to say them word for word.
LEARNING = {
    "fresh": {"width": 64, "layers": 2, "heads": 1, "feed_forward": 64, "vocabulary": 400},
    "context": 64,
    "batch_rows": 4,
    "threads": 1,
    "epochs": 60,
    "held_out": 0,
    "max_tokens": 40,
    "temperature": 1.0,
    "max_copied": 1.0,
}
CASES = {
    **{name: EXAMPLES[name] for name, method in methods().items() if method.family == "llm"},
    **VARIANTS,
    "finetune": LEARNING,
}


@pytest.fixture
def seeds(tmp_path):
    """The seeds of the examples as a file."""
    rows = [{"text": row["text"], "label": row["label"]} for row in SEEDS.to_pylist()]
    return write_jsonl(tmp_path / "seeds.jsonl", rows)


@pytest.mark.parametrize("case", CASES)
def test_generate_makes_exactly_what_is_asked_for(case, cli, seeds, tmp_path):
    """`tilth generate METHOD --count 3` on a server that says what such prompts are answered with: three records."""
    name = case.partition(":")[0]
    asks = get_method(name).rollout is not None
    with scripted(ANSWERS.get(name, ())) as server:
        engine = ["--engine", f"{server.base_url}#fake"] if asks else []
        given = ["--seeds", seeds, "--params", json.dumps(CASES[case]), "--count", 3, "--out", tmp_path / "out"]
        ran = cli("generate", name, *given, *engine)
        assert ran.code == 0, ran.err
        assert (server.counts.requests > 0) == asks
        assert server.counts.repeated == 0
    (stage,) = manifest(tmp_path / "out")["stages"]
    assert stage["accepted"] == manifest(tmp_path / "out")["rows"] == len(data(tmp_path / "out")) == 3
    assert stage["seen"] == stage["accepted"] + stage["rejected"] + stage["failed"] + stage["pending"]


@pytest.fixture(scope="session")
def embedded_artifacts():
    """The folder of the embedded model's artifacts, trained where no test or run on this machine has done so yet."""
    from tasks.engines.embedded import model_folder

    return model_folder().parent


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_quickstart_runs_every_method_on_the_embedded_model(embedded_artifacts, cli, home, tmp_path):
    """`make run-llm`: exit 0, every stage has its count, and every method of the family is in it."""
    (home / "work" / "artifacts").mkdir(parents=True)
    (home / "work" / "artifacts" / "embedded").symlink_to(embedded_artifacts)
    ran = cli("run", QUICKSTART, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    stages = yaml.safe_load(QUICKSTART.read_text(encoding="utf-8"))["stages"]
    made = {stage["stage"]: stage for stage in manifest(tmp_path / "out")["stages"]}
    assert {get_method(stage["method"]).name for stage in stages} == {
        name for name, method in methods().items() if method.family == "llm"
    }
    for stage in stages:
        counts = made[stage["name"]]
        assert counts["seen"] == counts["accepted"] + counts["rejected"] + counts["failed"] + counts["pending"]
        if "count" in stage:
            assert counts["accepted"] == stage["count"]
        else:
            assert counts["accepted"] > 0
