"""English plurals of nouns, by rule and by table.

Source: Conway 1998, "An Algorithmic Approach to English Pluralization"
(https://users.monash.edu/~damian/papers/HTML/Plurals.html); the tables are our own.
"""

import re
from decimal import Decimal, InvalidOperation

_PAIRS = """
    child:children person:people mouse:mice louse:lice goose:geese foot:feet tooth:teeth ox:oxen die:dice
    man:men woman:women this:these that:those quiz:quizzes fez:fezzes whiz:whizzes axis:axes gas:gases
    leaf:leaves loaf:loaves thief:thieves calf:calves half:halves elf:elves self:selves shelf:shelves
    wolf:wolves knife:knives life:lives wife:wives hoof:hooves scarf:scarves wharf:wharves sheaf:sheaves
    potato:potatoes tomato:tomatoes hero:heroes echo:echoes veto:vetoes torpedo:torpedoes embargo:embargoes
    mosquito:mosquitoes volcano:volcanoes cargo:cargoes mango:mangoes tornado:tornadoes buffalo:buffaloes
    domino:dominoes tuxedo:tuxedos cactus:cacti fungus:fungi nucleus:nuclei radius:radii stimulus:stimuli
    alumnus:alumni bacillus:bacilli locus:loci datum:data bacterium:bacteria curriculum:curricula medium:media
    stratum:strata erratum:errata addendum:addenda memorandum:memoranda ovum:ova criterion:criteria
    phenomenon:phenomena automaton:automata matrix:matrices vertex:vertices appendix:appendices vortex:vortices
    codex:codices larva:larvae alga:algae vertebra:vertebrae passerby:passersby brother-in-law:brothers-in-law
    genus:genera opus:opuses corpus:corpora stomach:stomachs monarch:monarchs patriarch:patriarchs
    matriarch:matriarchs epoch:epochs loch:lochs tech:techs eunuch:eunuchs czech:czechs iris:irises
    pelvis:pelvises trellis:trellises mongoose:mongooses human:humans german:germans roman:romans norman:normans
    shaman:shamans talisman:talismans ottoman:ottomans caiman:caimans brahman:brahmans forefoot:forefeet
"""
_IRREGULAR = dict(pair.split(":") for pair in _PAIRS.split())
# One form for one and for many, or nothing to count.
_SAME = """
    sheep fish deer moose elk swine bison salmon trout cod squid shrimp plankton aircraft spacecraft hovercraft
    offspring series species means headquarters crossroads barracks gallows chassis corps swiss scissors
    trousers jeans pants shorts pliers tweezers binoculars clothes pyjamas pajamas information equipment
    furniture luggage baggage rice advice news software hardware feedback research homework knowledge music
    traffic evidence bread water money mathematics physics economics politics wildlife nightlife
"""
_UNCHANGED = frozenset(_SAME.split())
# Words that end in these stems bend as the stem does: grandchild, fireman, bookshelf, housewife.
_COMPOUND = ("child", "man", "woman", "person", "mouse", "tooth", "shelf", "wife", "knife", "leaf")
_FISH = re.compile(r"(?:fish|sheep|deer|ware|(?:n|m|l|t|gu)ese)$")
_HEAD = re.compile(
    r"(?P<head>.*?\w)(?P<tail>(?:\s(?:of|in|for|with|without|from|at|by|on|to|per|that|who)\s|-(?:in|of|at)-).+"
    r"|-(?:by|to|on|up)$|\sgeneral$)",
    re.DOTALL,
)
# close-up and its like take the s at the end, unlike runner-up.
_PERSON_BEFORE_PARTICLE = re.compile(r"(?:er|or)$")


def plural(text: str) -> str:
    """Return the plural of the noun or noun phrase `text`; the head noun bends: cups of tea, mothers-in-law."""
    body = text.strip()
    if not body:
        return text
    at = text.index(body)
    return text[:at] + _phrase(body) + text[at + len(body) :]


def counted(text: str, number: str) -> str:
    """Return `text` where `number` is one ("1", "01", "one"), else its plural."""
    return text if is_one(number) else plural(text)


def is_one(number: str) -> bool:
    """Return whether a number, as written in a text, takes a singular noun: 1 and one do; 1.0, 0 and 21 do not."""
    if number.strip().lower() == "one":
        return True
    try:
        value = Decimal(number.strip().replace(",", ""))
    except InvalidOperation:
        return False
    return abs(value) == 1 and value == value.to_integral_value() and "." not in number


def _phrase(text: str) -> str:
    found = _HEAD.fullmatch(text)
    if found and not (found["tail"] == "-up" and not _PERSON_BEFORE_PARTICLE.search(found["head"])):
        return _phrase(found["head"]) + found["tail"]
    start = max(text.rfind(" "), text.rfind("-"), text.rfind("\t"), text.rfind("\n")) + 1
    return text[:start] + _word(text[start:])


def _word(word: str) -> str:
    if not word or not word[-1].isalnum():
        return word
    if word.isupper() and len(word) > 1:
        return _capitals(word)
    if len(word) == 1 or word[-1].isdigit():
        return word + "s"
    return _cased(_lower(word.lower()), word)


def _capitals(word: str) -> str:
    """Return the plural of a word in capitals: CPUs, but BOTTLES and CHILDREN."""
    lower = word.lower()
    if lower in _UNCHANGED:
        return word
    if lower in _IRREGULAR or (len(word) >= 5 and re.search(r"[AEIOU]", word[:3])):
        return _lower(lower).upper()
    return word + ("es" if word.endswith("S") else "s")


def _cased(plural_form: str, word: str) -> str:
    """Return the plural with the letters that it shares with `word` written as there: iPhone, Child, McFly."""
    shared = 0
    while shared < min(len(word), len(plural_form)) and plural_form[shared] == word[shared].lower():
        shared += 1
    form = word[:shared] + plural_form[shared:]
    return form[0].upper() + form[1:] if word[0].isupper() else form


def _lower(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _UNCHANGED or _FISH.search(word):
        return word
    for stem in _COMPOUND:
        if word.endswith(stem):
            return word[: -len(stem)] + _IRREGULAR[stem]
    return _regular(word)


def _regular(word: str) -> str:
    if word.endswith("sis"):
        return word[:-2] + "es"
    if re.search(r"(?:[^aeiou]|qu)y$", word):
        return word[:-1] + "ies"
    if re.search(r"(?:s|x|z|ch|sh)$", word):
        return word + "es"
    return word + "s"
