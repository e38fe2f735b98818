import json
import re
import subprocess
import sys
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.methods.perturb.value_perturbation import Params
from tests.builders import SHARED_DATA, make, needs_shared_data, seeds_of
from tests.strategies import any_text

TICKETS = "deployments/recipes/quickstart/seeds/tickets.jsonl"


def drawn(text, count=30, *, run_seed=0, target=None, spans=None, **params):
    """Return the rows that `count` draws of one seed make."""
    seeds = seeds_of([{"text": text, "target": target, "spans": spans, "label": "l"}])
    return make("value_perturbation", params, count, seeds=seeds, run_seed=run_seed).records.to_pylist()


def moved(text, count=30, **params):
    """Return the accepted texts; there has to be one."""
    texts = [row["text"] for row in drawn(text, count, **params) if not row.get("reason")]
    assert texts
    return texts


def reasons(text, **params):
    return {row.get("reason") for row in drawn(text, **params)}


def changes(row, key="changed"):
    return json.loads(row["extra"])[key] if row["extra"] else []


def undone(text, changed):
    """Return a new text with its changes taken back, by the offsets that `extra` gives."""
    for change in sorted(changed, key=lambda change: -change["start"]):
        assert text[change["start"] : change["end"]] == change["to"]
        assert change["from"] != change["to"]
        text = text[: change["start"]] + change["from"] + text[change["end"] :]
    return text


