"""How stories begin, and what can happen to a number of things.

An event checks what it needs (a number that divides, say), tells it, and works it out; it raises Implausible where the
story cannot go that way.
"""

from tasks.methods.rules._code_story import CONTAINERS, Implausible, Number, Story

PARTS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 6: "a sixth", 8: "an eighth", 10: "a tenth"}
PERCENTS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 75)


def _count(s: Story, value: Number) -> None:
    asks = [f"How many {s.unit} does {s.who} have now?", f"How many {s.unit} does {s.she} end up with?"]
    s.now("count", value, s.unit, *asks, *[f"How many {s.unit} are there in the end?"] * s.alone)


def start_plain(s: Story) -> None:
    value = s.dice.integer(12, 180)
    s.tell(
        f"{s.who} has {value} {s.unit}.",
        f"{s.who} owns {value} {s.unit}.",
        f"There are {value} {s.unit} on {s.who}'s table.",
    )
    _count(s, value)


def start_packs(s: Story) -> None:
    packs, each, box = s.dice.integer(3, 15), s.dice.integer(4, 24), s.dice.pick(CONTAINERS)
    s.tell(
        f"{s.who} buys {packs} {box} with {each} {s.unit} in each.",
        f"{s.who} fills {packs} {box} with {each} {s.unit} each.",
        f"A delivery for {s.who} has {packs} {box}, and every one of them holds {each} {s.unit}.",
    )
    _count(s, s.work("count", packs, "*", each, f"The {box} hold @ {s.unit}."))


def start_rate(s: Story) -> None:
    each, hours = s.dice.integer(5, 30), s.dice.integer(2, 9)
    s.tell(
        f"{s.who} can pack {each} {s.unit} an hour and works for {hours} hours.",
        f"For {hours} hours, {s.who} collects {each} {s.unit} every hour.",
    )
    _count(s, s.work("count", each, "*", hours, f"In {hours} hours that makes @ {s.unit}."))


def start_two_kinds(s: Story) -> None:
    one, two = s.dice.integer(8, 90), s.dice.integer(8, 90)
    colours = s.dice.sample(("red", "blue", "green", "white", "yellow", "black"), 2)
    s.tell(f"{s.who} has {one} {colours[0]} {s.unit} and {two} {colours[1]} ones.")
    _count(s, s.work("count", one, "+", two, f"Both colours together are @ {s.unit}."))


def start_friend_has_more(s: Story) -> None:
    value, more = s.dice.integer(10, 80), s.dice.integer(3, 40)
    s.tell(f"{s.friend} has {value} {s.unit}, and {s.who} has {more} more than that.")
    _count(s, s.work("count", value, "+", more, f"{s.who} has @ {s.unit}."))


def start_friend_has_times(s: Story) -> None:
    value, times = s.dice.integer(6, 60), s.dice.integer(2, 6)
    s.tell(f"{s.friend} has {value} {s.unit}. {s.who} has {times} times as many.")
    _count(s, s.work("count", value, "*", times, f"{s.who} has @ {s.unit}."))


def start_rows(s: Story) -> None:
    rows, each, missing = s.dice.integer(4, 16), s.dice.integer(5, 20), s.dice.integer(1, 4)
    s.tell(f"{s.who} lays out {rows} rows of {each} {s.unit}, but {missing} places stay empty.")
    full = s.work("count", rows, "*", each, "The rows have @ places.")
    _count(s, s.work("count", full, "-", missing, f"So there are @ {s.unit}."))


def start_days(s: Story) -> None:
    first, more, days = s.dice.integer(5, 40), s.dice.integer(2, 20), s.dice.integer(3, 12)
    s.tell(f"{s.who} starts with {first} {s.unit} and makes {more} new ones on each of {days} days.")
    made = s.work("count", more, "*", days, f"In {days} days {s.she} makes @ {s.unit}.")
    _count(s, s.work("count", first, "+", made, f"With the first ones that is @ {s.unit}."))


def gain(s: Story) -> None:
    more = s.dice.integer(3, 60)
    s.tell(
        f"{s.friend} gives {s.who} {more} more.",
        f"Later {s.who} finds another {more} {s.unit}.",
        f"Then {more} more are added to {s.things}.",
    )
    _count(s, s.work("count", s.value, "+", more, f"After that there are @ {s.unit}."))


