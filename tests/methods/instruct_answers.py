"""A language model by script for `self_instruct` and `evol_instruct`: it writes what prompts ask for, no two alike."""

import re

import numpy as np

from tasks.core.engine import Request

VERBS = ["Describe", "Compare", "Explain", "Rank", "Defend", "Plan", "Review", "Measure", "Paint", "Count"]
_THINGS = """
    rivers clocks gardens bridges recipes songs engines islands letters markets storms teachers lamps roads coins
    forests masks wells birds flags ropes shoes towers wheels kites stones lakes farms drums boats walls seeds
"""
THINGS = _THINGS.split()


def asked(request: Request) -> str:
    """Return the last thing that a request says."""
    return request.messages[-1][1]


def stream_of(request: Request) -> np.random.Generator:
    """Return random numbers that follow from the request."""
    return np.random.Generator(np.random.Philox(key=int(request.digest("script"), 16)))


def a_task(rng: np.random.Generator) -> str:
    """Return one of 242 million tasks; two of them seldom share more than a word or two."""
    first, *more, last = rng.choice(THINGS, 5, replace=False)
    return f"{rng.choice(VERBS)} {first}, {', '.join(more)} and {last}."


def self_instruct_answer(request: Request) -> str:
    """Return the answer to any prompt of `self_instruct`."""
    said, rng = asked(request), stream_of(request)
    if numbers := re.search(r"numbered (\d+) to (\d+)", said):
        first, last = map(int, numbers.groups())
        return "\n".join(f"{number}. {a_task(rng)}" for number in range(first, last + 1))
    if said.startswith("Is the answer"):
        return "Yes" if rng.random() < 0.3 else "No"
    words = [str(word) for word in rng.choice(THINGS, 4, replace=False)]
    if "first a label" in said:
        return f"Label: good\nInput: {words[0]} and {words[1]}\nLabel: bad\nInput: {words[2]} and {words[3]}"
    return f"Input: {words[0]}\nOutput: They are like {words[1]}.\nInput: {words[2]}\nOutput: They need {words[3]}."


def evol_instruct_answer(request: Request) -> str:
    """Return the answer to any prompt of `evol_instruct`."""
    said, rng = asked(request), stream_of(request)
    if said.startswith(("Make the task harder", "Write a new task")):
        return a_task(rng)
    if said.startswith("Do the two tasks"):
        return "No"
    return f"Think of {rng.choice(THINGS)} and {rng.choice(THINGS)} first, then of {rng.choice(THINGS)}."
