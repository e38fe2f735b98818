"""The embedded model: what it is trained on, that it is trained once, and that its answers do."""

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from quality.checkpoint import judge as verdicts
from quality.rule import default_rules
from tasks.core import record
from tasks.engines import embedded
from tasks.engines._embedded_pairs import BUILDERS, mixed
from tasks.engines._embedded_text import ANSWERS, REPLIES, REVIEWS, TASKS, TOPICS, Writer, lexicon, sentences_of
from tasks.methods.augment._synchronous_desk import desk
from tasks.methods.llm import _parse, _self_instruct_read, grounded_qa

ROOT = Path(__file__).resolve().parents[2]


def some(count, seed=1):
    return list(itertools.islice(mixed(np.random.default_rng(seed)), count))


PAIRS = some(1500)


def of(*kinds):
    return [pair for kind, pair in PAIRS if kind in kinds]


def test_every_kind_of_prompt_comes():
    """No builder is forgotten, none turned down always."""
    assert set(Counter(kind for kind, _ in PAIRS)) == set(BUILDERS)


def test_pairs_follow_from_the_generator():
    """The same generator, the same pairs; another one, others."""
    assert some(50) == some(50)
    assert some(50) != some(50, seed=2)


@pytest.mark.parametrize(
    ("kinds", "read"),
    [
        (("text", "answer", "rephrase", "seed_answer", "evolved", "copy"), _parse.body),
        (("pair",), lambda text: _parse.fields(text, ("Input", "Output"))),
        (("rephrase_qa",), lambda text: _parse.blocks(text, ("Question", "Answer"))),
        (("structured", "judge", "preference", "grounded_qa"), json.loads),
        (("tasks",), _self_instruct_read.instructions),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_answers_have_the_form_that_is_asked_for(kinds, read):
    """The methods' own readers take every one of them."""
    assert all(read(answer) for _, answer in of(*kinds))


def test_conversations_and_single_turns_are_read():
    """A chat in one answer has its speakers in turn; one turn of a dialogue names nobody."""
    for messages, answer in of("chat"):
        if "Answer in this form" in messages[-1][1]:
            assert _parse.conversation(answer)
        else:
            assert _parse.turn(answer, "user")["content"] == answer


def test_evidence_is_in_the_document():
    """What is learned is to choose a sentence, not to make one up."""
    for messages, answer in of("grounded_qa"):
        document = messages[-1][1].partition("<text>\n")[2].partition("\n</text>")[0]
        for found in json.loads(answer):
            pair = {name.capitalize(): said for name, said in found.items()}
            assert grounded_qa.defect(pair, document, grounded_qa.Params()) is None


def test_verdicts_are_words():
    """Yes or No, and both of them."""
    said = {answer for _, answer in of("question", "gain")}
    assert said == {"Yes", "No"}


def test_json_answers_are_valid_under_the_schema_in_their_prompt():
    """Their properties are those that the prompt names, in its order."""
    for messages, answer in of("structured"):
        schema = messages[-1][1].rpartition("of this schema:\n")[2]
        assert list(_parse.json_of(answer, schema)) == json.loads(schema)["required"]


@pytest.mark.parametrize("grammar", [ANSWERS, REPLIES, REVIEWS, TASKS], ids=["answers", "replies", "reviews", "tasks"])
def test_grammar_texts_pass_the_default_row_rules(grammar):
    """Nothing that the model imitates would be turned down."""
    writer = Writer(np.random.default_rng(0))
    texts = [writer.of(grammar) for _ in range(200)]
    batch = record.complete(record.columns(text=texts), method="m@1", stage="s", shard=0, row=0)
    assert verdicts(batch, default_rules()).null_count == len(texts)
    assert not any("{" in text or "#" in text or "QX" in text for text in texts)
    assert len(set(texts)) > 50


@pytest.mark.parametrize("topic", TOPICS)
def test_message_is_about_its_topic_and_product(topic):
    """Two wordings of one meaning, whose slots hold the same values."""
    writer = Writer(np.random.default_rng(3))
    for _ in range(20):
        one, other, kind, product = writer.twice(topic, "Brisk Kettle")
        assert (kind, product) == (topic, "Brisk Kettle")
        numbers = [sorted(word for word in text.split() if any(c.isdigit() for c in word)) for text in (one, other)]
        assert [word.strip(".,:;?") for word in sorted(numbers[0])] == [
            word.strip(".,:;?") for word in sorted(numbers[1])
        ]
        assert "QX" not in one + other


def test_every_topic_is_one_of_the_desk():
    """A line of the grammar that a topic names is there."""
    assert set(TOPICS.values()) <= set(desk().lines)


def test_stray_sentences_are_single_words():
    """The lexicon's comments and phrases are not among them."""
    assert len(lexicon()) > 1000
    assert all(word.isalpha() for _, word in lexicon())


def test_sentences_are_found_again():
    """What was written as sentences is cut at their ends."""
    assert sentences_of("It leaks. Why? I am cross!") == ["It leaks.", "Why?", "I am cross!"]


def test_module_loads_no_heavy_package():
    """Naming the embedded engine costs nothing until it is asked."""
    code = "import sys, tasks.engines.embedded; print([h for h in ('torch', 'transformers') if h in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_model_is_named_by_prompts_and_params():
    """Another form of a prompt is another model: a stale one is never used."""
    parts = embedded.parts()
    assert parts == embedded.parts()
    assert embedded.PARAMS in parts


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_seven_of_ten_answers_pass():
    """A model of 2-5M parameters, the real engine, the quickstart's seeds: 70 % at least, the mean over the stages."""
    from safetensors.numpy import load_file

    from tests.bench.bench_embedded import shares

    folder = embedded.model_folder()
    assert embedded.model_folder() == folder, "the second call finds it"
    assert 2e6 <= sum(weight.size for weight in load_file(folder / "model.safetensors").values()) <= 5e6
    found = {what: one.passed / max(1, one.rows) for what, one in shares(folder, draws=24)}
    assert np.mean(list(found.values())) >= 0.70, found
