"""Word problems with worked steps: a beginning, some events, a question; the answer is what the steps lead to."""

from dataclasses import dataclass

from tasks.methods.rules import _code_events, _code_events_more
from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_story import Event, Implausible, Story, new_story, number

EVENTS = {"count": _code_events.COUNT_EVENTS, **_code_events_more.EVENTS}
STARTS = _code_events.STARTS + _code_events_more.STARTS
_TRIES = 30


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, its worked steps with the answer on the last line, and the names of its parts."""

    text: str
    solution: str
    answer: str
    structure: str


def draw_problem(dice: Dice, steps: tuple[int, int]) -> Problem:
    """Return a problem of steps[0]..steps[1] calculations."""
    while True:
        story = _told(dice, steps)
        if story is not None:
            answer = number(story.value)
            solution = "\n".join([*story.steps, f"#### {answer}"])
            return Problem(" ".join([*story.told, story.ask]), solution, answer, " > ".join(story.structure))


def _told(dice: Dice, steps: tuple[int, int]) -> Story | None:
    """Return a story, or None where it got stuck short of its length or went beyond it."""
    story, wanted = new_story(dice), dice.integer(*steps)
    start = dice.pick(STARTS)
    try:
        start(story)
    except Implausible:
        return None
    story.structure.append(start.__name__)
    for _ in range(_TRIES):
        if len(story.steps) >= wanted:
            break
        choice = EVENTS.get(story.kind, ())
        if not choice:
            return None
        _happen(story, dice.pick(choice))
    return story if steps[0] <= len(story.steps) <= steps[1] else None


def _happen(story: Story, event: Event) -> None:
    """Let the event happen, or leave the story as it was; nothing happens twice."""
    told, steps, unit = len(story.told), len(story.steps), story.unit
    if event.__name__ in story.structure:
        return
    try:
        event(story)
    except Implausible:
        del story.told[told:], story.steps[steps:]
        story.unit = unit
        return
    story.structure.append(event.__name__)
