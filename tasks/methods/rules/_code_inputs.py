"""Arguments to try a generated function on: edge cases first, then values around the constants in its code."""

from collections.abc import Iterator

from tasks.methods.rules._code_dice import Dice

LEXICON = (
    "anna", "level", "radar", "noon", "river", "silver", "stone", "Orange", "apple", "melon", "table", "Mint", "train",
    "lemon", "salt", "Nora", "east", "arrest", "tomato", "error", "Salmon", "alarm", "moon", "sea", "tie", "toe", "io",
    "Alert", "otter", "motor", "rotor", "tenet", "Ural", "eel", "ore", "oil", "tram", "Rome", "mist", "lent",
)  # fmt: skip
LINES = (
    "Never odd or even", "the rain in Spain", "A small stone rolls", "aaabbc ddd", "noon moon soon", "Madam, I am Adam",
    "read 3 notes at noon", "Ten trains to Lima", "seven  level  eels", "so it is", "mission: melt tin", "x",
)  # fmt: skip


def inputs_of(dice: Dice, kind: str, probes: list[int], size: tuple[int, int]) -> Iterator[tuple]:
    """Yield size[1] argument tuples for a function of type `kind`; integers of their own are at most size[0]."""
    top, count = size
    makers = {
        "ints": lambda: (numbers(dice, probes, dice.integer(3, 9)),),
        "words": lambda: (words(dice, dice.integer(2, 7)),),
        "text": lambda: (line(dice),),
        "grid": lambda: (grid(dice, probes),),
        "counts": lambda: (table(dice, probes),),
        "two": lambda: (numbers(dice, probes, dice.integer(2, 6)), numbers(dice, probes, dice.integer(2, 6))),
        "natural": lambda: (natural(dice, probes, top),),
    }
    edges: dict[str, list[tuple]] = {
        "ints": [([],), (numbers(dice, probes, 1),), (numbers(dice, probes, 2),)],
        "words": [([],), (words(dice, 1),), (["", *words(dice, 2)],)],
        "text": [("",), (dice.pick("aeimnrs"),)],
        "grid": [([],), ([numbers(dice, probes, 2), [], numbers(dice, probes, 3)],)],
        "counts": [({},)],
        "two": [([], numbers(dice, probes, 2)), (numbers(dice, probes, 1), numbers(dice, probes, 3))],
        "natural": [(1,), (2,)],
    }
    yield from edges[kind]
    for _ in range(count):
        yield makers[kind]()


def numbers(dice: Dice, probes: list[int], count: int) -> list[int]:
    """Return `count` integers, a good part of them at or next to a probe or equal to an earlier one."""
    made: list[int] = []
    for _ in range(count):
        draw = dice.uniform()
        if probes and draw < 0.45:
            made.append(dice.pick(probes) + dice.integer(-1, 1))
        elif made and draw < 0.6:
            made.append(dice.pick(made))
        else:
            made.append(dice.integer(-9, 24))
    return made


def natural(dice: Dice, probes: list[int], top: int) -> int:
    """Return an integer in 1..top, sometimes next to a probe."""
    if probes and dice.chance(0.3):
        return min(top, max(1, dice.pick(probes) + dice.integer(-1, 1)))
    return dice.integer(1, top)


def words(dice: Dice, count: int) -> list[str]:
    """Return `count` words, now and then one twice or in other case."""
    made: list[str] = []
    for _ in range(count):
        word = dice.pick(made) if made and dice.chance(0.2) else dice.pick(LEXICON)
        made.append(word.upper() if dice.chance(0.1) else word)
    return made


def line(dice: Dice) -> str:
    """Return a short line of text."""
    return dice.pick(LINES) if dice.chance(0.4) else " ".join(words(dice, dice.integer(1, 5)))


def grid(dice: Dice, probes: list[int]) -> list[list[int]]:
    """Return two to four rows of two to four numbers."""
    width = dice.integer(2, 4)
    return [numbers(dice, probes, width) for _ in range(dice.integer(2, 4))]


def table(dice: Dice, probes: list[int]) -> dict[str, int]:
    """Return a dictionary from words to numbers."""
    keys = dict.fromkeys(words(dice, dice.integer(1, 6)))
    return dict(zip(keys, numbers(dice, probes, len(keys)), strict=True))
