"""Stories about money, distance, time, weight, area and pages: how they begin and what can happen."""

from fractions import Fraction

from tasks.methods.rules._code_story import Implausible, Story, money

PERCENTS = (5, 10, 15, 20, 25, 30, 40, 50)
WARES = ("a lamp", "a backpack", "a chess set", "a raincoat", "a football", "a dictionary", "a kettle", "a scarf")
GOODS = ("chairs", "tickets", "mugs", "books", "towels", "plants", "posters", "cushions")


def _dollars(s: Story, value: int | Fraction) -> None:
    s.now(
        "money",
        value,
        "dollars",
        f"How much money in dollars does {s.who} have now?",
        f"How many dollars does {s.she} have in the end?",
    )


def _bill(s: Story, value: int | Fraction) -> None:
    s.now(
        "bill", value, "dollars", "How much is it in total, in dollars?", f"How many dollars does {s.who} have to pay?"
    )


def start_savings(s: Story) -> None:
    value = s.dice.integer(40, 900)
    s.tell(f"{s.who} has saved ${value}.", f"There is ${value} in {s.who}'s account.")
    _dollars(s, value)


def start_wage(s: Story) -> None:
    rate, hours, days = s.dice.integer(9, 30), s.dice.integer(3, 9), s.dice.integer(2, 6)
    s.tell(f"{s.who} earns ${rate} an hour and works {hours} hours a day for {days} days.")
    worked = s.work("time", hours, "*", days, f"In {days} days {s.she} works @ hours.")
    _dollars(s, s.work("money", worked, "*", rate, "The pay is @ dollars."))


def start_shopping(s: Story) -> None:
    (one, two), dice = s.dice.sample(GOODS, 2), s.dice
    many, price, more, other = dice.integer(2, 12), dice.integer(3, 40), dice.integer(2, 9), dice.integer(2, 25)
    s.tell(f"{s.who} buys {many} {one} at ${price} each and {more} {two} at ${other} each.")
    first = s.work("money", many, "*", price, f"The {one} cost @ dollars.")
    second = s.work("money", more, "*", other, f"The {two} cost @ dollars.")
    _bill(s, s.work("money", first, "+", second, "Together they cost @ dollars."))


def start_cents(s: Story) -> None:
    price, many = Fraction(s.dice.integer(15, 160), 20), s.dice.integer(3, 20)
    goods = s.dice.pick(GOODS)
    s.tell(f"{s.who} orders {many} {goods} at {money(price)} each.")
    _bill(s, s.work("money", many, "*", price, f"The {goods} cost @ dollars."))


def start_drive(s: Story) -> None:
    speed, hours = s.dice.integer(4, 22) * 5, s.dice.integer(2, 8)
    s.tell(
        f"{s.who} drives for {hours} hours at {speed} kilometres an hour.",
        f"A bus with {s.who} on board does {speed} km every hour for {hours} hours.",
    )
    _way(s, s.work("distance", speed, "*", hours, "The way is @ kilometres."))


def start_laps(s: Story) -> None:
    metres, laps, days = s.dice.integer(4, 16) * 50, s.dice.integer(2, 10), s.dice.integer(2, 7)
    s.tell(f"On each of {days} days {s.who} runs {laps} laps of {metres} metres.")
    daily = s.work("mass", laps, "*", metres, "A day's run is @ metres.")
    total = s.work("mass", daily, "*", days, f"In {days} days that is @ metres.")
    _way(s, s.work("distance", total, "/", 1000, "Since a kilometre has 1000 metres, it is @ kilometres."))


def start_tasks(s: Story) -> None:
    each, many, rest = s.dice.integer(3, 40), s.dice.integer(3, 15), s.dice.integer(5, 60)
    job = s.dice.pick(("letters to write", "bikes to clean", "rooms to paint", "cakes to bake", "forms to check"))
    s.tell(f"{s.who} has {many} {job}, each of which takes {each} minutes, and takes one break of {rest} minutes.")
    work = s.work("time", many, "*", each, "The work alone takes @ minutes.")
    _minutes(s, s.work("time", work, "+", rest, "With the break it takes @ minutes."))