def lose(s: Story) -> None:
    less = s.dice.integer(2, max(2, int(s.value) // 2))
    s.tell(
        f"{s.starting} gives {less} {s.unit} to {s.friend}.",
        f"On the way home {less} of {s.things} get lost.",
        f"Then {less} of {s.things} are taken away.",
    )
    _count(s, s.work("count", s.value, "-", less, f"That leaves @ {s.unit}."))


def gain_packs(s: Story) -> None:
    packs, each, box = s.dice.integer(2, 9), s.dice.integer(3, 15), s.dice.pick(CONTAINERS)
    s.tell(
        f"{s.starting} gets {packs} more {box} of {each} {s.unit}.",
        f"{s.friend} gives {s.who} {packs} {box} that hold {each} {s.unit} each.",
    )
    more = s.work("count", packs, "*", each, f"The new {box} hold @ {s.unit}.")
    _count(s, s.work("count", s.value, "+", more, f"Now there are @ {s.unit}."))


def lose_daily(s: Story) -> None:
    each, days = s.dice.integer(2, 9), s.dice.integer(2, 10)
    s.tell(f"Over the next {days} days, {each} of {s.things} are used up every day.")
    less = s.work("count", each, "*", days, f"In {days} days @ {s.unit} are used.")
    _count(s, s.work("count", s.value, "-", less, f"What is left is @ {s.unit}."))


def multiply(s: Story) -> None:
    times = s.dice.integer(2, 4)
    word = {2: "doubles", 3: "triples", 4: "quadruples"}[times]
    s.tell(
        f"By the end of the month the number of {s.things} {word}.", f"Then {s.who} {word} the number of {s.things}."
    )
    _count(s, s.work("count", s.value, "*", times, f"The number becomes @ {s.unit}."))


def give_part(s: Story) -> None:
    part = s.dice.pick([part for part in PARTS if s.value % part == 0] or _no("no part"))
    s.tell(
        f"{s.starting} gives {PARTS[part]} of {s.things} to {s.friend}.",
        f"{PARTS[part].capitalize()} of {s.things} go to a neighbour.",
    )
    less = s.work("count", s.value, "/", part, f"{PARTS[part].capitalize()} of them is @ {s.unit}.")
    _count(s, s.work("count", s.value, "-", less, f"That leaves @ {s.unit}."))


def keep_part(s: Story) -> None:
    part = s.dice.pick([part for part in PARTS if part > 2 and s.value % part == 0] or _no("no part"))
    times = s.dice.integer(2, part - 1)
    s.tell(f"Of {s.things}, {times}/{part} are good enough to keep; the others are thrown away.")
    one = s.work("count", s.value, "/", part, f"One of {part} equal parts is @ {s.unit}.")
    _count(s, s.work("count", one, "*", times, f"So {times} parts, which are kept, are @ {s.unit}."))


def lose_percent(s: Story) -> None:
    percent = s.dice.pick([p for p in PERCENTS if s.value * p % 100 == 0] or _no("no percentage"))
    s.tell(
        f"Then {percent}% of {s.things} turn out to be broken and are removed.",
        f"{s.friend} gets {percent}% of {s.things}.",
    )
    hundredfold = s.work("area", s.value, "*", percent, f"To find {percent}%, first multiply: @.")
    less = s.work("count", hundredfold, "/", 100, f"Dividing by 100 gives @ {s.unit}.")
    _count(s, s.work("count", s.value, "-", less, f"There remain @ {s.unit}."))


def friend_adds_times(s: Story) -> None:
    friend = s.friend
    times = s.dice.integer(2, 5)
    s.tell(f"{friend} has {times} times as many {s.unit} as {s.who} has now, and gives all of them to {s.who}.")
    more = s.work("count", s.value, "*", times, f"{friend} has @ {s.unit}.")
    _count(s, s.work("count", s.value, "+", more, f"Together they have @ {s.unit}."))


def friend_adds_fewer(s: Story) -> None:
    friend = s.friend
    fewer = s.dice.integer(2, max(2, int(s.value) - 1))
    s.tell(f"{friend} has {fewer} {s.unit} fewer than {s.who} has now, and gives all of them to {s.who}.")
    other = s.work("count", s.value, "-", fewer, f"{friend} has @ {s.unit}.")
    _count(s, s.work("count", s.value, "+", other, f"Together that is @ {s.unit}."))


def share(s: Story) -> None:
    people = s.dice.pick([k for k in range(2, 13) if s.value % k == 0 and s.value > k] or _no("not to be shared"))
    s.tell(
        f"{s.things[0].upper()}{s.things[1:]} are shared equally among {people} children.",
        f"{people} friends divide {s.things} equally.",
    )
    each = s.work("count", s.value, "/", people, f"Each of the {people} gets @ {s.unit}.")
    s.now("each", each, s.unit, f"How many {s.unit} does each of them get?", f"How many {s.unit} is that for each?")


def fill_boxes(s: Story) -> None:
    size = s.dice.pick([k for k in range(3, 16) if s.value % k == 0 and s.value > k] or _no("no box fits"))
    box = s.dice.pick(CONTAINERS)
    s.tell(
        f"All of {s.things} are packed into {box} of {size}.",
        f"{s.who} puts all of {s.things} into {box} that hold {size} each.",
    )
    boxes = s.work("count", s.value, "/", size, f"That takes @ {box}.")
    s.unit = box
    s.now("count", boxes, box, f"How many {box} are filled?", f"How many {box} does {s.she} need?")


def left_over(s: Story) -> None:
    size = s.dice.integer(4, 15)
    boxes, box = int(s.value) // size, s.dice.pick(CONTAINERS)
    if boxes < 1 or s.value % size == 0:
        raise Implausible("nothing left over")
    s.tell(f"{s.who} packs as many full {box} of {size} as possible with {s.things}.")
    packed = s.work("count", boxes, "*", size, f"There are enough for {boxes} full {box}, which hold @ {s.unit}.")
    left = s.work("count", s.value, "-", packed, f"So @ {s.unit} do not fit.")
    s.now("rest", left, s.unit, f"How many {s.unit} are left over?")


def missing(s: Story) -> None:
    more = s.dice.integer(5, 120)
    goal = int(s.value) + more
    s.tell(f"{s.who} would like to have {goal} {s.unit}.", f"For a fair, {s.who} needs {goal} {s.unit}.")
    lack = s.work("count", goal, "-", s.value, f"Up to {goal} there are @ {s.unit} missing.")
    s.now("rest", lack, s.unit, f"How many {s.unit} does {s.she} still need?")


def weeks_to_go(s: Story) -> None:
    each, weeks = s.dice.integer(2, 20), s.dice.integer(2, 20)
    goal = int(s.value) + each * weeks
    s.tell(f"From now on {s.who} gets {each} {s.unit} a week, until there are {goal}.")
    lack = s.work("count", goal, "-", s.value, f"The number of {s.unit} to go is @.")
    s.now(
        "rest",
        s.work("time", lack, "/", each, "At that rate it takes @ weeks."),
        "weeks",
        "How many weeks does it take?",
    )


def sell(s: Story) -> None:
    price = s.dice.integer(2, 12)
    s.tell(
        f"{s.starting} sells all of {s.things} for ${price} each.", f"All of {s.things} are sold at ${price} apiece."
    )
    earned = s.work("money", s.value, "*", price, "Selling them brings in @ dollars.")
    s.now(
        "money",
        earned,
        "dollars",
        "How many dollars does the sale bring in?",
        f"How many dollars does {s.who} get for them?",
    )


def _no(why: str) -> list[int]:
    raise Implausible(why)


STARTS = (
    start_plain,
    start_packs,
    start_rate,
    start_two_kinds,
    start_friend_has_more,
    start_friend_has_times,
    start_rows,
    start_days,
)
# By the sort of quantity that an event starts from.
COUNT_EVENTS = (
    gain,
    lose,
    gain_packs,
    lose_daily,
    multiply,
    give_part,
    keep_part,
    lose_percent,
    friend_adds_times,
    friend_adds_fewer,
    share,
    fill_boxes,
    left_over,
    missing,
    weeks_to_go,
    sell,
)
