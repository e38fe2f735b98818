"""Keys, tokens and passwords: by the prefixes that issuers give them, by the words before them, by their entropy."""

import math
import re
from collections import Counter
from itertools import pairwise

# Each prefix is as its issuer documents it; the alternatives are in the order of how often they are met.
PREFIXED = re.compile(
    r"(?:AKIA|ASIA|AGPA|AROA)[0-9A-Z]{16}\b"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}"
    r"|glpat-[\w-]{20,64}"
    r"|sk-(?:proj-|ant-|svcacct-|or-)?[A-Za-z0-9_-]{20,200}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}|pk_live_[A-Za-z0-9]{16,128}|whsec_[A-Za-z0-9]{24,64}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,250}"
    r"|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,300}"
    r"|hf_[A-Za-z0-9]{30,40}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,250}|dop_v1_[a-f0-9]{64}|shp(?:at|ss)_[a-f0-9]{32}"
    r"|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}|key-[0-9a-f]{32}\b|AC[0-9a-f]{32}\b"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
)
PREFIXES = (
    r"AKIA|ASIA|AGPA|AROA|gh[pousr]_|github_pat_|glpat-|sk-|[srp]k_(?:live|test)_|whsec_|xox[abeprs]-|AIza|ya29\.|hf_|npm_"
    r"|pypi-|dop_v1_|shp(?:at|ss)_|SG\.|key-|AC[0-9a-f]{32}|eyJ"
)
PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^\x00]{1,16000}?"
    r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
)
IN_URL = re.compile(r"://[^\s/:@\x00]{1,64}:([^\s/@\x00]{3,128})@")
_WORDS = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:[ _-]?key)?|api[ _-]?(?:key|token|secret)|access[ _-]?(?:key|token)"
    r"|auth[ _-]?token|private[ _-]?key|client[ _-]?secret|token|bearer)"
)
SAID = re.compile(
    rf"\b\w{{0,20}}?{_WORDS}[\"']?\s{{0,2}}(?:[:=]|\bis\b:?|=>)\s{{0,2}}[\"']?([^\s\"',;<>\x00]{{6,200}})",
    re.IGNORECASE,
)
SAID_WORDS = r"(?i)pass|pwd|secret|token|bearer|api[ _-]?key|access[ _-]?key|private[ _-]?key"
BEARER = re.compile(r"\b[Bb]earer\s+([A-Za-z0-9._~+/=-]{16,600})")
LONG = re.compile(r"[A-Za-z0-9+/_=-]{24,512}")
LONG_WORDS = r"[A-Za-z0-9+/_=-]{24}"
# Random base64 of this length has 4.2 bits a character or more; identifiers made of words stay under it.
_MIN_BITS = 3.9
_HEX = re.compile(r"[0-9a-fA-F-]+$")


def is_password(match: re.Match[str]) -> bool:
    """Return whether what follows `password:` is one: not an ordinary word, nor a placeholder."""
    value = match[1]
    mixed = sum(bool(re.search(kind, value)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w]"))
    return (
        mixed >= 2 and not value.startswith(("[", "<", "{", "$", "*", "(")) and bool(re.search(r"[\d!@#$%^&*]", value))
    )


def is_random(match: re.Match[str]) -> bool:
    """Return whether a long run of letters and digits is random: three kinds of character and high entropy.

    A hash or an identifier in hexadecimal digits is not a secret by itself.
    """
    text, whole = match[0], match.string
    if whole[match.start() - 1 : match.start()].isalnum() or _HEX.match(text) or "--" in text:
        return False
    kinds = sum(bool(re.search(kind, text)) for kind in (r"[a-z]", r"[A-Z]", r"\d"))
    return kinds == 3 and _switches(text) and _entropy(text) >= _MIN_BITS


def _switches(text: str) -> bool:
    """Return whether letters, capitals and digits change about as often as by chance; names of things do it rarely."""
    sorts = ["d" if c.isdigit() else "u" if c.isupper() else "l" if c.islower() else "x" for c in text]
    changes = sum(a != b for a, b in pairwise(sorts))
    return changes >= 0.35 * len(text)


def _entropy(text: str) -> float:
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
