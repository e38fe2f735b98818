"""What a single number can become, and two lists of numbers."""

import itertools
from functools import reduce

from tasks.methods.rules._code_block import block, collatz, prime_factors

NUMBER = (
    block(
        "natural > ints",
        "up_to",
        "list the numbers from 1 to it",
        lambda v, _: [i + 1 for i in range(v)],
        "list(range(1, @v + 1))",
    ),
    block(
        "natural > ints",
        "digits",
        "list its decimal digits from left to right",
        lambda v, _: [ord(x) - 48 for x in str(v)],
        "[int(@x) for @x in str(@v)]",
        "@out = []\n@t = @v\nwhile @t > 0:\n    @out.insert(0, @t % 10)\n    @t //= 10",
    ),
    block(
        "natural > ints",
        "divisors",
        "list its divisors in ascending order",
        lambda v, _: [i for i in range(1, v + 1) if v // i * i == v],
        "[@x for @x in range(1, @v + 1) if @v % @x == 0]",
        "@out = []\nfor @x in range(1, @v + 1):\n    if @v % @x == 0:\n        @out.append(@x)",
    ),
    block(
        "natural > ints",
        "prime_factors",
        "list its prime factors in ascending order, each as often as it divides the number",
        lambda v, _: prime_factors(v),
        (
            "@out = []\n@t = @v\n@x = 2\nwhile @t > 1:\n    if @t % @x == 0:\n"
            "        @out.append(@x)\n        @t //= @x\n    else:\n        @x += 1"
        ),
    ),
    block(
        "natural > ints",
        "halving_steps",
        (
            "list the numbers you get by starting with it and repeatedly dividing by @a, rounding "
            "down, until 0 is reached, 0 left out"
        ),
        lambda v, c: [v // c.a**i for i in range(20) if v >= c.a**i],
        "@out = []\n@t = @v\nwhile @t > 0:\n    @out.append(@t)\n    @t //= @a",
        (
            "def walk(left: int) -> list[int]:\n    if left == 0:\n        return []\n"
            "    return [left, *walk(left // @a)]\n\n@out = walk(@v)"
        ),
        a=(2, 4),
    ),
    block(
        "natural > ints",
        "collatz",
        (
            "list the numbers you get by starting with it and, until 1 is reached, halving an even "
            "number and replacing an odd number with 3 times it plus 1"
        ),
        lambda v, _: collatz(v),
        (
            "@out = [@v]\nwhile @out[-1] != 1:\n    @t = @out[-1]\n"
            "    @out.append(@t // 2 if @t % 2 == 0 else 3 * @t + 1)"
        ),
    ),
    block(
        "natural > ints",
        "digits_in_base_@a",
        "list its digits in base @a from left to right",
        lambda v, c: [v // c.a**i % c.a for i in range(20) if v >= c.a**i][::-1],
        "@out = []\n@t = @v\nwhile @t > 0:\n    @out.append(@t % @a)\n    @t //= @a\n@out.reverse()",
        (
            "def convert(left: int) -> list[int]:\n    if left < @a:\n        return [left]\n"
            "    return [*convert(left // @a), left % @a]\n\n@out = convert(@v)"
        ),
        a=(2, 9),
    ),
    block(
        "natural > ints",
        "primes",
        "list the primes that are not greater than it",
        lambda v, _: [i for i in range(2, v + 1) if prime_factors(i) == [i]],
        "[@x for @x in range(2, @v + 1) if all(@x % @y for @y in range(2, @x))]",
        ("@out = []\nfor @x in range(2, @v + 1):\n    if all(@x % @y != 0 for @y in @out):\n        @out.append(@x)"),
    ),
    block(
        "natural > ints",
        "sequence",
        (
            "list that many terms of the sequence that starts with @a, @b and in which every later "
            "term is the sum of the two before it"
        ),
        lambda v, c: reduce(lambda t, _: [*t, t[-1] + t[-2]], range(v), [c.a, c.b])[:v],
        (
            "@out = []\n@t, following = @a, @b\nfor _ in range(@v):\n    @out.append(@t)\n"
            "    @t, following = following, @t + following"
        ),
        a=(0, 5),
        span=(1, 4),
        top=20,
    ),
    block(
        "natural > ints",
        "multiples_of_@k",
        "list that many multiples of @k, starting with @k itself",
        lambda v, c: [c.k * (i + 1) for i in range(v)],
        "[@k * @i for @i in range(1, @v + 1)]",
        "list(range(@k, @k * @v + 1, @k))",
        k=(3, 12),
    ),
    block(
        "natural > words",
        "fizz",
        (
            'list, for each number from 1 to it, "@s" if the number is @p, otherwise "@r" if it is '
            "@q, otherwise the number itself as a string"
        ),
        lambda v, c: [c.s if c.p(x) else c.r if c.q(x) else f"{x}" for x in range(1, v + 1)],
        (
            '@out = []\nfor @x in range(1, @v + 1):\n    if @p:\n        @out.append("@s")\n'
            '    elif @q:\n        @out.append("@r")\n    else:\n        @out.append(str(@x))'
        ),
        '["@s" if @p else "@r" if @q else str(@x) for @x in range(1, @v + 1)]',
        parts="pq",
    ),
    block(
        "natural > number",
        "count_up_to_@p",
        "count, among the numbers from 1 to it, each number that is @p",
        lambda v, c: len([x for x in range(1, v + 1) if c.p(x)]),
        "sum(1 for @x in range(1, @v + 1) if @p)",
        "@out = 0\nfor @x in range(1, @v + 1):\n    if @p:\n        @out += 1",
        parts="p",
    ),
    block(
        "natural > number",
        "sum_up_to_@e",
        "add up the following over the numbers from 1 to it: @e",
        lambda v, c: sum(map(c.e, range(1, v + 1))),
        "sum(@e for @x in range(1, @v + 1))",
        ("def add(@x: int) -> int:\n    if @x == 0:\n        return 0\n    return @e + add(@x - 1)\n\n@out = add(@v)"),
        parts="e",
    ),
    block(
        "natural > number",
        "recurrence",
        "find f of it, where f(0) = @a, f(1) = @b and f(n) = f(n - 1) + @k * f(n - 2) from 2 on",
        lambda v, c: reduce(lambda t, _: [*t, t[-1] + c.k * t[-2]], range(v), [c.a, c.b])[v],
        (
            "def term(place: int) -> int:\n    if place == 0:\n        return @a\n"
            "    if place == 1:\n        return @b\n"
            "    return term(place - 1) + @k * term(place - 2)\n\n@out = term(@v)"
        ),
        ("@out, following = @a, @b\nfor _ in range(@v):\n    @out, following = following, following + @k * @out"),
        (
            "terms = [@a, @b]\nfor @i in range(2, @v + 1):\n"
            "    terms.append(terms[@i - 1] + @k * terms[@i - 2])\n@out = terms[@v]"
        ),
        k=(2, 5),
        a=(0, 4),
        span=(1, 4),
        top=14,
    ),
    block(
        "natural > number",
        "digits_reversed",
        "write its decimal digits in reverse order and read the result as a number",
        lambda v, _: int("".join(reversed(str(v)))),
        "int(str(@v)[::-1])",
        "@out = 0\n@t = @v\nwhile @t > 0:\n    @out = @out * 10 + @t % 10\n    @t //= 10",
    ),
    block(
        "natural > number",
        "sum_over_digits_of_@e",
        "add up the following over its decimal digits: @e",
        lambda v, c: sum(c.e(int(x)) for x in str(v)),
        "@out = 0\n@t = @v\nwhile @t > 0:\n    @x = @t % 10\n    @out += @e\n    @t //= 10",
        "@out = 0\nfor digit in str(@v):\n    @x = int(digit)\n    @out += @e",
        parts="e",
    ),
    block(
        "natural > number",
        "divisions_by_@k",
        "count how many times it can be divided by @k without a remainder",
        lambda v, c: max(i for i in range(30) if v % c.k**i == 0),
        "@out = 0\n@t = @v\nwhile @t % @k == 0:\n    @out += 1\n    @t //= @k",
        (
            "def count(left: int) -> int:\n    if left % @k != 0:\n        return 0\n"
            "    return 1 + count(left // @k)\n\n@out = count(@v)"
        ),
        k=(2, 5),
    ),
    block(
        "number > number",
        "@e",
        "replace the result with the following: @e",
        lambda v, c: c.e(v),
        "@e",
        parts="e",
        item="result",
    ),
    block(
        "number > flag",
        "is_@p",
        "check whether the result is @p",
        lambda v, c: bool(c.p(v)),
        "@p",
        "@out = bool(@p)",
        parts="p",
        item="result",
    ),
    block(
        "number > text",
        "@p_label",
        'answer "@s" if the result is @p and "@r" otherwise',
        lambda v, c: c.s if c.p(v) else c.r,
        '"@s" if @p else "@r"',
        'if @p:\n    @out = "@s"\nelse:\n    @out = "@r"',
        parts="p",
        item="result",
    ),
    block(
        "number > text",
        "graded_at_@a_and_@b",
        ('answer "low" if the result is below @a, "high" if it is @b or more, and "middle" otherwise'),
        lambda v, c: ("low", "middle", "high")[(v >= c.a) + (v >= c.b)],
        'if @v < @a:\n    @out = "low"\nelif @v < @b:\n    @out = "middle"\nelse:\n    @out = "high"',
        '"low" if @v < @a else "high" if @v >= @b else "middle"',
        a=(3, 12),
        span=(4, 20),
    ),
)

TWO_LISTS = (
    block(
        "two > ints",
        "zipped_@e",
        (
            "for each pair of numbers at the same position of both lists (stopping at the shorter) "
            "take their sum, and replace it with @e"
        ),
        lambda v, c: [c.e(v[0][i] + v[1][i]) for i in range(min(map(len, v)))],
        "[@e for @x in (one + two for one, two in zip(@v, @w))]",
        "@out = []\nfor one, two in zip(@v, @w):\n    @x = one + two\n    @out.append(@e)",
        parts="e",
    ),
    block(
        "two > ints",
        "pairwise_differences",
        (
            "subtract each number of the second list from the number at the same position of the "
            "first, stopping at the shorter"
        ),
        lambda v, _: [v[0][i] - v[1][i] for i in range(min(map(len, v)))],
        "[@x - @y for @x, @y in zip(@v, @w)]",
        "@out = []\nfor @i in range(min(len(@v), len(@w))):\n    @out.append(@v[@i] - @w[@i])",
    ),
    block(
        "two > ints",
        "pairwise_maxima",
        "take the larger of the two numbers at each position, stopping at the shorter list",
        lambda v, _: [sorted((v[0][i], v[1][i]))[1] for i in range(min(map(len, v)))],
        "[max(@x, @y) for @x, @y in zip(@v, @w)]",
        "[@x if @x > @y else @y for @x, @y in zip(@v, @w)]",
    ),
    block(
        "two > ints",
        "in_both",
        "keep the numbers of the first list that also occur in the second",
        lambda v, _: [x for x in v[0] if v[1].count(x)],
        "[@x for @x in @v if @x in @w]",
        "@out = []\nfor @x in @v:\n    if @x in @w:\n        @out.append(@x)",
    ),
    block(
        "two > ints",
        "not_in_second",
        "keep the numbers of the first list that do not occur in the second",
        lambda v, _: [x for x in v[0] if not v[1].count(x)],
        "[@x for @x in @v if @x not in @w]",
        "@out = []\nfor @x in @v:\n    if @x in @w:\n        continue\n    @out.append(@x)",
    ),
    block(
        "two > ints",
        "joined_if_@p",
        "write the second list after the first, leaving out each number that is not @p",
        lambda v, c: list(filter(c.p, itertools.chain(*v))),
        "[@x for @x in @v + @w if @p]",
        "@out = []\nfor @x in @v + @w:\n    if @p:\n        @out.append(@x)",
        parts="p",
    ),
    block(
        "two > ints",
        "alternated",
        ("take numbers alternately from the first and the second list, stopping after the shorter is used up"),
        lambda v, _: [v[i & 1][i // 2] for i in range(2 * min(map(len, v)))],
        "@out = []\nfor @x, @y in zip(@v, @w):\n    @out.append(@x)\n    @out.append(@y)",
        "[@t for pair in zip(@v, @w) for @t in pair]",
    ),
    block(
        "two > number",
        "dot_product",
        ("multiply the numbers at the same position of both lists, stopping at the shorter, and add up the products"),
        lambda v, _: reduce(lambda t, p: t + p[0] * p[1], zip(*v, strict=False), 0),
        "sum(@x * @y for @x, @y in zip(@v, @w))",
        "@out = 0\nfor @i in range(min(len(@v), len(@w))):\n    @out += @v[@i] * @w[@i]",
    ),
    block(
        "two > number",
        "agreements",
        "count the positions at which both lists hold the same number",
        lambda v, _: len([i for i in range(min(map(len, v))) if v[0][i] == v[1][i]]),
        "sum(1 for @x, @y in zip(@v, @w) if @x == @y)",
        "@out = 0\nfor @x, @y in zip(@v, @w):\n    if @x == @y:\n        @out += 1",
    ),
)
