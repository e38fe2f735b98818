"""Fine-tuning: what is learned and what is not, and that it stops, goes on and comes out the same."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.core.errors import RecipeError, UserError
from tasks.core.method import Draw, get_method
from tasks.core.training import Training
from tasks.methods.llm._finetune_loop import schedule, summed_loss, train
from tasks.methods.llm._finetune_model import new_tokenizer, open_model, threads
from tasks.methods.llm._finetune_pack import IGNORED, Rows, bins, cut, documents, pack
from tasks.methods.llm._finetune_params import Params
from tasks.methods.llm._finetune_text import PLAIN_TEMPLATE, grams, read, tokenized, turn_ends
from tests.builders import seeds_of

FRESH = {"width": 32, "layers": 1, "heads": 1, "feed_forward": 64, "vocabulary": 400, "positions": 256}
SMALL = {"fresh": FRESH, "context": 64, "batch_rows": 4, "threads": 1, "precision": "fp32", "max_tokens": 24}
PAIRS = [
    {"text": f"How do I clean the {thing}?", "target": f"Rinse the {part} of the {thing} once a week with warm water."}
    for thing, part in zip(
        ["kettle", "oven", "mixer", "router", "toaster", "grinder"],
        ["lid", "tray", "bowl", "case", "rack", "cup"],
        strict=True,
    )
]
TEXTS = [
    {"text": f"Ticket {n}: the {thing} is late. Please call me on {n}."} for n, thing in enumerate(["lamp", "box"] * 12)
]


def fitted(tmp_path, rows, progress=lambda _share, _words: None, name="model", **values):
    """Return the folder of a small model trained on rows, and what the training said."""
    params = Params.model_validate({**SMALL, **values})
    folder = tmp_path / name
    folder.mkdir()
    seeds = seeds_of(rows)
    training = Training([seeds], len(rows), params, np.random.default_rng(0), 7, folder, tmp_path / "scratch", progress)
    return folder, get_method("finetune").fit(training)


def drawn(folder, count=6, start=0, **values):
    """Return the rows that a shard draws from a model."""
    params = Params.model_validate({**SMALL, **values})
    made = get_method("finetune").run(None, params, Draw(np.random.default_rng(3), count, start, 99, folder))
    return made.records.to_pylist()


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=60), context=st.integers(40, 90))
def test_bins_hold_each_document_once_and_none_too_much(lengths, context):
    """Packing loses nothing, doubles nothing, and no row overflows."""
    rows = bins(np.array(lengths), context)
    assert sorted(place for row in rows for place in row) == list(range(len(lengths)))
    assert all(sum(lengths[place] for place in row) <= context for row in rows)


def test_best_fit_leaves_no_row_that_another_could_take():
    """Documents of 6, 5, 4, 3 and 2 tokens fill two rows of ten."""
    assert len(bins(np.array([6, 5, 4, 3, 2]), 10)) == 2


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=20), context=st.integers(5, 20))
def test_cut_keeps_every_token_in_order(lengths, context):
    """A text longer than the context goes on in the next row."""
    docs = documents([(list(range(size)), [True] * size) for size in lengths])
    pieces = cut(docs, context)
    assert pieces.lengths.max() <= context
    assert (pieces.ids == docs.ids).all()


def test_labels_stay_inside_their_document():
    """The last token of a document predicts nothing, least of all the first of the next."""
    rows = pack(documents([([1, 2, 3], [True] * 3), ([4, 5], [False, True])]), 8)
    assert rows.ids.tolist() == [[1, 2, 3, 4, 5, -1, -1, -1]]
    assert rows.labels.tolist() == [[2, 3, IGNORED, 5, IGNORED, IGNORED, IGNORED, IGNORED]]
    assert rows.positions.tolist() == [[0, 1, 2, 0, 1, 0, 1, 2]]


def test_a_packed_document_is_read_as_if_it_were_alone():
    """The attention of a packed row stays inside each document: the losses add up."""
    import torch

    tokenizer = new_tokenizer([row["text"] for row in TEXTS], 400)
    model = open_model(Params.model_validate(SMALL), tokenizer, 1).eval()
    docs = documents([(list(range(10, 30)), [True] * 20), (list(range(40, 52)), [True] * 12), ([7, 8, 9], [True] * 3)])
    with torch.no_grad(), threads(1):
        losses = [
            summed_loss(
                model, pack(docs, 40, packing=packing), torch.device("cpu"), torch.autocast("cpu", enabled=False)
            )
            for packing in (True, False)
        ]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-4)


def test_only_the_completion_is_learned():
    """Of a pair the answer and its end are learned; with `learn: all` the question too."""
    tokenizer = new_tokenizer([*(row["text"] for row in PAIRS), *(row["target"] for row in PAIRS)], 400)
    corpus = read([seeds_of(PAIRS[:1])])
    docs = tokenized(corpus, tokenizer, learn="completion")
    assert tokenizer.decode(docs.ids[docs.learned]) == f"{PAIRS[0]['target']}<|end|>"
    assert tokenizer.decode(docs.ids[~docs.learned]) == f"<|begin|><|user|>{PAIRS[0]['text']}<|end|><|assistant|>"
    assert tokenized(corpus, tokenizer, learn="all").learned.all()


def test_every_turn_of_the_assistant_is_learned():
    """Of a chat of several turns all answers are learned, no question."""
    chat = [{"role": role, "content": f"{role} {n}"} for n in range(2) for role in ("user", "assistant")]
    tokenizer = new_tokenizer(["user assistant 0 1"] * 3, 300)
    docs = tokenized(read([seeds_of([{"messages": chat}])]), tokenizer, learn="completion")
    assert tokenizer.decode(docs.ids[docs.learned]) == "assistant 0<|end|>assistant 1<|end|>"


def test_a_tokenizer_without_a_template_gets_a_plain_one():
    """Its turns end with the end of text, which stops a server too."""
    tokenizer = new_tokenizer(["a b c"] * 3, 300)
    tokenizer.chat_template = PLAIN_TEMPLATE
    head, middle, stops = turn_ends(tokenizer)
    assert (head, middle) == ("<|begin|>user:\n", "<|end|>\nassistant:\n")
    assert stops == [tokenizer.eos_token_id]


def test_tokenizer_writes_back_what_it_reads():
    """Bytes are its alphabet: nothing is unknown to it."""
    tokenizer = new_tokenizer(["plain words"] * 2, 300)
    text = "Ünïcode ✓ 日本語\n\ttabs  and <|weird|> {{ braces }}"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_equal_and_empty_seeds_are_read_once_or_not_at_all():
    """A seed twice would leak from the held-out part into training."""
    corpus = read([seeds_of([*TEXTS[:2], TEXTS[0], {"text": "  "}])])
    assert (len(corpus), corpus.empty) == (2, 1)


@given(st.lists(st.text(alphabet="abc ", max_size=30), max_size=6))
def test_grams_name_the_text_that_they_are_of(texts):
    """A text has a gram if it has a word, and equal texts have equal ones."""
    runs, row = grams(texts)
    for place, text in enumerate(texts):
        own = runs[row == place].tolist()
        assert bool(own) == bool(text.split())
        assert own == grams([text])[0].tolist()


def test_schedule_rises_and_falls():
    """Warm-up to the peak, then a cosine to 2 % of it."""
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates.index(max(rates)) in {9, 10}
    assert rates[-1] == pytest.approx(0.02, abs=0.01)


def test_learned_pairs_are_answered_and_known_for_copies(tmp_path):
    """Six pairs learned by heart: each answer is the seed's, and turned down as such; the report says so."""
    wide = {**FRESH, "width": 64, "layers": 2}
    folder, said = fitted(
        tmp_path,
        PAIRS,
        epochs=200,
        held_out=0,
        optimizer="muon",
        matrix_rate=0.02,
        temperature=0,
        context=96,
        max_tokens=48,
        fresh=wide,
    )
    rows = drawn(folder, temperature=0, max_tokens=48)
    assert {row["target"] for row in rows} == {row["target"] for row in PAIRS}
    assert {row["reason"] for row in rows} == {"copied"}
    assert said.figures["share_copied"] == 1
    assert said.figures["train_loss"] < 0.2
    assert any("copies of seeds" in note for note in said.notes)
    assert len(said.curves["loss/train"]) == said.figures["steps"] == 100


