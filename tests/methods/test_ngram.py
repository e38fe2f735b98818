"""`ngram`: texts from a model of the seeds, and what it refuses."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tasks.core.method import get_method
from tests.builders import SHARED_DATA, fit, make, needs_shared_data, seeds_of, texts

METHOD = get_method("ngram")
ANIMALS = ("cat", "dog", "hen", "fox", "owl", "pig")
SENTENCES = [f"The {a} saw {article} {b}." for a in ANIMALS for b in ANIMALS for article in ("the", "one") if a != b]
SEEDS = seeds_of([{"text": text, "start": f"A {text.split()[1]}"} for text in SENTENCES])


def trained(rows, folder, **params):
    """Return what a training on some texts says of itself, and its folder."""
    loaded = METHOD.params.model_validate(params)
    return fit(METHOD, loaded, seeds_of([{"text": row} for row in rows]), folder), folder / "model"


def reasons(made):
    return [reason for reason in made.records.column("reason").to_pylist() if reason]


def test_texts_read_like_the_seeds():
    """Case, spaces and full stops where the seeds have them; the words of the seeds and no others."""
    made = make("ngram", {"order": 3}, 300, seeds=SEEDS)
    words = set(" ".join(SENTENCES).replace(".", " .").split())
    assert made.records.num_rows == 300
    assert all(set(text.replace(".", " .").split()) <= words for text in texts(made))
    assert sum(text.startswith("The ") and text.endswith(".") for text in texts(made)) > len(texts(made)) / 2


def test_a_copy_of_a_seed_is_refused_unless_it_is_allowed():
    """With order 6 nearly all that is drawn is a seed."""
    made = make("ngram", {"order": 6}, 300, seeds=SEEDS)
    assert reasons(made).count("copied") > 50
    assert not set(texts(made)) & set(SENTENCES)
    held_out = make("ngram", {"order": 6, "held_out": 0.5}, 300, seeds=SEEDS)
    assert not set(texts(held_out)) & set(SENTENCES)
    allowed = make("ngram", {"order": 6, "allow_copies": True}, 300, seeds=SEEDS)
    assert "copied" not in reasons(allowed)
    assert set(texts(allowed)) & set(SENTENCES)


@pytest.mark.parametrize("longest", [1, 2, 4])
def test_no_text_has_a_longer_verbatim_run_than_allowed(longest):
    """Runs of more than so many tokens, in one seed, are `copied`; what stays has none, by a search through all."""
    made = make("ngram", {"order": 2, "max_verbatim": longest, "min_tokens": 1}, 400, seeds=SEEDS)
    cut = [text.replace(".", " .").split() for text in SENTENCES]
    seen = {tuple(tokens[i : i + longest + 1]) for tokens in cut for i in range(len(tokens) - longest)}
    for text in texts(made):
        tokens = text.replace(".", " .").split()
        assert not any(tuple(tokens[i : i + longest + 1]) in seen for i in range(len(tokens) - longest))
    assert "copied" in reasons(made)


def test_prompts_are_gone_on_from_in_turn():
    """Each text starts with its prompt, unknown words as they are, and says so."""
    made = make("ngram", {"prompts": ["The fox", "A zebra"], "min_tokens": 1}, 40, seeds=SEEDS)
    rows = made.records.to_pylist()
    assert [json.loads(row["extra"])["prompt"] for row in rows] == ["The fox", "A zebra"] * 20
    assert all(row["text"].startswith(("The fox", "A zebra")[i % 2]) for i, row in enumerate(rows))
    assert any(row["text"].startswith("The fox saw ") for row in rows)


def test_a_column_of_the_seeds_can_be_the_prompt():
    """Row i goes on from seed i; `prompt_tokens` takes the first tokens only."""
    params = {"prompt_column": "start", "min_tokens": 1}
    assert METHOD.seeds(METHOD.params(**params)) == "each"
    assert METHOD.needs(METHOD.params(**params)) == {"text", "start"}
    made = make("ngram", params, 30, seeds=SEEDS)
    starts = [f"A {text.split()[1]}" for text in SENTENCES[:30]]
    assert all(text.startswith(start) for text, start in zip(made.records["text"].to_pylist(), starts, strict=True))
    shorter = make("ngram", {"prompt_column": "text", "prompt_tokens": 2, "min_tokens": 1}, 30, seeds=SEEDS)
    firsts = [" ".join(text.split()[:2]) for text in SENTENCES[:30]]
    assert all(text.startswith(first) for text, first in zip(shorter.records["text"].to_pylist(), firsts, strict=True))


def test_texts_are_as_long_as_the_seeds():
    """Shorter ones are drawn again, and counted; an explicit length holds as well."""
    made = make("ngram", {"order": 2}, 300, seeds=SEEDS)
    assert min(len(text.replace(".", " .").split()) for text in texts(made)) >= 6
    assert made.stats["drawn_again"] > 0
    longer = make("ngram", {"order": 2, "min_tokens": 9}, 100, seeds=SEEDS)
    assert min(len(text.replace(".", " .").split()) for text in texts(longer)) >= 9


def test_what_cannot_be_long_enough_or_does_not_end_is_refused():
    """`too_short` after twenty draws, `unfinished` at max_tokens."""
    many = make("ngram", {"order": 6, "min_tokens": 40}, 50, seeds=SEEDS)
    assert reasons(many).count("too_short") > 25
    few = make("ngram", {"order": 6, "min_tokens": 1, "max_tokens": 2}, 50, seeds=SEEDS)
    assert reasons(few).count("unfinished") > 25


def test_backoff_is_shown():
    """Tokens of each order in the counters, and as shares in the report."""
    made = make("ngram", {"order": 3}, 100, seeds=SEEDS)
    assert all(made.stats[f"order_{n}"] > 0 for n in (1, 2, 3))
    params = METHOD.params(order=3)
    lines = METHOD.notes(params, {"order_1": 10, "order_2": 30, "order_3": 60, "drawn_again": 5})
    assert "3: 60%, 2: 30%, 1: 10%" in lines[0]
    assert lines[1] == "5 texts came out too short and were drawn again"


def test_training_says_what_the_model_is(tmp_path):
    """Tokens, types, n-grams and discounts of each order, and the held-out perplexity; the counts are exact."""
    said, folder = trained(SENTENCES * 5, tmp_path, order=2, held_out=0.2)
    figures = said.figures
    assert figures["types"] == len(set(" ".join(SENTENCES).replace(".", " .").split()))
    assert 200 < figures["texts"] < 280
    assert figures["tokens"] == 6 * figures["texts"]
    assert figures["ngrams_2"] == len(np.fromfile(folder / "keys-2", "i8"))
    assert 1 < figures["held_out_perplexity"] < 4
    assert {"discount_1_1", "discount_2_3"} <= set(figures)
    assert "held-out perplexity" in said.notes[1]


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        pytest.param(["one seed only"], "1 text is too few for new ones", id="one"),
        pytest.param(["a b", "b c", "c d"], "3 texts are too few for new ones", id="three"),
        pytest.param(["hi"] * 40, "too little text to estimate the discounts of order 1, 2, 3, 4, 5", id="one word"),
    ],
)
def test_little_text_is_said(tmp_path, rows, note):
    """A model of next to nothing is trained, and says what it is."""
    said, _ = trained(rows, tmp_path)
    assert any(note in line for line in said.notes)
    made = make("ngram", {}, 20, seeds=seeds_of([{"text": row} for row in rows]))
    assert made.records.num_rows == 20
    assert not set(texts(made)) & set(rows)


def test_seeds_without_text_are_an_error(tmp_path):
    """Null, empty and blank."""
    with pytest.raises(RecipeError, match="the seeds have no text to train on"):
        trained([None, "", "  \n"], tmp_path)


def test_one_giant_text_is_told_what_would_help():
    """A book as one seed has one end: its sentences are what a model can learn to write."""
    giant = seeds_of([{"text": " ".join(SENTENCES * 20)}])
    with pytest.raises(RecipeError, match=r"more than max_tokens \(400\) tokens.*take unit: line or unit: sentence"):
        make("ngram", {}, 5, seeds=giant)
    made = make("ngram", {"unit": "sentence", "order": 2}, 50, seeds=giant)
    assert len(texts(made)) > 10


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("text", 1), ("line", 3), ("sentence", 4)],
)
def test_units(tmp_path, unit, expected):
    """What counts as one text; blank lines are none."""
    said, _ = trained(['One is here. "Two (too)?" Three 3.5\n\nand 4.\nFive'], tmp_path, unit=unit)
    assert said.figures["texts"] == expected


def test_a_scratch_folder_of_a_killed_run_does_no_harm(tmp_path):
    """What it left is counted anew."""
    left = tmp_path / "scratch" / "counting"
    left.mkdir(parents=True)
    (left / "raw").write_bytes(b"\x07\x00\x00\x00" * 99)
    said, _ = trained(SENTENCES, tmp_path, held_out=0)
    assert said.figures["tokens"] == 6 * len(SENTENCES)
    assert not left.exists()


def test_the_same_training_gives_the_same_bytes(tmp_path):
    """Seeds and run seed decide, down to the files."""
    folders = [trained(SENTENCES, tmp_path / name)[1] for name in "ab"]
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == second


def test_what_only_drawing_reads_trains_nothing_anew():
    """Temperature and the like are no part of the model's key; order and units are."""
    base = METHOD.trains_on(METHOD.params())
    drawing = {"temperature": 0.5, "top_k": 5, "top_p": 0.5, "max_tokens": 9, "prompts": ("a",), "allow_copies": True}
    assert METHOD.trains_on(METHOD.params(**drawing)) == base
    changes = ({"order": 2}, {"unit": "line"}, {"max_verbatim": 5}, {"min_count": 2}, {"held_out": 0.1})
    assert all(METHOD.trains_on(METHOD.params(**change)) != base for change in changes)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"order": 7}, "less than or equal to 6"),
        ({"order": 0}, "greater than or equal to 1"),
        ({"temperature": 0}, "greater than or equal to 0.05"),
        ({"top_p": 1.5}, "less than or equal to 1"),
        ({"discount": 0.5}, "goes with smoothing: kneser_ney"),
        ({"prompts": ["a"], "prompt_column": "b"}, "either `prompts` or `prompt_column`"),
        ({"prompt_tokens": 3}, "needs `prompts` or a `prompt_column`"),
        ({"min_tokens": 9, "max_tokens": 5}, "min_tokens 9 is more than max_tokens 5"),
        ({"tokenizer": "missing.json"}, "no such tokenizer file or directory: 'missing.json'"),
        ({"temprature": 1}, "Extra inputs"),
    ],
)
def test_wrong_params_are_said(params, message):
    """Before anything is trained."""
    with pytest.raises(ValidationError, match=message):
        METHOD.params.model_validate(params)


