"""Names that no list holds, of the shape of those on the lists: people, towns, streets and organisations."""

import re
from collections import Counter
from functools import cache

import numpy as np

from tasks.methods.perturb import _pii_lines_plain as plain
from tasks.methods.perturb._pii_values import Pools, any_of, brand, pseudo

Rng = np.random.Generator
_BLENDED = 0.35
_LETTERS = "ABCDEFGHIKLMNOPRSTUVWZ"
_CAPITAL_WORD = re.compile(r"[^\W\d_a-z][\w'’]{2,}")
_TRADES_TEXT = """
Dairy Steel Shipping Textiles Ceramics Mining Printing Plumbing Roofing Bakery Vineyards Ferries Publishing Optics
Robotics Chemicals Paints Plastics Tyres Toys Furniture Nurseries Farms Orchards Seafood Coffee Tea Distillers Tailors
Jewellers Watches Cycles Boats Aviation Rail Freight Couriers Travel Tours Hotels Resorts Clinic Clinics Dental
Veterinary Pharmacy Diagnostics Genomics Therapeutics Capital Ventures Advisors Associates Brothers Sons Lawyers
Solicitors Accountants Auditors Architects Builders Contractors Surveyors Estates Properties Realty Lettings Cleaning
Security Staffing Training Academy School Orchestra Choir Radio Television Films Pictures Games Interactive Digital
Networks Telecom Wireless Cloud Hosting Analytics Electronics Instruments Tools Machinery Tractors Engines Turbines
Solar Wind Gas Water Waste Recycling Relief Mission Parish Union Guild Cooperative Collective Committee Agency
Authority Bureau Commission Department Library Archive Gallery Rovers United Rangers Fashion Catering Interiors
"""
_TRADES = [*_TRADES_TEXT.split(), *plain.ORG_TAILS]
_BODIES = [
    "University of {}",
    "Bank of {}",
    "{} City Council",
    "{} Hospital",
    "College of {}",
    "{} University",
    "{} FC",
    "Port of {}",
    "{} District Court",
    "{} Airlines",
    "The {} Times",
    "{} Chamber of Commerce",
]
_KIN = ["{} & Sons", "{} and Sons", "{} Brothers", "{} & Co", "{} & Co.", "{} Group", "{} and Partners", "{} Holding"]
_AND = [" & ", " & ", " and ", ", ", " y ", " e ", " und ", " et ", " i ", "-"]
_TYPES_OF_STREET = ["street", "Street", "road", "Lane", "St", "Rd", "ave", "way", "Hill", "Row", "Square", "Close"]


def blend(rng: Rng, items: list[str]) -> str:
    """Return the head of one item and the tail of another: `Marianne` and `Gustavo` are `Maristavo`."""
    one, two = any_of(rng, items), any_of(rng, items)
    if " " in one or " " in two or min(len(one), len(two)) < 3:
        return one
    head = one[: max(1, round(len(one) * rng.uniform(0.3, 0.7)))]
    tail = two[min(len(two) - 1, round(len(two) * rng.uniform(0.3, 0.7))) :]
    return head + tail.lower() if len(head + tail) > 2 else one


def first_name(rng: Rng, pools: Pools) -> str:
    """Return a given name: of the list, or one that no list holds."""
    chance = rng.random()
    if chance < 0.05:
        return pseudo(rng).title()
    return blend(rng, pools.first) if chance < _BLENDED else any_of(rng, pools.first)


def surname(rng: Rng, pools: Pools) -> str:
    """Return a family name: of the list, or one that no list holds."""
    chance = rng.random()
    if chance < 0.08:
        return pseudo(rng).title()
    return blend(rng, pools.last) if chance < _BLENDED else any_of(rng, pools.last)


def town(rng: Rng, pools: Pools) -> str:
    """Return a town of the list, or one that no list holds."""
    chance = rng.random()
    if chance < 0.5:
        return any_of(rng, pools.city)
    if chance < 0.75:
        return blend(rng, pools.city)
    name = pseudo(rng).title() if chance < 0.88 else blend(rng, pools.last)
    tail = any_of(rng, ["", "", "ville", "ton", "burg", "by", "stad", " Bay", " 2", " am See", " Creek", "o", "ice"])
    return any_of(rng, ["", "", "", "San ", "Bad ", "Port ", "St. ", "New ", "El "]) + name + tail


def organisation(rng: Rng, pools: Pools) -> str:
    """Return an organisation: as Faker makes them, a brand, or one put together from a name, a trade and a form."""
    chance = rng.random()
    if chance < 0.3:
        return any_of(rng, pools.org)
    return brand(rng) if chance < 0.48 else _built(rng, pools)


def _built(rng: Rng, pools: Pools) -> str:
    return _BUILT[int(rng.integers(len(_BUILT)))](rng, pools)


