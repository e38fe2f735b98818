"""An e-mail address, card, IBAN, US social security number, IP address or key that no span of the row marks.

A checksum decides where there is one: Luhn's for cards (ISO/IEC 7812-1), modulo 97 for IBANs (ISO 13616). What a span
marks was put there on purpose, such as a pseudonym; addresses of the domains kept for examples (RFC 2606) are nobody's.

Source: Subramani et al. 2023, Detecting Personal Information in Training Corpora (https://aclanthology.org/2023.trustnlp-1.18/)
"""

import ipaddress
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from quality.rule import Rule, RuleParams
from tasks.core.errors import choices
from tasks.core.record import words_of

# The expression, and the RE2 expression that a text must match before it is read.
_KEY = (
    r"(?<![A-Za-z0-9])(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20}|xox[abprs]-[\w-]{20,}"
    r"|AIza[\w-]{35}|sk-[A-Za-z0-9_-]{32,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_PARTS = {
    "email": (r"[\w.%+-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}", r"@[^@\s]+\."),
    "card": (r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])", r"\d(?:[ -]?\d){12}"),
    "iban": (r"(?<!\w)[A-Z]{2}\d\d(?: ?[A-Z0-9]{2,4}){3,8}(?!\w)", r"[A-Z]{2}\d\d"),
    "ssn": (r"(?<![\w-])\d{3}-\d\d-\d{4}(?![\w-])", r"\d{3}-\d\d-\d{4}"),
    "ip": (r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)", r"\d{1,3}(?:\.\d{1,3}){3}"),
    "key": (_KEY, r"AKIA|gh[pousr]_|glpat-|xox[abprs]-|AIza|sk-|eyJ|PRIVATE KEY"),
}
_EXAMPLE = re.compile(r"@(?:[\w-]+\.)*example(?:\.(?:com|org|net))?$|\.(?:test|invalid|example)$", re.IGNORECASE)


class Params(RuleParams):
    """What to look for."""

    parts: tuple[str, ...] = Field(tuple(_PARTS), min_length=1, description=f"what to look for: {', '.join(_PARTS)}")

    @field_validator("parts")
    @classmethod
    def _known(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        for part in parts:
            if part not in _PARTS:
                raise ValueError(f"unknown part '{part}'{choices(part, _PARTS)}")
        return parts


def defect(batch: pa.RecordBatch, params: Params) -> pa.BooleanArray:
    """Return which rows hold any of the parts outside their spans."""
    words = words_of(batch)
    found = np.zeros(batch.num_rows, bool)
    for part in params.parts:
        pattern, before = _PARTS[part]
        rows = np.flatnonzero(pc.match_substring_regex(words, before).to_numpy(zero_copy_only=False) & ~found)
        for row in rows.tolist():
            spans = batch.column("spans")[row].as_py() or []
            places = _places(part, re.compile(pattern), words[row].as_py())
            found[row] = any(not _marked(place, spans) for place in places)
    return pa.array(found, pa.bool_())


def _places(part: str, pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in pattern.finditer(text) if _holds(part, match[0]))


def _holds(part: str, value: str) -> bool:
    if part == "email":
        return not _EXAMPLE.search(value)
    if part == "card":
        return _luhn("".join(filter(str.isdigit, value)))
    if part == "iban":
        return _mod97(value.replace(" ", ""))
    if part == "ssn":
        return value[:3] not in {"000", "666"} and value[0] != "9" and value[4:6] != "00" and value[7:] != "0000"
    return part == "key" or _is_ip(value)


def _luhn(digits: str) -> bool:
    double = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + double) % 10 == 0 and len(set(digits)) > 1


def _mod97(text: str) -> bool:
    return len(text) > 14 and int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def _is_ip(text: str) -> bool:
    """Return whether four numbers are the address of a host in the open network; private ones name nobody."""
    try:
        return ipaddress.IPv4Address(text).is_global
    except ValueError:
        return False


def _marked(place: tuple[int, int], spans: list[dict[str, int]]) -> bool:
    return any(span["start"] <= place[0] and place[1] <= span["end"] for span in spans)


RULE = Rule(name="leaks_pii", version=1, params=Params, defect=defect)
