"""What the patterns of `pii_mask` find, and what looks like it and is left alone; no string here is anybody's."""

import base64
import random

import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.methods.perturb import _pii_checks as checks
from tasks.methods.perturb._pii_patterns import detectors
from tasks.methods.perturb._pii_scan import Texts, scan
from tasks.methods.perturb._pii_types import TYPES


def found(text, *types):
    hits = scan(Texts([text]), detectors(frozenset(types or TYPES)))
    return sorted({(text[start:end], kind) for _, start, end, kind, _ in hits})


def random_key(prefix, size, seed=1):
    """Return a key in the shape that an issuer gives it, made as it is asked for: none stands in the repository."""
    dice = random.Random(seed)
    body = base64.b64encode(dice.randbytes(size)).decode().replace("+", "a").replace("/", "B").replace("=", "c")
    return prefix + body[:size]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("EMAIL", "mail Ada.Byron+x@mail.example.co.uk, now", "Ada.Byron+x@mail.example.co.uk"),
        ("EMAIL", "jürgen@müller.de", "jürgen@müller.de"),
        ("EMAIL", "write to ada [at] mail [dot] org", "ada [at] mail [dot] org"),
        ("PHONE", "ring +44 20 7946 0018.", "+44 20 7946 0018"),
        ("PHONE", "(212) 555-0143", "(212) 555-0143"),
        ("PHONE", "212.555.0143 x12", "212.555.0143 x12"),
        ("PHONE", "07700 900461", "07700 900461"),
        ("PHONE", "+49 (0)30 901820", "+49 (0)30 901820"),
        ("PHONE", "(call 030 901820 11)", "030 901820 11"),
        ("PHONE", "please call me on 555 0134", "555 0134"),
        ("PHONE", "5551234567 (mobile)", "5551234567"),
        ("CREDIT_CARD", "4539 5787 6362 1486", "4539 5787 6362 1486"),
        ("CREDIT_CARD", "3714-496353-98431", "3714-496353-98431"),
        ("IBAN", "DE89 3704 0044 0532 0130 00 is", "DE89 3704 0044 0532 0130 00"),
        ("IBAN", "iban gb82west12345698765432!", "gb82west12345698765432"),
        ("US_SSN", "is 536-22-1849.", "536-22-1849"),
        ("US_SSN", "SSN: 536221849", "536221849"),
        ("NATIONAL_ID", "NINO AB 12 34 56 C", "AB 12 34 56 C"),
        ("NATIONAL_ID", "DNI 12345678Z", "12345678Z"),
        ("NATIONAL_ID", "codice RSSMRA85T10A562S", "RSSMRA85T10A562S"),
        ("NATIONAL_ID", "CPF 529.982.247-25", "529.982.247-25"),
        ("NATIONAL_ID", "NIR 2 55 08 14 168 025 38", "2 55 08 14 168 025 38"),
        ("NATIONAL_ID", "HETU 131052-308T", "131052-308T"),
        ("NATIONAL_ID", "AHV 756.9217.0769.85", "756.9217.0769.85"),
        ("NATIONAL_ID", "NRIC S1234567D", "S1234567D"),
        ("NATIONAL_ID", "my passport number is X4471290", "X4471290"),
        ("NATIONAL_ID", "My driver's license: D123-4567-8901", "D123-4567-8901"),
        ("IP_ADDRESS", "from 93.184.216.34:443", "93.184.216.34"),
        ("IP_ADDRESS", "[2001:db8::8a2e:370:7334]", "2001:db8::8a2e:370:7334"),
        ("IP_ADDRESS", "server 10.1.2.3 died", "10.1.2.3"),
        ("MAC_ADDRESS", "00:1B:44:11:3A:B7", "00:1B:44:11:3A:B7"),
        ("URL", "see https://a.example.com/x?y=1#z).", "https://a.example.com/x?y=1#z"),
        ("URL", "at www.example.org, or", "www.example.org"),
        ("URL", "on shop.example.co.uk/basket now", "shop.example.co.uk/basket"),
        ("DATE_OF_BIRTH", "She was born on 12/27/1986.", "12/27/1986"),
        ("DATE_OF_BIRTH", "DOB: 1986-12-27", "1986-12-27"),
        ("DATE_OF_BIRTH", "date of birth 3rd of March 1990", "3rd of March 1990"),
        ("DATE_OF_BIRTH", "birthday: March 3, 1990", "March 3, 1990"),
        (
            "ADDRESS",
            "at 10 Long Hill Road, Apt 4, Springfield, IL 62704",
            "10 Long Hill Road, Apt 4, Springfield, IL 62704",
        ),
        ("ADDRESS", "auf der Lange Marktstraße 12a", "Lange Marktstraße 12a"),
        ("ADDRESS", "14 bis, rue du Bac, Paris", "14 bis, rue du Bac"),
        ("ADDRESS", "in Via Roma 3", "Via Roma 3"),
        ("ADDRESS", "Postcode SW1A 2AA", "SW1A 2AA"),
        ("ADDRESS", "P.O. Box 4471", "P.O. Box 4471"),
        ("PERSON_NAME", "Dear Mrs. Ada van der Byron,", "Ada van der Byron"),
        ("PERSON_NAME", "my name is Xanthe Orr", "Xanthe Orr"),
        ("ORGANIZATION", "sold by Brackenfold Timber GmbH.", "Brackenfold Timber GmbH."),
        ("SECRET", "password: hunter2!x", "hunter2!x"),
        ("SECRET", "postgres://app:s3cr3t@db/x", "s3cr3t"),
        ("DATE", "due 2024-05-17 09:45", "2024-05-17 09:45"),
    ],
    ids=lambda value: value[:24],
)
def test_finds(kind, text, value):
    """Each in its own words, to the character."""
    assert (value, kind) in found(text, kind)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("CREDIT_CARD", "4539 5787 6362 1487"),
        ("CREDIT_CARD", "order 0000 0000 0000 0000"),
        ("CREDIT_CARD", "x4539578763621486y"),
        ("IBAN", "DE89 3704 0044 0532 0130 01"),
        ("US_SSN", "666-22-1849 and 000-22-1849 and 536-00-1849"),
        ("US_SSN", "5536-22-18490"),
        ("NATIONAL_ID", "12345678A and 529.982.247-26 and S1234567A"),
        ("PHONE", "1998-06-28 14:48:14"),
        ("PHONE", "12/27/1986"),
        ("PHONE", "from 1995-2005"),
        ("PHONE", "ISBN 978-3-16-148410-0"),
        ("PHONE", "order 55120938, invoice 2024/000183"),
        ("PHONE", "$1,249,000 or 1 249 000 EUR"),
        ("PHONE", "HW-4410982-77"),
        ("PHONE", "version 10.4.0.1187"),
        ("PHONE", "pages 112-119 and 3.1415926535"),
        ("IP_ADDRESS", "999.1.1.1 and 1.2.3.4.5 and version 2.0.0.1"),
        ("IP_ADDRESS", "at 12:30:45 or std::dead::beef"),
        ("EMAIL", "@handle and a@b and user@localhost"),
        ("URL", "e.g. this.And that is it.No more of readme.md"),
        ("DATE_OF_BIRTH", "due on 12/27/1986"),
        ("DATE_OF_BIRTH", "She was born in Ohio. We met on 12/27/1986"),
        ("ADDRESS", "4 of them in a row, 2 days a way"),
        ("PERSON_NAME", "call me ASAP; my name is on the list; call me Tomorrow"),
        ("SECRET", "the password is wrong, password: [SECRET]"),
        ("SECRET", "9fceb02d0ae598e95dc970b74767f19372d61af8"),
        ("SECRET", "aVeryLongCamelCaseIdentifierThatIsNoSecretAtAll"),
        ("SECRET", "https://example.com/a/rather/long/path/with/many/parts/in/it"),
    ],
)
def test_leaves_alone(kind, text):
    """Numbers that fail their check, parts of longer ones, and what the words around say is something else."""
    assert found(text, kind) == []


