"""What the name finder knows of a word before it reads: an ordinary one, a name on some list, or neither."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.methods.perturb import _pii_lines as private
from tasks.methods.perturb import _pii_lines_more as more
from tasks.methods.perturb import _pii_lines_plain as plain
from tasks.methods.perturb._pii_values import LOCALES, OTHER_SCRIPTS, Pools
from tasks.methods.perturb._pii_words import inflected, small_words, stems

if TYPE_CHECKING:
    from spacy.language import Language

_LISTS_OF_PEOPLE = ("first_name", "last_name")
_LISTS_OF_PLACES = ("cities", "city_names", "countries", "states", "regions", "provinces", "municipalities", "towns")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words in lower case. `core` are told apart by the finder, of the others it knows the class alone."""

    core: frozenset[str]
    ordinary: frozenset[str]
    people: frozenset[str]
    places: frozenset[str]

    def norm(self, word: str) -> str:
        """Return what stands for a word: itself, or its class: `*` ordinary, `~` unknown, `#` has a digit."""
        lower = word.lower()
        if lower in self.core:
            return lower
        if not word[:1].isalpha():
            return "#" if any(char.isdigit() for char in word) else lower
        if any(char.isdigit() for char in word):
            return "a#"
        sort = "*" if lower in self.ordinary else "~"
        return sort + ("p" if lower in self.people else "") + ("l" if lower in self.places else "")

    def dress(self, nlp: "Language") -> None:
        """Let the pipeline read words so: what stands for one, its first letter and its last three, small."""
        from spacy.attrs import NORM, PREFIX, SUFFIX  # noqa: PLC0415 - heavy

        nlp.vocab.lex_attr_getters[NORM] = self.norm
        nlp.vocab.lex_attr_getters[PREFIX] = _prefix
        nlp.vocab.lex_attr_getters[SUFFIX] = _suffix

    def partly(self) -> "Lexicon":
        """Return the lexicon to learn with: without half of the names, so that names on no list are learnt from too.

        Of ordinary words one in eight is left out: an unknown word is seldom an ordinary one, and it must stay so.
        """
        people, places = (
            frozenset(word for word in words if _byte(word) < 128) for words in (self.people, self.places)
        )
        return Lexicon(self.core, frozenset(word for word in self.ordinary if _byte(word) < 224), people, places)

    def write(self, path: Path) -> None:
        """Write the words as JSON, sorted."""
        words = {name: sorted(getattr(self, name)) for name in self.__slots__}
        path.write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")


def _prefix(word: str) -> str:
    return word[:1].lower()


def _suffix(word: str) -> str:
    return word[-3:].lower()


def read(path: Path) -> Lexicon:
    """Return the lexicon that `Lexicon.write` wrote."""
    words = json.loads(path.read_text(encoding="utf-8"))
    return Lexicon(**{name: frozenset(value) for name, value in words.items()})


def _byte(word: str) -> int:
    """Return a number of 0-255 that follows from the word."""
    return hashlib.blake2b(word.encode(), digest_size=1).digest()[0]


def lexicon(pools: Iterable[Pools]) -> Lexicon:
    """Return the lexicon: the words of our own sentences and list, and of Faker's lists of people and places."""
    core = frozenset(_words(lines for part in (private, more) for lines in (part.PEOPLE, part.PLACES, part.ORGS)))
    core |= frozenset(_words([private.ADDRESSES, more.ADDRESSES, plain.PLAIN, more.PLAIN]))
    lists = [plain.NOUNS, plain.ADJECTIVES, plain.VERBS, plain.RELATIVES, plain.NATIONS, plain.MONTHS, plain.DAYS]
    known = {*stems(), *_words(word for words in lists for word in words), *_lorem()}
    ordinary = {form for word in known for form in inflected(word)}
    people, places = set(_faker(_LISTS_OF_PEOPLE)), set(_faker(_LISTS_OF_PLACES))
    for pool in pools:
        people.update(_words([*pool.first, *pool.last]))
        places.update(_words([*pool.city, *pool.country]))
    titles = {title.lower() for title in [*plain.TITLES, *plain.ACRONYMS, *plain.ORG_TAILS]}
    core |= small_words() | titles
    return Lexicon(core, frozenset(ordinary - core), *(frozenset(_proper(words - core)) for words in (people, places)))


def _proper(words: Iterable[str]) -> Iterable[str]:
    return (word for word in words if len(word) > 1)


def _words(texts: Iterable[str]) -> list[str]:
    text = " ".join(texts).lower()
    for mark in '[]|{}()<>\n,.:;!?"/*#':
        text = text.replace(mark, " ")
    return text.split()


def _lorem() -> list[str]:
    from faker.providers.lorem.en_US import Provider  # noqa: PLC0415 - heavy

    return [str(word).lower() for word in Provider.word_list]


def _faker(starts: tuple[str, ...]) -> list[str]:
    """Return the words of Faker's own lists whose names start so, of the countries that the finder learns from."""
    from faker import Faker  # noqa: PLC0415 - heavy

    found: list[str] = []
    for locale in [*LOCALES, *OTHER_SCRIPTS]:
        for provider in Faker(locale).get_providers():
            for name in dir(provider):
                if name.startswith(starts):
                    found += _strings(getattr(provider, name))
    return _words(found)


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        value = list(value)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


Norm = Callable[[str], str]