def start_recipe(s: Story) -> None:
    people, each, guests = s.dice.integer(2, 8), s.dice.integer(4, 40) * 5, s.dice.integer(3, 24)
    food = s.dice.pick(("rice", "flour", "beans", "pasta", "lentils", "oats"))
    s.tell(
        f"A recipe for {people} people needs {people * each} grams of {food}, and {s.who} cooks it for {guests} people."
    )
    one = s.work("mass", people * each, "/", people, f"One person needs @ grams of {food}.")
    _grams(s, s.work("mass", one, "*", guests, f"For {guests} people it takes @ grams."), food)


def start_garden(s: Story) -> None:
    long, wide, kind = s.dice.integer(6, 40), s.dice.integer(4, 25), s.dice.pick(("garden", "yard", "hall", "meadow"))
    s.tell(f"{s.who}'s {kind} is {long} metres long and {wide} metres wide.")
    s.now("area", s.work("area", long, "*", wide, f"The area of the {kind} is @ square metres."), "square metres",
          f"What is the area of the {kind} in square metres?")  # fmt: skip


def start_fence(s: Story) -> None:
    long, wide, gate = s.dice.integer(8, 60), s.dice.integer(5, 40), s.dice.integer(1, 4)
    s.tell(f"{s.who}'s plot is {long} metres by {wide} metres. The fence around it leaves a gate of {gate} metres.")
    half = s.work("distance", long, "+", wide, "One long and one short side are @ metres.")
    around = s.work("distance", half, "*", 2, "All around it is @ metres.")
    s.now(
        "fence",
        s.work("distance", around, "-", gate, "Without the gate the fence is @ metres."),
        "metres",
        "How many metres of fence are needed?",
    )


def start_reading(s: Story) -> None:
    chapters, each = s.dice.integer(6, 30), s.dice.integer(8, 36)
    s.tell(f"{s.who} reads a book of {chapters} chapters with {each} pages each.")
    _pages(s, s.work("pages", chapters, "*", each, "The book has @ pages."))


def start_ages(s: Story) -> None:
    friend = s.friend
    young, times, gap = s.dice.integer(4, 15), s.dice.integer(2, 3), s.dice.integer(2, 9)
    s.tell(
        f"{s.who} is {young} years old. {friend} is {times} times as old, and their aunt is {gap} years older still."
    )
    older = s.work("time", young, "*", times, f"{friend} is @ years old.")
    aunt = s.work("time", older, "+", gap, "The aunt is @ years old.")
    both = s.work("time", young, "+", older, f"{s.who} and {friend} together are @ years old.")
    s.now(
        "ages",
        s.work("time", both, "+", aunt, "All three together are @ years old."),
        "years",
        "How old are the three of them together, in years?",
    )


def start_average(s: Story) -> None:
    scores = [s.dice.integer(40, 100) for _ in range(s.dice.integer(3, 5))]
    scores[-1] -= sum(scores) % len(scores)
    listed = ", ".join(map(str, scores[:-1])) + f" and {scores[-1]}"
    s.tell(f"In {len(scores)} tests {s.who} gets {listed} points.")
    total: int | Fraction = scores[0]
    for score in scores[1:]:
        total = s.work("count", total, "+", score, "Adding up the points: @.")
    s.now(
        "average",
        s.work("count", total, "/", len(scores), "The average is @ points."),
        "points",
        f"What is {s.her} average number of points?",
    )


