"""What a generated function asks of an item and makes of it: tests and expressions, as code, English and meaning.

The meaning (`run`) is written apart from the code, so that a slip in either shows as a failing test.
In code and English `@x` stands for the item, `@a` and `@b` for constants, `@s` and `@r` for letters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from tasks.methods.rules._code_dice import Dice

VOWELS = "aeiou"
LETTERS = "aeirstnlmo"
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Item:
    """A test or an expression over one item; `a` is the range of its constant, `span` that of b - a."""

    slug: str
    code: str
    english: str
    run: Callable[[Any, Any], Any]
    a: Range | None = None
    span: Range | None = None
    parts: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """An item with its constants drawn; `probes` are values near which it changes its answer."""

    slug: str
    code: str
    english: str
    run: Callable[[Any], Any]
    probes: tuple[int, ...] = ()
    joined: bool = False


def digit_sum(number: int) -> int:
    """Return the sum of the decimal digits, the sign aside."""
    return sum(map(int, str(abs(number))))


def vowels(text: str) -> int:
    """Return how many characters are one of aeiou."""
    return len([letter for letter in text if letter in VOWELS])


NUMBER_TESTS = (
    Item("even", "@x % 2 == 0", "even", lambda x, _: not x & 1),
    Item("odd", "@x % 2 == 1", "odd", lambda x, _: bool(x & 1)),
    Item("positive", "@x > 0", "positive", lambda x, _: x >= 1),
    Item("negative", "@x < 0", "negative", lambda x, _: x <= -1),
    Item("over_@a", "@x > @a", "greater than @a", lambda x, c: x > c.a, (1, 18)),
    Item("under_@a", "@x < @a", "less than @a", lambda x, c: x < c.a, (0, 15)),
    Item("at_least_@a", "@x >= @a", "at least @a", lambda x, c: not x < c.a, (1, 18)),
    Item("at_most_@a", "@x <= @a", "at most @a", lambda x, c: not x > c.a, (0, 15)),
    Item("multiple_of_@a", "@x % @a == 0", "a multiple of @a", lambda x, c: x // c.a * c.a == x, (3, 7)),
    Item("no_multiple_of_@a", "@x % @a != 0", "not a multiple of @a", lambda x, c: x // c.a * c.a != x, (2, 7)),
    Item(
        "from_@a_to_@b",
        "@a <= @x <= @b",
        "between @a and @b inclusive",
        lambda x, c: x in range(c.a, c.b + 1),
        (-3, 8),
        (2, 9),
    ),
    Item(
        "outside_@a_to_@b",
        "@x < @a or @x > @b",
        "less than @a or greater than @b",
        lambda x, c: x not in range(c.a, c.b + 1),
        (-2, 6),
        (2, 8),
    ),
    Item(
        "far_from_@a",
        "abs(@x - @a) > @b",
        "more than @b away from @a",
        lambda x, c: x > c.a + c.b or x < c.a - c.b,
        (1, 6),
        (0, 3),
    ),
    Item(
        "even_digit_sum",
        "sum(int(digit) for digit in str(abs(@x))) % 2 == 0",
        "one whose digit sum is even",
        lambda x, _: digit_sum(x) % 2 == 0,
    ),
    Item(
        "ending_in_@a",
        "abs(@x) % 10 == @a",
        "one whose last decimal digit is @a",
        lambda x, c: str(x)[-1] == str(c.a),
        (0, 9),
    ),
)

NUMBER_EXPRS = (
    Item("plus_@a", "@x + @a", "the number plus @a", lambda x, c: c.a + x, (1, 12)),
    Item("minus_@a", "@x - @a", "the number minus @a", lambda x, c: -(c.a - x), (1, 12)),
    Item("times_@a", "@x * @a", "@a times the number", lambda x, c: c.a * x, (2, 9)),
    Item("@a_minus", "@a - @x", "@a minus the number", lambda x, c: c.a - x, (5, 20)),
    Item("squared", "@x * @x", "its square", lambda x, _: x**2),
    Item("cubed", "@x ** 3", "its cube", lambda x, _: x * x * x),
    Item("absolute", "abs(@x)", "its absolute value", lambda x, _: max(x, -x)),
    Item("negated", "-@x", "its negation", lambda x, _: 0 - x),
    Item(
        "over_@a_floored",
        "@x // @a",
        "the number divided by @a and rounded down",
        lambda x, c: (x - x % c.a) // c.a,
        (2, 6),
    ),
    Item("mod_@a", "@x % @a", "its remainder modulo @a", lambda x, c: x - x // c.a * c.a, (3, 9)),
    Item("distance_to_@a", "abs(@x - @a)", "its distance from @a", lambda x, c: max(x, c.a) - min(x, c.a), (2, 12)),
    Item("capped_at_@a", "min(@x, @a)", "the smaller of the number and @a", lambda x, c: (x, c.a)[x > c.a], (3, 12)),
    Item("raised_to_@a", "max(@x, @a)", "the larger of the number and @a", lambda x, c: (x, c.a)[x < c.a], (0, 8)),
    Item(
        "clamped",
        "max(@a, min(@x, @b))",
        "the number limited to the range @a to @b",
        lambda x, c: sorted((c.a, x, c.b))[1],
        (-2, 4),
        (3, 9),
    ),
    Item("linear", "@a * @x + @b", "@a times the number, plus @b", lambda x, c: c.b + x * c.a, (2, 5), (1, 7)),
    Item(
        "digit_sums",
        "sum(int(digit) for digit in str(abs(@x)))",
        "the sum of its decimal digits",
        lambda x, _: digit_sum(x),
    ),
    Item("with_half_up", "@x + @x // 2", "the number plus half of it rounded down", lambda x, _: x + (x >> 1)),
    Item("times_next", "@x * (@x + 1)", "the number times its successor", lambda x, _: x * x + x),
)

WORD_TESTS = (
    Item("longer_than_@a", "len(@x) > @a", "longer than @a characters", lambda x, c: bool(x[c.a :]), (2, 5)),
    Item("shorter_than_@a", "len(@x) < @a", "shorter than @a characters", lambda x, c: not x[c.a - 1 :], (3, 6)),
    Item("of_length_@a", "len(@x) == @a", "exactly @a characters long", lambda x, c: len(x) == c.a, (3, 5)),
    Item("with_@s", '"@s" in @x', 'one that contains the letter "@s"', lambda x, c: x.count(c.s) > 0),
    Item("without_@s", '"@s" not in @x', 'one without the letter "@s"', lambda x, c: x.count(c.s) == 0),
    Item("starting_with_@s", '@x.startswith("@s")', 'one that starts with "@s"', lambda x, c: x[:1] == c.s),
    Item("ending_with_@s", '@x.endswith("@s")', 'one that ends with "@s"', lambda x, c: x[-1:] == c.s),
    Item("palindromes", "@x == @x[::-1]", "the same when read backwards", lambda x, _: list(x) == list(reversed(x))),
    Item(
        "with_repeats",
        "len(set(@x)) < len(@x)",
        "one in which some character occurs twice",
        lambda x, _: any(x.count(letter) > 1 for letter in x),
    ),
    Item("even_length", "len(@x) % 2 == 0", "of even length", lambda x, _: not len(x) & 1),
    Item("before_@s", '@x < "@s"', 'before "@s" in string order', lambda x, c: x < c.s),
    Item(
        "with_vowels_@a",
        'sum(letter in "aeiou" for letter in @x) >= @a',
        "one with at least @a lowercase vowels",
        lambda x, c: vowels(x) >= c.a,
        (1, 3),
    ),
    Item(
        "not_lowercase",
        "@x != @x.lower()",
        "one with an uppercase letter in it",
        lambda x, _: any(letter.isupper() for letter in x),
    ),
)

WORD_EXPRS = (
    Item("uppercased", "@x.upper()", "the string in uppercase", lambda x, _: "".join(letter.upper() for letter in x)),
    Item(
        "capitalized",
        "@x.capitalize()",
        "the string with its first character in uppercase and the rest in lowercase",
        lambda x, _: x[:1].upper() + x[1:].lower(),
    ),
    Item(
        "swapcased",
        "@x.swapcase()",
        "the string with upper and lower case swapped",
        lambda x, _: "".join(c.lower() if c.isupper() else c.upper() for c in x),
    ),
    Item("reversed", "@x[::-1]", "the string reversed", lambda x, _: "".join(reversed(x))),
    Item("first_@a_letters", "@x[:@a]", "its first @a characters", lambda x, c: "".join(list(x)[: c.a]), (1, 4)),
    Item("last_@a_letters", "@x[-@a:]", "its last @a characters", lambda x, c: "".join(list(x)[-c.a :]), (1, 4)),
    Item("without_first_@a", "@x[@a:]", "what is left without its first @a characters", lambda x, c: x[c.a :], (1, 3)),
    Item(
        "rotated_by_@a",
        "@x[@a:] + @x[:@a]",
        "the string with its first @a characters moved to its end",
        lambda x, c: x[c.a :] + x[: c.a],
        (1, 3),
    ),
    Item("doubled", "@x + @x", "the string written twice in a row", lambda x, _: x * 2),
    Item("letters_sorted", '"".join(sorted(@x))', "its characters in sorted order", lambda x, _: "".join(sorted(x))),
    Item(
        "without_vowels",
        '"".join(letter for letter in @x if letter not in "aeiou")',
        "the string without its lowercase vowels",
        lambda x, _: x.translate({ord(v): None for v in VOWELS}),
    ),
    Item(
        "every_second",
        "@x[::2]",
        "its first, third, fifth character and so on",
        lambda x, _: "".join(x[i] for i in range(0, len(x), 2)),
    ),
    Item("with_suffix_@s", '@x + "-@s"', 'the string followed by "-@s"', lambda x, c: f"{x}-{c.s}"),
    Item("with_prefix_@s", '"@s-" + @x', 'the string with "@s-" in front', lambda x, c: f"{c.s}-{x}"),
    Item(
        "@s_to_@r",
        '@x.replace("@s", "@r")',
        'the string with every "@s" replaced by "@r"',
        lambda x, c: c.r.join(x.split(c.s)),
    ),
    Item("with_length", 'f"{@x}:{len(@x)}"', "the string, a colon and its length", lambda x, _: x + ":" + str(len(x))),
    Item("mirrored", "@x + @x[::-1]", "the string followed by its reverse", lambda x, _: x + x[::-1]),
    Item(
        "padded_to_@a",
        '@x.ljust(@a, "*")',
        'the string padded on the right with "*" to @a characters',
        lambda x, c: x + "*" * (c.a - len(x)),
        (4, 7),
    ),
)

WORD_NUMBERS = (
    Item("length", "len(@x)", "its length", lambda x, _: len(list(x))),
    Item(
        "vowels", 'sum(letter in "aeiou" for letter in @x)', "how many lowercase vowels it has", lambda x, _: vowels(x)
    ),
    Item(
        "distinct_letters", "len(set(@x))", "how many different characters it has", lambda x, _: len(dict.fromkeys(x))
    ),
    Item(
        "@s_count", '@x.count("@s")', 'how many times it contains "@s"', lambda x, c: sum(letter == c.s for letter in x)
    ),
    Item(
        "capitals",
        "sum(letter.isupper() for letter in @x)",
        "how many uppercase letters it has",
        lambda x, _: len([letter for letter in x if letter.isupper()]),
    ),
    Item("length_times_@a", "len(@x) * @a", "@a times its length", lambda x, c: c.a * len(x), (2, 6)),
)

TESTS = {"number": NUMBER_TESTS, "word": WORD_TESTS}
EXPRS = {"number": NUMBER_EXPRS, "word": WORD_EXPRS}


def draw_constants(dice: Dice, a: Range | None, span: Range | None) -> SimpleNamespace:
    """Return constants a, b = a + something, and two different letters s, r."""
    first = dice.integer(*a) if a else 0
    letters = dice.sample(LETTERS, 2)
    return SimpleNamespace(a=first, b=first + dice.integer(*span) if span else 0, s=letters[0], r=letters[1])


def fill(text: str, constants: SimpleNamespace) -> str:
    """Return `text` with the constants in place of @a, @b, @s and @r."""
    for name in "absr":
        if f"@{name}" in text:
            text = text.replace(f"@{name}", str(getattr(constants, name)))
    return text


def bind(dice: Dice, item: Item) -> Bound:
    """Return `item` with constants drawn."""
    constants = draw_constants(dice, item.a, item.span)
    run = item.run
    probes = ((constants.a,) if item.a else ()) + ((constants.b,) if item.span else ())
    slug = fill(item.slug, constants).replace("-", "minus_")
    return Bound(slug, fill(item.code, constants), fill(item.english, constants), lambda x: run(x, constants), probes)


def draw_test(dice: Dice, kind: str) -> Bound:
    """Return a test of a number or a word: in a quarter of the draws two tests joined by `and` or `or`."""
    items = TESTS[kind]
    if not dice.chance(0.25):
        return bind(dice, dice.pick(items))
    one, two = (bind(dice, item) for item in dice.sample(items, 2))
    word = dice.pick(("and", "or"))
    code = f"({one.code}) {word} ({two.code})" if " or " in one.code + two.code else f"{one.code} {word} {two.code}"
    either = "either " if word == "or" else "both "
    meets = (lambda x: one.run(x) and two.run(x)) if word == "and" else (lambda x: one.run(x) or two.run(x))
    english = f"{either}{one.english} {word} {two.english}"
    return Bound(f"{one.slug}_{word}_{two.slug}", f"({code})", english, meets, one.probes + two.probes, joined=True)


def draw_expr(dice: Dice, kind: str) -> Bound:
    """Return an expression over a number or a word: in a fifth of the draws one of two, by a test."""
    items = EXPRS[kind]
    if not dice.chance(0.2):
        return bind(dice, dice.pick(items))
    one, two = (bind(dice, item) for item in dice.sample(items, 2))
    test = bind(dice, dice.pick(TESTS[kind]))
    code = f"({one.code} if {test.code} else {two.code})"
    english = f"{one.english} if it is {test.english}, and {two.english} otherwise"
    probes = one.probes + two.probes + test.probes
    slug = f"{one.slug}_if_{test.slug}"
    return Bound(slug, code, english, lambda x: one.run(x) if test.run(x) else two.run(x), probes, joined=True)
