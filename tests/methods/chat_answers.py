"""What a scripted model says to the prompts of prompt, rephrase, grounded_qa, judge and preference."""

import re

from tasks.core.engine import Request

_ANSWERS = re.compile(r"<(?:a|b)>\n(.*?)\n</(?:a|b)>", re.DOTALL)


def number_of(request: Request) -> int:
    """Return a number of five digits that follows from the request, its sampling seed too."""
    return int(request.digest("scripted")[:8], 16) % 90_000 + 10_000


def prompt_answer(request: Request) -> str:
    return f"My parcel {number_of(request)} came a day late."


def rephrase_answer(request: Request) -> str:
    return f"What came that day, parcel {number_of(request)}, does not fit; a call would be kind."


def preference_answer(request: Request) -> str:
    """Return an answer, or a verdict on two: the one that comes first in the alphabet, wherever it stands."""
    if request.schema is None:
        return f"Answer {number_of(request)}."
    first, second = _ANSWERS.findall(request.messages[-1][1])
    return f'{{"better": "{"A" if first < second else "B"}"}}'
