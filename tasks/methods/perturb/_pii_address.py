"""Addresses that their own words give away: a street's ending, a labelled postcode."""

import re

_WORD = r"[^\W\d_][\w.'’-]*"
_REST = r"[\w.'’-]*"
_STREET = (
    "street|st|road|rd|avenue|ave|av|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace|crescent|close"
    "|highway|hwy|parkway|pkwy|way|trail|gardens|grove|mews|hill|row|walk|parade|quay|wharf|alley|cottages|plaza|circle|cir"
)
GERMANIC_ENDINGS = (
    r"stra(?:ss|ß)e|str\.|straat|gasse|weg|laan|plein|allee|platz|gracht|kade|singel|dijk|gatan|vägen|gränd|gata|veien"
    r"|vei|vej|gade|allé|katu|tie|kuja|utca|útja|tér|körút|steeg|dreef|damm|ufer|ring|gürtel|gangen|haven"
)
ROMANCE_WORDS = (
    r"rue|avenue|av\.|boulevard|bd|place|quai|impasse|chemin|allée|via|viale|piazza|corso|calle|avenida|avda\.?|paseo|plaza"
    r"|carrer|rua|travessa|praça|largo|strada|bulevardul|ulica|ul\.|aleja|al\.|plac|ulice|náměstí|pod|trg"
)
_UNIT = r"(?:(?:apt|apartment|suite|ste|unit|flat|room|rm|floor|bldg|building|no)\.?|#) ?#?\d{1,4}[A-Za-z]?\b"
_NUMBER = r"\d{1,5}(?:-\d{1,5})?[A-Za-z]?"
_AFTER = (
    rf"(?:,?\s+{_UNIT})?"
    r"(?:,? [A-Z][\w'’-]+(?: [A-Z][\w'’-]+){0,2},? [A-Z]{2},? \d{5}(?:-\d{4})?)?"
)
# `12 Long Hill Road, Apt 4, Springfield, IL 62704`; the words of the street may be in small letters.
ENGLISH = re.compile(
    rf"\d{{1,5}}[A-Za-z]?(?:[ -]\d{{1,5}})?,? (?:{_WORD} ){{1,4}}?(?:{_STREET})\b(?: (?:{_STREET})\b)?\.?(?![\w'’-])"
    rf"{_AFTER}",
    re.IGNORECASE,
)
# `Lange Marktstraße 12a`, `Nieuwe Gracht 7`.
GERMANIC = re.compile(
    rf"(?:[^\W\d_a-z]{_REST}[ -]){{0,2}}[^\W\d_]{_REST}(?i:{GERMANIC_ENDINGS})\.? {_NUMBER}(?!\d)"
    rf"|[^\W\d_]{_REST} (?i:straße|strasse|straat|weg|allee|platz|utca|plein) {_NUMBER}(?!\d)"
)
# `14 bis, rue du Bac`, `Via Roma 3`, `ulica Długa 5/7`.
ROMANCE = re.compile(
    rf"\b(?:{_NUMBER}(?: bis| ter)?,? )?(?i:{ROMANCE_WORDS}) (?:d[eiu] |del(?:la)? |des |la |l')?"
    rf"(?:{_WORD} ){{0,3}}?{_WORD}(?:,? (?:n[°ºr.]\.? ?)?{_NUMBER}(?:/\d+)?(?!\d))",
)
ROMANCE_NUMBERED = re.compile(
    r"\d{1,4}(?: bis| ter)?,? (?:rue|boulevard|avenue|place|quai|impasse|chemin|allée) [^\n,.;\x00]{3,40}",
    re.IGNORECASE,
)
# `Nova Street 12/3, 1010 Wien`: words, a number, then a postcode and a town.
EUROPEAN = re.compile(
    rf"(?:[^\W\d_a-z]{_REST} ){{1,4}}\d{{1,4}}[A-Za-z]?(?:[/-]\d{{1,3}})?(?:, ?| ?\n ?)"
    rf"\d{{4,6}}(?:-\d{{3}})? [^\W\d_a-z]{_REST}"
)
UNIT = re.compile(rf"\b{_UNIT}", re.IGNORECASE)
BOX = re.compile(r"\bP\.? ?O\.? ?Box \d{1,6}\b", re.IGNORECASE)
ZIP_SAID = re.compile(
    r"\b(?:zip(?:[ -]?code)?|post(?:al)?[ -]?code|plz|code postal)(?: is|:|=| -)?\s{1,3}"
    r"([A-Z]{0,2}-?\d[A-Z0-9]{1,5}(?:[ -][0-9A-Z]{2,4})?)(?!\w)",
    re.IGNORECASE,
)
US_ZIP = re.compile(
    r"[A-Z][\w'’.-]+(?: [A-Z][\w'’.-]+){0,2},? "
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]"
    r"|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]),? \d{5}(?:-\d{4})?(?!\d)"
)
UK_POSTCODE = re.compile(r"(?:[A-Z]{1,2}\d[A-Z\d]?) \d[ABD-HJLNP-UW-Z]{2}(?!\w)")
_NO_STREET = {
    "a",
    "other",
    "same",
    "only",
    "percent",
    "my",
    "by",
    "each",
    "and",
    "or",
    "in",
    "of",
    "to",
    "for",
    "are",
    "is",
    "the",
}


def is_street(match: re.Match[str]) -> bool:
    """Return whether a match of ENGLISH reads as a street: `4 of them in a row` and `2 days a way` do not."""
    if match.string[match.start() - 1 : match.start()].isalnum():
        return False
    words = re.findall(_WORD, match[0])
    inner = {word.lower() for word in words[:-1]}
    return not inner & _NO_STREET and (words[0][:1].isupper() or words[-1][:1].islower()) and _ends_well(match)


def _ends_well(match: re.Match[str]) -> bool:
    """Return whether the ending is more than a short common word in small letters after others in small letters."""
    text = match[0]
    if text != text.lower():
        return True
    return bool(
        re.search(r"(?:street|road|avenue|boulevard|lane|drive|blvd|rd|ave|st|crescent|terrace|apt|suite)\b", text)
    )


def is_bounded(match: re.Match[str]) -> bool:
    """Return whether no letter or digit stands right before a match."""
    return not match.string[match.start() - 1 : match.start()].isalnum() or match.start() == 0
