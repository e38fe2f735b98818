"""What may stand for a form of a word under a reading: the synonyms of each sense, inflected alike."""

from dataclasses import dataclass

from tasks.methods.augment import _synonyms_readings as tag
from tasks.methods.augment._lexicon import NO_COUNT, Ints, Thesaurus, lemmatizer

# Beside the reading: an adjective before its noun, a noun after "a" or "an", a noun without any determiner.
ATTRIBUTIVE, COUNTED, BARE = (1 << number for number in range(13, 16))
_FLAGS = ATTRIBUTIVE | COUNTED | BARE
_UPOS = {"n": "NOUN", "v": "VERB", "a": "ADJ", "r": "ADV"}
_BASE = {"NN", "VB", "JJ", "RB"}
_COMPARED = {"JJR", "JJS", "RBR", "RBS"}
# Said after "be" only: "the dog is asleep".
_PREDICATIVE_WORDS = """
    afraid aglow alike alive alone asleep ashamed awake aware content glad ill poorly sorry unwell upset well
"""
_PREDICATIVE = frozenset(_PREDICATIVE_WORDS.split())
# Said before a noun only: "the entire day", no "the day is entire".
_PRENOMINAL = frozenset({"chief", "countless", "entire", "former", "main", "numerous", "principal", "sole", "various"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Which synonyms are near enough; see the params of the same names."""

    multiword: bool
    max_sense_rank: int
    min_count: int


@dataclass(frozen=True, slots=True)
class Sense:
    """One sense of a form: the words that speak for it and what may stand for the form."""

    cues: Ints
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Head:
    """The word that is replaced."""

    form: str
    lemma: str
    pos: str
    reading: int


def senses(form: str, reading: int, known: Thesaurus, limits: Limits) -> tuple[Sense, ...]:
    """Return the senses of `form` under a reading (bits of one part of speech, and the flags above)."""
    pos = next(pos for pos, mask in tag.POS_OF.items() if reading & mask)
    if pos == "n" and (found := known.senses("p", form)):
        return tuple(Sense(known.cues(sense), tuple(known.members(sense))) for sense in found)
    lemmas = {lemma for _, lemma in tag.lemmas_of(form, pos) if tag.tags_of(form, lemma, pos) & reading}
    if not lemmas and known.senses(pos, form):
        lemmas = {form}
    if len(lemmas) != 1 or (known.reciprocal and reading & BARE):
        return ()
    (lemma,) = lemmas
    head = _Head(form, lemma, pos, reading)
    return tuple(Sense(known.cues(sense), _options(sense, head, known, limits)) for sense in known.senses(pos, lemma))


def _options(sense: int, head: _Head, known: Thesaurus, limits: Limits) -> tuple[str, ...]:
    found = []
    for member in known.members(sense):
        if member == head.lemma or not _near(member, sense, (head, known, limits)):
            continue
        if head.reading & ATTRIBUTIVE and member in _PREDICATIVE:
            continue
        if head.pos == "a" and not head.reading & ATTRIBUTIVE and member in _PRENOMINAL:
            continue
        if head.reading & COUNTED and not inflected(member, "NNS", "n"):
            continue
        option = _as_inflected(member, head.reading & ~_FLAGS, head.pos)
        if option and option != head.form:
            found.append(option)
    return tuple(dict.fromkeys(found))


def _near(member: str, sense: int, where: tuple[_Head, Thesaurus, Limits]) -> bool:
    head, known, limits = where
    if " " in member:
        return limits.multiword
    if not known.reciprocal:
        return True
    rank = known.rank(head.pos, member, head.lemma, sense)
    if rank is None or rank > limits.max_sense_rank:
        return False
    count = int(known.count[known.senses(head.pos, member)[rank - 1]])
    return count == NO_COUNT or count >= limits.min_count


def _as_inflected(member: str, reading: int, pos: str) -> str | None:
    """Return the one form of `member` for every tag of the reading; None where there is none, or they differ."""
    forms = {inflected(member, name, pos) for number, name in enumerate(tag.TAGS) if reading & (1 << number)}
    return forms.pop() if len(forms) == 1 else None


def inflected(member: str, name: str, pos: str) -> str | None:
    """Return the form of a word or expression under a tag; None where it has none."""
    if name in _BASE:
        return member
    head, space, tail = member.partition(" ") if pos == "v" else member.rpartition(" ")
    word = head if pos == "v" else tail
    form = _form(word, name, pos)
    if form is None:
        return None
    return f"{form}{space}{tail}" if pos == "v" else f"{head}{space}{form}"


def _form(word: str, name: str, pos: str) -> str | None:
    if name == "NNS" and (word in tag.INVARIANT or word in tag.MASS):
        return word if word in tag.INVARIANT else None
    forms = tag.inflections(word, pos).get(name)
    if not forms and name not in _COMPARED and word not in _dictionary(word, pos):
        forms = lemmatizer().getInflection(word, name)
    return forms[0] if forms else None


def _dictionary(word: str, pos: str) -> tuple[str, ...]:
    """Return the lemmas of a word that the dictionary knows; a form that it then lacks does not exist."""
    return lemmatizer().getAllLemmas(word, _UPOS[pos]).get(_UPOS[pos], ())
