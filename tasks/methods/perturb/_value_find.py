"""Amounts in texts: prices, percentages, quantities, ages, years and plain numbers, with what they belong to."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np

from tasks.methods.perturb._value_number import MILLION, NO_MORE, Style, number, read
from tasks.methods.perturb._value_text import Docs
from tasks.methods.perturb._value_words import (
    CURRENCY_CODES,
    CURRENCY_SIGNS,
    CURRENCY_WORDS,
    DURATIONS,
    LABELS,
    UNITS,
    WEAK_LABELS,
    any_of,
    number_words,
    number_words_pattern,
)

Kind = Literal["money", "percent", "quantity", "age", "year", "number"]
Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount at [start, end) of the whole, in millionths.

    `word`: written as a word; `singular`: a noun follows, in its plural; `summed`: it stands in a written sum.
    """

    start: int
    end: int
    row: int
    kind: Kind
    unit: str
    value: int
    style: Style
    word: bool = False
    singular: bool = False
    summed: bool = False


_N, _SPACED = number(), number(spaced=True)
_TO = r"\s?(?:[-–]|to|or|and|bis|à)\s?"
_TIMES = r"(?:\s?(?:million|billion|thousand|bn|mn|[kKM]\b))?"
_SIGNS = {sign for sign in CURRENCY_SIGNS if not sign.isalpha()}
_AFTER_MONEY = any_of({*CURRENCY_SIGNS, *CURRENCY_CODES, *CURRENCY_WORDS} - {"R", "Fr.", "Rs", "Rs."})
_BEFORE_MONEY = re.compile(rf"(?:(?:{any_of(_SIGNS)})|(?<!\w)(?:{any_of([*CURRENCY_CODES, 'R', 'Rs', 'kr'])}))\s?\Z")
_PRICED_AFTER = re.compile(rf"\s?(?:{_AFTER_MONEY})(?!\w)")
_MONEY_SECOND = re.compile(rf"\s?[-–]\s?({number(spaced=True, tight=True)}){NO_MORE}")