def numbers(text):
    return [Decimal(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


SHAPES = [
    pytest.param("It was $19.99.", r"It was \$\d\d\.\d\d\.", id="dollar before"),
    pytest.param("Es sind 1.234,56 € heute", r"Es sind \d\.\d{3},\d\d € heute", id="euro after, German"),
    pytest.param("Cela fait 1 234,56 € ici", r"Cela fait \d \d{3},\d\d € ici", id="thousands apart"),
    pytest.param("un prix de 12\u00a0345,5\u00a0€", r"un prix de \d\d\u00a0\d{3},\d\u00a0€", id="no-break space"),
    pytest.param("CHF 1'250.00 due", r"CHF \d'\d{3}\.\d\d due", id="Swiss"),
    pytest.param("₹12,34,567 paid", r"₹\d\d,\d\d,\d{3} paid", id="Indian"),
    pytest.param("1,790 kr each", r"\d,\d{3} kr each", id="kroner"),
    pytest.param("R410 more", r"R\d{3} more", id="rand"),
    pytest.param("pay USD 1200 now", r"pay USD \d{3,4} now", id="code"),
    pytest.param("about $1.5 million", r"about \$\d\.\d million", id="million"),
    pytest.param("up 12.5% then", r"up \d\d\.\d% then", id="percent"),
    pytest.param("um 12,5 % mehr", r"um \d\d,\d % mehr", id="percent, German"),
    pytest.param("weighs 2.50 kg", r"weighs \d\.\d\d kg", id="quantity"),
    pytest.param("a 10-inch screen", r"a \d+-inch screen", id="hyphen"),
    pytest.param("at -15 °C", r"at -\d\d °C", id="minus"),
    pytest.param("holds 500GB", r"holds \d{3}GB", id="unit attached"),
    pytest.param("عدد ٢٥ تفاحة", r"عدد [٠-٩]{2} تفاحة", id="Arabic digits"),  # noqa: RUF001 - they are the case
    pytest.param("rated 4.7 here", r"rated \d\.\d here", id="plain decimals"),
    pytest.param("with 1,250 seats", r"with \d,\d{3} seats", id="plain thousands"),
    pytest.param("due 2026-03-03.", r"due 202\d-\d\d-\d\d\.", id="ISO date"),
    pytest.param("am 03.03.2026 da", r"am \d\d\.\d\d\.2026 da", id="German date"),
    pytest.param("on 3/14/26 here", r"on \d{1,2}/\d{1,2}/26 here", id="American date"),
    pytest.param("on March 3rd, 2026", r"on (February|March) \d{1,2}(st|nd|rd|th), 2026", id="ordinal"),
    pytest.param("on 3 Mar", r"on \d{1,2} (Feb|Mar)", id="short month"),
    pytest.param("am 3. März 2026", r"am \d{1,2}\. (Februar|März) 2026", id="German month"),
    pytest.param("le 1er mars 2026", r"le (1er|\d{1,2}) (février|mars) 2026", id="French first"),
    pytest.param("el 3 de marzo de 2026", r"el \d{1,2} de (febrero|marzo) de 2026", id="Spanish"),
    pytest.param("at 14:02 today", r"at \d\d:\d\d today", id="24 hours"),
    pytest.param("at 2:30 p.m. today", r"at \d{1,2}:\d\d [ap]\.m\. today", id="p.m."),
    pytest.param("at 5PM today", r"at \d{1,2}[AP]M today", id="5PM"),
    pytest.param("vers 16h30", r"vers \d\d?h\d0", id="French time"),
    pytest.param("aged 34, she", r"aged 3\d, she", id="age"),
    pytest.param("a 5-year-old boy", r"a \d-year-old boy", id="age, hyphens"),
    pytest.param("born in 1998.", r"born in \d{4}\.", id="year"),
]


@pytest.mark.parametrize(("text", "shape"), SHAPES)
def test_value_is_written_as_it_was(text, shape):
    """Every format comes back as itself, with another value in it, and nothing else in the text changes."""
    for row in drawn(text):
        if row.get("reason"):
            continue
        assert re.fullmatch(shape, row["text"])
        assert row["text"] != text
        assert undone(row["text"], changes(row)) == text
    assert len(set(moved(text))) > 1


KEPT = [
    "Order HW-4410982 is late.",
    "Call (210) 555-0143 or 313-555-0172 or +44 20 7946 0318 or 07700 900461.",
    "It runs version 2.1.3 and 10.0.0.1 answers.",
    "The oven shows E3, mine is a Galaxy S9 or my Galaxy 9 now.",
    "Open 24/7, a 9-to-5 job, 50/50, 16:9 and 1/2.",
    "Write to ann99@example.com or see https://example.com/5kg and #1234.",
    "The third email, the 3rd email, the 19th century.",
    "We live at 8 Carrack Steps, room 12, page 7, flat 3.",
    "It costs 0 euros, one node, 1 node, 100% sure, 24 hours a day.",
    "Here 3 * 4 = 12 and 16 / 2 or 16 × 3 holds, 9 - 4 = 6 does not.",
    "PIN 0042, zip 90210, account 12345.",
    "We won 3-2 and then 2-0.",
    "Use COVID-19 data from MP3 and the A4 sheet, a 4K film.",
    "I work until 19.",
    "nothing here",
    "one",
    "😀😀",
    "שלום עולם",
    "",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_a_number_names_stays(text):
    """Identifiers, sayings, ordinals, formulas and texts without values are `unchanged`, never an error."""
    assert reasons(text) == {"unchanged"}
    assert [row["text"] for row in drawn(text, 2)] == [text] * 2


def test_unchanged_text_is_accepted_where_asked():
    """Only `keep_unchanged` lets the original through."""
    rows = drawn("nothing here", 3, keep_unchanged=True)
    assert [(row["text"], row.get("reason"), row["extra"]) for row in rows] == [("nothing here", None, None)] * 3


def test_same_value_moves_the_same_way_in_text_and_target():
    """£549 twice, `549 pounds` in the target: one new value; the label is the runner's to copy."""
    for row in drawn("I paid £549 and again £549.", target="The 549 pounds come back."):
        first, again = numbers(row["text"])
        assert first == again == numbers(row["target"])[0] != 549
        assert undone(row["target"], changes(row, "changed_target")) == "The 549 pounds come back."


def test_target_stays_where_only_the_text_is_named():
    """`columns: [text]` leaves the target as it is."""
    rows = drawn("I paid £549.", target="549", columns=["text"])
    assert {row["target"] for row in rows} == {"549"}
    assert all("549" not in row["text"] for row in rows)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        pytest.param("Tom has 16 eggs.", "16-3=<<16-3=13>>13", id="formula in the target"),
        pytest.param("I have 52 lids for number 52.", None, id="label in the text"),
        pytest.param("two lids, 2 boxes", None, id="word"),
    ],
)
def test_value_stays_where_one_of_its_places_cannot_move(text, target):
    """A value that is also part of a formula, a name or a word that does not move is left alone."""
    assert reasons(text, target=target) == {"unchanged"}


def test_number_that_only_the_target_has_stays():
    """What the text does not say is not ours to change; a total of the text is."""
    assert {row["target"] for row in drawn("It costs £20.", target="5 stars")} == {"5 stars"}
    for row in drawn("It costs £20 and £35.", target="£55 in all"):
        assert sum(numbers(row["text"])) == numbers(row["target"])[0]


SUMS = [
    pytest.param("$12.50 and $7.50, in total $20.00", lambda a, b, total: a + b == total, id="total last"),
    pytest.param("In total $20.00: $12.50 and $7.50", lambda total, a, b: a + b == total, id="total first"),
    pytest.param("£50 on it, it was £64, I paid £14", lambda a, total, b: a + b == total, id="difference"),
    pytest.param("two at $5.25, two at $9.75, sum $15", lambda a, b, total: a + b == total, id="whole total"),
    pytest.param(
        "$10, $20, subtotal $30, tax $3, total $33",
        lambda a, b, subtotal, tax, total: a + b == subtotal and subtotal + tax == total,
        id="subtotal",
    ),
    pytest.param("$5 and $5, so $10", lambda a, b, total: a == b and a + b == total, id="twice the same"),
    pytest.param("60% yes, 40% no", lambda a, b: a + b == 100, id="100 percent"),
    pytest.param("four of 1,790 kr each, 7,160 kr in all", lambda price, total: 4 * price == total, id="times"),
    pytest.param("12 apples, 30 pears, 42 fruits", lambda a, b, total: a + b == total, id="counts"),
    pytest.param("Here 12 + 30 = 42 holds.", lambda a, b, total: a + b == total, id="written sum"),
    pytest.param("Here 42 - 12 = 30 holds.", lambda total, a, b: a + b == total, id="written difference"),
    pytest.param(
        "Invoice: 3 chairs at $49.50 each = $148.50, shipping $12.00, total $160.50",
        lambda count, price, line, post, total: count == 3 and count * price == line and line + post == total,
        id="invoice",
    ),
    pytest.param("400 g and 250 g, 650 g together", lambda a, b, total: a + b == total, id="quantities"),
]


@pytest.mark.parametrize(("text", "holds"), SUMS)
@pytest.mark.parametrize("together", [True, False])
def test_parts_add_up_to_the_total(text, holds, together):
    """A stated total is the sum of its new parts, whether prices move by one share or each by its own."""
    move = {"relative": 0.2, "together": together}
    for new in moved(text, money=move, percent=move, quantity=move, number=move):
        assert holds(*numbers(new)), new


def test_total_that_is_protected_keeps_its_parts_adding_up_to_it():
    """The total stays, a part makes up for the other."""
    for new in moved("$12.50 and $7.50, in total $20.00", protect=[r"\$20\.00"], money={"relative": 0.2}):
        a, b, total = numbers(new)
        assert a + b == total == 20


@settings(max_examples=60)
@given(
    parts=st.lists(st.integers(100, 90_000), min_size=2, max_size=5, unique=True),
    seed=st.integers(0, 10**6),
    together=st.booleans(),
)
def test_order_and_sum_hold_for_any_prices(parts, seed, together):
    """Different prices stay different and in their order, the total is their sum, cents stay cents."""
    text = " plus ".join(f"${cents / 100:.2f}" for cents in parts) + f" is ${sum(parts) / 100:.2f}"
    assume(all(len({len(f"{cents // 100}") > 3 for cents in (part, sum(parts))}) == 1 for part in parts))
    for row in drawn(text, 3, run_seed=seed, money={"relative": 0.3, "together": together}):
        if row.get("reason"):
            continue
        new = [round(value * 100) for value in numbers(row["text"])]
        assert sum(new[:-1]) == new[-1]
        assert sorted(range(len(parts)), key=parts.__getitem__) == sorted(range(len(parts)), key=new.__getitem__)
        assert re.sub(r"\d+\.\d\d", "N", row["text"]) == re.sub(r"\d+\.\d\d", "N", text)


@settings(max_examples=80)
@given(values=st.lists(st.integers(2, 40), min_size=2, max_size=6, unique=True), seed=st.integers(0, 10**6))
def test_small_counts_keep_their_order(values, seed):
    """Neighbouring counts neither meet nor pass each other, and none becomes one or zero."""
    text = "; ".join(f"{value} apples" for value in values)
    row = drawn(text, 1, run_seed=seed)[0]
    new = [int(value) for value in numbers(row["text"])]
    assert min(new) > 1
    assert [a < b for a in new for b in new] == [a < b for a in values for b in values]
    # A sum of others moves as far as they do together.
    assert all(abs(a - b) <= len(values) * max(1, b // 10) for a, b in zip(new, values, strict=True))


AMOUNTS = st.tuples(
    st.integers(0, 2_000_000), st.integers(0, 3), st.sampled_from(["", ",", ".", " ", "'"]), st.sampled_from("€$£")
)


@settings(max_examples=150)
@given(amount=AMOUNTS, after=st.booleans(), seed=st.integers(0, 10**6))
def test_reparsed_value_has_the_same_format(amount, after, seed):
    """Separators, decimals, sign and place of any amount are the same when the new text is read again."""
    whole, decimals, group, sign = amount
    point = "," if group == "." else "."
    digits = f"{whole:,}".replace(",", group) + (point + "5".ljust(decimals, "0") if decimals else "")
    assume(not (decimals == 3 and group == ""))  # 1234.500 without groups is rare and reads two ways
    text = f"It was {digits} {sign} then" if after else f"It was {sign}{digits} then"
    row = drawn(text, 1, run_seed=seed)[0]
    new = row["text"]
    if row.get("reason"):
        assert whole == 0 or new == text
        return
    grouped = rf"\d{{1,3}}(?:{re.escape(group)}\d{{3}})+" if group and whole >= 1000 else r"\d+"
    number = grouped + (rf"{re.escape(point)}\d{{{decimals}}}" if decimals else "")
    shape = rf"It was {number} {re.escape(sign)} then" if after else rf"It was {re.escape(sign)}{number} then"
    assert re.fullmatch(shape, new), (text, new)


def test_dates_of_a_text_move_together_and_weekdays_are_right():
    """Monday 3 March 2025 – Friday 7 March 2025: four days apart, each on its own weekday, start first."""
    text = "From Monday 3 March 2025 – Friday 7 March 2025."
    for new in moved(text):
        found = re.findall(r"(\w+day) (\d+) (\w+) (\d{4})", new)
        days = [date(int(y), ["", "February", "March"].index(m) + 1, int(d)) for _, d, m, y in found]
        assert days[1] - days[0] == timedelta(days=4)
        assert [day.strftime("%A") for day in days] == [week for week, *_ in found]


def test_weekday_without_a_year_moves_with_its_date():
    """Monday 3 March moves by n days and n weekdays."""
    week = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905 - reads as words
    for new in moved("On Monday 3 March it came.", date={"absolute": 10}):
        name, day, month = re.search(r"On (\w+) (\d+) (\w+)", new).groups()
        shift = (int(day) if month == "March" else int(day) - 28) - 3
        assert week.index(name) == shift % 7


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        pytest.param(
            "It came on 3 March, the party is on Saturday.",
            lambda new: int(re.search(r"\d+", new)[0]) in {3 + 7, 3 + 14, 24, 17},
            id="weekday alone: whole weeks",
        ),
        pytest.param("In March, on 12 March.", lambda new: new.count("March") == 2, id="month alone: same month"),
        pytest.param(
            "Due on the 19th, cancelled on the 17th.",
            lambda new: numbers(new)[0] - numbers(new)[1] == 2,
            id="days without a month",
        ),
        pytest.param("Sent 22 February, got it on the 24th.", lambda new: "February" in new, id="day and date"),
        pytest.param(
            "All of 2026, from 28 December 2026 on.", lambda new: new.count("2026") == 2, id="year alone: same year"
        ),
        pytest.param("From 3 to 7 March.", lambda new: numbers(new)[1] - numbers(new)[0] == 4, id="days of a month"),
    ],
)
def test_shift_respects_what_stands_beside(text, holds):
    """Names and days that are not part of a date stay true of it."""
    assert all(holds(new) for new in moved(text))


def minutes(text):
    """Return the two times of a text in minutes; one `am` or `pm` is both's."""
    found = re.findall(r"(\d{1,2})(?::(\d\d))?\s?(?:([ap])m)?", text)
    halves = [half or found[-1][2] for *_, half in found]
    return [
        (int(h) % 12 if half else int(h)) * 60 + int(m or 0) + (720 if half == "p" else 0)
        for (h, m, _), half in zip(found, halves, strict=True)
    ]


@pytest.mark.parametrize(
    "text", ["from 3 to 5 pm", "3-5pm", "9:30–11 am", "14:02 and then 14:03", "9 am to 5 pm", "14:00-16:00"]
)
def test_times_keep_their_order_and_distance(text):
    """The start stays before the end, and as long before it; an hour without minutes stays one."""
    old = minutes(text)
    for new in moved(text, time={"absolute": 600}):
        a, b = minutes(new)
        assert a < b
        assert b - a == old[1] - old[0]
        assert re.sub(r"\d+", "N", new).replace("a", "p") == re.sub(r"\d+", "N", text).replace("a", "p")


@settings(max_examples=60)
@given(
    start=st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    days=st.integers(0, 400),
    form=st.sampled_from(["%d %B %Y", "%Y-%m-%d", "%B %d, %Y", "%A %d %B %Y", "%d.%m.%Y", "%a, %d %b %Y"]),
    seed=st.integers(0, 10**6),
)
def test_any_two_dates_stay_as_far_apart(start, days, form, seed):
    """Read back by strptime, which checks no weekday, so that is checked by writing them again."""
    from datetime import datetime

    both = (start, start + timedelta(days=days))
    row = drawn(" till ".join(day.strftime(form) for day in both), 1, run_seed=seed, date={"absolute": 60})[0]
    new = [datetime.strptime(part, form).date() for part in row["text"].split(" till ")]  # noqa: DTZ007 - dates only
    assert new[1] - new[0] == both[1] - both[0]
    assert 0 < abs((new[0] - start).days) <= 60
    written = " till ".join(day.strftime(form) for day in new)
    assert re.sub(r"\b0", "", written) == re.sub(r"\b0", "", row["text"])


def test_ages_stay_in_their_decade_and_on_their_side_of_eighteen():
    """71 stays in its seventies, 17 a minor; `age_band: none` lets 71 leave its decade."""
    assert {int(numbers(new)[0]) for new in moved("I am 71 and well.", 60)} <= set(range(70, 80)) - {71}
    assert {int(numbers(new)[0]) for new in moved("She is 17, he said.", 60)} <= set(range(12, 17))
    wide = {int(numbers(new)[0]) for new in moved("I am 71, yes.", 200, age={"absolute": 40}, age_band="none")}
    assert max(wide) > 80
    assert 18 <= min(wide) < 60


@pytest.mark.parametrize(
    ("params", "lowest", "highest"),
    [
        pytest.param({"money": {"relative": 0.01}}, 198, 202, id="relative"),
        pytest.param({"money": {"absolute": 50}}, 150, 250, id="absolute"),
        pytest.param({"money": {"range": [300, 310]}}, 300, 310, id="range"),
    ],
)
def test_moves_reach_as_far_as_asked(params, lowest, highest):
    """A share, an amount or a range: never past it, and all of it is used."""
    found = {numbers(new)[0] for new in moved("It was $200 then.", 400, **params)}
    assert lowest <= min(found) < max(found) <= highest
    assert (min(found), max(found)) == (lowest, highest)


def test_date_and_time_ranges_hold():
    """New dates and times lie in the ranges that are asked for."""
    params = {"date": {"range": ["2027-01-01", "2027-01-31"]}, "time": {"range": ["08:00", "10:00"]}}
    for new in moved("On 2026-03-03 at 14:02 it came.", 60, **params):
        assert re.search(r"On 2027-01-\d\d at (?:0[89]:\d\d|10:00)", new)


@pytest.mark.parametrize(("kind", "text"), [("money", "$19.99"), ("percent", "12%"), ("quantity", "5 kg"),
                                            ("number", "25 lids"), ("age", "aged 34,"), ("year", "in 1998."),
                                            ("date", "3 March 2026"), ("time", "14:02")])  # fmt: skip
def test_kind_that_is_null_stays(kind, text):
    """Each kind can be left out, and is then left alone."""
    assert reasons(f"It was {text} then", **{kind: None}) == {"unchanged"}
    assert None in reasons(f"It was {text} then")


def test_words_move_where_asked():
    """Number words keep their case; the digit of the same value moves with them; fractions swap."""
    assert {new.split()[0] for new in moved("Twelve lids", words=True)} == {"Eleven", "Thirteen"}
    assert set(moved("TWENTY ONE lids", words=True)) <= {f"{w} lids" for w in (
        "NINETEEN", "TWENTY", "TWENTY TWO", "TWENTY THREE")}  # fmt: skip
    assert set(moved("three boxes, 3 lids", words=True)) == {"two boxes, 2 lids", "four boxes, 4 lids"}
    assert set(moved("Half of it for half an hour", words=True)) > {"A third of it for a quarter of an hour"}
    assert reasons("one other, none of the two hundred, no often", words=True) == {"unchanged"}


def test_protected_values_and_patterns_stay():
    """A pattern that touches a value freezes it, and its equals."""
    for new in moved("Pay $19.99 or $19.99, deposit $50.", protect=["deposit.*"]):
        assert new.endswith("deposit $50.")
        assert "19.99" not in new
    assert reasons("Pay $19.99 twice, $19.99.", protect=[r"twice, \$19"]) == {"unchanged"}


def test_value_in_a_naming_span_stays_and_in_another_moves():
    """An ADDRESS keeps its number, a PRICE does not; the span goes where the value goes."""
    text = "Send 25 lids to 25 west lane for $1,250.00 today"
    spans = [{"start": 16, "end": 28, "type": "ADDRESS"}, {"start": 34, "end": 42, "type": "PRICE"}]
    for row in drawn(text, spans=spans):
        address, price = (row["text"][span["start"] : span["end"]] for span in row["spans"])
        assert address == "25 west lane"
        assert row["text"].startswith("Send 25 lids")
        assert re.fullmatch(r"1,\d{3}\.\d\d", price)
    assert all("25 west" not in new for new in moved(text, protect_spans=[]))


PIECES = st.sampled_from(
    [
        "$19.99",
        "1.234,56 €",
        "3 March 2026",
        "14:02",
        "9 pm",
        "12%",
        "5 kg",
        "aged 34",
        "HW-44",
        "😀",
        "שלום",
        "lid",
        "and",
    ]
)


@settings(max_examples=120)
@given(data=st.data(), pieces=st.lists(PIECES, min_size=1, max_size=8), seed=st.integers(0, 10**6))
def test_spans_stay_on_their_words(data, pieces, seed):
    """Whatever spans mark, values or words, whole or in part: each covers what it did, changes and all."""
    text = " ".join(pieces)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [{"start": a, "end": b, "type": "X"} for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    row = drawn(text, 1, run_seed=seed, spans=spans)[0]
    changed = changes(row)
    assert undone(row["text"], changed) == text
    assert len(row["spans"]) == len(spans)
    for old, new in zip(spans, row["spans"], strict=True):
        inside = [c for c in changed if new["start"] <= c["start"] and c["end"] <= new["end"]]
        moved_back = [{**c, "start": c["start"] - new["start"], "end": c["end"] - new["start"]} for c in inside]
        words = row["text"][new["start"] : new["end"]]
        assert undone(words, moved_back) == text[old["start"] : old["end"]]


@settings(max_examples=100)
@given(texts=st.lists(any_text | st.text("0123456789.,:/- €$%kgapm"), min_size=1, max_size=6), words=st.booleans())
def test_any_text_works(texts, words):
    """No text raises, each change can be taken back, and spans that are null stay null."""
    seeds = seeds_of([{"text": text} for text in texts])
    made = make("value_perturbation", {"words": words}, len(texts), seeds=seeds).records.to_pylist()
    for text, row in zip(texts, made, strict=True):
        assert undone(row["text"], changes(row)) == text
        assert (row["text"] == text) == (row.get("reason") == "unchanged")
        assert row["spans"] is None


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([{"start": 0, "end": 99, "type": "X"}], id="past the end"),
        pytest.param([{"start": -1, "end": 2, "type": "X"}], id="negative"),
        pytest.param([{"start": 3, "end": 3, "type": "X"}], id="empty"),
        pytest.param([{"start": 2, "end": 5, "type": "X"}, {"start": 0, "end": 3, "type": "Y"}], id="overlap"),
    ],
)
def test_bad_spans_reject_their_row_alone(spans):
    """Spans that cannot be right are a reason, with the text as it was, and the next row is made."""
    seeds = seeds_of([{"text": "It was $19.99.", "spans": spans}, {"text": "It was $19.99.", "spans": []}])
    rows = make("value_perturbation", {}, 2, seeds=seeds).records.to_pylist()
    assert [row["reason"] for row in rows] == ["bad_spans", None]
    assert rows[0]["text"] == "It was $19.99."


