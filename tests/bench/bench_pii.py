"""`pii_mask` against Presidio's analyzer and anonymizer: texts a second, and F2 over characters on the same rows.

The rows are those of `../shared/data/pii_spans.json` and 600 of layouts that no training template has, filled with
names and towns of countries that are kept out of the training; one in six is of numbers that only look private.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from tasks.methods.perturb import _pii_ner as ner
from tasks.methods.perturb._pii_find import Wanted, find
from tasks.methods.perturb._pii_pieces import COLUMNS, pieces_of, spans_of, values_of
from tasks.methods.perturb._pii_types import ALIASES, BY_NER, TYPES
from tasks.methods.perturb._pii_values import HELD_OUT
from tests.bench.measure import Row, rate, row
from tests.builders import SHARED_DATA, make, seeds_of

Span = tuple[int, int, str]
Marked = tuple[str, list[Span]]
_ROWS, _SPEED_ROWS = 600, 1200
_F2 = "F2 over characters"
# What Presidio calls what we do; the rest of its types is for what ours has no type of its own.
THEIRS = {
    "PERSON": "PERSON_NAME",
    "ADDRESS": "ADDRESS",
    "LOCATION": "LOCATION",
    "ORGANIZATION": "ORGANIZATION",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CREDIT_CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "US_SSN",
    "IP_ADDRESS": "IP_ADDRESS",
    "URL": "URL",
}
BY_PATTERN = frozenset(THEIRS.values()) - BY_NER
_ORGS = "Brackenfold Timber|Osprey & Lund|Vattenmark AB|Tidewrack Brewing|Quillmere Trust|Ferrovane|Umbrel Labs"
_PLACES = "Skagvik|Porto Velame|Vrbanja|Dorohovat|Kaunelis|Ålsund|Măgurele Noi|Itapoã do Sul|Žalgirė|Brezovica Mala"
LAYOUTS = r"""
{email} is where {name} gets the invoices, the landline being {phone}.
passenger {name} boarding {loc} to {loc}, seat 14C, loyalty no 7781-20
Hiya!! its {first} again, still no word from {org}... can u ring {phone}?
RE: complaint 20/4471\nOn behalf of {name}, tenant of {addr}, I object to the increase.
The inquest heard that {name} was driving home from {loc} when the lorry stopped.
{first} & {first} request the pleasure of your company at {loc} on 9 June at 15:30
Card on file {card}, exp 09/27. Billing contact {name}, {email}
username={first} src={ip} dst={ip} proto=tcp bytes=48213 status=200
wire 4,300.00 to {iban} in favour of {org} before 17:00
Nurse's note: {last} slept badly, relative {first} informed by phone ({phone}).
{name}\n{job}, {org}\n{addr}\n{email}\n{phone}
ssn on the form is {ssn}, please shred after use
I'd trust {first} with my life, but {last}? never.
Somebody called {name} left a parcel outside {addr} last night.
to whom it may concern: {name} rented the flat at {addr} from 2016 to 2019.
{org} fined over spill near {loc}, says regulator
Guests so far: {first}, {first} and {first}; {first} cancelled.
his mum, {name}, still lives in {loc} and hates flying
Payment declined for {card}. Try {card} instead or visit {url}
See {url} for the minutes taken by {name} in {loc}.
server {ip} unreachable since 04:12, page {name} on {phone}
Pt. {name}, 54F, referred by Dr {last} of {org}.
Landlord: {name}; premises: {addr}; deposit: 1,450
[{first}] brb\n[{first}] ok, tell {first} i said hi
Minutes: chaired by {name} ({org}); apologies from {name}.
a postcard from {loc}! love, {first}
Q3 numbers for {org} beat forecasts by 4.5 percent, {name} told analysts in {loc}
Could you courier the contract over to {addr} and copy in {email}?
Interpreter needed for {name}, arrives from {loc} on flight QX 4410 at 11:05.
Delivery failed: no access at {addr}, driver {first} will retry.
My IBAN changed to {iban}; the old one at {org} is closed.
complainant {name} v. {org}, heard at {loc}
Whose jacket is this? I think it is {first}'s.
{name} {phone} {email}
{org} | {addr} | {url}
"{job} wanted in {loc}" - apply to {name}, {email}
since moving from {loc} to {loc} {first} has been much happier
Tax form for {name}: social security {ssn}, employer {org}.
Obituary: {name}, beloved husband of {first}, passed away in {loc} aged 81.
PLEASE TELL {first} THAT THE FLAT ON {addr} IS TAKEN
lecture by prof. {name} of the {org} tomorrow, room 2.14
"""
PLAIN = r"""
Parcel 4539 0000 1111 2223 is not a card, and ISBN 978-3-16-148410-0 is a book.
Build 10.4.0.1187 of version 2.19.3 was released on 2024-05-17 at 09:45:12.
Order HW-4410982-7 for 3 units at $1,249.00 each, ref 2024/000183, invoice 55120938.
The ratio fell from 0.8125 to 0.7993 between 2015-2019; see pages 112-119 and table 4.2.
Turn left at the second roundabout, then follow the river until the old mill appears.
Please soak the beans overnight and simmer them for ninety minutes with a bay leaf.
commit 9fceb02d0ae598e95dc970b74767f19372d61af8 fixed the memory growth in the parser
If the light blinks three times, hold the round button until it turns green again.
The committee meets every second Tuesday; the next session covers budgets and parking.
Checksum 123-45-678 and part 00-1234-99 did not match the label on the crate.
"""


def heldout(rows: int = _ROWS, seed: int = 5) -> list[Marked]:
    """Return texts with their private values, of layouts and values that the name finder was not trained on."""
    dice = random.Random(seed)
    values = _values(dice)
    lines = [line.replace("\\n", "\n") for line in LAYOUTS.strip().splitlines()]
    plain = PLAIN.strip().splitlines()
    texts = [_filled(line, values) for line in (dice.choice(lines) for _ in range(rows * 5 // 6))]
    return [_as_typed(dice, text) for text in texts] + [(dice.choice(plain), []) for _ in range(rows - len(texts))]


def _as_typed(dice: random.Random, marked: Marked) -> Marked:
    """Return one text in six in small letters, as in a chat."""
    text, spans = marked
    low = text.lower()
    return (low, spans) if dice.random() < 1 / 6 and len(low) == len(text) and "https://" not in text else marked


def _filled(line: str, values: dict[str, Callable[[], tuple[str, str]]]) -> Marked:
    text, spans = "", []
    for part in line.replace("{", "\x01{").replace("}", "}\x01").split("\x01"):
        if part.startswith("{"):
            value, kind = values[part[1:-1]]()
            spans += [(len(text), len(text) + len(value), kind)] if kind else []
            text += value
        else:
            text += part
    return text, spans


def _values(dice: random.Random) -> dict[str, Callable[[], tuple[str, str]]]:
    from faker import Faker

    fakers = [Faker(locale) for locale in HELD_OUT]
    english = Faker("en_US")
    for number, fake in enumerate([*fakers, english]):
        fake.seed_instance(number + 100)

    def of(name: str, kind: str) -> Callable[[], tuple[str, str]]:
        return lambda: (" ".join(str(getattr(dice.choice(fakers), name)()).split()), kind)

    def unseen(name: str, kind: str, own: str = "") -> Callable[[], tuple[str, str]]:
        def make() -> tuple[str, str]:
            for _ in range(200):
                value = dice.choice(own.split("|")) if own and dice.random() < 0.4 else of(name, kind)()[0]
                if not _known(value):
                    return value, kind
            return dice.choice(own.split("|")), kind

        return make

    first, last, town = (
        unseen("first_name", "PERSON_NAME"),
        unseen("last_name", "PERSON_NAME"),
        unseen("city", "LOCATION", _PLACES),
    )

    def address() -> tuple[str, str]:
        fake = dice.choice(fakers)
        street = " ".join(fake.street_address().split())
        joint = dice.choice([", ", "\n"])
        return f"{street}{joint}{fake.postcode()} {town()[0]}" if dice.random() < 0.6 else street, "ADDRESS"

    return {
        "first": first,
        "last": last,
        "name": lambda: (f"{first()[0]} {last()[0]}", "PERSON_NAME"),
        "loc": town,
        "org": unseen("company", "ORGANIZATION", _ORGS),
        "addr": address,
        "job": lambda: (english.job().split(",")[0].lower(), ""),
        "email": of("email", "EMAIL"),
        "phone": of("phone_number", "PHONE"),
        "card": lambda: (
            english.credit_card_number(card_type=dice.choice(["visa16", "mastercard", "amex"])),
            "CREDIT_CARD",
        ),
        "iban": lambda: (dice.choice(fakers).iban(), "IBAN"),
        "ssn": lambda: (english.ssn(), "US_SSN"),
        "ip": lambda: (english.ipv4_public() if dice.random() < 0.7 else english.ipv6(), "IP_ADDRESS"),
        "url": lambda: (english.url() + english.uri_path(), "URL"),
    }


def _known(value: str) -> bool:
    words = value.lower().replace("-", " ").replace(",", " ").split()
    return any(word in _trained_on() for word in words)


@cache
def _trained_on() -> frozenset[str]:
    """Return the words of every name and town that the name finder has seen or has on a list."""
    from tasks.methods.perturb._pii_lexicon import lexicon
    from tasks.methods.perturb._pii_values import all_pools

    latin, other = all_pools()
    words = lexicon([*latin, *other])
    return words.people | words.places


def published() -> list[Marked]:
    """Return the rows of presidio-research; their types that ours has not (titles) left out."""
    rows = json.loads((SHARED_DATA / "pii_spans.json").read_text(encoding="utf-8"))
    return [
        (
            line["full_text"],
            [
                (span["start_position"], span["end_position"], ALIASES[span["entity_type"]])
                for span in line["spans"]
                if span["entity_type"] in ALIASES
            ],
        )
        for line in rows
    ]


def ours(rows: list[Marked], types: Iterable[str] = TYPES, pipeline: str = "embedded") -> list[list[Span]]:
    """Return what `pii_mask` finds."""
    batch = seeds_of([{"text": text} for text, _ in rows])
    pieces = pieces_of(values_of(batch, COLUMNS), COLUMNS)
    wanted = Wanted(frozenset(types), (), pipeline, use_spans=False, span_types=frozenset())
    found: list[list[Span]] = [[] for _ in rows]
    for piece, start, end, kind, _ in find(pieces, spans_of(batch), wanted):
        found[piece].append((start, end, "DATE" if kind == "DATE_OF_BIRTH" else kind))
    return found


@cache
def presidio(pipeline: str) -> Any:
    """Return Presidio's analyzer on the pipeline that ours uses, or on a blank one."""
    import logging

    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    mapping = {ours: theirs for theirs, ours in THEIRS.items() if ours in BY_NER}

    class Engine(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__(ner_model_configuration=NerModelConfiguration(model_to_presidio_entity_mapping=mapping))
            self.nlp = {"en": spacy.blank("en") if pipeline == "none" else ner.pipeline(pipeline)}

    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    registry.add_recognizer(SpacyRecognizer(supported_entities=list(mapping.values())))
    return AnalyzerEngine(nlp_engine=Engine(), registry=registry, supported_languages=["en"])


def theirs(rows: list[Marked], types: Iterable[str], pipeline: str = "embedded") -> list[list[Span]]:
    """Return what Presidio finds, of the types that both have; of those on each other the one with the best score."""
    wanted = [name for name, kind in THEIRS.items() if kind in set(types)]
    out = []
    for text, _ in rows:
        results = presidio(pipeline).analyze(text, language="en", entities=wanted)
        kept: list[Span] = []
        for result in sorted(results, key=lambda r: (-r.score, r.start - r.end)):
            if all(result.end <= start or end <= result.start for start, end, _ in kept):
                kept.append((result.start, result.end, THEIRS[result.entity_type]))
        out.append(kept)
    return out


def counts(rows: list[Marked], found: list[list[Span]]) -> Counter[tuple[str, str]]:
    """Return how many characters of each type are right, missed and wrong, as (type, tp | fn | fp)."""
    total: Counter[tuple[str, str]] = Counter()
    for (_, right), got in zip(rows, found, strict=True):
        gold = {at: kind for start, end, kind in right for at in range(start, end)}
        mine = {at: kind for start, end, kind in got for at in range(start, end)}
        for at in gold.keys() | mine.keys():
            one, two = gold.get(at), mine.get(at)
            if one == two and one:
                total[one, "tp"] += 1
                continue
            total.update([(kind, sort) for kind, sort in ((one, "fn"), (two, "fp")) if kind])
    return total


def scores(total: Counter[tuple[str, str]], types: Iterable[str]) -> tuple[float, float, float]:
    """Return precision, recall and F2 of the types together; 0 where nothing is right."""
    tp, fp, fn = (sum(total[kind, sort] for kind in types) for sort in ("tp", "fp", "fn"))
    if not tp:
        return 0.0, 0.0, 0.0
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return precision, recall, 5 * precision * recall / (4 * precision + recall)


def bench() -> Iterator[Row]:
    """Yield the speeds, then precision, recall and F2 by type on both sets."""
    yield from _speeds()
    sets = {"held-out layouts and values": heldout()} | (
        {"presidio-research": published()} if SHARED_DATA.is_dir() else {}
    )
    for name, rows in sets.items():
        yield from _quality(name, rows)


def _quality(name: str, rows: list[Marked]) -> Iterator[Row]:
    both = frozenset(THEIRS.values())
    mine, peer = counts(rows, ours(rows)), counts(rows, theirs(rows, both))
    for kind in sorted({kind for _, spans in rows for _, _, kind in spans}):
        yield _scored(f"{name}, {kind}", scores(mine, [kind]), scores(peer, [kind]) if kind in both else None)
    yield _scored(f"{name}, types found by pattern", scores(mine, BY_PATTERN), scores(peer, BY_PATTERN))
    yield _scored(f"{name}, all types of both", scores(mine, both), scores(peer, both))
    flat = [[(start, end, "ANY") for start, end, _ in spans] for spans in ours(rows)]
    any_type = [(text, [(start, end, "ANY") for start, end, _ in spans]) for text, spans in rows]
    yield _scored(f"{name}, private or not", scores(counts(any_type, flat), ["ANY"]), None)


def _scored(what: str, mine: tuple[float, float, float], peer: tuple[float, float, float] | None) -> Row:
    label = f"pii_mask {_F2}, {what} (P {mine[0]:.3f}, R {mine[1]:.3f})"
    if peer is None:
        return Row(what=label, ours=round(mine[2], 3), peer=None, ratio=None, asked=">= 0.85")
    label += f"; peer Presidio (P {peer[0]:.3f}, R {peer[1]:.3f})"
    ratio = round(mine[2] / peer[2], 2) if peer[2] else None
    return Row(what=label, ours=round(mine[2], 3), peer=round(peer[2], 3), ratio=ratio, asked="not lower")


def _speeds() -> Iterator[Row]:
    from presidio_anonymizer import AnonymizerEngine

    rows = heldout(_SPEED_ROWS, seed=9)
    seeds = seeds_of([{"text": text} for text, _ in rows])
    anonymizer = AnonymizerEngine()
    for pipeline, types, asked in (("none", BY_PATTERN, "10x"), ("embedded", frozenset(THEIRS.values()), "2x")):
        wanted = [name for name, kind in THEIRS.items() if kind in types]
        analyzer = presidio(pipeline)

        def one_by_one(analyzer: Any = analyzer, wanted: list[str] = wanted) -> None:
            for text, _ in rows:
                anonymizer.anonymize(text, analyzer.analyze(text, language="en", entities=wanted))

        def batched(analyzer: Any = analyzer, wanted: list[str] = wanted) -> None:
            from presidio_analyzer import BatchAnalyzerEngine

            found = BatchAnalyzerEngine(analyzer).analyze_iterator(
                [text for text, _ in rows], "en", batch_size=256, entities=wanted
            )
            for (text, _), results in zip(rows, found, strict=True):
                anonymizer.anonymize(text, results)

        params = {"ner": pipeline, "types": sorted(types), "keep_clean": True}
        peer = max(rate(one_by_one, len(rows), 2), rate(batched, len(rows), 2))
        mine = rate(lambda params=params: make("pii_mask", params, len(rows), seeds=seeds), len(rows), 2)
        what = "patterns alone" if pipeline == "none" else "the same spaCy pipeline"
        yield row(f"pii_mask, {what}, texts/s; peer presidio, the faster of one by one and batched", mine, peer, asked)


if __name__ == "__main__":
    for line in bench():
        print(line)