PEM_LINES = "\n".join(random_key("", 64, n) for n in range(4))
SECRETS = {
    "aws": random_key("AKIA", 16).upper(),
    "github": random_key("ghp_", 36),
    "gitlab": random_key("glpat-", 20),
    "openai": random_key("sk-proj-", 48),
    "stripe": random_key("sk_live_", 24),
    "slack": random_key("xoxb-", 40),
    "google": random_key("AIza", 35),
    "hugging face": random_key("hf_", 34),
    "jwt": f"{random_key('eyJ', 30)}.{random_key('eyJ', 60, 2)}.{random_key('', 40, 3)}",
    "pem": f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_LINES}\n-----END RSA PRIVATE KEY-----",
    "unknown issuer": random_key("", 40),
}


@pytest.mark.parametrize("name", SECRETS)
def test_finds_secrets(name):
    """By the issuer's prefix, or by entropy alone."""
    key = SECRETS[name]
    assert (key, "SECRET") in found(f"use {key} for it", "SECRET")


@settings(max_examples=80)
@given(st.integers(0, 10**6))
def test_faker_numbers_pass_their_checks(seed):
    """Another library's generators, as the reference."""
    fake = Faker(["de_DE", "fr_FR", "nl_NL", "es_ES"])
    fake.seed_instance(seed)
    english = Faker("en_US")
    english.seed_instance(seed)
    assert checks.iban(fake.iban())
    card = english.credit_card_number(card_type="visa16")
    assert checks.card(card)
    assert found(card, "CREDIT_CARD") == [(card, "CREDIT_CARD")]
    assert checks.us_ssn(checks.digits_of(english.ssn()))