def test_model_folder_is_what_a_server_opens(tmp_path):
    """Safetensors, tokenizer with its template, and the tokens that end an answer, in Hugging Face format."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, said = fitted(tmp_path, PAIRS * 4, max_steps=3)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.generation_config.eos_token_id == [tokenizer.convert_tokens_to_ids("<|end|>")]
    assert model.config.use_cache is True
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert rendered == "<|begin|><|user|>Hi<|end|><|assistant|>"
    assert said.figures["steps"] == 3


def test_held_out_loss_is_reported_and_stops_the_training(tmp_path):
    """On two dozen texts the held-out loss soon rises: the run ends early and says so."""
    _, said = fitted(tmp_path, TEXTS, epochs=60, evaluations=30, patience=2, learning_rate=0.02)
    assert said.figures["perplexity"] == pytest.approx(np.exp(said.figures["held_out_loss"]), rel=0.01)
    assert said.figures["held_out_loss"] == pytest.approx(min(y for _, y in said.curves["loss/held-out"]), abs=1e-3)
    assert any("early stop at step" in note for note in said.notes)


def test_same_training_same_weights_same_draws(tmp_path):
    """The bytes of the model and of what is drawn from it follow from seeds, params and run seed."""
    folders = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folders.append(fitted(tmp_path / name, TEXTS, max_steps=6, threads=2)[0])
    assert weights(folders[0]) == weights(folders[1])
    assert drawn(folders[0]) == drawn(folders[1])


def test_interrupted_training_goes_on_to_the_same_weights(tmp_path):
    """What is left in the scratch folder is enough: the weights are those of a training in one go."""
    (tmp_path / "whole").mkdir()
    whole, _ = fitted(tmp_path / "whole", TEXTS, epochs=3, evaluations=6)
    steps = []

    def interrupt(share, words):
        steps.append(words)
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path, TEXTS, interrupt, "broken", epochs=3, evaluations=6)
    resumed, _ = fitted(tmp_path, TEXTS, lambda _share, words: steps.append(words), "again", epochs=3, evaluations=6)
    assert weights(resumed) == weights(whole)
    assert sum("step 2 of" in words for words in steps) == 1, "the steps before the checkpoint were not taken again"


KILLED = """
import sys, pathlib
sys.path.insert(0, {root!r})
from tests.methods.test_finetune import TEXTS, fitted
def tell(share, words):
    print(words, flush=True)
