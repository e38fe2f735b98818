"""Values that stand for others: each follows from 32 bytes and the shape of what it replaces, from nothing else."""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from tasks.methods.perturb import _pii_checks as checks
from tasks.methods.perturb._pii_dates import MONTH
from tasks.methods.perturb._pii_values import steady

T = TypeVar("T")
_POOL = 1500
_TRIES = 16
_NAMES = ("first_name", "last_name", "city", "country", "company", "street_address", "postcode")
_OFTEN = {"van", "von", "der", "de", "da", "del", "la", "le", "al", "bin"}


class Dice:
    """Choices out of bytes: the same bytes, the same choices."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest
        self._left = int.from_bytes(digest, "big")
        self._bits = 8 * len(digest)

    def below(self, size: int) -> int:
        """Return a whole number under `size`."""
        need = size.bit_length() + 32
        if self._bits < need:
            self._digest = hashlib.blake2b(self._digest, digest_size=64).digest()
            self._left, self._bits = int.from_bytes(self._digest, "big"), 8 * len(self._digest)
        self._left, choice = divmod(self._left, size)
        self._bits -= size.bit_length()
        return choice

    def pick(self, items: Sequence[T]) -> T:
        """Return one of `items`."""
        return items[self.below(len(items))]


@lru_cache(maxsize=4)
def pools(locale: str) -> dict[str, tuple[str, ...]]:
    """Return names, towns, companies and streets of a Faker locale, always the same ones."""
    fake = steady(locale)
    found = {}
    for name in _NAMES:
        make: Callable[[], str] = getattr(fake, name, None) or fake.last_name
        found[name] = tuple(dict.fromkeys(" ".join(str(make()).split()) for _ in range(_POOL)))
    return found


def fake(kind: str, value: str, digest: bytes, locale: str) -> str:
    """Return what stands for `value`; never itself, nor a text that holds one of its words or its digits."""
    make = _MAKERS.get(kind, _shaped)
    for turn in range(_TRIES):
        dice = Dice(digest if not turn else hashlib.blake2b(digest + bytes([turn]), digest_size=32).digest())
        made = _cased(value, make(value, dice, locale)) if kind in _CASED else make(value, dice, locale)
        if not _shares(kind, value, made):
            return made
    return f"[{kind}]"


def shaped(kind: str, value: str, digest: bytes) -> str:
    """Return `value` with other digits and letters in the same places: a card stays a card, a date a date."""
    for turn in range(_TRIES):
        dice = Dice(digest if not turn else hashlib.blake2b(digest + bytes([turn]), digest_size=32).digest())
        made = _SHAPES.get(kind, _shaped)(value, dice, "")
        if made.casefold() != value.casefold():
            return made
    return f"[{kind}]"


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"[^\W_]+", text.casefold())


def _shares(kind: str, value: str, made: str) -> bool:
    if kind in _CASED or kind == "EMAIL":
        return bool(
            {word for word in words(value) if len(word) > 2} & set(words(made)) - {"example", "com", "org", "net"}
        )
    return made.casefold() == value.casefold()


def _cased(like: str, text: str) -> str:
    letters = [char for char in like if char.isalpha()]
    if len(letters) > 1 and all(char.isupper() for char in letters):
        return text.upper()
    return text.lower() if letters and like == like.lower() and like != like.upper() else text


def _person(value: str, dice: Dice, locale: str) -> str:
    """Return a name with as many parts: one is a first name, `Doe, Jane` stays so, `J. Doe` keeps a letter."""
    names = pools(locale)
    first, last = dice.pick(names["first_name"]), dice.pick(names["last_name"])
    parts = [part for part in value.split() if part.casefold() not in _OFTEN]
    if len(parts) <= 1:
        return first
    if parts[0].endswith(","):
        return f"{last}, {first}"
    if len(parts[0].rstrip(".")) == 1:
        return f"{first[0]}. {last}"
    middle = [dice.pick(names["first_name"])] if len(parts) > 2 else []
    return " ".join([first, *middle, last])


def _place(value: str, dice: Dice, locale: str) -> str:
    names = pools(locale)
    town, country = dice.pick(names["city"]), dice.pick(names["country"])
    return country if value.title() in names["country"] else f"{town}, {country}" if ", " in value else town


def _company(_value: str, dice: Dice, locale: str) -> str:
    return dice.pick(pools(locale)["company"])


def _address(value: str, dice: Dice, locale: str) -> str:
    names = pools(locale)
    parts = [dice.pick(names["street_address"]), dice.pick(names["city"])]
    if not re.search(r"[^\W\d_]", value):
        return _digits(value, dice)
    if not re.search(r"[,\n]", value):
        return parts[0]
    return ("\n" if "\n" in value else ", ").join([*parts, dice.pick(names["postcode"])] if len(value) > 40 else parts)


def _email(_value: str, dice: Dice, locale: str) -> str:
    names = pools(locale)
    handle = ".".join("".join(words(dice.pick(names[name]))) for name in ("first_name", "last_name"))
    return f"{handle}{dice.below(90) + 10}@example.{dice.pick(('com', 'org', 'net'))}"


def _url(value: str, dice: Dice, _locale: str) -> str:
    head = re.match(r"(?i)(?:[a-z]+://)?(?:www\.)?", value)
    return f"{head[0] if head else ''}site-{dice.below(1 << 32):08x}.example.com"


def _ip(value: str, dice: Dice, _locale: str) -> str:
    """Return an address of the private range (IPv4, RFC 1918) or the documentation's (IPv6, RFC 3849)."""
    if ":" in value and "." not in value:
        return "2001:db8:" + ":".join(f"{dice.below(1 << 16):x}" for _ in range(6))
    tail = value[value.index("/") :] if "/" in value else ""
    return "10." + ".".join(str(dice.below(254) + 1) for _ in range(3)) + tail


