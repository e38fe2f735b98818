"""Stop strings: whether the newest token completes one."""

import string
from collections.abc import Sequence
from functools import cached_property

from tasks.engines._tokenizer import Tokenizer

_PLAIN = frozenset(string.ascii_letters + string.digits + string.punctuation + "\n\t")
_CONTEXT = 8  # tokens decoded beyond those that a stop string can span


class Stops:
    """Finds stop strings without decoding at every token: only where the token holds the last character of one."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._suspects: dict[tuple[str, ...], frozenset[int] | None] = {}

    @cached_property
    def _words(self) -> list[str]:
        return self._tokenizer.words(list(range(len(self._tokenizer.inner))))

    def ended(self, stops: tuple[str, ...], token: int, ids: Sequence[int], before: Sequence[int]) -> bool:
        """Return whether the text of `ids`, which end with `token` and follow `before`, holds a stop string."""
        suspects = self._suspects_of(stops)
        if suspects is not None and token not in suspects:
            return False
        # A stop string of n bytes spans n tokens at most.
        span = max(len(stop.encode()) for stop in stops) + _CONTEXT
        text = self._tokenizer.decode(ids[-span:], ids[:-span][-_CONTEXT:] or before)
        return any(stop in text for stop in stops)

    def _suspects_of(self, stops: tuple[str, ...]) -> frozenset[int] | None:
        """Return the tokens that may complete a stop string; None where any token may."""
        if stops not in self._suspects:
            last = {stop[-1:] for stop in stops}
            # A lone token may decode without its leading space, or to half a character.
            plain = all(char in _PLAIN for char in last)
            words = self._words if plain else []
            found = frozenset(number for number, word in enumerate(words) if any(char in word for char in last))
            self._suspects[stops] = found if plain else None
        return self._suspects[stops]