fitted(pathlib.Path({place!r}), TEXTS, tell, "killed", epochs=200, evaluations=50, patience=1000)
"""


@pytest.mark.slow
def test_killed_training_goes_on(tmp_path):
    """A real SIGKILL in mid-training: the next run goes on from a checkpoint, not from the start."""
    root = str(Path(__file__).resolve().parents[2])
    code = KILLED.format(root=root, place=str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not (tmp_path / "scratch" / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    words = []
    fitted(tmp_path, TEXTS, lambda _share, said: words.append(said), epochs=200, evaluations=50, patience=1000)
    first = next(int(said.split()[1]) for said in words if said.startswith("step"))
    assert first > 1


def test_budget_in_minutes_ends_the_training(tmp_path):
    """A training that time ended says so: its weights depend on the machine's speed."""
    _, said = fitted(tmp_path, TEXTS, epochs=500, max_minutes=0.001, held_out=0)
    assert any("max_minutes 0.001 ended the training at step" in note for note in said.notes)
    assert said.figures["steps"] >= 1


def test_a_loss_that_is_no_number_stops_with_the_last_good_weights(tmp_path):
    """The model that is kept can be drawn from, and the report says what happened."""
    steps = {"epochs": 40, "learning_rate": 3e4, "warmup": 0.9, "clip": 1e30, "evaluations": 200, "patience": 1000}
    folder, said = fitted(tmp_path, TEXTS, **steps)
    assert any("was not a number after step" in note for note in said.notes)
    assert np.isfinite(said.figures["held_out_loss"])
    assert len(drawn(folder)) == 6


