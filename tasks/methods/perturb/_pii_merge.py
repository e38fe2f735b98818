"""From findings that overlap to values that do not: by priority, then length; what is left of a loser stays found."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from operator import itemgetter

from tasks.methods.perturb._pii_scan import Hit
from tasks.methods.perturb._pii_types import RANK

# The seed's own span or a term of the user; a pattern (2, `_pii_scan.PATTERN`); the name finder; said again elsewhere.
GIVEN, BY_MODEL, AGAIN = 1, 3, 4
# A text that is masked already; its words are nobody's, and no finding may touch them.
MASKED = ""
_EDGES = " \t\n\r,;:.!?()[]{}<>\"'’“”«»|/\\-–—*_#"
_KEPT_LAST = {")": "("}
_MIN_REST = 2


def resolved(hits: list[Hit], texts: Sequence[str]) -> list[Hit]:
    """Return findings that do not overlap, sorted by piece and start; parts that hold no value are left out."""
    hits.sort(key=itemgetter(0, 1, 2))
    kept: list[Hit] = []
    for piece, group in groupby(hits, key=itemgetter(0)):
        found = list(group)
        if _overlap(found):
            found = _settled(found, texts[piece])
        kept += _joined([hit for hit in found if hit[3] != MASKED], texts[piece])
    return kept


def _overlap(hits: Sequence[Hit]) -> bool:
    return any(later[1] < earlier[2] for earlier, later in pairwise(hits))


def _settled(hits: Iterable[Hit], text: str) -> list[Hit]:
    """Return what each finding has to itself, the strongest first served."""
    taken: list[Hit] = []
    for hit in sorted(hits, key=_strength):
        for start, end in _free(hit, taken):
            whole = (start, end) == hit[1:3]
            begin, stop = (start, end) if whole else trimmed(text, start, end)
            if whole or _says_something(hit, text[begin:stop]):
                taken.append((hit[0], begin, stop, hit[3], hit[4]))
    return sorted(taken, key=itemgetter(1))


def _says_something(hit: Hit, rest: str) -> bool:
    """Return whether what is left of a finding may still be a value; small words, left of an address, are none."""
    named = hit[3] in {"ADDRESS", "ORGANIZATION"} and hit[4] == BY_MODEL
    if named and rest.islower() and not any(char.isdigit() for char in rest):
        return False
    return sum(char.isalnum() for char in rest) >= _MIN_REST


def _strength(hit: Hit) -> tuple[int, int, int, int]:
    return hit[4], hit[1] - hit[2], RANK.get(hit[3], -1), hit[1]


def _free(hit: Hit, taken: Iterable[Hit]) -> list[tuple[int, int]]:
    free = [(hit[1], hit[2])]
    for other in taken:
        cut = []
        for start, end in free:
            if other[2] <= start or end <= other[1]:
                cut.append((start, end))
                continue
            cut += [(a, b) for a, b in ((start, other[1]), (other[2], end)) if a < b]
        free = cut
    return free


def _joined(hits: list[Hit], text: str) -> list[Hit]:
    """Return the findings with the neighbouring parts of one address made one."""
    out: list[Hit] = []
    for hit in hits:
        if (
            out
            and hit[3] == "ADDRESS" == out[-1][3]
            and not text[out[-1][2] : hit[1]].strip(", \n")
            and hit[4] != GIVEN
        ):
            out[-1] = (hit[0], out[-1][1], hit[2], "ADDRESS", min(hit[4], out[-1][4]))
        else:
            out.append(hit)
    return out


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of a value without the spaces and marks around it; a bracket that closes one inside stays."""
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        opening = _KEPT_LAST.get(text[end - 1])
        if opening and opening in text[start : end - 1]:
            break
        end -= 1
    return start, end
