"""What a list of integers can become that is something else: a number."""

import itertools
import math
from functools import reduce

from tasks.methods.rules._code_block import accumulate, block, chunks, longest_run, once, pairs

INTS_TO_NUMBER = (
    block(
        "ints > number",
        "sum",
        "add up the numbers",
        lambda v, _: reduce(lambda t, x: x + t, v, 0),
        "sum(@v)",
        "@out = 0\nfor @x in @v:\n    @out += @x",
        (
            "def add(rest: list[int]) -> int:\n    if not rest:\n        return 0\n"
            "    return rest[0] + add(rest[1:])\n\n@out = add(@v)"
        ),
    ),
    block(
        "ints > number",
        "sum_of_@e",
        "add up the following over all numbers: @e",
        lambda v, c: sum(map(c.e, v)),
        "sum(@e for @x in @v)",
        "@out = 0\nfor @x in @v:\n    @out += @e",
        (
            "def add(rest: list[int]) -> int:\n    if not rest:\n        return 0\n"
            "    @x = rest[0]\n    return @e + add(rest[1:])\n\n@out = add(@v)"
        ),
        parts="e",
    ),
    block(
        "ints > number",
        "sum_of_@e_of_@p",
        "add up the following over each number that is @p: @e",
        lambda v, c: sum(c.e(x) for x in v if c.p(x)),
        "sum(@e for @x in @v if @p)",
        "@out = 0\nfor @x in @v:\n    if @p:\n        @out += @e",
        (
            "def add(rest: list[int]) -> int:\n    if not rest:\n        return 0\n"
            "    @x = rest[0]\n    if @p:\n        return @e + add(rest[1:])\n"
            "    return add(rest[1:])\n\n@out = add(@v)"
        ),
        parts="pe",
    ),
    block(
        "ints > number",
        "count_@p",
        "count each number that is @p",
        lambda v, c: len(list(filter(c.p, v))),
        "sum(1 for @x in @v if @p)",
        "len([@x for @x in @v if @p])",
        "@out = 0\nfor @x in @v:\n    if @p:\n        @out += 1",
        parts="p",
    ),
    block(
        "ints > number",
        "@p_minus_others",
        "subtract the sum of the other numbers from the sum of each number that is @p",
        lambda v, c: 2 * sum(x for x in v if c.p(x)) - sum(v),
        "sum(@x if @p else -@x for @x in @v)",
        "@out = 0\nfor @x in @v:\n    if @p:\n        @out += @x\n    else:\n        @out -= @x",
        parts="p",
    ),
    block(
        "ints > number",
        "maximum_or_@a",
        "take the largest number, or @a if there is none",
        lambda v, c: sorted(v).pop() if v else c.a,
        "max(@v, default=@a)",
        "max(@v) if @v else @a",
        a=(-1, 0),
    ),
    block(
        "ints > number",
        "minimum_or_@a",
        "take the smallest number, or @a if there is none",
        lambda v, c: sorted(v, reverse=True).pop() if v else c.a,
        "min(@v, default=@a)",
        "min(@v) if @v else @a",
        a=(-1, 0),
    ),
    block(
        "ints > number",
        "spread",
        "take the largest number minus the smallest, or 0 if there is none",
        lambda v, _: sorted(v).pop() - sorted(v, reverse=True).pop() if v else 0,
        "max(@v) - min(@v) if @v else 0",
        "if @v:\n    @out = max(@v) - min(@v)\nelse:\n    @out = 0",
    ),
    block(
        "ints > number",
        "first_place_of_@p",
        ("find the position, counting from 0, of the first number that is @p, or -1 if there is none"),
        lambda v, c: [*[i for i in range(len(v)) if c.p(v[i])], -1][0],
        "next((@i for @i, @x in enumerate(@v) if @p), -1)",
        "@out = -1\nfor @i, @x in enumerate(@v):\n    if @p:\n        @out = @i\n        break",
        parts="p",
    ),
    block(
        "ints > number",
        "last_@p_or_@a",
        "take the last number that is @p, or @a if there is none",
        lambda v, c: [c.a, *filter(c.p, v)][-1],
        "next((@x for @x in reversed(@v) if @p), @a)",
        "@out = @a\nfor @x in @v:\n    if @p:\n        @out = @x",
        parts="p",
        a=(-1, 0),
    ),
    block(
        "ints > number",
        "longest_run_of_@p",
        "find the length of the longest run of neighbouring numbers of which each is @p",
        lambda v, c: longest_run([bool(c.p(x)) for x in v]),
        "@out = @t = 0\nfor @x in @v:\n    @t = @t + 1 if @p else 0\n    @out = max(@out, @t)",
        (
            "@out = 0\n@t = 0\nfor @x in @v:\n    if @p:\n        @t += 1\n        if @t > @out:\n"
            "            @out = @t\n    else:\n        @t = 0"
        ),
        parts="p",
    ),
    block(
        "ints > number",
        "longest_rise",
        ("find the length of the longest stretch of neighbours in which each number is greater than the one before it"),
        lambda v, _: longest_run([b > a for a, b in pairs(v)]) + 1 if v else 0,
        (
            "@out = @t = 1 if @v else 0\nfor @i in range(1, len(@v)):\n"
            "    @t = @t + 1 if @v[@i] > @v[@i - 1] else 1\n    @out = max(@out, @t)"
        ),
    ),
    block(
        "ints > number",
        "alternating_sum",
        "alternately add and subtract the numbers, starting by adding the first",
        lambda v, _: sum((-1) ** i * x for i, x in enumerate(v)),
        "sum(@v[::2]) - sum(@v[1::2])",
        "@out = 0\nfor @i, @x in enumerate(@v):\n    @out += @x if @i % 2 == 0 else -@x",
    ),
    block(
        "ints > number",
        "fold_by_@a_mod_@b",
        (
            "start from 0 and, for each number in turn, multiply the running value by @a, add the "
            "number and take the remainder modulo @b"
        ),
        lambda v, c: sum(x * c.a ** (len(v) - 1 - i) for i, x in enumerate(v)) % c.b,
        "@out = 0\nfor @x in @v:\n    @out = (@out * @a + @x) % @b",
        a=(2, 9),
        span=(5, 90),
    ),
    block(
        "ints > number",
        "product_mod_@a",
        "multiply the numbers together, starting from 1, and take the remainder modulo @a",
        lambda v, c: math.prod(v) % c.a,
        "@out = 1\nfor @x in @v:\n    @out = @out * @x % @a",
        a=(50, 997),
    ),
    block(
        "ints > number",
        "largest_step",
        ("find the largest absolute difference between neighbours, or 0 if there are fewer than two numbers"),
        lambda v, _: max([0, *(max(a, b) - min(a, b) for a, b in pairs(v))]),
        "max((abs(@y - @x) for @x, @y in zip(@v, @v[1:])), default=0)",
        "@out = 0\nfor @i in range(1, len(@v)):\n    @out = max(@out, abs(@v[@i] - @v[@i - 1]))",
    ),
    block(
        "ints > number",
        "second_largest_or_@a",
        ("take the second largest distinct number, or @a if there are fewer than two distinct numbers"),
        lambda v, c: max([x for x in v if x != max(v)], default=c.a),
        "sorted(set(@v))[-2] if len(set(@v)) > 1 else @a",
        "@t = sorted(set(@v), reverse=True)\n@out = @t[1] if len(@t) >= 2 else @a",
        a=(-1, 0),
    ),
    block(
        "ints > number",
        "most_common_or_@a",
        ("find the number that occurs most often (the smallest of them on a tie), or @a if the list is empty"),
        lambda v, c: sorted(((-v.count(x), x) for x in v), reverse=True).pop()[1] if v else c.a,
        "min(@v, key=lambda @x: (-@v.count(@x), @x)) if @v else @a",
        (
            "counts = {}\nfor @x in @v:\n    counts[@x] = counts.get(@x, 0) + 1\n"
            "@out = min(counts, key=lambda @x: (-counts[@x], @x)) if counts else @a"
        ),
        a=(-1, 0),
    ),
    block(
        "ints > number",
        "inversions",
        "count the pairs in which an earlier number is greater than a later one",
        lambda v, _: len([1 for a, b in itertools.combinations(v, 2) if a > b]),
        "sum(@v[@i] > @y for @i in range(len(@v)) for @y in @v[@i + 1:])",
        (
            "@out = 0\nfor @i, @x in enumerate(@v):\n    for @y in @v[@i + 1:]:\n"
            "        if @x > @y:\n            @out += 1"
        ),
    ),
    block(
        "ints > number",
        "pairs_with_@p_sum",
        "count the pairs of an earlier and a later number whose sum is @p",
        lambda v, c: sum(1 for pair in itertools.combinations(v, 2) if c.p(sum(pair))),
        (
            "@out = 0\nfor @i, first in enumerate(@v):\n    for @y in @v[@i + 1:]:\n"
            "        @x = first + @y\n        if @p:\n            @out += 1"
        ),
        parts="p",
    ),
    block(
        "ints > number",
        "best_stretch",
        "find the largest sum of neighbouring numbers, counting the empty stretch as 0",
        lambda v, _: max([0, *(sum(v[i:j]) for i in range(len(v)) for j in range(i + 1, len(v) + 1))]),
        "@out = @t = 0\nfor @x in @v:\n    @t = max(0, @t + @x)\n    @out = max(@out, @t)",
        (
            "@out = 0\nfor @i in range(len(@v)):\n    @t = 0\n    for @x in @v[@i:]:\n"
            "        @t += @x\n        @out = max(@out, @t)"
        ),
    ),
    block(
        "ints > number",
        "lowest_balance_from_@k",
        (
            "start from a balance of @k, add the numbers one by one, and find the lowest balance "
            "reached, the start included"
        ),
        lambda v, c: min(accumulate([c.k, *v], lambda t, x: t + x)),
        "@t = @k\n@out = @t\nfor @x in @v:\n    @t += @x\n    @out = min(@out, @t)",
        k=(0, 20),
    ),
    block(
        "ints > number",
        "score",
        (
            "keep a score from 0: add the number if it is @p, otherwise subtract @a, and never let "
            "the score fall below 0"
        ),
        lambda v, c: reduce(lambda t, x: max(0, t + (x if c.p(x) else -c.a)), v, 0),
        (
            "@out = 0\nfor @x in @v:\n    if @p:\n        @out += @x\n    else:\n        @out -= @a\n"
            "    if @out < 0:\n        @out = 0"
        ),
        "@out = 0\nfor @x in @v:\n    @out = max(0, @out + @x if @p else @out - @a)",
        parts="p",
        a=(1, 6),
    ),
    block(
        "ints > number",
        "distinct_values_of_@e",
        "count how many different values the following takes over the numbers: @e",
        lambda v, c: len(once([c.e(x) for x in v])),
        "len({@e for @x in @v})",
        "@t = []\nfor @x in @v:\n    if (@e) not in @t:\n        @t.append(@e)\n@out = len(@t)",
        parts="e",
    ),
    block(
        "ints > number",
        "steps_to_reach_@k",
        (
            "add the numbers from the left until the total is at least @k, and count how many were "
            "needed (-1 if the total never gets there)"
        ),
        lambda v, c: next((i + 1 for i in range(len(v)) if sum(v[: i + 1]) >= c.k), -1),
        (
            "@t = 0\n@out = -1\nfor @i, @x in enumerate(@v, 1):\n    @t += @x\n    if @t >= @k:\n"
            "        @out = @i\n        break"
        ),
        k=(5, 25),
    ),
    block(
        "ints > number",
        "nearest_to_@k",
        ("find the number closest to @k (the smaller one on a tie), or @k itself if the list is empty"),
        lambda v, c: sorted(((max(x - c.k, c.k - x), x) for x in v), reverse=True).pop()[1] if v else c.k,
        "min(@v, key=lambda @x: (abs(@x - @k), @x), default=@k)",
        (
            "@out = @k\nfor @i, @x in enumerate(sorted(@v)):\n"
            "    if @i == 0 or abs(@x - @k) < abs(@out - @k):\n        @out = @x"
        ),
        k=(2, 12),
    ),
    block(
        "ints > number",
        "middle",
        (
            "take the middle number of the sorted list (the lower of the two middle ones if their "
            "count is even), or 0 if it is empty"
        ),
        lambda v, _: chunks(sorted(v), (len(v) + 1) // 2)[0][-1] if v else 0,
        "sorted(@v)[(len(@v) - 1) // 2] if @v else 0",
    ),
)
