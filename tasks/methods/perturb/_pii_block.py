"""Addresses grown to their whole: the number before the street, the town and the postcode after it."""

import re
from collections import defaultdict
from collections.abc import Sequence

from tasks.methods.perturb._pii_merge import BY_MODEL, GIVEN
from tasks.methods.perturb._pii_scan import Hit
from tasks.methods.perturb._pii_words import small_words

_GAP = r"[\s,?>*|•\-]{1,14}"
# Words up to a postcode: `, Springfield, IL 62704`, a line for each, `n/a` where a field was empty.
_TAIL = re.compile(
    rf"((?:{_GAP}(?!\d{{4,6}}\b)[\w'’./()]{{1,24}}){{0,7}}?){_GAP}"
    r"(?:\d{5}(?:-\d{3,4})?|\d{4}(?: [A-Z]{2})?|\d{6}|\d{3} \d{2,3}|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})"
    r"(?![\w/@:.-]*\w)(?![ .-]\d)"
)
_HEAD = re.compile(r"(?<![\w.,/:#-])(?:\d{1,5}[A-Za-z]?[ ,]{1,2}){1,2}$")
_LINE_BEFORE = re.compile(r"(?:^|\n)([ \t?>*|•-]{0,6})(\d{1,5}[^\n:]{3,48})\n[\s?>*|•-]{0,12}$")
_NEXT = re.compile(r"(?:, ?|\s*\n[\s,?>*|•-]{0,8}| )")
# The number of a street and of what is in its house: `, 355`, ` Nr. 8`, `, Piano 4, Room 706`.
_INSIDE = r"\d{1,4}[A-Za-z]?(?:[/-]\d{1,3})?(?![\w:%]|[.,/-]\d)"
_HOUSE = re.compile(rf",? (?:[Nn](?:[or]\.?|\.|°) ?)?{_INSIDE}")
_FLAT = re.compile(rf"(?:,? [A-Z][a-z]{{0,11}}\.? {_INSIDE}){{1,3}}")
_REACH, _HEAD_REACH, _LINE_REACH = 120, 14, 70
_STOP = small_words() - {"st", "la", "le", "de", "el", "al", "am", "new"}
_NO_TOWN = frozenset(
    [
        "tel",
        "phone",
        "mobile",
        "fax",
        "cell",
        "office",
        "desk",
        "card",
        "email",
        "mail",
        "web",
        "order",
        "invoice",
        "ticket",
        "ref",
        "call",
        "code",
        "case",
    ]
)


def grown(hits: list[Hit], texts: Sequence[str]) -> list[Hit]:
    """Return the findings with each address grown; a place that follows one becomes a part of it."""
    others: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        if hit[3] != "ADDRESS":
            others[hit[0]].append(hit)
    return [
        _grown(hit, texts[hit[0]], others[hit[0]]) if hit[3] == "ADDRESS" and hit[4] > GIVEN else hit for hit in hits
    ]


def _grown(hit: Hit, text: str, others: Sequence[Hit]) -> Hit:
    """Return an address with what belongs to it, as far as the next finding that is no name."""
    piece, start, end, kind, priority = hit
    floor = max([other[2] for other in others if other[4] < BY_MODEL and other[2] <= start], default=0)
    limit = min([other[1] for other in others if other[4] < BY_MODEL and other[1] >= end], default=len(text))
    near = max(floor, start - _HEAD_REACH)
    if found := _HEAD.search(text[near:start]):
        start = near + found.start()
    near = max(floor, start - _LINE_REACH)
    if found := _LINE_BEFORE.search(text[near:start]):
        start = near + found.start(2)
    end = _inside(text, start, end, limit)
    if (found := _TAIL.match(text, end, min(limit, end + _REACH))) and _is_town(found[1]):
        end = found.end()
    elif (gap := _NEXT.match(text, end)) and (place := _starting(gap.end(), others)):
        end = min(place[2], limit)
    return piece, start, end, kind, priority


def _inside(text: str, start: int, end: int, limit: int) -> int:
    """Return where a street ends with the number of its house, and of the parts of the house."""
    if not any(char.isdigit() for char in text[start:end]) and (found := _HOUSE.match(text, end, limit)):
        end = found.end()
    found = _FLAT.match(text, end, limit)
    return found.end() if found else end


def _starting(at: int, others: Sequence[Hit]) -> Hit | None:
    return next((other for other in others if other[1] == at and other[3] == "LOCATION"), None)


def _is_town(words: str) -> bool:
    """Return whether the words between a street and a postcode can be a town, and not the rest of a sentence."""
    found = re.findall(r"[^\W\d_]+", words.lower())
    return not _STOP.intersection(found) and not _NO_TOWN.intersection(found)
