"""How a number is written: read into millionths, and written again in the same way."""

import re
from dataclasses import dataclass
from typing import Final

MILLION: Final = 1_000_000
MAX_DECIMALS: Final = 6
MAX_DIGITS: Final = 12
# Digits of other scripts, and their own separators; each sign stands for one sign, so positions stay.
_ZEROS: Final = (0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0E50, 0xFF10)
_TO_ASCII: Final = {zero + digit: str(digit) for zero in _ZEROS for digit in range(10)} | {
    0x066A: "%", 0x066B: ".", 0x066C: ","
}  # fmt: skip
_OTHER_DIGIT: Final = re.compile("[" + "".join(f"{chr(zero)}-{chr(zero + 9)}" for zero in _ZEROS) + "]")

# A number, its first digit read before (see `number`).
_REST: Final = (
    r"(?:[0-9]{0,2}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)?(?![0-9,])"
    r"|[0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?(?![0-9.]*[0-9])"
    r"|[0-9]{0,2}(?:[\u00a0\u202f'’][0-9]{3})+(?:[.,][0-9]+)?"
    r"|[0-9]*(?:[.,][0-9]+)?)"
)
_SPACED: Final = r"(?:[0-9]{0,2}(?: [0-9]{3})+(?:[.,][0-9]+)?(?![0-9]))"
# A minus belongs to a number only where nothing stands before it: 5 in "3-5" is no number by itself.
_BEFORE: Final = r"(?<![\w.,:/\\–#@&=+*^~][0-9])(?<![^\s\x00(]-[0-9])"


def number(*, spaced: bool = False, tight: bool = False) -> str:
    """Return a pattern of a number; with `spaced` the thousands may stand apart, with `tight` anything may be before.

    It begins with a digit and looks back from there: a search then goes from digit to digit.
    """
    guard = "" if tight else _BEFORE
    return f"[0-9]{guard}(?:{_SPACED}|{_REST})" if spaced else f"[0-9]{guard}{_REST}"


NO_MORE: Final = r"(?![.,:/]?[0-9])"
_DECIMAL_COMMA: Final = re.compile(r"[0-9],[0-9]{1,2}(?![0-9,])|[0-9]\.[0-9]{3},[0-9]")
_DECIMAL_POINT: Final = re.compile(r"[0-9]\.[0-9]{1,2}(?![0-9.])|[0-9],[0-9]{3}\.[0-9]")


@dataclass(frozen=True, slots=True)
class Style:
    """How a number is written: sign between thousands ('' for none), decimal sign, decimals, Indian groups, digits."""

    group: str = ""
    point: str = "."
    decimals: int = 0
    indian: bool = False
    zero: str = "0"

    @property
    def step(self) -> int:
        """One unit of the last digit, in millionths."""
        return 10 ** (MAX_DECIMALS - self.decimals)


def ascii_digits(text: str) -> str:
    """Return the text with digits and separators of every script as 0-9, `.` and `,`; of the same length."""
    return text.translate(_TO_ASCII) if _OTHER_DIGIT.search(text) else text


def uses_comma(text: str) -> bool:
    """Return whether numbers of this text have a decimal comma: one shows it, and none a decimal point."""
    return bool(_DECIMAL_COMMA.search(text)) and not _DECIMAL_POINT.search(text)


def read(text: str, *, comma: bool, original: str) -> tuple[int, Style] | None:
    """Return the value in millionths and the style; None for what is no amount: leading zeros, too many digits.

    `comma`: 1.234 is one thousand and more, 1,234 one and a fraction. `original` has the digits that are written.
    """
    group, point = _signs(text, comma=comma)
    whole, _, part = text.partition(point) if point else (text, "", "")
    digits = "".join(sign for sign in whole if sign.isdigit())
    if part and not part.isdigit():
        return None
    if len(part) > MAX_DECIMALS or len(digits) > MAX_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return None
    indian = bool(group) and any(len(piece) == 2 for piece in whole.split(group)[1:])
    shown = [original[text.rindex(sign)] if sign else "" for sign in (group, point)]
    style = Style(shown[0], shown[1] or ("," if comma else "."), len(part), indian, zero_of(original, text))
    return int(digits) * MILLION + int(part.ljust(MAX_DECIMALS, "0")), style


def _signs(text: str, *, comma: bool) -> tuple[str, str]:
    """Return the sign between thousands and the decimal sign, '' where there is none."""
    found = [sign for sign in text if not sign.isdigit()]
    if not found:
        return "", ""
    last = found[-1]
    if last not in ",.":
        return last, ""
    if len(found) > 1:
        return (last, "") if found[0] == last else (found[0], last)
    whole, part = text.split(last)
    # Three digits after one sign: thousands, unless the text's own style or a leading zero says otherwise.
    thousands = len(part) == 3 and len(whole) <= 3 and whole != "0" and (last == ".") == comma
    return (last, "") if thousands else ("", last)


def written(value: int, style: Style) -> str:
    """Return a value in millionths (0 and more), a whole number of the style's steps, as the style writes it."""
    whole, part = divmod(value, MILLION)
    text = f"{whole}"
    if style.group and whole >= 1000:
        text = style.group.join(_pieces(text, 2 if style.indian else 3))
    if style.decimals:
        text += style.point + f"{part:06d}"[: style.decimals]
    return in_script(text, style.zero)


def _pieces(digits: str, size: int) -> list[str]:
    head, tail = digits[:-3], [digits[-3:]]
    while head:
        head, tail = head[:-size], [head[-size:], *tail]
    return tail


def in_script(text: str, zero: str) -> str:
    """Return a text with its digits 0-9 as those of the script whose zero is given."""
    return text if zero == "0" else text.translate({ord("0") + digit: chr(ord(zero) + digit) for digit in range(10)})


def zero_of(text: str, plain: str) -> str:
    """Return the zero of the digits that a text is written with; `plain` is the same text with 0-9."""
    place = next(number for number, sign in enumerate(plain) if sign.isdigit())
    return chr(ord(text[place]) - int(plain[place]))
