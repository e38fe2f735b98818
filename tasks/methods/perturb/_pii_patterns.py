"""The table of patterns: a type, an expression, what must hold of a match, and which texts can hold one at all."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tasks.methods.perturb import _pii_address as address
from tasks.methods.perturb import _pii_checks as checks
from tasks.methods.perturb import _pii_dates as dates
from tasks.methods.perturb import _pii_ids as ids
from tasks.methods.perturb import _pii_names as names
from tasks.methods.perturb import _pii_phone as phone
from tasks.methods.perturb import _pii_secrets as secrets

Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds values of one type.

    marks: bytes that a text must hold, each at least once. digits: how many digits it must hold. words: an RE2
    expression that it must match. What fails these is never read by `pattern`, whose group `group` is the value.
    """

    type: str
    pattern: re.Pattern[str]
    valid: Callable[[Match], bool] | None = None
    group: int = 0
    marks: str = ""
    digits: int = 0
    words: str = ""


_TLD = (
    "com|org|net|edu|gov|io|co|info|biz|app|dev|ai|me|tv|us|uk|de|fr|es|it|nl|be|ch|at|pl|cz|se|no|dk|fi|pt|ie|eu|ca|au|nz|jp"
    "|cn|in|br|mx|ru|ua|tr|gr|hu|ro|bg|hr|si|sk|lt|lv|ee|is|za|ng|ke|sg|hk|kr|example|test|online|site|shop|xyz|store|cloud"
)
_EMAIL = re.compile(r"[\w.%+'&/=~-]{1,64}@(?:[\w](?:[\w-]{0,61}[\w])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_EMAIL_SPELT = re.compile(
    r"[\w.+-]{1,64} ?[\[(] ?at ?[\])] ?[\w-]{1,63}(?: ?(?:\.|[\[(] ?dot ?[\])]) ?[\w-]{2,63}){1,4}", re.IGNORECASE
)
_URL = re.compile(
    r"(?:https?|ftps?|sftp|wss?)://[^\s<>\"\x00`{}|\\^]{2,2048}|www\.[\w-]{1,63}(?:\.[\w-]{1,63})+(?:/[^\s<>\"\x00]{0,1024})?",
    re.IGNORECASE,
)
_DOMAIN = re.compile(
    rf"[A-Za-z0-9](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?(?:\.[A-Za-z0-9-]{{1,63}}){{0,4}}\.(?:{_TLD})(?![\w-])(?!\.\w)(?:/[^\s<>\"\x00]{{0,1024}})?"
)
_IP4 = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:/\d{1,2}(?!\d))?")
_IP6 = re.compile(r"[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?:%\w{1,16})?")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}")
_CARD = re.compile(r"\d(?:[ -]?\d){11,18}")
# One alternative for each length, with the countries that have it: a match ends where the number does.
_IBAN = re.compile(
    "|".join(
        rf"(?:{'|'.join(country for country, size in checks.IBAN_LENGTHS.items() if size == length)})"
        rf"\d\d(?:[ -]?[A-Z0-9]){{{length - 4}}}"
        for length in sorted(set(checks.IBAN_LENGTHS.values()))
    ),
    re.IGNORECASE,
)
_MIN_CARD = 12


def _is_email(match: Match) -> bool:
    return match.string[match.start() - 1 : match.start()] != "@" and match[0][0] not in ".-'/=&"


def _is_card(match: Match) -> bool:
    """Return whether a card number stands alone; in one or more groups of at least three digits each."""
    groups = re.findall(r"\d+", match[0])
    return ids.alone(match) and checks.card("".join(groups)) and all(len(group) > 1 for group in groups)


def _is_ip4(match: Match) -> bool:
    whole, start, end = match.string, match.start(), match.end()
    before, after = whole[max(0, start - 2) : start], whole[end : end + 2]
    if (
        before[-1:].isalnum()
        or before[-1:] == "."
        or (after[:1] == "." and after[1:2].isdigit())
        or after[:1].isalnum()
    ):
        return False
    version = re.search(
        r"\b(?:version|ver\.?|v|release|section|§) ?$", whole[max(0, start - 10) : start], re.IGNORECASE
    )
    return version is None and checks.ip(match[0].partition("/")[0])


def _is_ip6(match: Match) -> bool:
    text, whole = match[0], match.string
    beside = whole[match.start() - 1 : match.start()] + whole[match.end() : match.end() + 1]
    if text.count(":") < 2 or beside.replace("[", "").replace("]", "").strip(" \n\t\x00,;.()'\"/<>=|"):
        return False
    return checks.ip(text.partition("%")[0]) and (any(c.isdigit() for c in text) or text.count(":") > 4)


def _is_iban(match: Match) -> bool:
    return ids.alone(match) and checks.iban(re.sub(r"[ -]", "", match[0]).upper())


def _is_domain(match: Match) -> bool:
    """Return whether a bare domain is one, and not a file's name or two sentences without a space (`end.It`)."""
    before = match.string[match.start() - 1 : match.start()]
    host = match[0].partition("/")[0]
    return (
        before not in {"@", "/", ".", "-", "_", "\\"}
        and not before.isalnum()
        and (host.islower() or host.count(".") > 1 or _is_tidy(host))
    )


