"""`back_translation` through MarianMT: directories made on the spot, loaded as any other."""

import json
from importlib.util import find_spec

import pytest

from tasks.core.errors import RecipeError
from tasks.core.method import get_method
from tests.builders import make, seeds_of
from tests.methods.seq2seq_models import bert, marian, sentences

for package in ("torch", "transformers", "sentencepiece"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'tilth[models]' sentencepiece")

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


def params_of(there, back, **more):
    return {
        "engine": "marian",
        "language": "aa",
        "pivots": ["bb"],
        "models": {"aa-bb": str(there), "bb-aa": str(back)},
        **more,
    }


@pytest.fixture(scope="module")
def random_models(tmp_path_factory):
    """Two directions of random weights: they load and say something."""
    home = tmp_path_factory.mktemp("marian")
    ours, theirs = sentences(200)
    return marian(home / "there", ours, theirs), marian(home / "back", theirs, ours)


def test_untrained_models_are_far_from_the_seed(random_models):
    """The band rejects what random weights say, the text is kept, and nothing raises."""
    seeds = seeds_of([{"text": "big car sees home"}, {"text": "😀"}, {"text": ""}, {"text": "small house. quick car"}])
    made = make("back_translation", params_of(*random_models, min_chrf=60), 4, seeds=seeds).records.to_pylist()
    assert [row["reason"] for row in made] == ["too_far", "unchanged", "no_text", "too_far"]


def test_sampling_follows_the_stream(random_models):
    """The same stream the same texts, another stream others; beam search needs none."""
    seeds = seeds_of([{"text": "big car sees home", "note": "kept"}, {"text": "small house takes quick car"}])
    params = params_of(*random_models, decode="sample", keep_pivot=True, min_chrf=0, max_chrf=100)
    first = make("back_translation", params, 4, seeds=seeds).records
    assert make("back_translation", params, 4, seeds=seeds).records.equals(first)
    assert not make("back_translation", params, 4, seeds=seeds, shard=1).records.equals(first)
    extra = json.loads(first.column("extra")[0].as_py())
    assert extra["note"] == "kept"
    assert extra["pivot_text"]
    beam = params_of(*random_models, min_chrf=0, max_chrf=100)
    assert make("back_translation", beam, 2, seeds=seeds).records.equals(
        make("back_translation", beam, 2, seeds=seeds, shard=1).records
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_trained_models_bring_back_other_words_for_the_same(tmp_path):
    """Models trained for a toy language with two words of ours for each of theirs: synonyms come back, spans stay."""
    ours, theirs = sentences(3000)
    there = marian(tmp_path / "there", ours, theirs, steps=400)
    back = marian(tmp_path / "back", theirs, ours, steps=400)
    fresh, meant = sentences(60, seed=5)
    coded = [
        {"text": f"{text} Q7", "spans": [{"start": len(text) + 1, "end": len(text) + 3, "type": "ID"}]}
        for text in fresh[1::3]
    ]
    params = params_of(there, back, decode="sample", keep_pivot=True, min_chrf=5, max_chrf=100)
    made = make("back_translation", params, len(fresh), seeds=seeds_of([{"text": text} for text in fresh]))
    rows = made.records.to_pylist()
    understood = [
        text.split()[:3] == json.loads(row["extra"])["pivot_text"].split()[:3]
        for text, row in zip(meant, rows, strict=True)
    ]
    assert sum(understood) > 0.6 * len(understood)
    assert sum(row["reason"] is None for row in rows) > 0.4 * len(rows)
    rows = make("back_translation", params, len(coded), seeds=seeds_of(coded)).records.to_pylist()
    kept = [row for row in rows if row["reason"] is None]
    assert kept
    assert all([row["text"][span["start"] : span["end"]] for span in row["spans"]] == ["Q7"] for row in kept)


def test_missing_direction_is_refused_by_name(tmp_path, random_models):
    """Before the run, by reading the configuration only."""
    there, _ = random_models
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, message in ((empty, f"cannot read model '{empty}'"), (bert(tmp_path / "b"), "not sequence-to-seq")):
        params = get_method("back_translation").params.model_validate(params_of(there, folder))
        with pytest.raises(RecipeError, match=message):
            get_method("back_translation").check(params)


@pytest.mark.skipif(find_spec("sacremoses") is not None, reason="sacremoses is installed")
def test_marian_works_without_sacremoses(random_models):
    """Its tokenizer recommends that package, and does without."""
    get_method("back_translation").check(
        get_method("back_translation").params.model_validate(params_of(*random_models))
    )
