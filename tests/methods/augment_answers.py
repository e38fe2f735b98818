"""What a scripted model says to the prompts of back_translation and paraphrase."""

import re

from tasks.core.engine import Request
from tests.methods.chat_answers import number_of

_OPENINGS = ("Well", "As it is", "To be brief", "In short", "So", "You see", "Look", "Now")
_SEED = re.compile(r"The (\w) arrived on day (\d)")


def back_translation_answer(request: Request) -> str:
    return f"The parcel {number_of(request)} came on that day. It is too little. Call me, please."


def paraphrase_answer(request: Request) -> str:
    word, day = _SEED.search(request.messages[-1][1]).groups()
    return f"{_OPENINGS[number_of(request) % 8]}, the {word}, which came on day {day}, is too small. Please call me."
