"""Names of months, weekdays, currencies, units and small numbers, as texts write them."""

import re
from collections.abc import Iterable
from typing import Final


def listed(words: str) -> list[str]:
    """Return the words of a text."""
    return words.split()


# Language: full names of months, then weekdays from Monday on. English first: a name that several share is read as its.
CALENDAR: Final = {
    "en": (
        "January February March April May June July August September October November December",
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    ),
    "de": (
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    ),
    "fr": (
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
    ),
    "es": (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "lunes martes miércoles jueves viernes sábado domingo",
    ),
    "it": (
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    ),
    "nl": (
        "januari februari maart april mei juni juli augustus september oktober november december",
        "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    ),
    "pt": (
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
    ),
}
# Short names, only as they are written with a capital: in lower case too many are words.
SHORT: Final = {
    "en": ("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", "Mon Tue Wed Thu Fri Sat Sun"),
    "en long": ("Jan Feb Mar Apr May June July Aug Sept Oct Nov Dec", "Mon Tues Weds Thurs Fri Sat Sun"),
    "de": ("Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez", "Mo Di Mi Do Fr Sa So"),
}

_ONES = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_FIRST_NINE = ("one", *_ONES.split()[:8])


def number_words() -> dict[int, str]:
    """Return the English words of 2 to 99."""
    words = dict(enumerate([*_ONES.split(), "nineteen"], start=2))
    for ten, name in enumerate(_TENS, start=2):
        words[10 * ten] = name
        words |= {10 * ten + one: f"{name}-{small}" for one, small in enumerate(_FIRST_NINE, start=1)}
    return words


# Fractions that may stand for each other before `of`, and before a time.
FRACTIONS: Final = ("a quarter of", "a third of", "half of", "two thirds of", "three quarters of")
FRACTIONS_OF_TIME: Final = ("a quarter of an hour", "half an hour", "three quarters of an hour")

# What a currency is called: text -> one name for all its forms.
CURRENCY_SIGNS: Final = {
    "$": "usd", "US$": "usd", "A$": "aud", "C$": "cad", "NZ$": "nzd", "HK$": "hkd", "S$": "sgd", "R$": "brl",
    "€": "eur", "£": "gbp", "¥": "jpy", "₹": "inr", "₽": "rub", "₩": "krw", "₺": "try", "₴": "uah", "₦": "ngn",
    "฿": "thb", "₫": "vnd", "₪": "ils", "R": "zar", "Rs.": "inr", "Rs": "inr", "kr": "kr", "kr.": "kr", "zł": "pln",
    "Kč": "czk", "Ft": "huf", "Fr.": "chf", ",-": "kr",
}  # fmt: skip
CURRENCY_CODES: Final = listed(
    """
    USD EUR GBP CHF JPY CNY CAD AUD NZD SEK NOK DKK PLN CZK HUF INR ZAR BRL MXN TRY ILS KRW SGD HKD AED SAR RUB UAH
    """
)
CURRENCY_WORDS: Final = {
    "dollar": "usd", "dollars": "usd", "bucks": "usd", "buck": "usd", "euro": "eur", "euros": "eur", "Euro": "eur",
    "Euros": "eur", "pound": "gbp", "pounds": "gbp", "quid": "gbp", "cents": "cent", "cent": "cent", "pence": "pence",
    "rupees": "inr", "rupee": "inr", "yen": "jpy", "yuan": "cny", "francs": "chf", "Franken": "chf", "rand": "zar",
    "kronor": "kr", "kroner": "kr", "crowns": "kr", "pesos": "peso", "reais": "brl", "Dollar": "usd", "shekels": "ils",
}  # fmt: skip

# Words and signs after a number that make it a quantity; those of DURATIONS are measured by dates and times too.
UNITS: Final = listed(
    """
    kg g mg µg lb lbs oz t km cm mm m mi ft yd nm µm ha l L ml mL cl dl kWh Wh kW MW GW W V mV mAh Hz kHz MHz GHz KB
    kB MB GB TB Kbps Mbps Gbps kcal kJ mph kph km/h m/s rpm px dpi psi bar dB decibel decibels °C °F ° m² m³ km² sqm
    sqft inch inches foot feet yard yards mile miles metre metres meter meters kilometre kilometres kilometer
    kilometers centimetre centimetres centimeter centimeters millimetre millimetres millimeter millimeters gram
    grams gramme grammes kilo kilos kilogram kilograms milligram milligrams tonne tonnes ton tons ounce ounces litre
    litres liter liters millilitres milliliters gallon gallons pint pints cup cups tablespoon tablespoons teaspoon
    teaspoons degree degrees watt watts volt volts byte bytes kilobytes megabytes gigabytes terabytes pixel pixels
    calories acre acres Gramm Kilo Kilogramm Meter Kilometer Zentimeter Liter Grad mètres kilomètres litres grammes
    metros kilómetros litros gramos
    """
)
DURATIONS: Final = listed(
    """
    second seconds sec secs minute minutes min mins hour hours hr hrs h day days night nights week weeks fortnight
    fortnights month months year years yr yrs decade decades Sekunden Minuten Stunden Tage Tagen Wochen Monate
    Monaten Jahre Jahren Nächte secondes heures jours semaines mois ans horas días semanas meses años minutos giorni
    ore settimane mesi anni dagen uur weken maanden jaar dias anos
    """
)

# A number after one of these names a thing; after those of WEAK_LABELS, when it has three digits or more.
LABELS: Final = listed(
    """
    number numbers no nos nr num version ver release build chapter section page pages pp room flat apt apartment
    suite floor gate platform article figure fig route highway error extension ext pin box zip question exercise
    part episode season volume issue building track bus tram line seat row terminal channel type mark serial invoice
    ref reference booking bldg unit door bay lot phase stage round tier grade level step rule appendix paragraph
    clause id key p table sec art ch vol eq ex para Nummer Zimmer Seite Kapitel Haus numéro número numero windows
    ios android python iphone galaxy
    """
)
WEAK_LABELS: Final = listed(
    "order ticket case account model code form class size customer member policy flight train tracking claim"
)


def any_of(names: Iterable[str]) -> str:
    """Return a pattern of any of some names, the longest first; by first letters, so that most places fail at once."""
    groups: dict[str, list[str]] = {}
    for name in sorted(set(names), key=lambda name: (-len(name), name)):
        groups.setdefault(name[0], []).append(re.escape(name[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in groups.items())


def number_words_pattern() -> str:
    """Return a pattern of the words of 2 to 99, in each case, with a hyphen or a space inside."""
    cases = (str, str.capitalize, str.upper)
    ones = [case(word) for word in (*_ONES.split(), "nineteen") for case in cases]
    small = [case(word) for word in _FIRST_NINE for case in (str, str.upper)]
    tens = any_of(case(ten) for ten in _TENS for case in cases)
    return rf"(?:{tens})(?:[- ](?:{any_of(small)}))?(?!\w)|(?:{any_of(ones)})"
