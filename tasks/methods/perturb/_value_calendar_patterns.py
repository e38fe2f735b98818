"""How dates and times are written, and what around a number says that it is one."""

import re
from functools import cache
from typing import Final

from tasks.methods.perturb._value_moment import alternatives

# What a first digit may not follow; a hyphen may stand between two dates or times, but not before a lone number.
_FIRST: Final = r"(?<![\w.,:/$€£#+-][0-9])"
_NEXT: Final = r"(?<![\w.,:/$€£#+][0-9])"
_CLOCK: Final = r"(?:(?<![\w.,:/$€£#+][0-9])|(?<=[0-9][Tt][0-9]))"
_YEAR: Final = r"(?:,?\s(?:de\s|del\s)?(?P<y>[12][0-9]{3})(?![0-9]|[.,:/][0-9]))?"
_TO: Final = r"\s?(?:-|–|to|and|bis|au|al|&)\s?"
_UNTIL: Final = r"\s?(?:-|–|to|until|till|and|bis)\s?"
_HALF: Final = r"\s?(?P<half>[AaPp])\.?[Mm]\b\.?"
_ISO: Final = rf"(?P<y>[12]{_FIRST}[0-9]{{3}})(?P<sep>[-/.])(?P<m>[0-9]{{1,2}})(?P=sep)(?P<d>[0-9]{{1,2}})(?![0-9])"
_NUMERIC: Final = (
    rf"(?P<d>[0-9]{_NEXT}[0-9]?)(?P<sep>[-/.])(?P<m>[0-9]{{1,2}})(?P=sep)(?P<y>[12][0-9]{{3}}|[0-9]{{2}})"
    r"(?![0-9]|(?P=sep)[0-9]|\s?=)"
)


@cache
def patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the patterns of dates and times, in the order in which they are looked for."""
    month, capital = alternatives("month"), alternatives("month", capital=True)
    # The dot of a short name, not the end of a sentence.
    named = rf"(?P<m>{month})(?!\w)(?:\.(?=,?\s[12][0-9]{{3}}))?{_YEAR}"
    suffix = "st|nd|rd|th"
    day = rf"(?P<d>[0-9]{_NEXT}[0-9]?)(?P<suffix>{suffix}|er|º|ª|\.)?"
    second = rf"(?P<d>[0-9][0-9]?)(?P<suffix>{suffix}|\.)?"
    last = rf"(?P<d1>[0-9][0-9]?)(?:{suffix})?"
    first_hour = rf"(?P<h0>[0-9]{_CLOCK}[0-9]?)(?:[:.](?P<mi0>[0-5][0-9]))?"
    hour = rf"(?P<h>[0-9]{_CLOCK}[0-9]?)"
    minute = r"(?P<sep>[:.h])(?P<mi>[0-5][0-9])(?::[0-5][0-9](?:\.[0-9]+)?)?"
    found = {
        "iso": _ISO,
        "numeric": _NUMERIC,
        "range": rf"(?P<d0>[0-9]{_FIRST}[0-9]?)(?:{suffix}|\.)?{_TO}{second}\s(?:of\s|de\s)?{named}",
        "dmy": rf"{day}\s(?:of\s|de\s|d['’])?{named}",
        "mdy": rf"(?P<m>{capital})\.?\s(?P<d>[0-9][0-9]?)(?P<suffix>{suffix})?(?:\s?(?:[-–]|to)\s?{last}(?![0-9:]))?"
        rf"(?![0-9]|:[0-9]|[.,][0-9]|\s?[ap]\.?m|%|\w){_YEAR}",
        "bare": rf"(?P<d>[0-9]{_FIRST}[0-9]?)(?P<suffix>{suffix})(?![\w-])",
        "both": rf"{first_hour}{_UNTIL}(?P<h>[0-9][0-9]?)(?:[:.](?P<mi>[0-5][0-9]))?{_HALF}",
        "clock": rf"{hour}{minute}(?:{_HALF}|\s?Uhr\b)?(?![0-9:]|\.[0-9])",
        "from": rf"{hour}h(?=\s?[-–à]\s?[0-9])",
        "till": r"(?P<h>[0-9](?:(?<=h[-–][0-9])|(?<=h à [0-9]))[0-9]?)h(?!\w)",
        "hour": rf"{hour}(?:{_HALF}|\s?Uhr\b|\so['’]clock\b)",
    }
    return tuple((name, re.compile(pattern)) for name, pattern in found.items())


WEEKDAY_BEFORE = re.compile(rf"(?<!\w)(?P<w>{alternatives('weekday')})(?:,|\.)?\s(?:the\s|den\s|le\s|el\s|of\s)?\Z")
BARE_BEFORE = re.compile(
    r"(?<!\w)(?:(?P<day>on|by|until|till|since)|from|to|before|after|of|and|or)\sthe\s\Z", re.IGNORECASE
)
BARE_AFTER = re.compile(
    r"\s?(?:[.,;:!?)\x00–-]|\Z)|\s(?:and|or|at|to|but|instead|from|until|till|for|I|i|we|he|she|they|it|because|so|when|"
    r"with|in|is|was|my|as|due|that|which|then|by|of|you|your|if|after|before)\b"
)
NO_DAY_AFTER = re.compile(
    r"\s(?:[A-Z]|(?:floor|century|street|avenue|day|page|line|attempt|anniversary|birthday|try|time|night|hole|minute|hour|"
    r"week|month|year|grade|level|row|edition|ring|call|visit|step|place|email|one|lap|round|chapter|green|tee)s?\b)"
)


# What comes before the distance from UTC in an ISO time.
OFFSET = re.compile(r"T[0-9:.]+[+-]\Z")
LONE_NAMES = re.compile(
    rf"(?:{alternatives('month', capital=True)}|{alternatives('weekday', capital=True)}|"
    r"noon|Noon|midday|Midday|midnight|Midnight|Mittag|Mitternacht|midi|minuit)(?!\w)"
)
