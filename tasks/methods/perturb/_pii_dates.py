"""Dates as people write them: what is one, and which of them is somebody's date of birth."""

import re

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_MONTH_NUMBER = r"(?:1[0-2]|0?[1-9])"
_YEAR = r"(?:1[89]\d\d|20\d\d)"
_TIME = r"(?:[T ]{1,2}\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m\b)?)?"
# Year first; day or month first, with the same mark twice; and with the month's name.
DATE = re.compile(
    rf"{_YEAR}([-/.]){_MONTH_NUMBER}\1{_DAY}(?!\d){_TIME}"
    rf"|(?:{_DAY}([-/.]){_MONTH_NUMBER}|{_MONTH_NUMBER}([-/.]){_DAY})(?:\2|\3)(?:{_YEAR}|\d\d)(?!\d){_TIME}"
    rf"|{_DAY}(?:st|nd|rd|th)?(?: of)?[ -]{MONTH},?[ -](?:{_YEAR}|'?\d\d)(?!\d){_TIME}",
    re.IGNORECASE,
)
MONTH_FIRST = re.compile(rf"\b{MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}(?!\d)", re.IGNORECASE)
BIRTH_BEFORE = re.compile(
    r"\b(?:born|birth|birthday|birthdate|dob|d\.o\.b|geb(?:oren|\.)?|geburtsdatum|née?|naissance|nacid[oa]|nacimiento"
    r"|nato|nata|nascita|nascimento)\b",
    re.IGNORECASE,
)
BIRTH_WORDS = "(?i)born|birth|dob|d\\.o\\.b|geb|née?|naissance|nac|nat[oa]\\b|nasc"
_NEAR = 40


def is_birth(match: re.Match[str]) -> bool:
    """Return whether words shortly before a date, in its sentence, say that it is one of birth."""
    before = match.string[max(0, match.start() - _NEAR) : match.start()]
    return BIRTH_BEFORE.search(re.split(r"[.!?]\s|\x00|\n\n", before)[-1]) is not None or _dotted(before)


def _dotted(before: str) -> bool:
    return before.lower().rstrip(" :").endswith(("d.o.b.", "d.o.b", "geb."))