def _is_tidy(host: str) -> bool:
    name, _, last = host.rpartition(".")
    return (
        last.islower()
        and last not in {"me", "is", "it", "in", "no", "us", "at", "be", "so", "test", "example"}
        and len(name) > 1
    )


_PATTERNS = (
    Detector("SECRET", secrets.PREFIXED, words=secrets.PREFIXES),
    Detector("SECRET", secrets.PEM, words="-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
    Detector("SECRET", secrets.IN_URL, group=1, words="://[^ /@]*:[^ /@]*@"),
    Detector("SECRET", secrets.SAID, secrets.is_password, group=1, words=secrets.SAID_WORDS),
    Detector("SECRET", secrets.BEARER, group=1, words="[Bb]earer +[A-Za-z0-9._~+/=-]{16}"),
    Detector("SECRET", secrets.LONG, secrets.is_random, digits=2, words=secrets.LONG_WORDS),
    Detector("IBAN", _IBAN, _is_iban, digits=8, words=r"(?i)\b[A-Z]{2}\d\d[ -]?[A-Z0-9]{4}"),
    Detector("CREDIT_CARD", _CARD, _is_card, digits=_MIN_CARD),
    Detector("US_SSN", ids.SSN, ids.is_ssn, digits=9),
    Detector("US_SSN", ids.SSN_SAID, ids.is_ssn_said, group=1, digits=9, words=r"(?i)\bssn|social security"),
    *(Detector("NATIONAL_ID", pattern, valid, digits=4) for pattern, valid in ids.NUMBERS),
    Detector("NATIONAL_ID", ids.SAID, group=1, digits=4, words=ids.SAID_WORDS),
    Detector("EMAIL", _EMAIL, _is_email, marks="@."),
    Detector("EMAIL", _EMAIL_SPELT, words=r"(?i)[\[(] ?at ?[\])]"),
    Detector("IP_ADDRESS", _IP4, _is_ip4, marks=".", digits=4),
    Detector("IP_ADDRESS", _IP6, _is_ip6, words="[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:"),
    Detector("MAC_ADDRESS", _MAC, ids.alone, words="[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]"),
    Detector("URL", _URL, words=r"(?i)://|www\."),
    Detector("URL", _DOMAIN, _is_domain, words=rf"[A-Za-z0-9]\.(?:{_TLD})\b"),
    Detector("DATE_OF_BIRTH", dates.DATE, dates.is_birth, digits=3, words=dates.BIRTH_WORDS),
    Detector("DATE_OF_BIRTH", dates.MONTH_FIRST, dates.is_birth, digits=4, words=dates.BIRTH_WORDS),
    Detector("PHONE", phone.PHONE, phone.is_phone, digits=7),
    Detector("ADDRESS", address.ENGLISH, address.is_street, digits=1),
    Detector(
        "ADDRESS",
        address.GERMANIC,
        address.is_bounded,
        digits=1,
        words=rf"(?i)(?:{address.GERMANIC_ENDINGS}|stra(?:ss|ß)e)\.? \d",
    ),
    Detector("ADDRESS", address.ROMANCE, address.is_bounded, digits=1, words=rf"(?i)(?:{address.ROMANCE_WORDS}) "),
    Detector(
        "ADDRESS",
        address.ROMANCE_NUMBERED,
        address.is_bounded,
        digits=1,
        words=r"(?i)\d.{0,6} (?:rue|boulevard|avenue|place|quai|impasse|chemin|allée) ",
    ),
    Detector("ADDRESS", address.EUROPEAN, address.is_bounded, digits=5),
    Detector("ADDRESS", address.UNIT, digits=1, words=r"(?i)\b(?:apt|apartment|suite|ste|flat|unit)\.? ?#?\d"),
    Detector("ADDRESS", address.BOX, digits=1, words="(?i)p.?.?o.?.?box"),
    Detector("ADDRESS", address.ZIP_SAID, group=1, digits=3, words="(?i)zip|post|plz"),
    Detector("ADDRESS", address.US_ZIP, address.is_bounded, digits=5, words=r"[A-Z]{2},? \d{5}"),
    Detector("ADDRESS", address.UK_POSTCODE, ids.alone, digits=2, words=r"[A-Z]\d[A-Z\d]? \d[A-Z]{2}"),
    Detector("PERSON_NAME", names.TITLED, group=1, words=names.TITLE_WORDS),
    Detector("PERSON_NAME", names.CUED, names.is_name, group=1, words=names.CUE_WORDS),
    Detector("ORGANIZATION", names.COMPANY, words=names.COMPANY_WORDS),
    Detector("DATE", dates.DATE, digits=3),
    Detector("DATE", dates.MONTH_FIRST, digits=4),
)


def detectors(types: frozenset[str]) -> tuple[Detector, ...]:
    """Return the detectors of the types that are asked for."""
    return tuple(detector for detector in _PATTERNS if detector.type in types)