def test_without_a_model_there_is_nothing_to_draw_from():
    """A method that trains needs seeds."""
    with pytest.raises(ValueError, match="trains on seeds"):
        make("ngram", {}, 5)


def test_subwords_are_trained_on_the_spot_and_join_to_text():
    """Byte-level: any text comes out as text, with its spaces."""
    pytest.importorskip("tokenizers", reason="tokenizers is not installed (extra models)")
    made = make("ngram", {"tokens": "subword", "vocab_size": 300, "order": 4}, 60, seeds=SEEDS)
    found = texts(made)
    assert found
    assert all(" " in text for text in found)
    assert any(text.startswith("The ") and text.endswith(".") for text in found)


def test_any_tokenizers_file_can_cut(tmp_path):
    """Its name and its content, not its place, decide what the model is."""
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed (extra models)")
    words = sorted(set(" ".join(SENTENCES).replace(".", " .").split()))
    model = tokenizers.models.WordLevel({word: i for i, word in enumerate([*words, "[UNK]"])}, unk_token="[UNK]")  # noqa: S106 - no password
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    for name in ("one.json", "two.json"):
        tokenizer.save(str(tmp_path / name))
    made = make("ngram", {"tokenizer": "one.json", "order": 3, "allow_copies": True}, 40, seeds=SEEDS, base=tmp_path)
    assert all(set(text.split()) <= set(words) for text in texts(made))
    keys = [
        METHOD.trains_on(METHOD.params.model_validate({"tokenizer": name}, context={"base": tmp_path}))
        for name in ("one.json", "two.json")
    ]
    assert keys[0] == keys[1]


def test_an_arpa_file_is_written_where_it_is_asked_for(tmp_path):
    """For KenLM and SRILM."""
    _, folder = trained(SENTENCES, tmp_path, arpa=True, order=2)
    assert (folder / "model.arpa").read_text(encoding="utf-8").startswith("\\data\\\nngram 1=")


@needs_shared_data
def test_captions_are_new_and_different():
    """At temperature 1 at least 90 % of the samples are in no training text and 99 % are different ones."""
    captions = [text.strip() for text in (SHARED_DATA / "captions.txt").read_text(encoding="utf-8").splitlines()]
    seeds = seeds_of([{"text": text} for text in captions[:9000]])
    made = make("ngram", {"allow_copies": True}, 10_000, seeds=seeds)
    found = made.records["text"].to_pylist()
    training = set(captions[:9000])
    assert sum(text not in training for text in found) >= 0.9 * len(found)
    assert len(set(found)) >= 0.99 * len(found)
    assert reasons(made) == []
