"""Which reading a word has where it stands: rules that strike out what the neighbours forbid, over all words at once.

In the manner of Karlsson 1990, Constraint Grammar (https://aclanthology.org/C90-3030/): every reading is there at
first, rules only remove, never the last one. What stays ambiguous is left alone by whoever replaces words.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.methods.augment import _synonyms_readings as tag

Bits = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# A verb or a clause can begin after these, a phrase ends before them.
_CLAUSE = tag.EDGE | tag.CONJ | tag.SUB
_PHRASE_END = tag.EDGE | tag.PREP | tag.BE | tag.HAVE | tag.MODAL | tag.SUB | tag.TO | tag.SUBJECT | tag.DO
_POINTS_BACK = tag.DET | tag.THIS | tag.THESE | tag.OBJECT


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """The readings on both sides of each word; EDGE where punctuation or the end of the text stands."""

    left: Bits
    left2: Bits
    right: Bits
    right2: Bits
    # The nearest word to the left that is no adverb, "not" or "never".
    far: Bits


def around(bits: Bits, joined: Mask) -> Around:
    """Return what stands around each word; `joined[i]`: nothing but a space between word i and i + 1 of a row."""
    left, right = np.full_like(bits, tag.EDGE), np.full_like(bits, tag.EDGE)
    left[1:] = np.where(joined[:-1], bits[:-1], tag.EDGE)
    right[:-1] = np.where(joined[:-1], bits[1:], tag.EDGE)
    left2, right2 = np.full_like(bits, tag.EDGE), np.full_like(bits, tag.EDGE)
    left2[1:] = np.where(joined[:-1], left[:-1], tag.EDGE)
    right2[:-1] = np.where(joined[:-1], right[1:], tag.EDGE)
    return Around(left, left2, right, right2, _over_adverbs(bits, left, joined))


def _over_adverbs(bits: Bits, left: Bits, joined: Mask) -> Bits:
    places = np.arange(len(bits))
    adverb = ~_may_be(bits, ~(tag.ADV | tag.NOT | tag.DEGREE))
    last = np.maximum.accumulate(np.where(adverb, -1, places))
    cut = np.maximum.accumulate(np.where(np.concatenate([[True], ~joined[:-1]]), places, 0))
    far = left.copy()
    over = np.flatnonzero(np.concatenate([[False], adverb[:-1]]) & (left != tag.EDGE))
    found = last[over - 1]
    far[over] = np.where(found >= cut[over], bits[np.maximum(found, 0)], tag.EDGE)
    return far


def _may_be(bits: Bits, mask: int) -> Mask:
    return (bits & mask) != 0


def _must_be(bits: Bits, mask: int) -> Mask:
    return (bits & ~mask) == 0


class _Striker:
    """Readings under work: a rule names where it holds and what may stay."""

    def __init__(self, bits: Bits) -> None:
        self.bits = bits.copy()

    def keep(self, where: Mask, mask: int) -> None:
        kept = self.bits & mask
        hit = where & (kept != 0)
        self.bits[hit] = kept[hit]


def disambiguated(bits: Bits, joined: Mask) -> Bits:
    """Return the readings that the neighbours allow, as bits; two rounds, the second sees what the first decided."""
    for _ in range(2):
        near = around(bits, joined)
        work = _Striker(bits)
        _after_determiners(work, near)
        _after_verbs_of_others(work, near)
        _after_subjects(work, near)
        _after_be_and_have(work, near)
        _in_phrases(work, near)
        _before(work, near)
        bits = work.bits
    return bits


def _after_determiners(work: _Striker, near: Around) -> None:
    left = near.left
    det = _must_be(left, tag.DET | tag.ONE)
    work.keep(det, ~(tag.FINITE | tag.CLOSED))
    work.keep(det & _may_be(left, tag.ONE), ~tag.NNS)
    work.keep(det & ~_may_be(near.right, tag.JJ | tag.VBN), ~tag.ADV)
    work.keep(left == tag.THIS, ~(tag.NNS | tag.VB))
    work.keep(left == tag.THESE, ~(tag.NN | tag.VBZ | tag.VBG))
    modified = _must_be(left, tag.ADJ) | (left == tag.NUMBER)
    # "few arrived", "what I paid for arrived": only where a noun or an adjective is left in the verb's stead.
    nominal = _may_be(work.bits, tag.NOUN | tag.ADJ)
    work.keep(modified & nominal, ~tag.FINITE)
    work.keep((left == tag.PREP) & nominal, ~(tag.FINITE | tag.ADV))
    work.keep(left == tag.DEGREE, tag.JJ | tag.RB)


def _after_verbs_of_others(work: _Striker, near: Around) -> None:
    far = near.far
    work.keep(far == tag.MODAL, tag.VB)
    work.keep(_must_be(far, tag.DO) & (near.left == tag.NOT), tag.VB)
    asked = _may_be(near.left, tag.SUBJECT) & _may_be(near.left2, tag.MODAL | tag.DO)
    work.keep(asked, tag.VB)
    # "want to work" but "go to work", "next to work": there "to" may be a preposition.
    work.keep((far == tag.TO) & (near.left2 != tag.AWAY), tag.VB)
    work.keep(far == tag.TO, ~(tag.VBD | tag.VBZ | tag.ADV))


def _after_subjects(work: _Striker, near: Around) -> None:
    left, far = near.left, near.far
    both = _may_be(far, tag.SUBJECT) & _may_be(far, tag.OBJECT)
    starts = (left == far) & _must_be(near.left2, _CLAUSE)
    subject = (
        _may_be(far, tag.SUBJECT) & (~both | starts) & ~_may_be(near.left2, tag.MODAL | tag.DO | tag.BE | tag.HAVE)
    )
    singular = _may_be(far, tag.SINGULAR)
    work.keep(subject & singular, tag.VBZ | tag.VBD | tag.ADV | tag.CLOSED)
    work.keep(subject & ~singular, tag.VB | tag.VBD | tag.ADV | tag.CLOSED)
    perfect = _may_be(left, tag.SUBJECT) & (near.left2 == tag.HAVE)
    work.keep(perfect, tag.VBN)


def _after_be_and_have(work: _Striker, near: Around) -> None:
    far, right = near.far, near.right
    be = far == tag.BE
    work.keep(_must_be(far, tag.BE | tag.HAVE), ~tag.FINITE)
    work.keep(be, ~tag.NN)
    work.keep(be & ~_may_be(work.bits, tag.JJ), ~tag.NOUN)
    work.keep(be & ~_may_be(right, tag.ADJ | tag.ADV | tag.VBN), ~tag.ADV)
    have = far == tag.HAVE
    work.keep(have & _may_be(right, _POINTS_BACK), tag.VBN)
    work.keep(have & ~_may_be(work.bits, tag.NOUN), ~tag.ADJ)


def _in_phrases(work: _Striker, near: Around) -> None:
    left, right = near.left, near.right
    opens = _must_be(left, tag.DET | tag.ONE | tag.THIS | tag.THESE | tag.NUMBER) | _must_be(left, tag.ADJ)
    ends = _must_be(right, _PHRASE_END)
    work.keep(opens & ends, tag.NOUN)
    noun_next = _must_be(right, tag.NOUN)
    work.keep(opens & noun_next & ~_may_be(work.bits, tag.NOUN), tag.ADJ)
    work.keep(_must_be(left, tag.NN) & ~_may_be(right, _POINTS_BACK | tag.TO), ~tag.VB)
    work.keep(_must_be(left, tag.NOUN) & (right == tag.PREP), ~tag.ADJ)
    work.keep(_must_be(left, tag.NNS) & _may_be(right, _POINTS_BACK), tag.VB | tag.VBD | tag.VBN | tag.VBG)


def _before(work: _Striker, near: Around) -> None:
    left, right = near.left, near.right
    object_next = _must_be(right, _POINTS_BACK | tag.ONE) & ~_may_be(right, tag.SUBJECT)
    command = (left == tag.EDGE) & object_next & _may_be(work.bits, tag.VB)
    work.keep(command, tag.VB | tag.ADV)
    work.keep(object_next & _must_be(work.bits, tag.NNS | tag.VBZ) & ~_may_be(left, tag.DET | tag.ADJ), tag.VBZ)
    verb_next = _must_be(right, tag.BE | tag.HAVE | tag.MODAL) & (left != tag.EDGE)
    work.keep(verb_next, ~(tag.VB | tag.VBZ))


def settled(bits: Bits) -> npt.NDArray[Any]:
    """Return the part of speech of each word where only one is left, as the bits of POS_OF; 0 elsewhere."""
    found = np.zeros_like(bits)
    for mask in tag.POS_OF.values():
        found[_must_be(bits, mask) & (bits != 0)] = mask
    return found