def spend(s: Story) -> None:
    price, ware = s.dice.integer(5, max(5, min(120, int(s.value) // 2))), s.dice.pick(WARES)
    s.tell(f"{s.starting} buys {ware} for ${price}.", f"Then {s.who} pays ${price} for {ware}.")
    _dollars(s, s.work("money", s.value, "-", price, f"After paying for {ware} there are @ dollars left."))


def earn(s: Story) -> None:
    rate, hours = s.dice.integer(8, 25), s.dice.integer(2, 12)
    s.tell(f"Helping a neighbour for {hours} hours brings {s.who} ${rate} an hour.")
    more = s.work("money", rate, "*", hours, "Helping earns @ dollars.")
    _dollars(s, s.work("money", s.value, "+", more, "Then there are @ dollars."))


def give_share(s: Story) -> None:
    percent = s.dice.pick(PERCENTS)
    s.tell(f"{s.starting} puts {percent}% of the money aside for a trip and keeps the rest.")
    _dollars(s, _less_percent(s, percent, "The money put aside", "What stays"))


def _less_percent(s: Story, percent: int, part: str, rest: str) -> int | Fraction:
    one = s.work("money", s.value, "/", 100, "One percent is @ dollars.")
    share = s.work("money", one, "*", percent, f"{part} is @ dollars.")
    return s.work("money", s.value, "-", share, f"{rest} is @ dollars.")


def save_up(s: Story) -> None:
    each, weeks = s.dice.integer(5, 45), s.dice.integer(2, 24)
    goal = int(s.value) + each * weeks
    if s.value != int(s.value):
        raise Implausible("cents")
    s.tell(f"{s.starting} wants to reach ${goal} and can save ${each} a week from now on.")
    lack = s.work("money", goal, "-", s.value, "The money still to save is @ dollars.")
    s.now(
        "rest",
        s.work("time", lack, "/", each, "That takes @ weeks."),
        "weeks",
        f"For how many weeks does {s.she} have to save?",
    )


def discount(s: Story) -> None:
    percent = s.dice.pick(PERCENTS)
    s.tell(f"There is a discount of {percent}% on everything.", f"With a coupon the price falls by {percent}%.")
    _bill(s, _less_percent(s, percent, "The discount", "The new price"))


def delivery(s: Story) -> None:
    fee = s.dice.integer(3, 25)
    s.tell(f"The delivery costs another ${fee}.", f"A fee of ${fee} comes on top.")
    _bill(s, s.work("money", s.value, "+", fee, "With that it is @ dollars."))


def change(s: Story) -> None:
    notes = [note for note in (20, 50, 100, 200, 500, 1000) if note > s.value]
    if not notes:
        raise Implausible("no note is large enough")
    s.tell(f"{s.starting} pays with ${notes[0]}.", f"{s.who} hands over ${notes[0]}.")
    back = s.work("money", notes[0], "-", s.value, "The change is @ dollars.")
    s.now("rest", back, "dollars", f"How many dollars does {s.she} get back?", "How much is the change, in dollars?")


def split_bill(s: Story) -> None:
    people = s.dice.integer(2, 8)
    s.tell(f"{people} friends pay in equal parts.", f"{s.who} and {people - 1} others split the cost equally.")
    each = s.work("money", s.value, "/", people, "Each of them pays @ dollars.")
    s.now("rest", each, "dollars", "How many dollars does each of them pay?")


def _way(s: Story, value: int | Fraction) -> None:
    s.now(
        "distance",
        value,
        "kilometres",
        "How many kilometres is that in total?",
        "How long is the whole way in kilometres?",
    )


def detour(s: Story) -> None:
    more = s.dice.integer(3, 90)
    s.tell(f"A detour adds {more} kilometres.", f"After that come another {more} kilometres.")
    _way(s, s.work("distance", s.value, "+", more, "With that it is @ kilometres."))


def there_and_back(s: Story) -> None:
    s.tell("The same way is done once more in the other direction.", f"Then {s.who} goes all the way back.")
    _way(s, s.work("distance", s.value, "*", 2, "There and back it is @ kilometres."))


def fuel(s: Story) -> None:
    each, price = s.dice.integer(4, 20), s.dice.integer(1, 3)
    s.tell(f"One litre of fuel is enough for {each} kilometres and costs ${price}.")
    litres = s.work("distance", s.value, "/", each, "That takes @ litres of fuel.")
    _bill(s, s.work("money", litres, "*", price, "The fuel costs @ dollars."))


def speed(s: Story) -> None:
    hours = s.dice.integer(2, 12)
    if not 3 <= s.value / hours <= 120:
        raise Implausible("too slow or too fast")
    s.tell(f"All of it together takes {hours} hours.")
    s.now("rest", s.work("distance", s.value, "/", hours, "The average speed is @ kilometres an hour."), "km/h",
          "What is the average speed in kilometres an hour?")  # fmt: skip


def _minutes(s: Story, value: int | Fraction) -> None:
    s.now("time", value, "minutes", "How many minutes does all of it take?", f"How many minutes is {s.who} busy?")


def more_minutes(s: Story) -> None:
    more = s.dice.integer(5, 90)
    s.tell(f"Cleaning up takes another {more} minutes.")
    _minutes(s, s.work("time", s.value, "+", more, "With cleaning up it is @ minutes."))


def with_help(s: Story) -> None:
    people = s.dice.integer(2, 5)
    s.tell(f"{people} people divide all of it among themselves, so that each takes the same time.")
    each = s.work("time", s.value, "/", people, "For each of them it is @ minutes.")
    s.now("rest", each, "minutes", "How many minutes does each of them take?")


def in_hours(s: Story) -> None:
    hours = s.work("time", s.value, "/", 60, "Since an hour has 60 minutes, it is @ hours.")
    s.tell("All of that happens without a further break.")
    s.now("rest", hours, "hours", "How many hours is that?")


def _grams(s: Story, value: int | Fraction, food: str) -> None:
    s.now("mass", value, food, f"How many grams of {food} does that take?", f"How many grams of {food} are needed?")


def reserve(s: Story) -> None:
    more = s.dice.integer(2, 40) * 10
    s.tell(f"To be safe, {s.she} takes {more} grams more.")
    _grams(s, s.work("mass", s.value, "+", more, "With the extra it is @ grams."), s.unit)


def packets(s: Story) -> None:
    size = s.dice.pick(
        [size for size in (50, 100, 125, 200, 250, 500) if s.value % size == 0 and s.value > size] or [0]
    )
    if not size:
        raise Implausible("no packet fits")
    s.tell(f"Packets of {s.unit} hold {size} grams each.")
    s.unit = "packets"
    s.now(
        "count", s.work("count", s.value, "/", size, "That takes @ packets."), "packets", "How many packets are needed?"
    )


def cover(s: Story) -> None:
    price, what = s.dice.integer(2, 30), s.dice.pick(("grass", "tiles", "gravel", "boards"))
    s.tell(f"Covering it with {what} costs ${price} for each square metre.")
    _bill(s, s.work("money", s.value, "*", price, f"The {what} cost @ dollars."))


def pond(s: Story) -> None:
    less = s.dice.integer(2, max(2, int(s.value) // 3))
    s.tell(f"A part of {less} square metres is left out.")
    s.now(
        "area",
        s.work("area", s.value, "-", less, "What remains is @ square metres."),
        "square metres",
        "How many square metres remain?",
    )


def fence_price(s: Story) -> None:
    price = s.dice.integer(3, 25)
    s.tell(f"A metre of fence costs ${price}.")
    _bill(s, s.work("money", s.value, "*", price, "The fence costs @ dollars."))


def _pages(s: Story, value: int | Fraction) -> None:
    s.now(
        "pages", value, "pages", "How many pages are there to read?", f"How many pages does {s.who} still have to read?"
    )


def read_some(s: Story) -> None:
    each, days = s.dice.integer(4, 25), s.dice.integer(2, 8)
    s.tell(f"For {days} days {s.she} reads {each} pages a day.")
    done = s.work("pages", each, "*", days, "In that time @ pages are read.")
    _pages(s, s.work("pages", s.value, "-", done, "There are @ pages left."))


def read_rest(s: Story) -> None:
    each = s.dice.pick([k for k in range(5, 41) if s.value % k == 0 and s.value > k] or [0])
    if not each:
        raise Implausible("the pages do not come out even")
    s.tell(f"The rest is read at {each} pages a day.", f"{s.who} plans to read what is left at {each} pages a day.")
    s.now("rest", s.work("time", s.value, "/", each, "That takes @ days."), "days", "How many days does that take?")


STARTS = (
    start_savings, start_wage, start_shopping, start_shopping, start_cents, start_drive, start_laps, start_tasks,
    start_recipe, start_garden, start_fence, start_reading, start_ages, start_average,
)  # fmt: skip
EVENTS = {
    "money": (spend, earn, give_share, save_up),
    "bill": (discount, delivery, change, split_bill),
    "distance": (detour, there_and_back, fuel, speed),
    "time": (more_minutes, with_help, in_hours),
    "mass": (reserve, packets),
    "area": (cover, pond),
    "fence": (fence_price,),
    "pages": (read_some, read_rest),
}