@pytest.mark.parametrize(
    ("locale", "make", "check"),
    [
        ("it_IT", lambda f: f.ssn(), checks.it_fiscal_code),
        ("es_ES", lambda f: f.nif(), checks.es_dni),
        ("fi_FI", lambda f: f.ssn(), checks.fi_hetu),
        ("pl_PL", lambda f: f.pesel(), checks.pl_pesel),
        ("nl_NL", lambda f: f.ssn(), checks.nl_bsn),
        ("pt_BR", lambda f: checks.digits_of(f.cpf()), checks.br_cpf),
        ("zh_CN", lambda f: f.ssn(), checks.cn_resident),
        ("fr_FR", lambda f: f.ssn().replace(" ", ""), checks.fr_nir),
        ("de_CH", lambda f: checks.digits_of(f.ssn()), checks.ch_ahv),
    ],
)
def test_national_checks_agree_with_faker(locale, make, check):
    """Two hundred numbers of each, and next to none with one digit changed."""
    fake = Faker(locale)
    fake.seed_instance(3)
    numbers = [make(fake) for _ in range(200)]
    assert all(check(number) for number in numbers)
    changed = [number[:4] + str((int(number[4]) + 1) % 10) + number[5:] for number in numbers if number[4].isdigit()]
    assert sum(check(number) for number in changed) <= len(changed) * 0.1


@settings(max_examples=40)
@given(
    st.lists(st.text(max_size=30) | st.sampled_from(["a@b.org", "4539578763621486", "+44 20 7946 0018"]), max_size=8)
)
def test_joining_texts_finds_what_each_alone_has(texts):
    """Also where a text ends in half a number, or holds the mark that joins them."""
    joined = sorted(scan(Texts(texts), detectors(frozenset(TYPES))))
    alone = [(n, *hit[1:]) for n, text in enumerate(texts) for hit in scan(Texts([text]), detectors(frozenset(TYPES)))]
    assert joined == sorted(alone)
