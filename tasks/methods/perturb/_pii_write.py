"""Put something else in the place of each value: the operators, and where the words around it have moved to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from tasks.methods.perturb import _pii_fakes as fakes
from tasks.methods.perturb._pii_checks import digits_of
from tasks.methods.perturb._pii_key import KEYED, keyed
from tasks.methods.perturb._pii_pieces import Pieces
from tasks.methods.perturb._pii_scan import Hit
from tasks.methods.perturb._pii_types import BY_NER

_BAR = "█████"
_BY_DIGITS = frozenset({"PHONE", "CREDIT_CARD", "US_SSN", "NATIONAL_ID"})


@dataclass(slots=True)
class Writer:
    """The operators at work. key: the secret one, where it is needed; row_keys: 16 bytes a row, drawn for it."""

    operator: str
    operators: Mapping[str, str]
    locale: str
    key: bytes
    row_keys: bytes
    made: dict[tuple[str, bytes, str, str], str] = field(default_factory=dict)
    numbers: dict[int, dict[tuple[str, str], int]] = field(default_factory=lambda: defaultdict(dict))
    full_names: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def know(self, pieces: Pieces, hits: Sequence[Hit]) -> None:
        """Remember the full names of each record, which a first or a last name alone may mean."""
        for piece, start, end, kind, _ in hits:
            value = pieces.texts[piece][start:end]
            if kind == "PERSON_NAME" and " " in value:
                self.full_names[pieces.rows[piece]].append(value)

    def written(self, row: int, kind: str, value: str) -> str:
        """Return what stands in the place of a value."""
        name = self.operators.get(kind, self.operator)
        if name == "placeholder":
            return f"[{kind}]"
        if name == "redact":
            return _BAR
        if name == "numbered":
            known = self.numbers[row]
            place = (kind, identity(kind, value))
            known.setdefault(place, 1 + sum(have == kind for have, _ in known))
            return f"[{kind}_{known[place]}]"
        key = self.key if name in KEYED else self.row_keys[16 * row : 16 * row + 16]
        return self._from_key(name, key, row, (kind, value))

    def _from_key(self, name: str, key: bytes, row: int, what: tuple[str, str]) -> str:
        kind, value = what
        if name == "hash":
            return f"[{kind}:{keyed(key, kind, identity(kind, value)).hex()[:16]}]"
        is_name = kind == "PERSON_NAME" and name != "format"
        if is_name and (part := self._part_of(row, key, name, value)):
            return part
        at = (name, key, kind, value)
        if at not in self.made:
            digest = keyed(key, kind, identity(kind, value))
            make = (
                fakes.shaped(kind, value, digest) if name == "format" else fakes.fake(kind, value, digest, self.locale)
            )
            self.made[at] = make
        return self.made[at]

    def _part_of(self, row: int, key: bytes, name: str, value: str) -> str:
        """Return the part of a full name's stand-in that a first or last name alone is to be, or nothing."""
        words = fakes.words(value)
        if len(words) != 1:
            return ""
        for full in self.full_names.get(row, ()):
            parts = fakes.words(full)
            if len(parts) > 1 and words[0] in {parts[0], parts[-1]}:
                other = self._from_key(name, key, row, ("PERSON_NAME", full)).split()
                return (other[0] if words[0] == parts[0] else other[-1]).strip(",")
        return ""


def identity(kind: str, value: str) -> str:
    """Return what makes two ways of writing one value: its digits, its words, or all of it, without case."""
    if kind in _BY_DIGITS and (digits := digits_of(value)):
        return digits
    return " ".join(fakes.words(value)) if kind in BY_NER else "".join(value.casefold().split())


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the words of a text have gone: per replacement the old bounds and the new ones."""

    old: list[tuple[int, int]]
    new: list[tuple[int, int]]
    kinds: list[str]

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where a span of the old text is now; None where a replacement touched it."""
        shift = 0
        for (a, b), (c, d) in zip(self.old, self.new, strict=True):
            if b <= start:
                shift += (d - c) - (b - a)
            elif a < end:
                return None
            else:
                break
        return start + shift, end + shift


def rewrite(pieces: Pieces, hits: Sequence[Hit], writer: Writer) -> dict[int, Moved]:
    """Write the operators' results into the pieces and return, for each one changed, what moved where."""
    writer.know(pieces, hits)
    moved: dict[int, Moved] = {}
    for piece, group in groupby(hits, key=itemgetter(0)):
        text, row, at, size = pieces.texts[piece], pieces.rows[piece], 0, 0
        parts: list[str] = []
        move = Moved([], [], [])
        for _, start, end, kind, _ in group:
            new = writer.written(row, kind, text[start:end])
            size += start - at
            parts += [text[at:start], new]
            move.old.append((start, end))
            move.new.append((size, size + len(new)))
            move.kinds.append(kind)
            size += len(new)
            at = end
        pieces.put(piece, "".join([*parts, text[at:]]))
        moved[piece] = move
    return moved
