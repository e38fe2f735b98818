"""A yes or a no, as an answer begins with it."""

import re

from tasks.core.engine import Answer
from tasks.core.errors import RecordError

_VERDICT = re.compile(r"(?:answer:\s*)?(yes|no)\b", re.IGNORECASE)


def verdict_of(answer: Answer | RecordError) -> bool | RecordError:
    """Return the yes or no that an answer begins with, or why there is none; what follows it may be cut off."""
    if isinstance(answer, RecordError) and answer.reason != "truncated":
        return answer
    text = answer.raw if isinstance(answer, RecordError) else answer.text
    found = _VERDICT.match(text.strip().lstrip("*"))
    return found[1].lower() == "yes" if found else RecordError("unclear_verdict", raw=text)