def test_null_text_is_a_reason():
    """A seed without text is rejected."""
    seeds = seeds_of([{"text": None, "label": "x"}, {"text": "It was $19.99."}])
    assert make("value_perturbation", {}, 2, seeds=seeds).records["reason"].to_pylist() == ["no_text", None]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"money": {"relative": 0.1, "absolute": 1}}, "give one of relative, absolute, range", id="two"),
        pytest.param({"money": {}}, "got none", id="none"),
        pytest.param({"number": {"range": [5, 2]}}, r"range \[5.0, 2.0\] needs a lower number", id="range"),
        pytest.param({"date": {"range": ["2026-02-01", "2026-01-01"]}}, "needs an earlier date", id="dates"),
        pytest.param({"time": {"range": ["8:00", "10:00"]}}, "'8:00' is no time; write it as 08:30", id="time"),
        pytest.param({"protect": ["("]}, r"'\(' is no regular expression", id="pattern"),
        pytest.param({"columns": ["target"]}, "needs 'text'", id="columns"),
        pytest.param({"colums": ["text"]}, "Extra inputs", id="misspelt"),
        pytest.param(
            dict.fromkeys(["money", "percent", "quantity", "number", "age", "year", "date", "time"]),
            "nothing is to move",
            id="nothing",
        ),
    ],
)
def test_wrong_params_are_refused(params, message):
    """Each says what is wrong and what would do."""
    with pytest.raises(ValidationError, match=message):
        Params(**params)


