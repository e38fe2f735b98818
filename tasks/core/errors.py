"""What can go wrong, named for the caller's next move.

TilthError
├── UserError            stop now, exit 2: the user's input is wrong
│   └── RecipeError      a recipe, its params or its files
├── GateStop             stop now, exit 3: a gate or a budget ended the run
├── RecordError          drop one record, with a reason
├── ShardError           fail one shard
└── TransientError       try again
"""

import difflib
from collections.abc import Iterable


class TilthError(Exception):
    """Base of every error that Tilth raises on purpose."""

    exit_code = 1


class UserError(TilthError):
    """The user's input is wrong; the message names the value and the choices."""

    exit_code = 2


class RecipeError(UserError):
    """A recipe, its params or a file that it names is wrong."""


class GateStop(TilthError):
    """A gate or a budget ended the run; what was made stays."""

    exit_code = 3


class RecordError(TilthError):
    """One record cannot be made or read; `reason` is the slug that is counted, `raw` the text that was turned down."""

    def __init__(self, reason: str, detail: str = "", raw: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.raw = raw


class ShardError(TilthError):
    """One shard cannot be made; the run goes on or stops by the stage's policy."""


class TransientError(TilthError):
    """Something outside failed in a way that may pass: try again."""


def choices(value: str, have: Iterable[str]) -> str:
    """Return `; did you mean 'x'? have: a, b` for a value that is not among `have`."""
    names = sorted(have)
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    return f"{hint} have: {', '.join(names) or 'none'}"
