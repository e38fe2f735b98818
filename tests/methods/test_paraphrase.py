"""`paraphrase`: the embedded model, models of tests' own making, and what makes a candidate pass."""

import itertools
import json

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.core.errors import RecipeError, ShardError
from tasks.core.method import get_method
from tasks.methods.augment._seq2seq import Decoding, load
from tasks.methods.augment._seq2seq_choose import Limits, Source, best, measure, read_candidates
from tasks.methods.augment._seq2seq_place import directory_digest, located
from tasks.methods.augment._seq2seq_similarity import ngram_cosine
from tasks.methods.augment._seq2seq_train import Training, embedded, main
from tasks.methods.augment._synchronous import pairs
from tasks.methods.augment._synchronous_desk import desk
from tests.builders import make, seeds_of
from tests.methods.seq2seq_models import bert, t5

for package in ("torch", "transformers", "tokenizers"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'tilth[models]'")

STEPS = 12  # enough for a model that loads, not for one that is right
OPEN = {"min_similarity": -1, "min_difference": 0, "max_difference": 1, "same_numbers": False}
LIMITS = Limits(0.4, 0.1, 0.85, same_numbers=True)
DESK_TEXT = "My kettle leaks. Thank you."


def rows_of(seeds, **params):
    made = make("paraphrase", {"train_steps": STEPS, **params}, len(seeds), seeds=seeds_of(seeds))
    return made.records.to_pylist()


def judged(text, candidates, spans=None, limits=LIMITS):
    """Return the candidates of one seed with their verdicts."""
    source = Source(text, spans)
    found = read_candidates(source, candidates, limits)
    measure([source], [found], ngram_cosine, limits)
    return found


@pytest.mark.parametrize(
    ("candidate", "fault"),
    [
        ("My old kettle leaks at its base, with 3 parts.", None),
        ("My old kettle leaks at the base, 3 parts.", "too_close"),
        ("My old kettle leaks at its base, with 4 parts.", "other_numbers"),
        ("Nobody likes rain on 3 holidays.", "not_similar"),
        ("My old kettle leaks at the base, with three parts.", "other_numbers"),
        ("My old kettle leaks at the base, 3 parts", "too_close"),
        ("", "empty"),
    ],
    ids=["passes", "close", "number", "unlike", "spelt-number", "stop", "empty"],
)
def test_verdict_on_a_candidate(candidate, fault):
    """Each bound has its own word."""
    source = (
        "My old kettle leaks at the base, 3 parts."
        if fault == "too_close"
        else "The base of my old kettle leaks: 3 parts."
    )
    found = judged(source if candidate != source else "My old kettle leaks at the base, 3 parts!", [candidate])
    assert [one.fault for one in found] == [fault]


def test_candidate_must_hold_the_spans():
    """A name that is gone, or there twice, is no paraphrase; one that moved has its span moved."""
    text, spans = "Sam says the kettle leaks badly.", [{"start": 0, "end": 3, "type": "PERSON"}]
    gone, twice, moved = judged(
        text,
        ["He says the kettle leaks badly.", "Sam says Sam has a kettle.", "The kettle leaks badly, says Sam."],
        spans,
    )
    assert (gone.fault, twice.fault, moved.fault) == ("lost_span", "lost_span", None)
    assert moved.spans == [{"start": 29, "end": 32, "type": "PERSON"}]


def test_most_similar_that_passed_is_taken():
    """The first of the model's where none did."""
    text = "Please send me a replacement for my old kettle."
    found = judged(text, [text, "Could you send me a replacement for my kettle?", "Could you send another kettle?"])
    assert found[0].fault == "unchanged"
    assert best(found).text == "Could you send me a replacement for my kettle?"
    assert best(found[:1]) is found[0]


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        ({"text": "A zebra is not in the grammar."}, "no_paraphrase"),
        ({"text": "😀"}, "no_paraphrase"),
        ({"text": "שלום עולם"}, "no_paraphrase"),
        ({"text": "kettle"}, "no_paraphrase"),
        ({"text": "How often should I descale my account?"}, "no_paraphrase"),
        ({"text": "   "}, "no_paraphrase"),
        ({"text": ""}, "no_text"),
        ({"text": None}, "no_text"),
        ({"text": "My kettle leaks. " * 200}, "too_long"),
        ({"text": "ab" * 500_000}, "too_long"),
        ({"text": DESK_TEXT, "spans": [{"start": 3, "end": 99, "type": "X"}]}, "bad_spans"),
        (
            {"text": DESK_TEXT, "spans": [{"start": 3, "end": 9, "type": "X"}, {"start": 5, "end": 12, "type": "Y"}]},
            "bad_spans",
        ),
        ({"text": DESK_TEXT + " QX0Z"}, "no_paraphrase"),
    ],
    ids=[
        "outside",
        "emoji",
        "hebrew",
        "word",
        "outside-the-grammar",
        "spaces",
        "empty",
        "null",
        "long",
        "megabyte",
        "beyond",
        "overlap",
        "code",
    ],
)
def test_texts_that_have_no_paraphrase(seed, reason):
    """They are rejected with a reason and their own words, and never raise."""
    (row,) = rows_of([seed])
    assert row["reason"] == reason
    assert row["spans"] is None


