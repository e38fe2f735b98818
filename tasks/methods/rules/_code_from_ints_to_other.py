"""What a list of integers can become that is neither a list of integers nor a number."""

import itertools

from tasks.methods.rules._code_block import accumulate, block, chunks, windows

INTS_TO_OTHER = (
    block(
        "ints > flag",
        "all_@p",
        "check whether every number is @p (true for an empty list)",
        lambda v, c: not [x for x in v if not c.p(x)],
        "all(@p for @x in @v)",
        "@out = True\nfor @x in @v:\n    if not (@p):\n        @out = False\n        break",
        parts="p",
    ),
    block(
        "ints > flag",
        "any_@p",
        "check whether at least one number is @p",
        lambda v, c: bool([x for x in v if c.p(x)]),
        "any(@p for @x in @v)",
        "@out = False\nfor @x in @v:\n    if @p:\n        @out = True\n        break",
        parts="p",
    ),
    block(
        "ints > flag",
        "ascending",
        "check whether no number is smaller than the one before it",
        lambda v, _: v == sorted(v),
        "all(@x <= @y for @x, @y in zip(@v, @v[1:]))",
        "@out = all(@v[@i] >= @v[@i - 1] for @i in range(1, len(@v)))",
    ),
    block(
        "ints > flag",
        "pair_adds_to_@k",
        "check whether two numbers at different positions add up to @k",
        lambda v, c: c.k in map(sum, itertools.combinations(v, 2)),
        ("@out = False\nfor @i, @x in enumerate(@v):\n    if @k - @x in @v[@i + 1:]:\n        @out = True"),
        "any(@v[@i] + @y == @k for @i in range(len(@v)) for @y in @v[@i + 1:])",
        k=(3, 20),
    ),
    block(
        "ints > words",
        "labelled_by_@p",
        'replace each number with "@s" if it is @p and with "@r" otherwise',
        lambda v, c: [c.s if c.p(x) else c.r for x in v],
        '["@s" if @p else "@r" for @x in @v]',
        ('@out = []\nfor @x in @v:\n    if @p:\n        @out.append("@s")\n    else:\n        @out.append("@r")'),
        parts="p",
    ),
    block(
        "ints > words",
        "graded_at_@a_and_@b",
        ('replace each number with "low" if it is less than @a, "high" if it is greater than @b, and "mid" otherwise'),
        lambda v, c: [("low", "mid", "high")[(x >= c.a) + (x > c.b)] for x in v],
        '["low" if @x < @a else "high" if @x > @b else "mid" for @x in @v]',
        (
            '@out = []\nfor @x in @v:\n    if @x < @a:\n        @out.append("low")\n'
            '    elif @x <= @b:\n        @out.append("mid")\n    else:\n        @out.append("high")'
        ),
        a=(0, 6),
        span=(2, 8),
    ),
    block(
        "ints > tally",
        "counts",
        "build a dictionary from each number to how often it occurs",
        lambda v, _: {x: sum(y == x for y in v) for x in v},
        "{@x: @v.count(@x) for @x in @v}",
        "@out = {}\nfor @x in @v:\n    @out[@x] = @out.get(@x, 0) + 1",
    ),
    block(
        "ints > tally",
        "counts_by_@e",
        "count the numbers by the following key, in a dictionary from the key to the count: @e",
        lambda v, c: {k: len([x for x in v if c.e(x) == k]) for k in map(c.e, v)},
        "@out = {}\nfor @x in @v:\n    key = @e\n    @out[key] = @out.get(key, 0) + 1",
        parts="e",
    ),
    block(
        "ints > tally",
        "sums_by_@e",
        "add up the numbers by the following key, in a dictionary from the key to the sum: @e",
        lambda v, c: {k: sum(x for x in v if c.e(x) == k) for k in map(c.e, v)},
        "@out = {}\nfor @x in @v:\n    key = @e\n    @out[key] = @out.get(key, 0) + @x",
        parts="e",
    ),
    block(
        "ints > grid",
        "chunks_of_@k",
        "cut the list into lists of @k numbers, the last of which may be shorter",
        lambda v, c: chunks(v, c.k),
        "[@v[@i:@i + @k] for @i in range(0, len(@v), @k)]",
        "@out = []\nfor @i in range(0, len(@v), @k):\n    @out.append(@v[@i:@i + @k])",
        k=(2, 4),
    ),
    block(
        "ints > grid",
        "windows_of_@k",
        "list every stretch of @k neighbouring numbers",
        lambda v, c: windows(v, c.k),
        "[@v[@i:@i + @k] for @i in range(len(@v) - @k + 1)]",
        k=(2, 3),
    ),
    block(
        "ints > grid",
        "split_at_@p",
        ("split the list into lists at each number that is @p, leaving those numbers out and keeping empty lists"),
        lambda v, c: [
            [
                x
                for x, g in zip(v, accumulate([bool(c.p(y)) for y in v], lambda t, x: t + x), strict=True)
                if g == n and not c.p(x)
            ]
            for n in range(sum(1 for x in v if c.p(x)) + 1)
        ],
        ("@out = [[]]\nfor @x in @v:\n    if @p:\n        @out.append([])\n    else:\n        @out[-1].append(@x)"),
        parts="p",
    ),
    block(
        "ints > grid",
        "grouped_by_@p",
        "return two lists: the numbers of which each is @p, and the others",
        lambda v, c: [list(filter(c.p, v)), list(itertools.filterfalse(c.p, v))],
        "[[@x for @x in @v if @p], [@x for @x in @v if not (@p)]]",
        "@out = [[], []]\nfor @x in @v:\n    @out[0 if @p else 1].append(@x)",
        parts="p",
    ),
    block(
        "ints > grid",
        "equal_runs",
        "split the list into runs of equal neighbours",
        lambda v, _: [list(group) for _, group in itertools.groupby(v)],
        (
            "@out = []\nfor @x in @v:\n    if @out and @out[-1][-1] == @x:\n"
            "        @out[-1].append(@x)\n    else:\n        @out.append([@x])"
        ),
    ),
)
