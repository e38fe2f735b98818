"""Identity numbers of many countries: their shapes, check digits, and for the shapeless ones the words before them."""

import re
from collections.abc import Callable

from tasks.methods.perturb import _pii_checks as checks

Match = re.Match[str]
SSN = re.compile(r"\d{3}([- ])\d{2}\1\d{4}")
SSN_SAID = re.compile(
    r"(?:\bssns?\b|social security)[^\d\x00]{0,30}(\d{3}[- ]?\d{2}[- ]?\d{4})(?!\d)",
    re.IGNORECASE,
)
SAID = re.compile(
    r"\b(?:passport|driv(?:er|ing)(?:'?s|’s)?[ -]licen[cs]e|licen[cs]e (?:no|number)|national (?:id|insurance)"
    r"|identity card|id card|identification|social insurance|tax(?:payer)? ?id(?:entification)?|tax file|tfn"
    r"|steuer-?id(?:nr)?|idnr|nhs|bsn|pesel|nino|medicare|personnummer|cpf|curp|nif|nie|dni|ein|itin|visa)"
    r"(?:[ -](?:number|no\.?|nr\.?|num|id|code|card))*(?: is| was|:|#| =| -){0,2}[ \n]{0,2}"
    r"([A-Z]{0,3}[- ]?\d(?:[A-Z0-9]|[ -](?=[A-Z0-9]*\d)){3,18}[A-Z]?)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
SAID_WORDS = (
    r"(?i)passport|licen[cs]e|national id|national insurance|identity|id card|identification|social insurance|tax|tfn"
    r"|steuer|idnr|nhs|bsn|pesel|nino|medicare|personnummer|cpf|curp|\bnif|\bnie|dni|\bein\b|itin|visa"
)


def _clean(match: Match) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", match[0]).upper()


def is_ssn(match: Match) -> bool:
    """Return whether a match of SSN has valid parts and stands alone."""
    return alone(match) and checks.us_ssn(checks.digits_of(match[0]))


def is_ssn_said(match: Match) -> bool:
    """Return whether the nine digits after the words can be such a number."""
    return checks.us_ssn(checks.digits_of(match[1]))


def alone(match: Match) -> bool:
    """Return whether no letter, digit or joining mark beside a match makes it a part of something longer."""
    whole, start, end = match.string, match.start(), match.end()
    before, after = whole[max(0, start - 2) : start], whole[end : end + 2]
    if before[-1:].isalnum() or before[-1:] == "_" or after[:1].isalnum() or after[:1] == "_":
        return False
    joined = before[-1:] in {"-", ".", "/"} and before[:1].isalnum() and len(before) > 1
    return not joined and not (after[:1] in {"-", ".", "/"} and after[1:2].isalnum())


def _both(*tests: Callable[[Match], bool]) -> Callable[[Match], bool]:
    return lambda match: alone(match) and all(test(match) for test in tests)


def _by_date(match: Match) -> bool:
    return checks.date_part(checks.digits_of(match[0])[:6])


# Shape and check of each; where the check is weak the shape has marks that other numbers lack.
NUMBERS: tuple[tuple[re.Pattern[str], Callable[[Match], bool]], ...] = (
    # United States: ITIN; United Kingdom: National Insurance number.
    (re.compile(r"9\d\d([- ])\d\d\1\d{4}"), _both(lambda m: checks.us_itin(checks.digits_of(m[0])))),
    (
        re.compile(r"[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z]( ?)\d\d\1\d\d\1\d\d\1[A-D]"),
        _both(lambda m: m[0][:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}),
    ),
    # Canada: SIN. Brazil: CPF. India: Aadhaar, PAN. China: resident identity.
    (re.compile(r"[1-79]\d\d([- ])\d{3}\1\d{3}"), _both(lambda m: checks.luhn(checks.digits_of(m[0])))),
    (re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}"), _both(lambda m: checks.br_cpf(checks.digits_of(m[0])))),
    (re.compile(r"[2-9]\d{3}([ -])\d{4}\1\d{4}"), _both(lambda m: checks.verhoeff(checks.digits_of(m[0])))),
    (re.compile(r"[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z]"), alone),
    (re.compile(r"\d{17}[\dXx]"), _both(lambda m: checks.cn_resident(m[0]))),
    # Spain: DNI, NIE. Italy: codice fiscale. France: NIR. Switzerland: AHV.
    (re.compile(r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]"), _both(lambda m: checks.es_dni(_clean(m)))),
    (re.compile(r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]"), _both(lambda m: checks.it_fiscal_code(m[0]))),
    (
        re.compile(r"[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d"),
        _both(lambda m: len(_clean(m)) == 15 and checks.fr_nir(_clean(m))),
    ),
    (re.compile(r"756\.\d{4}\.\d{4}\.\d\d"), _both(lambda m: checks.ch_ahv(checks.digits_of(m[0])))),
    # Sweden, Denmark, Finland, Poland, Mexico, Singapore, South Korea.
    (re.compile(r"(?:19|20)?\d{6}[-+]\d{4}"), _both(lambda m: _nordic(checks.digits_of(m[0])))),
    (re.compile(r"\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]"), _both(_by_date, lambda m: checks.fi_hetu(m[0]))),
    (re.compile(r"\d{11}"), _both(lambda m: checks.pl_pesel(m[0]) and m[0][2:4] < "33")),
    (re.compile(r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HM][A-Z]{5}[A-Z\d]\d"), alone),
    (re.compile(r"[STFG]\d{7}[A-Z]"), _both(lambda m: checks.sg_nric(m[0]))),
    (re.compile(r"\d{6}-[1-8]\d{6}"), _both(_by_date)),
)


def _nordic(digits: str) -> bool:
    """Return whether digits are a Swedish number (Luhn) or a Danish one (a date of birth, day first)."""
    ten = digits[-10:]
    day, month = int(ten[:2]), int(ten[2:4])
    return (checks.luhn(ten) and 1 <= month <= 12) or (len(digits) == 10 and 1 <= day <= 31 and 1 <= month <= 12)