def _trader(rng: Rng, pools: Pools) -> str:
    return f"{_head(rng, pools)} {any_of(rng, _TRADES)}" + _maybe_form(rng, pools, 0.4)


def _company(rng: Rng, pools: Pools) -> str:
    return _head(rng, pools) + _maybe_form(rng, pools, 0.6)


def _described(rng: Rng, _pools: Pools) -> str:
    return " ".join([any_of(rng, plain.ADJECTIVES).title(), any_of(rng, plain.NOUNS).title(), any_of(rng, _TRADES)])


def _partners(rng: Rng, pools: Pools) -> str:
    names = surname(rng, pools) + any_of(rng, _AND) + surname(rng, pools)
    if rng.random() < 0.4:
        names = f"{surname(rng, pools)}, {names}"
    return names + _maybe_form(rng, pools, 0.6)


def _family(rng: Rng, pools: Pools) -> str:
    return any_of(rng, _KIN).format(surname(rng, pools))


def _body(rng: Rng, pools: Pools) -> str:
    return any_of(rng, _BODIES).format(town(rng, pools))


def _acronym(rng: Rng, _pools: Pools) -> str:
    letters = "".join(any_of(rng, list(_LETTERS)) for _ in range(int(rng.integers(2, 6))))
    return f"{letters} {any_of(rng, _TRADES)}" if rng.random() < 0.4 else letters


_BUILT = (_trader, _trader, _company, _described, _partners, _partners, _family, _body, _acronym)


def _head(rng: Rng, pools: Pools) -> str:
    """Return the first word of a company: a surname, a compound of ordinary words, a made-up word."""
    chance = rng.random()
    if chance < 0.3:
        return surname(rng, pools)
    if chance < 0.6:
        return any_of(rng, plain.NOUNS + plain.ADJECTIVES).title() + any_of(rng, plain.NOUNS)
    if chance < 0.75:
        return any_of(rng, plain.BRAND_HEADS) + any_of(rng, plain.BRAND_TAILS)
    return (pseudo(rng) + any_of(rng, ["", "", "a", "o", "ix", "ana", "eon", "ura", "ex", "in", "ovo", "ia"])).title()


def _maybe_form(rng: Rng, pools: Pools, share: float) -> str:
    forms = _common_words(tuple(pools.org), last=True)
    return any_of(rng, [" ", " ", ", "]) + any_of(rng, forms) if forms and rng.random() < share else ""


def street_name(rng: Rng, pools: Pools) -> str:
    """Return a street as its country writes it, its name replaced by one that no list holds; its number stays."""
    street = any_of(rng, pools.street)
    common = _common_words(tuple(pools.street), last=False)
    names = [found for found in _CAPITAL_WORD.finditer(street) if found[0] not in common]
    if not names:
        return street
    found = names[int(rng.integers(len(names)))]
    words = [one[0] for other in [any_of(rng, pools.street)] for one in _CAPITAL_WORD.finditer(other)]
    new = blend(rng, [found[0], any_of(rng, words or pools.last)]) if rng.random() < 0.5 else surname(rng, pools)
    return street[: found.start()] + new + street[found.end() :]


def numbered_street(rng: Rng, pools: Pools) -> str:
    """Return a street in no known language: words, a number, at times an abbreviation before or after them."""
    words = [any_of(rng, [pseudo(rng).title(), surname(rng, pools), blend(rng, pools.city)])]
    while rng.random() < 0.4 and len(words) < 3:
        words.append(pseudo(rng).title() if rng.random() < 0.5 else first_name(rng, pools))
    chance = rng.random()
    if chance < 0.25:
        words.append(any_of(rng, [_abbreviation(rng), _abbreviation(rng), any_of(rng, _TYPES_OF_STREET)]))
    elif chance < 0.5:
        words.insert(0, any_of(rng, [_abbreviation(rng).title(), pseudo(rng), pseudo(rng).title()]))
    number = f"{rng.integers(1, 999)}{any_of(rng, ['', '', '', '', 'a', 'B', ' C', '/2', '/14', '-3', ' bis'])}"
    text = " ".join(words)
    if rng.random() < 0.2:
        return f"{number}{any_of(rng, [' ', ', ', ' '])}{text}"
    return text + any_of(rng, [" ", " ", " ", ", ", " No. ", " Nr. ", " nr ", ", n. ", " # ", " n°"]) + number


def _abbreviation(rng: Rng) -> str:
    return pseudo(rng)[: int(rng.integers(1, 4))] + any_of(rng, [".", ".", ""])


@cache
def _common_words(values: tuple[str, ...], *, last: bool) -> list[str]:
    """Return the words that many of the values have; with `last`, those that many of them end in."""
    count: Counter[str] = Counter()
    for text in values:
        words = text.split()
        count.update(set(words[-1:] if last and len(words) > 1 else [] if last else words))
    return sorted(word for word, seen in count.items() if seen > len(values) * 0.02 and seen > 2)
