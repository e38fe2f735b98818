"""A word problem under construction: what has been told, the steps worked out so far, and the value they lead to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from tasks.methods.rules._code_dice import Dice

Number = int | Fraction
OPERATIONS: dict[str, Callable[[Number, Number], Number]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: Fraction(a) / b,
}
PEOPLE = (
    ("Amara", "she", "her"), ("Boris", "he", "his"), ("Clara", "she", "her"), ("Dev", "he", "his"),
    ("Elif", "she", "her"), ("Felix", "he", "his"), ("Greta", "she", "her"), ("Hugo", "he", "his"),
    ("Ines", "she", "her"), ("Jonas", "he", "his"), ("Keiko", "she", "her"), ("Liam", "he", "his"),
    ("Marta", "she", "her"), ("Nils", "he", "his"), ("Oona", "she", "her"), ("Pablo", "he", "his"),
    ("Rosa", "she", "her"), ("Samir", "he", "his"), ("Tilda", "she", "her"), ("Viktor", "he", "his"),
)  # fmt: skip
ITEMS = (
    "apples", "stamps", "marbles", "pencils", "stickers", "shells", "buttons", "lemons", "tulips", "postcards",
    "candles", "badges", "beads", "notebooks", "cookies", "plums", "pears", "ribbons", "muffins", "balloons",
)  # fmt: skip
CONTAINERS = ("boxes", "bags", "crates", "baskets", "trays", "jars")
# No quantity of a story goes beyond these: a child who has a million apples is not plausible.
MOST = {"count": 5000, "money": 20_000, "distance": 3000, "time": 3000, "mass": 50_000, "area": 20_000, "pages": 3000}

# One of a kind would need other grammar, and fewer dollars than this are no price.
LEAST: dict[str, Number] = {"count": 2, "time": 2, "pages": 2, "money": Fraction(1, 50)}


class Implausible(ValueError):
    """A step would lead to a value that the story cannot have; another event is tried instead."""


@dataclass(slots=True)
class Story:
    """The problem so far; `value` is a quantity of the sort `kind`, spoken of as `unit`."""

    dice: Dice
    who: str
    pronoun: str
    her: str
    friends: list[str]
    unit: str = ""
    kind: str = ""
    value: Number = 0
    ask: str = ""
    told: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    structure: list[str] = field(default_factory=list)

    @property
    def friend(self) -> str:
        """Someone who has not been spoken of."""
        return next(name for name in self.friends if not any(name in text for text in self.told))

    @property
    def alone(self) -> bool:
        """Whether nobody else has been spoken of, so that a pronoun can only mean one person."""
        return not any(name in text for name in self.friends for text in self.told)

    @property
    def she(self) -> str:
        """The pronoun, or the name where a pronoun could mean someone else."""
        return self.pronoun if self.alone else self.who

    @property
    def starting(self) -> str:
        """`she` at the start of a sentence."""
        return self.she[0].upper() + self.she[1:]

    @property
    def things(self) -> str:
        """The things that are counted, with their owner where someone else may have some too."""
        return f"the {self.unit}" if self.alone else f"{self.who}'s {self.unit}"

    def tell(self, *wordings: str) -> None:
        """Add one of the wordings to what is told."""
        self.told.append(self.dice.pick(wordings))

    def work(self, kind: str, a: Number, operation: str, b: Number, sentence: str) -> Number:
        """Return a op b and add the step; `@` in the sentence stands for the calculation. Implausible by `kind`."""
        result = OPERATIONS[operation](a, b)
        whole = Fraction(result).denominator == 1
        result = int(result) if whole else result
        if not LEAST.get(kind, 1) <= result <= MOST[kind] or not (
            whole or (kind == "money" and 100 % Fraction(result).denominator == 0)
        ):
            raise Implausible(f"{a} {operation} {b}")
        left, right, shown = number(a), number(b), number(result)
        equation = f"{left} {operation} {right} = <<{left}{operation}{right}={shown}>>{shown}"
        self.steps.append(sentence.replace("@", equation))
        return result

    def now(self, kind: str, value: Number, unit: str, *asks: str) -> None:
        """Set the value that the story has come to, and the question that asks for it."""
        self.kind, self.value, self.unit, self.ask = kind, value, unit, self.dice.pick(asks)


Event = Callable[[Story], None]


def new_story(dice: Dice) -> Story:
    """Return a story about someone, with a friend, of which nothing is told yet."""
    (who, she, her), *others = dice.sample(PEOPLE, len(PEOPLE))
    return Story(dice, who, she, her, [name for name, *_ in others], unit=dice.pick(ITEMS))


def number(value: Number) -> str:
    """Return an integer as it is, other numbers with two decimals."""
    return str(value) if Fraction(value).denominator == 1 else f"{float(value):.2f}"


def money(value: Number) -> str:
    """Return an amount in dollars."""
    return f"${number(value)}"
