"""Checksums: what tells a card, an account or an identity number from any other digits."""

import ipaddress
from collections.abc import Sequence

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_FI = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_NRIC = {"S": "JZIHGFEDCBA", "T": "GFEDCBAJZIH", "F": "XWUTRQPNMLK", "G": "RQPNMLKXWUT"}
_CN = "10X98765432"
_IT_ODD_VALUES = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
# The lengths of an IBAN by country (ISO 13616 registry).
_IBAN_COUNTRIES = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18
FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20
LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31
SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN_COUNTRIES.split()}
_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def digits_of(text: str) -> str:
    """Return the ASCII digits of a text."""
    return "".join(char for char in text if "0" <= char <= "9")


def luhn(digits: str) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    odd = sum(int(digit) for digit in digits[-1::-2])
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def card(digits: str) -> bool:
    """Return whether digits are a card's: the first of an issuer, the issuer's length, the check digit."""
    size, two, four = len(digits), int(digits[:2] or 0), int(digits[:4] or 0)
    if digits[:1] == "4":
        known = size in {13, 16, 19}
    elif two in {34, 37}:
        known = size == 15
    elif 51 <= two <= 55 or 2221 <= four <= 2720:
        known = size == 16
    elif two in {36, 38, 39} or 300 <= four // 10 <= 305:
        known = size == 14
    else:
        known = (two in {60, 62, 64, 65, 35, 50, 56, 57, 58, 63, 67}) and 16 <= size <= 19
    return known and luhn(digits) and len(set(digits)) > 1


def iban(text: str) -> bool:
    """Return whether letters and digits without spaces are an IBAN: the country's length, 1 modulo 97 (ISO 13616)."""
    if IBAN_LENGTHS.get(text[:2]) != len(text) or not text[2:4].isdigit():
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def iban_check_digits(country: str, account: str) -> str:
    """Return the two check digits that make `country`, they and `account` an IBAN."""
    number = int("".join(str(int(char, 36)) for char in account + country + "00"))
    return f"{98 - number % 97:02d}"


def weighted(digits: str, weights: Sequence[int], modulo: int) -> int:
    """Return the sum of digits times weights, modulo `modulo`."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % modulo


def us_ssn(digits: str) -> bool:
    """Return whether nine digits can be a Social Security number: the ranges never given out are left out."""
    area = digits[:3]
    return area not in {"000", "666"} and area < "900" and digits[3:5] != "00" and digits[5:] != "0000"


def us_itin(digits: str) -> bool:
    """Return whether nine digits are in the range of taxpayer identification numbers."""
    group = int(digits[3:5])
    return digits[0] == "9" and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99)


def uk_nhs(digits: str) -> bool:
    """Return whether ten digits are an NHS number (modulo 11)."""
    return len(digits) == 10 and (11 - weighted(digits, range(10, 1, -1), 11)) % 11 == int(digits[9])


def verhoeff(digits: str) -> bool:
    """Return whether the last digit is Verhoeff's check digit (India's Aadhaar)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return check == 0


def br_cpf(digits: str) -> bool:
    """Return whether eleven digits are a Brazilian CPF: two check digits modulo 11."""
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    first = weighted(digits, range(10, 1, -1), 11)
    second = weighted(digits, range(11, 1, -1), 11)
    return int(digits[9]) == (11 - first if first > 1 else 0) and int(digits[10]) == (11 - second if second > 1 else 0)


def es_dni(text: str) -> bool:
    """Return whether digits and a letter are a Spanish DNI or NIE (the letter is the number modulo 23)."""
    number = {"X": "0", "Y": "1", "Z": "2"}.get(text[0], text[0]) + text[1:-1]
    return number.isdigit() and _DNI[int(number) % 23] == text[-1]


def it_fiscal_code(text: str) -> bool:
    """Return whether sixteen letters and digits are an Italian codice fiscale."""
    total = 0
    for place, char in enumerate(text[:15]):
        value = int(char) if char.isdigit() else ord(char) - 65
        total += value if place % 2 else _IT_ODD_VALUES[value]
    return chr(65 + total % 26) == text[15]


def fr_nir(text: str) -> bool:
    """Return whether fifteen characters are a French NIR, whose last two are 97 less the rest modulo 97."""
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(text[13:15])


def pl_pesel(digits: str) -> bool:
    """Return whether eleven digits are a Polish PESEL, its date of birth included."""
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    right = (10 - weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), 10)) % 10 == int(digits[10])
    return right and 1 <= month <= 12 and 1 <= day <= 31


def fi_hetu(text: str) -> bool:
    """Return whether eleven characters are a Finnish identity code."""
    return _FI[int(text[:6] + text[7:10]) % 31] == text[10]


def sg_nric(text: str) -> bool:
    """Return whether nine characters are a Singapore NRIC or FIN."""
    return _NRIC[text[0]][weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2), 11)] == text[8]


def cn_resident(text: str) -> bool:
    """Return whether eighteen characters are a Chinese resident identity number (GB 11643)."""
    weights = [2 ** (17 - place) % 11 for place in range(17)]
    return _CN[weighted(text[:17], weights, 11)] == text[17].upper()


def ch_ahv(digits: str) -> bool:
    """Return whether thirteen digits are a Swiss AHV number (EAN-13)."""
    return (10 - weighted(digits[:12], (1, 3) * 6, 10)) % 10 == int(digits[12])


def nl_bsn(digits: str) -> bool:
    """Return whether nine digits are a Dutch citizen service number (modulo 11)."""
    return weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), 11) == 0


def date_part(digits: str) -> bool:
    """Return whether six digits read as a date, day or year first."""
    one, two, three = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    return 1 <= two <= 12 and (1 <= one <= 31 or 1 <= three <= 31)


def ip(text: str) -> bool:
    """Return whether a text is an IPv4 or IPv6 address that names a host."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not address.is_unspecified
