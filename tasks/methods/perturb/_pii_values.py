"""Values for the sentences that the name finder learns from: Faker's lists of many countries, and made-up words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.fakers import faker_of
from tasks.methods.perturb import _pii_lines_plain as plain

if TYPE_CHECKING:
    from faker import Faker

# Kept out of what is learnt, so that a measurement on their names and towns is one on unseen names and towns.
HELD_OUT = ("sv_SE", "ro_RO", "hr_HR", "pt_BR", "lt_LT")
LOCALES = [
    "en_US",
    "en_GB",
    "en_CA",
    "en_AU",
    "en_IN",
    "en_IE",
    "en_NZ",
    "en_PH",
    "en_NG",
    "en_KE",
    "de_DE",
    "de_AT",
    "de_CH",
    "fr_FR",
    "fr_CA",
    "fr_BE",
    "es_ES",
    "es_MX",
    "es_AR",
    "es_CO",
    "it_IT",
    "nl_NL",
    "nl_BE",
    "pl_PL",
    "cs_CZ",
    "sk_SK",
    "da_DK",
    "no_NO",
    "fi_FI",
    "hu_HU",
    "et_EE",
    "lv_LV",
    "sl_SI",
    "tr_TR",
    "az_AZ",
    "pt_PT",
    "id_ID",
    "vi_VN",
    "sq_AL",
    "is_IS",
    "mt_MT",
    "yo_NG",
    "zu_ZA",
    "ha_NG",
    "tw_GH",
    "fil_PH",
    "uz_UZ",
]
_OTHER_SCRIPTS_TEXT = "el_GR ru_RU uk_UA bg_BG he_IL ar_SA fa_IR hi_IN zh_CN ja_JP ko_KR hy_AM ka_GE th_TH"
OTHER_SCRIPTS = _OTHER_SCRIPTS_TEXT.split()
_EACH = 160
_FEWER = 40

_ONSETS_TEXT = "b br c ch cr d dr f fl g gl gr h j k kl l m n p pl pr qu r s sh sk sl sp st t th tr v w z"
_ONSETS = _ONSETS_TEXT.split()
_NUCLEI_TEXT = "a e i o u ai ea ee ie oa oo ou"
_NUCLEI = _NUCLEI_TEXT.split()
_CODAS = ["", "", "b", "d", "g", "k", "l", "m", "n", "nd", "nt", "p", "r", "rd", "rk", "s", "st", "t", "x"]
_ENDINGS = ["", "", "ing", "ed", "s", "ly", "er", "ion", "ness", "able", "ment", "al", "ous", "ful"]


@dataclass(frozen=True, slots=True)
class Pools:
    """What the slots of a country are filled from; towns of people who live there, streets as written there."""

    first: list[str]
    last: list[str]
    city: list[str]
    country: list[str]
    street: list[str]
    org: list[str]
    zip: list[str]
    phone: list[str]
    email: list[str]


def pools_of(locale: str, each: int) -> Pools:
    """Return up to `each` different values of every kind, in the order in which Faker's seed 0 gives them."""
    fake = steady(locale)

    def many(name: str) -> list[str]:
        return list(dict.fromkeys(make() for make in [_maker(fake, name)] * each))

    return Pools(
        first=many("first_name"),
        last=many("last_name"),
        city=many("city"),
        country=many("country"),
        street=many("street_address"),
        org=many("company"),
        zip=many("postcode"),
        phone=many("phone_number"),
        email=many("email"),
    )


def steady(locale: str) -> "Faker":
    """Return a Faker of seed 0 that gives the same values in every process."""
    fake = faker_of(locale)
    fake.seed_instance(0)
    return fake


def _maker(fake: "Faker", name: str) -> Callable[[], str]:
    """Return Faker's own maker; a country without one borrows the nearest that it has."""
    borrowed = {"street_address": "street_name", "city": "city_name", "company": "last_name"}
    for candidate in (name, borrowed.get(name, name)):
        made = getattr(fake, candidate, None)
        if made is not None:
            return lambda: " ".join(str(made()).split())
    other = steady("en_US")
    return lambda: str(getattr(other, name)())


def all_pools() -> tuple[list[Pools], list[Pools]]:
    """Return the pools of the countries with Latin letters, and those of the others."""
    return [pools_of(name, _EACH) for name in LOCALES], [pools_of(name, _FEWER) for name in OTHER_SCRIPTS]


def pseudo(rng: np.random.Generator) -> str:
    """Return a word that no list holds, built as English words are."""
    word = "".join(any_of(rng, part) for part in (_ONSETS, _NUCLEI, _CODAS))
    if rng.random() < 0.4:
        word += "".join(any_of(rng, part) for part in (_ONSETS, _NUCLEI, _CODAS))
    return word


def pseudo_word(rng: np.random.Generator) -> str:
    """Return a made-up word with an ending that ordinary words have."""
    return pseudo(rng) + any_of(rng, _ENDINGS)


def brand(rng: np.random.Generator) -> str:
    """Return the name of a company that Faker's `surname and surname` would not give."""
    style = int(rng.integers(6))
    name = any_of(rng, plain.BRAND_HEADS) + any_of(rng, plain.BRAND_TAILS)
    if style == 0:
        return name
    if style == 1:
        return f"{name} {any_of(rng, plain.ORG_TAILS)}"
    if style == 2:
        return f"{any_of(rng, plain.BRAND_HEADS)} {any_of(rng, plain.NOUNS).title()} {any_of(rng, plain.ORG_TAILS)}"
    if style == 3:
        return f"{pseudo(rng).title()} {any_of(rng, plain.ORG_TAILS)}"
    if style == 4:
        return f"{any_of(rng, plain.ADJECTIVES).title()} {any_of(rng, plain.NOUNS).title()}s"
    return (
        pseudo(rng).title() if rng.random() < 0.6 else "".join(any_of(rng, list("ABCDEFGHKLMNPRSTUVW")) for _ in "123")
    )


def any_of(rng: np.random.Generator, items: list[str]) -> str:
    """Return one of the items, each equally likely."""
    return items[int(rng.integers(len(items)))]