def _digits(value: str, dice: Dice) -> str:
    return "".join(str(dice.below(10)) if "0" <= char <= "9" else char for char in value)


def _shaped(value: str, dice: Dice, _locale: str) -> str:
    """Return other digits for digits, other letters for letters, everything else as it is."""
    small = "abcdefghijklmnopqrstuvwxyz"
    return "".join(
        str(dice.below(10))
        if char.isdigit()
        else (dice.pick(small.upper()) if char.isupper() else dice.pick(small))
        if char.isalpha()
        else char
        for char in value
    )


def _filled(value: str, digits: str) -> str:
    """Return `value` with its digits replaced, one by one."""
    left = iter(digits)
    return "".join(next(left) if "0" <= char <= "9" else char for char in value)


def _card(value: str, dice: Dice, _locale: str) -> str:
    """Return digits of the same issuer (its first two) and length with a right check digit."""
    old = checks.digits_of(value)
    body = old[:2] + "".join(str(dice.below(10)) for _ in range(len(old) - 3))
    check = next(digit for digit in "0123456789" if checks.luhn(body + digit))
    return _filled(value, body + check)


def _iban(value: str, dice: Dice, _locale: str) -> str:
    """Return an IBAN of the same country and shape with right check digits."""
    bare = re.sub(r"[^0-9A-Za-z]", "", value).upper()
    account = _shaped(bare[4:], dice, "")
    made = iter(bare[:2] + checks.iban_check_digits(bare[:2], account) + account)
    return "".join(next(made) if char.isalnum() else char for char in value)


def _ssn(value: str, dice: Dice, _locale: str) -> str:
    """Return nine digits that no person has: area 9xx, and no group of a taxpayer number."""
    return _filled(value, f"9{dice.below(100):02d}{dice.below(40) + 1:02d}{dice.below(9999) + 1:04d}")


def _phone(value: str, dice: Dice, _locale: str) -> str:
    """Return other digits; a leading + and country code, 0 or 1 stay."""
    kept = re.match(r"\+\d{1,2}|\(?0{1,2}|\(?1(?=[ .-])|", value)
    start = kept.end() if kept else 0
    tail = value[start:]
    first = next((i for i, char in enumerate(tail) if char.isdigit()), None)
    if first is None:
        return _shaped(value, dice, "")
    return value[:start] + tail[:first] + str(dice.below(8) + 2) + _digits(tail[first + 1 :], dice)


def _birth(value: str, dice: Dice, _locale: str) -> str:
    """Return another date written the same way: a year of 1940-2004, day and month valid in either order."""
    months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]

    def month(match: re.Match[str]) -> str:
        name = dice.pick(months)
        return _cased(match[0], name if len(match[0].rstrip(".")) > 4 else name[:3])

    text = re.sub(rf"\b{MONTH}", month, value, flags=re.IGNORECASE)
    seen, long_year = 0, re.search(r"\d{4}", value) is not None

    def number(match: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        size = len(match[0])
        if size == 4:
            return str(1940 + dice.below(65))
        if size == 2 and seen == 3 and not long_year:
            return f"{40 + dice.below(60):02d}"
        return f"{dice.below(12) + 1:0{size}d}" if size == 2 else str(dice.below(9) + 1)

    return re.sub(r"\d+", number, text)


_SHAPES: dict[str, Callable[[str, Dice, str], str]] = {
    "CREDIT_CARD": _card,
    "IBAN": _iban,
    "US_SSN": _ssn,
    "PHONE": _phone,
    "DATE_OF_BIRTH": _birth,
    "DATE": _birth,
}
_MAKERS: dict[str, Callable[[str, Dice, str], str]] = {
    **_SHAPES,
    "PERSON_NAME": _person,
    "LOCATION": _place,
    "ORGANIZATION": _company,
    "ADDRESS": _address,
    "EMAIL": _email,
    "URL": _url,
    "IP_ADDRESS": _ip,
}
_CASED = frozenset({"PERSON_NAME", "LOCATION", "ORGANIZATION", "ADDRESS"})
