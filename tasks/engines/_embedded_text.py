"""What the embedded model learns to write: the texts of a support desk, from synchronous grammars.

`Writer` draws them from one random generator. The messages of customers are those of the project's own desk grammar;
answers, reviews and tasks are written below in the same notation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from tasks.methods.augment._synchronous import Grammar, Meaning, read, spelled
from tasks.methods.augment._synchronous_desk import desk

PRODUCTS = (
    *("Ember Mini Oven", "Brisk Kettle", "Duet Espresso", "Quern Grinder", "Fennel Multicooker", "Sluice Dishwasher"),
    *("Crumb Toaster", "Furrow Mixer", "Beacon Router", "Ripple Mesh", "Lookout Doorbell", "Keep Drive"),
)
TOPICS = {
    "fault": "Fault",
    "delivery": "Delivery",
    "damage": "Damage",
    "billing": "Charge",
    "return": "Return",
    "account": "Account",
    "how to": "HowTo",
    "spare part": "Part",
    "praise": "Praise",
}

ANSWERS = """
Advice: {First} {Then} {End}
Advice: {First} {Then}
Advice: {Cause} {First} {Then}
Advice: {Cause} {First} {End}
Cause: that is usually {Why}. | most often this is {Why}. | as a rule it is {Why}.
Why: a worn seal
Why: a loose cable
Why: scale in the water
Why: a blocked filter
Why: dust on the sensor
Why: an old version of the app
First: switch it off at the wall and wait {Minutes}. | turn it off, unplug it and leave it for {Minutes}.
First: take out the {Piece} and rinse it under warm water. | remove the {Piece} and wash it with warm water.
First: hold the button for {Seconds} until the light blinks. | press the button for {Seconds}, until the light blinks.
First: open the app and choose {Menu}. | in the app, go to {Menu}.
First: let it cool down and wipe the {Piece} with a soft cloth. | when it is cold, clean the {Piece} with a soft cloth.
Then: then put it back and switch on again. | put it back in its place and turn it on.
Then: after that, check that the {Piece} sits firmly. | then make sure that the {Piece} is in its place.
Then: run it once without anything in it. | let it run once while it is empty.
Then: do not use soap or a hard brush. | never use soap or a hard brush.
Then: repeat this every {Often}. | do the same every {Often}.
End: if it comes back, we will repair it under guarantee. | should it happen again, the guarantee covers the repair.
End: if that does not help, send us a photo. | if nothing changes, please send a photo.
End: otherwise we will send you a new {Piece}. | if not, a new {Piece} is free of charge.
End: it takes about {Minutes}. | allow {Minutes} for it.
Piece: filter
Piece: lid
Piece: seal
Piece: tray
Piece: cable
Piece: plug
Piece: water tank
Minutes: five minutes
Minutes: ten minutes
Minutes: twenty minutes
Minutes: half an hour
Seconds: three seconds
Seconds: five seconds
Seconds: ten seconds
Menu: settings
Menu: updates
Menu: my devices
Often: week
Often: month
Often: three months
"""
REPLIES = """
Reply: {Sorry} {Act} {Bye}
Reply: {Sorry} {Act}
Reply: {Thanks} {Act}
Reply: {Thanks} {Act} {Bye}
Sorry: that should not have happened. | this is our mistake.
Thanks: thank you for your message. | thank you for telling us.
Act: a new one leaves our warehouse {When}. | we will send another one {When}.
Act: the money will be back on your card {When}. | you will have your money back {When}.
Act: I have asked the courier to find it, and will write again {When}.
  | the courier is looking for it; expect news {When}.