def test_what_the_model_cannot_read_may_be_tried():
    """The candidates are then made, and judged as all others are."""
    (row,) = rows_of([{"text": "A zebra is not in the grammar."}], outside="try")
    assert row["reason"] == "no_paraphrase"
    assert row["text"] != "A zebra is not in the grammar."


def test_same_stream_same_candidates_another_stream_others():
    """Sampling draws from the shard's stream only: torch's own generator is neither read nor moved."""
    import torch

    seeds = seeds_of([{"text": DESK_TEXT}, {"text": "Where is my order HW-4410982?"}])
    params = {"train_steps": STEPS, "candidates": 2, **OPEN}
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = make("paraphrase", params, 4, seeds=seeds).records
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert make("paraphrase", params, 4, seeds=seeds).records.equals(first)
    assert not make("paraphrase", params, 4, seeds=seeds, shard=1).records.equals(first)
    assert len(set(first.column("text").to_pylist())) > 2


def test_embedded_weights_follow_from_their_seed(tmp_path):
    """Trained twice in this process, the files are the same, byte for byte."""
    training = json.dumps({"steps": 1, "batch": 4})
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        main(str(tmp_path / name), training)
    assert directory_digest(tmp_path / "a") == directory_digest(tmp_path / "b")


def test_embedded_model_is_in_hugging_face_format():
    """Anything that loads a T5 loads it; its tokenizer gives back what it read."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    folder = embedded(Training(steps=STEPS))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    text = "Hi there. My QX0Z shows error QX1Z; it stops halfway. Could you look into this?"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    assert model.config.model_type == "t5"
    assert 500_000 < model.num_parameters() < 3_000_000


def test_model_directory_of_ones_own(tmp_path):
    """A T5 of random weights: real files, beam and sampling, a prefix; a sentence model measures."""
    seeds = [{"text": "the cat sat", "label": "a", "note": "x"}, {"text": "the dog ran off"}, {"text": "a zebra"}]
    model, sentences = t5(tmp_path / "t5"), bert(tmp_path / "bert")
    params = {**OPEN, "model": str(model), "prefix": "say: ", "similarity": str(sentences), "candidates": 3}
    for decode in ("beam", "sample"):
        made = make("paraphrase", {**params, "decode": decode}, 3, seeds=seeds_of(seeds))
        rows = made.records.to_pylist()
        assert rows[2]["reason"] == "no_paraphrase"
        accepted = [row for row in rows if row["reason"] is None]
        assert accepted or decode == "beam"  # the likeliest text of random weights may be empty
        for row in accepted:
            assert -1 <= json.loads(row["extra"])["similarity"] <= 1.001
    assert json.loads(rows[0]["extra"] or "{}").get("note") == "x"


def test_candidates_do_not_depend_on_the_batch(tmp_path):
    """Beam search gives a text the same candidates alone and among others: padding is masked."""
    model = load(str(t5(tmp_path / "t5")), "cpu")
    texts = ["the cat sat", "a dog ran off and the cat sat on a mat", "the mat"]
    how = Decoding("beam", 2, 3, batch_tokens=10_000)
    together = model.candidates(model.encoded(texts), how, np.random.default_rng(0))
    alone = [model.candidates(model.encoded([text]), how, np.random.default_rng(0))[0] for text in texts]
    # The longest new text depends on the longest of the batch: compare what both had room for.
    for ours, theirs in zip(together, alone, strict=True):
        for left, right in zip(ours, theirs, strict=True):
            assert left.split()[:6] == right.split()[:6]


def test_sampling_follows_the_scores(tmp_path):
    """Gumbel noise is a sample: at a low temperature, it is the greedy answer."""
    model = load(str(t5(tmp_path / "t5")), "cpu")
    ids = model.encoded(["the cat sat"])
    greedy = model.candidates(ids, Decoding("beam", 1, 1), np.random.default_rng(0))
    cold = model.candidates(ids, Decoding("sample", 3, 1, 0.001), np.random.default_rng(0))
    warm = model.candidates(ids, Decoding("sample", 8, 1, 1.0), np.random.default_rng(0))
    assert set(cold[0]) == {greedy[0][0]}
    assert len(set(warm[0])) > 4


def test_changed_directory_is_noticed(tmp_path):
    """The params hold the digest of the files, so a shard of other weights has another key."""
    folder = t5(tmp_path / "t5")
    params = get_method("paraphrase").params.model_validate({"model": str(folder)})
    again = get_method("paraphrase").params.model_validate(params.model_dump(mode="json"))
    assert again == params
    assert located(params.model) == (str(folder), None)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ShardError, match="is not what it was when the recipe was read"):
        located(params.model)
    assert get_method("paraphrase").params.model_validate({"model": str(folder)}) != params


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"min_difference": 0.9}, "min_difference 0.9 is not below max_difference 0.85"),
        ({"prefix": "say: "}, "the embedded one knows one task only"),
        ({"model": "./nowhere"}, "no such model directory: './nowhere'"),
        ({"model": "t5-small", "train_steps": 5}, "`train_steps` is for model 'embedded', not 't5-small'"),
        ({"candidates": 0}, "greater than or equal to 1"),
        ({"decode": "greedy"}, "Input should be 'beam' or 'sample'|Input should be 'sample' or 'beam'"),
    ],
    ids=["band", "prefix", "directory", "steps", "candidates", "decode"],
)
def test_wrong_params_are_refused(params, message):
    """Each with a line that names the value."""
    with pytest.raises(ValidationError, match=message):
        get_method("paraphrase").params.model_validate(params)


@pytest.mark.parametrize(
    ("which", "message"),
    [("empty", "cannot read model"), ("bert", "is not sequence-to-sequence")],
    ids=["no-config", "encoder-only"],
)
def test_wrong_model_is_refused_before_the_run(tmp_path, which, message):
    """By its configuration, which is all that the check reads."""
    folder = tmp_path / which
    folder.mkdir() if which == "empty" else bert(folder)
    params = get_method("paraphrase").params.model_validate({"model": str(folder)})
    with pytest.raises(RecipeError, match=message):
        get_method("paraphrase").check(params)


def fresh_texts(count):
    """Return texts of the grammar that were not in the training."""
    training = Training()
    seen = itertools.islice(pairs(desk(), np.random.default_rng(training.seed)), training.steps * training.batch)
    known = {text for pair in seen for text in pair}
    drawn = (text for text, _ in pairs(desk(), np.random.default_rng(99)))
    return list(itertools.islice((text for text in drawn if text not in known), count))


def shown(text):
    for code, words in zip(("QX0Z", "QX1Z", "QX2Z"), ("HW-4410982", "E17", "B9"), strict=True):
        text = text.replace(code, words)
    return text


def hidden(text):
    for code, words in zip(("QX0Z", "QX1Z", "QX2Z"), ("HW-4410982", "E17", "B9"), strict=True):
        text = text.replace(words, code)
    return text


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("exact", "right_share"), [(False, 0.7), (True, 1.0)], ids=["model-alone", "exact"])
def test_embedded_paraphrases_mean_what_the_seeds_mean(exact, right_share):
    """On texts that were not in its training: most are paraphrased, and parse to the same meaning; spans are right."""
    texts = fresh_texts(150)
    seeds = []
    for text in map(shown, texts):
        at = text.find("HW-4410982")
        seeds.append({"text": text, "spans": None if at < 0 else [{"start": at, "end": at + 10, "type": "ID"}]})
    rows = make("paraphrase", {"exact": exact}, len(texts), seeds=seeds_of(seeds)).records.to_pylist()
    accepted = [(text, row) for text, row in zip(texts, rows, strict=True) if row["reason"] is None]
    assert len(accepted) >= 0.7 * len(texts)
    assert all(
        row["text"][span["start"] : span["end"]] == "HW-4410982" for _, row in accepted for span in row["spans"] or ()
    )
    right = sum(desk().meanings(hidden(row["text"])) == desk().meanings(text) for text, row in accepted)
    assert right >= right_share * len(accepted)
