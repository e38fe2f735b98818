"""The steps that a generated function is composed of: what a list of integers can become.

A block goes from one type to another. `codes` are different ways to write it: an expression, or lines that assign @out.
In codes @v is the input, @x and @y are items, @i a place, @t a running value; @p and @q are tests of @x, @e an
expression over @x, @k a constant of the block that may become an argument of the function. `run` is the meaning, apart
from every code. Blocks of other types: `_code_blocks_more`.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from types import SimpleNamespace
from typing import Any

from tasks.methods.rules._code_items import Range


@dataclass(frozen=True, slots=True)
class Block:
    """One step; `parts` names what is drawn for it: p, q (tests), e (expression), of items of type `item`."""

    takes: str
    gives: str
    slug: str
    does: str
    codes: tuple[str, ...]
    run: Callable[[Any, SimpleNamespace], Any]
    parts: str = ""
    item: str = "number"
    k: Range | None = None
    a: Range | None = None
    span: Range | None = None


def longest_run(flags: list[bool]) -> int:
    """Return the length of the longest run of true values."""
    return max((len(list(group)) for key, group in itertools.groupby(flags) if key), default=0)


def once(values: list[Any]) -> list[Any]:
    """Return the values in order of first appearance, each once."""
    return [value for place, value in enumerate(values) if value not in values[:place]]


def windows(values: list[int], size: int) -> list[list[int]]:
    """Return every stretch of `size` neighbours."""
    return [values[start : start + size] for start in range(len(values) - size + 1)]


def chunks(values: list[Any], size: int) -> list[list[Any]]:
    """Return `values` cut into pieces of `size`, the last of them shorter where they do not fit."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    """Return each value with the one after it."""
    return list(zip(values, values[1:], strict=False))


def accumulate(values: list[int], step: Callable[[int, int], int]) -> list[int]:
    """Return the running results of `step`."""
    return list(itertools.accumulate(values, step))


INTS_TO_INTS = (
    Block("ints", "ints", "keep_@p", "keep each number that is @p", ("[@x for @x in @v if @p]", "@out = []\nfor @x in @v:\n    if @p:\n        @out.append(@x)", "list(filter(lambda @x: @p, @v))"), lambda v, c: [x for x in v if c.p(x)], "p"),
    Block("ints", "ints", "drop_@p", "leave out each number that is @p", ("[@x for @x in @v if not (@p)]", "@out = []\nfor @x in @v:\n    if @p:\n        continue\n    @out.append(@x)"), lambda v, c: [x for x in v if not c.p(x)], "p"),
    Block("ints", "ints", "@e", "replace each number with @e", ("[@e for @x in @v]", "@out = []\nfor @x in @v:\n    @out.append(@e)", "list(map(lambda @x: @e, @v))"), lambda v, c: [c.e(x) for x in v], "e"),
    Block("ints", "ints", "@e_of_@p", "for each number that is @p take @e, skipping the others", ("[@e for @x in @v if @p]", "@out = []\nfor @x in @v:\n    if @p:\n        @out.append(@e)"), lambda v, c: [c.e(x) for x in v if c.p(x)], "pe"),
    Block("ints", "ints", "@e_where_@p", "replace each number that is @p with @e and leave the others as they are", ("[@e if @p else @x for @x in @v]", "@out = []\nfor @x in @v:\n    if @p:\n        @out.append(@e)\n    else:\n        @out.append(@x)"), lambda v, c: [c.e(x) if c.p(x) else x for x in v], "pe"),
    Block("ints", "ints", "sorted", "sort the numbers in ascending order", ("sorted(@v)",), lambda v, _: sorted(v)),
    Block("ints", "ints", "sorted_down", "sort the numbers in descending order", ("sorted(@v, reverse=True)",), lambda v, _: sorted(v)[::-1]),
    Block("ints", "ints", "sorted_by_@e", "sort the numbers by the following key, smaller numbers first on ties: @e", ("sorted(@v, key=lambda @x: (@e, @x))",), lambda v, c: sorted(sorted(v), key=c.e), "e"),
    Block("ints", "ints", "@p_first", "move each number that is @p to the front, keeping the order within both groups", ("[@x for @x in @v if @p] + [@x for @x in @v if not (@p)]", "sorted(@v, key=lambda @x: not (@p))", "front, back = [], []\nfor @x in @v:\n    if @p:\n        front.append(@x)\n    else:\n        back.append(@x)\n@out = front + back"), lambda v, c: sorted(v, key=lambda x: not c.p(x)), "p"),
    Block("ints", "ints", "reversed", "reverse the list", ("@v[::-1]", "list(reversed(@v))"), lambda v, _: [v[-1 - i] for i in range(len(v))]),
    Block("ints", "ints", "distinct", "drop repeated numbers, keeping the first of each", ("list(dict.fromkeys(@v))", "@out = []\nfor @x in @v:\n    if @x not in @out:\n        @out.append(@x)"), lambda v, _: once(v)),
    Block("ints", "ints", "first_@k", "keep only the first @k numbers", ("@v[:@k]",), lambda v, c: [x for i, x in enumerate(v) if i < c.k], k=(2, 5)),
    Block("ints", "ints", "last_@k", "keep only the last @k numbers", ("@v[-@k:]",), lambda v, c: v[max(0, len(v) - c.k) :], k=(2, 5)),
    Block("ints", "ints", "without_first_@k", "leave out the first @k numbers", ("@v[@k:]",), lambda v, c: [x for i, x in enumerate(v) if i >= c.k], k=(1, 4)),
    Block("ints", "ints", "every_@k", "keep every @k-th number, starting with the first", ("@v[::@k]", "[@x for @i, @x in enumerate(@v) if @i % @k == 0]"), lambda v, c: [v[i] for i in range(0, len(v), c.k)], k=(2, 4)),
    Block("ints", "ints", "differences", "replace the list with the differences between each number and the one before it", ("[@y - @x for @x, @y in zip(@v, @v[1:])]", "@out = []\nfor @i in range(1, len(@v)):\n    @out.append(@v[@i] - @v[@i - 1])"), lambda v, _: [b - a for a, b in pairs(v)]),
    Block("ints", "ints", "running_total", "replace each number with the total of the numbers up to and including it", ("@t = 0\n@out = []\nfor @x in @v:\n    @t += @x\n    @out.append(@t)", "[sum(@v[:@i + 1]) for @i in range(len(@v))]"), lambda v, _: accumulate(v, lambda t, x: t + x)),
    Block("ints", "ints", "running_maximum", "replace each number with the largest number seen so far", ("[max(@v[:@i + 1]) for @i in range(len(@v))]", "@out = []\nfor @x in @v:\n    @out.append(max(@x, @out[-1]) if @out else @x)"), lambda v, _: accumulate(v, max)),
    Block("ints", "ints", "running_minimum", "replace each number with the smallest number seen so far", ("[min(@v[:@i + 1]) for @i in range(len(@v))]", "@out = []\nfor @x in @v:\n    @out.append(min(@x, @out[-1]) if @out else @x)"), lambda v, _: accumulate(v, min)),
    Block("ints", "ints", "window_sums_of_@k", "replace the list with the sums of every @k neighbouring numbers", ("[sum(@v[@i:@i + @k]) for @i in range(len(@v) - @k + 1)]",), lambda v, c: [sum(w) for w in windows(v, c.k)], k=(2, 4)),
    Block("ints", "ints", "window_maxima_of_@k", "replace the list with the maximum of every @k neighbouring numbers", ("[max(@v[@i:@i + @k]) for @i in range(len(@v) - @k + 1)]",), lambda v, c: [sorted(w)[-1] for w in windows(v, c.k)], k=(2, 3)),
    Block("ints", "ints", "chunk_sums_of_@k", "cut the list into groups of @k (the last may be shorter) and take the sum of each group", ("[sum(@v[@i:@i + @k]) for @i in range(0, len(@v), @k)]", "@out = []\nfor @i in range(0, len(@v), @k):\n    @out.append(sum(@v[@i:@i + @k]))"), lambda v, c: [sum(w) for w in chunks(v, c.k)], k=(2, 4)),
    Block("ints", "ints", "rotated_by_@k", "move the first @k numbers to the end", ("@v[@k:] + @v[:@k]",), lambda v, c: v[c.k :] + v[: c.k], k=(1, 3)),
    Block("ints", "ints", "times_place", "multiply each number by its position, counting from 1", ("[@i * @x for @i, @x in enumerate(@v, 1)]", "@out = []\nfor @i, @x in enumerate(@v):\n    @out.append((@i + 1) * @x)"), lambda v, _: [v[i] * (i + 1) for i in range(len(v))]),
    Block("ints", "ints", "runs_collapsed", "collapse each run of equal neighbours into one number", ("@out = []\nfor @x in @v:\n    if not @out or @out[-1] != @x:\n        @out.append(@x)", "[@x for @i, @x in enumerate(@v) if @i == 0 or @v[@i - 1] != @x]"), lambda v, _: [key for key, _ in itertools.groupby(v)]),
    Block("ints", "ints", "rises", "keep each number that is greater than the number right before it", ("[@y for @x, @y in zip(@v, @v[1:]) if @y > @x]", "@out = []\nfor @i in range(1, len(@v)):\n    if @v[@i] > @v[@i - 1]:\n        @out.append(@v[@i])"), lambda v, _: [b for a, b in pairs(v) if a < b]),
    Block("ints", "ints", "peaks", "keep each number that is greater than both of its neighbours", ("[@v[@i] for @i in range(1, len(@v) - 1) if @v[@i - 1] < @v[@i] > @v[@i + 1]]",), lambda v, _: [b for a, b, c in windows(v, 3) if b > max(a, c)]),
    Block("ints", "ints", "while_@p", "keep the numbers from the start for as long as each is @p, and stop at the first that is not", ("@out = []\nfor @x in @v:\n    if not (@p):\n        break\n    @out.append(@x)",), lambda v, c: list(itertools.takewhile(c.p, v)), "p"),
    Block("ints", "ints", "after_first_@p", "keep only what follows the first number that is @p (nothing if there is none)", ("@out = []\nfound = False\nfor @x in @v:\n    if found:\n        @out.append(@x)\n    elif @p:\n        found = True",), lambda v, c: list(itertools.dropwhile(lambda x: not c.p(x), v))[1:], "p"),
    Block("ints", "ints", "places_of_@p", "replace the list with the positions, counting from 0, of the numbers that are @p", ("[@i for @i, @x in enumerate(@v) if @p]", "@out = []\nfor @i, @x in enumerate(@v):\n    if @p:\n        @out.append(@i)"), lambda v, c: [i for i in range(len(v)) if c.p(v[i])], "p"),
    Block("ints", "ints", "folded_over", "add to each number the number at the same distance from the other end", ("[@x + @y for @x, @y in zip(@v, reversed(@v))]", "[@v[@i] + @v[-1 - @i] for @i in range(len(@v))]"), lambda v, _: [v[i] + v[len(v) - 1 - i] for i in range(len(v))]),
    Block("ints", "ints", "above_average", "keep each number greater than the average of the list", ("[@x for @x in @v if @x * len(@v) > sum(@v)]", "@t = sum(@v)\n@out = [@x for @x in @v if len(@v) * @x > @t]"), lambda v, _: [x for x in v if x > sum(v) / len(v)]),
    Block("ints", "ints", "repeated", "keep one of each number that occurs at least @k times, in order of first appearance", ("[@x for @x in dict.fromkeys(@v) if @v.count(@x) >= @k]",), lambda v, c: [x for x in once(v) if sum(y == x for y in v) >= c.k], k=(2, 3)),
    Block("ints", "ints", "decayed", "replace each number with itself plus half of the previous result rounded down, starting from a previous result of 0", ("@t = 0\n@out = []\nfor @x in @v:\n    @t = @x + @t // 2\n    @out.append(@t)",), lambda v, _: accumulate([0, *v], lambda t, x: math.floor(t / 2) + x)[1:]),
    Block("ints", "ints", "count_since_@p", "replace each number with how many numbers in a row, up to and including it, are @p", ("@t = 0\n@out = []\nfor @x in @v:\n    if @p:\n        @t += 1\n    else:\n        @t = 0\n    @out.append(@t)",), lambda v, c: [len(list(itertools.takewhile(c.p, reversed(v[: i + 1])))) for i in range(len(v))], "p"),
)

INTS_TO_NUMBER = (
    Block("ints", "number", "sum", "add up the numbers", ("sum(@v)", "@out = 0\nfor @x in @v:\n    @out += @x", "def add(rest: list[int]) -> int:\n    if not rest:\n        return 0\n    return rest[0] + add(rest[1:])\n\n@out = add(@v)"), lambda v, _: reduce(lambda t, x: x + t, v, 0)),
    Block("ints", "number", "sum_of_@e", "add up the following over all numbers: @e", ("sum(@e for @x in @v)", "@out = 0\nfor @x in @v:\n    @out += @e", "def add(rest: list[int]) -> int:\n    if not rest:\n        return 0\n    @x = rest[0]\n    return @e + add(rest[1:])\n\n@out = add(@v)"), lambda v, c: sum(map(c.e, v)), "e"),
    Block("ints", "number", "sum_of_@e_of_@p", "add up the following over each number that is @p: @e", ("sum(@e for @x in @v if @p)", "@out = 0\nfor @x in @v:\n    if @p:\n        @out += @e", "def add(rest: list[int]) -> int:\n    if not rest:\n        return 0\n    @x = rest[0]\n    if @p:\n        return @e + add(rest[1:])\n    return add(rest[1:])\n\n@out = add(@v)"), lambda v, c: sum(c.e(x) for x in v if c.p(x)), "pe"),
    Block("ints", "number", "count_@p", "count the numbers of which each is @p", ("sum(1 for @x in @v if @p)", "len([@x for @x in @v if @p])", "@out = 0\nfor @x in @v:\n    if @p:\n        @out += 1"), lambda v, c: len(list(filter(c.p, v))), "p"),
    Block("ints", "number", "@p_minus_others", "subtract the sum of the other numbers from the sum of each number that is @p", ("sum(@x if @p else -@x for @x in @v)", "@out = 0\nfor @x in @v:\n    if @p:\n        @out += @x\n    else:\n        @out -= @x"), lambda v, c: 2 * sum(x for x in v if c.p(x)) - sum(v), "p"),
    Block("ints", "number", "maximum_or_@a", "take the largest number, or @a if there is none", ("max(@v, default=@a)", "max(@v) if @v else @a"), lambda v, c: sorted(v)[-1] if v else c.a, a=(-1, 0)),
    Block("ints", "number", "minimum_or_@a", "take the smallest number, or @a if there is none", ("min(@v, default=@a)", "min(@v) if @v else @a"), lambda v, c: sorted(v)[0] if v else c.a, a=(-1, 0)),
    Block("ints", "number", "spread", "take the largest number minus the smallest, or 0 if there is none", ("max(@v) - min(@v) if @v else 0", "if @v:\n    @out = max(@v) - min(@v)\nelse:\n    @out = 0"), lambda v, _: sorted(v)[-1] - sorted(v)[0] if v else 0),
    Block("ints", "number", "first_place_of_@p", "find the position, counting from 0, of the first number that is @p, or -1 if there is none", ("next((@i for @i, @x in enumerate(@v) if @p), -1)", "@out = -1\nfor @i, @x in enumerate(@v):\n    if @p:\n        @out = @i\n        break"), lambda v, c: [*[i for i in range(len(v)) if c.p(v[i])], -1][0], "p"),
    Block("ints", "number", "last_@p_or_@a", "take the last number that is @p, or @a if there is none", ("next((@x for @x in reversed(@v) if @p), @a)", "@out = @a\nfor @x in @v:\n    if @p:\n        @out = @x"), lambda v, c: [c.a, *filter(c.p, v)][-1], "p", a=(-1, 0)),
    Block("ints", "number", "longest_run_of_@p", "find the length of the longest run of neighbouring numbers of which each is @p", ("@out = @t = 0\nfor @x in @v:\n    @t = @t + 1 if @p else 0\n    @out = max(@out, @t)", "@out = 0\n@t = 0\nfor @x in @v:\n    if @p:\n        @t += 1\n        if @t > @out:\n            @out = @t\n    else:\n        @t = 0"), lambda v, c: longest_run([bool(c.p(x)) for x in v]), "p"),
    Block("ints", "number", "longest_rise", "find the length of the longest stretch of neighbours in which each number is greater than the one before it", ("@out = @t = 1 if @v else 0\nfor @i in range(1, len(@v)):\n    @t = @t + 1 if @v[@i] > @v[@i - 1] else 1\n    @out = max(@out, @t)",), lambda v, _: longest_run([b > a for a, b in pairs(v)]) + 1 if v else 0),
    Block("ints", "number", "alternating_sum", "alternately add and subtract the numbers, starting by adding the first", ("sum(@v[::2]) - sum(@v[1::2])", "@out = 0\nfor @i, @x in enumerate(@v):\n    @out += @x if @i % 2 == 0 else -@x"), lambda v, _: sum((-1) ** i * x for i, x in enumerate(v))),
    Block("ints", "number", "fold_by_@a_mod_@b", "start from 0 and, for each number in turn, multiply the running value by @a, add the number and take the remainder modulo @b", ("@out = 0\nfor @x in @v:\n    @out = (@out * @a + @x) % @b",), lambda v, c: sum(x * c.a ** (len(v) - 1 - i) for i, x in enumerate(v)) % c.b, a=(2, 9), span=(5, 90)),
    Block("ints", "number", "product_mod_@a", "multiply the numbers together, starting from 1, and take the remainder modulo @a", ("@out = 1\nfor @x in @v:\n    @out = @out * @x % @a",), lambda v, c: math.prod(v) % c.a, a=(50, 997)),
    Block("ints", "number", "largest_step", "find the largest absolute difference between neighbours, or 0 if there are fewer than two numbers", ("max((abs(@y - @x) for @x, @y in zip(@v, @v[1:])), default=0)", "@out = 0\nfor @i in range(1, len(@v)):\n    @out = max(@out, abs(@v[@i] - @v[@i - 1]))"), lambda v, _: max([0, *(max(a, b) - min(a, b) for a, b in pairs(v))])),
    Block("ints", "number", "second_largest_or_@a", "take the second largest distinct number, or @a if there are fewer than two distinct numbers", ("sorted(set(@v))[-2] if len(set(@v)) > 1 else @a", "@t = sorted(set(@v), reverse=True)\n@out = @t[1] if len(@t) >= 2 else @a"), lambda v, c: max([x for x in v if x != max(v)], default=c.a), a=(-1, 0)),
    Block("ints", "number", "most_common_or_@a", "find the number that occurs most often (the smallest of them on a tie), or @a if the list is empty", ("min(@v, key=lambda @x: (-@v.count(@x), @x)) if @v else @a", "counts = {}\nfor @x in @v:\n    counts[@x] = counts.get(@x, 0) + 1\n@out = min(counts, key=lambda @x: (-counts[@x], @x)) if counts else @a"), lambda v, c: sorted((-v.count(x), x) for x in v)[0][1] if v else c.a, a=(-1, 0)),
    Block("ints", "number", "inversions", "count the pairs in which an earlier number is greater than a later one", ("sum(@v[@i] > @y for @i in range(len(@v)) for @y in @v[@i + 1:])", "@out = 0\nfor @i, @x in enumerate(@v):\n    for @y in @v[@i + 1:]:\n        if @x > @y:\n            @out += 1"), lambda v, _: len([1 for a, b in itertools.combinations(v, 2) if a > b])),
    Block("ints", "number", "pairs_with_@p_sum", "count the pairs of an earlier and a later number whose sum is @p", ("@out = 0\nfor @i, first in enumerate(@v):\n    for @y in @v[@i + 1:]:\n        @x = first + @y\n        if @p:\n            @out += 1",), lambda v, c: sum(1 for pair in itertools.combinations(v, 2) if c.p(sum(pair))), "p"),
    Block("ints", "number", "best_stretch", "find the largest sum of neighbouring numbers, counting the empty stretch as 0", ("@out = @t = 0\nfor @x in @v:\n    @t = max(0, @t + @x)\n    @out = max(@out, @t)", "@out = 0\nfor @i in range(len(@v)):\n    @t = 0\n    for @x in @v[@i:]:\n        @t += @x\n        @out = max(@out, @t)"), lambda v, _: max([0, *(sum(v[i:j]) for i in range(len(v)) for j in range(i + 1, len(v) + 1))])),
    Block("ints", "number", "lowest_balance_from_@k", "start from a balance of @k, add the numbers one by one, and find the lowest balance reached, the start included", ("@t = @k\n@out = @t\nfor @x in @v:\n    @t += @x\n    @out = min(@out, @t)",), lambda v, c: min(accumulate([c.k, *v], lambda t, x: t + x)), k=(0, 20)),
    Block("ints", "number", "score", "keep a score from 0: add the number if it is @p, otherwise subtract @a, and never let the score fall below 0", ("@out = 0\nfor @x in @v:\n    if @p:\n        @out += @x\n    else:\n        @out -= @a\n    if @out < 0:\n        @out = 0", "@out = 0\nfor @x in @v:\n    @out = max(0, @out + @x if @p else @out - @a)"), lambda v, c: reduce(lambda t, x: max(0, t + (x if c.p(x) else -c.a)), v, 0), "p", a=(1, 6)),
    Block("ints", "number", "distinct_values_of_@e", "count how many different values the following takes over the numbers: @e", ("len({@e for @x in @v})", "@t = []\nfor @x in @v:\n    if (@e) not in @t:\n        @t.append(@e)\n@out = len(@t)"), lambda v, c: len(once([c.e(x) for x in v])), "e"),
    Block("ints", "number", "steps_to_reach_@k", "add the numbers from the left until the total is at least @k, and count how many were needed (-1 if the total never gets there)", ("@t = 0\n@out = -1\nfor @i, @x in enumerate(@v, 1):\n    @t += @x\n    if @t >= @k:\n        @out = @i\n        break",), lambda v, c: next((i + 1 for i in range(len(v)) if sum(v[: i + 1]) >= c.k), -1), k=(5, 25)),
    Block("ints", "number", "nearest_to_@k", "find the number closest to @k (the smaller one on a tie), or @k itself if the list is empty", ("min(@v, key=lambda @x: (abs(@x - @k), @x), default=@k)", "@out = @k\nfor @i, @x in enumerate(sorted(@v)):\n    if @i == 0 or abs(@x - @k) < abs(@out - @k):\n        @out = @x"), lambda v, c: sorted((max(x - c.k, c.k - x), x) for x in v)[0][1] if v else c.k, k=(2, 12)),
    Block("ints", "number", "middle", "take the middle number of the sorted list (the lower of the two middle ones if their count is even), or 0 if it is empty", ("sorted(@v)[(len(@v) - 1) // 2] if @v else 0",), lambda v, _: chunks(sorted(v), (len(v) + 1) // 2)[0][-1] if v else 0),
)

INTS_TO_OTHER = (
    Block("ints", "flag", "all_@p", "check whether every number is @p (true for an empty list)", ("all(@p for @x in @v)", "@out = True\nfor @x in @v:\n    if not (@p):\n        @out = False\n        break"), lambda v, c: not [x for x in v if not c.p(x)], "p"),
    Block("ints", "flag", "any_@p", "check whether at least one number is @p", ("any(@p for @x in @v)", "@out = False\nfor @x in @v:\n    if @p:\n        @out = True\n        break"), lambda v, c: bool([x for x in v if c.p(x)]), "p"),
    Block("ints", "flag", "ascending", "check whether no number is smaller than the one before it", ("all(@x <= @y for @x, @y in zip(@v, @v[1:]))", "@out = all(@v[@i] >= @v[@i - 1] for @i in range(1, len(@v)))"), lambda v, _: v == sorted(v)),
    Block("ints", "flag", "pair_adds_to_@k", "check whether two numbers at different positions add up to @k", ("@out = False\nfor @i, @x in enumerate(@v):\n    if @k - @x in @v[@i + 1:]:\n        @out = True", "any(@v[@i] + @y == @k for @i in range(len(@v)) for @y in @v[@i + 1:])"), lambda v, c: c.k in map(sum, itertools.combinations(v, 2)), k=(3, 20)),
    Block("ints", "words", "labelled_by_@p", 'replace each number with "@s" if it is @p and with "@r" otherwise', ('["@s" if @p else "@r" for @x in @v]', '@out = []\nfor @x in @v:\n    if @p:\n        @out.append("@s")\n    else:\n        @out.append("@r")'), lambda v, c: [c.s if c.p(x) else c.r for x in v], "p"),
    Block("ints", "words", "graded_at_@a_and_@b", 'replace each number with "low" if it is less than @a, "high" if it is greater than @b, and "mid" otherwise', ('["low" if @x < @a else "high" if @x > @b else "mid" for @x in @v]', '@out = []\nfor @x in @v:\n    if @x < @a:\n        @out.append("low")\n    elif @x <= @b:\n        @out.append("mid")\n    else:\n        @out.append("high")'), lambda v, c: [("low", "mid", "high")[(x >= c.a) + (x > c.b)] for x in v], a=(0, 6), span=(2, 8)),
    Block("ints", "tally", "counts", "build a dictionary from each number to how often it occurs", ("{@x: @v.count(@x) for @x in @v}", "@out = {}\nfor @x in @v:\n    @out[@x] = @out.get(@x, 0) + 1"), lambda v, _: {x: sum(y == x for y in v) for x in v}),
    Block("ints", "tally", "counts_by_@e", "count the numbers by the following key, in a dictionary from the key to the count: @e", ("@out = {}\nfor @x in @v:\n    key = @e\n    @out[key] = @out.get(key, 0) + 1",), lambda v, c: {k: len([x for x in v if c.e(x) == k]) for k in map(c.e, v)}, "e"),
    Block("ints", "tally", "sums_by_@e", "add up the numbers by the following key, in a dictionary from the key to the sum: @e", ("@out = {}\nfor @x in @v:\n    key = @e\n    @out[key] = @out.get(key, 0) + @x",), lambda v, c: {k: sum(x for x in v if c.e(x) == k) for k in map(c.e, v)}, "e"),
    Block("ints", "grid", "chunks_of_@k", "cut the list into lists of @k numbers, the last of which may be shorter", ("[@v[@i:@i + @k] for @i in range(0, len(@v), @k)]", "@out = []\nfor @i in range(0, len(@v), @k):\n    @out.append(@v[@i:@i + @k])"), lambda v, c: chunks(v, c.k), k=(2, 4)),
    Block("ints", "grid", "windows_of_@k", "list every stretch of @k neighbouring numbers", ("[@v[@i:@i + @k] for @i in range(len(@v) - @k + 1)]",), lambda v, c: windows(v, c.k), k=(2, 3)),
    Block("ints", "grid", "split_at_@p", "split the list into lists at each number that is @p, leaving those numbers out and keeping empty lists", ("@out = [[]]\nfor @x in @v:\n    if @p:\n        @out.append([])\n    else:\n        @out[-1].append(@x)",), lambda v, c: [[x for x, g in zip(v, accumulate([bool(c.p(y)) for y in v], lambda t, x: t + x), strict=True) if g == n and not c.p(x)] for n in range(sum(1 for x in v if c.p(x)) + 1)], "p"),
    Block("ints", "grid", "grouped_by_@p", "return two lists: the numbers of which each is @p, and the others", ("[[@x for @x in @v if @p], [@x for @x in @v if not (@p)]]", "@out = [[], []]\nfor @x in @v:\n    @out[0 if @p else 1].append(@x)"), lambda v, c: [list(filter(c.p, v)), list(itertools.filterfalse(c.p, v))], "p"),
    Block("ints", "grid", "equal_runs", "split the list into runs of equal neighbours", ("@out = []\nfor @x in @v:\n    if @out and @out[-1][-1] == @x:\n        @out[-1].append(@x)\n    else:\n        @out.append([@x])",), lambda v, _: [list(group) for _, group in itertools.groupby(v)]),
)