Act: please send me a photo of the damage, and I will arrange the rest. | with a photo of the damage I can do the rest.
Act: an engineer can come {When}. | we can send an engineer {When}.
Act: a label for the return is on its way. | you will get a label for the return.
Bye: please tell me if there is anything else. | write again if anything else is wrong.
Bye: thank you for your patience. | thanks for waiting.
When: today
When: tomorrow
When: this week
When: within three days
When: on Monday
"""
REVIEWS = """
Review: {Good} {More}
Review: {Good} {But}
Review: {Bad} {Worse}
Review: {Bad}
Review: {Good}
Good: the {Thing} does what it says. | the {Thing} keeps its promises.
Good: I use my {Thing} every day and like it. | my {Thing} is in use every day, and I am happy with it.
Good: after {Long} my {Thing} still works like new. | my {Thing} works as on the first day, even after {Long}.
Good: the {Thing} was ready to use in minutes. | it took minutes to set up the {Thing}.
More: it is quiet and easy to clean. | cleaning it is easy, and it is quiet.
More: I would buy it again. | I would choose it again.
More: even my mother likes it. | my mother likes it too.
But: but it is louder than I thought. | it makes more noise than I thought, though.
But: only the manual is hard to read. | the manual is the one thing that is hard to read.
But: it takes up a lot of room. | however, it needs a lot of room.
Bad: my {Thing} broke after {Long}. | after {Long} my {Thing} was broken.
Bad: the {Thing} is too loud for a small kitchen. | in a small kitchen the {Thing} is too loud.
Bad: I sent the {Thing} back after {Long}. | the {Thing} went back after {Long}.
Worse: nobody answered my emails. | my emails were never answered.
Worse: it is not worth the money. | for that price I expected more.
Worse: the lid never closed properly. | from the start the lid did not close.
Long: two weeks
Long: a month
Long: three months
Long: a year
Thing: #
"""
TASKS = """
Task: {Do} {About}. | {Do} {About}.
Task: {Label} {Material}: {Labels}. | {Labels}: {Label} {Material}.
Task: {Change} {Material}. | {Change} {Material}.
Task: {Explain}. | {Explain}.
Do: write a short reply to a customer
Do: write a polite email
Do: write three questions
Do: list four tips
Do: write a friendly note
Do: give a short answer
Do: draft a notice for the shop window
Do: write a headline
About: about a {Thing} that {Symptom}
About: about a late order
About: about the refund for a {Thing}
About: about how to clean a {Thing}
About: about the guarantee of a {Thing}
About: about a damaged box
About: about a new {Part} for a {Thing}
Label: sort
Label: label
Label: tag
Material: the message of the customer
Material: the review of a {Thing}
Material: the complaint about a {Thing}
Material: the question about the {Part}
Labels: fault or delivery
Labels: happy or unhappy
Labels: urgent or not urgent
Labels: question or complaint
Change: shorten
Change: rewrite in simple words
Change: find the product in
Change: correct the mistakes in
Change: turn into a list of facts
Change: sum up in one sentence
Explain: explain why a {Thing} {Symptom}
Explain: describe how to change the {Part} of a {Thing}
Explain: tell a beginner how often to clean a {Thing}
Explain: compare a {Thing} with a {Other}
Explain: say what to check before calling about a {Thing}
Explain: suggest a name for a quiet {Thing}
Thing: kettle
Thing: toaster
Thing: oven
Thing: coffee machine
Thing: grinder
Thing: mixer
Thing: dishwasher
Thing: router
Thing: doorbell
Other: microwave
Other: blender
Other: freezer
Other: fan
Part: filter
Part: lid
Part: seal
Part: cable
Part: battery
Symptom: leaks
Symptom: will not switch on
Symptom: smells of burning
Symptom: makes a loud noise
Symptom: gets too hot
Symptom: stops halfway
Symptom: loses the connection
"""

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_NAMES = ("Priya", "Tom", "Marta", "Ines", "Jonas", "Aisha", "Leo", "Nora")


@cache
def _grammar(text: str) -> Grammar:
    return read(text)


@cache
def lexicon() -> tuple[tuple[str, str], ...]:
    """Return everyday words as (part of speech, word), from the project's lexicon."""
    text = files("tasks.methods.augment").joinpath("lexicon.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return tuple((line[0], line[1]) for line in lines if len(line) > 1 and line[1].isalpha())


@dataclass(slots=True)
class Writer:
    """Draws texts; everything follows from `rng`."""

    rng: np.random.Generator
    _values: dict[str, str] = field(default_factory=dict)

    def one(self, of: Sequence[Any]) -> Any:
        """Return one of a sequence."""
        return of[int(self.rng.integers(len(of)))]

    def some(self, of: Sequence[Any], count: int) -> list[Any]:
        """Return different ones of a sequence, in random order."""
        return [of[at] for at in self.rng.permutation(len(of))[:count].tolist()]

    def chance(self, share: float) -> bool:
        """Return true in so many of the cases."""
        return bool(self.rng.random() < share)

    def said(self, grammar: Grammar, meaning: Meaning, product: str) -> str:
        """Return a wording of a meaning, its slots filled."""
        slots = _slots(meaning)
        words = [
            self._slot(slots[word], product, word) if word in slots else word
            for word in grammar.word(meaning, self.rng)
        ]
        return spelled(words)

    def _slot(self, symbol: str, product: str, code: str) -> str:
        if symbol == "Thing":
            return product
        return self._values.setdefault(code, self._value(symbol))

    def _value(self, symbol: str) -> str:
        number = int(self.rng.integers(2, 29))
        match symbol:
            case "Code":
                return f"{self.one('EFH')}{number}"
            case "Day":
                return f"{number} {self.one(_MONTHS)}"
            case "Order":
                return f"HW-44{int(self.rng.integers(10_000, 99_999))}"
            case "Amount":
                return f"£{number}"
        return str(self.one(_NAMES))

    def twice(self, topic: str | None = None, product: str | None = None) -> tuple[str, str, str, str]:
        """Return two wordings of one message, its topic and its product."""
        grammar, product = desk(), product or str(self.one(PRODUCTS))
        wanted = TOPICS[topic] if topic else None
        while True:
            meaning = grammar.draw(self.rng)
            symbols = set(_symbols(meaning))
            kind = next(name for name, symbol in TOPICS.items() if symbol in symbols)
            if "Address" not in symbols and wanted in {None, TOPICS[kind]} and _named(meaning):
                self._values.clear()
                return self.said(grammar, meaning, product), self.said(grammar, meaning, product), kind, product

    def message(self, topic: str | None = None, product: str | None = None) -> str:
        """Return what a customer writes."""
        return self.twice(topic, product)[0]

    def brief(self, topic: str | None = None, product: str | None = None) -> str:
        """Return a sentence of a customer: what the message is about."""
        said = sentences_of(self.message(topic, product))
        return next((sentence for sentence in said if len(sentence.split()) > 4), said[0])

    def of(self, text: str, product: str | None = None) -> str:
        """Return a text of one of the grammars above."""
        grammar = _grammar(text)
        self._values.clear()
        return self.said(grammar, grammar.draw(self.rng), product or str(self.one(PRODUCTS)))

    def advice(self) -> str:
        """Return what the desk tells a customer to do."""
        return self.of(ANSWERS)

    def reply(self) -> str:
        """Return what the desk writes back."""
        return self.of(REPLIES)

    def task(self) -> str:
        """Return an instruction."""
        text = self.of(TASKS)
        text = text.replace(" a oven", " an oven")
        return text[0].upper() + text[1:]

    def stray(self) -> str:
        """Return a sentence of everyday words that makes no sense: what is copied must not depend on sense."""
        words = [word for _, word in self.some(lexicon(), int(self.rng.integers(4, 11)))]
        text = f"{self.one(['the', 'my', 'a', 'this', 'no', 'when', 'we', 'I'])} {' '.join(words)}"
        if self.chance(0.3):
            text = text.replace(" ", f" {int(self.rng.integers(2, 400))} ", 1)
        return text[0].upper() + text[1:] + str(self.one([".", ".", ".", "!", "?"]))

    def bent(self) -> str:
        """Return a sentence of the desk with other words in places: it reads like one, and has to be read."""
        words = self.one(sentences_of(self.one((self.message, self.advice, self.reply))())).split()
        for at in range(len(words) - 1):
            if self.chance(0.3):
                words[at] = str(self.one(lexicon())[1]) if self.chance(0.9) else str(self.rng.integers(2, 600))
        text = " ".join(words)
        return text[0].upper() + text[1:]

    def foreign(self) -> str:
        """Return a sentence that the grammars do not have: most of what seeds hold is such to the model."""
        return self.bent() if self.chance(0.6) else self.stray()

    def document(self, sentences: int, strays: float) -> str:
        """Return a text of about so many sentences, some of them strays."""
        parts: list[Callable[[], str]] = [self.message, self.advice, self.reply, lambda: self.of(REVIEWS)]
        text: list[str] = []
        while len(text) < sentences:
            text += [self.foreign()] if self.chance(strays) else sentences_of(self.one(parts)())
        return " ".join(text[:sentences])


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text that a grammar wrote."""
    out: list[str] = []
    for word in text.split():
        if not out or out[-1][-1] in ".?!":
            out.append(word)
        else:
            out[-1] += f" {word}"
    return out


def _slots(meaning: Meaning) -> dict[str, str]:
    """Return slot word → symbol that it stands for."""
    found: dict[str, str] = {}
    for _, part in meaning.parts:
        found |= {part: meaning.symbol} if isinstance(part, str) else _slots(part)
    return found


def _symbols(meaning: Meaning) -> list[str]:
    inner = [symbol for _, part in meaning.parts if isinstance(part, Meaning) for symbol in _symbols(part)]
    return [meaning.symbol, *inner]


def _named(meaning: Meaning) -> bool:
    """Return whether a product in the meaning is a slot, so that it can be the one that is wanted."""
    if meaning.symbol == "Thing":
        return any(isinstance(part, str) for _, part in meaning.parts)
    return all(_named(part) for _, part in meaning.parts if isinstance(part, Meaning))
