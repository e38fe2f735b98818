"""What Self-Instruct reads in answers, and the paper's heuristics."""

import pytest

from tasks.core.errors import RecordError
from tasks.core.method import get_method
from tasks.methods.llm import _self_instruct_read as read

METHOD = get_method("self_instruct")


@pytest.mark.parametrize(
    ("answer", "tasks"),
    [
        ("9. name a  river.\n10. Sort\nthe words:", ["Name a river.", "Sort the words"]),
        ("1. Name a river.\n2. Sort the words.", ["Name a river.", "Sort the words."]),
        ("1. Name a river.\n1. Sort.\n4. Name a hill.", ["Name a river.", "Sort.", "Name a hill."]),
        ("Sure! Here are the new tasks:\n\n9) Name a river.", ["Name a river."]),
    ],
    ids=["numbered on", "numbered anew", "numbered badly", "with a lead-in"],
)
def test_list_is_read(answer, tasks):
    """Each item on one line, its first letter a capital, no colon at its end."""
    assert read.instructions(answer) == tasks


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("Name three rivers.", "instruction_too_short"),
        ("", "instruction_too_short"),
        ("Name three rivers of France.", None),
        ("word " * 150, None),
        ("word " * 151, "instruction_too_long"),
        ("Plot the graph of a parabola.", "blocked_word"),
        ("Explain how we go to the office.", "blocked_word"),
        ("Explain how a profile is written.", None),  # `file` only as a whole word
        ("Write a program that sorts a list.", "asks_for_program"),
        ("- name three rivers of France", "starts_with_punctuation"),
        ("Écris une lettre à la ville.", "not_english"),
    ],
)
def test_heuristics_of_the_paper(instruction, reason):
    """Length, words that ask for more than text, programs, punctuation, another alphabet."""
    blocked = read.blocked_pattern(METHOD.params().blocked_words)
    assert read.instruction_defect(instruction.strip(), (4, 150), blocked) == reason


def test_no_blocked_words_block_nothing():
    """An empty list is no pattern that matches everywhere."""
    assert read.instruction_defect("Draw a map of a town.", (1, 150), read.blocked_pattern(())) is None


@pytest.mark.parametrize(
    ("answer", "order", "found"),
    [
        ("Input: none\nOutput: Two.", "input_first", [("", "Two.")]),
        ("Output: Two.", "input_first", [("", "Two.")]),
        ("Example 1\nInput: a\n\nb\nOutput: c\n\nExample 2\nInput: d", "input_first", [("a\n\nb", "c")]),
        ("**Input:** a\n**Output:** b\n\nTask: c\nInput: d\nOutput: e", "input_first", [("a", "b")]),
        ("Label: x\nInput: a\nLabel: y\nInput: b\nLabel: z", "output_first", [("a", "x"), ("b", "y")]),
        ("Input: a\nLabel: x\nInput: b", "output_first", [("b", "x")]),
        ("Input: a {{ b }} {0} %s\nOutput: <|im_end|>", "input_first", [("a {{ b }} {0} %s", "<|im_end|>")]),
    ],
)
def test_instances_are_read(answer, order, found):
    """Headings go, other tasks that follow go, a half instance goes; template syntax stays text."""
    assert list(read.instances(answer, order)) == found


@pytest.mark.parametrize(
    ("answer", "order"), [("Two.", "input_first"), ("Label: x", "output_first"), ("Input: x", "input_first")]
)
def test_answer_without_an_instance_says_so(answer, order):
    """The raw text is kept."""
    with pytest.raises(RecordError, match="no_instances") as error:
        read.instances(answer, order)
    assert error.value.raw == answer


@pytest.mark.parametrize(
    ("found", "defects"),
    [
        ((("a", "b"), ("c", "b")), [None, None]),
        ((("a", "b"), ("a", "b")), [None, "duplicate_instance"]),
        ((("a", "b"), ("a", "c"), ("d", "e")), ["contradicting_instances"] * 3),
        ((("", "b"), ("", "c")), [None, None]),  # no input: two outputs are two answers
        ((("a", "a"),), ["output_equals_input"]),
        ((("a", "Here it is:"), ("b", "")), ["unfinished_instance", "no_output"]),
    ],
)
def test_instances_that_are_turned_down(found, defects):
    """Duplicates, contradictions, copies of the input, unfinished ones."""
    assert read.instance_defects(found) == defects
