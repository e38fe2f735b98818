"""What fills the slots of the sentences that the name finder learns from: names, addresses, and what is neither."""

from collections.abc import Callable
from functools import cache

import numpy as np

from tasks.methods.perturb import _pii_lines_plain as plain
from tasks.methods.perturb._pii_invent import first_name, numbered_street, organisation, street_name, surname, town
from tasks.methods.perturb._pii_values import Pools, any_of, pseudo_word
from tasks.methods.perturb._pii_words import inflected, stems

Rng = np.random.Generator
_SUFFIXES = ["MD", "PhD", "Jr.", "Jr", "III", "DDS", "Esq."]
_UNITS = [
    "Apt. {}",
    "Apt {}",
    "Suite {}",
    "Flat {}",
    "Unit {}",
    "#{}",
    "{}. floor",
    "Room {}",
    "suite {}",
    "No. {}",
    "Bldg {}",
]
_FLAT_PARTS = ["Blk", "Bl.", "Stg.", "Esc.", "Lot", "Piso", "Et.", "Ap.", "Int."]
_MISSING = ["n/a", "none", "nan", "-"]


def value(rng: Rng, slot: str, pools: Pools) -> str:
    """Return a value for a slot; `pools` are those of a country."""
    return _MAKERS[slot](rng, pools) if slot in _MAKERS else any_of(rng, _LISTS[slot])


def _name(rng: Rng, pools: Pools) -> str:
    first, last, chance = first_name(rng, pools), surname(rng, pools), rng.random()
    if chance < 0.06:
        first = f"{first} {first[0]}."
    elif chance < 0.1:
        first = first[0] + "."
    elif chance < 0.14:
        first += " " + first_name(rng, pools)
    elif chance < 0.17:
        last += "-" + surname(rng, pools)
    elif chance < 0.2:
        last = any_of(rng, ["van ", "de ", "von ", "O'", "Mc", "al-", "da ", "van der "]) + last
    elif chance < 0.22:
        last += " " + any_of(rng, _SUFFIXES)
    return f"{first} {last}"


def _person(rng: Rng, pools: Pools) -> str:
    return (first_name, surname, _name)[int(rng.integers(3))](rng, pools)


def _place(rng: Rng, pools: Pools) -> str:
    chance = rng.random()
    if chance < 0.62:
        return town(rng, pools)
    if chance < 0.85:
        return any_of(rng, pools.country)
    return f"{town(rng, pools)}, {any_of(rng, pools.country)}" if chance < 0.93 else any_of(rng, plain.STATES)


def _street(rng: Rng, pools: Pools) -> str:
    chance = rng.random()
    kind = rng.random()
    street = any_of(rng, pools.street) if kind < 0.4 else street_name(rng, pools)
    if kind > 0.8:
        street = _with_flat(rng, numbered_street(rng, pools))
    if chance < 0.25:
        street = f"{rng.integers(1, 9999)} {street.lstrip('0123456789 ')}"
    elif chance < 0.35:
        street = f"{rng.integers(1, 99):02d} {street}"
    if rng.random() < 0.2:
        street += any_of(rng, [" ", ", ", ", "]) + any_of(rng, _UNITS).format(rng.integers(1, 999))
    return street


def _with_flat(rng: Rng, street: str) -> str:
    """Return a street, at times with the parts of a block of flats."""
    for part in _FLAT_PARTS if rng.random() < 0.15 else []:
        if rng.random() < 0.6:
            street += f" {part} {rng.integers(1, 90)}"
    return street


def _zip(rng: Rng, pools: Pools) -> str:
    return any_of(rng, pools.zip) if rng.random() < 0.6 else f"{rng.integers(100, 99999):05d}"


def _fields(rng: Rng, pools: Pools) -> list[str]:
    """Return the parts of an address in one of the orders that people write them in."""
    city, code = town(rng, pools), _zip(rng, pools)
    style = int(rng.integers(8))
    tails = [
        [city],
        [f"{city}, {any_of(rng, plain.STATES_SHORT)} {code}"],
        [city, code],
        [f"{code} {city}"],
        [f"{code} {city}", any_of(rng, pools.country)],
        [city, f"{any_of(rng, pools.country)} {code}"],
        [
            city,
            any_of(rng, [any_of(rng, _MISSING), any_of(rng, plain.STATES_SHORT)]),
            f"{any_of(rng, pools.country)} {code}",
        ],
        [city, any_of(rng, pools.country)],
    ]
    unit = [any_of(rng, _UNITS).format(rng.integers(1, 999))] if rng.random() < 0.25 else []
    return [_street(rng, pools), *unit, *tails[style]]


def _address(rng: Rng, pools: Pools) -> str:
    fields, chance = _fields(rng, pools), rng.random()
    if chance < 0.2:
        return _lines(rng, pools)
    joint = ", " if chance < 0.85 else " "
    text = joint.join(fields)
    return text.replace(joint, "\n", 1) if rng.random() < 0.15 else text


def _spot(rng: Rng, pools: Pools) -> str:
    """Return a street, often with its town, at times with its country."""
    parts = [_street(rng, pools)]
    if rng.random() < 0.65:
        parts.append(town(rng, pools))
        if rng.random() < 0.25:
            parts.append(any_of(rng, pools.country))
    return any_of(rng, [", ", ", ", ", ", " "]).join(parts)


