"""What Self-Instruct makes of answers: instructions, instances, and why some of them are turned down."""

import re
import string
from collections.abc import Iterable, Sequence
from typing import Literal

from tasks.core.errors import RecordError
from tasks.methods.llm._parse import body, numbered
from tasks.methods.llm._self_instruct_tasks import Instances

_MARK = re.compile(r"^[ \t]*(?:\*\*)?(Input|Output|Label):(?:\*\*)?[ \t]*", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]*(?:\*\*|#+ )?Example \d+[.:]?(?:\*\*)?[ \t]*$", re.MULTILINE)
_NO_INPUT = frozenset({"none", "none.", "n/a", "<noinput>", "-"})

Order = Literal["input_first", "output_first"]


def instructions(text: str) -> list[str]:
    """Return the tasks of a numbered list, each on one line.

    As in the paper's code, the numbers may be any, a first letter becomes a capital and a colon at the end goes.
    """
    items = numbered(body(text))
    lines = [" ".join(item.split()).rstrip(":").strip() for item in items]
    return [line[:1].upper() + line[1:] for line in lines]


def instruction_defect(text: str, words: tuple[int, int], blocked: re.Pattern[str] | None) -> str | None:
    """Return why an instruction is turned down by the paper's heuristics, None where it is not.

    words: how many it may have at least and at most. blocked: what asks for more than text.
    """
    if not text or text[0] in string.punctuation:
        return "starts_with_punctuation" if text else "instruction_too_short"
    if not text[0].isascii():
        return "not_english"
    if not words[0] <= len(text.split()) <= words[1]:
        return "instruction_too_short" if len(text.split()) < words[0] else "instruction_too_long"
    if text.lower().startswith("write a program"):
        return "asks_for_program"
    return "blocked_word" if blocked is not None and blocked.search(text) else None


def blocked_pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    """Return what finds any of the words, whole and in any case; None where there are none."""
    choice = "|".join(re.escape(word) for word in words)
    return re.compile(rf"\b(?:{choice})\b", re.IGNORECASE) if words else None


def instances(text: str, order: Order, *, cut: bool = False) -> Instances:
    """Return the (input, output) pairs of an answer; RecordError `no_instances` where it has none.

    input_first: `Input:` and `Output:` in turn, the input may be missing or `none`. output_first: `Label:`, `Input:`.
    A pair without its second half is left out. Of an answer that was cut off, the part that the cut is in is left out
    too, and the error is `truncated`.
    """
    text = body(text).split("\nTask:")[0]
    marks = list(_MARK.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)] if marks else []
    parts = [(mark[1], _value(text[mark.end() : end])) for mark, end in zip(marks, ends, strict=True)]
    whole = parts[:-1] if cut else parts
    found = _by_label(whole) if order == "output_first" else _by_input(whole)
    if not found:
        raise RecordError("truncated" if cut else "no_instances", raw=text)
    return tuple(found)


def _by_input(parts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    given, found = "", []
    for name, value in parts:
        if name == "Input":
            given = "" if value.lower() in _NO_INPUT else value
        else:
            found.append((given, value))
            given = ""
    return found


def _by_label(parts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    label, found = None, []
    for name, value in parts:
        if name != "Input":
            label = value
        elif label is not None:
            found.append((value, label))
            label = None
    return found


def _value(text: str) -> str:
    return _HEADING.sub("", text).strip()


def instance_defects(found: Instances) -> list[str | None]:
    """Return why each instance of a task is turned down by the paper's heuristics, None for those that stay.

    One input with two outputs speaks against all of the task's instances.
    """
    answers: dict[str, str] = {}
    contradicting = any(given and answers.setdefault(given, output) != output for given, output in found)
    seen: set[tuple[str, str]] = set()
    defects = []
    for pair in found:
        defects.append("contradicting_instances" if contradicting else _instance_defect(*pair, pair in seen))
        seen.add(pair)
    return defects


def _instance_defect(given: str, output: str, repeated: bool) -> str | None:
    if not output:
        return "no_output"
    if given == output:
        return "output_equals_input"
    if output.endswith(":") or given.endswith(":"):
        return "unfinished_instance"
    return "duplicate_instance" if repeated else None
