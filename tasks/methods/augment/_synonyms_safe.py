"""Where a word may be replaced at all, its reading given: not in a verb's frame, nor in a compound name."""

import numpy as np

from tasks.methods.augment import _synonyms_readings as tag
from tasks.methods.augment._synonyms_context import Around, Bits, Mask

# A particle this far behind a verb may belong to it: "turned the whole thing off".
_REACH = 4


def safe(bits: Bits, near: Around, opening: Mask, *, strict: bool) -> Mask:
    """Return which words may be replaced; `opening`: they open a sentence with a capital.

    `strict` is for sources whose words need not take the same complements.
    """
    verb, noun = (bits & tag.VERB) != 0, (bits & tag.NOUN) != 0
    bad = verb & _binds(near, strict=strict)
    bad |= verb & _particle_behind(bits, near)
    bad |= noun & ((near.right & ~tag.NOUN) == 0) | (noun & (near.right == tag.NAME) & (near.left == tag.NAME))
    # "Mark called", "Grand Hotel": an opening capital may be a name's.
    bad |= opening & (noun | ((near.right & (tag.NAME | tag.NUMBER)) != 0))
    # "more cheap", "most big": only a word that is not compared by an ending goes after them.
    bad |= ((bits & (tag.ADJ | tag.ADV)) != 0) & (near.left == tag.NUMBER) & ((near.right & tag.NOUN) == 0)
    return ~bad


def _binds(near: Around, *, strict: bool) -> Mask:
    """Return where a verb governs what its synonyms may not: a clause, an infinitive, two objects, an adjective."""
    right, right2 = near.right, near.right2
    governs = tag.TO | tag.SUB | tag.SUBJECT | tag.VBG | tag.PARTICLE | tag.NOT
    pronoun = (right & tag.OBJECT) != 0
    clause = ((right & governs) != 0) & ~pronoun
    both = pronoun & ((right2 & ~(tag.EDGE | tag.PREP | tag.CONJ | tag.ADV)) != 0)
    adjective = ((right & tag.ADJ) != 0) & ((right & tag.NOUN) == 0) & ((right2 & (tag.NOUN | tag.ADJ)) == 0)
    found = clause | both | adjective
    return found | (right == tag.PREP) if strict else found


def _particle_behind(bits: Bits, near: Around) -> Mask:
    """Return which words have a particle at most _REACH words behind them in the same clause."""
    closed = (near.right & tag.EDGE) != 0
    reached = np.zeros(len(bits), np.bool_)
    open_ = ~closed
    for step in range(1, _REACH + 1):
        later = np.zeros(len(bits), np.bool_)
        later[:-step] = (bits[step:] & tag.PARTICLE) != 0
        reached |= open_ & later
        ahead = np.ones(len(bits), np.bool_)
        ahead[:-step] = closed[step:]
        open_ &= ~ahead
    return reached