def _block(rng: Rng, pools: Pools) -> str:
    """Return an address of several lines, each behind a mark of its own."""
    mark = any_of(rng, ["- ", "* ", "> ", "# ", "| ", "?? ", "• "])
    return mark + f"\n{mark}".join(_fields(rng, pools))


def _lines(rng: Rng, pools: Pools) -> str:
    joint = any_of(rng, ["\n", "\n", "\n", "\n ", "\n    ", ",\n", "\n, ", "\n\n"])
    return joint.join(_fields(rng, pools))


def _code(rng: Rng, _pools: Pools) -> str:
    head = any_of(rng, ["", "", "", "HW-", "INV-", "A", "#", "REF", "SN", "X1-"])
    return head + "".join(str(digit) for digit in rng.integers(0, 10, int(rng.integers(3, 10))))


def _card(rng: Rng, _pools: Pools) -> str:
    digits = "4" + "".join(str(digit) for digit in rng.integers(0, 10, 15))
    return digits if rng.random() < 0.6 else " ".join(digits[i : i + 4] for i in range(0, 16, 4))


def _date(rng: Rng, _pools: Pools) -> str:
    day, month, year = rng.integers(1, 29), int(rng.integers(12)), rng.integers(1950, 2030)
    name = plain.MONTHS[month]
    styles = [f"{year}-{month + 1:02d}-{day:02d}", f"{month + 1}/{day}/{year}", f"{day} {name} {year}", f"{name} {day}"]
    return any_of(rng, [*styles, f"{day}.{month + 1}.{year}", f"{day} {name}", f"the {day}th of {name}"])


def _work(rng: Rng, _pools: Pools) -> str:
    words = [any_of(rng, plain.ADJECTIVES), any_of(rng, plain.NOUNS)]
    words = any_of(
        rng, [words, ["the", *words], [*words, "of", any_of(rng, plain.NOUNS)], [words[1]], [words[1], "and", words[0]]]
    )
    title = " ".join(words).title().replace(" Of ", " of ").replace(" And ", " and ")
    return f'"{title}"' if rng.random() < 0.5 else title


def _product(rng: Rng, _pools: Pools) -> str:
    noun = any_of(rng, plain.NOUNS).title()
    return (
        f"{any_of(rng, plain.BRAND_HEADS)} {noun}"
        if rng.random() < 0.4
        else f"{any_of(rng, plain.ADJECTIVES)} {noun.lower()}"
    )


def _word(rng: Rng, _pools: Pools) -> str:
    return any_of(rng, ordinary()) if rng.random() < 0.9 else pseudo_word(rng)


def _often(rng: Rng, words: list[str]) -> str:
    """Return one of `words`, often one of all the ordinary words there are, at times one that there is not."""
    chance = rng.random()
    return any_of(rng, words) if chance < 0.5 else any_of(rng, ordinary()) if chance < 0.92 else pseudo_word(rng)


def _noun(rng: Rng, _pools: Pools) -> str:
    return _often(rng, plain.NOUNS)


def _adjective(rng: Rng, _pools: Pools) -> str:
    return _often(rng, plain.ADJECTIVES)


@cache
def ordinary() -> list[str]:
    """Return the ordinary words there are, in their forms."""
    from faker.providers.lorem.en_US import Provider  # noqa: PLC0415 - heavy

    words = [str(word) for word in Provider.word_list]
    return words + [form for stem in stems() for form in (stem, stem, *inflected(stem)[1:4])]


@cache
def _jobs() -> list[str]:
    from faker.providers.job.en_US import Provider  # noqa: PLC0415 - heavy

    jobs = [str(job) for job in Provider.jobs]
    return [job.lower().split(",")[0] for job in jobs] + jobs


_LISTS: dict[str, list[str]] = {
    "title": plain.TITLES,
    "relative": plain.RELATIVES,
    "nation": plain.NATIONS,
    "facility": plain.FACILITIES,
    "month": plain.MONTHS,
    "day": plain.DAYS,
    "acro": plain.ACRONYMS,
    "poss": ["his", "her", "their"],
    "money": ["$40", "£12", "9.99 EUR", "€250", "300 dollars", "$1,250.00", "5 pounds", "20 euros", "USD 75"],
    "time": ["9:30", "17:00", "8 am", "noon", "3 pm", "14:05", "midnight", "10:15:42", "half past six"],
    "url": ["https://example.com/a/7", "www.example.org", "http://shop.example.net/?id=9", "example.io/help"],
}
_MAKERS: dict[str, Callable[[Rng, Pools], str]] = {
    "name": _name,
    "first": first_name,
    "last": surname,
    "any": _person,
    "place": _place,
    "country": lambda rng, pools: any_of(rng, pools.country),
    "org": organisation,
    "addr": _address,
    "street": _street,
    "lines": _lines,
    "block": _block,
    "spot": _spot,
    "zip": _zip,
    "phone": lambda rng, pools: any_of(rng, pools.phone),
    "email": lambda rng, pools: any_of(rng, pools.email),
    "code": _code,
    "card": _card,
    "date": _date,
    "year": lambda rng, _pools: str(rng.integers(1900, 2030)),
    "n": lambda rng, _pools: str(rng.integers(1, 100)),
    "work": _work,
    "product": _product,
    "word": _word,
    "cap": lambda rng, pools: _word(rng, pools).capitalize(),
    "noun": _noun,
    "adj": _adjective,
    "verb": lambda rng, _pools: _often(rng, plain.VERBS),
    "pseudo": lambda rng, _pools: pseudo_word(rng),
    "job": lambda rng, _pools: any_of(rng, _jobs()),
}
