"""Agreement in English: articles, plurals, sentence case."""

import pytest

from tasks.methods.rules._template_english import article, sentence, with_article
from tasks.methods.rules._template_plural import counted, is_one, plural

A_WORDS = """
    unit uniform union unionist unique unicorn unilateral unimodal unisex universe unary unanimous user useful usual use
    ukulele Ukrainian Ugandan utility utopia Utah uterus uranium ubiquitous usurper Ulysses UK US UN URL USB UFO UNIX
    European euro eulogy ewe one one-off once oneself ONE house historic hotel horse houri herb
    yellow year
    NASA NATO RAM SIM LAN PhD GPU T-shirt U-turn k-means p-value xylophone 1 10 100 110 180 1,100 1,800 28 118 12 0 4K
    5G £5 MySQL SaaS
"""
AN_WORDS = """
    apple egg idea onion umbrella hour hourglass honest heir heirloom honour honorary unidentified unimportant
    uninstalled unable under usher urgent urn utter ultra uproar Euler onerous 8 8.5 11 18 80 800 81 800-page 8th 11th
    18-year-old 11,000 18,000 18000000 1890s $8 '80s SSH FAQ LED FBI XML HTML HTTP MRI LLM API EU SQL MP3 F-16 X-ray
    x-ray e-mail n-gram h-index S LEDs FAQs MSc iPhone eBay Xbox élan über ytterbium HONEST "hour" (apple) HOUR
"""


@pytest.mark.parametrize(
    ("word", "expected"), [(w, "a") for w in A_WORDS.split()] + [(w, "an") for w in AN_WORDS.split()]
)
def test_article_follows_the_sound(word, expected):
    assert article(word) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("800-page book", "an 800-page book"),
        ("UK firm", "a UK firm"),
        ("hour", "an hour"),
        ("European", "a European"),
        ("", ""),
        ("—", "a —"),
        ("日本", "a 日本"),
    ],
)
def test_with_article_keeps_the_text(text, expected):
    assert with_article(text) == expected


PLURALS = """
    cat:cats box:boxes bus:buses church:churches dish:dishes quiz:quizzes baby:babies day:days soliloquy:soliloquies
    leaf:leaves roof:roofs chief:chiefs knife:knives potato:potatoes photo:photos piano:pianos child:children
    grandchild:grandchildren man:men woman:women policeman:policemen human:humans German:Germans person:people
    salesperson:salespeople mouse:mice goose:geese mongoose:mongooses foot:feet tooth:teeth ox:oxen fox:foxes
    sheep:sheep goldfish:goldfish series:series species:species aircraft:aircraft analysis:analyses crisis:crises
    axis:axes criterion:criteria phenomenon:phenomena datum:data cactus:cacti virus:viruses octopus:octopuses
    matrix:matrices index:indexes stomach:stomachs epoch:epochs Child:Children Person:People CPU:CPUs SMS:SMSes
    BOTTLE:BOTTLES CHILD:CHILDREN 1990:1990s A:As iPhone:iPhones information:information software:software
    scissors:scissors Chinese:Chinese cheese:cheeses diocese:dioceses bookshelf:bookshelves half:halves hero:heroes
    mother-in-law:mothers-in-law passer-by:passers-by runner-up:runners-up close-up:close-ups check-in:check-ins
    x-ray:x-rays gas:gases lens:lenses waltz:waltzes tax:taxes life:lives proof:proofs giraffe:giraffes zoo:zoos
    café:cafés penny:pennies month:months iris:irises snowman:snowmen house:houses
    jack-of-all-trades:jacks-of-all-trades
"""


@pytest.mark.parametrize("pair", PLURALS.split())
def test_plural_of_a_word(pair):
    one, _, many = pair.partition(":")
    assert plural(one) == many


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("cup of tea", "cups of tea"),
        ("pair of shoes", "pairs of shoes"),
        ("red box", "red boxes"),
        ("attorney general", "attorneys general"),
        ("man in black", "men in black"),
        ("glass of water ", "glasses of water "),
        ("piece of furniture", "pieces of furniture"),
        ("LED lamp", "LED lamps"),
        ("stick (blue)", "stick (blue)"),
        ("", ""),
        ("  ", "  "),
    ],
)
def test_plural_bends_the_head_of_a_phrase(one, many):
    assert plural(one) == many


@pytest.mark.parametrize(
    ("number", "one"),
    [
        ("1", True),
        ("01", True),
        ("one", True),
        ("-1", True),
        ("1.0", False),
        ("0", False),
        ("21", False),
        ("1,001", False),
        ("many", False),
        ("", False),
    ],
)
def test_number_that_takes_a_singular(number, one):
    assert is_one(number) is one
    assert counted("box", number) == ("box" if one else "boxes")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask NASA", "Ask NASA"),
        ('"ask NASA"', '"Ask NASA"'),
        ("élan", "Élan"),
        ("¿qué?", "¿Qué?"),
        ("8 lamps", "8 lamps"),
        ("ßa", "Ssa"),
        ("...", "..."),
        ("", ""),
    ],
)
def test_sentence_raises_only_the_first_letter(text, expected):
    assert sentence(text) == expected
