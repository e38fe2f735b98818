"""What a word form can be: Penn Treebank tags and closed classes as bits, by table and by lemminflect's dictionary."""

import re
from functools import lru_cache
from typing import Final

from tasks.methods.augment._lexicon import Thesaurus, lemmatizer

# Tags that a word which is replaced may have; VBP is folded into VB, which it always equals in these words.
TAGS: Final = ("NN", "NNS", "VB", "VBZ", "VBD", "VBN", "VBG", "JJ", "JJR", "JJS", "RB", "RBR", "RBS")
_BIT = {tag: 1 << number for number, tag in enumerate(TAGS)} | {"VBP": 4, "NNP": 0, "NNPS": 0, "MD": 0}
NN, NNS, VB, VBZ, VBD, VBN, VBG, JJ, JJR, JJS, RB, RBR, RBS = (1 << number for number in range(len(TAGS)))
NOUN: Final = NN | NNS
VERB: Final = VB | VBZ | VBD | VBN | VBG
FINITE: Final = VB | VBZ | VBD
ADJ: Final = JJ | JJR | JJS
ADV: Final = RB | RBR | RBS
OPEN: Final = NOUN | VERB | ADJ | ADV
POS_OF: Final = {"n": NOUN, "v": VERB, "a": ADJ, "r": ADV}
_UPOS = {"NOUN": "n", "VERB": "v", "ADJ": "a", "ADV": "r"}
_LONG = {short: long for long, short in _UPOS.items()}

# Closed classes: words that are never replaced and tell what stands beside them.
DET, ONE, THIS, THESE, SUBJECT, SINGULAR, OBJECT, TO, MODAL, DO, BE, HAVE = (1 << number for number in range(13, 25))
PREP, CONJ, SUB, NUMBER, NAME, NOT, PARTICLE, DEGREE, AWAY, EDGE = (1 << number for number in range(25, 35))
CLOSED: Final = ~OPEN

_CLASSES: Final = {
    DET: "the my your our their his whose no",
    DET | ONE: "a an every another",
    DET | OBJECT: "her",
    THIS: "this",
    THESE: "these those",
    SUBJECT: "i we they",
    SUBJECT | SINGULAR: "he she",
    SUBJECT | OBJECT: "you",
    SUBJECT | SINGULAR | OBJECT: "it",
    OBJECT: "me him us them myself yourself himself herself itself ourselves yourselves themselves mine yours hers "
    "ours theirs one ones someone somebody something anyone anybody anything everyone everybody everything nobody "
    "nothing none",
    TO: "to",
    MODAL: "can could will would shall should must may might cannot can't couldn't won't wouldn't shouldn't mustn't "
    "mightn't needn't don't doesn't didn't please let's i'll you'll he'll she'll it'll we'll they'll that'll who'll "
    "i'd you'd he'd she'd we'd they'd cant couldnt wont wouldnt shouldnt dont doesnt didnt ill",
    DO: "do does did doing done",
    BE: "am is are was were be been being i'm you're we're they're isn't aren't wasn't weren't ain't im youre isnt "
    "arent wasnt werent there're there's here's what's where's who's how's that's",
    BE | HAVE: "he's she's it's",
    HAVE: "have has had having i've you've we've they've haven't hasn't hadn't ive youve havent hasnt hadnt",
    PREP: "of in at with from by for about under into onto upon near beside besides behind between among above below "
    "beneath toward towards against during without within via per across along amid around despite except opposite "
    "outside inside past throughout underneath over through on",
    PARTICLE: "up off out down away back apart aside together forward ahead",
    CONJ: "and or but nor plus & yet",
    SUB: "that what which who whom if because when while although though unless until till since whether where "
    "why how before after as like than so once whereas wherever whenever however",
    NUMBER: "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred "
    "thousand million many few several fewer more most less least much enough",
    NOT: "not never",
    DEGREE: "very too quite extremely",
    AWAY: "go goes went gone come comes came next close closer due thanks according listen listens similar addition",
    NAME: "some any all both such each either neither other others same own first second third last next monday "
    "tuesday wednesday thursday friday saturday sunday january february march april june july august "
    "september october november december mr mrs ms dr hi hello hey hiya thank yes ok okay oh well just "
    "also even still only already again ever here there now then today tomorrow yesterday tonight else "
    "rather instead get gets got gotten getting going coming take takes took taken taking make makes made "
    "making let lets letting give gives gave given giving keep keeps kept keeping put puts "
    "putting want wants wanted set sets setting used supposed likely thing things time times day days "
    "week weeks month months year years hour hours minute minutes seconds way ways lot lots bit sure able "
    "about dear sir sirs madam sorry hate kindly regards",
}
_TABLE: Final = {word: bits for bits, words in _CLASSES.items() for word in words.split()}
# The dictionary gives most nouns a plural that is the noun itself, and mass nouns a plural with s: neither helps.
_INVARIANT_NOUNS = """
    aircraft crossroads deer fish headquarters hovercraft means moose offspring salmon series sheep spacecraft species
    trout
"""
_MASS_NOUNS = """
    advice aid anger assistance attire baggage bother cash clothing consent damage daybreak dirt dust electricity
    equipment evidence filth firmware footage fury furniture garbage gear grime guidance happiness hardware harm
    heat help homework info information knowledge luggage mail merchandise midday money news noon patience
    permission progress proof rage rainfall research rubbish safety security software support traffic trash
    understanding warmth waste
"""
INVARIANT: Final = frozenset(_INVARIANT_NOUNS.split())
MASS: Final = frozenset(_MASS_NOUNS.split())
_LETTERS = re.compile(r"[a-z]+(?:-[a-z]+)*")