def test_a_loss_that_is_no_number_from_the_start_is_one_line(tmp_path):
    """There are no good weights to go back to: no model is left, and the message says what to change."""
    with pytest.raises(UserError, match=r"not a number after \d+ steps, .*: lower learning_rate 1e\+20"):
        fitted(tmp_path, TEXTS, learning_rate=1e20, clip=1e30, held_out=0)


class _Hungry:
    """A model with a weight, for which a batch of more than two rows is too much."""

    def __init__(self, limit):
        import torch

        class Module(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(8, 8))
                self.config = SimpleNamespace(model_type="hungry", use_cache=False)

            def forward(self, input_ids, **_rest):
                if len(input_ids) > limit:
                    raise torch.OutOfMemoryError
                return SimpleNamespace(logits=self.weight[input_ids])

            def set_attn_implementation(self, name):
                assert name == "eager"

        self.module = Module()


@pytest.mark.parametrize(("limit", "fits"), [(2, True), (1, False)])
def test_out_of_memory_halves_the_batch_once(tmp_path, limit, fits):
    """Half a batch is tried; where that is too much as well, one line says what to lower."""
    rows = pack(documents([([1, 2, 3, 4], [True] * 4)] * 8), 4, packing=False)
    params = Params.model_validate({**SMALL, "model": "hub/tiny", "batch_rows": 4, "max_steps": 2, "device": "cpu"})
    none = Rows(*(np.zeros((0, 4), np.int64) for _ in range(3)))

    def run():
        return train(
            _Hungry(limit).module, rows, none, params, seed=1, scratch=tmp_path, progress=lambda _share, _words: None
        )

    if fits:
        assert run().step == 2
    else:
        with pytest.raises(UserError, match="out of memory on cpu with batch_rows 4 and context 64: lower one of them"):
            run()


def test_lora_trains_a_directory_and_leaves_merged_weights(tmp_path):
    """A second training starts from the first one's folder; its adapters end up in the weights."""
    pytest.importorskip("peft", reason="peft is not installed: pip install 'tilth[llm]'")
    base, _ = fitted(tmp_path, PAIRS * 4, max_steps=2, name="base")
    values = {"model": str(base), "adapt": "lora", "lora": {"rank": 4, "dropout": 0.1}, "max_steps": 4}
    folder, _ = fitted(tmp_path, PAIRS, **values)
    assert not list(folder.glob("adapter*"))
    assert weights(folder) != weights(base)
    assert len(weights(folder)) == pytest.approx(len(weights(base)), rel=0.05)
    assert {row["kind"] for row in drawn(folder, 2)} == {"pair"}


