"""Texts translated and rewritten by the stage's engine: the prompts, in which a text is material, and their answers."""

import re
from collections.abc import Sequence

from tasks.core.engine import Request
from tasks.core.rollout import Generate
from tasks.methods.augment._seq2seq_masks import Masked
from tasks.methods.augment._seq2seq_pieces import edges
from tasks.methods.llm._chat import GUARD, Messages, Sampled, block, chat, quoted, request
from tasks.methods.llm._parse import body

# The word that names the engine of the stage where a model of one's own could be named.
LLM = "llm"
# Servers of the OpenAI protocol take no more.
_MAX_TEMPERATURE = 2.0
# A model may write its answer as it was shown the text.
_TAGGED = re.compile(r"\A<(text(?:-\d+)?)>\s*(.*?)\s*</\1>\Z", re.DOTALL)


def check_sampling(temperature: float | None, top_p: float | None, *, asks: bool) -> None:
    """Raise ValueError for a temperature or top_p that an engine, or else a model that runs here, cannot take."""
    if asks:
        if temperature is not None and temperature > _MAX_TEMPERATURE:
            raise ValueError(f"temperature {temperature} is too high for an engine; {_MAX_TEMPERATURE:g} at most")
        return
    for name, value in (("temperature", temperature), ("top_p", top_p)):
        if value is None:
            raise ValueError(f"`{name}: null`, the engine's own, is for '{LLM}'; a model that runs here needs a number")
    if not temperature:
        raise ValueError("temperature must be above 0 for a model that runs here")


def translation(text: str, source: str, target: str, codes: Sequence[str]) -> Messages:
    """Return the messages that ask for a text in another language; `codes` stand in it for words that must stay."""
    task = f"Translate the text from {source} into {target}."
    stay = f"Leave each of these codes as it is, once: {', '.join(codes)}." if codes else ""
    return _asked(task, text, stay, "Answer with the translation only.")


def rewriting(text: str, kept: Sequence[str]) -> Messages:
    """Return the messages that ask for a text in other words; those of `kept` must stay as they are."""
    task = "Rewrite the text in other words, in its own language. Say all that it says, and nothing more."
    stay = "Leave names, numbers, codes and addresses as they are."
    if kept:
        stay += f" Leave these word for word: {', '.join(map(quoted, dict.fromkeys(kept)))}."
    return _asked(task, text, stay, "Answer with the new text only.")


def _asked(task: str, text: str, stay: str, form: str) -> Messages:
    return chat("\n\n".join(part for part in (task, block("text", text), GUARD, stay, form) if part))


def bare(answer: str) -> str:
    """Return the text that an answer is; RecordError `refusal` or `empty_answer` where it is none."""
    said = body(answer)
    tagged = _TAGGED.match(said)
    return body(tagged[2]) if tagged else said


async def there_and_back(
    masked: Masked, languages: tuple[str, str], generate: Generate, how: Sampled
) -> tuple[str, str]:
    """Return a text in the second language, and that back in the first; nothing is asked where it has no words.

    Errors: RecordError of an answer that is cut off, a refusal or empty.
    """
    left, text, right = edges(masked.text)
    if not any(char.isalpha() for char in masked.code.sub("", text)):
        return masked.text, masked.text
    here, there = languages
    answers = []
    for source, target in ((here, there), (there, here)):
        asked: Request = request(translation(text, source, target, masked.codes), how)
        text = bare((await generate(asked)).text)
        answers.append(f"{left}{text}{right}")
    return answers[0], answers[1]