def readings(form: str, known: Thesaurus) -> int:
    """Return what a form in lower case can be, as bits; every open tag at once where nothing is known of it."""
    plain = form.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if plain in _TABLE:
        return _TABLE[plain]
    if not _LETTERS.fullmatch(plain):
        # "2 kettles" but "node 2 works": a figure says nothing of what comes after it.
        return NAME
    found = 0
    for upos, lemma in lemmas_of(plain):
        found |= tags_of(plain, lemma, upos)
    found |= _listed(plain, known)
    if plain.endswith("ly") and not found:
        return RB
    if plain.endswith("ly") and found & RB:
        # "likely" and "friendly" have no adverb in the dictionary; "early" and "daily" have, and stay open.
        found &= ADV | JJ
    if only := known.only.get(plain):
        found &= sum(POS_OF[pos] for pos in only) or found
    return found or OPEN


def lemmas_of(form: str, pos: str | None = None) -> list[tuple[str, str]]:
    """Return (part of speech, lemma) of a form by lemminflect's dictionary; only of `pos` (n v a r) where given."""
    found = lemmatizer().getAllLemmas(form)
    pairs = [(_UPOS[upos], lemma) for upos, lemmas in found.items() if upos in _UPOS for lemma in lemmas]
    return [pair for pair in pairs if pos in {None, pair[0]}]


def tags_of(form: str, lemma: str, pos: str) -> int:
    """Return the tags under which `form` is an inflection of `lemma`, as bits."""
    found = 0
    for tag, forms in inflections(lemma, pos).items():
        if form in forms and (tag != "NNS" or form != lemma or form in INVARIANT):
            found |= _BIT.get(tag, 0)
    return found & POS_OF[pos]


@lru_cache(maxsize=1 << 16)
def inflections(lemma: str, pos: str) -> dict[str, tuple[str, ...]]:
    """Return the forms of a lemma by tag, by the dictionary; the participle too, which it leaves out where regular."""
    forms = lemmatizer().getAllInflections(lemma, _LONG[pos])
    return {"VBN": forms["VBD"], **forms} if "VBD" in forms else forms


def _listed(form: str, known: Thesaurus) -> int:
    """Return the base tags of what the thesaurus lists under this very form and the dictionary need not know."""
    base = {"n": NN, "p": NNS, "v": VB, "a": JJ, "r": RB}
    return sum(bit for pos, bit in base.items() if known.senses(pos, form))
