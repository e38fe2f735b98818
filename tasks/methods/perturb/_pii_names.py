"""Names that the words before them give away: a title, `my name is`, `call me`."""

import re

from tasks.methods.perturb._pii_words import inflected, small_words, stems

_CAPITAL = r"[^\W\d_a-z][\w'’-]+"
_MORE = rf"(?: (?:(?:van|von|der|den|de|da|del|la|le|al|bin) ){{0,2}}{_CAPITAL}){{0,2}}"
TITLED = re.compile(
    r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Mx|mr|mrs|ms|dr|prof|Herr|Frau|Mme|Señora?|Sra?)\b\.? "
    rf"([^\W\d_a-z][\w'’-]*\.?{_MORE})"
)
TITLE_WORDS = r"\b(?i:Mr|Mrs|Ms|Miss|Dr|Prof|Mx|Herr|Frau|Mme|Señora?|Sra?)\b\.? "
# A company by its legal form; the forms are a closed list, the names before them are not.
_FORMS = (
    r"Inc|Incorporated|Ltd|Limited|LLC|LLP|PLC|plc|Corp|Corporation|GmbH|AG|KG|OHG|UG|e\.G|S\.?A|SAS|SARL|S\.?r\.?l|SRL|SpA"
    r"|S\.p\.A|B\.?V|N\.?V|AB|HB|Oyj?|AS|A/S|ApS"
    r"|Kft|Zrt|Bt|s\.r\.o|a\.s|v\.o\.s|d\.o\.o|j\.d\.o\.o|d\.d|Sp\. z o\.o|UAB"
    r"|OÜ|SIA|Pty Ltd|Pvt Ltd|A\.Ş|S/A|L(?:tda|TDA)|S\. ?de R\.L"
)
COMPANY = re.compile(
    rf"{_CAPITAL}(?:(?: | & |, | and | y | et | und ){_CAPITAL}){{0,4}},? (?:{_FORMS})(?!\w)\.?",
)
COMPANY_WORDS = rf" (?:{_FORMS})"
CUED = re.compile(
    r"(?i:\bnames?(?:'s|’s| is| was|:)|\bcall(?:s|ed|ing)? (?:me|him|her|us)|\bknown as|\bnamed|\bsigned,?)\s"
    rf"((?:{_CAPITAL}|[^\W\d_a-z]\.){_MORE})"
)
CUE_WORDS = r"(?i)\bname|\bcall\w* (?:me|him|her|us) |known as |signed"
_ORDINARY = frozenset({form for stem in stems() for form in inflected(stem)[:2]} | small_words())


def is_name(match: re.Match[str]) -> bool:
    """Return whether what follows the words is a name, not an ordinary word or one in capitals (`call me ASAP`)."""
    first = match[1].split()[0]
    return first.lower() not in _ORDINARY and not (first.isupper() and len(first) > 2 and not match[0].isupper())
