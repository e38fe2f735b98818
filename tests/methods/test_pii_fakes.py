"""Values that stand for others: what they keep, and that they follow from their bytes alone."""

import ipaddress
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.methods.perturb import _pii_checks as checks
from tasks.methods.perturb import _pii_fakes as fakes
from tasks.methods.perturb._pii_types import TYPES

VALUES = {
    "PERSON_NAME": "Ada Byron",
    "ADDRESS": "10 Long Hill Road, Springfield",
    "ORGANIZATION": "Brackenfold Timber",
    "LOCATION": "Skagvik",
    "EMAIL": "ada@mail.org",
    "PHONE": "+44 20 7946 0018",
    "CREDIT_CARD": "4539 5787 6362 1486",
    "IBAN": "DE89 3704 0044 0532 0130 00",
    "US_SSN": "536-22-1849",
    "NATIONAL_ID": "AB 12 34 56 C",
    "IP_ADDRESS": "93.184.216.34",
    "MAC_ADDRESS": "00:1B:44:11:3A:B7",
    "URL": "https://ada.example.org/x",
    "DATE_OF_BIRTH": "27 December 1986",
    "DATE": "2024-05-17",
    "SECRET": "hunter2!x",
    "PROJECT_CODE": "PX-1234",
}
digests = st.binary(min_size=32, max_size=32)


def shape(text):
    return ["9" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else c for c in text]


def test_every_type_is_tried():
    assert set(TYPES) <= set(VALUES)


@pytest.mark.parametrize("kind", VALUES)
@settings(max_examples=25)
@given(digest=digests)
def test_fake_is_another_value_and_follows_from_the_bytes(kind, digest):
    """Never the value, nor the fallback, and the same for the same bytes."""
    value = VALUES[kind]
    one = fakes.fake(kind, value, digest, "en_US")
    assert one == fakes.fake(kind, value, digest, "en_US")
    assert value.casefold() not in one.casefold()
    assert one
    assert not one.startswith("[")


@pytest.mark.parametrize("kind", ["CREDIT_CARD", "IBAN", "US_SSN", "PHONE", "NATIONAL_ID", "SECRET", "PROJECT_CODE"])
@settings(max_examples=25)
@given(digest=digests)
def test_format_keeps_length_and_separators(kind, digest):
    """Digits for digits, letters for letters, all else as it was; cards and IBANs pass their checks."""
    value = VALUES[kind]
    made = fakes.shaped(kind, value, digest)
    assert made != value
    assert shape(made) == shape(value)
    if kind == "CREDIT_CARD":
        assert checks.card(checks.digits_of(made))
    if kind == "IBAN":
        assert checks.iban(made.replace(" ", ""))
    if kind == "US_SSN":
        assert not checks.us_ssn(checks.digits_of(made))


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("1986-12-27", "%Y-%m-%d"),
        ("12/27/86", "%m/%d/%y"),
        ("27 December 1986", "%d %B %Y"),
        ("Mar 3, 1990", "%b %d, %Y"),
    ],
)
@settings(max_examples=25)
@given(digest=digests)
def test_date_is_a_date_of_the_same_layout(text, layout, digest):
    made = fakes.shaped("DATE_OF_BIRTH", text, digest)
    assert datetime.strptime(made, layout)  # noqa: DTZ007 (a date has no zone)


@settings(max_examples=25)
@given(digest=digests)
def test_ip_is_nobodys(digest):
    """Of the private range, or the documentation's."""
    for value in ("93.184.216.34", "2606:2800:220:1::1", "8.8.8.0/24"):
        made = fakes.fake("IP_ADDRESS", value, digest, "en_US")
        address = ipaddress.ip_address(made.partition("/")[0])
        assert address.is_private
        assert address.version == (6 if ":" in value else 4)


@pytest.mark.parametrize(
    ("value", "check"),
    [
        ("ADA BYRON", str.isupper),
        ("ada byron", str.islower),
        ("Byron, Ada", lambda made: made.split()[0].endswith(",")),
        ("A. Byron", lambda made: made[1:3] == ". "),
        ("Ada", lambda made: len(made.split()) == 1),
        ("Ada Augusta Byron", lambda made: len(made.split()) == 3),
    ],
)
def test_person_keeps_how_the_name_was_written(value, check):
    """Case, order, initials, number of parts."""
    made = fakes.fake("PERSON_NAME", value, bytes(range(32)), "en_US")
    assert check(made), made
    assert not set(fakes.words(made)) & set(fakes.words(value))


def test_address_of_lines_stays_one_of_lines():
    made = fakes.fake("ADDRESS", "10 Long Hill Road\nSpringfield", bytes(32), "de_DE")
    assert "\n" in made


def test_dice_are_even():
    """Each of six sides about as often as the others."""
    dice = fakes.Dice(b"seed" * 8)
    counts = [0] * 6
    for _ in range(6000):
        counts[dice.below(6)] += 1
    assert all(850 < count < 1150 for count in counts)
