"""When an evolution has failed: the rules of Evol-Instruct that need no judge.

Source: Xu et al. 2023, section 3.2, "Elimination Evolving" (https://arxiv.org/abs/2304.12244); the first of the four
rules, no information gain, is the engine's to judge.
"""

import re
from typing import Final

# An answer with "sorry" is taken for a refusal below this many words (rule 2).
SHORT_ANSWER_WORDS: Final = 80
# Words of evolving prompts, the paper's and ours, that a rewritten task has no use for (rule 4).
_PROMPT_WORDS: Final = (
    *("given prompt", "rewritten prompt", "created prompt", "new prompt"),
    *("new task:", "rewritten task", "make the task harder", "inspired by the task", "between tags", "<task", "</task"),
)
_COMMON = """
    a about above after again against all am an and any are as at be because been before being below between both
    but by can could did do does doing don down during each few for from further had has have having he her here
    hers herself him himself his how i if in into is it its itself just me more most my myself no nor not now of
    off on once only or other our ours ourselves out over own s same she should so some such t than that the their
    theirs them themselves then there these they this those through to too under until up very was we were what
    when where which while who whom why will with would you your yours yourself yourselves
"""
_STOP_WORDS: Final = frozenset(_COMMON.split())
_WORD = re.compile(r"\w+")


def task_defect(task: str, parent: str, max_words: int) -> str | None:
    """Return why a rewritten task has failed, before anything is asked about it; None where it has not.

    Prompt words that the parent has too are its own, and copied rightly.
    """
    lowered, before = task.lower(), parent.lower()
    if any(words in lowered and words not in before for words in _PROMPT_WORDS):
        return "copies_prompt"
    if _WORD.findall(lowered) == _WORD.findall(before):
        return "no_information_gain"
    return "task_too_long" if len(task.split()) > max_words else None


def answer_defect(answer: str) -> str | None:
    """Return why the answer to a rewritten task shows that the task has failed; None where it does not."""
    words = _WORD.findall(answer.lower())
    if "sorry" in words and len(words) < SHORT_ANSWER_WORDS:
        return "refusal"
    return None if any(word not in _STOP_WORDS for word in words) else "no_content"
