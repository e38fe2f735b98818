"""What the tests of `cfg` share: a grammar, NLTK's list of its texts, and a test of frequencies."""

import math

import nltk
from nltk.parse.generate import generate

from tests.builders import make, texts

ENGLISH = """
S -> NP VP
NP -> Det N | NP PP | 'I'
PP -> P NP
VP -> V NP | VP PP | V
Det -> 'the' | 'a'
N -> 'dog' | 'telescope'
P -> 'with'
V -> 'saw'
"""
PLAIN = {"join": " ", "detokenize": False}
# Chi-square beyond this happens once in a million; the streams are fixed, so the tests do not flicker.
P_VALUE = 1e-6


def draws(grammar, count, **params):
    """Return the texts of one shard."""
    return texts(make("cfg", {"grammar": grammar, **params}, count))


def leaf_sequences(grammar, depth):
    """Yield every text that NLTK generates with at most `depth` nested productions, in its order, as tokens."""
    # NLTK counts the leaf as a level, an empty production as none: a marker makes both one leaf deep.
    marked = "\n".join(_with_marker(line) for line in grammar.strip().splitlines())
    for tokens in generate(nltk.CFG.fromstring(marked), depth=depth + 1):
        yield [word for word in tokens if word != "EMPTY"]


def _with_marker(line):
    lhs, _, rhs = line.partition("->")
    return f"{lhs}-> " + "|".join(part if part.strip() else " 'EMPTY' " for part in rhs.split("|"))


def chi_square_p(observed, expected):
    """Return the chance of a chi-square this large, by Wilson & Hilferty 1931."""
    degrees = len(expected) - 1
    statistic = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    z = ((statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / (2 / (9 * degrees)) ** 0.5
    return 0.5 * (1 - math.erf(z / 2**0.5))
