"""What a text can become."""

import itertools
from functools import reduce

from tasks.methods.rules._code_block import ALPHABET, block, chunks, mirrored, windows

TEXT = (
    block("text > text", "@e", "replace the text with @e", lambda v, c: c.e(v), "@e", parts="e", item="text"),
    block(
        "text > text",
        "shifted_by_@k",
        (
            "move each lowercase letter from a to z forward by @k places in the alphabet, wrapping "
            "around after z, and leave every other character"
        ),
        lambda v, c: "".join((ALPHABET * 2)[ALPHABET.index(x) + c.k % 26] if x in ALPHABET else x for x in v),
        '"".join(chr((ord(@x) - 97 + @k) % 26 + 97) if "a" <= @x <= "z" else @x for @x in @v)',
        (
            '@out = ""\nfor @x in @v:\n    if "a" <= @x <= "z":\n'
            "        @out += chr((ord(@x) - 97 + @k) % 26 + 97)\n    else:\n        @out += @x"
        ),
        item="text",
        k=(1, 9),
    ),
    block(
        "text > text",
        "run_lengths",
        ('replace each run of one character with the character and the length of the run, as in "aab" to "a2b1"'),
        lambda v, _: "".join(f"{key}{len(list(group))}" for key, group in itertools.groupby(v)),
        (
            '@out = ""\n@i = 0\nwhile @i < len(@v):\n    end = @i\n'
            "    while end < len(@v) and @v[end] == @v[@i]:\n        end += 1\n"
            "    @out += @v[@i] + str(end - @i)\n    @i = end"
        ),
        item="text",
    ),
    block(
        "text > text",
        "runs_collapsed",
        "collapse each run of one character into a single character",
        lambda v, _: "".join(key for key, _ in itertools.groupby(v)),
        '@out = ""\nfor @x in @v:\n    if not @out or @out[-1] != @x:\n        @out += @x',
        '"".join(@x for @i, @x in enumerate(@v) if @i == 0 or @v[@i - 1] != @x)',
        item="text",
    ),
    block(
        "text > text",
        "words_@e",
        ("split the text at whitespace, replace each word as follows and join the words with single spaces: @e"),
        lambda v, c: " ".join(map(c.e, v.split())),
        '" ".join(@e for @x in @v.split())',
        parts="e",
        item="word",
    ),
    block(
        "text > text",
        "words_@p",
        ("split the text at whitespace, keep each word that is @p and join the words with single spaces"),
        lambda v, c: " ".join(filter(c.p, v.split())),
        '" ".join(@x for @x in @v.split() if @p)',
        '@t = []\nfor @x in @v.split():\n    if @p:\n        @t.append(@x)\n@out = " ".join(@t)',
        parts="p",
        item="word",
    ),
    block(
        "text > text",
        "words_reversed",
        "reverse the order of the words, joined with single spaces",
        lambda v, _: reduce(lambda t, x: f"{x} {t}" if t else x, v.split(), ""),
        '" ".join(@v.split()[::-1])',
        '" ".join(reversed(@v.split()))',
        item="text",
    ),
    block(
        "text > text",
        "letters_only",
        "keep only the letters",
        lambda v, _: "".join(filter(str.isalpha, v)),
        '"".join(@x for @x in @v if @x.isalpha())',
        '@out = ""\nfor @x in @v:\n    if @x.isalpha():\n        @out += @x',
        item="text",
    ),
    block(
        "text > text",
        "stretched_by_@k",
        "repeat each character @k times",
        lambda v, c: "".join(x for x in v for _ in range(c.k)),
        '"".join(@x * @k for @x in @v)',
        '@out = ""\nfor @x in @v:\n    @out += @x * @k',
        item="text",
        k=(2, 3),
    ),
    block(
        "text > text",
        "alternating_case",
        "write the characters alternately in uppercase and lowercase, starting with uppercase",
        lambda v, _: "".join((str.upper, str.lower)[i & 1](x) for i, x in enumerate(v)),
        '"".join(@x.upper() if @i % 2 == 0 else @x.lower() for @i, @x in enumerate(@v))',
        (
            '@out = ""\nfor @i, @x in enumerate(@v):\n    if @i % 2:\n        @out += @x.lower()\n'
            "    else:\n        @out += @x.upper()"
        ),
        item="text",
    ),
    block(
        "text > words",
        "words",
        "split the text at whitespace into words",
        lambda v, _: [x for x in v.replace("\t", " ").split(" ") if x],
        "@v.split()",
        item="text",
    ),
    block(
        "text > words",
        "pieces_at_@s",
        'split the text at each "@s"',
        lambda v, c: (
            [
                "".join(g)
                for k, g in itertools.groupby(
                    itertools.chain.from_iterable([x, c.s] for x in v.split(c.s)), lambda x: x == c.s
                )
                if not k
            ]
            if v and c.s not in v
            else v.split(c.s)
        ),
        '@v.split("@s")',
        ('@out = [""]\nfor @x in @v:\n    if @x == "@s":\n        @out.append("")\n    else:\n        @out[-1] += @x'),
        item="text",
    ),
    block(
        "text > words",
        "pieces_of_@k",
        "cut the text into pieces of @k characters, the last of which may be shorter",
        lambda v, c: ["".join(piece) for piece in chunks(list(v), c.k)],
        "[@v[@i:@i + @k] for @i in range(0, len(@v), @k)]",
        "@out = []\nfor @i in range(0, len(@v), @k):\n    @out.append(@v[@i:@i + @k])",
        item="text",
        k=(2, 4),
    ),
    block(
        "text > words",
        "grams_of_@k",
        "list every stretch of @k neighbouring characters",
        lambda v, c: ["".join(piece) for piece in windows(list(v), c.k)],
        "[@v[@i:@i + @k] for @i in range(len(@v) - @k + 1)]",
        item="text",
        k=(2, 3),
    ),
    block(
        "text > words",
        "prefixes",
        "list all prefixes of the text from the shortest (one character) to the whole text",
        lambda v, _: list(itertools.accumulate(v)),
        "[@v[:@i] for @i in range(1, len(@v) + 1)]",
        "[@v[:@i + 1] for @i in range(len(@v))]",
        item="text",
    ),
    block(
        "text > ints",
        "places_of_@s",
        'list the positions, counting from 0, of each "@s" in the text',
        lambda v, c: [i for i in range(len(v)) if v[i] == c.s],
        '[@i for @i, @x in enumerate(@v) if @x == "@s"]',
        '@out = []\nfor @i, @x in enumerate(@v):\n    if @x == "@s":\n        @out.append(@i)',
        item="text",
    ),
    block(
        "text > ints",
        "word_@n",
        "split the text at whitespace and replace each word with @n",
        lambda v, c: list(map(c.n, v.split())),
        "[@n for @x in @v.split()]",
        "@out = []\nfor @x in @v.split():\n    @out.append(@n)",
        parts="n",
        item="word",
    ),
    block("text > number", "@n", "take the text and find @n", lambda v, c: c.n(v), "@n", parts="n", item="text"),
    block(
        "text > number",
        "longest_run",
        "find the length of the longest run of one character, 0 for an empty text",
        lambda v, _: max([0, *(len(list(group)) for _, group in itertools.groupby(v))]),
        (
            '@out = @t = 0\nprevious = ""\nfor @x in @v:\n    @t = @t + 1 if @x == previous else 1\n'
            "    previous = @x\n    @out = max(@out, @t)"
        ),
        item="text",
    ),
    block(
        "text > number",
        "words_that_are_@p",
        "count the words (split at whitespace), each word that is @p",
        lambda v, c: len([x for x in v.split() if c.p(x)]),
        "sum(1 for @x in @v.split() if @p)",
        "@out = 0\nfor @x in @v.split():\n    if @p:\n        @out += 1",
        parts="p",
        item="word",
    ),
    block(
        "text > number",
        "letter_values",
        ("add up the places of the letters in the alphabet (a or A is 1, z or Z is 26), ignoring other characters"),
        lambda v, _: sum(ALPHABET.find(x) + 1 for x in v.lower()),
        'sum(ord(@x) - 96 for @x in @v.lower() if "a" <= @x <= "z")',
        '@out = 0\nfor @x in @v.lower():\n    if "a" <= @x <= "z":\n        @out += ord(@x) - 96',
        item="text",
    ),
    block(
        "text > counts",
        "letter_counts",
        ("build a dictionary from each letter, in lowercase, to how often it occurs, ignoring other characters"),
        lambda v, _: {x: v.lower().count(x) for x in v.lower() if x in ALPHABET},
        ("@out = {}\nfor @x in @v.lower():\n    if @x.isalpha():\n        @out[@x] = @out.get(@x, 0) + 1"),
        "@t = [@x for @x in @v.lower() if @x.isalpha()]\n@out = {@x: @t.count(@x) for @x in @t}",
        item="text",
    ),
    block(
        "text > counts",
        "words_to_@n",
        "build a dictionary from each word (split at whitespace) to @n",
        lambda v, c: {x: c.n(x) for x in v.split()},
        "{@x: @n for @x in @v.split()}",
        "@out = {}\nfor @x in @v.split():\n    @out[@x] = @n",
        parts="n",
        item="word",
    ),
    block(
        "text > flag",
        "is_@p",
        "check whether the text is @p",
        lambda v, c: bool(c.p(v)),
        "@p",
        "@out = False\nif @p:\n    @out = True",
        parts="p",
        item="text",
    ),
    block(
        "text > flag",
        "mirror_letters",
        ("check whether the letters of the text, ignoring case and every other character, read the same backwards"),
        lambda v, _: mirrored([x for x in v.lower() if x.isalpha()]),
        "@t = [@x.lower() for @x in @v if @x.isalpha()]\n@out = @t == @t[::-1]",
        item="text",
    ),
)
