"""The parts of a query: conditions and columns, as SQL and as English."""

from dataclasses import dataclass, field

from tasks.methods.rules._code_dice import Dice
from tasks.methods.rules._code_sql_schemas import Column, Schema, Table, literal, number_columns


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the rows of one table; English that can follow the name of such a row."""

    sql: str
    english: str


@dataclass(slots=True)
class Query:
    """A query in pieces, so that one can be left out to see whether it matters.

    `order` are the expressions that the rows are ordered by, each with ` DESC` or nothing.
    """

    select: list[str]
    source: str
    where: list[Condition] = field(default_factory=list)
    group: str = ""
    having: str = ""
    order: list[str] = field(default_factory=list)
    limit: int = 0
    distinct: bool = False

    def sql(self, *, without: str = "", keys: bool = False) -> str:
        """Return the statement; `without` leaves out a condition or a clause, `keys` adds the order to the select."""
        shown = self.select + ([term.removesuffix(" DESC") for term in self.order] if keys else [])
        where = [condition.sql for condition in self.where if condition.sql != without]
        lines = [
            f"SELECT {'DISTINCT ' if self.distinct and without != 'distinct' else ''}{', '.join(shown)}",
            f"FROM {self.source}",
            f"WHERE {' AND '.join(where)}" if where else "",
            f"GROUP BY {self.group}" if self.group else "",
            f"HAVING {self.having}" if self.having and without != "having" else "",
            f"ORDER BY {', '.join(self.order)}" if self.order else "",
            f"LIMIT {self.limit}" if self.limit and without != "limit" else "",
        ]
        return "\n".join(line for line in lines if line)

    def parts(self) -> list[str]:
        """Return what can be left out, each of which has to change the answer."""
        clauses = [name for name, there in (("having", self.having), ("limit", self.limit)) if there]
        return [condition.sql for condition in self.where] + clauses + (["distinct"] if self.distinct else [])


def name_column(table: Table) -> Column:
    """Return the column that tells the rows apart for a reader, the id where there is none."""
    return next((column for column in table.columns if column.kind in ("person", "title")), Column("id", "int"))


def values_of(schema: Schema, table: Table, column: Column) -> list:
    """Return the values of a column that are not NULL, sorted, each once."""
    place = 1 + len(table.parents) + table.columns.index(column)
    return sorted({row[place] for row in schema.rows[table.name]} - {None})


def conditions(dice: Dice, schema: Schema, table: Table, count: int, prefix: str = "") -> list[Condition]:
    """Return `count` conditions on different columns of `table`, whose columns are written after `prefix`."""
    return [_condition(dice, schema, table, column, prefix) for column in dice.sample(table.columns, count)]


def _condition(dice: Dice, schema: Schema, table: Table, column: Column, prefix: str) -> Condition:
    name, english, values = prefix + column.name, column.english, values_of(schema, table, column)
    if column.nullable and dice.chance(0.3):
        return dice.pick(
            (
                Condition(f"{name} IS NULL", f"without a known {english}"),
                Condition(f"{name} IS NOT NULL", f"with a known {english}"),
            )
        )
    value = dice.pick(values)
    if column.kind in ("person", "title"):
        return Condition(f"{name} LIKE '{value[0]}%'", f"whose {english} starts with {value[0]}")
    if column.kind == "date":
        return dice.pick(_date_conditions(name, english, value))
    forms = (
        _label_conditions(name, english, [value, dice.pick(values)])
        if column.kind == "one"
        else _number_conditions(name, english, sorted((value, dice.pick(values))))
    )
    # `<>` leaves out NULL, which the English does not say: not for a column that may be NULL.
    return dice.pick([form for form in forms if not (column.nullable and "<>" in form.sql)])


def _label_conditions(name: str, english: str, values: list[str]) -> list[Condition]:
    one, two = values
    forms = [
        Condition(f"{name} = {literal(one)}", f"whose {english} is {one}"),
        Condition(f"{name} = {literal(one)}", f"with {english} {one}"),
        Condition(f"{name} <> {literal(one)}", f"whose {english} is anything but {one}"),
    ]
    if one != two:
        forms.append(Condition(f"{name} IN ({literal(one)}, {literal(two)})", f"whose {english} is {one} or {two}"))
    return forms


def _date_conditions(name: str, english: str, value: str) -> list[Condition]:
    year = value[:4]
    return [
        Condition(f"{name} < '{value}'", f"with a date in {english} before {value}"),
        Condition(f"{name} >= '{value}'", f"with a date in {english} of {value} or later"),
        Condition(f"strftime('%Y', {name}) = '{year}'", f"whose {english} date is in {year}"),
        Condition(
            f"{name} BETWEEN '{year}-01-01' AND '{year}-06-30'", f"whose {english} date is in the first half of {year}"
        ),
    ]


def _number_conditions(name: str, english: str, values: list[float]) -> list[Condition]:
    low, high = values
    forms = [
        Condition(f"{name} > {low}", f"whose {english} is more than {low}"),
        Condition(f"{name} >= {low}", f"with {english} of at least {low}"),
        Condition(f"{name} < {high}", f"whose {english} is below {high}"),
        Condition(f"{name} <= {high}", f"with {english} of {high} at most"),
        Condition(f"{name} <> {high}", f"whose {english} is not {high}"),
    ]
    if low < high:
        forms.append(Condition(f"{name} BETWEEN {low} AND {high}", f"whose {english} is from {low} to {high}"))
    return forms


def such(plural: str, where: list[Condition]) -> str:
    """Return the noun with its conditions after it."""
    return " ".join([plural, " and ".join(condition.english for condition in where)]).strip()


def aggregate(dice: Dice, table: Table, prefix: str) -> tuple[str, str]:
    """Return an aggregate over the rows of `table`, as SQL and as a noun phrase that `of X` can follow."""
    numbers = number_columns(table)
    if not numbers or dice.chance(0.25):
        return "COUNT(*)", "number"
    column = dice.pick(numbers)
    name, english = prefix + column.name, column.english
    money = column.kind == "money"
    return dice.pick(
        (
            (f"ROUND(SUM({name}), 2)" if money else f"SUM({name})", f"total {english}"),
            (f"ROUND(AVG({name}), 2)", f"average {english} (rounded to 2 decimals)"),
            (f"MAX({name})", f"largest {english}"),
            (f"MIN({name})", f"smallest {english}"),
            (f"MAX({name}) - MIN({name})", f"difference between the largest and the smallest {english}")
            if not money
            else (f"COUNT(DISTINCT {name})", f"count of different values in {english}"),
        )
    )
