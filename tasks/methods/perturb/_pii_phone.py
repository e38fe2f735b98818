"""Telephone numbers: what grouping, prefix, extension or nearby word tells from other numbers."""

import re

from tasks.methods.perturb._pii_checks import digits_of

_JOINT = r"[ \u00a0./\u2010-\u2014-]\(?|[ \u00a0]?[()] ?-?[ \u00a0]?|[ \u00a0]?\(0\)[ \u00a0]?"
PHONE = re.compile(
    rf"(?:\+|\+?\(\+?(?=\d{{1,5}}\)))?\d(?:(?:{_JOINT})?\d){{5,22}}(?:(?: ?(?:x|ext\.?|extension|#) ?)\d{{1,6}})?"
)
_EXTENSION = re.compile(r" ?(?:x|ext\.?|extension|#) ?\d{1,6}$")
_BEFORE = re.compile(
    r"\b(?:call(?:ed|ing|s)?|phone[ds]?|tel(?:ephone|\.)?|mobile|cell(?:phone)?|fax(?:ed)?|texts?|texted|sms|whatsapp|ring"
    r"|rang|dial|reach|contact|hotline|desk|handy|landline|office|home|voicemail|teléfono)"
    r"\b[^\d\x00]{0,30}$|\b(?:number|numéro|nummer|no|nr|t|m|p)\b[.:]? ?(?:is |was |to )?:? ?$",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[ (,]{1,3}(?:office|fax|mobile|home|cell|work|desk|tel|phone)\b", re.IGNORECASE)
# Words after which digits are some other number.
_NOT_BEFORE = re.compile(
    r"(?:isbn|order|invoice|ref(?:erence)?|ticket|case|version|v|serial|model|account|acct|item|part|sku|tracking|page|pp"
    r"|section|art|article|vat|id|batch|code|patent|doi|issn|error|build|port|line|lines|room|card|pin|zip|policy|booking)"
    r"(?: (?:no|number|nr|id|code|is|was)|\.|:|#| ){0,4}$|[#$£€¥]\s?$",
    re.IGNORECASE,
)
_UNIT_AFTER = re.compile(
    r"\s?(?:%|€|£|\$|°|(?:eur|usd|gbp|kg|km|ms|mb|gb|px|dollars|euros|pounds|units|people)\b)", re.IGNORECASE
)
_DATE_LIKE = re.compile(
    r"(?:1[89]|20)\d\d([-/. ])(?:0?[1-9]|1[0-2])\1(?:[12]\d|3[01]|0?[1-9])(?!\d)"
    r"|(?:[12]\d|3[01]|0?[1-9])([-/.])(?:[12]\d|3[01]|0?[1-9])\2(?:1[89]|20)?\d\d(?!\d)"
)
_YEARS = re.compile(r"(?:1[89]|20)\d\d ?[-\u2013] ?(?:1[89]|20)\d\d$")
_THOUSANDS = re.compile(r"\d{1,3}(?:[ .]000)+$|\d{1,3}(?:\.\d{3})+$")


def groups_of(text: str) -> list[str]:
    """Return the runs of digits."""
    return re.findall(r"\d+", text)


def is_phone(match: re.Match[str]) -> bool:
    """Return whether a match of PHONE is a telephone number."""
    text, whole = match[0], match.string
    start, end = match.span()
    before, after = whole[max(0, start - 48) : start], whole[end : end + 12]
    if not _edges(before[-2:], text, after[:2]) or _is_other(before, text, after):
        return False
    number = _EXTENSION.sub("", text)
    size = len(digits_of(number))
    if not 7 <= size <= 15 or text.count("(") != text.count(")"):
        return False
    return len(number) < len(text) or _shaped(number, size) or (_said(before, after) and not _THOUSANDS.match(number))


def _is_other(before: str, text: str, after: str) -> bool:
    """Return whether it is a date, years from and to, an amount, or the number of an order, a page, a book."""
    dated = _DATE_LIKE.match(text) or _YEARS.match(text)
    return bool(dated or _NOT_BEFORE.search(before[-28:]) or _UNIT_AFTER.match(after))


def _edges(before: str, text: str, after: str) -> bool:
    """Return whether no letter, digit or joining mark beside it makes it a part of something longer."""
    if before[-1:].isalnum() or before[-1:] in {"_", "@", "/", "=", "\\"}:
        return False
    if before[-1:] in {"-", ".", ",", ":"} and before[:1].isalnum() and before[-1] != ":":
        return False
    if after[:1].isalnum() or after[:1] in {"_", "@"}:
        return False
    return not (after[:1] in {"-", ".", ",", ":", "/"} and after[1:2].isdigit()) and not text.endswith(("-", "("))


def _shaped(number: str, size: int) -> bool:
    """Return whether the grouping alone says so: +49 30 1234567, (07) 5331 0577, 212-555-0143, 07700 900461."""
    groups = groups_of(number)
    sizes = [len(group) for group in groups]
    if number.startswith(("(", "+(")):
        return len(sizes) > 1 and sizes[0] <= 5
    if number.startswith("+"):
        return size >= 8
    if sizes in ([3, 3, 4], [1, 3, 3, 4]):
        return not _THOUSANDS.match(number) and (sizes[0] == 3 or groups[0] == "1")
    return _national(number, size, sizes)


def _national(number: str, size: int, sizes: list[int]) -> bool:
    """Return whether digits are grouped as after 00 or 0, or as in Brazil."""
    if number.startswith("00") and not number.startswith("000"):
        return size >= 10 and len(sizes) > 1
    if number.startswith("0"):
        least = 8 if len(sizes) > 2 else 9
        return least <= size <= 12 and (1 < len(sizes) <= 6 or number.startswith("07")) and max(sizes) < 12
    return sizes in ([2, 4, 4], [2, 5, 4]) and number[-5] == "-"


def _said(before: str, after: str) -> bool:
    return bool(_BEFORE.search(before) or _AFTER.match(after))
