"""Believable SQLite schemas with rows: a domain's tables, some of their columns, and typed values that refer correctly.

A domain is written as lines `one many [> parent parent]: column=kind; column=kind`. Kinds: `person` and `title` (unique
names), `a|b|c` (one of), `int LOW HIGH`, `money LOW HIGH` (with cents), `date`; a `?` at the end lets it be NULL.
"""

from dataclasses import dataclass
from functools import cache

from tasks.methods.rules._code_dice import Dice

DOMAINS = {
    "support desk": """
customer customers: name=person; city=Oslo|Lima|Kyoto|Porto|Accra; plan=free|pro|team; seats=int 1 40; joined=date
agent agents: name=person; team=billing|network|accounts; level=int 1 5; hired=date
ticket tickets > customer agent: priority=low|normal|high|urgent; status=open|closed; opened=date; minutes=int 5 240?
""",
    "shop": """
product products: name=title; category=garden|kitchen|sport|office; price=money 3 90; stock=int 0 80; added=date
buyer buyers: name=person; country=Spain|Kenya|Japan|Chile; points=int 0 500; birthday=date?
purchase purchases > product buyer: quantity=int 1 9; channel=web|store|phone; bought=date; discount=int 0 30?
""",
    "library": """
book books: title=title; genre=crime|poetry|history|travel; pages=int 80 700; published=date; shelf=A|B|C|D
member members: name=person; branch=north|south|harbour; age=int 9 80; joined=date
loan loans > book member: taken=date; days=int 1 40; renewals=int 0 4; fine=money 0 12?
""",
    "clinic": """
doctor doctors: name=person; field=skin|heart|eyes|children; room=int 1 30; started=date
patient patients: name=person; insurer=Alba|Nova|Civic?; age=int 1 90; town=Hull|Leith|Bray
visit visits > doctor patient: seen=date; minutes=int 5 60; kind=first|control|urgent; fee=money 20 180; rating=int 1 5?
""",
    "fleet": """
driver drivers: name=person; licence=B|C|D; age=int 21 64; base=Graz|Linz|Wels
vehicle vehicles: plate=title; type=van|truck|bus; capacity=int 4 60; fuel=diesel|gas|electric; bought=date
trip trips > driver vehicle: started=date; kilometres=int 8 620; cargo=int 0 900?; purpose=delivery|transfer|service
""",
    "school": """
teacher teachers: name=person; subject=music|physics|latin|art; years=int 0 35; hired=date
pupil pupils: name=person; grade=int 5 12; house=oak|elm|ash; town=Ayr|Bude|Cork
result results > teacher pupil: points=int 20 100; taken=date; form=oral|written|project; retakes=int 0 2
""",
    "hotel": """
room rooms: label=title; type=single|double|suite; floor=int 1 9; price=money 40 320
guest guests: name=person; country=Peru|Italy|Ghana|Nepal; visits=int 1 15; email=yes|no?
booking bookings > room guest: arrival=date; nights=int 1 14; source=site|agent|desk; extras=money 0 90?
""",
    "farm": """
field fields: name=title; soil=clay|sand|loam; hectares=int 2 60; leased=yes|no
crop crops: name=title; season=spring|summer|autumn; cost=money 5 60; days=int 40 160
harvest harvests > field crop: gathered=date; tonnes=int 1 90; grade=A|B|C; loss=int 0 20?
""",
    "gym": """
trainer trainers: name=person; style=boxing|yoga|rowing; rate=money 15 80; since=date
client clients: name=person; tier=basic|plus|gold; age=int 16 75; city=Turin|Ghent|Lyon
session sessions > trainer client: held=date; minutes=int 20 120; effort=int 1 10?; place=hall|pool|park
""",
    "factory": """
machine machines: name=title; line=east|west|south; power=int 2 90; installed=date
worker workers: name=person; shift=day|night|late; skill=int 1 6; entered=date
batch batches > machine worker: made=date; parts=int 10 900; faults=int 0 25; material=steel|brass; note=checked|open?
""",
    "theatre": """
play plays: title=title; style=comedy|drama|musical; acts=int 1 5; premiere=date
hall halls: name=title; city=Bonn|Kiel|Jena; seats=int 60 900; opened=date
show shows > play hall: played=date; sold=int 20 800; ticket=money 8 95; free=int 0 40?; type=regular|gala|matinee
""",
    "newsroom": """
reporter reporters: name=person; desk=local|sport|science; years=int 0 30; city=Delhi|Quito|Dakar
section sections: name=title; weekday=Mon|Fri; pages=int 1 12; editor=person
article articles > reporter section: printed=date; words=int 90 900; readers=int 1 99; state=draft|final; slips=int 0 5?
""",
}  # fmt: skip
PEOPLE = tuple(
    f"{first} {last}"
    for last in ("Abel", "Berg", "Costa", "Dunn", "Eze", "Fischer", "Gomez", "Haas")
    for first in ("Ada", "Ben", "Chloe", "Dara", "Emil", "Farah", "Goran", "Hana", "Ivo", "June", "Kofi", "Lena")
)
TITLES = tuple(
    f"{first} {second}"
    for second in ("Arrow", "Basin", "Cedar", "Dune", "Ember", "Falcon", "Garnet", "Harbour")
    for first in ("Amber", "Bright", "Calm", "Deep", "Early", "Faint", "Grand", "High", "Inner", "Jade")
)
SQL_TYPES = {"person": "TEXT", "title": "TEXT", "one": "TEXT", "int": "INTEGER", "money": "REAL", "date": "TEXT"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its kind and, of a range or a choice, the values that it draws from."""

    name: str
    kind: str
    values: tuple[str, ...] = ()
    nullable: bool = False

    @property
    def english(self) -> str:
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: names for one and many of its rows, columns without keys, and the tables that it refers to."""

    one: str
    name: str
    columns: tuple[Column, ...]
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables (parents first) with their rows, as they are and as SQL."""

    tables: tuple[Table, ...]
    rows: dict[str, list[tuple]]
    ddl: str
    inserts: str

    @property
    def child(self) -> Table:
        return self.tables[-1]

    def parent(self, one: str) -> Table:
        """Return the table whose rows are called `one`."""
        return next(table for table in self.tables if table.one == one)


@cache
def domains() -> tuple[tuple[Table, ...], ...]:
    """Return the tables of every domain."""
    return tuple(tuple(_table(line) for line in text.strip().splitlines()) for text in DOMAINS.values())


def _table(line: str) -> Table:
    head, _, columns = line.partition(": ")
    names, _, parents = head.partition(" > ")
    one, many = names.split()
    return Table(one, many, tuple(_column(text) for text in columns.split("; ")), tuple(parents.split()))


def _column(text: str) -> Column:
    name, _, kind = text.partition("=")
    nullable, kind = kind.endswith("?"), kind.rstrip("?")
    if "|" in kind:
        return Column(name, "one", tuple(kind.split("|")), nullable)
    word, *bounds = kind.split()
    return Column(name, word, tuple(bounds), nullable)


def draw_schema(dice: Dice) -> Schema:
    """Return a domain's tables, two or three of them, with a part of their columns and 8 to 24 rows each."""
    *parents, child = dice.pick(domains())
    kept = dice.subset(parents, dice.integer(1, len(parents)))
    tables = [_narrowed(dice, table) for table in kept]
    tables.append(_narrowed(dice, Table(child.one, child.name, child.columns, tuple(table.one for table in kept))))
    rows: dict[str, list[tuple]] = {}
    for table in tables:
        sizes = [len(rows[parent.name]) for parent in tables if parent.one in table.parents]
        rows[table.name] = _rows(dice, table, sizes, dice.integer(14, 24) if sizes else dice.integer(6, 10))
    inserts = "\n".join(_insert(table, rows[table.name]) for table in tables)
    return Schema(tuple(tables), rows, "\n".join(_ddl(table, tables) for table in tables), inserts)


def _narrowed(dice: Dice, table: Table) -> Table:
    names = [column for column in table.columns if column.kind in ("person", "title")]
    # Something to add up and something to group by are in every table; of the other columns some.
    kept = [dice.pick(own) for own in (number_columns(table), label_columns(table)) if own]
    others = [column for column in table.columns if column not in names + kept]
    kept += dice.sample(others, dice.integer(0, len(others)))
    return Table(table.one, table.name, (*names[:1], *(c for c in table.columns if c in kept)), table.parents)


def number_columns(table: Table) -> list[Column]:
    """Return the columns that hold numbers."""
    return [column for column in table.columns if column.kind in ("int", "money")]


def label_columns(table: Table) -> list[Column]:
    """Return the columns that hold one of a few words."""
    return [column for column in table.columns if column.kind == "one"]


def _rows(dice: Dice, table: Table, sizes: list[int], count: int) -> list[tuple]:
    columns = [_values(dice, column, count) for column in table.columns]
    # The last row of a parent now and then has no child: questions about missing ones need some.
    keys = [[dice.integer(1, max(1, size - 1)) for _ in range(count)] for size in sizes]
    return [(place, *values) for place, values in enumerate(zip(*keys, *columns, strict=True), 1)]


def _values(dice: Dice, column: Column, count: int) -> list[str | int | float | None]:
    if column.kind in ("person", "title"):
        return list(dice.sample(PEOPLE if column.kind == "person" else TITLES, count))
    values = [_value(dice, column) for _ in range(count)]
    return [None if column.nullable and dice.chance(0.2) else value for value in values]


def _value(dice: Dice, column: Column) -> str | int | float:
    if column.kind == "one":
        return dice.pick(column.values)
    if column.kind == "date":
        return f"{dice.integer(2021, 2025)}-{dice.integer(1, 12):02}-{dice.integer(1, 28):02}"
    low, high = int(column.values[0]), int(column.values[1])
    if column.kind == "money":
        return dice.integer(low * 20, high * 20) * 5 / 100
    return dice.integer(low, high)


def _ddl(table: Table, tables: list[Table]) -> str:
    lines = ["  id INTEGER PRIMARY KEY"]
    for one in table.parents:
        parent = next(other for other in tables if other.one == one)
        lines.append(f"  {one}_id INTEGER NOT NULL REFERENCES {parent.name}(id)")
    lines += [f"  {c.name} {SQL_TYPES[c.kind]}{'' if c.nullable else ' NOT NULL'}" for c in table.columns]
    return f"CREATE TABLE {table.name} (\n" + ",\n".join(lines) + "\n);"


def _insert(table: Table, rows: list[tuple]) -> str:
    shown = ",\n".join("(" + ", ".join(literal(value) for value in row) + ")" for row in rows)
    return f"INSERT INTO {table.name} VALUES\n{shown};"


def literal(value: str | float | None) -> str:
    """Return the value as an SQL literal."""
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