@pytest.mark.parametrize(
    ("rows", "values", "check"),
    [
        pytest.param(TEXTS, {}, lambda row: row["kind"] == "text", id="texts from nothing"),
        pytest.param(TEXTS, {"prefix": "Ticket 7"}, lambda row: row["text"].startswith("Ticket 7"), id="prefix"),
        pytest.param(
            TEXTS,
            {"prompts": "seeds", "prefix_words": 2},
            lambda row: re.match(r"Ticket \d+:", row["text"]),
            id="first words of seeds",
        ),
        pytest.param(PAIRS, {}, lambda row: row["text"] in {pair["text"] for pair in PAIRS}, id="prompts of pairs"),
        pytest.param(PAIRS, {"prefix": "Hello"}, lambda row: row["text"] == "Hello", id="a prompt of its own"),
        pytest.param(
            PAIRS, {"learn": "all", "prompts": "none"}, lambda row: row["kind"] == "pair", id="pairs from nothing"
        ),
        pytest.param(
            [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there"}]}] * 1,
            {},
            lambda row: [turn["role"] for turn in row["messages"]] == ["user", "assistant"],
            id="chats",
        ),
    ],
)
def test_what_a_draw_starts_from(tmp_path, rows, values, check):
    """Nothing, a prefix, a seed's first words, a seed's prompt, a prompt that the model writes itself."""
    folder, _ = fitted(tmp_path, rows, max_steps=2, held_out=0, **values)
    made = drawn(folder, 8, **values)
    assert len(made) == 8
    assert all(check(row) for row in made)


def test_seeds_take_turns_over_shards(tmp_path):
    """Each seed's prompt comes once before any comes twice, whichever shard draws it."""
    folder, _ = fitted(tmp_path, PAIRS, max_steps=1, held_out=0)
    asked = [row["text"] for start in (0, 2, 4) for row in drawn(folder, 2, start)]
    assert sorted(asked) == sorted(pair["text"] for pair in PAIRS)


def test_untrained_model_is_cut_off_and_says_so(tmp_path):
    """What runs into max_tokens is no whole text: it is rejected as truncated, with what there was."""
    folder, _ = fitted(tmp_path, TEXTS, max_steps=1)
    rows = drawn(folder, 16, max_tokens=4)
    assert {row["reason"] for row in rows} <= {"truncated", "empty", None}
    assert sum(row["reason"] == "truncated" for row in rows) > 8


def test_pairs_from_nothing_need_prompts_to_be_learned(tmp_path):
    """Without that the model has never seen how a prompt begins."""
    folder, _ = fitted(tmp_path, PAIRS, max_steps=1, held_out=0)
    with pytest.raises(RecipeError, match="set learn: all"):
        drawn(folder, prompts="none")


@pytest.mark.parametrize(
    ("rows", "values", "message"),
    [
        ([{"text": " "}], {}, "no seed with text, or a target, or messages of an assistant"),
        (PAIRS, {"context": 16}, "no seed fits into `context` 16: the shortest has"),
    ],
)
def test_nothing_to_learn_from_is_one_line(tmp_path, rows, values, message):
    """The seeds are at fault, and the message says how."""
    with pytest.raises(UserError, match=message):
        fitted(tmp_path, rows, **values)


@pytest.mark.parametrize("rows", [TEXTS[:1], TEXTS[:3], [{"text": "word " * 5000}], [{"text": "x"}] * 4])
def test_few_and_odd_seeds_train_too(tmp_path, rows):
    """One seed, three seeds, one giant text, one letter: a model comes out, and the report says what was left out."""
    folder, said = fitted(tmp_path, rows, max_steps=2, epochs=20)
    assert (folder / "model.safetensors").is_file()
    assert said.figures["steps"] == 2


def test_long_pairs_are_left_out_and_counted(tmp_path):
    """A pair that does not fit is never learned in part."""
    long = {"text": "Why? " * 80, "target": "Because."}
    _, said = fitted(tmp_path, [*PAIRS, long], max_steps=1, context=80)
    assert any("1 seeds are longer than `context` 80" in note for note in said.notes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "./no/such/model"}, "no such model directory: './no/such/model'; leave `model` out"),
        ({"device": "cuda"}, "device 'cuda' is asked for and torch finds no CUDA; have: cpu"),
    ],
)
def test_check_names_what_is_missing(values, message):
    """Before anything is spent."""
    import torch

    if values.get("device") and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(RecipeError, match=message):
        get_method("finetune").check(Params.model_validate(values))


def test_a_directory_that_is_no_model_is_named(tmp_path):
    """An empty folder is not taken for a hub id."""
    with pytest.raises(RecipeError, match="is a directory without config"):
        get_method("finetune").check(Params(model=str(tmp_path)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"adapt": "lora"}, "adapt 'lora' needs a `model` to adapt"),
        ({"optimizer": "muon", "model": "a/b"}, "optimizer 'muon' is for a model from scratch"),
        ({"fresh": {"width": 96, "heads": 4}}, "width 96 / heads 4 is 24; have: 32, 64, 96, 128"),
    ],
)
def test_params_that_do_not_go_together(values, message):
    """Each is found when the recipe is read."""
    with pytest.raises(ValueError, match=message):
        Params.model_validate(values)


def test_drawing_params_train_nothing_anew():
    """A hotter draw is a draw from the same model."""
    method = get_method("finetune")
    one, two = (method.trains_on(Params(temperature=value)) for value in (0.2, 1.5))
    assert one == two
    assert "temperature" not in json.dumps(one)


@hypothesis_settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(1, 9))
def test_steps_see_every_row_once_an_epoch(seed, rows):
    """The order of an epoch is a permutation, sorted by length within windows."""
    from tasks.methods.llm._finetune_loop import epoch_order

    lengths = np.random.default_rng(seed).integers(1, 30, rows * 7)
    assert sorted(epoch_order(lengths, 4, seed).tolist()) == list(range(rows * 7))