# With the country's code, with an area in brackets, or in groups with a hyphen, a dot or spaces.
_PHONE: Final = (
    r"\+[0-9](?<!\w\+[0-9])[0-9 ().\-/]{5,}[0-9]|\([0-9]{2,5}\)[ -]?[0-9][0-9 -]{4,}[0-9]"
    r"|[0-9](?<![\w.,:/$€£-][0-9])(?:[0-9]{1,4}[-. ][0-9]{3,4}[-. ][0-9]{3,4}|[0-9]{2}-[0-9]{4}|"
    r"[0-9]{2,4}(?: [0-9]{2}){3,4}|[0-9]{4} [0-9]{6})(?![\w-]|[.,][0-9])"
)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return what is looked for, in that order; most begin with a digit."""
    pair = rf"({_N})(?:{_TO}({number(tight=True)}))?{NO_MORE}"
    spaced = rf"({_SPACED})(?:{_TO}({number(spaced=True, tight=True)}))?{NO_MORE}"
    coded = rf"(?:R(?=[0-9]{{2}})|Rs\.?|kr|{any_of(CURRENCY_CODES)})"
    return (
        ("phone", re.compile(_PHONE)),
        ("coded", re.compile(rf"({coded})({number(tight=True)}){NO_MORE}(?!\w)")),
        ("money", re.compile(rf"{spaced}{_TIMES}\s?({_AFTER_MONEY})(?!\w)")),
        ("percent", re.compile(rf"{pair}\s?(%|‰|percent|per cent|Prozent|pct)(?!\w)")),
        ("age", re.compile(rf"{pair}[\s-](?:years?[\s-]olds?|Jahre alt)(?!\w)")),
        ("quantity", re.compile(rf"{pair}[\s\u00a0-]?({any_of([*UNITS, *DURATIONS])})(?![\w²³/])")),
        ("year", re.compile(rf"({_N})(?:\s?[-–/]\s?([0-9]{{4}})){NO_MORE}(?!\w)")),
        ("range", re.compile(rf"({_N})\s?[-–]\s?({number(tight=True)}){NO_MORE}(?![\w%])(?!-\w)")),
    )


_LONE = re.compile(rf"{_SPACED}{NO_MORE}")
_CLEAN = re.compile(r"""[("'\[“\u2018«¿¡~*_-]*[0-9][0-9.,'’\u00a0\u202f]*?[)"'\]”’».,;:!?…*_]*""")
_STRANGE: Final = re.compile(r"@|://|www\.|<<|>>")
_LABEL = re.compile(
    rf"(?:(?<!\w)(?:{any_of(LABELS)})\.?\s?[#:]?\s?|\#\s?|(?<!\w)(?:{any_of(WEAK_LABELS)})(\s?))\Z", re.IGNORECASE
)
# Within a sentence a name before a number is a product's, a name after it a street's.
_NAME_BEFORE = re.compile(r"[a-z,]\s[A-Z][A-Za-z]+\s\Z")
_NAME_AFTER = re.compile(r"\s[A-ZÀ-Þ][a-zß-ÿ]")
# What is multiplied or divided stays. What is added or taken away moves where it makes up a total: a minus counts where
# an equals sign is near (10 - 20 kg is a range), an equals sign before a price where a number is before it.
_SIGN = rf"(?:{any_of(_SIGNS)})?"
_PRODUCT_BEFORE = re.compile(rf"[0-9%)]\s?[*×÷^]\s?{_SIGN}\Z")
_PRODUCT_AFTER = re.compile(r"%?\s?[*×÷^]\s?[^\w\s]?[0-9(]")
_SUM_BEFORE = re.compile(rf"[0-9%)]\s?[+=]\s?{_SIGN}\Z")
_SUM_AFTER = re.compile(r"%?\s?[+=]\s?[^\w\s]?[0-9(]")
_NEAR_BEFORE = re.compile(rf"[0-9%)]\s?[\u2212-]\s?{_SIGN}\Z")
_NEAR_AFTER = re.compile(r"%?\s?[\u2212-]\s?[^\w\s]?[0-9(]")
_EQUALS_BEFORE = re.compile(r"=\s?\Z")
_NEAR = 40
_AGE_BEFORE = re.compile(
    r"(?<!\w)(?:aged?|age of|turn(?:ed|s|ing))\s\Z|(?<!\w)(?:I am|I['’]m|(?:he|she) is|(?:he|she)['’]s)\s\Z",
    re.IGNORECASE,
)
_AGE_AFTER = re.compile(r"\s*(?:[.,;:!?)]|and\b|but\b|\x00)|\s+(?:and|but|so|now)\b")
_YEAR_BEFORE = re.compile(
    r"(?<!\w)(?:in|since|of|from|until|till|by|year|during|before|after|around|early|late|mid|to|and|spring|summer|autumn|"
    r"fall|winter|im|seit|von|bis|en|depuis|desde|nel|dal|em|[A-Z][a-zé]{2,8})\s\Z|[(©]\s?\Z"
)
_NOUN_AFTER = re.compile(
    r"\s+(?!(?:and|or|but|to|the|a|is|was|were|it|we|he|she|they|when|with|for|at|as|i|I)\b)[a-z]{2}"
)
_WORD_AFTER = re.compile(r"[\s-]+\w")
_HOUR_BEFORE = re.compile(r"(?<!\w)(?:at|until|till|by|before|after|since|around|um|bis)\s\Z", re.IGNORECASE)
# What a number that is used as a name says: round the clock, half and half.
_SAYING = re.compile(r"24[\s-]hours?|7 days a week|365 days|360 degrees|100\s?%|60 seconds")


class Finder:
    """Takes amounts out of texts, each place once; `kept` holds the numbers that were seen and are no amounts."""

    def __init__(self, docs: Docs, text: str, commas: Sequence[bool], taken: bytearray) -> None:
        self.docs, self.text, self.commas, self.taken = docs, text, commas, taken
        self.amounts: list[Amount] = []
        self.kept: list[tuple[int, int]] = []
        self._starts = docs.starts.tolist()
        space = np.flatnonzero((docs.codes == 32) | ((docs.codes >= 9) & (docs.codes <= 13)) | (docs.codes == 0))
        self._spaces = [-1, *space.tolist(), len(text)]

    def find(self) -> None:
        """Find every amount; what is taken already is left alone."""
        for kind, pattern in _patterns():
            take = getattr(self, f"_{kind}")
            for match in self._free(pattern):
                if not _STRANGE.search(self._chunk(match.start())):
                    take(match)
        self._lone()
        self._words()
        self.amounts.sort(key=lambda amount: amount.start)

    def _free(self, pattern: re.Pattern[str]) -> Iterable[Match]:
        taken = self.taken
        for match in pattern.finditer(self.text):
            if taken.find(1, match.start(), match.end()) < 0:
                yield match

    def _chunk(self, place: int) -> str:
        number = bisect_left(self._spaces, place)
        return self.text[self._spaces[number - 1] + 1 : self._spaces[number]]

    def _row(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1

    def _before(self, pattern: re.Pattern[str], place: int, reach: int = 28) -> Match | None:
        return pattern.search(self.text, max(0, place - reach), place)

    def _add(self, span: tuple[int, int], kind: Kind, unit: str, *, singular: bool = False) -> bool:
        start, end = span
        row = self._row(start)
        if self._in_product(span, kind):
            self._keep(span)
            return False
        got = read(self.text[start:end], comma=self.commas[row], original=self.docs.joined[start:end])
        if got is None:
            self._keep(span)
            return False
        summed = self._in_sum(span)
        self.amounts.append(Amount(start, end, row, kind, unit, *got, singular=singular, summed=summed))
        self.taken[start:end] = b"\x01" * (end - start)
        return True

    def _in_product(self, span: tuple[int, int], kind: Kind) -> bool:
        start, end = span
        if kind == "number" and self._before(_EQUALS_BEFORE, start, 4) and not self._before(_SUM_BEFORE, start, 6):
            return True
        return bool(_PRODUCT_AFTER.match(self.text, end) or self._before(_PRODUCT_BEFORE, start, 6))

    def _in_sum(self, span: tuple[int, int]) -> bool:
        start, end = span
        if _SUM_AFTER.match(self.text, end) or self._before(_SUM_BEFORE, start, 6):
            return True
        near = _NEAR_AFTER.match(self.text, end) or self._before(_NEAR_BEFORE, start, 6)
        return bool(near) and "=" in self.text[max(0, start - _NEAR) : end + _NEAR]

    def _keep(self, span: tuple[int, int]) -> None:
        self.kept.append(span)
        self.taken[span[0] : span[1]] = b"\x01" * (span[1] - span[0])

    def _both(self, match: Match, kind: Kind, unit: str, *, singular: bool = False) -> None:
        for number_ in (1, 2):
            if match.start(number_) >= 0:
                self._add(match.span(number_), kind, unit, singular=singular)

    def _money(self, match: Match) -> None:
        name = match[3]
        unit = CURRENCY_SIGNS.get(name) or CURRENCY_WORDS.get(name) or name.lower()
        self._both(match, "money", unit, singular=name in CURRENCY_WORDS)

    def _phone(self, match: Match) -> None:
        priced = self._before(_BEFORE_MONEY, match.start(), 6) or _PRICED_AFTER.match(self.text, match.end())
        if not priced:
            self._keep(match.span())

    def _coded(self, match: Match) -> None:
        if match.start() and self.text[match.start() - 1].isalnum():
            return
        self._add(match.span(2), "money", CURRENCY_SIGNS.get(match[1]) or match[1].lower())

    def _percent(self, match: Match) -> None:
        if _SAYING.match(self.text, match.start()):
            self._keep(match.span(1))
        else:
            self._both(match, "percent", "%")

    def _age(self, match: Match) -> None:
        self._both(match, "age", "age", singular=True)

    def _quantity(self, match: Match) -> None:
        if self._before(_BEFORE_MONEY, match.start()):
            return
        if _SAYING.match(self.text, match.start()):
            self._keep(match.span(1))
        else:
            name = match[3]
            unit = "time" if name in _LONG else name
            self._both(match, "quantity", unit, singular=len(name) > 2)

    def _year(self, match: Match) -> None:
        if all(is_year(match[number_]) for number_ in (1, 2)) and match[1] < match[2]:
            self._both(match, "year", "year")
        else:
            self._keep(match.span())

    def _range(self, match: Match) -> None:
        one, two = (read(match[n], comma=False, original=match[n]) for n in (1, 2))
        if self._before(_BEFORE_MONEY, match.start()) or self._in_sum(match.span(1)):
            return
        if one and two and one[0] < two[0] and max(len(match[1]), len(match[2])) < 5 and self._is_bare(match.span()):
            self._both(match, "number", "")
        else:
            self._keep(match.span())

    def _is_bare(self, span: tuple[int, int]) -> bool:
        """Return whether nothing around a number makes it a name, a place or part of a formula."""
        start, end = span
        label = self._before(_LABEL, start)
        if label and (label[1] is None or end - start >= 3):
            return False
        return not (_NAME_AFTER.match(self.text, end) or self._before(_NAME_BEFORE, start))

    def _lone(self) -> None:
        for match in self._free(_LONE):
            currency = self._before(_BEFORE_MONEY, match.start(), 6)
            if currency:
                self._priced(match, currency[0].strip())
        simple = re.compile(rf"{_N}{NO_MORE}")
        for match in self._free(simple):
            self._plain(match)
        for match in re.finditer(r"[0-9]+(?:[.,][0-9]+)*", self.text):
            if self.taken.find(0, match.start(), match.end()) >= 0:
                self.kept.append(match.span())

    def _priced(self, match: Match, sign: str) -> None:
        unit = CURRENCY_SIGNS.get(sign) or sign.lower()
        if _STRANGE.search(self._chunk(match.start())):
            return
        second = _MONEY_SECOND.match(self.text, match.end())
        free = second and self.taken.find(1, *second.span(1)) < 0
        if self._add(match.span(), "money", unit) and second and free:
            self._add(second.span(1), "money", unit)

    def _plain(self, match: Match) -> None:
        start, end = match.span()
        chunk = self._chunk(start)
        if not _CLEAN.fullmatch(chunk) and not _only_dashes(chunk, match[0]):
            self._keep((start, end))
        elif self._before(_AGE_BEFORE, start) and _AGE_AFTER.match(self.text, end) and int_of(match[0]) in range(121):
            self._add((start, end), "age", "age")
        elif is_year(match[0]) and (self._before(_YEAR_BEFORE, start) or not _NOUN_AFTER.match(self.text, end)):
            self._add((start, end), "year", "year")
        elif self._is_amount(match):
            self._add((start, end), "number", "", singular=True)
        else:
            self._keep((start, end))

    def _is_amount(self, match: Match) -> bool:
        start, end = match.span()
        if match[0].isdigit() and (len(match[0]) >= 5 or (match[0][0] == "0" and len(match[0]) > 1)):
            return False
        if (
            self._before(_HOUR_BEFORE, start)
            and int_of(match[0]) in range(25)
            and not _WORD_AFTER.match(self.text, end)
        ):
            return False
        return self._is_bare((start, end))

    def _words(self) -> None:
        pattern, values = _word_pattern()
        for match in self._free(pattern):
            if match.start() and (self.text[match.start() - 1].isalnum() or self.text[match.start() - 1] in "-_"):
                continue
            style = Style(group=_case_of(match[0]))
            value = values[match[0].lower().replace(" ", "-")]
            row = self._row(match.start())
            singular = bool(_WORD_AFTER.match(self.text, match.end()))
            self.amounts.append(
                Amount(*match.span(), row, "number", "", value * MILLION, style, word=True, singular=singular)
            )
            self.taken[match.start() : match.end()] = b"\x01" * len(match[0])


_LONG = frozenset(DURATIONS)


def _only_dashes(chunk: str, text: str) -> bool:
    """Return whether a number has nothing but dashes and dots around it: `5—`, `...5`."""
    return not chunk.replace(text, "", 1).strip("—–…. ()[]\"'“”\u2018’,;:!?¿¡«»،؛؟。、\uff0c\uff01\uff1f")


def int_of(text: str) -> int:
    """Return a whole number, -1 for another."""
    return int(text) if text.isdigit() else -1


def is_year(text: str) -> bool:
    """Return whether a number may be a year of our time."""
    return len(text) == 4 and text.isdigit() and 1800 <= int(text) <= 2099


@cache
def _word_pattern() -> tuple[re.Pattern[str], dict[str, int]]:
    words = {word: value for value, word in number_words().items()}
    after = r"(?!\w|[\s-](?:hundred|thousand|million|billion|dozen|thirds?|fifths?|quarters?|and a half)\b)"
    # What stands before is looked at for each match: a pattern that begins with letters is found by its first ones.
    return re.compile(rf"(?:{number_words_pattern()}){after}"), words


def _case_of(word: str) -> str:
    return "upper" if word.isupper() else "capital" if word[0].isupper() else "lower"


def word_of(value: int, style: Style, *, like: str) -> str:
    """Return the word of a number, cased by the style that it was found with, and spaced as `like`."""
    word = number_words()[value]
    if " " in like and "-" not in like:
        word = word.replace("-", " ")
    cases: dict[str, Callable[[str], str]] = {"upper": str.upper, "capital": str.capitalize, "lower": str}
    return cases[style.group](word)


def values_of(spans: Iterable[tuple[int, int]], text: str, docs: Docs) -> list[tuple[int, int]]:
    """Return (row, value) of every number in some places of a text, and of each of its parts."""
    found = []
    starts = docs.starts.tolist()
    for start, end in spans:
        row = bisect_right(starts, start) - 1
        for match in re.finditer(r"[0-9]+(?:[.,][0-9]+)*", text[start:end]):
            for form in {match[0]: 0, **dict.fromkeys(re.split("[.,]", match[0]), 0)}:
                for comma in (False, True):
                    got = read(form, comma=comma, original=form)
                    if got:
                        found.append((row, got[0]))
    return found
