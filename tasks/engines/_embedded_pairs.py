"""What the embedded model is trained on: prompts in the very forms that the llm methods send, and answers to them.

Each builder uses its method's own function for the prompt, and the method's own checks for the answer: a pair that the
method would turn down is drawn again.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from tasks.core import record
from tasks.core.rollout import Row
from tasks.engines._embedded_prompts import ANSWER, ASKED, CHAT, CRITERIA, PAIR, PERSONAS, SUM_UP, TONES, WRITE
from tasks.engines._embedded_text import PRODUCTS, REVIEWS, TOPICS, Writer, sentences_of
from tasks.methods.llm import evol_instruct, grounded_qa, judge, preference, prompt, rephrase, self_instruct
from tasks.methods.llm._chat import Messages, block, chat

Pair = tuple[Messages, str]


def _grid(writer: Writer, instruction: str) -> dict[str, str]:
    """Return the attributes that a prompt names in its text, and a few that it lists."""
    values = {
        "topic": str(writer.one(list(TOPICS))),
        "product": str(writer.one(PRODUCTS)),
        "persona": str(writer.one(PERSONAS)),
        "tone": str(writer.one(TONES)),
        "length": str(writer.one(("short", "long", "one sentence", "two sentences"))),
    }
    kept = {name for name in values if f"{{{{ {name} }}}}" in instruction or writer.chance(0.4)}
    return {name: value for name, value in values.items() if name in kept}


def _params(writer: Writer, kind: type[Any], **values: Any) -> Any:
    del writer
    return kind.model_validate(values, context={"base": None})


def _example(writer: Writer, **values: Any) -> Row:
    return {"id": "", "text": writer.message(), "target": None, "messages": None, "extra": {}, **values}


def _text(writer: Writer) -> Pair:
    """Return a prompt for a text, with attributes and often with examples."""
    asked = str(writer.one(WRITE))
    attributes = _grid(writer, asked)
    shots = int(writer.one((0, 0, 0, 1, 2, 3)))
    params = _params(
        writer, prompt.Params, instruction=asked, shots=shots, attributes={k: [v] for k, v in attributes.items()}
    )
    reviews = shots and writer.chance(0.25)
    draw = (lambda: writer.of(REVIEWS)) if reviews else (lambda: writer.document(writer.one((2, 3, 4)), 0.0))
    examples = [_example(writer, text=draw()) for _ in range(shots)]
    answer = draw() if reviews else _longer(writer, attributes.get("topic"), attributes.get("product"))
    return prompt.messages(params, examples=examples, attributes=attributes), answer


def _longer(writer: Writer, topic: str | None, product: str | None) -> str:
    return writer.message(topic, product)


def _seed_text(writer: Writer) -> str:
    """Return a text as seeds are: a question, a message, or something longer that may be anything."""
    return writer.message() if writer.chance(0.5) else writer.document(int(writer.rng.integers(1, 6)), 0.25)


def _answer(writer: Writer) -> Pair:
    """Return a prompt that shows a text and asks for something about it."""
    if writer.chance(0.3):
        message, _, topic, product = writer.twice()
        params = _params(writer, prompt.Params, instruction=str(writer.one(SUM_UP)), output="answer")
        return prompt.messages(params, _example(writer, text=message)), f"{topic.capitalize()}, about the {product}"
    shots = writer.one((0, 0, 0, 1, 2))
    params = _params(writer, prompt.Params, instruction=str(writer.one(ANSWER)), output="answer", shots=shots)
    draw = writer.advice if writer.chance(0.6) else writer.reply
    examples = [_example(writer, target=draw()) for _ in range(shots)]
    return prompt.messages(params, _example(writer, text=_seed_text(writer)), examples=examples), draw()


def _pair(writer: Writer) -> Pair:
    asked = str(writer.one(PAIR))
    attributes = _grid(writer, asked)
    shots = writer.one((0, 0, 1, 2))
    params = _params(writer, prompt.Params, instruction=asked, output="pair", shots=shots)
    examples = [_example(writer, target=writer.advice()) for _ in range(shots)]
    answer = f"Input: {writer.brief(attributes.get('topic'), attributes.get('product'))}\nOutput: {writer.advice()}"
    return prompt.messages(params, examples=examples, attributes=attributes), answer


def _talk(writer: Writer, exchanges: int) -> list[dict[str, str]]:
    topic, product = str(writer.one(list(TOPICS))), str(writer.one(PRODUCTS))
    turns = []
    for _ in range(exchanges):
        turns.append({"role": "user", "content": writer.brief(topic, product)})
        turns.append({"role": "assistant", "content": writer.one((writer.advice, writer.reply))()})
    return turns


def _chat(writer: Writer) -> Pair:
    """Return a prompt for a conversation, or for one turn of it."""
    asked = str(writer.one(CHAT))
    attributes = _grid(writer, asked)
    if writer.chance(0.5):
        params = _params(writer, prompt.Params, instruction=asked, output="chat")
        turns = _talk(writer, int(writer.one((1, 1, 2))))
        said = "\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in turns)
        return prompt.messages(params, attributes=attributes), said
    params = _params(writer, prompt.Params, instruction=asked, output="chat", turns=3)
    turns = _talk(writer, 3)
    place = int(writer.rng.integers(0, 5))
    return prompt.turn_messages(params, turns[:place], attributes=attributes), turns[place]["content"]


def _structured(writer: Writer) -> Pair:
    """Return a prompt for JSON: properties in any order, of the sorts that schemas of tickets have."""
    _, _, topic, product = writer.twice()
    message = writer.brief(topic, product)
    have: dict[str, tuple[dict[str, Any], Any]] = {
        "message": ({"type": "string"}, message),
        "text": ({"type": "string"}, message),
        "question": ({"type": "string"}, message),
        "answer": ({"type": "string"}, sentences_of(writer.advice())[0]),
        "reply": ({"type": "string"}, sentences_of(writer.reply())[0]),
        "title": ({"type": "string"}, f"{topic.capitalize()}, about the {product}"),
        "product": ({"type": "string"}, product),
        "topic": ({"enum": list(TOPICS)}, topic),
        "label": ({"type": "string", "enum": list(TOPICS)}, topic),
        "priority": ({"enum": ["low", "normal", "high"]}, str(writer.one(["low", "normal", "high"]))),
        "stars": ({"type": "integer", "minimum": 1, "maximum": 5}, int(writer.rng.integers(1, 6))),
        "urgent": ({"type": "boolean"}, writer.chance(0.5)),
    }
    names = writer.some(list(have), int(writer.one((1, 2, 2, 3))))
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: have[name][0] for name in names},
        "required": names,
    }
    if writer.chance(0.6):
        schema["additionalProperties"] = False
    asked = str(writer.one(WRITE))
    params = _params(writer, prompt.Params, instruction=asked, output="structured", schema=schema)
    answer = record.dumps({name: have[name][1] for name in names})
    return prompt.messages(params, attributes=_grid(writer, asked)), answer


def _rephrase(writer: Writer) -> Pair:
    """Return a prompt for another wording: sentences whose meaning the grammar knows, each worded anew."""
    style = str(writer.one(["easy", "easy", "medium", "medium", "hard"]))
    both = [writer.twice()[:2] for _ in range(int(writer.rng.integers(1, 5)))]
    passage, answer = (" ".join(side) for side in zip(*both, strict=True))
    if writer.chance(0.5):
        # A seed says what no grammar does; the answer then is about as long, in what words it has.
        strays = [writer.foreign() for _ in range(int(writer.rng.integers(1, 6)))]
        passage = " ".join([*strays, passage] if writer.chance(0.5) else [passage, *strays])
        while len(answer.split()) < 0.9 * len(passage.split()):
            answer += f" {writer.message()}"
    return rephrase.messages(passage, rephrase.STYLES[style]), _unless(rephrase.defect(passage, answer, _LOOSE), answer)


_LOOSE = rephrase.Params()


def _unless(defect: str | None, answer: str) -> str:
    return "" if defect else answer


def _rephrase_qa(writer: Writer) -> Pair:
    message, other, topic, product = writer.twice()
    passage = f"{message} {writer.document(int(writer.rng.integers(0, 4)), 0.4)}".strip()
    parts = [
        ("What does the customer say?", other),
        ("What is it about?", f"{topic.capitalize()}, and the {product}."),
        ("What can the desk do?", writer.reply()),
    ]
    answer = "\n".join(f"Question: {question}\nAnswer: {said}" for question, said in parts)
    asked = rephrase.messages(passage, rephrase.STYLES["qa"], qa=True)
    return asked, _unless(rephrase.defect(passage, answer, _LOOSE), answer)


_GROUNDED = grounded_qa.Params()
QUESTIONS = ("What does the customer write?", "What does the writer say?", "What else is said?", "What is it about?")


def _grounded(writer: Writer) -> Pair:
    """Return a prompt for questions; the evidence is one of the sentences, the answer the words it starts with."""
    document = writer.document(int(writer.rng.integers(2, 6)), 0.5)
    pairs = int(writer.one((1, 1, 1, 2)))
    schema = grounded_qa.schema_of(document, pairs, _GROUNDED)
    if schema is None:
        return grounded_qa.messages(document, pairs), ""
    said = writer.some(schema["items"]["properties"]["evidence"]["enum"], pairs)
    found = [
        {"question": asked, "answer": " ".join(sentence.split()[:4]).rstrip(".,;:!?"), "evidence": sentence}
        for asked, sentence in zip(writer.some(QUESTIONS, pairs), said, strict=False)
    ]
    wrong = any(grounded_qa.defect({k.capitalize(): v for k, v in x.items()}, document, _GROUNDED) for x in found)
    return grounded_qa.messages(document, pairs), "" if wrong or len(found) < pairs else record.dumps(found)


def _copy(writer: Writer) -> Pair:
    """Return a prompt to say the same again: to copy is what evidence, schemas and criteria ask for."""
    text = " ".join(writer.foreign().split()[: int(writer.rng.integers(3, 12))])
    return chat(f"Repeat the text.\n\n{block('text', text)}"), text


def _judged(writer: Writer) -> Pair:
    """Return a prompt for scores: stray words score low, answers that fit score high."""
    names = ["quality"] if writer.chance(0.15) else writer.some(CRITERIA, int(writer.one((1, 2, 2, 2, 3))))
    scale = (1, 5) if writer.chance(0.9) else (1, 10)
    explain = writer.chance(0.15)
    rubric = {name: str(writer.one(ASKED)) for name in names}
    params = _params(writer, judge.Params, rubric=rubric, scale=scale, explain=explain)
    good = writer.chance(0.7)
    low, high = (scale[1] - 2, scale[1]) if good else (scale[0], scale[0] + 2)
    text = writer.message() if good else writer.stray()
    seed = _example(writer, text=text, target=writer.advice() if writer.chance(0.7) else None)
    vote: dict[str, Any] = {"reason": "It is clear and useful." if good else "It makes no sense."} if explain else {}
    vote |= {name: int(writer.rng.integers(low, high + 1)) for name in names}
    return judge.messages(seed, params), record.dumps(vote)


CRITERION = "is more correct, helpful and clear"


def _marked(writer: Writer) -> tuple[str, int]:
    """Return an answer and its score: what to do is better than kind words, and disorder is worst."""
    if writer.chance(0.45):
        return writer.advice(), 9
    text = writer.reply()
    return (" ".join(writer.some(text.split(), 99)), 1) if writer.chance(0.3) else (text, 4)


def _preferred(writer: Writer) -> Pair:
    """Return a prompt for a verdict or a score; both go by the same marks, so that order does not matter."""
    (first, one), (second, other) = _marked(writer), _marked(writer)
    if writer.chance(0.25):
        asked = preference.verdict_messages(_short(writer), first, second, CRITERION)
        return asked, record.dumps({"better": "tie" if one == other else "A" if one > other else "B"})
    return preference.score_messages(_short(writer), first, CRITERION), record.dumps({"score": one})


def _short(writer: Writer) -> str:
    return writer.message() if writer.chance(0.5) else writer.stray()


def _seed_answer(writer: Writer) -> Pair:
    """Return a bare question or task, and its answer."""
    text = writer.one((lambda: _seed_text(writer), writer.task, writer.message))()
    return preference.messages(_example(writer, text=text)), writer.one((writer.advice, writer.advice, writer.reply))()


def _tasks(writer: Writer) -> Pair:
    have, count = int(writer.one((4, 6, 8, 8, 8, 8))), int(writer.one((3, 4, 4, 8, 8)))
    draw = writer.task if writer.chance(0.6) else writer.message
    examples = [writer.stray() if writer.chance(0.15) else draw() for _ in range(have)]
    new = list(dict.fromkeys(writer.task() for _ in range(count + 6)))[:count]
    listed = "\n".join(f"{number}. {task}" for number, task in enumerate(new, 1))
    return self_instruct.task_messages(examples, len(new)), listed


def _is_label(task: str) -> bool:
    return task.startswith(("Sort", "Label", "Tag")) or ": label" in task or ": sort" in task or ": tag" in task


def _question(writer: Writer) -> Pair:
    task = writer.task() if writer.chance(0.8) else writer.message()
    return self_instruct.question_messages(task), "Yes" if _is_label(task) else "No"


def _inputs(writer: Writer) -> Pair:
    task = writer.task() if writer.chance(0.8) else writer.message()
    count = int(writer.one((1, 2, 3, 3)))
    if writer.chance(0.5):
        parts = [
            f"Input: {writer.message()}\nOutput: {writer.advice()}"
            for _ in range(int(writer.rng.integers(1, count + 1)))
        ]
        if writer.chance(0.25):
            parts = [f"Input: none\nOutput: {writer.advice()}"]
        return self_instruct.input_first_messages(task, count), "\n".join(parts)
    labels = writer.some(
        ["fault", "delivery", "happy", "unhappy", "urgent", "not urgent", "question", "complaint"], count
    )
    return self_instruct.output_first_messages(task, count), "\n".join(
        f"Label: {label}\nInput: {writer.brief()}" for label in labels[:2]
    )


MORE = (
    *("Keep it under fifty words", "Give a reason for each step", "Name the product and the order number"),
    *("Use a polite tone and no long words", "Explain it to a child first", "Say what to do if that does not help"),
    *("Compare two ways to do it", "Put the steps into a numbered list", "Say how long each step takes"),
    *("Work out the cost from these numbers: 12, 30, 45", 'Use this data: {"model": "E7", "age": 3}'),
)


def _evolved(writer: Writer) -> Pair:
    task = writer.task() if writer.chance(0.6) else _seed_text(writer)
    if writer.chance(0.35):
        return evol_instruct.breadth_messages(task), writer.task()
    operation = str(writer.one(list(evol_instruct.IN_DEPTH)))
    harder = f"{writer.task()} {writer.one(MORE)}, and {str(writer.one(MORE)).lower()}."
    return evol_instruct.depth_messages(task, operation, str(writer.one(evol_instruct.FORMS))), harder


def _gain(writer: Writer) -> Pair:
    before = writer.task() if writer.chance(0.6) else _seed_text(writer)
    same = writer.chance(0.15)
    return evol_instruct.gain_messages(before, before if same else writer.task()), "Yes" if same else "No"


# How often each comes, by what it takes to learn it.
BUILDERS: Mapping[str, tuple[Callable[[Writer], Pair], float]] = {
    "copy": (_copy, 4),
    "text": (_text, 7),
    "answer": (_answer, 6),
    "pair": (_pair, 6),
    "chat": (_chat, 5),
    "structured": (_structured, 5),
    "rephrase": (_rephrase, 12),
    "rephrase_qa": (_rephrase_qa, 3),
    "grounded_qa": (_grounded, 9),
    "judge": (_judged, 6),
    "preference": (_preferred, 12),
    "seed_answer": (_seed_answer, 4),
    "tasks": (_tasks, 9),
    "question": (_question, 1),
    "inputs": (_inputs, 9),
    "evolved": (_evolved, 4),
    "gain": (_gain, 1),
}


# What the first pairs are: a model that can copy learns the rest from a fraction of the examples.
FIRST: Final = 800
_FIRST_WEIGHTS = {"copy": 1, "preference": 10, "grounded_qa": 2}


def pairs(rng: np.random.Generator) -> Iterator[tuple[str, Pair]]:
    """Yield, without end, (what it is, pair): FIRST pairs to learn copying from, then each kind by its weight."""
    writer = Writer(rng)
    weights = {name: weight for name, (_, weight) in BUILDERS.items()}
    yield from itertools.islice(_drawn(writer, _FIRST_WEIGHTS), FIRST)
    yield from _drawn(writer, weights)


def mixed(rng: np.random.Generator) -> Iterator[tuple[str, Pair]]:
    """Yield the pairs that come after the first."""
    return _drawn(Writer(rng), {name: weight for name, (_, weight) in BUILDERS.items()})


def _drawn(writer: Writer, weights: Mapping[str, float]) -> Iterator[tuple[str, Pair]]:
    names, shares = list(weights), np.array(list(weights.values()), float)
    while True:
        for at in writer.rng.choice(len(names), 256, p=shares / shares.sum()).tolist():
            pair = BUILDERS[names[at]][0](writer)
            if pair[1]:
                yield names[at], pair
