"""English agreement: a or an, plurals, the first letter of a sentence. By rule and by table, without a model.

The rules of sound follow Conway 1998, "An Algorithmic Approach to English Pluralization"
(https://users.monash.edu/~damian/papers/HTML/Plurals.html); the tables are our own.
"""

import re
import unicodedata

# Read as words, not letter by letter, and starting with a letter whose name starts with a vowel (F is "eff").
_ACRONYMS = """
    FEMA FIFA FIFO HEPA HIPAA HUD LAMP LAN LASIK LIDAR LIFO MAC MAN MASH MIDI MOOC NAFTA NAND NASA NASDAQ NATO NIMBY
    NOR NOT ONCE ONE RADAR RAID RAM REM REST ROM RUM SAAS SAP SARS SCUBA SIM SOAP SONAR SWAT SWIFT STEM
"""
_SPOKEN = frozenset(_ACRONYMS.split())
_AN_LETTERS = frozenset("AEFHILMNORSX")
_A_ACRONYMS = frozenset({"EULA", "EUREKA"})

# Vowel letters with the sound of "you" or "won", and an h that nobody says.
_CONSONANT_SOUND = re.compile(
    r"""eu(?!ler)|ew|once\b|one(?!g|i|r)|oui
    |uni(?:[abcfgopqtvxz]|d[ir]|l(?:at|in|oc)|m(?:od|ol)|s(?:e[rx]|on|ys)|$)|unan|unary
    |u(?:biq|fo|gand|k(?:e\b|e?le|ul|rain)|lys|ran(?!g)|re(?:a|t)|ri[cn]|rol|rug|s(?:a[bg]|e|ual|ur)
    |t(?:en|er(?:i|us)|il|op|ah)|v[eu])""",
    re.VERBOSE,
)
_VOWEL_SOUND = re.compile(r"hour(?!i)|honest|hono|heir|hors\b|[aeiou]|y(?:tt|ps|pr|v)|x[bcdfghjklmnpqrstvwxz]")
_NUMBER = re.compile(r"\d[\d,. ]*")
_CURRENCY = "$£€¥₹"


def article(text: str) -> str:
    """Return `a` or `an` for the sound that `text` starts with: an hour, a unit, an 800-page, an LED, a UK."""
    return "an" if _starts_with_vowel_sound(text) else "a"


def with_article(text: str) -> str:
    """Return `text` after its `a` or `an`; an empty text stays empty."""
    return f"{article(text)} {text}" if text else text


def _starts_with_vowel_sound(text: str) -> bool:
    spoken = _first_spoken(text)
    if spoken[:1].isdigit():
        return _number_starts_with_vowel_sound(spoken)
    word = re.match(r"[^\W\d_]*", spoken)
    letters = word.group() if word else ""
    if _is_spelled(letters, spoken[len(letters) :]):
        return letters[0].upper() in _AN_LETTERS
    lower = letters.lower()
    return bool(_VOWEL_SOUND.match(lower)) and not _CONSONANT_SOUND.match(lower)


def _first_spoken(text: str) -> str:
    """Return `text` without marks and accents, from its first letter or digit on."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text[:80]) if not unicodedata.combining(c))
    found = re.search(r"[^\W_]", plain)
    return plain[found.start() :] if found else ""


def _number_starts_with_vowel_sound(spoken: str) -> bool:
    """Return whether the number reads as eight…, eleven… or eighteen…."""
    whole = spoken[: _NUMBER.match(spoken).end()]  # type: ignore[union-attr]  # the caller saw a digit
    first = re.match(r"\d+", whole).group()  # type: ignore[union-attr]
    grouped = re.match(r"\d{1,3}(?:[, ]\d{3})+(?!\d)", whole)
    digits = re.sub(r"\D", "", grouped.group()) if grouped else first
    if digits.startswith("8"):
        return True
    # 11, 18, 11,000 and 18000000 read eleven, eighteen; so does a bare 1843, as a year.
    year = not grouped and len(digits) == 4
    return digits[:2] in {"11", "18"} and (len(digits) % 3 == 2 or year)


def _is_spelled(letters: str, rest: str) -> bool:
    """Return whether the word is said letter by letter: SSH, LEDs, MP3, X-ray, n-gram."""
    if len(letters) == 1:
        # A lone lower-case "a" is the article or a note; a lone vowel letter reads the same either way but for u.
        return letters.isupper() or rest[:1] in {"", "-", " ", "\N{HYPHEN}", "\N{NON-BREAKING HYPHEN}"}
    capitals = re.match(r"[A-Z]{2,}", letters)
    if not capitals:
        return False
    core = capitals.group()
    if core in _SPOKEN or core in _A_ACRONYMS:
        return False
    # Five capitals or more with a vowel among the first three are a shouted word: HOUSE, UNIQUE.
    return not (len(core) >= 5 and core == letters and re.search(r"[AEIOU]", core[:3]) and core[:2] != "HT")


def sentence(text: str) -> str:
    """Return `text` with its first letter in upper case and the rest as it is: `"ask NASA"` gives `"Ask NASA"`."""
    found = re.search(r"[^\W_]", text)
    if not found:
        return text
    start = found.start()
    return text[:start] + text[start].title() + text[start + 1 :]
