"""A thesaurus as columns: senses of words, the group of synonyms behind each, the words that speak for it.

Every source is compiled into this one form; large ones once a machine, as an artifact.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.artifact import artifact
from tasks.core.errors import RecipeError

Ints = np.ndarray[Any, np.dtype[np.int32]]

# Raise it when the compiled form changes: it is part of the artifact's name.
_VERSION = 1
_ARRAYS = ("sense_at", "group", "count", "member_at", "member", "cue_at", "cue")
# A count that the source does not have.
NO_COUNT = -1
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
# Too common to tell one sense from another.
_STOP_WORDS = """
    a an the of in to for with on by at from as is are was were be been being has have had do does or and but not no
    that which who whom whose this these those it its he she they them his her their one's someone something somebody
    one used esp especially usually often etc e g i you we my your our me him us so than then there when where while if
    up out into off over about can could may might must will would shall should very more most some any all
"""
_STOP = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """Senses of word k are `sense_at[k]` to `sense_at[k+1]`, the most frequent first.

    Sense s belongs to group `group[s]` and was seen `count[s]` times in a tagged corpus; group g has the words
    `member[member_at[g]:member_at[g+1]]` and the cue words `cue[cue_at[g]:cue_at[g+1]]`, as numbers in `words`.
    `fixed` are expressions of several words; `margin` is how many more cues than the first a later sense must meet.
    """

    words: list[str]
    place: dict[str, int]
    sense_at: Ints
    group: Ints
    count: Ints
    member_at: Ints
    member: Ints
    cue_at: Ints
    cue: Ints
    keys: list[str]
    fixed: list[str]
    margin: int
    reciprocal: bool
    only: dict[str, str] = field(default_factory=dict)

    def senses(self, pos: str, word: str) -> range:
        """Return the numbers of a word's senses as this part of speech (n v a r, p for a plural noun)."""
        at = self.place.get(f"{pos} {word}")
        return range(0) if at is None else range(int(self.sense_at[at]), int(self.sense_at[at + 1]))

    def members(self, sense: int) -> list[str]:
        """Return the words of a sense, the word itself among them where the source has it so."""
        group = int(self.group[sense])
        return [self.words[i] for i in self.member[self.member_at[group] : self.member_at[group + 1]]]

    def cues(self, sense: int) -> Ints:
        """Return the numbers of the words that speak for a sense."""
        group = int(self.group[sense])
        return self.cue[self.cue_at[group] : self.cue_at[group + 1]]

    def rank(self, pos: str, word: str, other: str, sense: int) -> int | None:
        """Return which of its senses (from 1) `word` shares with this sense of `other`; None where it shares none."""
        for number, own in enumerate(self.senses(pos, word), start=1):
            if self.group[own] == self.group[sense] or other in self.members(own):
                return number
        return None


class Builder:
    """Collects groups and senses in any order and lays them out as columns."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}
        self._members: list[list[int]] = []
        self._cues: list[list[int]] = []
        self._senses: dict[str, list[tuple[int, int]]] = {}
        self.fixed: list[str] = []
        self.only: dict[str, str] = {}

    def group(self, members: Iterable[str], cues: Iterable[str]) -> int:
        """Add a group and return its number."""
        self._members.append([self._word(word) for word in dict.fromkeys(members)])
        self._cues.append(sorted({self._word(word) for word in cues}))
        return len(self._members) - 1

    def sense(self, pos: str, word: str, group: int, count: int = NO_COUNT) -> None:
        """Add the next sense of a word, the most frequent one first."""
        self._senses.setdefault(f"{pos} {word}", []).append((group, count))

    def _word(self, word: str) -> int:
        return self._words.setdefault(word, len(self._words))

    def finish(self, *, margin: int, reciprocal: bool) -> Thesaurus:
        """Return the columns."""
        keys = sorted(self._senses)
        flat = [sense for key in keys for sense in self._senses[key]]
        member_at, member = _packed(self._members)
        cue_at, cue = _packed(self._cues)
        return Thesaurus(
            words=list(self._words),
            place={key: at for at, key in enumerate(keys)},
            sense_at=_starts([len(self._senses[key]) for key in keys]),
            group=np.array([group for group, _ in flat], np.int32),
            count=np.array([count for _, count in flat], np.int32),
            member_at=member_at,
            member=member,
            cue_at=cue_at,
            cue=cue,
            keys=keys,
            fixed=sorted(set(self.fixed)),
            margin=margin,
            reciprocal=reciprocal,
            only=self.only,
        )


def _packed(lists: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    flat = [number for numbers in lists for number in numbers]
    return _starts([len(numbers) for numbers in lists]), np.array(flat, np.int32)


def _starts(lengths: Sequence[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)


def content_words(text: str) -> list[str]:
    """Return the canonical form of each word of `text` that can tell one sense from another."""
    return [canonical(word) for word in _WORD.findall(text.lower()) if word not in _STOP and len(word) > 1]


@lru_cache(maxsize=1 << 17)
def canonical(form: str) -> str:
    """Return the one form under which all inflections of a word meet: the shortest of its lemmas."""
    lemmas = [lemma for found in lemmatizer().getAllLemmas(form).values() for lemma in found]
    return min(lemmas, key=lambda lemma: (len(lemma), lemma)) if lemmas else form


def lemmatizer() -> Any:
    """Return the lemminflect package; RecipeError where it is not installed."""
    check_lemmatizer()
    import lemminflect  # noqa: PLC0415 - loads spaCy where that is installed

    return lemminflect


def check_lemmatizer() -> None:
    """Raise RecipeError where lemminflect is not installed, without the seconds that importing it takes."""
    if find_spec("lemminflect") is None:
        raise RecipeError("synonyms need the package lemminflect, which is not installed; pip install 'tilth[text]'")


def compiled(kind: str, parts: Any, build: Callable[[], Thesaurus]) -> Thesaurus:
    """Return the thesaurus of the artifact that `parts` names; `build` makes it where it is not there yet."""
    home = artifact("thesaurus", [kind, _VERSION, parts], lambda folder: _save(build(), folder))
    return _load(home)


def _save(made: Thesaurus, folder: Path) -> None:
    np.savez(folder / "columns.npz", **{name: getattr(made, name) for name in _ARRAYS})
    for name in ("words", "keys", "fixed"):
        (folder / f"{name}.txt").write_text("\n".join(getattr(made, name)), encoding="utf-8")
    (folder / "about.txt").write_text(f"{made.margin} {int(made.reciprocal)}", encoding="ascii")


def _load(folder: Path) -> Thesaurus:
    with np.load(folder / "columns.npz") as stored:
        columns = {name: stored[name] for name in _ARRAYS}
    words, keys, fixed = (
        (folder / f"{name}.txt").read_text(encoding="utf-8").split("\n") for name in ("words", "keys", "fixed")
    )
    margin, reciprocal = (folder / "about.txt").read_text(encoding="ascii").split()
    return Thesaurus(
        words=words,
        keys=keys,
        fixed=[text for text in fixed if text],
        place={key: at for at, key in enumerate(keys)},
        margin=int(margin),
        reciprocal=reciprocal == "1",
        **columns,
    )