def test_draws_differ_and_repeat_from_the_same_seed():
    """Twenty draws of one seed are many variants; the same run gives the same bytes."""
    text = "I paid £549 on 3 March at 14:02."
    assert len(set(moved(text, 20))) > 15
    assert drawn(text, 20) == drawn(text, 20)
    assert drawn(text, 20) != drawn(text, 20, run_seed=1)


def test_another_process_gives_the_same_bytes():
    """Nothing rests on the order of a set or on Python's hashes."""
    script = (
        "import hashlib, json; from tests.builders import make, seeds_of\n"
        f"seeds = seeds_of([json.loads(line) for line in open({TICKETS!r}, encoding='utf-8')])\n"
        "made = make('value_perturbation', {'words': True}, 300, seeds=seeds)\n"
        "print(hashlib.sha256(repr(made.records.to_pylist()).encode()).hexdigest())"
    )
    one, two = (
        subprocess.run([sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in "12"
    )
    assert len(one.stdout) == 65
    assert one.stdout == two.stdout


def test_tickets_keep_their_identifiers_and_spans():
    """On the quickstart's own tickets every marked order, phone, name and address is on its words."""
    with Path(TICKETS).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    made = make("value_perturbation", {}, len(rows), seeds=seeds_of(rows)).records.to_pylist()
    assert sum(row["reason"] is None for row in made) > len(rows) // 3
    for old, new in zip(rows, made, strict=True):
        marked = [old["text"][span["start"] : span["end"]] for span in old["spans"]]
        assert [new["text"][span["start"] : span["end"]] for span in new["spans"]] == marked
        assert re.findall(r"HW-\d+|\S+@\S+", new["text"]) == re.findall(r"HW-\d+|\S+@\S+", old["text"])
        assert undone(new["text"], changes(new)) == old["text"]


def test_text_of_a_megabyte_takes_seconds():
    """18,000 sentences with five values each, all consistent."""
    text = "In 2019 we paid $5.20 for 30 kg on 3 March at 14:02. " * 18_000
    started = time.process_time()
    row = drawn(text, 1)[0]
    assert time.process_time() - started < 30
    assert len(set(row["text"].split(". In"))) <= 3
    assert undone_fast(row["text"], changes(row)) == text


def undone_fast(text, changed):
    pieces, last = [], 0
    for change in changed:
        pieces += [text[last : change["start"]], change["from"]]
        last = change["end"]
    return "".join([*pieces, text[last:]])


@needs_shared_data
def test_worked_problems_are_left_where_their_answers_would_be_wrong():
    """Answers with worked formulas freeze the numbers of the question; what moves can be taken back."""
    with (SHARED_DATA / "math_problems.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    seeds = seeds_of([{"text": row["question"], "target": row["answer"]} for row in rows])
    made = make("value_perturbation", {}, len(rows), seeds=seeds).records.to_pylist()
    for old, new in zip(seeds.to_pylist(), made, strict=True):
        assert undone(new["text"], changes(new)) == old["text"]
        worked = re.findall(r"<<[^>]*>>", old["target"])
        assert re.findall(r"<<[^>]*>>", new["target"]) == worked
        used = {number for formula in worked for number in re.findall(r"\d+", formula)}
        assert not used & {change["from"] for change in changes(new)}
